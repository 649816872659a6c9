package backend

import (
	"testing"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

func TestEveryUntilStopped(t *testing.T) {
	w := sim.NewWorld(1)
	p := &Pool{env: w}
	var seen []time.Duration
	w.At(time.Second, func() { p.every(10*time.Second, func() { seen = append(seen, w.Now()) }) })
	w.At(40*time.Second, p.stop)
	w.Run(sim.Forever)
	same(t, "times", seen, []time.Duration{11 * time.Second, 21 * time.Second, 31 * time.Second})
	if w.Now() != 40*time.Second {
		t.Errorf("got the World's end at %v, want 40s: nothing is left ahead", w.Now())
	}
	if p.at(50*time.Second, func() {}) != nil {
		t.Error("got something ahead of a stopped service")
	}
}

func TestLaterTakenBack(t *testing.T) {
	w := sim.NewWorld(1)
	p := &Pool{env: w}
	var seen []string
	note := func(what string) func() { return func() { seen = append(seen, what) } }
	p.at(time.Second, note("first"))
	second := p.at(2*time.Second, note("second"))
	p.at(3*time.Second, note("third"))
	second.stop()
	w.Run(sim.Forever)
	same(t, "calls", seen, []string{"first", "third"})
	second.stop() // once more does nothing
}
