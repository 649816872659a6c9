package report

import "math"

// mostPoints is how many points one line of a plot may have.
const mostPoints = 600

// pointBudget is about how many points all lines of one plot may have together, and panelCost how many
// points' worth of text a panel is: at 12 bytes of SVG each they keep the file below 100 kB.
const (
	pointBudget = 7400
	panelCost   = 400
)

// perLine returns how many points each line may have where so many panels have so many lines in all.
func perLine(panels, lines int) int {
	return max(24, min(mostPoints, (pointBudget-panelCost*panels)/max(1, lines)))
}

// perSteps is perLine for lines of steps, of which each takes two points.
func perSteps(panels, lines int) int { return perLine(panels, lines) / 2 }

// A stretch is a length of time and the value that holds in it; NaN is a gap.
type stretch struct{ from, to, y float64 }

// stepped turns stretches into a line of steps: a count holds for a whole second, and a slope between
// two seconds would show a spike before it begins.
func stepped(stretches []stretch) []point {
	points := make([]point, 0, 2*len(stretches))
	for _, b := range stretches {
		points = append(points, point{x: b.from, y: b.y}, point{x: b.to, y: b.y})
	}
	return points
}

// end returns where the time axis ends, in seconds: with the last phase, or with the series where
// calls were offered for longer.
func (r *Result) end() float64 {
	end := 0.0
	for i := range r.Phases {
		end = math.Max(end, r.Phases[i].ToS)
	}
	if end > 0 {
		return end
	}
	for i := range r.Strategies {
		end = math.Max(end, float64(len(r.Strategies[i].Series.Offered))*r.Strategies[i].Series.StepS)
	}
	return end
}

// meanStretches turns values of equal steps into at most limit stretches, each the mean of its steps: for
// counts, whose sums stay true. What lies beyond end is left out: after the load nothing is offered.
func meanStretches(values []float64, step, end float64, limit int) []stretch {
	n := length(len(values), step, end)
	group := (n + limit - 1) / max(1, limit)
	var stretches []stretch
	for from := 0; from < n; from += group {
		to := min(n, from+group)
		last := float64(to) * step
		if end > 0 {
			last = math.Min(last, end)
		}
		stretches = append(stretches, stretch{from: float64(from) * step, to: last, y: addUp(values[from:to]) / float64(to-from)})
	}
	return stretches
}

// meanNote says over how long a plot of counts takes its means, where that is longer than a second: a
// spike of a second is then drawn lower and wider than it was.
func (r *Result) meanNote(end float64, limit int) string {
	wide := 0.0
	for i := range r.Strategies {
		s := &r.Strategies[i].Series
		if stretches := meanStretches(s.Offered, s.StepS, end, limit); len(stretches) > 0 {
			wide = math.Max(wide, stretches[0].to-stretches[0].from)
		}
	}
	if wide <= 1 {
		return ""
	}
	return "Each step is the mean of " + showClock(wide) + "; the busiest second had " + showWholeNumber(r.Offered.PeakQPS) + " calls."
}

// wholeSteps is end less a last step that the load fills only in part: its calls per second would look
// like a fall at the end. An end within the first step stays.
func wholeSteps(end, step float64) float64 {
	if step <= 0 || end < step {
		return end
	}
	return math.Floor(end/step+1e-9) * step
}

func addUp(values []float64) float64 {
	total := 0.0
	for _, v := range values {
		total += v
	}
	return total
}

// worstPoints turns values of equal steps into at most limit points, each the largest of its steps: for
// percentiles, which cannot be averaged. A step without calls is a gap where all of its group are.
func worstPoints(values []*float64, step, end float64, limit int) []point {
	n := length(len(values), step, end)
	group := (n + limit - 1) / max(1, limit)
	var points []point
	for from := 0; from < n; from += group {
		to := min(n, from+group)
		most := math.NaN()
		for _, v := range values[from:to] {
			if v != nil && !(*v <= most) {
				most = *v
			}
		}
		points = append(points, point{x: float64(from+to) / 2 * step, y: most})
	}
	return points
}

// length returns how many steps lie before end, at most n.
func length(n int, step, end float64) int {
	if step <= 0 {
		return 0
	}
	if end > 0 {
		if steps := math.Ceil(end/step - 1e-9); steps < float64(n) {
			n = int(steps)
		}
	}
	return n
}

// highest returns the largest y of points; 0 where there is none.
func highest(points []point) float64 {
	most := 0.0
	for _, p := range points {
		if p.y > most {
			most = p.y
		}
	}
	return most
}
