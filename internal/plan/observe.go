package plan

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/headroom-dev/headroom/sim/backend"
)

// The coefficients of the physics step time, in the order of a fit.
const (
	coefA = iota
	coefB
	coefCKV
	coefCAT
	coefCTB
	coefCAR
	coefCL
	coefCR
	numCoefs
)

var coefNames = [numCoefs]string{"a", "b", "ckv", "cat", "ctb", "car", "cl", "cr"}

// firstLinear is the first coefficient in which the step time is linear; a and b stand under a root.
const firstLinear = coefCKV

// coefs are the coefficients; car, cl and cr in seconds.
type coefs [numCoefs]float64

func coefsOf(c backend.Coefficients, perSequence float64) coefs {
	return coefs{c.A, c.B, c.CKV, c.CAT, c.CTB, c.CAR.Seconds(), c.CL.Seconds(), perSequence}
}

// An observation is a measured step time, or a mean one, with the terms that make it:
//
//	y = k (g(0) + q (g(1) - g(0)) + sum of coefficient x term),  g(i) = sqrt((a W_i)^2 + (b F_i)^2)
//
// A measured step has q 0. Of a closed loop the mean step is made as the batches are on average: q =
// callers/output prompts begin in a step; the context is callers x (prompt + output/2), the pairs
// q prompt^2/2; the products are taken at so many tokens as there are callers, and in a share q of the
// steps with a prompt more.
type observation struct {
	line   int
	y      float64 // seconds
	k      float64
	q      float64
	w, f   [2]float64
	linear [numCoefs - firstLinear]float64
	tp     int
	seqs   int    // of a step, for what a fit needs
	length string // prompt and output, or context, likewise
	setup  *setup
}

// predict returns the step time under some coefficients.
func (o *observation) predict(c coefs) float64 {
	y := o.gemm(c[coefA], c[coefB])
	for i, x := range o.linear {
		y += o.k * c[firstLinear+i] * x
	}
	return y
}

func (o *observation) gemm(a, b float64) float64 {
	g := math.Hypot(a*o.w[0], b*o.f[0])
	if o.q > 0 {
		g += o.q * (math.Hypot(a*o.w[1], b*o.f[1]) - g)
	}
	return o.k * g
}

// observe makes the observation of a point; skipped with the reason where there is none.
func observe(p *Point, opts *Options) (*observation, error) {
	s, err := prepare(p, opts)
	if err != nil {
		return nil, err
	}
	o := &observation{line: p.Line, tp: p.TP, setup: s}
	switch {
	case p.Kind == Step:
		o.y = p.Measured[step] / 1000
		t := s.model.Terms(p.Batch)
		o.k, o.w[0], o.f[0] = t.Multiplier, t.W, t.F
		o.linear = [...]float64{t.KV, t.ATT, t.TPB, t.Reduces, t.Layers, t.Seqs}
		o.seqs, o.length = p.Batch.Seqs, fmt.Sprint(p.Batch.Context/int64(max(p.Batch.Decode, 1)))
	case p.Kind == Closed && p.Measured[tpot] > 0:
		o.y = p.Measured[tpot] / 1000
		o.closedLoop()
	case p.Kind == Closed:
		return nil, skipped("no tpot_ms")
	default:
		return nil, skipped("the fit takes closed-loop points and steps")
	}
	if !(o.y > 0) {
		return nil, skipped("no time")
	}
	if memory := s.model.KVTokens(); p.Kind == Closed && float64(p.Concurrency)*(p.ISL+p.OSL) > float64(memory) {
		return nil, skipped(fmt.Sprintf("%d callers of %.0f tokens need more than the %d tokens of memory: the scheduler decides", p.Concurrency, p.ISL+p.OSL, memory))
	}
	return o, nil
}

