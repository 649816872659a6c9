package plan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/headroom-dev/headroom/internal/harness"
	"github.com/headroom-dev/headroom/sim/backend"
)

// Options say how Calibrate simulates.
type Options struct {
	Seeds   int                   // runs of each point, whose figures are averaged; at least 1
	Workers int                   // simulations side by side; 0: one for each core
	Watch   func(done, total int) // called as runs end, from one goroutine at a time; nil: nobody looks
	Cards   []backend.GPU         // beside those of the table, before them
	Shapes  []backend.Shape       // models, likewise
	Change  func(*backend.LLM)    // changes each engine before it is checked: fitted coefficients; nil: nothing
}

// A Row is a point, and what came out when it was simulated.
type Row struct {
	Point     *Point
	Precision backend.Precision // of the weights, as understood
	Rule      string            // of the harness, by name
	About     string            // what that rule decided
	Simulated Figures
	Error     Figures
	Skipped   string // why it was not simulated; "" if it was
}

// A job is a scenario with the rows it yields, one a phase.
type job struct {
	plan *harness.Plan
	rows []int
	runs [][]Figures // by seed
	errs []error
}

// Calibrate simulates measured points: each closed-loop row, and each open-loop experiment with its
// stages one after the other, as a scenario of its own through the same path as any run. The result
// does not depend on Workers. A point that cannot be simulated has the reason in its row.
func Calibrate(ctx context.Context, points []Point, o Options) (*Calibration, error) {
	rows := make([]Row, len(points))
	jobs, err := newJobs(points, rows, o)
	if err != nil {
		return nil, err
	}
	if err := runAll(ctx, jobs, o); err != nil {
		return nil, err
	}
	for _, j := range jobs {
		if err := j.finish(rows, points); err != nil {
			return nil, err
		}
	}
	return newCalibration(rows, o.Seeds), nil
}

// newJobs makes the scenarios, and notes in the rows what is skipped.
func newJobs(points []Point, rows []Row, o Options) ([]*job, error) {
	setups := make([]*setup, len(points))
	var order []string
	stages := map[string][]int{}
	for i := range points {
		p := &points[i]
		rows[i] = Row{Point: p, Simulated: noFigures(), Error: noFigures()}
		s, err := prepare(p, &o)
		var skip skipped
		if errors.As(err, &skip) {
			rows[i].Skipped = string(skip)
			continue
		} else if err != nil {
			return nil, err
		}
		setups[i] = s
		rows[i].Precision, rows[i].Rule, rows[i].About = s.weights, s.rule.name, s.rule.about
		if p.Kind == Step { // it is what the engine takes for a step: there is nothing to schedule
			rows[i].Simulated[step] = s.model.Step(p.Batch).Seconds() * 1000
			rows[i].Error = rows[i].Simulated.against(p.Measured)
			continue
		}
		key := fmt.Sprint("line ", p.Line)
		if p.Kind == Open && p.Experiment != "" {
			key = fmt.Sprintf("%s\x00%s\x00%d\x00%s", p.Experiment, p.Model, p.TP, s.rule.about)
		}
		if stages[key] == nil {
			order = append(order, key)
		}
		stages[key] = append(stages[key], i)
	}
	var jobs []*job
	for _, key := range order {
		j := &job{rows: stages[key]}
		slices.SortStableFunc(j.rows, func(a, b int) int { return cmp.Compare(points[a].Stage, points[b].Stage) })
		var own []*setup
		for _, i := range j.rows {
			own = append(own, setups[i])
		}
		var err error
		if j.plan, err = scenario(own); err != nil {
			return nil, err
		}
		j.runs, j.errs = make([][]Figures, o.Seeds), make([]error, o.Seeds)
		jobs = append(jobs, j)
	}
	return jobs, nil
}

// runAll runs every seed of every job, the longest jobs first so that no core waits for the last one.
func runAll(ctx context.Context, jobs []*job, o Options) error {
	type run struct {
		job  *job
		seed int
	}
	var runs []run
	for _, j := range jobs {
		for seed := range o.Seeds {
			runs = append(runs, run{j, seed})
		}
	}
	slices.SortStableFunc(runs, func(a, b run) int { return cmp.Compare(b.job.plan.Scenario.Calls(), a.job.plan.Scenario.Calls()) })
	var mu sync.Mutex
	var wait sync.WaitGroup
	next, done := 0, 0
	take := func() (run, bool) {
		mu.Lock()
		defer mu.Unlock()
		if next == len(runs) || ctx.Err() != nil {
			return run{}, false
		}
		next++
		return runs[next-1], true
	}
	ended := func() {
		mu.Lock()
		defer mu.Unlock()
		done++
		if o.Watch != nil {
			o.Watch(done, len(runs))
		}
	}
	for range min(or(o.Workers, runtime.GOMAXPROCS(0)), max(len(runs), 1)) {
		wait.Go(func() {
			for r, ok := take(); ok; r, ok = take() {
				r.job.runs[r.seed], r.job.errs[r.seed] = simulate(ctx, r.job.plan, uint64(r.seed+1))
				ended()
			}
		})
	}
	wait.Wait()
	return ctx.Err()
}

// finish averages the runs of a job into its rows.
func (j *job) finish(rows []Row, points []Point) error {
	for phase, i := range j.rows {
		var all []Figures
		for seed, run := range j.runs {
			var skip skipped
			if errors.As(j.errs[seed], &skip) {
				rows[i].Skipped = string(skip)
				break
			} else if j.errs[seed] != nil {
				return fmt.Errorf("line %d, seed %d: %w", points[i].Line, seed+1, j.errs[seed])
			}
			all = append(all, run[phase])
		}
		if rows[i].Skipped == "" {
			rows[i].Simulated = meanFigures(all)
			rows[i].Error = rows[i].Simulated.against(points[i].Measured)
		}
	}
	return nil
}
