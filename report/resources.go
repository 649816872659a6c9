package report

import (
	"fmt"
	"slices"
	"strings"
)

// ResourcePrefix begins the names of the gauges that say which share of a resource is in use.
const ResourcePrefix = "use of "

// A resource is full where fullFrom of it is in use, and saturated in a phase where it was full for
// saturatedFrom of the seconds. The mean use alone would hide a queue that a long phase drains.
const (
	fullFrom      = 0.99
	saturatedFrom = 0.1
)

// resources returns the mean use of each resource in a phase: over the seconds that lie in it, to the
// end of the run where the phase is closed.
func (g gaugeSums) resources(p PhaseInfo) []ResourceUse {
	from, to := int(p.FromS), int(p.ToS)
	if p.Closed {
		to = g.seconds()
	}
	var all []ResourceUse
	for _, s := range g.inOrder() {
		name, ok := strings.CutPrefix(s.name, ResourcePrefix)
		if !ok {
			continue
		}
		var sum, n, full int64
		for j := from; j < min(to, len(s.sum)); j++ {
			sum += s.sum[j]
			n += s.n[j]
			full += s.full[j]
		}
		if n > 0 {
			all = append(all, ResourceUse{Name: name, Mean: float64(sum) / micro / float64(n), Full: float64(full) / float64(n)})
		}
	}
	return all
}

// bottleneck names what was saturated in a phase, and how much of the rest was used; where strategies
// differ, from the least to the most: "saturated in spike: running slots 97 to 100 % (full 90 to 100 %
// of the time); used: kv memory 43 %". It is empty where nothing is known.
func (r *Result) bottleneck(phase int) string {
	var all []*resourceSpan
	for i := range r.Strategies {
		for _, u := range r.Strategies[i].figures(phase).Resources {
			at := slices.IndexFunc(all, func(s *resourceSpan) bool { return s.name == u.Name })
			if at < 0 {
				all = append(all, &resourceSpan{u.Name, span{u.Mean, u.Mean}, span{u.Full, u.Full}})
				continue
			}
			all[at].mean.take(u.Mean)
			all[at].full.take(u.Full)
		}
	}
	if len(all) == 0 {
		return ""
	}
	var saturated, used []string
	for _, one := range all {
		if one.full.most >= saturatedFrom {
			saturated = append(saturated, fmt.Sprintf("%s %s (full %s of the time)", one.name, one.mean, one.full))
		} else {
			used = append(used, fmt.Sprintf("%s %s", one.name, one.mean))
		}
	}
	if len(saturated) == 0 {
		saturated = []string{"nothing"}
	}
	text := "saturated in " + r.Phases[phase].Name + ": " + strings.Join(saturated, ", ")
	if len(used) > 0 {
		text += "; used: " + strings.Join(used, ", ")
	}
	return text
}

// A resourceSpan is the use of one resource over the strategies.
type resourceSpan struct {
	name       string
	mean, full span
}

// A span is from the least to the most of some shares.
type span struct{ least, most float64 }

func (s *span) take(x float64) { s.least, s.most = min(s.least, x), max(s.most, x) }

// String writes it in whole percent: "43 %", "97 to 100 %".
func (s span) String() string {
	least, most := fmt.Sprintf("%.0f", s.least*100), fmt.Sprintf("%.0f", s.most*100)
	if least == most {
		return most + " %"
	}
	return least + " to " + most + " %"
}

// bottlenecks are the lines of all phases, the one that decides first.
func (r *Result) bottlenecks() []string {
	var all []string
	for _, phase := range r.phaseOrder() {
		if text := r.bottleneck(phase); text != "" {
			all = append(all, text)
		}
	}
	return all
}
