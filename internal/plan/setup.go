package plan

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/headroom-dev/headroom/internal/harness"
	"github.com/headroom-dev/headroom/sim/backend"
)

// A setup is a point whose names have been found: what is simulated.
type setup struct {
	*Point
	rule    rule
	weights backend.Precision
	model   *backend.LLM
}

// skipped is the reason why a point is not simulated.
type skipped string

func (s skipped) Error() string { return string(s) }

// defaultSystem is the card of open-loop tables, which have no column for it.
const defaultSystem = "h100"

// prepare finds the names of a point and makes its engine.
func prepare(p *Point, o *Options) (*setup, error) {
	shapes, cards := slices.Concat(o.Shapes, backend.Shapes), slices.Concat(o.Cards, backend.GPUs)
	shape, ok := shapeFor(p.Model, shapes)
	if !ok {
		return nil, skipped(fmt.Sprintf("unknown model %q; known: %s", p.Model, listed(shapes, func(s backend.Shape) string { return s.Name })))
	}
	system := p.System
	if system == "" {
		system = defaultSystem
	}
	card, ok := cardFor(system, cards)
	if !ok {
		return nil, skipped(fmt.Sprintf("unknown system %q; known: %s", system, listed(cards, func(g backend.GPU) string { return g.Name })))
	}
	weights, ok := precisionFor(p.Precision, p.Model)
	if !ok {
		return nil, skipped(fmt.Sprintf("unknown precision %q; known: %s", p.Precision, listed(backend.Precisions, func(p backend.Precision) string { return string(p) })))
	}
	if _, ok := engineFor(p.Backend); !ok {
		return nil, skipped(fmt.Sprintf("unknown engine %q; known: vllm, trtllm, sglang", p.Backend))
	}
	if p.Parallel != "" {
		return nil, skipped(p.Parallel)
	}
	s := &setup{Point: p, weights: weights, rule: ruleFor(p, weights)}
	m := backend.NewLLM()
	m.Model.Shape, m.GPU.GPU, m.TP = shape, card, p.TP
	m.Precision, m.KV, m.Engine = weights, s.rule.kv, s.rule.engine
	m.MaxSeqs, m.MaxBatchedTokens, m.PrefixCaching = s.rule.seqs, s.rule.tokens, s.rule.cached
	if m.MaxBatchedTokens > 0 && m.MaxSeqs > m.MaxBatchedTokens {
		m.MaxBatchedTokens = m.MaxSeqs
	}
	if o.Change != nil {
		o.Change(m)
	}
	if err := m.Validate(); err != nil {
		return nil, skipped(err.Error())
	}
	s.model = m
	return s, nil
}

// closedCalls is how many calls a caller of a closed loop makes on average.
const closedCalls = 10

// scenario writes the scenario of points that are measured one after the other in one run: a closed
// loop, or the stages of an open-loop experiment.
func scenario(stages []*setup) (*harness.Plan, error) {
	s := stages[0]
	service, err := yaml.Dump(backend.Service{Model: backend.Choice{Name: "llm", Model: s.model}, Replicas: 1, Balance: backend.NewService().Balance})
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "name: line-%d\n", s.Line)
	if s.Kind == Closed {
		fmt.Fprintf(&b, "load: {phases: [{name: measured, concurrency: %d, calls: %d}]}\n", s.Concurrency, closedCalls*s.Concurrency)
		fmt.Fprintf(&b, "requests: {prompt: %s, output: %s, patience: 0s}\n", s.rule.lengths(s.ISL), s.rule.lengths(s.OSL))
	} else {
		fmt.Fprintf(&b, "load:\n  arrivals: {poisson: {exact: true}}\n  phases:\n")
		for _, one := range stages {
			rate := one.Rate
			if one.Requests > 0 {
				rate = float64(one.Requests) / one.Duration
			}
			fmt.Fprintf(&b, "  - {name: stage-%d, rate: %v, for: %vs}\n", one.Stage, rate, one.Duration)
		}
		fmt.Fprintf(&b, "requests: {prompt: %.0f, output: %.0f, keys: {cycle: {n: 100}}, prefix: {groups: 10, tokens: 100}, patience: 300s}\n", s.ISL, s.OSL)
	}
	b.WriteString("strategies: [{sync: {connections: warm}}]\nservice:\n  ")
	b.WriteString(strings.ReplaceAll(strings.TrimRight(string(service), "\n"), "\n", "\n  "))
	b.WriteString("\n")
	plan, err := harness.Read(fmt.Sprintf("line %d", s.Line), &b)
	if err != nil {
		return nil, err
	}
	if m, ok := plan.Service.Model.Model.(*backend.LLM); ok {
		m.Ablation = s.model.Ablation // no scenario can name it
	}
	return plan, nil
}

// lengths writes a number of tokens as the harness draws it.
func (r rule) lengths(n float64) string {
	low, high := math.Max(1, math.Round(r.low*n)), math.Max(1, math.Round(r.high*n))
	if low == high {
		return fmt.Sprintf("%.0f", n)
	}
	return fmt.Sprintf("{uniform: {min: %.0f, max: %.0f}}", low, high)
}
