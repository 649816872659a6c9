package report

import (
	"math"
	"slices"
)

// liveCharts returns the charts that the script draws, each line of at most limit points; those without
// data are left out, as they are among the plots.
func (r *Result) liveCharts(limit int) []liveChart {
	n, _ := r.shown()
	var all []liveChart
	if !(r.end() > 0) || math.IsInf(r.end(), 0) {
		return nil
	}
	for _, chart := range []func(n, limit int) liveChart{r.liveRates, r.liveLatency, r.liveOutcomes, r.liveQueue, r.liveAttempts, r.liveReplicas, r.liveHeat, r.liveCurve} {
		c := chart(n, limit)
		if len(c.Panels) > 0 && c.Max > c.Min && finite(c.Max) && finite(c.Min) {
			all = append(all, c)
		}
	}
	return all
}

// liveLimit is how many points a line may have so that all lines keep the budget.
func (r *Result) liveLimit() int {
	n, _ := r.shown()
	lines := n * (3 + 3 + len(r.outcomeKinds()) + len(levelLines) + 1 + 1 + len(replicaLines) + 1)
	return max(mostPoints/2, min(mostLive, liveBudget/max(1, lines)))
}

// steps turns stretches into a line of the script.
func (l liveLine) steps(stretches []stretch) liveLine {
	l.Values = make([]value, len(stretches))
	for i, s := range stretches {
		l.Values[i] = value(s.y)
	}
	return l
}

// points turns points into a line of the script.
func (l liveLine) points(points []point) liveLine {
	l.Values = make([]value, len(points))
	for i, p := range points {
		l.Values[i] = value(p.y)
	}
	return l
}

// most is the largest value of a chart.
func (c *liveChart) most() float64 {
	most := 0.0
	for _, p := range c.Panels {
		for _, l := range p.Lines {
			for _, v := range l.Values {
				if float64(v) > most {
					most = float64(v)
				}
			}
		}
	}
	return most
}

// fromSteps adds a panel whose lines hold a value for each stretch.
func (c *liveChart) fromSteps(name string, of []stretch, lines ...liveLine) {
	p := livePanel{Name: name, Lines: lines}
	if len(of) > 0 {
		p.From, p.Step = of[0].from, of[0].to-of[0].from
		c.Panels = append(c.Panels, p)
	}
}

// fromPoints adds a panel whose lines hold a value for each point.
func (c *liveChart) fromPoints(name string, of []point, step float64, lines ...liveLine) {
	p := livePanel{Name: name, Lines: lines}
	if len(of) > 0 {
		p.From, p.Step = of[0].x, step
		if len(of) > 1 {
			p.Step = of[1].x - of[0].x
		}
		c.Panels = append(c.Panels, p)
	}
}

func (r *Result) liveRates(n, limit int) liveChart {
	c := liveChart{Name: "rates", Kind: "time", Unit: "/s", Steps: true}
	good := "good"
	if r.Objective == nil {
		good = "ok"
	}
	looks := r.looks()
	for i := range n {
		s := &r.Strategies[i].Series
		line := func(values []float64) []stretch {
			return meanStretches(values, s.StepS, wholeSteps(r.end(), s.StepS), limit)
		}
		tone := toneOf(looks[i].color)
		c.fromSteps(r.Strategies[i].Name, line(s.Offered),
			liveLine{Label: good, Tone: tone, Width: 0, Fill: true}.steps(line(s.Good)),
			liveLine{Label: "offered", Tone: "off", Width: 1.5}.steps(line(s.Offered)),
			liveLine{Label: "achieved", Tone: tone, Width: 2}.steps(line(s.Achieved)))
	}
	c.Max = roundUp(c.most() * 1.03)
	return c
}

