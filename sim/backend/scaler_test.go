package backend

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// A climb is a service of pods of 1 call/s, 12 at the beginning, that meets a step from 10/s to
// 100/s at 61 s.
type climb struct {
	signals  []Signal
	startUp  time.Duration
	scrape   time.Duration
	patience time.Duration
}

const climbStep = 61 * time.Second

// seconds returns how long after the step so many pods were ready; the run lasts until then.
func (c climb) seconds(t *testing.T, ready int) float64 {
	t.Helper()
	s := &Service{
		Model: Choice{"shop", &shop{1, sec}}, Replicas: 12, StartUp: whole(c.startUp),
		Autoscale: &Autoscale{Min: 1, Max: 125, Scrape: c.scrape, Signals: c.signals, Behavior: &Behavior{}},
	}
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	w := sim.NewWorld(1)
	running := s.Start(w)
	reached := time.Duration(-1)
	calls := 0
	var arrive func()
	arrive = func() {
		if reached >= 0 {
			running.Stop()
			return
		}
		i := calls
		calls++
		w.Go(func() { sim.Within(w, c.patience, running.Handle, sim.Request{Call: i}) })
		gap := 100 * ms
		if w.Now() >= climbStep {
			gap = 10 * ms
		}
		if running.Pool.States()[Ready] >= ready {
			reached = w.Now()
		}
		w.At(w.Now()+gap, arrive)
	}
	w.At(0, arrive)
	w.At(time.Hour, w.Stop)
	w.Run(sim.Forever)
	if reached < 0 {
		t.Fatalf("never had %d pods ready, at most %v", ready, running.Pool.States())
	}
	return (reached - climbStep).Seconds()
}

// The same figures as TestHPASaturatedSignalIsSlow, of the whole simulation: pods are ready just before
// a decision and measured each second, so that samples have almost no age. With the ages of a cluster,
// a sample counts only once its window lies behind the pod's readiness, and each round of the
// utilisation signal takes two scrapes more.
func TestUtilisationScalesSlowerThanInflight(t *testing.T) {
	for _, row := range []struct {
		signal  Signal
		startUp time.Duration
		want    float64
	}{
		{Signal{Utilisation: 0.8}, 28 * sec, 314}, {Signal{Utilisation: 0.8}, 118 * sec, 1214},
		{Signal{Inflight: 0.8}, 28 * sec, 89}, {Signal{Inflight: 0.8}, 118 * sec, 179},
	} {
		t.Run(fmt.Sprint(row.signal, row.startUp), func(t *testing.T) {
			got := climb{[]Signal{row.signal}, row.startUp, sec, 5 * sec}.seconds(t, 100)
			if math.Abs(got-row.want) > 30 {
				t.Errorf("100 pods ready after %.0f s, want %.0f s within 30 s", got, row.want)
			}
		})
	}
}

// With the ages of a cluster's samples a signal that saturates is slower still; the others lose nothing.
func TestSampleAges(t *testing.T) {
	slow := climb{[]Signal{{Utilisation: 0.8}}, 30 * sec, 15 * sec, 5 * sec}.seconds(t, 100)
	if slow < 450 || slow > 750 { // ten rounds of start-up, two scrapes and the wait for the next decision
		t.Errorf("got %.0f s with a utilisation signal, want 45 to 75 s for each of ten rounds", slow)
	}
	for _, signal := range []Signal{{Inflight: 0.8}, {Waiting: 0.5}, {Rate: 0.8}} {
		if got := (climb{[]Signal{signal}, 30 * sec, 15 * sec, 5 * sec}).seconds(t, 100); got > 120 {
			t.Errorf("%v: got %.0f s, want at most 120 s", signal, got)
		}
		both := climb{[]Signal{{Utilisation: 0.8}, signal}, 30 * sec, 15 * sec, 5 * sec}.seconds(t, 100)
		if both > 120 {
			t.Errorf("%v beside utilisation: got %.0f s; of several signals the largest counts", signal, both)
		}
	}
}

