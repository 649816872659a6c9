package report

import (
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg/draw"
)

// newPanel returns an empty plot in our lettering, without a title: headings are drawn by heading.
func newPanel() *plot.Plot {
	p := plot.New()
	p.BackgroundColor = nil // the frame is white already
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Padding = 0
		axis.LineStyle.Color, axis.LineStyle.Width = faint, 0.5
		axis.Tick.LineStyle.Color, axis.Tick.LineStyle.Width = faint, 0.5
		axis.Tick.Length = 3
		axis.Label.Padding = 2
	}
	small := lettering(8, faint, false)
	p.X.Tick.Label = placed(small, draw.XCenter, draw.YTop)
	p.Y.Tick.Label = placed(small, draw.XRight, draw.YCenter)
	p.X.Label.TextStyle = placed(lettering(8.5, ink, false), draw.XCenter, draw.YBottom)
	p.Y.Label.TextStyle = placed(lettering(8.5, ink, false), draw.XCenter, draw.YBottom)
	return p
}

// steps are the distances of ticks on a linear axis, times a power of ten.
var steps = []float64{1, 2, 5, 10}

// linearTicks returns ticks from 0 to most at a round distance, about n of them.
func linearTicks(most float64, n int, label func(float64) string) plot.ConstantTicks {
	step := math.Pow(10, math.Floor(math.Log10(most/float64(n))))
	for _, s := range steps {
		if most/(s*step) <= float64(n)+0.5 {
			step *= s
			break
		}
	}
	return every(step, most, label)
}

func every(step, most float64, label func(float64) string) plot.ConstantTicks {
	var ticks plot.ConstantTicks
	for i := 0; float64(i)*step <= most*1.0001; i++ {
		ticks = append(ticks, plot.Tick{Value: float64(i) * step, Label: label(float64(i) * step)})
	}
	return ticks
}

// plainNumber writes a tick of a count: 1,500.
func plainNumber(x float64) string { return thousands(strconv.FormatFloat(x, 'f', -1, 64)) }

// setTime makes the x axis one of time from 0 to end seconds, in seconds, minutes or hours.
func setTime(p *plot.Plot, end float64, label bool) {
	p.X.Min, p.X.Max = 0, end
	unit, size, fit := "s", 1.0, []float64{1, 2, 5, 10, 20, 30, 60, 120, 300}
	switch {
	case end > 4*3600:
		unit, size, fit = "h", 3600, []float64{1, 2, 3, 6, 12, 24, 48, 168}
	case end > 20*60:
		unit, size, fit = "min", 60, []float64{1, 2, 5, 10, 15, 30, 60}
	}
	step := fit[len(fit)-1]
	for _, s := range fit {
		if end/(s*size) <= 6.5 {
			step = s
			break
		}
	}
	for end/(step*size) > 12 { // years of load
		step *= 2
	}
	p.X.Tick.Marker = every(step*size, end, func(x float64) string { return plainNumber(x / size) })
	if label {
		p.X.Label.Text = "time (" + unit + ")"
	}
}

// setRate makes the y axis one of calls per second from 0.
func setRate(p *plot.Plot, most float64, label bool) {
	p.Y.Min, p.Y.Max = 0, roundUp(most*1.03)
	p.Y.Tick.Marker = linearTicks(p.Y.Max, 4, plainNumber)
	if label {
		p.Y.Label.Text = "calls per second"
	}
}

// roundUp returns the next number of two digits, so that axes end near their data; 1 for nothing.
func roundUp(x float64) float64 {
	if x <= 0 || x > math.MaxFloat64/1e3 {
		return 1
	}
	unit := math.Pow(10, math.Floor(math.Log10(x))-1)
	return math.Ceil(x/unit) * unit
}

// setShare makes an axis one of shares, 0 to 100 %.
func setShare(axis *plot.Axis, label string) {
	axis.Min, axis.Max = 0, 1
	axis.Tick.Marker = every(0.25, 1, func(x float64) string { return strconv.FormatFloat(x*100, 'f', -1, 64) })
	axis.Label.Text = label
}

// Logarithmic axes of time lie between a microsecond and thirty years: a log scale panics at 0, and
// at the ends of floats.
const (
	leastMillis = 0.001
	mostMillis  = 1e12
)

// setMillis makes the y axis a logarithmic one of milliseconds that holds least and most. It has no
// label, its ticks say their units: gonum/plot reserves room for a label at the middle of the values,
// which on a logarithmic axis is near the top, and the panels would shrink.
func setMillis(p *plot.Plot, least, most float64) {
	least = math.Min(math.Max(least, leastMillis), mostMillis)
	most = math.Min(math.Max(most, least), mostMillis)
	p.Y.Min, p.Y.Max = least*0.85, most*1.15
	if p.Y.Max/p.Y.Min < 4 { // nearly constant: do not blow noise up to the full height
		middle := math.Sqrt(p.Y.Max * p.Y.Min)
		p.Y.Min, p.Y.Max = middle/2, middle*2
	}
	p.Y.Scale = plot.LogScale{}
	p.Y.Tick.Marker = logTicks(p.Y.Min, p.Y.Max)
}

// mostDecades is how deep a logarithmic axis goes below its highest value.
const mostDecades = 3.5

// belowNote explains a line along the bottom edge.
const belowNote = "A line along the bottom edge lies below it: answers from a cache take no time."

// floor returns the lowest value that an axis up to most needs to hold the limit and the lines, and
// whether some lie below it: a cache answers in no time at all, which no logarithmic axis holds, and
// going down to a microsecond for it would leave no room for the others.
func floor(most, limit float64, lines [][]point) (least float64, below bool) {
	deepest := most / math.Pow(10, mostDecades)
	least = most
	if limit > 0 {
		least = math.Max(deepest, limit)
	}
	for _, line := range lines {
		for _, p := range line {
			switch { // neither for gaps
			case p.y < deepest:
				below = true
			case p.y < least:
				least = p.y
			}
		}
	}
	return least, below
}

// logTicks labels powers of ten; over less than two decades also twos and fives between them.
func logTicks(least, most float64) plot.ConstantTicks {
	wide := most/least >= 60
	var ticks plot.ConstantTicks
	for e := int(math.Floor(math.Log10(least))); e <= int(math.Ceil(math.Log10(most))); e++ {
		for _, digit := range []float64{1, 2, 5} {
			value := digit * math.Pow10(e)
			if value < least || value > most {
				continue
			}
			tick := plot.Tick{Value: value}
			if digit == 1 || !wide {
				tick.Label = plainMillis(value)
			}
			ticks = append(ticks, tick)
		}
	}
	return ticks
}
