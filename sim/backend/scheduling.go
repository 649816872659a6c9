package backend

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// A Policy is the order in which an engine admits calls and takes memory back from them.
type Policy string

// The policies of vLLM.
const (
	// FCFS admits in order of arrival; the last one admitted gives its memory back first.
	FCFS Policy = "fcfs"
	// PriorityFirst admits by class and within a class in order of arrival; the lowest class gives its
	// memory back first, the last to arrive before others.
	PriorityFirst Policy = "priority"
)

// The defaults of the way in and out, measured on vLLM's API server: HTTP, tokeniser and hand-over to
// the engine, and the hand-over back.
const (
	defaultIngress  = 9 * time.Millisecond
	defaultResponse = 46 * time.Microsecond
)

// checkScheduling notes values of the scheduler's settings that are out of range.
func (m *LLM) checkScheduling(f *sim.Faults) {
	if m.LongPrefillThreshold < 0 {
		f.Add("long_prefill_threshold", strconv.Itoa(m.LongPrefillThreshold), "1 token or more, or 0 for no limit")
	}
	if !(m.Watermark >= 0 && m.Watermark < 1) {
		f.Add("watermark", m.Watermark.String(), "0% or more, below 100%")
	}
	if m.Policy != FCFS && m.Policy != PriorityFirst {
		f.Add("policy", string(m.Policy), "fcfs, priority")
	}
	for _, one := range []struct {
		path  string
		value time.Duration
	}{{"ingress", m.Ingress}, {"response", m.Response}} {
		if one.value < 0 || one.value > time.Minute {
			f.Add(one.path, one.value.String(), "0s to 1m")
		}
	}
}

// rules puts the scheduler's settings into the bounds of an engine.
func (m *LLM) rules(size *engineSize) {
	size.watermark = int(math.Ceil(float64(m.Watermark) * float64(size.blocks)))
	size.threshold = m.LongPrefillThreshold
	size.whole = !m.ChunkedPrefill
	size.caching = m.PrefixCaching
	size.reserve = m.Reserve
	size.byClass = m.Policy == PriorityFirst
	size.async = m.Engine.async()
	size.ingress, size.response = m.Ingress, m.Response
	size.ablation = m.Ablation
}

// Fits returns nil if a call of so many tokens can be carried at all, else why not, with the arithmetic.
// The configuration must have passed Validate.
func (m *LLM) Fits(prompt, output int) error {
	size := m.size()
	e := engine{engineSize: size}
	if e.fits(prompt, output) {
		return nil
	}
	most := longest(prompt, output)
	var why []string
	if size.length > 0 && prompt+output > size.length {
		why = append(why, fmt.Sprintf("above max_model_len, %d", size.length))
	}
	if need := e.blocksFor(most); need+size.watermark > size.blocks {
		mem := m.memory()
		why = append(why, fmt.Sprintf("%d blocks of %d tokens (the last token is not kept)%s, and %d x %s has room for %d: "+
			"(%.1f GiB usable - %.1f weights - %.1f activations - %.1f other) / %.0f bytes a block, one of them reserved",
			need, size.block, above(size.watermark), m.TP, m.GPU.Name, size.blocks,
			mem.usable/gib, mem.weights/gib, mem.activations/gib, mem.other/gib, mem.perToken*float64(size.block)))
	}
	if size.whole && most > size.tokens {
		why = append(why, fmt.Sprintf("without chunked_prefill above max_batched_tokens, %d", size.tokens))
	}
	return fmt.Errorf("%d tokens of prompt and %d of output can never be served: %s", prompt, output, strings.Join(why, "; "))
}

func above(watermark int) string {
	if watermark == 0 {
		return ""
	}
	return fmt.Sprintf(" above a watermark of %d", watermark)
}
