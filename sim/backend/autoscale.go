package backend

import (
	"fmt"
	"strconv"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// Autoscale is the `autoscale` part of a service: a Kubernetes HorizontalPodAutoscaler.
type Autoscale struct {
	Min       int           `yaml:"min"`                // replicas at least; 1
	Max       int           `yaml:"max"`                // replicas at most
	Every     time.Duration `yaml:"every"`              // between two decisions; 15s
	Scrape    time.Duration `yaml:"scrape"`             // between two measurements of the replicas: a busy share is the mean over it; 15s
	Tolerance *sim.Share    `yaml:"tolerance"`          // a ratio this close to 1 changes nothing; 10%
	Signals   []Signal      `yaml:"signals,omitempty"`  // of several the largest answer counts
	Behavior  *Behavior     `yaml:"behavior,omitempty"` // how fast; absent: at most max(2 x replicas, 4) a step up, shrinking after 5 min

	Predictive *Predictive `yaml:"predictive,omitempty"` // ahead of a forecast; absent: none
}

// A Signal is what the autoscaler looks at, and the target: exactly one of them.
type Signal struct {
	Utilisation sim.Share `yaml:"utilisation,omitempty"` // mean busy share of a replica
	Inflight    float64   `yaml:"inflight,omitempty"`    // calls inside the service, a replica
	Waiting     float64   `yaml:"waiting,omitempty"`     // calls inside that wait, a replica
	KV          sim.Share `yaml:"kv,omitempty"`          // used share of the KV memory, a replica
	Rate        sim.Rate  `yaml:"rate,omitempty"`        // calls that come, a replica
}

// Behavior is how fast replicas come and go, as `behavior` of autoscaling/v2.
type Behavior struct {
	Up   Scaling `yaml:"up"`   // max of 4 pods and 100 percent per 15s, no window
	Down Scaling `yaml:"down"` // 100 percent per 15s, a window of 300s
}

// Scaling is one direction of Behavior.
type Scaling struct {
	Window   *time.Duration  `yaml:"window"`             // the least wish of this time counts (up), or the most (down); 0s, down 300s
	Select   string          `yaml:"select"`             // of several policies: max, min or disabled; max
	Policies []ScalingPolicy `yaml:"policies,omitempty"` // absent: those of Behavior
}

// A ScalingPolicy allows so many pods, or so many percent, a period.
type ScalingPolicy struct {
	Pods    int           `yaml:"pods,omitempty"`
	Percent int           `yaml:"percent,omitempty"`
	Per     time.Duration `yaml:"per"` // above 0, at most 30m
}

// Words for Scaling.Select.
const (
	chooseMax      = "max"
	chooseMin      = "min"
	chooseDisabled = "disabled"
)

const (
	longestWindow = time.Hour        // of stabilisation, as Kubernetes allows
	longestPeriod = 30 * time.Minute // of a policy, as Kubernetes allows
	maxEvery      = time.Hour
)

// check notes values out of range and fills in the defaults. load is the scenario's; nil: not known.
func (a *Autoscale) check(f *sim.Faults, load func(time.Duration) float64) {
	if a.Min == 0 {
		a.Min = 1
	}
	for _, one := range []*time.Duration{&a.Every, &a.Scrape} {
		if *one == 0 {
			*one = hpaEvery
		}
	}
	if a.Tolerance == nil {
		tolerance := sim.Share(hpaTolerance)
		a.Tolerance = &tolerance
	}
	if a.Min < 1 || a.Min > maxReplicas {
		f.Add("autoscale.min", strconv.Itoa(a.Min), fmt.Sprintf("1 to %d", maxReplicas))
	}
	if a.Max < a.Min || a.Max > maxReplicas {
		f.Add("autoscale.max", strconv.Itoa(a.Max), fmt.Sprintf("min (%d) to %d", a.Min, maxReplicas))
	}
	if a.Every < time.Second || a.Every > maxEvery {
		f.Add("autoscale.every", a.Every.String(), "1s to 1h")
	}
	if a.Scrape < time.Second || a.Scrape > maxEvery {
		f.Add("autoscale.scrape", a.Scrape.String(), "1s to 1h")
	}
	if len(a.Signals) == 0 && a.Predictive == nil {
		f.Add("autoscale.signals", "", "at least one, as [{utilisation: 80%}] or [{waiting: 5}], or predictive")
	}
	for i := range a.Signals {
		a.Signals[i].check(f, "autoscale.signals["+strconv.Itoa(i)+"]")
	}
	if b := a.Behavior; b != nil {
		b.Up.check(f, "autoscale.behavior.up", 0, []ScalingPolicy{{Pods: 4, Per: hpaEvery}, {Percent: 100, Per: hpaEvery}})
		b.Down.check(f, "autoscale.behavior.down", hpaOldest, []ScalingPolicy{{Percent: 100, Per: hpaEvery}})
	}
	if a.Predictive != nil {
		a.Predictive.check(f, load)
	}
}

const signalsAre = "exactly one of utilisation, inflight, waiting, kv, rate"

func (s *Signal) check(f *sim.Faults, path string) {
	n := 0
	for _, one := range []struct {
		name   string
		target float64
	}{{"utilisation", float64(s.Utilisation)}, {"inflight", s.Inflight}, {"waiting", s.Waiting}, {"kv", float64(s.KV)}, {"rate", float64(s.Rate)}} {
		if one.target != 0 {
			n++
		}
		if !(one.target >= 0 && one.target <= 1e9) {
			f.Add(path+"."+one.name, fmt.Sprint(one.target), "above 0")
		}
	}
	if u := float64(s.Utilisation); u != 0 && u < 0.01 {
		f.Add(path+".utilisation", s.Utilisation.String(), "at least 1%")
	}
	if n != 1 {
		f.Add(path, fmt.Sprintf("%d targets", n), signalsAre)
	}
}

// check notes values out of range and fills in the defaults of autoscaling/v2.
func (s *Scaling) check(f *sim.Faults, path string, window time.Duration, policies []ScalingPolicy) {
	if s.Window == nil {
		s.Window = &window
	}
	if s.Select == "" {
		s.Select = chooseMax
	}
	if len(s.Policies) == 0 {
		s.Policies = policies
	}
	if *s.Window < 0 || *s.Window > longestWindow {
		f.Add(path+".window", s.Window.String(), "0s to 1h")
	}
	switch s.Select {
	case chooseMax, chooseMin, chooseDisabled:
	default:
		f.Add(path+".select", strconv.Quote(s.Select), "max, min, disabled")
	}
	for i, one := range s.Policies {
		at := fmt.Sprintf("%s.policies[%d]", path, i)
		if (one.Pods > 0) == (one.Percent > 0) || one.Pods < 0 || one.Percent < 0 {
			f.Add(at, fmt.Sprintf("pods %d and percent %d", one.Pods, one.Percent), "one of them, above 0")
		}
		if one.Per <= 0 || one.Per > longestPeriod {
			f.Add(at+".per", one.Per.String(), "above 0s, at most 30m")
		}
	}
}

// pace returns the rules as the decision wants them.
func (b *Behavior) pace() pace {
	if b == nil {
		return pace{}
	}
	return pace{rules: true, up: b.Up.direction(), down: b.Down.direction()}
}

func (s *Scaling) direction() direction {
	d := direction{window: *s.Window, choose: s.Select}
	for _, one := range s.Policies {
		d.policies = append(d.policies, policy{pods: one.Pods, percent: one.Percent, period: one.Per})
	}
	return d
}

// longest returns how far back a decision looks.
func (p *pace) longest() time.Duration {
	if !p.rules {
		return hpaOldest
	}
	longest := max(p.up.window, p.down.window)
	for _, d := range []*direction{&p.up, &p.down} {
		for _, one := range d.policies {
			longest = max(longest, one.period)
		}
	}
	return longest
}
