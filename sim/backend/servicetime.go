package backend

import (
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// A ServiceTime is how long a call takes in a server: a random length of time (sim.DurationDist), or
//
//	{linear: {base: 50ms, per_prompt_token: 10us, per_output_token: 5ms}}
//
// so that long prompts and outputs cost more. The zero ServiceTime is unset.
type ServiceTime struct {
	sim.DurationDist
	Linear *TokenTime // nil: the random length
}

// Drawn is a service time that is drawn from d.
func Drawn(d sim.DurationDist) ServiceTime { return ServiceTime{DurationDist: d} }

// TokenTime is a service time that follows from a call's tokens:
//
//	base + prompt * per_prompt_token + output * per_output_token
//
// The size that the schedule may give a call (Work) does not count beside it.
type TokenTime struct {
	Base           time.Duration `yaml:"base"`             // zero or more
	PerPromptToken time.Duration `yaml:"per_prompt_token"` // zero or more
	PerOutputToken time.Duration `yaml:"per_output_token"` // zero or more
}

func (t *TokenTime) of(r *sim.Request) time.Duration {
	ns := float64(t.Base) + float64(t.PerPromptToken)*float64(r.Prompt) + float64(t.PerOutputToken)*float64(r.Output)
	return time.Duration(min(ns, 1<<62))
}

// IsZero reports whether the time is unset.
func (s ServiceTime) IsZero() bool { return s.Linear == nil && s.DurationDist.IsZero() }

// UnmarshalYAML reads the forms above.
func (s *ServiceTime) UnmarshalYAML(decode func(any) error) error {
	var form any
	if err := decode(&form); err != nil {
		return err
	}
	if entries, ok := form.(map[string]any); ok && len(entries) == 1 && entries["linear"] != nil {
		var read struct {
			Linear TokenTime `yaml:"linear"`
		}
		if err := decode(&read); err != nil {
			return err
		}
		*s = ServiceTime{Linear: &read.Linear}
		return nil
	}
	s.Linear = nil
	return s.DurationDist.UnmarshalYAML(decode)
}

// MarshalYAML returns the form in which the time was written.
func (s ServiceTime) MarshalYAML() (any, error) {
	if s.Linear != nil {
		return map[string]*TokenTime{"linear": s.Linear}, nil
	}
	return s.DurationDist.MarshalYAML()
}

// Schema describes a service time.
func (s ServiceTime) Schema() map[string]any {
	length := map[string]any{"anyOf": []any{
		map[string]any{"type": "string", "pattern": sim.DurationPattern}, map[string]any{"const": 0}}}
	tokens := map[string]any{"type": "object", "additionalProperties": false, "properties": map[string]any{
		"base": length, "per_prompt_token": length, "per_output_token": length}}
	return map[string]any{"anyOf": []any{
		s.DurationDist.Schema(),
		map[string]any{"type": "object", "additionalProperties": false, "required": []any{"linear"},
			"properties": map[string]any{"linear": tokens}},
	}}
}

func (s ServiceTime) check(f *sim.Faults) {
	if s.IsZero() {
		f.Add("service", "", "a duration such as 20ms, a law such as {exp: {mean: 20ms}}, or {linear: {base, per_prompt_token, per_output_token}}")
		return
	}
	if s.Linear == nil {
		return
	}
	for _, one := range []struct {
		name  string
		value time.Duration
	}{{"base", s.Linear.Base}, {"per_prompt_token", s.Linear.PerPromptToken}, {"per_output_token", s.Linear.PerOutputToken}} {
		if one.value < 0 {
			f.Add("service.linear."+one.name, one.value.String(), "0s or more")
		}
	}
	if *s.Linear == (TokenTime{}) {
		f.Add("service.linear", "", "at least one of base, per_prompt_token, per_output_token above 0")
	}
}

// serviceTimes says what each call costs one replica.
type serviceTimes struct {
	service    ServiceTime
	mean       float64 // of service, in nanoseconds
	random     *sim.Stream
	dependency *Dependency
	waits      *sim.Stream // for the dependency
	phi        float64     // share of a service that a refusal costs
}

func newServiceTimes(env sim.Env, q *Queue) serviceTimes {
	t := serviceTimes{service: q.Service, random: env.Rand("queue"), dependency: q.Dependency, phi: float64(q.RejectCost)}
	if q.Service.Linear == nil {
		t.mean = float64(q.Service.Mean())
	}
	if q.Dependency != nil {
		t.waits = env.Rand("dependency")
	}
	return t
}

// own returns the call's service time without the dependency. It depends on the call alone, so that a
// retry costs what the first attempt cost and every strategy meets the same work.
func (t *serviceTimes) own(r *sim.Request) time.Duration {
	switch {
	case t.service.Linear != nil:
		return t.service.Linear.of(r)
	case r.Work > 0:
		return time.Duration(min(t.mean*r.Work, 1<<62))
	}
	return t.service.Duration(t.random.For(r.Call, 0))
}

// wait returns what the call waits for the dependency while that is as it should be.
func (t *serviceTimes) wait(r *sim.Request) time.Duration {
	if t.dependency == nil {
		return 0
	}
	return t.dependency.Time.Duration(t.waits.For(r.Call, 0))
}

// refusal returns what it costs to refuse the call.
func (t *serviceTimes) refusal(r *sim.Request) time.Duration {
	return time.Duration(t.phi * float64(t.own(r)+t.wait(r)))
}
