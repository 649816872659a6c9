package backend

import "math"

// How many parameters a model has, how many of them a step reads, and how many a token passes: the
// same for a dense model, fewer and fewer for one with experts.

// expertImbalance is how much longer the busiest experts take than the mean ones: the median of 1.04
// that AISimulate gives (its 90th percentile is 1.7). Unverified.
const expertImbalance = 1.04

// distinct returns the expected share of the routed experts that at least one of so many tokens uses,
// each of which picks k of N:
//
//	1 - ((N-k)/N)^tokens
func (e Experts) distinct(tokens float64) float64 {
	if e.Count == 0 {
		return 0
	}
	return 1 - math.Pow(1-float64(e.Active)/float64(e.Count), tokens)
}

// dense reports whether every token passes every weight and keys and values are kept by head: the
// models that the step times are measured on.
func (s Shape) dense() bool { return s.Experts.Count == 0 && s.Latent == 0 }

// attentionParams returns the parameters of one layer's attention:
//
//	2 d H dh + 2 d KVh dh
//
// for queries and output, keys and values; for latent attention (DeepSeek-V2's paper, section 2.1)
//
//	d rq + rq H (dh + rope)  +  d latent + (latent - rope) H 2 dh  +  H dh d
//
// for queries through their rank rq, keys and values through the latent, and the output.
func (s Shape) attentionParams() float64 {
	d, heads, dim := float64(s.Hidden), float64(s.Heads), float64(s.HeadDim)
	if s.Latent == 0 {
		return 2*d*heads*dim + 2*d*float64(s.KVHeads)*dim
	}
	latent, rope := float64(s.Latent), float64(s.Rope)
	queries := d * heads * (dim + rope)
	if s.QueryRank > 0 {
		queries = float64(s.QueryRank) * (d + heads*(dim+rope))
	}
	return queries + d*latent + (latent-rope)*heads*2*dim + heads*dim*d
}

// gated returns the parameters of a gated feed-forward part of that width: three matrices.
func (s Shape) gated(width int) float64 { return 3 * float64(s.Hidden) * float64(width) }

// commonParams returns the parameters of all layers that every token passes: all of a dense model;
// attention, shared experts, routers and layers without experts of another.
func (s Shape) commonParams() float64 {
	layers := float64(s.Layers)
	if s.Experts.Count == 0 {
		return layers * (s.attentionParams() + s.gated(s.FF))
	}
	without := float64(s.Experts.Dense)
	shared := float64(s.Experts.Shared)*s.gated(s.FF) + float64(s.Hidden)*float64(s.Experts.Count)
	return layers*s.attentionParams() + without*s.gated(s.Experts.DenseFF) + (layers-without)*shared
}

// routedParams returns the parameters of all routed experts of all layers.
func (s Shape) routedParams() float64 {
	return float64(s.Layers-s.Experts.Dense) * float64(s.Experts.Count) * s.gated(s.FF)
}

// layersParams returns the parameters of all layers, embedding and head apart.
func (s Shape) layersParams() float64 {
	if s.Experts.Count == 0 {
		return s.commonParams()
	}
	return s.commonParams() + s.routedParams()
}

// activeParams returns the parameters of all layers that one token passes, those of experts with the
// time that the busiest take over the mean.
func (s Shape) activeParams() float64 {
	if s.Experts.Count == 0 {
		return s.commonParams()
	}
	return s.commonParams() + expertImbalance*s.routedParams()*float64(s.Experts.Active)/float64(s.Experts.Count)
}

// pairFLOPs returns the operations of one pair of tokens that attend, over all layers: 4 L H dh, twice
// for the score and twice for the sum. In latent attention the score is rope wider.
func (s Shape) pairFLOPs() float64 {
	layers, heads, dim := float64(s.Layers), float64(s.Heads), float64(s.HeadDim)
	if s.Latent > 0 {
		return 2 * layers * heads * (2*dim + float64(s.Rope))
	}
	return 4 * layers * heads * dim
}
