package backend

import (
	"fmt"
	"strconv"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// LLM is a language model served with continuous batching, as vLLM's V1 engine does it: running
// sequences first, prompts in chunks under a token budget, admission in order of arrival bounded by
// slots and by the memory of keys and values, and preemption where decoding outgrows that memory.
//
// Zero values of max_seqs, max_batched_tokens and step_time are filled in by Validate, so that the
// effective configuration shows what was used. The engine defaults are vLLM 0.15's (arg_utils, API
// server).
type LLM struct {
	Model                Architecture  `yaml:"model"`                  // llama-3.1-8b
	GPU                  Card          `yaml:"gpu"`                    // h100
	Precision            Precision     `yaml:"precision"`              // of the weights; bf16
	KV                   Precision     `yaml:"kv"`                     // of keys and values: bf16 or fp8; bf16
	TP                   int           `yaml:"tp"`                     // cards a replica is spread over, 1 to 16; 1
	MaxSeqs              int           `yaml:"max_seqs"`               // running sequences; 0: 1024 on cards from 70 GiB but a100, else 256
	MaxBatchedTokens     int           `yaml:"max_batched_tokens"`     // of a step, at least max_seqs; 0: 8192 on those cards, else 2048
	MaxModelLen          int           `yaml:"max_model_len"`          // tokens of prompt and output together; 0: as many as the memory holds
	Block                int           `yaml:"block"`                  // tokens of a block of keys and values; 16
	GPUMemoryUtilization sim.Share     `yaml:"gpu_memory_utilization"` // share of the cards' memory that the engine may take; 90%
	Engine               Engine        `yaml:"engine"`                 // whose costs and scheduling; vllm
	LongPrefillThreshold int           `yaml:"long_prefill_threshold"` // tokens of one prompt in one step; 0: as many as the step has room for
	ChunkedPrefill       bool          `yaml:"chunked_prefill"`        // a prompt may be spread over steps; true
	PrefixCaching        bool          `yaml:"prefix_caching"`         // keys and values are kept for calls that begin alike; true
	Watermark            sim.Share     `yaml:"watermark"`              // share of the blocks that admission leaves free; 0%
	Reserve              bool          `yaml:"reserve"`                // a prompt is admitted only if all of it fits, not only its first chunk; true
	Policy               Policy        `yaml:"policy"`                 // fcfs or priority; fcfs
	Ingress              time.Duration `yaml:"ingress"`                // from a call's arrival until it can be scheduled; 9ms
	Response             time.Duration `yaml:"response"`               // from the end of a step until its tokens are seen; 46us
	Limit                *int          `yaml:"limit,omitempty"`        // calls that may wait; absent: no limit, as vLLM
	StepTime             StepTimes     `yaml:"step_time"`
	Cancel               Cancel        `yaml:"cancel"` // free, queued or zombie; free
	Ablation             Ablation      `yaml:"-"`      // rules switched off for tests; zero: none
}

var _ Model = (*LLM)(nil)

// NewLLM returns the defaults.
func NewLLM() *LLM {
	return &LLM{
		Model: Architecture{shapeNamed("llama-3.1-8b")}, GPU: Card{gpuNamed("h100")},
		Precision: BF16, KV: BF16, TP: 1, Block: 16, GPUMemoryUtilization: 0.9, Cancel: CancelFree,
		Engine: Engine{Name: "vllm"}, ChunkedPrefill: true, PrefixCaching: true, Reserve: true, Policy: FCFS,
		Ingress: defaultIngress, Response: defaultResponse,
	}
}

// Validate checks the configuration and fills in what is derived. What it fills in stays when the
// configuration is written and read again.
func (m *LLM) Validate() error {
	var f sim.Faults
	m.check(&f)
	if len(f) > 0 {
		return f // what follows computes with these values
	}
	m.complete(&f)
	if m.MaxSeqs < 1 || m.MaxSeqs > 1<<20 {
		f.Add("max_seqs", strconv.Itoa(m.MaxSeqs), "1 to 1048576")
	}
	if m.MaxBatchedTokens < m.MaxSeqs {
		f.Add("max_batched_tokens", strconv.Itoa(m.MaxBatchedTokens), fmt.Sprintf("at least max_seqs, %d", m.MaxSeqs))
	}
	if mem := m.memory(); mem.blocks(m.Block)-1 < 1 {
		f.Add("gpu", fmt.Sprintf("no room for keys and values on %d x %s: %.1f GiB usable - %.1f weights - %.1f activations - %.1f other",
			m.TP, m.GPU.Name, mem.usable/gib, mem.weights/gib, mem.activations/gib, mem.other/gib),
			"a larger card, a higher tp, or a smaller precision")
	}
	return f.Err()
}

// check notes values out of range.
func (m *LLM) check(f *sim.Faults) {
	m.Model.check(f)
	m.GPU.check(f, m.TP)
	m.Precision.check(f, "precision", BF16, FP8, INT8, INT4)
	m.KV.check(f, "kv", BF16, FP8)
	if m.TP < 1 || m.TP > 16 || m.Model.Heads%max(m.TP, 1) != 0 {
		f.Add("tp", strconv.Itoa(m.TP), fmt.Sprintf("1 to 16, dividing the %d heads", m.Model.Heads))
	}
	for _, one := range []struct {
		path  string
		value int
	}{{"max_seqs", m.MaxSeqs}, {"max_batched_tokens", m.MaxBatchedTokens}, {"max_model_len", m.MaxModelLen}} {
		if one.value < 0 {
			f.Add(one.path, strconv.Itoa(one.value), "1 or more, or 0 for the default")
		}
	}
	if m.Block < 1 || m.Block > 1024 {
		f.Add("block", strconv.Itoa(m.Block), "1 to 1024 tokens")
	}
	if !(m.GPUMemoryUtilization > 0 && m.GPUMemoryUtilization <= 1) {
		f.Add("gpu_memory_utilization", m.GPUMemoryUtilization.String(), "above 0%, at most 100%")
	}
	checkLimit(f, m.Limit)
	if m.StepTime.Linear != nil {
		m.StepTime.Linear.check(f, "step_time.linear")
	} else if !m.Model.dense() {
		f.Add("model", fmt.Sprintf("%s: step times of models with experts or latent attention are not derived", m.Model.Name),
			"step_time.linear beside it, or one of "+names(denseShapes(), func(s Shape) string { return s.Name }))
	}
	m.checkScheduling(f)
	m.Cancel.check(f)
}

// complete fills in what is derived from model and card.
func (m *LLM) complete(f *sim.Faults) {
	large := m.GPU.Memory >= 70 && m.GPU.Name != "a100"
	if m.MaxSeqs == 0 {
		m.MaxSeqs = 256
		if large {
			m.MaxSeqs = 1024
		}
	}
	if m.MaxBatchedTokens == 0 {
		m.MaxBatchedTokens = 2048
		if large {
			m.MaxBatchedTokens = 8192
		}
	}
	if m.StepTime.Linear == nil {
		derived := m.physics().linearise(m.MaxSeqs)
		derived.check(f, "step_time.linear")
		m.StepTime.Linear = &derived
	}
}

// checkLimit notes a negative number of waiting places.
func checkLimit(f *sim.Faults, limit *int) {
	if limit != nil && *limit < 0 {
		f.Add("limit", strconv.Itoa(*limit), "0 or more; without it there is no limit")
	}
}

func denseShapes() []Shape {
	var dense []Shape
	for _, s := range Shapes {
		if s.dense() {
			dense = append(dense, s)
		}
	}
	return dense
}

// size returns what bounds an engine. Block 0 is reserved, as in vLLM.
func (m *LLM) size() engineSize {
	size := engineSize{
		seqs: m.MaxSeqs, tokens: m.MaxBatchedTokens, limit: -1, length: m.MaxModelLen,
		block: m.Block, blocks: m.memory().blocks(m.Block) - 1, cancel: m.Cancel,
	}
	if m.Limit != nil {
		size.limit = *m.Limit
	}
	m.rules(&size)
	return size
}

// Start makes one replica. The configuration must have passed Validate.
func (m *LLM) Start(env sim.Env) Replica {
	if m.StepTime.Linear == nil || m.MaxSeqs < 1 {
		panic("backend: LLM.Start before Validate")
	}
	e := newEngine(env, m.size(), m.stepTime())
	return e.replica()
}

// Capacity estimates the calls per second that one replica can carry where every call has this many
// tokens of prompt and output. With n sequences running, each for o steps (the step that computes the
// end of its prompt yields the first token), every step ends n/o calls and begins as many, so it
// computes n p/o tokens of prompts and n (o-1)/o of decoders:
//
//	X = n / (o t),  t = b0 + b1 n p/o + b2 n (o-1)/o
//
// n is max_seqs, or less where memory or the token budget of a step hold no more.
func (m *LLM) Capacity(meanPrompt, meanOutput float64) float64 {
	p, o := max(meanPrompt, 1), max(meanOutput, 1)
	size := m.size()
	n := min(float64(size.seqs), float64(size.blocks*size.block)/(p+o), float64(size.tokens)*o/(p+o-1))
	l := m.StepTime.Linear
	t := l.Base.Seconds() + l.PerPrefillToken.Seconds()*n*p/o + l.PerSequence.Seconds()*n*(o-1)/o
	return n / (o * t)
}
