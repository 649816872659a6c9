package report

import "strings"

// sparkLevels are eight heights, lowest first; the ASCII ones for terminals without the blocks.
var (
	sparkLevels      = []rune("▁▂▃▄▅▆▇█")
	sparkLevelsASCII = []rune("_.,-=+*#")
)

// spark draws the share of ok among the offered calls over time as one line of at most width signs,
// the lowest at 0 and the highest at 1. A stretch without calls is a space.
func spark(ok, offered []float64, width int, ascii bool) string {
	n := min(len(ok), len(offered))
	if n == 0 || width < 1 {
		return ""
	}
	levels := sparkLevels
	if ascii {
		levels = sparkLevelsASCII
	}
	width = min(width, n)
	var b strings.Builder
	for i := range width {
		from, to := i*n/width, (i+1)*n/width
		good, all := 0.0, 0.0
		for j := from; j < to; j++ {
			good += ok[j]
			all += offered[j]
		}
		if all <= 0 {
			b.WriteByte(' ')
			continue
		}
		level := int(good / all * float64(len(levels)))
		b.WriteRune(levels[max(0, min(level, len(levels)-1))])
	}
	return b.String()
}

// sparkMarks draws a line under sparks of that width: ^ under the phase that decides, spaces elsewhere.
func (r *Result) sparkMarks(n, width int, step float64) string {
	peak := r.peak()
	if peak < 0 || n == 0 || len(r.Phases) < 2 {
		return ""
	}
	width = min(width, n)
	from, to := r.Phases[peak].FromS, r.Phases[peak].ToS
	marks := make([]byte, width)
	for i := range marks {
		marks[i] = ' '
		begin, end := float64(i*n/width)*step, float64((i+1)*n/width)*step
		if begin < to && end > from {
			marks[i] = '^'
		}
	}
	return strings.TrimRight(string(marks), " ")
}
