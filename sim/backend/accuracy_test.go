package backend

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math"
	"strconv"
	"testing"

	"github.com/headroom-dev/headroom/internal/shareddata"
)

// measured is a closed-loop measurement: mean tokens of prompt and output, calls inside, cards, and the
// mean time of an output token in seconds.
type measured struct {
	isl, osl, c float64
	tp          int
	tpot        float64
}

// forced returns the time of a step that teacher-forcing predicts for a row, without a scheduler, from a
// step time given as gemm, the cost of products of so many tokens, and rest, that of everything else:
//
//	q = c / osl prompts begin in a step;  Context = c (isl + osl/2);  Pairs = q isl^2/2;  Seqs = c
//
// The products are taken at c tokens, and in a share q of the steps at c + isl.
func (row measured) forced(p physics) float64 {
	q := row.c / row.osl
	return p.gemm(row.c) + q*(p.gemm(row.c+row.isl)-p.gemm(row.c)) + p.perContext*row.c*(row.isl+row.osl/2) +
		p.perPair*q*row.isl*row.isl/2 + p.linkPerToken*(row.c+q*row.isl) + p.fixed + p.perSequence*row.c
}

// forcedError returns the relative error, and false where memory binds and the scheduler decides.
func (row measured) forcedError(m *LLM) (float64, bool) {
	m.TP = row.tp
	if row.c*(row.isl+row.osl) > float64(m.memory().blocks(m.Block)*m.Block) {
		return 0, false
	}
	return row.forced(m.physics())/row.tpot - 1, true
}

// qwen and llama70 are the two closed-loop sets: vLLM 0.12, whose host took 52.8 us a sequence.
func qwen() *LLM {
	m := NewLLM()
	m.Model.Shape, m.GPU.GPU, m.Engine.Version = shapeNamed("qwen3-32b"), gpuNamed("h100"), "0.12"
	return m
}

func llama70() *LLM {
	m := NewLLM()
	m.Model.Shape, m.GPU.GPU, m.Engine.Version = shapeNamed("llama-3.1-70b"), gpuNamed("h200"), "0.12"
	m.Precision, m.KV = FP8, FP8
	return m
}