// A spike of ten times the load, for five minutes: how many calls of the spike are answered in time,
// of a service that is scaled by what it sees, and ahead of a forecast.
func TestPredictiveAheadOfAKnownSpike(t *testing.T) {
	const from, to = 10 * time.Minute, 15 * time.Minute
	load := func(at time.Duration) float64 {
		switch {
		case at < 0:
			return 0
		case at >= from && at < to:
			return 50
		}
		return 5
	}
	success := func(p *Predictive) float64 {
		s := &Service{
			Model: Choice{"shop", &shop{1, sec}}, Replicas: 7, StartUp: whole(time.Minute), Balance: Balancing{Name: "least-conn"}, Load: load,
			Autoscale: &Autoscale{Min: 1, Max: 100, Signals: []Signal{{Inflight: 0.8}}, Predictive: p},
		}
		if err := s.Validate(); err != nil {
			t.Fatal(err)
		}
		w := sim.NewWorld(1)
		running := s.Start(w)
		ok, calls := 0, 0
		var arrive func()
		arrive = func() {
			now := w.Now()
			if now >= to {
				running.Stop()
				return
			}
			w.Go(func() {
				r := sim.Within(w, 5*sec, running.Handle, sim.Request{})
				if now >= from {
					calls++
					if r.Outcome == sim.OK {
						ok++
					}
				}
			})
			w.At(now+time.Duration(1e9/load(now)), arrive)
		}
		w.At(0, arrive)
		w.Run(sim.Forever)
		return float64(ok) / float64(calls)
	}
	without := success(nil)
	if without > 0.8 {
		t.Errorf("got %.3f without a forecast: the spike is no test", without)
	}
	known := func(k Known) *Predictive { return &Predictive{Schedule: &k, Capacity: 1, Margin: 0.1} }
	if got := success(known(Known{})); got != 1 {
		t.Errorf("got %.3f with the load known, want no call lost", got)
	}
	if got := success(known(Known{Rates: []RateAt{{0, 5}, {from, 50}, {to, 5}}})); got != 1 {
		t.Errorf("got %.3f with the load given, want no call lost", got)
	}
	if got := success(known(Known{Late: time.Hour})); got != without {
		t.Errorf("got %.3f with a forecast that is an hour late, want %.3f as without", got, without)
	}
	if got := success(known(Known{Late: 2 * time.Minute})); got >= 1 || got < without {
		t.Errorf("got %.3f with a forecast that is two minutes late, want between %.3f and 1", got, without)
	}
}

func TestForecasts(t *testing.T) {
	// Holt's method over a line is the line: level y, trend b from the second value on.
	h := &holt{alpha: 0.3, beta: 0.1, step: 15 * sec}
	for i := range 20 {
		h.saw(100 + 7*float64(i))
	}
	near(t, "a line, 4 steps ahead", h.most(0, time.Minute), 100+7*19+7*4, 1e-9)
	for range 400 {
		h.saw(50)
	}
	near(t, "a level", h.most(0, time.Minute), 50, 1e-3)

	// By hand: l = 0.3 x 20 + 0.7 x (12 + 2) = 15.8, b = 0.1 x 3.8 + 0.9 x 2 = 2.18.
	h = &holt{alpha: 0.3, beta: 0.1, step: sec}
	for _, y := range []float64{10, 12, 20} {
		h.saw(y)
	}
	near(t, "by hand", h.most(0, 2*sec), 15.8+2*2.18, 1e-9)

	// What came from 60 s to 75 s comes again a day later, and nothing before a day has passed.
	day := &seasonal{season: 24 * time.Hour, step: 15 * sec}
	for i := range 24 * 240 {
		rate := 1.0
		if i == 4 {
			rate = 9
		}
		day.saw(rate)
	}
	start := 24 * time.Hour
	same(t, "a day later", []float64{
		day.most(start, 30*sec), day.most(start+30*sec, 30*sec), day.most(start+30*sec, 31*sec), day.most(start+75*sec, 30*sec),
	}, []float64{1, 1, 9, 1})
	same(t, "the first day", (&seasonal{season: start, step: 15 * sec, rates: []float64{5, 5}}).most(30*sec, time.Minute), 0.0)
}

// What counts calls for the autoscaler, and what draws faults, allocates nothing.
func TestStagesOfLifeAllocateNothing(t *testing.T) {
	s := &Service{Model: Choice{"shop", &shop{1, sec}}, Replicas: 1, Autoscale: &Autoscale{Max: 2, Signals: []Signal{{Rate: 1}}}}
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	w := sim.NewWorld(1)
	ok := func(sim.Request) sim.Reply { return answer(0, 0, 0) }
	handle := newScaler(newPool(w, s), s.Autoscale, nil).wrap(injected(w, []Fault{{Share: 0.5, Status: 500}}, ok))
	call := 0
	if n := testing.AllocsPerRun(1000, func() { call++; handle(sim.Request{Call: call}) }); n != 0 {
		t.Errorf("got %v allocations a call, want none", n)
	}
}
