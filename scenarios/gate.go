package scenarios

import (
	"fmt"
	"strings"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// A Gate is one demand on the results. Its expression is kept as text here; the package that
// measures knows its grammar. It is written as the expression, or as a mapping with it under gate.
type Gate struct {
	Expr        string        `yaml:"gate" alias:"threshold"`
	Strict      bool          `yaml:"strict"`     // false: shown, never blocks; default true
	Confidence  float64       `yaml:"confidence"` // 0.5 to 0.9999; default 0.95
	MinCalls    int           `yaml:"min_calls,omitempty"`
	OnNoData    string        `yaml:"on_no_data"` // fail (default) or pass
	AbortOnFail bool          `yaml:"abort_on_fail,omitempty" alias:"abortOnFail"`
	DelayAbort  time.Duration `yaml:"delay_abort,omitempty" alias:"delayAbortEval"`

	At Position `yaml:"-"` // where it was written, for faults in the expression
}

// NewGate returns the gate of that expression with its defaults.
func NewGate(expr string) Gate {
	return Gate{Expr: expr, Strict: true, Confidence: 0.95, OnNoData: "fail"}
}

// Fault is an error that points at the gate.
func (g Gate) Fault(found, allowed string) error {
	return &Error{[]Fault{{Position: g.At, Path: "gates", Found: found, Allowed: allowed, whole: true}}}
}

// Validate checks all but the expression.
func (g *Gate) Validate() error {
	var faults sim.Faults
	if strings.TrimSpace(g.Expr) == "" {
		faults.Add("gate", "", `an expression such as "p99{phase=spike} < 2s"`)
	}
	if !(g.Confidence >= 0.5 && g.Confidence <= 0.9999) {
		faults.Add("confidence", fmt.Sprint(g.Confidence), "0.5 to 0.9999")
	}
	if g.MinCalls < 0 {
		faults.Add("min_calls", fmt.Sprint(g.MinCalls), "0 or more")
	}
	if g.OnNoData != "fail" && g.OnNoData != "pass" {
		faults.Add("on_no_data", fmt.Sprintf("%q", g.OnNoData), "fail, pass")
	}
	return faults.Err()
}

func (g *Gate) decodeNode(d *decoder, n *node, path string) {
	*g = NewGate("")
	g.At = n.at
	if n.kind != mapping {
		if d.scalar(n, path, `an expression such as "p99{phase=spike} < 2s", or a mapping with gate`) {
			g.Expr = n.text
		}
		return
	}
	type plain Gate
	d.take(d.source.decode(n, path, (*plain)(g)), n, path)
	for _, name := range []string{"gate", "threshold"} {
		if expr := n.get(name); expr != nil {
			g.At = expr.at
		}
	}
}

func (g Gate) tree() *node {
	plainGate := NewGate(g.Expr)
	plainGate.At = g.At
	if g == plainGate {
		return textNode(g.Expr)
	}
	type plain Gate
	n, err := encode(plain(g))
	if err != nil { // only a confidence that Validate refuses
		panic(err)
	}
	return n
}

// Gates are a list of gates, or k6's mapping from a metric to its thresholds:
//
//	gates:
//	  "http_req_duration{phase:spike}": ["p(99)<500ms", {threshold: "p(50)<100ms", strict: false}]
type Gates []Gate

func (g *Gates) decodeNode(d *decoder, n *node, path string) {
	*g = nil
	switch n.kind {
	case list:
		for i, item := range n.items {
			g.add(d, item, "", fmt.Sprintf("%s[%d]", path, i))
		}
	case mapping:
		for i, key := range n.names {
			at, metric := joinPath(path, key.text), key.text+"."
			if n.items[i].kind != list {
				g.add(d, n.items[i], metric, at)
				continue
			}
			for k, item := range n.items[i].items {
				g.add(d, item, metric, fmt.Sprintf("%s[%d]", at, k))
			}
		}
	default:
		d.fail(n, path, n.describe(), "a list of gates, or a mapping from a metric to its thresholds")
	}
}

func (g *Gates) add(d *decoder, n *node, metric, path string) {
	var one Gate
	one.decodeNode(d, n, path)
	d.take(one.Validate(), n, path)
	one.Expr = metric + strings.TrimSpace(one.Expr)
	*g = append(*g, one)
}
