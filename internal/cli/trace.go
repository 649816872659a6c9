package cli

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/headroom-dev/headroom/scenarios"
)

// showTrace prints the figures of a trace: how much, how fast, how bursty, how large.
func (p *program) showTrace(name string) error {
	recording, err := scenarios.ReadTraceFile(name)
	if err != nil {
		return usage("reading trace: %w", err)
	}
	_, err = io.WriteString(p.stdout, traceFigures(name, recording))
	return err
}

// traceFigures describes a recording.
func traceFigures(name string, recording *scenarios.Recording) string {
	var b strings.Builder
	line := func(what, format string, a ...any) { fmt.Fprintf(&b, "%-12s%s\n", what, fmt.Sprintf(format, a...)) }
	rows := recording.Rows
	line("trace", "%s", name)
	line("format", "%s", recording.Format)
	line("calls", "%s", grouped(int64(len(rows))))
	if text := recording.LeftOut(); text != "" {
		line("left out", "%s", text)
	}
	for _, note := range recording.Notes {
		line("note", "%s", note)
	}
	span := rows[len(rows)-1].At
	line("span", "%s", span.Round(time.Millisecond))
	seconds := perSecond(rows)
	if span > 0 {
		most := slices.Max(seconds)
		mean := float64(len(rows)) / span.Seconds()
		line("mean", "%.3g calls/s", mean)
		line("busiest", "%s in second %s, %.3g times the mean", counted(most, "call"), grouped(int64(slices.Index(seconds, most))), float64(most)/mean)
	}
	if cv, ok := variation(gaps(rows)); ok {
		line("gap CV", "%.3g (1 is Poisson; more comes in bursts)", cv)
	}
	if index, ok := dispersion(seconds); ok {
		line("dispersion", "%.3g (variance over mean of calls per second; 1 is Poisson)", index)
	}
	counts := make([]int, len(rows)) // one table for both: a trace may have many millions of rows
	for i, row := range rows {
		counts[i] = row.Prompt
	}
	line("prompt", "%s", tokens(counts))
	for i, row := range rows {
		counts[i] = row.Output
	}
	line("output", "%s", tokens(counts))
	if share, ok := recording.Shared(); ok {
		line("shared", "%.3g%% of the prompt tokens begin as an earlier prompt did", 100*share)
	}
	return b.String()
}

// mostSeconds bounds the table of calls per second; a year has 31,536,000.
const mostSeconds = 100_000_000

// perSecond counts the calls of each second from the first call on.
func perSecond(rows []scenarios.Row) []int {
	last := int(rows[len(rows)-1].At / time.Second)
	counts := make([]int, min(last, mostSeconds)+1)
	for _, row := range rows {
		counts[min(int(row.At/time.Second), mostSeconds)]++
	}
	return counts
}

// gaps are the times between calls in seconds.
func gaps(rows []scenarios.Row) []float64 {
	all := make([]float64, len(rows)-1)
	for i := range all {
		all[i] = (rows[i+1].At - rows[i].At).Seconds()
	}
	return all
}

// variation is the coefficient of variation: standard deviation over mean, of a whole population.
func variation(values []float64) (float64, bool) {
	mean, variance := moments(values)
	return math.Sqrt(variance) / mean, len(values) > 1 && mean > 0
}

// dispersion is the index of dispersion of counts: variance over mean.
func dispersion(counts []int) (float64, bool) {
	values := make([]float64, len(counts))
	for i, n := range counts {
		values[i] = float64(n)
	}
	mean, variance := moments(values)
	return variance / mean, len(values) > 1 && mean > 0
}

// moments returns mean and variance of a population, in two passes: the sum of squares would lose
// the small gaps of a long trace.
func moments(values []float64) (mean, variance float64) {
	for _, v := range values {
		mean += v
	}
	mean /= float64(len(values))
	for _, v := range values {
		variance += (v - mean) * (v - mean)
	}
	return mean, variance / float64(len(values))
}

// tokens describes counts of tokens; nearest rank, ceil(n q). It sorts them.
func tokens(counts []int) string {
	slices.Sort(counts)
	sum := 0
	for _, n := range counts {
		sum += n
	}
	rank := func(percent int) string {
		return grouped(int64(counts[max((len(counts)*percent+99)/100, 1)-1]))
	}
	return fmt.Sprintf("mean %.4g tokens, P50 %s, P95 %s, P99 %s, largest %s", float64(sum)/float64(len(counts)), rank(50), rank(95), rank(99), rank(100))
}
