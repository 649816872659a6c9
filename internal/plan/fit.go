package plan

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/headroom-dev/headroom/sim"
	"github.com/headroom-dev/headroom/sim/backend"
)

// A Fit is the coefficients that suit measured points best.
type Fit struct {
	Points int      // used
	Left   []string // points left out, with the reasons

	Value, Low, High [numCoefs]float64 // with 95 % intervals; car, cl and cr in seconds
	Held             [numCoefs]string  // why a coefficient kept its value; "" where it was fitted
	Before           float64           // mean relative error with the table's coefficients, of the formula
	Fitted           float64           // with these
	CrossValidated   float64           // of each fifth under the coefficients fitted to the other four
	service          *backend.LLM
}

// How often rows are drawn anew for the intervals, and in how many parts they are crossed.
const (
	bootstraps = 200
	folds      = 5
)

// NewFit fits the coefficients of the physics step time to closed-loop points or steps: a and b, which
// stand under a root, by a grid, the others for each pair by non-negative least squares on the relative
// error. Intervals are bootstrapped over the rows. What the points cannot tell keeps the table's value.
// A shortage of points is an error that says what is missing.
func NewFit(ctx context.Context, points []Point, o Options) (*Fit, error) {
	all, left, err := observeAll(points, &o)
	if err != nil {
		return nil, err
	}
	common := commonest(all)
	table := coefsOf(backend.DefaultCoefficients(), common.model.Engine.PerSequence().Seconds())
	f := &Fit{Points: len(all), Left: left, Held: held(all, table), service: common.service()}
	f.Value = fitted(all, f.Held, table, nil)
	f.Before, f.Fitted = relative(all, table), relative(all, f.Value)
	if err := f.bootstrap(ctx, all, table); err != nil {
		return nil, err
	}
	f.CrossValidated = crossed(all, f.Held, table)
	return f, nil
}

// relative returns the mean absolute relative error.
func relative(all []*observation, c coefs) float64 {
	sum := 0.0
	for _, o := range all {
		sum += math.Abs(o.predict(c)/o.y - 1)
	}
	return sum / float64(len(all))
}

// fitted returns the coefficients with the least squared relative error. From the best of a coarse grid
// over all that is possible, or from start if there is one, it goes to the best neighbour of a grid that
// gets finer whenever there is none.
func fitted(all []*observation, held [numCoefs]string, table coefs, start *coefs) coefs {
	best, least := table, math.Inf(1)
	try := func(a, b float64) bool {
		c := linearPart(all, held, table, a, b)
		sum := 0.0
		for _, o := range all {
			e := o.predict(c)/o.y - 1
			sum += e * e
		}
		if sum >= least {
			return false
		}
		best, least = c, sum
		return true
	}
	if start != nil {
		try(start[coefA], start[coefB])
	} else {
		for a := 0.6; a <= 3; a += 0.2 {
			for b := 0.5; b <= 5; b += 0.25 {
				try(a, b)
			}
		}
	}
	const finest = 0.001
	for width := 0.1; width >= finest; {
		a, b, better := best[coefA], best[coefB], false
		for _, da := range []float64{-width, 0, width} {
			for _, db := range []float64{-width, 0, width} {
				if (da != 0 || db != 0) && try(max(a+da, 0), max(b+db, 0)) {
					better = true
				}
			}
		}
		if !better {
			width /= 2
		}
	}
	return best
}

// linearPart returns the best coefficients for given a and b.
func linearPart(all []*observation, held [numCoefs]string, table coefs, a, b float64) coefs {
	c := table
	if held[coefA] == "" {
		c[coefA] = a
	}
	if held[coefB] == "" {
		c[coefB] = b
	}
	rows, y := make([][]float64, len(all)), make([]float64, len(all))
	const columns = numCoefs - firstLinear
	cells := make([]float64, columns*len(all))
	for r, o := range all {
		rest := o.y - o.gemm(c[coefA], c[coefB])
		rows[r] = cells[r*columns : (r+1)*columns]
		for i, x := range o.linear {
			if held[firstLinear+i] != "" {
				rest -= o.k * c[firstLinear+i] * x
			} else {
				rows[r][i] = o.k * x / o.y
			}
		}
		y[r] = rest / o.y
	}
	for i, v := range nnls(rows, y, columns) {
		if held[firstLinear+i] == "" {
			c[firstLinear+i] = v
		}
	}
	return c
}

// bootstrap fills in the intervals: the fit to rows drawn anew, with replacement.
func (f *Fit) bootstrap(ctx context.Context, all []*observation, table coefs) error {
	stream := sim.NewStream(1, "bootstrap")
	var values [numCoefs][]float64
	drawn, start := make([]*observation, len(all)), coefs(f.Value)
	for n := range bootstraps {
		if err := ctx.Err(); err != nil {
			return err
		}
		r := stream.For(n, 0)
		for i := range drawn {
			drawn[i] = all[r.IntN(len(all))]
		}
		for i, v := range fitted(drawn, f.Held, table, &start) {
			values[i] = append(values[i], v)
		}
	}
	for i := range values {
		slices.Sort(values[i])
		f.Low[i], f.High[i] = quantile(values[i], 0.025), quantile(values[i], 0.975)
	}
	return nil
}

