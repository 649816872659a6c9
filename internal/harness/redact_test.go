package harness

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRedactURL(t *testing.T) {
	for url, want := range map[string]string{
		"http://h/p":                        "http://h/p",
		"http://u:p@h:1/p?q=1#f":            "http://h:1/p",
		"https://token@h":                   "https://h",
		"http://h/p?":                       "http://h/p",
		"/path?token=t":                     "/path",
		"http://u:p w@h/%zz?t=1":            "http://h/%zz",
		"http://u:p@ss@h/%zz":               "http://h/%zz",
		"u:p@h/%zz?x":                       "h/%zz",
		"http://[::1]:8080/v1?key=k":        "http://[::1]:8080/v1",
		"http://h/path/with@at?user=a@b.co": "http://h/path/with@at",
	} {
		if got := RedactURL(url); got != want {
			t.Errorf("%s: got %s, want %s", url, got, want)
		}
	}
}

func TestRedactText(t *testing.T) {
	for text, want := range map[string]string{
		"dial tcp 127.0.0.1:8080: connect: connection refused":                            "dial tcp ADDRESS: connect: connection refused",
		"read tcp 127.0.0.1:53422->10.1.2.3:443: read: connection reset by peer":          "read tcp ADDRESS->ADDRESS: read: connection reset by peer",
		"dial tcp [::1]:8080: i/o timeout":                                                "dial tcp ADDRESS: i/o timeout",
		"dial tcp [fe80::1%eth0]:8080: i/o timeout":                                       "dial tcp ADDRESS: i/o timeout",
		"lookup api.example on 10.0.0.2:53: no such host":                                 "lookup api.example on ADDRESS: no such host",
		"dial tcp api.example:443: connect: connection refused":                           "dial tcp ADDRESS: connect: connection refused",
		`{"error":"see http://u:p@h/help?token=hunter22 please","was":"Bearer hunter2x"}`: `{"error":"see http://h/help please","was":"Bearer REDACTED"}`,
		"EOF": "EOF",
	} {
		if got := RedactText(text, "hunter2x"); got != want {
			t.Errorf("%s:\n got %s\nwant %s", text, got, want)
		}
	}
}

func TestRedactArgs(t *testing.T) {
	for _, row := range []struct{ args, want []string }{
		{[]string{"run", "spike", "--seeds", "20"}, []string{"run", "spike", "--seeds", "20"}},
		{[]string{"-H", "A: sekrit", "-o", "Home"}, []string{"-H", "REDACTED", "-o", "Home"}},
		{[]string{"-HA: sekrit"}, []string{"-HREDACTED"}},
		{[]string{"-H=A: sekrit"}, []string{"-HREDACTED"}},
		{[]string{"-qH", "A: sekrit"}, []string{"-qH", "REDACTED"}},
		{[]string{"-qHA: sekrit"}, []string{"-qHREDACTED"}},
		{[]string{"--header", "A: sekrit", "--header=A: sekrit"}, []string{"--header", "REDACTED", "--header=REDACTED"}},
		{[]string{"--body", "sekrit", "--body={\"a\":\"sekrit\"}"}, []string{"--body", "REDACTED", "--body=REDACTED"}},
		{[]string{"--body", "--header"}, []string{"--body", "REDACTED"}},
		{[]string{"--api-key", "sekrit"}, []string{"--api-key", "REDACTED"}},
		{[]string{"--target", "http://me:sekrit@h:1/p?t=sekrit"}, []string{"--target", "http://REDACTED@h:1/p?REDACTED"}},
		{[]string{"--target=https://h/p?t=sekrit#sekrit"}, []string{"--target=https://h/p?REDACTED"}},
		{[]string{"--proxy=http://me:sekrit@h:1"}, []string{"--proxy=http://REDACTED@h:1"}},
		{[]string{"--set", "target=http://sekrit@h/x"}, []string{"--set", "target=http://REDACTED@h/x"}},
		{[]string{"--target", "http://h:1/p"}, []string{"--target", "http://h:1/p"}},
		{[]string{"-oHome", "-"}, []string{"-oHome", "-"}},
		{[]string{"--", "-H", "http://sekrit@h"}, []string{"--", "-H", "http://REDACTED@h"}},
		{[]string{"--headers-file", "x", "--model", "m"}, []string{"--headers-file", "x", "--model", "m"}},
	} {
		if diff := cmp.Diff(RedactArgs(row.args), row.want); diff != "" {
			t.Errorf("%q (-got +want):\n%s", row.args, diff)
		}
	}
}

