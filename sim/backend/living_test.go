package backend

import (
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/headroom-dev/headroom/sim"
)

// TestLivingYAML reads all that says how replicas come, fail and go, and writes it again.
func TestLivingYAML(t *testing.T) {
	const text = `
model: {llm: {model: llama-3.1-8b, gpu: h100}}
groups: [{count: 3}, {count: 2, zone: a}]
start_up: {pending: 20s, weights: 45s}
drain: 10s
mtbf: 1h
fail: [{replica: 3, at: 35s, for: 60s}, {zone: a, at: 40s, for: 1m, how: slow}]
faults: [{share: 1%, status: 500}, {share: 2%}]
autoscale:
  max: 10
  signals: [{utilisation: 80%}, {waiting: 5}, {inflight: 8}, {kv: 90%}, {rate: 500/s}]
  behavior: {up: {policies: [{pods: 2, per: 60s}], select: min}, down: {window: 0s}}
  predictive: {holt: {}, capacity: 500/s, margin: 10%}
`
	read := func(text string) *Service {
		s := NewService()
		if err := yaml.Load([]byte(text), s, yaml.WithKnownFields()); err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(); err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := read(text)
	same(t, "start-up", s.StartUp.mean(), 65*time.Second)
	same(t, "failures", s.Fail, []Failure{
		{Replica: pointer(3), At: 35 * sec, For: time.Minute, How: howCrash},
		{Zone: "a", At: 40 * sec, For: time.Minute, How: howSlow, Factor: 2},
	})
	same(t, "faults", s.Faults, []Fault{{Share: 0.01, Status: 500}, {Share: 0.02}})
	tolerance, none, window := sim.Share(0.1), time.Duration(0), time.Duration(0)
	same(t, "autoscaler", s.Autoscale, &Autoscale{
		Min: 1, Max: 10, Every: 15 * sec, Scrape: 15 * sec, Tolerance: &tolerance,
		Signals: []Signal{{Utilisation: 0.8}, {Waiting: 5}, {Inflight: 8}, {KV: 0.9}, {Rate: 500}},
		Behavior: &Behavior{
			Up:   Scaling{Window: &none, Select: "min", Policies: []ScalingPolicy{{Pods: 2, Per: time.Minute}}},
			Down: Scaling{Window: &window, Select: "max", Policies: []ScalingPolicy{{Percent: 100, Per: 15 * sec}}},
		},
		Predictive: &Predictive{Holt: &Holt{Alpha: 0.3, Beta: 0.1}, Capacity: 500, Margin: 0.1},
	})
	written, err := yaml.Dump(s)
	if err != nil {
		t.Fatal(err)
	}
	again := read(string(written))
	same(t, "autoscaler written and read again", again.Autoscale, s.Autoscale)
	same(t, "failures written and read again", again.Fail, s.Fail)
	same(t, "start-up written and read again", again.StartUp.mean(), s.StartUp.mean())

	whole := read("{model: {queue: {service: 1s}}, start_up: 90s, autoscale: {max: 2, signals: [{waiting: 1}]}}")
	same(t, "a start-up in one", whole.StartUp.mean(), 90*time.Second)
	same(t, "drain", *whole.Drain, 30*time.Second)

	atOnce := read("{model: {queue: {service: 1s}}, drain: 0s, autoscale: {max: 2, signals: [{waiting: 1}]}}")
	same(t, "a drain of 0s is what it says", *atOnce.Drain, time.Duration(0))
}

func TestLivingFaults(t *testing.T) {
	percent := sim.Share(0.1)
	s := &Service{
		Model: tenSeconds(), Replicas: 2, Groups: []Group{{Count: 2, Zone: "a", Weight: 1}}, Drain: new(time.Duration(-1)), MTBF: time.Millisecond,
		Fail: []Failure{
			{Replica: pointer(2)}, {}, {Replica: pointer(0), Zone: "a", How: "hang"}, {Zone: "a", How: "burn", At: -1},
			{Zone: "a", How: "slow", For: 1, Factor: 0.5}, {Zone: "a", Factor: 3}, {Zone: "c"},
		},
		Faults: []Fault{{Share: 0, Status: 200}, {Share: 0.6}, {Share: 0.6}},
		Autoscale: &Autoscale{
			Min: 3, Max: 2, Every: time.Millisecond, Scrape: 2 * time.Hour, Tolerance: &percent,
			Signals:    []Signal{{}, {Waiting: 1, Rate: 1}, {Utilisation: 0.001}, {Inflight: -1}, {KV: 0.5}},
			Behavior:   &Behavior{Up: Scaling{Select: "most", Policies: []ScalingPolicy{{Pods: 1, Percent: 1, Per: time.Hour}}}},
			Predictive: &Predictive{Schedule: &Known{}, Season: time.Hour, Ahead: -1},
		},
	}
	got, _ := s.Validate().(sim.Faults)
	var paths []string
	for _, f := range got {
		if f.Allowed == "" {
			t.Errorf("%s does not say what is allowed", f.Path)
		}
		paths = append(paths, f.Path)
	}
	same(t, "faults", paths, []string{
		"autoscale.max", "autoscale.every", "autoscale.scrape",
		"autoscale.signals[0]", "autoscale.signals[1]", "autoscale.signals[2].utilisation", "autoscale.signals[3].inflight",
		"autoscale.behavior.up.select", "autoscale.behavior.up.policies[0]", "autoscale.behavior.up.policies[0].per",
		"autoscale.predictive", "autoscale.predictive.capacity", "autoscale.predictive.ahead", "autoscale.predictive.schedule",
		"autoscale.signals[4].kv", "drain", "mtbf",
		"fail[0].replica", "fail[1]", "fail[2]", "fail[2].for", "fail[3].at", "fail[3].how", "fail[4].factor", "fail[5].factor", "fail[6].zone",
		"faults[0].share", "faults[0].status", "faults",
	})
}