// measuredRows reads the closed-loop rows of both sets. The harness of the 70B rows drew lengths from
// 0.8 to 1.0 of those named.
func measuredRows(t *testing.T) map[string][]measured {
	t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(shareddata.Read(t, "measured_vllm_train.csv"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]measured{}
	for _, row := range rows[1:] {
		number := func(column int) float64 {
			v, err := strconv.ParseFloat(row[column], 64)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		one := measured{isl: number(6), osl: number(7), c: number(8), tp: int(number(9)), tpot: number(13) / 1000}
		if row[0] == "Llama-3.1-70B" {
			one.isl, one.osl = 0.9*one.isl, 0.9*one.osl
		}
		all[row[0]] = append(all[row[0]], one)
	}
	return all
}

// TestPhysicsMeetsMeasurements is the formula alone against all measured points. The twin below always
// runs.
func TestPhysicsMeetsMeasurements(t *testing.T) {
	all := measuredRows(t)
	for _, set := range []struct {
		name  string
		model *LLM
		rows  int
		limit float64
	}{{"Qwen3-32B", qwen(), 86, 0.035}, {"Llama-3.1-70B", llama70(), 58, 0.05}} {
		var errors sample
		for _, row := range all[set.name] {
			if e, ok := row.forcedError(set.model); ok {
				errors.add(math.Abs(e))
			}
		}
		mape, _ := errors.meanAndError()
		t.Logf("%s: mean error %.2f%% over %d rows", set.name, 100*mape, len(errors.values))
		same(t, set.name+": rows where memory does not bind", len(errors.values), set.rows)
		if !(mape <= set.limit) {
			t.Errorf("%s: got a mean error of %.2f%%, want at most %.1f%%", set.name, 100*mape, 100*set.limit)
		}
	}
}

// TestPhysicsMeetsAFewMeasurements: rows of the two published sets (aiconfigurator's silicon samples),
// from the smallest batch to the largest.
func TestPhysicsMeetsAFewMeasurements(t *testing.T) {
	for _, row := range []struct {
		model *LLM
		measured
	}{
		{qwen(), measured{1024, 128, 8, 2, 18.037e-3}},
		{qwen(), measured{1024, 128, 8, 4, 11.7584e-3}},
		{qwen(), measured{1024, 128, 8, 8, 8.6634e-3}},
		{qwen(), measured{1024, 128, 16, 2, 22.1835e-3}},
		{llama70(), measured{0.9 * 1024, 0.9 * 1024, 4, 2, 13.9139e-3}},
		{llama70(), measured{0.9 * 1024, 0.9 * 1024, 16, 1, 24.7244e-3}},
		{llama70(), measured{0.9 * 1024, 0.9 * 1024, 16, 4, 10.9372e-3}},
		{llama70(), measured{0.9 * 8192, 0.9 * 1024, 8, 2, 19.673e-3}},
	} {
		t.Run(fmt.Sprintf("%s tp %d %g/%g at %g", row.model.Model.Name, row.tp, row.isl, row.osl, row.c), func(t *testing.T) {
			if e, ok := row.forcedError(row.model); !ok || math.Abs(e) > 0.10 {
				t.Errorf("off by %.1f%%, want at most 10%%", 100*e)
			}
		})
	}
}

// TestRooflineIsABound: it was found 35 to 45 % too fast on the measured points. The products are
// taken as in forced, with one prompt in a share of the steps.
func TestRooflineIsABound(t *testing.T) {
	for name, rows := range measuredRows(t) {
		m := qwen()
		if name == "Llama-3.1-70B" {
			m = llama70()
		}
		var errors sample
		for _, row := range rows {
			if _, ok := row.forcedError(m); !ok {
				continue
			}
			r, q := m.roofline(), row.c/row.osl
			step := func(prompts float64) float64 {
				return r.StepTime(Batch{
					Prefill: int(prompts * row.isl), Decode: int(row.c), Seqs: int(row.c),
					Pairs: prompts * row.isl * row.isl / 2, Context: int64(row.c * (row.isl + row.osl/2)),
				}).Seconds()
			}
			less, part := math.Modf(q)
			errors.add(((1-part)*step(less)+part*step(less+1))/row.tpot - 1)
		}
		bias, _ := errors.meanAndError()
		t.Logf("%s: %+.1f%%", name, 100*bias)
		if bias < -0.55 || bias > -0.25 {
			t.Errorf("%s: got a bias of %+.1f%%, want about -35%% to -45%%", name, 100*bias)
		}
	}
}

// TestDeepSeekIsOfThePublishedSize: DeepSeek-V3 on H800 was measured at 7,839 prompt tokens and 2,324
// output tokens a second and card (InferSim's README). There every card computes the attention of its own
// sequences and holds a share of the experts, over 32 cards for prompts and 144 for decoding (DeepSeek's
// overview of its inference system), with an exchange that is not modelled here; so only the size can
// agree: within a factor of three.
func TestDeepSeekIsOfThePublishedSize(t *testing.T) {
	m := NewLLM()
	m.Model.Shape, m.GPU.GPU, m.Precision = shapeNamed("deepseek-v3"), gpuNamed("h100"), FP8
	card := func(cards float64) physics {
		p := m.physics()
		share := p.distinct
		p.experts /= cards
		p.distinct = func(tokens float64) float64 { return share(cards * tokens) }
		return p
	}
	const prompt, context, sequences = 4096, 4096, 128
	prefill := card(32).seconds(Batch{Prefill: 4 * prompt, Seqs: 4, Pairs: 4 * prompt * prompt / 2})
	decode := card(144).seconds(Batch{Decode: sequences, Seqs: sequences, Context: sequences * context})
	for _, row := range []struct {
		what           string
		got, published float64
	}{
		{"prompt tokens", 4 * prompt / prefill, 7839},
		{"output tokens", sequences / decode, 2324},
	} {
		t.Logf("%s a second and card: %.0f, published %.0f", row.what, row.got, row.published)
		if ratio := row.got / row.published; ratio < 1.0/3 || ratio > 3 {
			t.Errorf("%s a second and card: got %.0f, published %.0f: more than a factor of 3 apart", row.what, row.got, row.published)
		}
	}
	m.TP = 16
	if err := m.Validate(); err != nil {
		t.Errorf("on 16 cards: %v", err)
	}
}