func (r *Result) liveLatency(n, limit int) liveChart {
	c := liveChart{Name: "latency", Kind: "time", Unit: "ms", Log: true, Ends: true}
	var lines [][]point
	for i := range n {
		s := &r.Strategies[i].Series
		var panel [4][]point
		width := 0.0
		for j, values := range [][]*float64{s.P50MS, s.P95MS, s.P99MS, s.MaxMS} {
			once, step := s.latencies(values)
			panel[j], width = worstPoints(once, step, r.end(), limit), step
		}
		lines = append(lines, panel[:3]...)
		c.fromPoints(r.Strategies[i].Name, panel[0], width,
			liveLine{Label: "P50", Tone: "p50", Width: 2}.points(panel[0]),
			liveLine{Label: "P95", Tone: "p95", Width: 2}.points(panel[1]),
			liveLine{Label: "P99", Tone: "p99", Width: 2}.points(panel[2]))
	}
	c.millis(r, lines)
	return c
}

// millis sets a logarithmic axis of times, and the objective's line on it.
func (c *liveChart) millis(r *Result, lines [][]point) {
	most := c.most()
	if most <= 0 {
		return
	}
	name, bound := r.Objective.tightest()
	most = math.Max(most, bound)
	least, _ := floor(most, bound, lines)
	p := newPanel()
	setMillis(p, least, most)
	c.Min, c.Max = p.Y.Min, p.Y.Max
	if bound >= c.Min && bound <= c.Max {
		c.Bound = &liveBound{At: bound, Label: "objective: " + name + " <= " + plainMillis(bound)}
	}
}

func (r *Result) liveOutcomes(n, limit int) liveChart {
	c := liveChart{Name: "outcomes", Kind: "time", Unit: "share", Steps: true, Stacked: true, Max: 1}
	for i := range n {
		s := &r.Strategies[i].Series
		offered := meanStretches(s.Offered, s.StepS, r.end(), limit)
		var lines []liveLine
		for _, k := range r.outcomeKinds() {
			calls := meanStretches(s.kind(outcomeColors[k].name), s.StepS, r.end(), limit)
			for j := range calls {
				if j < len(offered) && offered[j].y > 0 {
					calls[j].y /= offered[j].y
				} else {
					calls[j].y = math.NaN()
				}
			}
			lines = append(lines, liveLine{Label: outcomeColors[k].name, Tone: toneOf(outcomeColors[k].color), Fill: true}.steps(calls))
		}
		c.fromSteps(r.Strategies[i].Name, offered, lines...)
	}
	return c
}

func (r *Result) liveQueue(n, limit int) liveChart {
	c := liveChart{Name: "queue", Kind: "time", Unit: "calls", Log: true, Min: 1}
	looks := r.looks()
	for i := range n {
		s := &r.Strategies[i].Series
		var lines []liveLine
		var of []point
		for j := range levelLines {
			points := worstLevels(s.level(&levelLines[j]), s.StepS, r.end(), limit)
			if len(points) == 0 {
				continue
			}
			of = points
			l := liveLine{Label: levelLines[j].short, Tone: toneOf(levelLines[j].style.Color), Width: 1.5, Dash: dashOf(levelLines[j].style.Dashes)}
			if j == 0 {
				l.Tone, l.Fill, l.Width = toneOf(looks[i].color), true, 2
			}
			lines = append(lines, l.points(points))
		}
		c.fromPoints(r.Strategies[i].Name, of, s.StepS, lines...)
	}
	if most := c.most(); most > 0 {
		c.Max = math.Max(10, math.Min(most, mostMillis)*1.15)
	}
	return c
}

func (r *Result) liveAttempts(n, limit int) liveChart {
	c := liveChart{Name: "attempts", Kind: "time", Unit: "x", Log: true, Steps: true, Min: leastRatio, Bound: &liveBound{At: 1, Label: "one attempt per call"}}
	looks := r.looks()
	for i := range n {
		s := &r.Strategies[i].Series
		points := s.amplification(r.end(), limit)
		var each []stretch
		for j := 0; j+1 < len(points); j += 2 {
			each = append(each, stretch{points[j].x, points[j+1].x, points[j].y})
		}
		c.fromSteps(r.Strategies[i].Name, each, liveLine{Label: "attempts per call", Tone: toneOf(looks[i].color), Width: 2}.steps(each))
	}
	if most := c.most(); most > 0 {
		c.Max = ratioTop(most)
	}
	return c
}

