package backend

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// Batching serves calls in batches: each instance of the model carries one batch at a time, whose calls
// are answered together at its end.
//
// A static batch is what served language models before continuous batching (the baseline of Orca, Yu et
// al., OSDI 2022). A dynamic one follows Triton Inference Server (model_configuration: dynamic_batching,
// and the core's scheduler); its settings have Triton's names and defaults.
type Batching struct {
	Mode BatchMode `yaml:"mode"` // dynamic or static; dynamic

	Size int           `yaml:"size,omitempty"` // static: calls of a batch, 1 to 65,536; required
	Wait time.Duration `yaml:"wait,omitempty"` // static: how long the oldest waits for company; 0: not at all

	MaxBatchSize       int           `yaml:"max_batch_size,omitempty"`       // dynamic: calls of a batch, 1 to 65,536; required
	PreferredBatchSize []int         `yaml:"preferred_batch_size,omitempty"` // dynamic: sizes worth waiting for; none
	MaxQueueDelay      time.Duration `yaml:"max_queue_delay,omitempty"`      // dynamic: how long the oldest waits for company; 0: not at all

	Instances            int              `yaml:"instances"`                        // batches at once, 1 to 10,000; 1
	PriorityLevels       int              `yaml:"priority_levels,omitempty"`        // levels, 1 the highest: the first class is on level 1, and so on; 0: all calls are equal
	DefaultPriorityLevel int              `yaml:"default_priority_level,omitempty"` // level of the classes beyond those; the lowest
	QueuePolicy          `yaml:",inline"` // of every level
	Levels               []QueuePolicy    `yaml:"levels,omitempty"` // of the levels, the highest first, instead of that

	Time   *BatchTime `yaml:"time,omitempty"` // how long a batch takes, by its size; this or llm is required
	LLM    Tables     `yaml:"llm,omitempty"`  // or by its tokens, in the steps of a language model
	Cancel Cancel     `yaml:"cancel"`         // free, queued or zombie; free: a batch ends when all its callers have gone
}

var _ Model = (*Batching)(nil)

// NewBatching returns the defaults. Sizes and times have none.
func NewBatching() *Batching {
	return &Batching{Mode: DynamicBatches, Instances: 1, QueuePolicy: QueuePolicy{TimeoutAction: TimeoutReject}, Cancel: CancelFree}
}

// A BatchMode is how batches are put together.
type BatchMode string

const (
	// DynamicBatches are put together by Triton's rules.
	DynamicBatches BatchMode = "dynamic"
	// StaticBatches have one size, unless company does not come in time.
	StaticBatches BatchMode = "static"
)

// A QueuePolicy is what holds for the calls that wait on a level.
type QueuePolicy struct {
	MaxQueueSize         int           `yaml:"max_queue_size,omitempty"`         // calls that may wait on the level; 0: no limit
	DefaultTimeout       time.Duration `yaml:"default_timeout,omitempty"`        // how long a call waits until it is late; 0: it never is
	AllowTimeoutOverride bool          `yaml:"allow_timeout_override,omitempty"` // what is left of the caller's patience counts where it is shorter; no
	TimeoutAction        TimeoutAction `yaml:"timeout_action,omitempty"`         // what becomes of late calls, REJECT or DELAY; REJECT
}

// A TimeoutAction is what becomes of a call that has waited too long.
type TimeoutAction string

const (
	// TimeoutReject answers it with 503.
	TimeoutReject TimeoutAction = "REJECT"
	// TimeoutDelay puts it behind all calls of its level that are not late.
	TimeoutDelay TimeoutAction = "DELAY"
)

// BatchTime is the time of a batch of b calls: base + per_request * b.
type BatchTime struct {
	Base       time.Duration `yaml:"base"`        // c0, zero or more
	PerRequest time.Duration `yaml:"per_request"` // c1, zero or more
}

// Tables is a language model on a card, whose steps make up a batch (LLM). The zero Tables is unset.
type Tables struct{ *LLM }

// IsZero reports whether no model is given.
func (t Tables) IsZero() bool { return t.LLM == nil }

// UnmarshalYAML reads the settings of llm over their defaults.
func (t *Tables) UnmarshalYAML(decode func(any) error) error {
	m := NewLLM()
	if err := decode(m); err != nil {
		return err
	}
	t.LLM = m
	return nil
}

// MarshalYAML writes the settings.
func (t Tables) MarshalYAML() (any, error) {
	if t.LLM == nil {
		return nil, nil
	}
	return t.LLM, nil
}

const maxBatch = 1 << 16

// Validate checks the configuration and fills in the default level.
func (m *Batching) Validate() error {
	var f sim.Faults
	m.checkSizes(&f)
	if m.Instances < 1 || m.Instances > maxReplicas {
		f.Add("instances", strconv.Itoa(m.Instances), fmt.Sprintf("1 to %d", maxReplicas))
	}
	m.checkLevels(&f)
	m.checkTime(&f)
	m.Cancel.check(&f)
	return f.Err()
}

