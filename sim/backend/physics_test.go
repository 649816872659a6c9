package backend

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestTablesAreWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, g := range GPUs {
		if seen[g.Name] || g.Name == "" || g.Source == "" || g.About == "" {
			t.Errorf("gpu %q: twice, or without a name, a source or a description", g.Name)
		}
		seen[g.Name] = true
		if g.Memory <= 0 || g.Bandwidth <= 0 || g.BF16 <= 0 || g.Link <= 0 || g.FP8+g.INT8 <= 0 {
			t.Errorf("gpu %s lacks a figure: %+v", g.Name, g)
		}
	}
	for _, name := range []string{"a100", "h100", "h200", "b200", "gb200", "h20", "l40s", "l4", "a30", "a10g"} {
		if !seen[name] {
			t.Errorf("no gpu %s", name)
		}
	}
	if len(Shapes) != 12 {
		t.Errorf("got %d models, want 12", len(Shapes))
	}
	for _, s := range Shapes {
		if seen[s.Name] || s.Source == "" || s.Params == 0 || s.KVBytes == 0 {
			t.Errorf("model %q: twice, or lacks a source or a published figure", s.Name)
		}
		seen[s.Name] = true
	}
}

// TestShapesGiveThePublishedFigures: the parameters of all models follow from their shape within
// 3 %, the bytes of keys and values of a token exactly.
func TestShapesGiveThePublishedFigures(t *testing.T) {
	for _, s := range Shapes {
		t.Run(s.Name, func(t *testing.T) {
			same(t, "bytes of a token", 2*s.kvValues(), float64(s.KVBytes))
			near(t, "parameters", s.layersParams()+s.embedding(), s.Params*1e9, 0.03)
			if s.ActiveParams > 0 {
				passed := s.commonParams() + s.routedParams()*float64(s.Experts.Active)/float64(s.Experts.Count)
				near(t, "parameters a token passes", passed+s.embedding(), s.ActiveParams*1e9, 0.03)
			}
		})
	}
}

// TestBlocksOfKeysAndValues holds the memory formula to two published counts, the reserved block
// included, and to what fp8 and copies do to it.
func TestBlocksOfKeysAndValues(t *testing.T) {
	for _, row := range []struct {
		about string
		model string
		gpu   string
		tp    int
		kv    Precision
		want  int
	}{
		{"llama-2-7b alone on an h100", "llama-2-7b", "h100", 1, BF16, 6886},
		{"llama-2-70b over four", "llama-2-70b", "h100", 4, BF16, 31052},
		{"fp8 keys and values fit twice", "llama-2-7b", "h100", 1, FP8, 13772},
		{"67 GB of weights do not fit on an l4", "codellama-34b", "l4", 1, BF16, -16010},
	} {
		t.Run(row.about, func(t *testing.T) {
			m := NewLLM()
			m.Model.Shape, m.GPU.GPU, m.TP, m.KV = shapeNamed(row.model), gpuNamed(row.gpu), row.tp, row.kv
			same(t, "blocks", m.memory().blocks(m.Block), row.want)
		})
	}
	m := NewLLM()
	m.Model.Shape, m.TP = shapeNamed("qwen2.5-7b"), 8 // 4 KV heads on 8 cards: each is kept twice
	same(t, "bytes of a token on 8 cards", m.memory().perToken, 2*57344.0)
}

// TestLinearMeetsPhysics: the line goes through the three batches it is derived from.
func TestLinearMeetsPhysics(t *testing.T) {
	for _, row := range []struct {
		model, gpu string
		precision  Precision
		tp         int
	}{
		{"llama-3.1-8b", "h100", BF16, 1}, {"llama-3.1-8b", "h100", FP8, 1}, {"llama-3.1-8b", "a100", FP8, 1},
		{"llama-3.1-70b", "h100", BF16, 4}, {"qwen3-32b", "h200", INT4, 2}, {"llama-2-7b", "l4", INT8, 1},
	} {
		t.Run(row.model+" on "+row.gpu+" in "+string(row.precision), func(t *testing.T) {
			m := NewLLM()
			m.Model.Shape, m.GPU.GPU, m.Precision, m.TP = shapeNamed(row.model), gpuNamed(row.gpu), row.precision, row.tp
			p := m.physics()
			line := p.linearise(256)
			for _, b := range []Batch{
				{Decode: 1, Seqs: 1, Context: 576},
				{Decode: 64, Seqs: 64, Context: 64 * 576},
				{Prefill: 512, Seqs: 1, Pairs: 512 * 512 / 2},
			} {
				// Coefficients are whole nanoseconds, and there are up to 512 of them in a step.
				if d := line.StepTime(b) - p.StepTime(b); d.Abs() > 300 {
					t.Errorf("batch %+v: the line is off by %v", b, d)
				}
			}
		})
	}
}