func FuzzRedact(f *testing.F) {
	f.Add("http://user:", "@h/p?q=")
	f.Add("--header=A: ", "")
	f.Add("-H", "x")
	f.Fuzz(func(t *testing.T, before, after string) {
		const secret = "tok3n-S3CRET"
		for _, args := range [][]string{{"-H", before + secret + after}, {"-H" + before + secret + after}, {"--header=" + before + secret + after}, {"--body", before + secret + after}, {"--body=" + before + secret + after}} {
			if got := strings.Join(RedactArgs(args), " "); strings.Contains(got, secret) {
				t.Errorf("%q: got %q", args, got)
			}
		}
		if got := RedactText(before+secret+after, secret); strings.Contains(got, secret) {
			t.Errorf("got %q", got)
		}
		_ = RedactURL(before + after)
	})
}

// The server repeats all that it is sent, in statuses that are kept as samples: nothing of it may be
// left in what a run returns or writes.
func TestNoSecretLeavesARun(t *testing.T) {
	const user, password, query, header, body, key = "us3r-SECRET", "p4ss-SECRET", "qu3ry-SECRET", "h34der-SECRET", "b0dy-SECRET", "k3y-SECRET-of-the-api"
	server := countingServer(t, func(w http.ResponseWriter, r *http.Request) {
		sent, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusInternalServerError)
		for _, value := range r.Header {
			_, _ = io.WriteString(w, strings.Join(value, " ")+"\n")
		}
		name, pass, _ := r.BasicAuth()
		_, _ = io.WriteString(w, r.URL.String()+" "+r.URL.Query().Get("token")+" "+string(sent)+" "+name+" "+pass)
	})
	host := strings.TrimPrefix(server.URL, "http://")
	var bin bytes.Buffer
	for _, live := range []Live{
		{URLs: []string{"http://" + user + ":" + password + "@" + host + "/x?token=" + query}, Header: http.Header{"X-Key": {header}}, Body: []byte(`{"secret":"` + body + `"}`)},
		{URLs: []string{server.URL}, Header: http.Header{"Authorization": {"Bearer " + header}}},
		{URLs: []string{server.URL}, APIKey: key},
		{Targets: "-", Input: strings.NewReader("GET http://" + user + ":" + password + "@" + host + "/x?token=" + query + "\nX-Key: " + header + "\n")},
	} {
		live.Bin = &bin
		e := prepare(t, live)
		run, records := liveRun(plainly{}, evenly(stretch{100, 50 * time.Millisecond}), time.Second)
		side, err := Wall(t.Context(), context.Background(), e, run)
		if err != nil {
			t.Fatal(err)
		}
		if len(side.Validity.Samples) == 0 || len(*records) != 5 {
			t.Fatalf("got %d samples of %d calls: the test sees nothing", len(side.Validity.Samples), len(*records))
		}
		text, err := json.Marshal(struct{ A, B, C any }{side.Validity, side.Warnings, e.Targets()})
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{user, password, query, header, body, key, base64.StdEncoding.EncodeToString([]byte(user + ":" + password))} {
			if strings.Contains(string(text), secret) || strings.Contains(bin.String(), secret) {
				t.Errorf("%s is in %s or vegeta.bin", secret, text)
			}
		}
	}
}

func TestTooManySecretsKeepNoText(t *testing.T) {
	var body strings.Builder
	for i := range maxSecrets + 10 {
		body.WriteString(strings.Repeat("x", 6+i%20))
		body.WriteByte('a' + byte(i%26))
		body.WriteString(strings.Repeat("y", i/26))
		body.WriteByte(' ')
	}
	e := prepare(t, Live{URLs: []string{"http://h"}, Body: []byte(body.String())})
	if got := e.redact.text("anything a server says", true); got != "" {
		t.Errorf("got %q, want nothing", got)
	}
	if got := e.redact.text("dial tcp 127.0.0.1:80: refused", false); got != "dial tcp ADDRESS: refused" {
		t.Errorf("got %q, want the transport's own error", got)
	}
}
