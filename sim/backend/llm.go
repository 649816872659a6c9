package backend

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// LLM is a language model served with continuous batching, as vLLM's V1 engine does it: running
// sequences first, prompts in chunks under a token budget, admission in order of arrival bounded by
// slots and by the memory of keys and values, and preemption where decoding outgrows that memory.
//
// Zero values of max_seqs and max_batched_tokens, and a step time given as a word, stay as they are:
// what they stand for follows the card, whichever that is in the end (derived.go). The engine defaults
// are vLLM 0.15's (arg_utils, API server).
type LLM struct {
	Model                Architecture  `yaml:"model"`                  // llama-3.1-8b
	GPU                  Card          `yaml:"gpu"`                    // h100
	Precision            Precision     `yaml:"precision"`              // of the weights; bf16
	KV                   Precision     `yaml:"kv"`                     // of keys and values: bf16 or fp8; bf16
	TP                   int           `yaml:"tp"`                     // cards a replica is spread over, 1 to 16; 1
	MaxSeqs              int           `yaml:"max_seqs"`               // running sequences; 0: 1024 on cards from 70 GiB but a100, else 256, and no more than max_batched_tokens
	MaxBatchedTokens     int           `yaml:"max_batched_tokens"`     // of a step, at least max_seqs; 0: 8192 on those cards, else 2048
	MaxModelLen          int           `yaml:"max_model_len"`          // tokens of prompt and output together; 0: as many as the memory holds
	Block                int           `yaml:"block"`                  // tokens of a block of keys and values; 16
	GPUMemoryUtilization sim.Share     `yaml:"gpu_memory_utilization"` // share of the cards' memory that the engine may take; 90%
	Engine               Engine        `yaml:"engine"`                 // whose costs and scheduling; vllm, newest class
	LongPrefillThreshold int           `yaml:"long_prefill_threshold"` // tokens of one prompt in one step; 0: as many as the step has room for
	ChunkedPrefill       bool          `yaml:"chunked_prefill"`        // a prompt may be spread over steps; true
	PrefixCaching        bool          `yaml:"prefix_caching"`         // keys and values are kept for calls that begin alike; true
	Watermark            sim.Share     `yaml:"watermark"`              // share of the blocks that admission leaves free; 0%
	Reserve              bool          `yaml:"reserve"`                // a prompt is admitted only if all of it fits, not only its first chunk; true
	Policy               Policy        `yaml:"policy"`                 // fcfs or priority; fcfs
	Ingress              time.Duration `yaml:"ingress"`                // from a call's arrival until it can be scheduled; 9ms
	Response             time.Duration `yaml:"response"`               // from the end of a step until its tokens are seen; 46us
	Limit                *int          `yaml:"limit,omitempty"`        // calls that may wait; absent: no limit, as vLLM
	StepTime             StepTimes     `yaml:"step_time"`              // physics, linear or roofline; physics
	Cancel               Cancel        `yaml:"cancel"`                 // free, queued or zombie; free
	Ablation             Ablation      `yaml:"-"`                      // rules switched off for tests; zero: none
}

var _ Model = (*LLM)(nil)

// NewLLM returns the defaults.
func NewLLM() *LLM {
	return &LLM{
		Model: Architecture{shapeNamed("llama-3.1-8b")}, GPU: Card{gpuNamed("h100")},
		Precision: BF16, KV: BF16, TP: 1, Block: 16, GPUMemoryUtilization: 0.9,
		Engine: Engine{Name: "vllm"}, ChunkedPrefill: true, PrefixCaching: true, Reserve: true, Policy: FCFS,
		Ingress: defaultIngress, Response: defaultResponse, StepTime: StepTimes{Word: "physics"}, Cancel: CancelFree,
	}
}

// Validate checks the configuration and changes nothing.
func (m *LLM) Validate() error {
	var f sim.Faults
	m.check(&f)
	if len(f) > 0 {
		return f // what follows computes with these values
	}
	m.checkStepTime(&f)
	if m.MaxSeqs > 1<<20 {
		f.Add("max_seqs", strconv.Itoa(m.MaxSeqs), "1 to 1048576")
	}
	if m.maxBatchedTokens() < m.maxSeqs() {
		f.Add("max_batched_tokens", strconv.Itoa(m.maxBatchedTokens()), fmt.Sprintf("at least max_seqs, %d", m.maxSeqs()))
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
	m.Precision.check(f, "precision", Precisions...)
	if m.Precision == FP4 && m.GPU.FP4 == 0 {
		f.Add("precision", "fp4 on "+m.GPU.Name, "fp4 on "+names(cardsWithFP4(), func(g GPU) string { return g.Name })+", or another precision")
	}
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
	m.Engine.check(f)
	m.checkScheduling(f)
	m.Cancel.check(f)
}

// checkLimit notes a negative number of waiting places.
func checkLimit(f *sim.Faults, limit *int) {
	if limit != nil && *limit < 0 {
		f.Add("limit", strconv.Itoa(*limit), "0 or more; without it there is no limit")
	}
}

// size returns what bounds an engine. Block 0 is reserved, as in vLLM.
func (m *LLM) size() engineSize {
	size := engineSize{
		seqs: m.maxSeqs(), tokens: m.maxBatchedTokens(), limit: -1, length: m.MaxModelLen,
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
	e := newEngine(env, m.size(), m.stepTime())
	return e.replica()
}

// Capacity estimates the calls per second that one replica can carry where every call has this many
// tokens of prompt and output. With n sequences running, each for o steps (the step that computes the
// end of its prompt yields the first token), every step ends n/o calls and begins as many, so it
// computes n p/o tokens of prompts and n (o-1)/o of decoders:
//
//	X = n / (o t)
//
// n is max_seqs, or less where memory or the token budget of a step hold no more. The time t of a step
// is taken between the two whole numbers of prompts about n/o, for a prompt at once costs more than the
// same tokens spread over steps.
func (m *LLM) Capacity(meanPrompt, meanOutput float64) float64 {
	p, o := max(meanPrompt, 1), max(meanOutput, 1)
	size := m.size()
	n := min(float64(size.seqs), float64(size.blocks*size.block)/(p+o), float64(size.tokens)*o/(p+o-1))
	steps, decoders := m.stepTime(), n*(o-1)/o
	step := func(prompts float64) float64 {
		return steps.StepTime(Batch{
			Prefill: int(math.Round(prompts * p)), Decode: int(math.Round(decoders)), Seqs: int(math.Round(n)),
			Pairs: prompts * p * p / 2, Context: int64(decoders * (p + o/2)),
		}).Seconds()
	}
	less, part := math.Modf(n / o)
	t := step(n / o)
	if (less+1)*p+decoders <= float64(size.tokens) {
		t = (1-part)*step(less) + part*step(less+1)
	}
	return n / (o * t)
}
