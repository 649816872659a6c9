package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/headroom-dev/headroom/internal/harness"
	"github.com/headroom-dev/headroom/report"
	"github.com/headroom-dev/headroom/scenarios"
)

// defaultScenario is what `headroom run` and `headroom show` take without an argument.
const defaultScenario = "spike-100-1000"

func (p *program) runCommand() *cobra.Command {
	f := &runFlags{}
	cmd := &cobra.Command{
		Use: "run [SCENARIO] [FLAGS]", Short: "compare the strategies of a scenario", Long: runHelp,
		Args: arguments(0, 1, "one scenario"), ValidArgsFunction: completeScenarios,
	}
	f.flags(cmd)
	f.completions(cmd)
	return p.command(cmd, func(cmd *cobra.Command, args []string) error {
		r := &run{program: p, flags: f, cmd: cmd, name: defaultScenario, named: len(args) > 0}
		if r.named {
			r.name = args[0]
		}
		return r.main()
	})
}

// A run is one `headroom run`, from its flags to its files.
type run struct {
	*program
	flags *runFlags
	cmd   *cobra.Command
	name  string // of the scenario
	named bool   // the user chose it

	input    []byte // stdin, if a flag or the scenario is "-"
	plan     *harness.Plan
	only     []string          // strategies to run
	live     *harness.Live     // nil: the simulated service
	endpoint *harness.Endpoint // live, checked
	format   report.Format
	seeds    []uint64
	dir      *directory
}

func (r *run) main() error {
	if err := r.prepare(); err != nil {
		return err
	}
	forecast, err := r.forecast()
	if err != nil {
		return err
	}
	if err := r.withinLimits(forecast); err != nil {
		return err
	}
	if r.flags.dryRun {
		_, err := io.WriteString(r.stdout, r.describe(forecast))
		return err
	}
	if err := r.dir.probe(); err != nil {
		return err
	}
	r.announce(forecast)
	return r.measure()
}

// prepare turns flags into a plan. All of it is checked before anything is sent or written.
func (r *run) prepare() error {
	var err error
	if r.format, err = formatNamed(r.flags.format); err != nil {
		return err
	}
	if strings.Contains(r.name, "://") {
		return usage("%s is no scenario: a URL is given by --target", harness.RedactURL(r.name))
	}
	if r.flags.workers < 0 {
		return usage("--workers %d; allowed: 1 or more, 0 for one on each core", r.flags.workers)
	}
	if err := r.readInput(); err != nil {
		return err
	}
	if err := r.chooseTarget(); err != nil {
		return err
	}
	edits, err := r.edits()
	if err != nil {
		return err
	}
	if r.plan, err = harness.Load(r.name, bytes.NewReader(r.input), edits...); err != nil {
		return asUsage(err)
	}
	for _, warning := range r.plan.Warnings {
		r.note("warning: " + warning)
	}
	if err := r.chooseStrategies(); err != nil {
		return err
	}
	if err := r.chooseSeeds(); err != nil {
		return err
	}
	if r.dir, err = newDirectory(r.flags.output, r.plan.Scenario.Name, time.Now()); err != nil {
		return err
	}
	return r.prepareLive()
}

// chooseStrategies checks --strategies against the scenario's own.
func (r *run) chooseStrategies() error {
	var have []string
	for _, c := range r.plan.Strategies {
		have = append(have, c.Name)
	}
	if !r.cmd.Flags().Changed("strategies") {
		r.only = have
		return nil
	}
	for _, name := range r.flags.strategies {
		if name = strings.TrimSpace(name); !slices.Contains(have, name) {
			return usage("%s: %s", r.origin("strategies", ""), scenarios.Unknown("strategy", name, have))
		}
		if slices.Contains(r.only, name) {
			return usage("%s: %s stands there twice", r.origin("strategies", ""), name)
		}
		r.only = append(r.only, name)
	}
	if len(r.only) == 0 {
		return usage("%s: no strategy named (have %s)", r.origin("strategies", ""), strings.Join(have, ", "))
	}
	return nil
}

