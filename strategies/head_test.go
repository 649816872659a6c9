package strategies

import (
	"net/http"
	"testing"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// headsRead is the time at which the heads of these tests are read.
var headsRead = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestReadHeadReadsHowLongToWait(t *testing.T) {
	for _, row := range []struct {
		name string
		head http.Header
		want time.Duration
	}{
		{"nothing is said", http.Header{}, 0},
		{"seconds", http.Header{"Retry-After": {"3"}}, 3 * time.Second},
		{"a fraction of a second", http.Header{"Retry-After": {"0.5"}}, 500 * time.Millisecond},
		{"a date", http.Header{"Retry-After": {"Sun, 01 Mar 2026 12:00:30 GMT"}}, 30 * time.Second},
		{"a date in the form of RFC 850", http.Header{"Retry-After": {"Sunday, 01-Mar-26 12:00:30 GMT"}}, 30 * time.Second},
		{"a date that has passed", http.Header{"Retry-After": {"Sun, 01 Mar 2026 11:00:30 GMT"}}, 0},
		{"the end of the calendar", http.Header{"Retry-After": {"Fri, 31 Dec 9999 23:59:59 GMT"}}, sim.Forever},
		{"a negative number", http.Header{"Retry-After": {"-3"}}, 0},
		{"negative overflow", http.Header{"Retry-After": {"-1e999"}}, 0},
		{"no number", http.Header{"Retry-After": {"NaN"}}, 0},
		{"garbage", http.Header{"Retry-After": {"soon"}}, 0},
		{"seconds with a unit", http.Header{"Retry-After": {"3s"}}, 0},
		{"more than a Duration holds", http.Header{"Retry-After": {"1e300"}}, sim.Forever},
		{"more than a float64 holds", http.Header{"Retry-After": {"1e999"}}, sim.Forever},
		{"the last second that fits", http.Header{"Retry-After": {"9223372036"}}, 9_223_372_036 * time.Second},
		{"the first second that does not", http.Header{"Retry-After": {"9223372037"}}, sim.Forever},
		{"milliseconds", http.Header{"Retry-After-Ms": {"12.5"}}, 12500 * time.Microsecond},
		{"milliseconds before seconds", http.Header{"Retry-After-Ms": {"250"}, "Retry-After": {"3"}}, 250 * time.Millisecond},
		{"no milliseconds at all before seconds", http.Header{"Retry-After-Ms": {"0"}, "Retry-After": {"3"}}, 0},
		{"seconds after garbage in milliseconds", http.Header{"Retry-After-Ms": {"x"}, "Retry-After": {"3"}}, 3 * time.Second},
		{"seconds after negative milliseconds", http.Header{"Retry-After-Ms": {"-1"}, "Retry-After": {"3"}}, 3 * time.Second},
		{"AWS", http.Header{"X-Amz-Retry-After": {"1500"}}, 1500 * time.Millisecond},
		{"seconds before AWS", http.Header{"Retry-After": {"3"}, "X-Amz-Retry-After": {"1500"}}, 3 * time.Second},
		{"gRPC", http.Header{"Grpc-Retry-Pushback-Ms": {"40"}}, 40 * time.Millisecond},
		{"gRPC before all others", http.Header{"Grpc-Retry-Pushback-Ms": {"40"}, "Retry-After-Ms": {"7"}, "Retry-After": {"3"}}, 40 * time.Millisecond},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := ReadHead(503, row.head, headsRead).RetryAfter; got != row.want {
				t.Errorf("got %v, want %v", got, row.want)
			}
			if got := ReadHead(200, row.head, headsRead); got.RetryAfter != 0 || got.Retry != sim.Unsaid {
				t.Errorf("a success says %v, %v: there is nothing to try again", got.RetryAfter, got.Retry)
			}
		})
	}
}

