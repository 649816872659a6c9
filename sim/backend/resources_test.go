package backend

import (
	"testing"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// Two replicas of four servers, three calls in service for ten seconds: by hand.
func TestResources(t *testing.T) {
	s := &Service{Model: Choice{"shop", &shop{4, 10 * sec}}, Replicas: 2,
		Autoscale: &Autoscale{Max: 5, Signals: []Signal{{Inflight: 100}}}}
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	w := sim.NewWorld(1)
	running := s.Start(w)
	for range 3 {
		w.Go(func() { running.Handle(sim.Request{}) })
	}
	read := func() map[string]float64 {
		all := map[string]float64{}
		for _, g := range running.Resources {
			all[g.Name] = g.Read()
		}
		return all
	}
	w.At(5*sec, func() {
		same(t, "at 5 s", read(), map[string]float64{"running slots": 3.0 / 8, "replica limit": 2.0 / 5})
	})
	w.At(11*sec, func() {
		same(t, "at 11 s", read(), map[string]float64{"running slots": 0, "replica limit": 2.0 / 5})
		for _, m := range append([]*Member(nil), running.Pool.Members()...) {
			m.dies(time.Hour)
		}
		same(t, "with no replica left", read()["running slots"], 1.0)
		running.Stop()
	})
	w.Run(sim.Forever)
}

// The engine's share is the work since the last look, over the time since.
func TestEngineShare(t *testing.T) {
	s := oneShop(3 * sec)
	s.Model.Model.(*shop).servers = 1
	w := sim.NewWorld(1)
	p := newPool(w, s)
	w.At(2*sec, func() { w.Go(func() { p.members[0].Handle(&sim.Request{}) }) })
	var got []float64
	for _, at := range []time.Duration{1, 4, 8, 9} {
		w.At(at*sec, func() { got = append(got, p.engineShare()) })
	}
	w.Run(sim.Forever)
	same(t, "shares", got, []float64{0, 2.0 / 3, 1.0 / 4, 0}) // it works from 2 s to 5 s
}