// closedLoop fills in the terms of the mean step of a closed loop.
func (o *observation) closedLoop() {
	s := o.setup
	share := (s.rule.low + s.rule.high) / 2
	c, isl, osl := float64(s.Concurrency), share*s.ISL, share*s.OSL
	o.q = c / osl
	few := s.model.Terms(backend.Batch{Decode: s.Concurrency, Seqs: s.Concurrency, Context: int64(math.Round(c * (isl + osl/2))), Pairs: o.q * isl * isl / 2})
	more := s.model.Terms(backend.Batch{Decode: s.Concurrency, Prefill: int(math.Round(isl)), Seqs: s.Concurrency})
	o.k, o.w, o.f = few.Multiplier, [2]float64{few.W, more.W}, [2]float64{few.F, more.F}
	o.linear = [...]float64{few.KV, few.ATT, few.TPB + o.q*(more.TPB-few.TPB), few.Reduces, few.Layers, few.Seqs}
	o.seqs, o.length = s.Concurrency, fmt.Sprintf("%.0f/%.0f", s.ISL, s.OSL)
}

// A shortage is measurements that do not suffice for a fit.
type shortage string

func (s shortage) Error() string { return string(s) }

// observeAll makes the observations of all points that have one, and says what is missing for a fit:
// at least 20 points, over three batch sizes and two lengths.
func observeAll(points []Point, opts *Options) ([]*observation, []string, error) {
	var all []*observation
	var left []string
	seqs, lengths := map[int]bool{}, map[string]bool{}
	for i := range points {
		o, err := observe(&points[i], opts)
		var skip skipped
		if errors.As(err, &skip) {
			left = append(left, fmt.Sprintf("line %d: %s", points[i].Line, skip))
			continue
		} else if err != nil {
			return nil, nil, err
		}
		all = append(all, o)
		seqs[o.seqs], lengths[o.length] = true, true
	}
	var missing []string
	need := func(have, want int, what string) {
		if have < want {
			missing = append(missing, fmt.Sprintf("%d %s, have %d", want, what, have))
		}
	}
	need(len(all), 20, "points")
	need(len(seqs), 3, "concurrencies")
	need(len(lengths), 2, "lengths")
	if len(missing) == 0 {
		return all, left, nil
	}
	text := "a fit needs at least " + missing[0]
	for _, m := range missing[1:] {
		text += "; " + m
	}
	if len(left) > 0 {
		text += fmt.Sprintf(" (%d points left out: %s)", len(left), left[0])
	}
	return nil, left, shortage(text)
}

// held returns the coefficients that the observations cannot tell, with the reason; "" for the others.
func held(all []*observation, c coefs) [numCoefs]string {
	var why [numCoefs]string
	several, single := false, false
	share := [numCoefs]float64{}
	for _, o := range all {
		several, single = several || o.tp > 1, single || o.tp == 1
		share[coefA] = max(share[coefA], (o.gemm(c[coefA], c[coefB])-o.gemm(0, c[coefB]))/o.y)
		share[coefB] = max(share[coefB], (o.gemm(c[coefA], c[coefB])-o.gemm(c[coefA], 0))/o.y)
		for i, x := range o.linear {
			share[firstLinear+i] = max(share[firstLinear+i], o.k*c[firstLinear+i]*x/o.y)
		}
	}
	const least = 0.005
	for i := range why {
		if share[i] < least {
			why[i] = fmt.Sprintf("under %g %% of the time in every point", 100*least)
		}
	}
	if !several {
		why[coefCTB], why[coefCAR] = "no point with tp above 1", "no point with tp above 1"
	} else if !single && why[coefCAR] == "" {
		why[coefCAR] = "no point with tp 1, so it cannot be told from cl"
	}
	return why
}

// commonest returns the setup that most observations have, for the service that is written.
func commonest(all []*observation) *setup {
	count := map[string]int{}
	name := func(o *observation) string {
		m := o.setup.model
		return fmt.Sprint(m.Model.Name, m.GPU.Name, m.TP, m.Precision, m.KV, m.Engine)
	}
	for _, o := range all {
		count[name(o)]++
	}
	return slices.MaxFunc(all, func(x, y *observation) int { return count[name(x)] - count[name(y)] }).setup
}

// service returns the engine of a setup for scenarios. Where no column gave the bounds of a step they are
// the engine's own: a harness that lets as many sequences run as it has callers says nothing of the card.
func (s *setup) service() *backend.LLM {
	m := *s.model
	if s.MaxSeqs == 0 && s.MaxTokens == 0 {
		m.MaxSeqs, m.MaxBatchedTokens = 0, 0
	}
	return &m
}