// TestLinearIsOfThePublishedSize compares with the published coefficients of Llama-3.1-8B on A100,
// 16442 us, 47.8 us and 18.2 us. Those are of an older engine, whose host was slower, and leave out
// the reading of keys and values; only the size can agree: bytes over bandwidth say 7.4 ms for the
// weights alone, 2 x 7 GFLOP over the peak 45 us.
func TestLinearIsOfThePublishedSize(t *testing.T) {
	m := NewLLM()
	m.GPU.GPU = gpuNamed("a100")
	if err := m.Validate(); err != nil {
		t.Fatal(err)
	}
	l := m.physics().linearise(m.maxSeqs())
	for _, row := range []struct {
		what           string
		got, published float64
	}{
		{"base", l.Base.Seconds(), 16442e-6},
		{"per prefill token", l.PerPrefillToken.Seconds(), 47.8e-6},
		{"per sequence, its context apart", l.PerSequence.Seconds() - 576*m.physics().perContext, 18.2e-6},
	} {
		if ratio := row.got / row.published; ratio < 1.0/3 || ratio > 3 {
			t.Errorf("%s: got %g s, published %g s: more than a factor of 3 apart", row.what, row.got, row.published)
		}
	}
	if weights := 2 * 7.5e9 / 2.039e12; l.Base.Seconds() < weights {
		t.Errorf("base: got %v, below the %.3g s it takes to read the weights", l.Base, weights)
	}
}

// TestPhysicsPrecision: what a precision shortens.
func TestPhysicsPrecision(t *testing.T) {
	of := func(gpu string, weights, kv Precision) physics {
		m := NewLLM()
		m.GPU.GPU, m.Precision, m.KV = gpuNamed(gpu), weights, kv
		return m.physics()
	}
	hopper, hopper8 := of("h100", BF16, BF16), of("h100", FP8, BF16)
	near(t, "fp8 halves the multiplying on Hopper", hopper8.perToken, hopper.perToken/2, 0.001)
	ampere, ampere8 := of("a100", BF16, BF16), of("a100", FP8, BF16)
	same(t, "fp8 on Ampere: multiplying", ampere8.perToken, ampere.perToken)
	if ampere8.weights > 0.6*ampere.weights {
		t.Errorf("fp8 on Ampere: got %g s of reading, want little more than half of %g", ampere8.weights, ampere.weights)
	}
	same(t, "fp8 keys and values are read no faster", of("h100", BF16, FP8).perContext, hopper.perContext)
	same(t, "int4 multiplies in bf16", of("h100", INT4, BF16).perToken, hopper.perToken)
}

// TestAffineIsTheStepTime: the two ways to ask for the time of a decode step agree, to the rounding
// of the nanosecond and of a picosecond a token.
func TestAffineIsTheStepTime(t *testing.T) {
	p := func() physics { m := NewLLM(); return m.physics() }()
	experts := func() physics { m := NewLLM(); m.Model.Shape = shapeNamed("mixtral-8x7b"); return m.physics() }()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 1024).Draw(t, "decoding")
		b := Batch{Decode: n, Seqs: n, Context: rapid.Int64Range(0, 500_000).Draw(t, "context")}
		for _, model := range []interface {
			StepTime
			Affine
		}{p, experts, Linear{Base: time.Duration(n) * time.Microsecond, PerSequence: 35561}} {
			base, slope := model.Affine(b)
			got := time.Duration((base + slope*b.Context) / picoseconds)
			if d := got - model.StepTime(b); d.Abs() > 2+time.Duration(b.Context/1000) {
				t.Fatalf("%T: %v apart", model, d)
			}
		}
	})
}
