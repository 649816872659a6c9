package harness

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	vegeta "github.com/tsenart/vegeta/v12/lib"
)

func TestTargetFilesAreRead(t *testing.T) {
	body := filepath.Join(t.TempDir(), "body.json")
	if err := os.WriteFile(body, []byte(`{"a":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	encoded := base64.StdEncoding.EncodeToString([]byte(`{"a":1}`))
	want := []vegeta.Target{
		{Method: "GET", URL: "http://h/a", Header: http.Header{"X-A": {"1", "2"}}},
		{Method: "POST", URL: "http://h/b", Header: http.Header{}, Body: []byte(`{"a":1}`)},
	}
	for name, text := range map[string]string{
		"http format":                "# a comment\nGET http://h/a\nX-A: 1\nX-A: 2\n\nPOST http://h/b\n@" + body + "\n",
		"http format without an end": "GET http://h/a\nX-A: 1\nX-A: 2\n\nPOST http://h/b\n@" + body,
		"JSON format":                `{"method":"GET","url":"http://h/a","header":{"X-A":["1","2"]}}` + "\n\n" + `{"method":"POST","url":"http://h/b","body":"` + encoded + `"}` + "\n",
		"JSON format without an end": `{"method":"GET","url":"http://h/a","header":{"X-A":["1","2"]}}` + "\n" + `{"method":"POST","url":"http://h/b","body":"` + encoded + `"}`,
	} {
		got, err := readTargets("file", strings.NewReader(text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(got, want); diff != "" {
			t.Errorf("%s (-got +want):\n%s", name, diff)
		}
	}
}

func TestBrokenTargetFilesAreRefused(t *testing.T) {
	dir := t.TempDir()
	for _, row := range []struct{ name, text, want string }{
		{"nothing", "", "reading targets: FILE: no target in it"},
		{"comments only", "# a\n\n# b\n", "no target in it"},
		{"no method", "http://h/a\n", "target 1: bad target; allowed: vegeta's formats"},
		{"a method in small letters", "get http://h/a\n", "target 1: bad method"},
		{"a second target broken", "GET http://h/a\n\nGET ::\n", "target 2: bad URL"},
		{"a header without a colon", "GET http://h/a\nAuthorization secret-token\n", "target 1: bad header"},
		{"a body that is not there", "GET http://h/a\n\nPOST http://h/b\n@" + dir + "/nowhere\n", "line 4: body:"},
		{"a body that is a directory", "POST http://h/b\n@" + dir + "\n", "line 2: body: " + dir + " is not a regular file"},
		{"a line that vegeta would drop in silence", "GET http://h/a\n\nGET http://h/" + strings.Repeat("x", 64<<10) + "\n", "line 3: longer than 64 KiB; allowed: bodies in files"},
		{"JSON without a URL", `{"method":"GET"}`, "target 1: target: required url is missing"},
		{"JSON cut short", `{"method":"GET","url":"http://h/a"}` + "\n" + `{"method":`, "target 2: "},
		{"too large", strings.Repeat("#\n", maxTargets/2+1), "larger than 64 MiB"},
	} {
		_, err := readTargets("FILE", strings.NewReader(row.text))
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s:\n got %v\nwant ... %s", row.name, err, row.want)
		}
		if err != nil && strings.Contains(err.Error(), "secret-token") {
			t.Errorf("%s: the error tells the token: %v", row.name, err)
		}
	}
	for _, row := range []struct{ text, want string }{
		{"GET /path\n", "target 1: URL /path has no host; allowed: http://host/path, or a path together with --target"},
		{"GET ftp://h/x\n", `target 1: URL ftp://h/x: scheme "ftp"`},
		{`{"method":"GET","url":"http://h:port/x"}`, "target 1: URL: not a URL"},
	} {
		_, err := (&Live{Targets: "-", Input: strings.NewReader(row.text)}).Prepare()
		if err == nil || !strings.Contains(err.Error(), "reading targets: -: "+row.want) {
			t.Errorf("%q:\n got %v\nwant ... %s", row.text, err, row.want)
		}
	}
}

func TestTargetsMeetTheFlags(t *testing.T) {
	file := "GET /a?q=1\nX-Own: mine\nX-Both: target\n\nPOST https://other/b\n"
	e := prepare(t, Live{URLs: []string{"http://one:1/base", "http://two:2"}, Targets: "-", Input: strings.NewReader(file),
		Header: http.Header{"X-Both": {"flag"}, "X-Flag": {"f"}}, Body: []byte("default")})
	type sent struct{ URL, Own, Both, Flag string }
	var got []sent
	for _, target := range e.targets {
		for _, r := range target.requests {
			got = append(got, sent{r.Method + " " + r.URL.String(), r.Header.Get("X-Own"), r.Header.Get("X-Both"), r.Header.Get("X-Flag")})
		}
	}
	want := []sent{
		{"GET http://one:1/a?q=1", "mine", "target", "f"},
		{"GET http://two:2/a?q=1", "mine", "target", "f"},
		{"POST https://other/b", "", "flag", "f"},
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
	if got := string(e.targets[1].body); got != "default" {
		t.Errorf("got body %q, want the one of --body where the target has none", got)
	}
	var origins []string
	for _, o := range e.origins {
		origins = append(origins, o.String())
	}
	if diff := cmp.Diff(origins, []string{"http://one:1", "http://two:2", "https://other"}); diff != "" {
		t.Errorf("origins (-got +want):\n%s", diff)
	}
}

func FuzzTargets(f *testing.F) {
	f.Add("GET http://h/a\nX-A: 1\n\nPOST http://h/b\n")
	f.Add(`{"method":"GET","url":"http://h/a","header":{"X-A":["1"]},"body":"Zm9v"}`)
	f.Add("# c\n\nPUT /x y\n")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "@") {
			t.Skip("would read files")
		}
		got, err := readTargets("FILE", strings.NewReader(text))
		if (err == nil) != (len(got) > 0) {
			t.Fatalf("%d targets and error %v", len(got), err)
		}
		// What was read, written in vegeta's JSON format, is read the same.
		var again strings.Builder
		encode := vegeta.NewJSONTargetEncoder(&again)
		for i := range got {
			if err := encode(&got[i]); err != nil {
				t.Fatal(err)
			}
		}
		back, err := readTargets("FILE", strings.NewReader(again.String()))
		if len(got) > 0 && err != nil && got[0].Method != "" {
			t.Fatalf("%q: reading again: %v", again.String(), err)
		}
		for i := range back {
			if back[i].Method != strings.ToValidUTF8(got[i].Method, "\ufffd") || len(back[i].Body) != len(got[i].Body) {
				t.Fatalf("target %d: got %+v, want %+v", i, back[i], got[i])
			}
		}
		// A Live takes it or says why not, without a panic.
		if e, err := (&Live{URLs: []string{"http://h"}, Targets: "-", Input: strings.NewReader(text)}).Prepare(); err == nil {
			if fmt.Sprint(e.Targets()) == "" {
				t.Fatal("no names")
			}
		}
	})
}
