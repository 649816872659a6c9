package backend

import (
	"fmt"

	"github.com/headroom-dev/headroom/sim"
)

// A Card is the card a scenario names: `gpu: h100`, a row of GPUs, or a mapping with the fields of
// such a row.
type Card struct{ GPU }

// UnmarshalYAML reads a name or a mapping.
func (c *Card) UnmarshalYAML(decode func(any) error) error {
	return byName("gpu", &c.GPU, GPUs, func(g GPU) string { return g.Name }, decode)
}

// MarshalYAML writes the name of a card of the table, else the whole mapping.
func (c Card) MarshalYAML() (any, error) {
	if row, ok := find(GPUs, func(g GPU) bool { return g.Name == c.Name }); ok && row == c.GPU {
		return c.Name, nil
	}
	return c.GPU, nil
}

// An Architecture is the language model a scenario names: `model: llama-3.1-8b`, a row of Shapes, or
// a mapping with the fields of such a row.
type Architecture struct{ Shape }

// UnmarshalYAML reads a name or a mapping.
func (a *Architecture) UnmarshalYAML(decode func(any) error) error {
	return byName("model", &a.Shape, Shapes, func(s Shape) string { return s.Name }, decode)
}

// MarshalYAML writes the name of a model of the table, else the whole mapping.
func (a Architecture) MarshalYAML() (any, error) {
	if row, ok := find(Shapes, func(s Shape) bool { return s.Name == a.Name }); ok && row == a.Shape {
		return a.Name, nil
	}
	return a.Shape, nil
}

// byName reads into row the row of a table that is named, or one that is written out. Nothing of the
// default remains in a row that is written out: half of one card and half of another is neither.
func byName[Row any](what string, row *Row, all []Row, name func(Row) string, decode func(any) error) error {
	var form any
	if err := decode(&form); err != nil {
		return err
	}
	named, ok := form.(string)
	if !ok {
		var own Row
		if err := decode(&own); err != nil {
			return err
		}
		*row = own
		return nil
	}
	known, ok := find(all, func(r Row) bool { return name(r) == named })
	if !ok {
		return sim.Faults{{Found: fmt.Sprintf("unknown %s %q", what, named), Allowed: names(all, name)}}
	}
	*row = known
	return nil
}

func find[Row any](all []Row, is func(Row) bool) (row Row, ok bool) {
	for _, one := range all {
		if is(one) {
			return one, true
		}
	}
	return row, false
}

// gpuNamed and shapeNamed return rows of the tables for defaults; a missing one is a programmer's
// mistake.
func gpuNamed(name string) GPU {
	row, ok := find(GPUs, func(g GPU) bool { return g.Name == name })
	if !ok {
		panic("backend: no gpu " + name)
	}
	return row
}

func shapeNamed(name string) Shape {
	row, ok := find(Shapes, func(s Shape) bool { return s.Name == name })
	if !ok {
		panic("backend: no model " + name)
	}
	return row
}

// check notes what a card written out lacks.
func (g GPU) check(f *sim.Faults, tp int) {
	if !(g.Memory > 0) {
		f.Add("gpu.memory_gib", fmt.Sprint(g.Memory), "above 0")
	}
	if !(g.Bandwidth > 0) {
		f.Add("gpu.hbm_tb_s", fmt.Sprint(g.Bandwidth), "above 0")
	}
	if !(g.BF16 > 0) {
		f.Add("gpu.bf16_tflops", fmt.Sprint(g.BF16), "above 0")
	}
	if g.FP8 < 0 || g.INT8 < 0 || g.FP4 < 0 {
		f.Add("gpu", "a negative peak", "0 for a precision that the card lacks, or above")
	}
	if tp > 1 && !(g.Link > 0) {
		f.Add("gpu.link_gb_s", fmt.Sprint(g.Link), "above 0 where tp is above 1")
	}
}

// check notes what a language model written out lacks.
func (s Shape) check(f *sim.Faults) {
	positive := func(path string, value int) {
		if value < 1 {
			f.Add("model."+path, fmt.Sprint(value), "at least 1")
		}
	}
	positive("layers", s.Layers)
	positive("hidden", s.Hidden)
	positive("ff", s.FF)
	positive("vocab", s.Vocab)
	positive("heads", s.Heads)
	positive("head_dim", s.HeadDim)
	if s.Latent == 0 {
		positive("kv_heads", s.KVHeads)
	} else if s.Rope < 0 || s.Rope >= s.Latent || s.QueryRank < 0 {
		f.Add("model.rope", fmt.Sprintf("%d of a latent of %d, query_rank %d", s.Rope, s.Latent, s.QueryRank), "0 to less than latent, and no negative rank")
	}
	if e := s.Experts; e != (Experts{}) && (e.Count < 1 || e.Active < 1 || e.Active > e.Count || e.Shared < 0 ||
		e.Dense < 0 || e.Dense > s.Layers || e.Dense > 0 && e.DenseFF < 1) {
		f.Add("model.experts", fmt.Sprintf("%+v", e), "active from 1 to count, dense_layers at most layers, with dense_ff")
	}
}

// embedding returns the parameters of embedding and head: 2 V d, or V d where they are one matrix.
func (s Shape) embedding() float64 {
	if s.Tied {
		return float64(s.Vocab) * float64(s.Hidden)
	}
	return 2 * float64(s.Vocab) * float64(s.Hidden)
}

// kvValues returns how many values are kept of one token over all layers: 2 L KVh dh keys and
// values, or L times the latent width.
func (s Shape) kvValues() float64 {
	if s.Latent > 0 {
		return float64(s.Layers) * float64(s.Latent)
	}
	return 2 * float64(s.Layers) * float64(s.KVHeads) * float64(s.HeadDim)
}
