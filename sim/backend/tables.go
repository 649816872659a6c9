package backend

import (
	"fmt"

	"go.yaml.in/yaml/v4"

	"github.com/headroom-dev/headroom/fixtures"
)

// This file alone reads YAML in this package: the two tables are part of the program, not of a
// user's input, and are read once when it starts. Scenarios are decoded by package scenarios, which
// knows files and lines.

// A GPU is what a datasheet says of a card. All figures are dense, without sparsity.
type GPU struct {
	Name       string  `yaml:"name"`
	About      string  `yaml:"about,omitempty"`
	Memory     float64 `yaml:"memory_gib"`           // GiB
	Bandwidth  float64 `yaml:"hbm_tb_s"`             // memory bandwidth, TB/s
	BF16       float64 `yaml:"bf16_tflops"`          // peak, TFLOPS
	FP8        float64 `yaml:"fp8_tflops,omitempty"` // peak, TFLOPS; 0: the card has no fp8
	INT8       float64 `yaml:"int8_tops,omitempty"`  // peak, TOPS; 0: the card has no int8
	FP4        float64 `yaml:"fp4_tflops,omitempty"` // peak, TFLOPS; 0: the card has no fp4
	Link       float64 `yaml:"link_gb_s,omitempty"`  // to another card, GB/s one way; only tp > 1 needs it
	Source     string  `yaml:"source,omitempty"`     // where the figures come from
	Unverified string  `yaml:"unverified,omitempty"` // the figures not checked against a second source
}

// A Shape is a language model, as its public configuration file describes it.
type Shape struct {
	Name         string  `yaml:"name"`
	Layers       int     `yaml:"layers"`
	Hidden       int     `yaml:"hidden"`                       // width of the model
	Heads        int     `yaml:"heads,omitempty"`              // attention heads
	KVHeads      int     `yaml:"kv_heads,omitempty"`           // heads of keys and values
	HeadDim      int     `yaml:"head_dim,omitempty"`           // width of one head
	FF           int     `yaml:"ff"`                           // width of the feed-forward part; of one expert where there are several
	Vocab        int     `yaml:"vocab"`                        // words
	Tied         bool    `yaml:"tied,omitempty"`               // embedding and head are one matrix
	Latent       int     `yaml:"latent,omitempty"`             // multi-head latent attention: values per token and layer; 0: keys and values by head
	Rope         int     `yaml:"rope,omitempty"`               // of the latent, the part that holds positions and is no value
	QueryRank    int     `yaml:"query_rank,omitempty"`         // width that the queries of latent attention pass through; 0: none
	Experts      Experts `yaml:"experts,omitempty"`            // zero: a dense model
	Params       float64 `yaml:"params_b,omitempty"`           // 10^9 parameters, as published
	ActiveParams float64 `yaml:"active_params_b,omitempty"`    // of them used by a token; 0: all
	KVBytes      int     `yaml:"kv_bytes_per_token,omitempty"` // bf16, over all layers, as published
	Source       string  `yaml:"source,omitempty"`             // where the figures come from
}

// Experts says how a mixture-of-experts model is built.
type Experts struct {
	Count   int `yaml:"count"`                  // routed experts in a layer
	Active  int `yaml:"active"`                 // of them used by a token
	Shared  int `yaml:"shared,omitempty"`       // experts used by every token
	Dense   int `yaml:"dense_layers,omitempty"` // first layers that have none
	DenseFF int `yaml:"dense_ff,omitempty"`     // width of the feed-forward part of those
}

// GPUs are the cards there are, and Shapes the language models, in the order of their tables.
var (
	GPUs   = table[GPU]("gpus.yaml", fixtures.GPUs)
	Shapes = table[Shape]("models.yaml", fixtures.Models)
)

// table decodes a table of the program; a broken one is a programmer's mistake.
func table[Row any](name string, text []byte) []Row {
	var rows []Row
	if err := yaml.Load(text, &rows, yaml.WithKnownFields()); err != nil {
		panic(fmt.Sprintf("backend: reading %s: %v", name, err))
	}
	return rows
}
