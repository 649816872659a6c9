package backend

import (
	"math"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// Coefficients are what physics multiplies the datasheets' figures with: one set for all models and
// cards. They are fitted to 150 closed-loop and 6 open-loop measurements of vLLM (Qwen3-32B and
// Llama-2 on H100, Llama-3.1-70B on H200), each of the three sets weighing the same. Read as: 93 % of
// the memory bandwidth, 65 % of the peak, 59 us of launching a layer, and the host's cost of a sequence.
type Coefficients struct {
	A   float64        `yaml:"a"`            // on the time to read the weights; 1.075
	B   float64        `yaml:"b"`            // on the time to multiply by them; 1.55
	CKV float64        `yaml:"ckv"`          // on the time to read keys and values; 1.087
	CAT float64        `yaml:"cat"`          // on the time of attention among a prompt's tokens; 1.118
	CTB float64        `yaml:"ctb"`          // on the time to send activations between cards; 1.193
	CAR time.Duration  `yaml:"car"`          // of an all-reduce, two a layer; 5.08us
	CL  time.Duration  `yaml:"cl"`           // of launching a layer; 58.6us
	CR  *time.Duration `yaml:"cr,omitempty"` // of a sequence on the host; absent: by the engine, 7.9us or 52.8us
}

// DefaultCoefficients returns the fitted set.
func DefaultCoefficients() Coefficients {
	return Coefficients{A: 1.075, B: 1.55, CKV: 1.087, CAT: 1.118, CTB: 1.193, CAR: 5080, CL: 58600}
}

func (c Coefficients) check(f *sim.Faults, path string) {
	for _, one := range []struct {
		name  string
		value float64
	}{{"a", c.A}, {"b", c.B}, {"ckv", c.CKV}, {"cat", c.CAT}, {"ctb", c.CTB}} {
		finite(f, path+"."+one.name, one.value)
	}
	if c.CAR < 0 {
		f.Add(path+".car", c.CAR.String(), "0s or more")
	}
	if c.CL < 0 {
		f.Add(path+".cl", c.CL.String(), "0s or more")
	}
	if c.CR != nil && *c.CR < 0 {
		f.Add(path+".cr", c.CR.String(), "0s or more")
	}
}

// Terms are what the datasheets say of a batch, in seconds and counts, before a coefficient is
// multiplied in. A fit is a regression on these.
//
//	W   = (wbytes (what the step reads of the layers) + 2 V d) / (TP BW)   the head is in bf16
//	F   = 2 (parameters a token passes) (Prefill+Decode) / (TP PEAK)
//	KV  = kvtok Context / (TP BW)                          always 2 bytes a value
//	ATT = 4 L H dh Pairs / (TP PEAK_bf16)
//	TPB = 2 L (Prefill+Decode) d 2 B 2(TP-1)/TP / LINK     two all-reduces a layer
type Terms struct {
	W, F, KV, ATT, TPB float64 // seconds
	Reduces            float64 // 2L on several cards
	Layers             float64
	Seqs               float64
	Multiplier         float64 // of the engine, on the whole
}

// Terms returns the terms of a batch on the configured model and cards. The configuration must have
// passed Validate.
func (m *LLM) Terms(b Batch) Terms {
	c := m.costs()
	tokens := float64(b.Prefill + b.Decode)
	return Terms{
		W: c.weights + c.experts*c.distinct(tokens), F: c.perToken * tokens,
		KV: c.perContext * float64(b.Context), ATT: c.perPair * b.Pairs, TPB: c.linkPerToken * tokens,
		Reduces: c.reduces, Layers: c.layers, Seqs: float64(b.Seqs), Multiplier: m.Engine.kind().multiplier,
	}
}

// costs are the terms of one unit each.
type costs struct {
	weights      float64 // W of what every step reads
	experts      float64 // W of all routed experts
	distinct     func(tokens float64) float64
	perToken     float64 // F
	perContext   float64 // KV
	perPair      float64 // ATT
	linkPerToken float64 // TPB; 0 on one card
	reduces      float64 // 0 on one card
	layers       float64
}

func (m *LLM) costs() costs {
	shape, tp := m.Model.Shape, float64(m.TP)
	layers, hidden := float64(shape.Layers), float64(shape.Hidden)
	bandwidth := tp * m.GPU.Bandwidth * 1e12
	head := m.Precision.headBytes() * float64(shape.Vocab) * hidden // the embedding is looked up, not read
	c := costs{
		weights:    (m.Precision.bytes()*shape.commonParams() + head) / bandwidth,
		experts:    m.Precision.bytes() * shape.routedParams() / bandwidth,
		distinct:   shape.Experts.distinct,
		perToken:   2 * shape.activeParams() / (tp * m.Precision.peak(m.GPU.GPU)),
		perContext: 2 * shape.kvValues() * m.kvCopies() / bandwidth,
		perPair:    shape.pairFLOPs() / (tp * BF16.peak(m.GPU.GPU)),
		layers:     layers,
	}
	if m.TP > 1 {
		c.linkPerToken = 2 * layers * hidden * 2 * 2 * (tp - 1) / tp / (m.GPU.Link * 1e9)
		c.reduces = 2 * layers
	}
	return c
}

// physics is the step time of a model on its cards:
//
//	t = sqrt((a W)^2 + (b F)^2) + ckv KV + cat ATT + [TP>1](ctb TPB + car 2L) + cL L + cr Seqs
//
// times the engine's multiplier. The fields are the terms of one unit in seconds, all multiplied in.
type physics struct {
	weights      float64                      // a W of what every step reads
	experts      float64                      // a W of all routed experts; 0 for a dense model
	distinct     func(tokens float64) float64 // share of them that some token of the batch uses
	perToken     float64                      // b F of one token
	perContext   float64                      // ckv KV of one token of context
	perPair      float64                      // cat ATT of one pair
	linkPerToken float64                      // ctb TPB of one token; 0 on one card
	fixed        float64                      // cL L, and car 2L on several cards
	perSequence  float64                      // cr
}

var (
	_ StepTime = physics{}
	_ Affine   = physics{}
)

// physics returns the step time of the configured model on the configured cards.
func (m *LLM) physics() physics {
	coef := DefaultCoefficients()
	if m.StepTime.Physics != nil {
		coef = *m.StepTime.Physics
	}
	perSequence := m.Engine.perSequence()
	if coef.CR != nil {
		perSequence = coef.CR.Seconds()
	}
	c, k := m.costs(), m.Engine.kind().multiplier
	return physics{
		weights:      k * coef.A * c.weights,
		experts:      k * coef.A * c.experts,
		distinct:     c.distinct,
		perToken:     k * coef.B * c.perToken,
		perContext:   k * coef.CKV * c.perContext,
		perPair:      k * coef.CAT * c.perPair,
		linkPerToken: k * coef.CTB * c.linkPerToken,
		fixed:        k * (coef.CL.Seconds()*c.layers + coef.CAR.Seconds()*c.reduces),
		perSequence:  k * perSequence,
	}
}

// gemm returns the time of the products with weights, of a batch of so many tokens.
func (p physics) gemm(tokens float64) float64 {
	weights := p.weights
	if p.experts > 0 {
		weights += p.experts * p.distinct(tokens)
	}
	return math.Hypot(weights, p.perToken*tokens)
}

// seconds returns the time of a step.
func (p physics) seconds(b Batch) float64 {
	tokens := float64(b.Prefill + b.Decode)
	return p.gemm(tokens) + p.perContext*float64(b.Context) + p.perPair*b.Pairs +
		p.linkPerToken*tokens + p.fixed + p.perSequence*float64(b.Seqs)
}

// StepTime returns how long a step takes.
func (p physics) StepTime(b Batch) time.Duration {
	return time.Duration(math.Round(p.seconds(b) * 1e9))
}

// Affine returns the same in picoseconds, what the context costs apart.
func (p physics) Affine(b Batch) (base, perContextToken int64) {
	b.Context = 0
	return int64(math.Round(p.seconds(b) * 1e12)), int64(math.Round(p.perContext * 1e12))
}

// The point about which physics is made linear: prompts of 512 tokens, outputs of 128, so that a
// running sequence has 512 + 128/2 tokens on average, and a batch of up to 64.
const (
	linearPrompt  = 512
	linearContext = 576
	linearBatch   = 64
)

// linearise returns the linear step time that meets physics in three batches: one decoding sequence,
// a batch of seqs of them (64 where more are allowed), each with a typical context, and a typical
// prompt alone:
//
//	b2 = (t(n decoding) - t(1 decoding)) / (n - 1)
//	b0 = t(1 decoding) - b2
//	b1 = (t(prompt of p tokens) - b0) / p
//
// So b2 holds the reading of 576 tokens of keys and values, the host's cost of a sequence and a
// little of the multiplying. Where contexts are longer, or many prompts share a step, physics is
// slower than this line.
func (p physics) linearise(maxSeqs int) Linear {
	decoding := func(n int) float64 {
		return p.seconds(Batch{Decode: n, Seqs: n, Context: int64(n) * linearContext})
	}
	n := min(max(maxSeqs, 2), linearBatch)
	slope := (decoding(n) - decoding(1)) / float64(n-1)
	base := decoding(1) - slope
	prompt := p.seconds(Batch{Prefill: linearPrompt, Seqs: 1, Pairs: linearPrompt * linearPrompt / 2})
	nanoseconds := func(s float64) time.Duration { return time.Duration(math.Round(s * 1e9)) }
	return Linear{
		Base:            nanoseconds(base),
		PerPrefillToken: nanoseconds((prompt - base) / linearPrompt),
		PerSequence:     nanoseconds(slope),
	}
}
