package backend

import (
	"fmt"
	"slices"
	"time"
)

// What a configuration of the llm model leaves open follows from its model and card.

// cardsWithFP4 are the Blackwell cards.
func cardsWithFP4() []GPU {
	var cards []GPU
	for _, g := range GPUs {
		if g.FP4 > 0 {
			cards = append(cards, g)
		}
	}
	return cards
}

// large reports whether vLLM's defaults for large cards hold: 70 GiB or more and no a100 (arg_utils).
func (m *LLM) large() bool { return m.GPU.Memory >= 70 && m.GPU.Name != "a100" }

// maxSeqs returns the bound on running sequences. The default is no more than the tokens of a step where
// these are given, as in vLLM (arg_utils).
func (m *LLM) maxSeqs() int {
	seqs := 256
	switch {
	case m.MaxSeqs > 0:
		return m.MaxSeqs
	case m.large():
		seqs = 1024
	}
	if m.MaxBatchedTokens > 0 {
		seqs = min(seqs, m.MaxBatchedTokens)
	}
	return seqs
}

// maxBatchedTokens returns the bound on the tokens of a step.
func (m *LLM) maxBatchedTokens() int {
	switch {
	case m.MaxBatchedTokens > 0:
		return m.MaxBatchedTokens
	case m.large():
		return 8192
	}
	return 2048
}

// A Figure is something derived, for people to read.
type Figure struct{ Name, Value string }

// Derived returns what follows from the configuration, which has passed Validate.
func (m *LLM) Derived() []Figure {
	mem, line := m.memory(), m.physics().linearise(m.maxSeqs())
	if m.StepTime.Linear != nil {
		line = *m.StepTime.Linear
	}
	blocks := mem.blocks(m.Block) - 1
	return []Figure{
		{"max_seqs", fmt.Sprint(m.maxSeqs())},
		{"max_batched_tokens", fmt.Sprint(m.maxBatchedTokens())},
		{"engine", m.Engine.String()},
		{"keys and values", fmt.Sprintf("%d blocks of %d tokens, %d tokens in all", blocks, m.Block, blocks*m.Block)},
		{"memory", fmt.Sprintf("%.1f GiB usable - %.1f weights - %.1f activations - %.1f other", mem.usable/gib, mem.weights/gib, mem.activations/gib, mem.other/gib)},
		{"step_time", fmt.Sprintf("about linear: {base: %v, per_prefill_token: %v, per_sequence: %v}", line.Base, line.PerPrefillToken, line.PerSequence)},
	}
}

// measuredCards are those whose step times were compared with measurements.
var measuredCards = []string{"h100", "h200"}

// Unverified says what of the configuration rests on no measurement, in words for a report; nil if all
// of it was measured.
func (m *LLM) Unverified() []string {
	if m.StepTime.Linear != nil {
		return nil // somebody's own figures
	}
	var what []string
	note := func(is bool, words string) {
		if is {
			what = append(what, words)
		}
	}
	note(!slices.Contains(measuredCards, m.GPU.Name), "card "+m.GPU.Name)
	note(m.Precision != BF16 && m.Precision != FP8, "precision "+string(m.Precision))
	note(m.Model.Experts.Count > 0, "a model with experts")
	note(m.Model.Latent > 0, "latent attention")
	note(m.Engine.Name != "vllm", "engine "+m.Engine.Name)
	note(m.StepTime.Physics == nil && m.StepTime.word() == "roofline", "step time roofline, a bound")
	return what
}

// KVTokens returns how many tokens of keys and values fit.
func (m *LLM) KVTokens() int { return (m.memory().blocks(m.Block) - 1) * m.Block }

// Step returns how long a step with that batch takes. The configuration must have passed Validate.
func (m *LLM) Step(b Batch) time.Duration { return m.stepTime().StepTime(b) }
