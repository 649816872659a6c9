package report

import (
	"slices"
	"strings"
)

// cures name the flag that cures what a warning is about, by a part of its text. A warning that names
// a flag itself, or that no flag cures, stays as it is.
var cures = []struct{ part, flag string }{
	{"needs at least", "--seeds or --duration"},
	{"one run", "--seeds=10"},
	{"single run", "--seeds=10"},
	{"one seed", "--seeds=20"},
	{"fewer than 10 seeds", "--seeds=20"},
	{"start lag", "--rate"},
	{"worker", "--max-workers"},
	{"handshake", "--warmup"},
}

// warnings returns what the reader must know to read the figures right, each once: those of the run,
// then those of single figures, with where they hold.
func (r *Result) warnings() []string {
	var all []string
	for _, text := range r.Warnings {
		if !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	var texts []string
	places := make(map[string][]place)
	for i := range r.Strategies {
		for j := range r.Strategies[i].Phases {
			for _, text := range r.Strategies[i].Phases[j].Warnings {
				if places[text] == nil {
					texts = append(texts, text)
				}
				places[text] = append(places[text], place{strategy: i, phase: j})
			}
		}
	}
	for _, text := range texts {
		all = append(all, text+" ("+r.describe(places[text])+")")
	}
	for i, text := range all {
		all[i] = cured(text)
	}
	return all
}

// cured adds the flag that cures a warning, where there is one.
func cured(text string) string {
	if strings.Contains(text, "--") {
		return text
	}
	for _, c := range cures {
		if strings.Contains(text, c.part) {
			return strings.TrimSuffix(text, ".") + ": " + c.flag
		}
	}
	return text
}

// A place is where a warning of figures holds.
type place struct{ strategy, phase int }

// describe says where a warning holds: "before: sync, pooled; spike: all". Phases are in time order.
func (r *Result) describe(where []place) string {
	var parts []string
	for phase := range r.Phases {
		var names []string
		for _, p := range where {
			if p.phase == phase && !slices.Contains(names, r.Strategies[p.strategy].Name) {
				names = append(names, r.Strategies[p.strategy].Name)
			}
		}
		switch {
		case len(names) == 0:
			continue
		case len(names) == len(r.Strategies) && len(names) > 1:
			names = []string{"all strategies"}
		}
		parts = append(parts, r.Phases[phase].Name+": "+strings.Join(names, ", "))
	}
	return strings.Join(parts, "; ")
}
