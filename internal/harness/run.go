package harness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/headroom-dev/headroom/report"
	"github.com/headroom-dev/headroom/scenarios"
)

// Options say how Run runs a plan.
type Options struct {
	Seeds   []uint64             // one run of each strategy for each; at least one
	Only    []string             // names of the strategies to run; empty: all of the plan
	Live    *Endpoint            // the real endpoint; nil: the simulated service, in virtual time
	Hard    context.Context      // live: cancelled, calls still out are cut off; nil: never
	Workers int                  // virtual runs side by side; 0: one for each core
	Command string               // reproduces the run; secrets already removed
	Version string               // of this program
	Calls   io.Writer            // a CSV row for each call goes here; nil: none
	Watch   func(Progress)       // called now and then, from one goroutine at a time; nil: nobody looks
	Demands []report.Demand      // gates in place of the plan's; nil: the plan's
	Base    *report.Result       // what `base` means in a gate; nil: there is none
	Save    func(*report.Result) // live: called at the first interrupt, before the calls still out are waited for
}

// Progress is how far a run has come.
type Progress struct {
	Done, Total int     // runs (a strategy and a seed) ended, and in all
	Share       float64 // of all the work, 0 to 1, runs under way included
	Calls       int64   // calls ended
	Strategy    string  // of the run that reported last
	Seed        uint64
}

// Exit codes that a run can lead to, by Result.ExitCode.
const (
	exitMeasured    = 0
	exitUnmeasured  = 1
	exitInterrupted = 105
)

// Run runs the strategies of a plan over the seeds, seed by seed and all strategies of one seed
// first, so that an interrupted run is still a fair comparison. When ctx is cancelled it returns
// what was completed, marked as interrupted; when a run fails half-way, what was completed before it
// beside the error, if any was. The result does not depend on Workers.
func Run(ctx context.Context, p *Plan, o Options) (*report.Result, error) {
	contenders, err := p.only(o.Only)
	if err != nil {
		return nil, err
	}
	if len(o.Seeds) == 0 {
		return nil, errors.New("a run needs at least one seed")
	}
	if err := p.lacks(o.Live != nil); err != nil {
		return nil, err
	}
	r, err := newRunner(ctx, p, contenders, o)
	if err != nil {
		return nil, err
	}
	if o.Live != nil {
		err = r.live()
	} else {
		err = r.virtual()
	}
	if r.calls != nil {
		err = errors.Join(err, r.calls.close())
	}
	result := r.result()
	if err == nil {
		return result, nil
	}
	if len(result.Seeds) == 0 {
		return nil, err
	}
	result.Warnings = append(result.Warnings, "the run failed before it was complete; the figures are of the seeds listed")
	if !result.Interrupted {
		result.ExitCode = exitUnmeasured
	}
	return result, err
}

// lacks reports what a plan has not and needs to be run. A scenario may leave them out, and still be
// shown or sent to a target: that one stands in the place of the service.
func (p *Plan) lacks(live bool) error {
	var faults []scenarios.Fault
	lack := func(path, allowed string) {
		at := scenarios.Position{File: p.Scenario.Name}
		faults = append(faults, scenarios.Fault{Position: at, Path: path, Allowed: allowed})
	}
	if p.Service.Model.Model == nil && !live {
		lack("service", "a service to simulate, as {model: {queue: {servers: 10, service: 20ms}}}, or a real one by --target URL")
	}
	if len(p.Strategies) == 0 {
		lack("strategies", "a list of at least one, as [sync, pooled]")
	}
	if len(faults) == 0 {
		return nil
	}
	return &scenarios.Error{Faults: faults}
}

// only returns the contenders of those names, in the order of the scenario; all for no names.
func (p *Plan) only(names []string) ([]Contender, error) {
	if len(names) == 0 {
		return p.Strategies, nil
	}
	var known []string
	for _, c := range p.Strategies {
		known = append(known, c.Name)
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return nil, errors.New(scenarios.Unknown("strategy", name, known))
		}
	}
	return slices.DeleteFunc(slices.Clone(p.Strategies), func(c Contender) bool { return !slices.Contains(names, c.Name) }), nil
}

// A runner is one Run under way.
type runner struct {
	ctx        context.Context
	plan       *Plan
	contenders []Contender
	options    Options
	config     report.Config
	given      report.Result
	collector  *report.Collector
	watch      *watch
	calls      *callsFile
}

func newRunner(ctx context.Context, p *Plan, contenders []Contender, o Options) (*runner, error) {
	r := &runner{ctx: ctx, plan: p, contenders: contenders, options: o}
	var err error
	if r.given, err = p.given(o, contenders); err != nil {
		return nil, err
	}
	r.config = p.config(o.Live)
	if r.options.Demands == nil {
		r.options.Demands = p.Demands
	}
	r.config.Asked = askedBy(r.options.Demands, r.config.Priorities)
	if r.given.Offered.GapCV, err = gapCV(p.Scenario, o.Seeds[0]); err != nil {
		return nil, err
	}
	r.collector = r.newCollector()
	step := 1000
	if o.Live != nil {
		step = 1
	}
	r.watch = newWatch(o.Watch, step, len(o.Seeds)*len(contenders), p.Scenario.Calls())
	if o.Calls != nil {
		r.calls = newCallsFile(o.Calls, r.config)
	}
	return r, nil
}

