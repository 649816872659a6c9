package backend

import "time"

// of returns the time of a batch, whatever its tokens.
func (t *BatchTime) of(calls, _, _ int) time.Duration {
	return t.Base + time.Duration(calls)*t.PerRequest
}

// padded is the time of a batch of a language model that keeps its calls together to the end: the
// prompts in one step, each padded to the longest, then as many steps as the longest output has tokens,
// all calls in each of them, those that are done as well.
type padded struct{ StepTime }

// of returns the time of a batch from its size, its longest prompt and its longest output.
func (p padded) of(calls, prompt, output int) time.Duration {
	total := time.Duration(0)
	if prompt > 0 {
		total = p.StepTime.StepTime(Batch{
			Prefill: calls * prompt, Seqs: calls,
			Pairs: float64(calls) * float64(prompt) * float64(prompt) / 2,
		})
	}
	decode := Batch{Decode: calls, Seqs: calls, Context: int64(calls) * int64(prompt)}
	if affine, ok := p.StepTime.(Affine); ok {
		base, slope := affine.Affine(decode)
		steps := stretch{first: base + slope*decode.Context, growth: slope * int64(calls)}
		return total + time.Duration(steps.after(int64(output))/picoseconds)
	}
	for range output {
		total += p.StepTime.StepTime(decode)
		decode.Context += int64(calls)
	}
	return total
}
