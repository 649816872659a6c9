package backend

import (
	"math"
	"time"
)

// physics is the step time of a dense model on a card, from datasheets and eight coefficients shared
// by all models and cards:
//
//	t = sqrt((a W)^2 + (b F)^2) + ckv KV + cat ATT + [TP>1](ctb TPB + car 2L) + cL L + cr Seqs
//
//	W   = (wbytes L P + 2 V d) / (TP BW)         reading the weights; the head is in bf16
//	F   = 2 L P (Prefill+Decode) / (TP PEAK)     multiplying by them
//	KV  = kvtok Context / (TP BW)                reading keys and values, always 2 bytes each
//	ATT = 4 L H dh Pairs / (TP PEAK_bf16)        attention among the prompt's tokens
//	TPB = 2 L (Prefill+Decode) d 2 B 2(TP-1)/TP / LINK    two all-reduces a layer
//
// Read as: 93 % of the memory bandwidth, 65 % of the peak, 59 us of launching a layer, and the
// host's cost of a sequence. The fields are the terms in seconds, the coefficients multiplied in.
type physics struct {
	weights      float64 // a W
	perToken     float64 // b F of one token
	perContext   float64 // ckv KV of one token of context
	perPair      float64 // cat ATT of one pair
	linkPerToken float64 // ctb TPB of one token; 0 on one card
	fixed        float64 // cL L, and car 2L on several cards
	perSequence  float64 // cr
}

// The coefficients, fitted to 150 closed-loop and 6 open-loop measurements of vLLM (Qwen3-32B and
// Llama-2-7B on H100, Llama-3.1-70B on H200), each of the three sets weighing the same. cr is that
// of vLLM 0.15, the engine class simulated here.
const (
	coefWeights   = 1.075   // a
	coefFLOPs     = 1.55    // b
	coefKV        = 1.087   // ckv
	coefAttention = 1.118   // cat
	coefLink      = 1.193   // ctb
	coefReduce    = 5.08e-6 // car, seconds an all-reduce
	coefLayer     = 58.6e-6 // cL, seconds a layer
	coefSequence  = 7.9e-6  // cr, seconds a sequence
)

var (
	_ StepTime = physics{}
	_ Affine   = physics{}
)

// physics returns the step time of the configured model on the configured cards. The model is dense.
func (m *LLM) physics() physics {
	shape, tp := m.Model.Shape, float64(m.TP)
	layers, hidden := float64(shape.Layers), float64(shape.Hidden)
	params := layers * shape.layerParams()
	head := 2 * float64(shape.Vocab) * hidden // V d weights of 2 bytes; the embedding is looked up, not read
	bandwidth := tp * m.GPU.Bandwidth * 1e12
	p := physics{
		weights:     coefWeights * (m.Precision.bytes()*params + head) / bandwidth,
		perToken:    coefFLOPs * 2 * params / (tp * m.Precision.peak(m.GPU.GPU)),
		perContext:  coefKV * 2 * shape.kvValues() * m.kvCopies() / bandwidth,
		perPair:     coefAttention * 4 * layers * float64(shape.Heads) * float64(shape.HeadDim) / (tp * BF16.peak(m.GPU.GPU)),
		fixed:       coefLayer * layers,
		perSequence: coefSequence,
	}
	if m.TP > 1 {
		p.linkPerToken = coefLink * 2 * layers * hidden * 2 * 2 * (tp - 1) / tp / (m.GPU.Link * 1e9)
		p.fixed += coefReduce * 2 * layers
	}
	return p
}

// seconds returns the time of a step.
func (p physics) seconds(b Batch) float64 {
	tokens := float64(b.Prefill + b.Decode)
	return math.Hypot(p.weights, p.perToken*tokens) + p.perContext*float64(b.Context) + p.perPair*b.Pairs +
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
