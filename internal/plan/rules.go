package plan

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/headroom-dev/headroom/sim/backend"
)

// A rule is what is known of the harness and the engine with which points were measured, and stands in
// no column. It is chosen by source, engine version and precision, never by model or system.
type rule struct {
	name   string
	about  string
	low    float64 // lengths are uniform from low to high of what the row names
	high   float64
	cached bool // the prefix cache is on
	engine backend.Engine
	kv     backend.Precision
	tokens int // of a step; 0: the engine's default
	seqs   int // running sequences; 0: the engine's default
}

// dated is a source of InferenceX: a file of the day, or its name.
var dated = regexp.MustCompile(`(?i)(^|[/:])[0-9]{4}-[0-9]{2}-[0-9]{2}(\.csv)?$|inference(x|max)`)

// ruleFor returns the rule of a point whose weights have that precision.
func ruleFor(p *Point, weights backend.Precision) rule {
	engine, _ := engineFor(p.Backend)
	r := rule{engine: backend.Engine{Name: engine, Version: p.Version}, kv: backend.BF16, cached: true, seqs: p.MaxSeqs, tokens: p.MaxTokens, low: 1, high: 1}
	switch {
	case p.Kind == Open:
		r.name = "open-loop"
		if r.engine.Version == "" && engine == "vllm" {
			r.engine.Version = "0.15.1"
		}
		r.seqs, r.tokens = or(r.seqs, 128), or(r.tokens, 2048)
	case p.Kind == Step:
		r.name = "step"
	case dated.MatchString(p.Source):
		r.name, r.low, r.high, r.cached = "inferencex", 0.8, 1.0, false
		// These ran async, and with the larger cost of a sequence.
		if engine == "vllm" {
			r.engine.Version, r.engine.Scheduling = orText(p.Version, "0.12"), "async"
		}
		if weights != backend.BF16 && weights != backend.FP32 {
			r.kv = backend.FP8
		}
		r.tokens, r.seqs = or(r.tokens, 8192), or(r.seqs, p.Concurrency)
	default:
		r.name, r.low, r.high = "closed-loop", 0.8, 1.2
		if engine == "vllm" {
			r.engine.Version = orText(p.Version, "0.12")
		}
	}
	if kv, ok := backend.ParsePrecision(p.KV); ok {
		r.kv = kv
	}
	r.about = r.words(weights)
	return r
}

// words lists what the rule decides, for a report.
func (r rule) words(weights backend.Precision) string {
	parts := []string{r.engine.String(), fmt.Sprintf("weights %s, keys and values %s", weights, r.kv)}
	switch r.name {
	case "step":
		return strings.Join(parts, "; ")
	case "open-loop":
		parts = append(parts, "100 prompts in turn, 10 groups of 10 share 100 tokens", "exactly counted Poisson arrivals", "callers leave after 300 s")
	default:
		parts = append(parts, fmt.Sprintf("lengths %g to %g of those named", r.low, r.high), "10 calls a caller, all callers start at once")
	}
	if !r.cached {
		parts = append(parts, "no prefix cache")
	}
	return strings.Join(append(parts, "max_seqs "+orDefault(r.seqs), "max_batched_tokens "+orDefault(r.tokens)), "; ")
}

func orDefault(n int) string {
	if n == 0 {
		return "by card"
	}
	return fmt.Sprint(n)
}

func or(n, other int) int {
	if n == 0 {
		return other
	}
	return n
}

func orText(text, other string) string {
	if text == "" {
		return other
	}
	return text
}