// chooseSeeds lists the seeds: as many as the scenario says, from --seed on.
func (r *run) chooseSeeds() error {
	n := uint64(r.plan.Scenario.Seeds)
	if r.flags.seed+n < r.flags.seed {
		return usage("--seed %d; allowed: 0 to %d for %d seeds", r.flags.seed, ^uint64(0)-n, n)
	}
	for i := range n {
		r.seeds = append(r.seeds, r.flags.seed+i)
	}
	return nil
}

// measure runs the plan, writes the directory and then stdout, in this order: a closed pipe loses
// nothing.
func (r *run) measure() error {
	send, hard, stop := interrupts(func() {
		r.say("stopping: what was measured is written; interrupt again to drop the calls still out")
	})
	defer stop()
	if err := r.reach(send); err != nil {
		return err
	}
	bar := r.newProgress()
	began := time.Now()
	options := harness.Options{
		Seeds: r.seeds, Only: r.only, Live: r.endpoint, Hard: hard, Workers: r.flags.workers,
		Command: r.command(), Version: Version(), Watch: bar.watch, Save: r.save,
	}
	if r.flags.calls {
		options.Calls = r.dir.zipped("calls.csv.gz")
	}
	result, err := harness.Run(send, r.plan, options)
	bar.end()
	if r.endpoint != nil {
		err = errors.Join(err, r.endpoint.Close())
	}
	if result == nil || nothing(result) {
		r.dir.discard()
		return noResult(send, err)
	}
	return r.finish(result, err, time.Since(began))
}

// reach opens one connection to every target and closes it, without a request: a target that is down
// costs one connect and leaves nothing behind.
func (r *run) reach(ctx context.Context) error {
	if r.endpoint == nil {
		return nil
	}
	if err := r.endpoint.Reach(ctx); err != nil {
		return noResult(ctx, err)
	}
	return nil
}

// nothing says whether a run was interrupted before its first figure: of the simulated service before
// the first seed was complete, of a live run before the first call was sent. How many were sent is
// known when the run has ended; until then those count that have.
func nothing(result *report.Result) bool {
	if result.Target == simulated {
		return result.Interrupted && len(result.Seeds) == 0
	}
	ended := slices.ContainsFunc(result.Strategies, func(s report.Strategy) bool { return s.Total.Calls > 0 })
	return result.Interrupted && result.Validity.Sent == 0 && !ended
}

// noResult is what a run without any figures returns.
func noResult(send context.Context, err error) error {
	switch {
	case send.Err() != nil:
		return &failure{exitInterrupted, errors.New("interrupted before anything was measured: nothing is written")}
	case err == nil:
		return errors.New("the run ended without figures: nothing was measured")
	}
	return err
}

// finish writes the files, then stdout, and says how the run ended.
func (r *run) finish(result *report.Result, runErr error, elapsed time.Duration) error {
	filesErr := r.dir.write(result)
	o := report.Options{Color: r.colored(r.stdout), Width: width(r.stdout), Elapsed: elapsed}
	if filesErr == nil {
		o.Dir = r.dir.path // the report names its files: they must be there
	}
	outErr := r.format.Write(r.stdout, result, o)
	for _, problem := range result.Validity.Problems {
		r.say("could not measure: " + problem)
	}
	switch err := errors.Join(runErr, filesErr, r.dir.keep(), outErr); {
	case result.Interrupted && err != nil:
		return &failure{exitInterrupted, err}
	case err != nil:
		return err
	case result.Interrupted:
		return &failure{exitInterrupted, fmt.Errorf("interrupted: what was measured lies in %s", r.dir.path)}
	case result.ExitCode != exitFine:
		return silent(result.ExitCode)
	}
	return nil
}

// save writes what there is when a live run is interrupted, before the calls still out are waited
// for: whoever runs tests may grant only seconds.
func (r *run) save(result *report.Result) {
	if nothing(result) {
		return
	}
	if err := r.dir.write(result); err != nil {
		r.complain(err)
	}
}