// liveReplicas is there where the plot of replicas is.
func (r *Result) liveReplicas(n, limit int) liveChart {
	c := liveChart{Name: "replicas", Kind: "time", Unit: "replicas", Steps: true}
	if _, ok := plotReplicas(r); !ok {
		return c
	}
	looks := r.looks()
	for i := range n {
		s := &r.Strategies[i].Series
		var of []stretch
		var lines []liveLine
		add := func(state string, l liveLine) {
			for _, g := range s.Gauges {
				if g.Name == replicaPrefix+state && slices.Max(append(slices.Clone(g.Values), 0)) > 0 {
					of = meanStretches(g.Values, s.StepS, r.end(), limit)
					lines = append(lines, l.steps(of))
				}
			}
		}
		add("ready", liveLine{Label: "ready", Tone: toneOf(looks[i].color), Width: 2, Fill: true})
		for _, l := range replicaLines {
			add(l.state, liveLine{Label: l.label, Tone: toneOf(l.style.Color), Width: 1.5, Dash: dashOf(l.style.Dashes)})
		}
		c.fromSteps(r.Strategies[i].Name, of, lines...)
	}
	c.Max = roundUp(c.most() * 1.03)
	return c
}

func (r *Result) liveHeat(n, _ int) liveChart {
	c := liveChart{Name: "spread", Kind: "heat", Unit: "ms", Log: true}
	most, low, high := r.mostHeat(n)
	if most <= 0 {
		return c
	}
	c.Min, c.Max, c.Most = heatMillis(low), heatMillis(high+1), most
	for i := range n {
		h := r.Strategies[i].Series.Heat
		if !h.usable() {
			continue
		}
		p := livePanel{Name: r.Strategies[i].Name, Step: h.StepS, Lines: []liveLine{}}
		for j := range h.Columns {
			first, counts := h.column(j)
			if len(counts) == 0 {
				p.Columns = append(p.Columns, []int64{})
				continue
			}
			p.Columns = append(p.Columns, append([]int64{int64(first)}, counts...))
		}
		c.Panels = append(c.Panels, p)
	}
	return c
}

func (r *Result) liveCurve(_, limit int) liveChart {
	c := liveChart{Name: "percentiles", Kind: "nines", Unit: "ms", Log: true, Ends: true}
	peak := r.peak()
	longest := []CurvePoint{}
	for i := range r.Strategies {
		if curve := r.Strategies[i].figures(peak).Curve; len(curve) > len(longest) {
			longest = curve
		}
	}
	p := livePanel{}
	for _, at := range thinned(longest, limit) {
		if at.Q >= 0 && at.Q < 1 {
			p.X = append(p.X, nines(at.Q))
		}
	}
	looks := r.looks()
	var lines [][]point
	for i := range r.Strategies {
		curve := thinned(r.Strategies[i].figures(peak).Curve, mostPoints)
		points := make([]point, len(p.X))
		j := 0
		for k, x := range p.X { // a curve is one of steps: between its points the one before holds
			for j < len(curve) && curve[j].Q < 1 && nines(curve[j].Q) <= x+1e-9 {
				j++
			}
			points[k] = point{x, math.NaN()}
			if j > 0 && (j < len(curve) || k == 0 || nines(curve[j-1].Q) > p.X[k-1]+1e-9) {
				points[k].y = curve[j-1].MS
			}
		}
		lines = append(lines, points)
		p.Lines = append(p.Lines, liveLine{Label: r.Strategies[i].Name, Tone: toneOf(looks[i].color), Dash: dashOf(looks[i].dashes), Width: 2}.points(points))
	}
	if len(p.X) > 1 {
		c.Panels = []livePanel{p}
		c.millis(r, lines)
		if c.Bound != nil {
			c.Bound.To = r.Objective.boundTo()
		}
	}
	return c
}