func TestReadHeadReadsAdvice(t *testing.T) {
	for _, row := range []struct {
		name string
		head http.Header
		want sim.Advice
	}{
		{"nothing is said", http.Header{}, sim.Unsaid},
		{"do", http.Header{"X-Should-Retry": {"true"}}, sim.Do},
		{"do not", http.Header{"X-Should-Retry": {"false"}}, sim.DoNot},
		{"a word that means nothing", http.Header{"X-Should-Retry": {"maybe"}}, sim.Unsaid},
		{"a pushback of gRPC", http.Header{"Grpc-Retry-Pushback-Ms": {"0"}}, sim.Unsaid},
		{"a negative one", http.Header{"Grpc-Retry-Pushback-Ms": {"-1"}, "X-Should-Retry": {"true"}}, sim.DoNot},
		{"one that is no number", http.Header{"Grpc-Retry-Pushback-Ms": {"1.5"}}, sim.DoNot},
		{"an empty one", http.Header{"Grpc-Retry-Pushback-Ms": {""}}, sim.DoNot},
		{"two of them", http.Header{"Grpc-Retry-Pushback-Ms": {"1", "2"}}, sim.DoNot},
	} {
		if got := ReadHead(500, row.head, headsRead).Retry; got != row.want {
			t.Errorf("%s: got %v, want %v", row.name, got, row.want)
		}
	}
}

func TestSpentCreditIsNotARate(t *testing.T) {
	for _, row := range []struct {
		status int
		body   string
		want   bool
	}{
		{429, `{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}`, true},
		{429, `{"error":{"type":"x","code":"insufficient_quota"}}`, true},
		{429, `{"error":{"type":"insufficient_quota","code":429}}`, true},
		{429, `{"error":{"type":"requests","code":"rate_limit_exceeded","message":"insufficient_quota"}}`, false},
		{503, `{"error":{"code":"insufficient_quota"}}`, false},
		{429, `{"error":"insufficient_quota"}`, false},
		{429, `insufficient_quota`, false},
		{429, ``, false},
	} {
		if got := SpentCredit(row.status, []byte(row.body)); got != row.want {
			t.Errorf("%d %s: got %v, want %v", row.status, row.body, got, row.want)
		}
	}
}

// A wish beyond all numbers is given up by who would wait for ever, too.
func TestAWishBeyondAllNumbersIsNotWaitedFor(t *testing.T) {
	run(t, func(w *sim.World) {
		b := NewBackoff()
		told := busy
		told.RetryAfter = sim.Forever
		if reply := b.Wrap(w, always(told))(sim.Request{}); reply.Outcome != sim.Busy || w.Now() != 0 {
			t.Errorf("got %v after %v, want busy at once", reply.Outcome, w.Now())
		}
		if got := counts(b)["gave_up_told"]; got != 1 {
			t.Errorf("gave_up_told is %d, want 1", got)
		}
	})
}

// FuzzReadHead holds what is true of every head: no negative wait, and no wait where none is said.
func FuzzReadHead(f *testing.F) {
	for _, text := range []string{"", "3", "0.5", "-1", "1e999", "NaN", "Inf", "0x1p4", "1_0", "Sun, 01 Mar 2026 12:00:30 GMT", "soon"} {
		f.Add(text, "", "", "")
		f.Add("", text, "", "")
		f.Add("", "", text, "")
		f.Add("", "", "", text)
	}
	f.Fuzz(func(t *testing.T, ms, seconds, amz, pushback string) {
		h := http.Header{}
		for name, text := range map[string]string{"Retry-After-Ms": ms, "Retry-After": seconds, "X-Amz-Retry-After": amz, "Grpc-Retry-Pushback-Ms": pushback} {
			if text != "" {
				h[name] = []string{text}
			}
		}
		got := ReadHead(503, h, headsRead)
		if got.RetryAfter < 0 {
			t.Errorf("%q: a wait of %v", h, got.RetryAfter)
		}
		if len(h) == 0 && (got.RetryAfter != 0 || got.Retry != sim.Unsaid) {
			t.Errorf("nothing was said, got %v, %v", got.RetryAfter, got.Retry)
		}
		if got.Outcome != sim.Busy || got.Status != 503 {
			t.Errorf("got %v %d", got.Outcome, got.Status)
		}
		if got.Retry == sim.DoNot && got.RetryAfter != 0 {
			t.Errorf("%q: do not, and wait %v", h, got.RetryAfter)
		}
	})
}