func (r *runner) newCollector() *report.Collector {
	var list []report.Strategy
	for _, c := range r.contenders {
		list = append(list, report.Strategy{Name: c.Name, About: c.About, PatienceS: c.patienceSeconds(r.plan.Scenario.Requests.Patience)})
	}
	return report.NewCollector(r.config, r.given, r.options.Seeds, list)
}

// result finishes what was collected.
func (r *runner) result() *report.Result {
	result := r.collector.Result()
	r.finish(result)
	return result
}

func (r *runner) finish(result *report.Result) {
	result.Interrupted = r.ctx.Err() != nil
	switch {
	case result.Interrupted:
		result.ExitCode = exitInterrupted
	case len(result.Validity.Problems) > 0:
		result.ExitCode = exitUnmeasured
	default:
		result.ExitCode = exitMeasured
	}
	result.Finding = report.Finding(result)
	r.judge(result)
}

// judge holds the result to the gates. They were resolved before anything ran, so none names what there
// is not; one that does all the same, as of a strategy left out by --strategies, is a warning.
func (r *runner) judge(result *report.Result) {
	if len(r.options.Demands) == 0 {
		return
	}
	var known []report.Demand
	for _, d := range r.options.Demands {
		if err := d.Resolve(report.NamesOf(result)); err != nil {
			result.Warnings = append(result.Warnings, "not judged: "+err.Error())
			continue
		}
		known = append(known, d)
	}
	gates, err := report.Judge(result, r.options.Base, known)
	if err != nil {
		result.Warnings = append(result.Warnings, err.Error())
		return
	}
	result.SetGates(gates)
}

// askedBy is what has to be counted for the gates.
func askedBy(demands []report.Demand, classes []string) []report.Asked {
	var gates []report.Gate
	for _, d := range demands {
		gates = append(gates, d.Gate)
	}
	return report.AskedBy(gates, classes)
}

// recorder returns what takes the records of one run, and what says that the run has ended.
func (r *runner) recorder(tally *report.Tally, name string, seed uint64) (record func(report.Record), ended func()) {
	count, ended := r.watch.counter(name, seed)
	if r.calls == nil {
		return func(rec report.Record) {
			tally.Add(rec)
			count()
		}, ended
	}
	return func(rec report.Record) {
		tally.Add(rec)
		count()
		r.calls.add(name, seed, &rec)
	}, ended
}

// named says which run an error came from.
func named(err error, c Contender, seed uint64) error {
	return fmt.Errorf("%s with seed %d: %w", c.Name, seed, err)
}

// live runs one strategy after the other against the endpoint, each on connections of its own. The
// order is turned round from seed to seed, so that a drift of the target does not always favour the
// same strategy. Unlike in virtual time, a run that was cut short counts as far as it came.
func (r *runner) live() error {
	hard := r.options.Hard
	if hard == nil {
		hard = context.Background()
	}
	spans := r.plan.Scenario.Spans()
	var phases []string
	for _, span := range spans {
		phases = append(phases, span.Name)
	}
	for i, seed := range r.options.Seeds {
		for turn := range r.contenders {
			which := turn
			if i%2 == 1 {
				which = len(r.contenders) - 1 - turn
			}
			if r.ctx.Err() != nil {
				return nil
			}
			if err := r.liveRun(hard, phases, which, i, seed); err != nil {
				return named(err, r.contenders[which], seed)
			}
		}
	}
	return nil
}

func (r *runner) liveRun(hard context.Context, phases []string, which, place int, seed uint64) error {
	c := r.contenders[which]
	name := r.plan.Scenario.Name + "/" + c.Name
	if len(r.options.Seeds) > 1 {
		name = fmt.Sprintf("%s/%d", name, seed)
	}
	part := newPartial(r.config)
	record, ended := r.recorder(part.tally, c.Name, seed)
	run := LiveRun{
		Name:     name,
		Strategy: c.New(),
		Seed:     seed,
		Schedule: func() (Source, error) { return r.plan.Scenario.Schedule(seed) },
		Patience: r.plan.Scenario.Requests.Patience,
		Phases:   phases,
		Closed:   closedPhase(r.plan.Scenario),
		Limit:    tightest(r.config.Objective),
		Add:      func(rec report.Record) { part.add(rec, record) },

		Priorities: r.config.Priorities,
	}
	if run.Closed >= 0 {
		run.Concurrency = r.plan.Scenario.Load.Phases[run.Closed].Concurrency
	}
	saved := func() {}
	if r.options.Save != nil {
		saved = r.saveAtInterrupt(part, which, place)
	}
	side, err := Wall(r.ctx, hard, r.options.Live, run)
	saved()
	if err != nil {
		return err
	}
	for i, problem := range side.Validity.Problems {
		side.Validity.Problems[i] = c.Name + ": " + problem
	}
	r.collector.Add(which, place, part.tally, side)
	ended()
	return nil
}
