package backend

import "testing"

// TestDefaultSequencesFitTheStep: vLLM lowers its default of max_num_seqs to max_num_batched_tokens; one
// that is named is a fault where it does not fit.
func TestDefaultSequencesFitTheStep(t *testing.T) {
	for _, row := range []struct {
		seqs, tokens, want int
		ok                 bool
	}{{0, 0, 1024, true}, {0, 512, 512, true}, {0, 4096, 1024, true}, {64, 512, 64, true}, {600, 512, 600, false}} {
		m := NewLLM()
		m.MaxSeqs, m.MaxBatchedTokens = row.seqs, row.tokens
		if err := m.Validate(); m.maxSeqs() != row.want || (err == nil) != row.ok {
			t.Errorf("max_seqs %d, max_batched_tokens %d: got %d, %v", row.seqs, row.tokens, m.maxSeqs(), err)
		}
	}
}
