package plan

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/headroom-dev/headroom/internal/harness"
	"github.com/headroom-dev/headroom/internal/shareddata"
	"github.com/headroom-dev/headroom/sim/backend"
)

// stepRows writes measured steps of an engine with the given coefficients: what a fit is to find again.
func stepRows(t *testing.T, tps []int, c backend.Coefficients) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("model,system,tp,prefill,decode,context,pairs,seqs,step_us\n")
	for _, tp := range tps {
		m := backend.NewLLM()
		m.TP, m.StepTime = tp, backend.StepTimes{Physics: &c}
		for _, decode := range []int{1, 16, 64, 256} {
			for _, context := range []int64{200, 1500, 6000} {
				for _, prefill := range []int{0, 512, 4096} {
					batch := backend.Batch{Prefill: prefill, Decode: decode, Context: int64(decode) * context, Seqs: decode, Pairs: float64(prefill) * float64(prefill) / 2}
					fmt.Fprintf(&b, "llama-3.1-8b,h100,%d,%d,%d,%d,%g,%d,%g\n", tp, prefill, decode, batch.Context, batch.Pairs, batch.Seqs, m.Step(batch).Seconds()*1e6)
				}
			}
		}
	}
	return b.String()
}

// TestFitFindsTheCoefficients: steps made with known coefficients give them back.
func TestFitFindsTheCoefficients(t *testing.T) {
	c := backend.DefaultCoefficients()
	c.A, c.B, c.CKV, c.CAT, c.CTB, c.CAR, c.CL = 1.3, 2.1, 1.5, 2.2, 1.7, 9000, 30000
	cr := c.CAR * 2
	c.CR = &cr
	f, err := NewFit(t.Context(), read(t, stepRows(t, []int{1, 4}, c)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range [...]float64{1.3, 2.1, 1.5, 2.2, 1.7, 9e-6, 30e-6, 18e-6} {
		if math.Abs(f.Value[i]/want-1) > 0.03 || f.Held[i] != "" {
			t.Errorf("%s: got %g %s, want %g", coefNames[i], f.Value[i], f.Held[i], want)
		}
		if f.Low[i] > want*1.001 || f.High[i] < want*0.999 {
			t.Errorf("%s: the interval [%g, %g] misses %g", coefNames[i], f.Low[i], f.High[i], want)
		}
	}
	if f.Fitted > 0.002 || f.CrossValidated > 0.01 || f.Before < 0.1 {
		t.Errorf("got errors %g before, %g fitted, %g cross-validated", f.Before, f.Fitted, f.CrossValidated)
	}
	var b bytes.Buffer
	if err := f.WriteService(&b); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "\n  replicas: 1\n") {
		t.Errorf("not one replica in\n%s", b.String())
	}
	plan, err := harness.Read("fitted", strings.NewReader("load: {phases: [{name: a, rate: 1/s, for: 1s}]}\nstrategies: [sync]\n"+b.String()))
	if err != nil {
		t.Fatalf("%v in\n%s", err, b.String())
	}
	if m, ok := plan.Service.Model.Model.(*backend.LLM); !ok || m.StepTime.Physics == nil || math.Abs(m.StepTime.Physics.B-2.1) > 0.06 {
		t.Errorf("got service %+v", plan.Service)
	}
}

// TestFitHoldsWhatItCannotTell: of one card alone nothing is learnt of several.
func TestFitHoldsWhatItCannotTell(t *testing.T) {
	c := backend.DefaultCoefficients()
	f, err := NewFit(t.Context(), read(t, stepRows(t, []int{1}, c)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{coefCTB, coefCAR} {
		if f.Held[i] != "no point with tp above 1" {
			t.Errorf("%s: got %q", coefNames[i], f.Held[i])
		}
	}
	if f.Value[coefCTB] != 1.193 || f.Value[coefCAR] != 5.08e-6 {
		t.Errorf("held coefficients moved: %v", f.Value)
	}
	f, err = NewFit(t.Context(), read(t, stepRows(t, []int{2, 4}, c)), Options{})
	if err != nil || !strings.Contains(f.Held[coefCAR], "cannot be told from cl") || f.Held[coefCTB] != "" {
		t.Errorf("without single cards: got %v, %v", f.Held, err)
	}
}

// TestFitSaysWhatIsMissing: at least 20 points over three concurrencies and two lengths.
func TestFitSaysWhatIsMissing(t *testing.T) {
	point := func(isl, c int) string { return fmt.Sprintf("llama-3.1-8b,h100,%d,128,%d,10\n", isl, c) }
	const header = "model,system,isl,osl,concurrency,tpot_ms\n"
	for _, row := range []struct{ about, text, words string }{
		{"few points", header + point(128, 1) + point(256, 2) + point(512, 4), "20 points, have 3"},
		{"one concurrency", header + strings.Repeat(point(128, 8), 12) + strings.Repeat(point(512, 8), 12), "3 concurrencies, have 1"},
		{"one length", header + strings.Repeat(point(128, 8)+point(128, 16)+point(128, 32), 8), "2 lengths, have 1"},
		{"an unknown model", "model,system,isl,osl,concurrency,tpot_ms\nm,h100,1,1,1,1\n", "1 points left out: line 2: unknown model"},
		{"an open loop", "model,rate_qps,duration_s,prompt_mean,output_cfg\nllama-2-7b,1,60,100,100\n", "closed-loop points and steps"},
	} {
		_, err := NewFit(t.Context(), read(t, row.text), Options{})
		var short shortage
		if !errors.As(err, &short) || !strings.Contains(err.Error(), row.words) {
			t.Errorf("%s: got %v, want %q", row.about, err, row.words)
		}
	}
}

// TestFitMeetsThePublishedTable: the rows that the table was fitted to, among others, lead back to it.
func TestFitMeetsThePublishedTable(t *testing.T) {
	unraced(t)
	points, err := ReadPoints(bytes.NewReader(shareddata.Read(t, "measured_vllm_train.csv")), Defaults{})
	if err != nil {
		t.Fatal(err)
	}
	f, err := NewFit(t.Context(), points, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("fitted %.2f%%, cross-validated %.2f%%, with the table's %.2f%%", 100*f.Fitted, 100*f.CrossValidated, 100*f.Before)
	if f.Fitted > f.Before || f.CrossValidated > 0.04 {
		t.Errorf("got %g fitted, %g before, %g cross-validated", f.Fitted, f.Before, f.CrossValidated)
	}
	for i, want := range map[int]float64{coefA: 1.075, coefB: 1.55, coefCKV: 1.087, coefCTB: 1.193, coefCR: 52.8e-6} {
		if math.Abs(f.Value[i]/want-1) > 0.1 {
			t.Errorf("%s: got %g, the table says %g", coefNames[i], f.Value[i], want)
		}
	}
}

// TestFitWritesNoBoundOfTheHarness: 4 callers are no limit of the card; what a column says stays.
func TestFitWritesNoBoundOfTheHarness(t *testing.T) {
	for _, row := range []struct {
		column, cell string
		want         [2]int
	}{
		{"nothing", "9", [2]int{0, 0}},
		{"max_num_seqs", "9", [2]int{9, 8192}},
	} {
		points := read(t, "model,system,isl,osl,concurrency,source,"+row.column+"\nllama-3.1-8b,h100,100,100,4,inferencex,"+row.cell+"\n")
		s, err := prepare(&points[0], &Options{})
		if err != nil {
			t.Fatal(err)
		}
		if m := s.service(); [2]int{m.MaxSeqs, m.MaxBatchedTokens} != row.want {
			t.Errorf("%s: got max_seqs %d, max_batched_tokens %d; want %v", row.column, m.MaxSeqs, m.MaxBatchedTokens, row.want)
		}
	}
}
