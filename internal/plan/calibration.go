package plan

import (
	"encoding/json"
	"io"
	"math"
	"slices"
)

// Schema names the form of the JSON output.
const Schema = "headroom.calibration/1"

// A Calibration is what came out of all points.
type Calibration struct {
	Rows   []Row
	Groups []Group
	Total  Group
	Seeds  int
	Fit    *Fit // of the coefficients they were simulated with; nil: the table's
}

// A Group is the errors of the rows of one model, system and precision, as the table writes them; a
// blank precision is the one that was simulated. Stages that the measured service did not survive form
// groups of their own. Errors are shares: 0.05 is 5 %. Null is no data.
type Group struct {
	Model      string `json:"model"`
	System     string `json:"system"`
	Precision  string `json:"precision"`
	Overloaded bool   `json:"overloaded"` // under 99 % of the calls were answered; times are those of the answered
	N          int    `json:"n"`

	TPOTMape   *float64 `json:"tpot_mape"` // mean of |simulated/measured - 1|
	TPOTMedian *float64 `json:"tpot_median"`
	TPOTBias   *float64 `json:"tpot_bias"` // mean of simulated/measured - 1
	TTFTMape   *float64 `json:"ttft_mape"`
	TTFTMedian *float64 `json:"ttft_median"`
	TTFTBias   *float64 `json:"ttft_bias"`
	TTFTP50    *float64 `json:"ttft_p50_mape"` // of the median TTFT
	TTFTP99    *float64 `json:"ttft_p99_mape"`
	E2EMape    *float64 `json:"e2e_mape"`
	E2EMedian  *float64 `json:"e2e_median"`
	E2EBias    *float64 `json:"e2e_bias"`
	E2EP99     *float64 `json:"e2e_p99_mape"`
	StepMape   *float64 `json:"step_mape,omitempty"` // of single steps
	StepBias   *float64 `json:"step_bias,omitempty"`
	Success    *float64 `json:"success_error"` // mean of |simulated - measured|, of shares of calls answered
}

func newCalibration(rows []Row, seeds int) *Calibration {
	c := &Calibration{Rows: rows, Seeds: seeds}
	type key struct {
		model, system, precision string
		overloaded               bool
	}
	var order []key
	members := map[key][]*Row{}
	var calm, overloaded []*Row
	for i := range rows {
		r := &rows[i]
		if r.Skipped != "" {
			continue
		}
		k := key{r.Point.Model, r.Point.System, r.precision(), r.Point.overloaded()}
		if members[k] == nil {
			order = append(order, k)
		}
		members[k] = append(members[k], r)
		if k.overloaded {
			overloaded = append(overloaded, r)
		} else {
			calm = append(calm, r)
		}
	}
	for _, k := range order {
		g := summary(members[k])
		g.Model, g.System, g.Precision, g.Overloaded = k.model, k.system, k.precision, k.overloaded
		if !k.overloaded {
			g.Success = nil // it is one, measured and simulated, or the row says so
		}
		c.Groups = append(c.Groups, g)
	}
	// The times of an overload are a matter of their own: they do not enter the total.
	c.Total = summary(calm)
	c.Total.Success = summary(overloaded).Success
	return c
}

// precision is the row's own word, or what was simulated where it says nothing.
func (r *Row) precision() string {
	if r.Point.Precision != "" {
		return r.Point.Precision
	}
	return string(r.Precision)
}

func summary(rows []*Row) Group {
	g := Group{N: len(rows)}
	g.TPOTMape, g.TPOTMedian, g.TPOTBias = spread(rows, tpot)
	g.TTFTMape, g.TTFTMedian, g.TTFTBias = spread(rows, ttft)
	g.E2EMape, g.E2EMedian, g.E2EBias = spread(rows, e2e)
	g.TTFTP50, _, _ = spread(rows, ttftP50)
	g.TTFTP99, _, _ = spread(rows, ttftP99)
	g.E2EP99, _, _ = spread(rows, e2eP99)
	g.Success, _, _ = spread(rows, success)
	g.StepMape, _, g.StepBias = spread(rows, step)
	return g
}

// spread returns the mean and the median of the absolute errors, and the mean of the errors.
func spread(rows []*Row, m metric) (mape, median, bias *float64) {
	var all []float64
	sum := 0.0
	for _, r := range rows {
		if r.Error.has(m) {
			all = append(all, math.Abs(r.Error[m]))
			sum += r.Error[m]
		}
	}
	if len(all) == 0 {
		return nil, nil, nil
	}
	slices.Sort(all)
	a, b, c := mean(all), quantile(all, 0.5), sum/float64(len(all))
	return &a, &b, &c
}

// Simulated counts the rows that were simulated.
func (c *Calibration) Simulated() int {
	n := 0
	for i := range c.Rows {
		if c.Rows[i].Skipped == "" {
			n++
		}
	}
	return n
}

// jsonRow is a row as JSON has it.
type jsonRow struct {
	Line        int      `json:"line"`
	Kind        Kind     `json:"kind"`
	Model       string   `json:"model"`
	System      string   `json:"system"`
	Precision   string   `json:"precision"`
	Backend     string   `json:"backend,omitempty"`
	Version     string   `json:"backend_version,omitempty"`
	TP          int      `json:"tp"`
	ISL         float64  `json:"isl"`
	OSL         float64  `json:"osl"`
	Concurrency int      `json:"concurrency,omitempty"`
	Experiment  string   `json:"experiment,omitempty"`
	Stage       *int     `json:"stage,omitempty"`
	Rate        float64  `json:"rate_qps,omitempty"`
	Rule        string   `json:"rule,omitempty"`
	About       string   `json:"rule_says,omitempty"`
	Measured    Figures  `json:"measured"`
	Simulated   *Figures `json:"simulated,omitempty"`
	Error       *Figures `json:"error,omitempty"`
	Skipped     string   `json:"skipped,omitempty"`
}

// WriteJSON writes the calibration in the form that Schema names.
func (c *Calibration) WriteJSON(w io.Writer) error {
	rows := make([]jsonRow, len(c.Rows))
	for i := range c.Rows {
		r := &c.Rows[i]
		p := r.Point
		rows[i] = jsonRow{
			Line: p.Line, Kind: p.Kind, Model: p.Model, System: p.System, Precision: r.precision(), Backend: p.Backend, Version: p.Version,
			TP: p.TP, ISL: p.ISL, OSL: p.OSL, Concurrency: p.Concurrency, Experiment: p.Experiment, Rate: p.Rate,
			Rule: r.Rule, About: r.About, Measured: p.Measured, Skipped: r.Skipped,
		}
		if p.Kind == Open {
			rows[i].Stage = &p.Stage
		}
		if r.Skipped == "" {
			rows[i].Simulated, rows[i].Error = &r.Simulated, &r.Error
		}
	}
	groups := c.Groups
	if groups == nil {
		groups = []Group{}
	}
	out := json.NewEncoder(w)
	out.SetIndent("", " ")
	return out.Encode(struct {
		Schema string    `json:"schema"`
		Seeds  int       `json:"seeds"`
		Rows   []jsonRow `json:"rows"`
		Groups []Group   `json:"groups"`
		Total  Group     `json:"total"`
		Fit    *Fit      `json:"fit,omitempty"`
	}{Schema: Schema, Seeds: c.Seeds, Rows: rows, Groups: groups, Total: c.Total, Fit: c.Fit})
}