// checkSizes checks the settings of the mode, and that those of the other are not given.
func (m *Batching) checkSizes(f *sim.Faults) {
	sizes := fmt.Sprintf("1 to %d", maxBatch)
	other := func(given bool, path string) {
		if given {
			f.Add(path, "is given beside mode "+string(m.Mode), "only with the other mode")
		}
	}
	switch m.Mode {
	case StaticBatches:
		if m.Size < 1 || m.Size > maxBatch {
			f.Add("size", strconv.Itoa(m.Size), sizes)
		}
		other(m.MaxBatchSize != 0, "max_batch_size")
		other(m.PreferredBatchSize != nil, "preferred_batch_size")
		other(m.MaxQueueDelay != 0, "max_queue_delay")
	case DynamicBatches:
		if m.MaxBatchSize < 1 || m.MaxBatchSize > maxBatch {
			f.Add("max_batch_size", strconv.Itoa(m.MaxBatchSize), sizes)
		}
		for i, size := range m.PreferredBatchSize {
			if size < 1 || size > m.MaxBatchSize {
				f.Add(fmt.Sprintf("preferred_batch_size[%d]", i), strconv.Itoa(size), "1 to max_batch_size")
			}
		}
		other(m.Size != 0, "size")
		other(m.Wait != 0, "wait")
	default:
		f.Add("mode", string(m.Mode), "dynamic, static")
	}
	if m.Wait < 0 {
		f.Add("wait", m.Wait.String(), "0s or more")
	}
	if m.MaxQueueDelay < 0 {
		f.Add("max_queue_delay", m.MaxQueueDelay.String(), "0s or more")
	}
}

const maxLevels = 256

func (m *Batching) checkLevels(f *sim.Faults) {
	if m.PriorityLevels < 0 || m.PriorityLevels > maxLevels {
		f.Add("priority_levels", strconv.Itoa(m.PriorityLevels), fmt.Sprintf("0 to %d", maxLevels))
		return
	}
	if m.DefaultPriorityLevel == 0 {
		m.DefaultPriorityLevel = m.PriorityLevels
	}
	if m.DefaultPriorityLevel < 0 || m.DefaultPriorityLevel > m.PriorityLevels {
		f.Add("default_priority_level", strconv.Itoa(m.DefaultPriorityLevel), fmt.Sprintf("1 to priority_levels, %d", m.PriorityLevels))
	}
	if len(m.Levels) > m.PriorityLevels {
		f.Add("levels", fmt.Sprintf("%d policies", len(m.Levels)), fmt.Sprintf("at most one for each of the priority_levels, %d", m.PriorityLevels))
	}
	m.QueuePolicy.check(f, "")
	for i := range m.Levels {
		m.Levels[i].check(f, fmt.Sprintf("levels[%d].", i))
	}
}

// check checks a policy and fills in its action.
func (p *QueuePolicy) check(f *sim.Faults, path string) {
	if p.MaxQueueSize < 0 {
		f.Add(path+"max_queue_size", strconv.Itoa(p.MaxQueueSize), "1 or more; 0 is no limit")
	}
	if p.DefaultTimeout < 0 {
		f.Add(path+"default_timeout", p.DefaultTimeout.String(), "above 0s; 0s is none")
	}
	switch p.TimeoutAction {
	case TimeoutReject, TimeoutDelay:
	case "":
		p.TimeoutAction = TimeoutReject
	default:
		f.Add(path+"timeout_action", string(p.TimeoutAction), "REJECT, DELAY")
	}
}

func (m *Batching) checkTime(f *sim.Faults) {
	const allowed = "exactly one of time {base, per_request} and llm"
	switch {
	case m.Time == nil && m.LLM.IsZero():
		f.Add("", "no time of a batch", allowed)
	case m.Time != nil && !m.LLM.IsZero():
		f.Add("", "both time and llm", allowed)
	case m.Time != nil:
		if m.Time.Base < 0 || m.Time.PerRequest < 0 || m.Time.Base+m.Time.PerRequest < time.Nanosecond {
			f.Add("time", fmt.Sprintf("base %v, per_request %v", m.Time.Base, m.Time.PerRequest), "0s or more each, not both 0s")
		}
	default:
		var inner sim.Faults
		if errors.As(m.LLM.Validate(), &inner) {
			for _, one := range inner {
				f.Add("llm."+one.Path, one.Found, one.Allowed)
			}
		}
	}
}

// policies returns what holds on each level, the highest first; there is at least one.
func (m *Batching) policies() []QueuePolicy {
	all := slices.Clone(m.Levels)
	for len(all) < max(m.PriorityLevels, 1) {
		all = append(all, m.QueuePolicy)
	}
	return all
}

// Start makes one replica. The configuration must have passed Validate.
func (m *Batching) Start(env sim.Env) Replica {
	if m.Time == nil && m.LLM.IsZero() || m.Size+m.MaxBatchSize < 1 || m.Instances < 1 {
		panic("backend: Batching.Start before Validate")
	}
	b := &batcher{
		env: env, most: m.Size + m.MaxBatchSize, delay: m.Wait + m.MaxQueueDelay, // those of the other mode are 0
		preferred: slices.Clone(m.PreferredBatchSize), cancel: m.Cancel, pace: 1, base: max(m.DefaultPriorityLevel-1, 0),
	}
	slices.Sort(b.preferred)
	if m.Time != nil {
		b.time = m.Time.of
	} else {
		b.time = padded{m.LLM.stepTime()}.of
	}
	for _, p := range m.policies() {
		b.levels = append(b.levels, standing{QueuePolicy: p})
		b.timeouts = b.timeouts || p.DefaultTimeout > 0 || p.AllowTimeoutOverride
	}
	for range m.Instances {
		i := &instance{batcher: b}
		i.finish = i.finished
		b.instances = append(b.instances, i)
		b.idle = append(b.idle, i)
	}
	b.wake = func() { b.form(b.env.Now()) }
	return b.replica()
}
