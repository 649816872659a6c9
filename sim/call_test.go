package sim_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/headroom-dev/headroom/sim"
)

func TestOutcomeOf(t *testing.T) {
	for status, want := range map[int]sim.Outcome{
		200: sim.OK, 204: sim.OK, 299: sim.OK, 301: sim.OK, 304: sim.OK, 399: sim.OK,
		429: sim.Refused,
		503: sim.Busy, 529: sim.Busy,
		0: sim.Error, 100: sim.Error, 199: sim.Error, 400: sim.Error, 404: sim.Error, 428: sim.Error, 430: sim.Error,
		500: sim.Error, 502: sim.Error, 504: sim.Error, 528: sim.Error, 530: sim.Error, 600: sim.Error, -1: sim.Error,
	} {
		if got := sim.OutcomeOf(status); got != want {
			t.Errorf("status %d: got %v, want %v", status, got, want)
		}
	}
}

func TestNamesOfOutcomesAndCauses(t *testing.T) {
	var got []string
	for o := range sim.NumOutcomes + 1 {
		got = append(got, o.String())
	}
	want := []string{"unsent", "ok", "degraded", "refused", "busy", "error", "timeout", "shed", "outcome?"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	got = nil
	for c := range sim.NumCauses + 1 {
		got = append(got, c.String())
	}
	if diff := cmp.Diff([]string{"first", "retry", "hedge", "refresh", "cause?"}, got); diff != "" {
		t.Errorf("causes (-want +got):\n%s", diff)
	}
	if (sim.Reply{}).Outcome != sim.Unsent {
		t.Error("a forgotten Reply does not count as failed")
	}
}

func TestRetryable(t *testing.T) {
	for _, row := range []struct {
		name  string
		reply sim.Reply
		want  bool
	}{
		{"an answer is final", sim.Reply{Outcome: sim.OK, Status: 200}, false},
		{"a fallback answer is final", sim.Reply{Outcome: sim.Degraded}, false},
		{"what the client shed is final", sim.Reply{Outcome: sim.Shed}, false},
		{"what was never sent is final", sim.Reply{}, false},
		{"not even advice brings back what the client shed", sim.Reply{Outcome: sim.Shed, Retry: sim.Do}, false},
		{"429", sim.Reply{Outcome: sim.Refused, Status: 429}, true},
		{"503", sim.Reply{Outcome: sim.Busy, Status: 503}, true},
		{"529", sim.Reply{Outcome: sim.Busy, Status: 529}, true},
		{"429 with the advice not to", sim.Reply{Outcome: sim.Refused, Status: 429, Retry: sim.DoNot}, false},
		{"503 with the advice not to", sim.Reply{Outcome: sim.Busy, Status: 503, Retry: sim.DoNot}, false},
		{"a limit that ran out", sim.Reply{Outcome: sim.Timeout}, true},
		{"a connection lost before an answer", sim.Reply{Outcome: sim.Error}, true},
		{"408", sim.Reply{Outcome: sim.Error, Status: 408}, true},
		{"500", sim.Reply{Outcome: sim.Error, Status: 500}, true},
		{"502", sim.Reply{Outcome: sim.Error, Status: 502}, true},
		{"504", sim.Reply{Outcome: sim.Error, Status: 504}, true},
		{"400 would come again", sim.Reply{Outcome: sim.Error, Status: 400}, false},
		{"401 would come again", sim.Reply{Outcome: sim.Error, Status: 401}, false},
		{"404 would come again", sim.Reply{Outcome: sim.Error, Status: 404}, false},
		{"501 would come again", sim.Reply{Outcome: sim.Error, Status: 501}, false},
		{"400 with the advice to try again", sim.Reply{Outcome: sim.Error, Status: 400, Retry: sim.Do}, true},
		{"500 with the advice not to", sim.Reply{Outcome: sim.Error, Status: 500, Retry: sim.DoNot}, false},
	} {
		if got := row.reply.Retryable(); got != row.want {
			t.Errorf("%s: got %v, want %v", row.name, got, row.want)
		}
	}
}

func TestRemaining(t *testing.T) {
	for _, row := range []struct{ deadline, now, want time.Duration }{
		{0, 5, sim.Forever},
		{10, 4, 6},
		{10, 10, 0},
		{10, 12, -2},
	} {
		t.Run(fmt.Sprintf("deadline %d at %d", row.deadline, row.now), func(t *testing.T) {
			if got := (sim.Request{Deadline: row.deadline}).Remaining(row.now); got != row.want {
				t.Errorf("got %d, want %d", got, row.want)
			}
		})
	}
}

func TestBook(t *testing.T) {
	var nobody *sim.Cost
	nobody.Book(time.Second, true)
	var cost sim.Cost
	cost.Book(2*time.Second, false)
	cost.Book(3*time.Second, true)
	if diff := cmp.Diff(sim.Cost{Work: 5 * time.Second, Wasted: 3 * time.Second}, cost); diff != "" {
		t.Errorf("cost (-want +got):\n%s", diff)
	}
}
