package report

import (
	"encoding/json"
	"math"
	"strconv"
)

// What the script draws: the same figures as the plots, at more points. Values are rounded to four
// digits; null is a gap.
type (
	liveData struct {
		End    float64     `json:"end"`
		Phases []livePhase `json:"phases"`
		Peak   int         `json:"peak"` // -1: no phase to shade
		Charts []liveChart `json:"charts"`
		Run    runFacts    `json:"run"`
	}
	livePhase struct {
		Name string  `json:"name"`
		From float64 `json:"from"`
		To   float64 `json:"to"`
	}
	liveChart struct {
		Name    string      `json:"name"` // the plot that it stands for
		Kind    string      `json:"kind"` // time, nines or heat
		Unit    string      `json:"unit"` // of values: ms, /s, share, calls, x
		Log     bool        `json:"log"`
		Steps   bool        `json:"steps"` // a value holds from its time to the next
		Stacked bool        `json:"stacked"`
		Ends    bool        `json:"ends"` // the lines' names stand at their ends
		Min     float64     `json:"min"`
		Max     float64     `json:"max"`
		Bound   *liveBound  `json:"bound,omitempty"`
		Most    int64       `json:"most,omitempty"` // heat: the largest count
		Panels  []livePanel `json:"panels"`
	}
	liveBound struct {
		At    float64 `json:"at"`
		To    float64 `json:"to,omitempty"` // how far right it goes; 0: all the way
		Label string  `json:"label"`
	}
	livePanel struct {
		Name    string     `json:"name"`
		From    float64    `json:"from"` // x of the first value
		Step    float64    `json:"step"`
		X       []float64  `json:"x,omitempty"` // instead, where the values are not of equal steps
		Lines   []liveLine `json:"lines"`
		Columns [][]int64  `json:"columns,omitempty"` // heat: as in Heat, from the top bucket down to the lowest row
	}
	liveLine struct {
		Label  string    `json:"label"`
		Tone   string    `json:"tone"`
		Dash   []float64 `json:"dash,omitempty"`
		Width  float64   `json:"width"`
		Fill   bool      `json:"fill,omitempty"`
		Values []value   `json:"values"`
	}
)

// A value is a number of a chart; NaN is a gap.
type value float64

// MarshalJSON writes four significant digits: no chart shows more, and it is a third of the bytes.
func (v value) MarshalJSON() ([]byte, error) {
	if !finite(float64(v)) {
		return []byte("null"), nil
	}
	x := float64(v)
	if math.Abs(x) < 1e9 {
		x = math.Round(x*1e6) / 1e6
	}
	return strconv.AppendFloat(nil, x, 'g', 4, 64), nil
}

// Limits of the script's data: points of one line, and values in all, or a page of many strategies
// over hours would not load.
const (
	mostLive   = 2000
	liveBudget = 120_000
)

// data writes what the script draws as JSON. json.Marshal escapes <, > and &, so no text in it can end
// the element.
func (p *page) data(charts []liveChart) {
	r := p.r
	d := liveData{End: r.end(), Phases: []livePhase{}, Peak: r.peak(), Charts: charts, Run: r.facts()}
	if charts == nil {
		d.Charts = []liveChart{}
	}
	if len(r.Phases) < 2 {
		d.Peak = -1
	}
	for i := range r.Phases {
		d.Phases = append(d.Phases, livePhase{r.Phases[i].Name, r.Phases[i].FromS, r.Phases[i].ToS})
	}
	text, err := json.Marshal(d)
	if err != nil {
		p.err = err
		return
	}
	p.raw("<script type=\"application/json\" id=\"headroom-data\">")
	p.b.Write(text)
	p.raw("</script>\n")
}

// runFacts is the Result as the page carries it for machines: without series, curves, histograms and
// seeds, which run.json has.
type runFacts struct {
	Result
	Strategies []strategyFacts `json:"strategies"` // in the place of the Result's
	Scenario   *struct{}       `json:"scenario,omitempty"`
}

type strategyFacts struct {
	Name      string           `json:"name"`
	Phases    []Figures        `json:"phases"`
	Total     Figures          `json:"total"`
	RecoveryS *float64         `json:"recovery_s"`
	Recovered bool             `json:"recovered"`
	Against   *Paired          `json:"against_first"`
	Counts    map[string]int64 `json:"counts"`
}

func (r *Result) facts() runFacts {
	f := runFacts{Result: *r, Strategies: []strategyFacts{}}
	f.Offered.PerSec = nil
	bare := func(g Figures) Figures {
		g.Histogram, g.Histograms, g.Curve, g.Cells = "", nil, nil, nil
		return g
	}
	for i := range r.Strategies {
		s := &r.Strategies[i]
		facts := strategyFacts{Name: s.Name, Total: bare(s.Total), RecoveryS: s.RecoveryS, Recovered: s.Recovered, Against: s.Against, Counts: s.Counts}
		for _, g := range s.Phases {
			facts.Phases = append(facts.Phases, bare(g))
		}
		f.Strategies = append(f.Strategies, facts)
	}
	return f
}