// crossed returns the mean absolute relative error of points that were not fitted to.
func crossed(all []*observation, held [numCoefs]string, table coefs) float64 {
	order := sim.NewStream(1, "folds").For(0, 0).Perm(len(all))
	sum := 0.0
	for fold := range folds {
		var train, test []*observation
		for place, i := range order {
			if place%folds == fold {
				test = append(test, all[i])
			} else {
				train = append(train, all[i])
			}
		}
		sum += relative(test, fitted(train, held, table, nil)) * float64(len(test))
	}
	return sum / float64(len(all))
}

// Coefficients returns them as a scenario has them.
func (f *Fit) Coefficients() backend.Coefficients {
	seconds := func(s float64) time.Duration { return time.Duration(math.Round(s * 1e9)) }
	digits := func(v float64) float64 { return math.Round(v*1e4) / 1e4 }
	cr := seconds(f.Value[coefCR])
	return backend.Coefficients{
		A: digits(f.Value[coefA]), B: digits(f.Value[coefB]), CKV: digits(f.Value[coefCKV]), CAT: digits(f.Value[coefCAT]), CTB: digits(f.Value[coefCTB]),
		CAR: seconds(f.Value[coefCAR]), CL: seconds(f.Value[coefCL]), CR: &cr,
	}
}

// Apply gives an engine the fitted coefficients.
func (f *Fit) Apply(m *backend.LLM) {
	c := f.Coefficients()
	m.StepTime = backend.StepTimes{Physics: &c}
}

// WriteService writes the service section of a scenario, with the model, card and engine that most
// points have.
func (f *Fit) WriteService(w io.Writer) error {
	m := *f.service
	f.Apply(&m)
	service := backend.NewService()
	service.Model, service.Replicas = backend.Choice{Name: "llm", Model: &m}, 1
	text, err := yaml.Dump(map[string]*backend.Service{"service": service})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "# Fitted by headroom calibrate --fit to %d points: mean error %.1f %% (%.1f %% cross-validated).\n%s\n",
		f.Points, 100*f.Fitted, 100*f.CrossValidated, bytes.TrimSpace(text))
	return err
}

// write says what was fitted and how well.
func (f *Fit) write(b *strings.Builder) {
	fmt.Fprintf(b, "fit of the physics step time to %d points\n", f.Points)
	table := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	for i, name := range coefNames {
		value := func(v float64) string {
			if i >= coefCAR {
				return fmt.Sprintf("%.3gus", v*1e6)
			}
			return fmt.Sprintf("%.3f", v)
		}
		if f.Held[i] != "" {
			fmt.Fprintf(table, "  %s\t%s\theld: %s\n", name, value(f.Value[i]), f.Held[i])
		} else {
			fmt.Fprintf(table, "  %s\t%s\t[%s, %s]\n", name, value(f.Value[i]), value(f.Low[i]), value(f.High[i]))
		}
	}
	_ = table.Flush() // a strings.Builder takes everything
	fmt.Fprintf(b, "mean error of the formula: %.1f %% before, %.1f %% fitted, %.1f %% cross-validated in %d parts\n",
		100*f.Before, 100*f.Fitted, 100*f.CrossValidated, folds)
	for _, left := range f.Left {
		fmt.Fprintf(b, "  left out: %s\n", left)
	}
	b.WriteString("\n")
}

// MarshalJSON writes the coefficients by name; car, cl and cr in microseconds.
func (f *Fit) MarshalJSON() ([]byte, error) {
	type coefficient struct {
		Value float64  `json:"value"`
		Low   *float64 `json:"low"` // 95 % interval; null where it was held
		High  *float64 `json:"high"`
		Held  string   `json:"held,omitempty"`
	}
	all := map[string]coefficient{}
	for i, name := range coefNames {
		unit := 1.0
		if i >= coefCAR {
			name, unit = name+"_us", 1e6
		}
		one := coefficient{Value: f.Value[i] * unit, Held: f.Held[i]}
		if f.Held[i] == "" {
			low, high := f.Low[i]*unit, f.High[i]*unit
			one.Low, one.High = &low, &high
		}
		all[name] = one
	}
	return json.Marshal(struct {
		Points       int                    `json:"points"`
		Coefficients map[string]coefficient `json:"coefficients"`
		Before       float64                `json:"before_mape"`
		Fitted       float64                `json:"fitted_mape"`
		Crossed      float64                `json:"cross_validated_mape"`
		Left         []string               `json:"left_out"`
	}{f.Points, all, f.Before, f.Fitted, f.CrossValidated, append([]string{}, f.Left...)})
}
