package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/headroom-dev/headroom/fixtures"
	"github.com/headroom-dev/headroom/internal/harness"
	"github.com/headroom-dev/headroom/internal/plan"
)

const calibrateHelp = `Hold the llm model against measured points: each is simulated as a closed or an
open loop of its own, and set beside what was measured, with the error of each
row and of each group. --fit fits the step time to your own card.

Usage:
  headroom calibrate CSV [FLAGS]   - is stdin

Columns, in any order, others ignored:
  closed loop   model, system, tp, isl, osl, concurrency, ttft_ms, tpot_ms;
                precision, backend, backend_version, source, kv
  open loop     model, tp, rate_qps, duration_s, requests, prompt_mean,
                output_cfg, ttft_mean_ms, e2e_mean_ms, ok; experiment, stage
  steps         prefill, decode, context, pairs, seqs, step_us

Flags:
  --fit                  fit the coefficients of the physics step time first
  --seeds N              runs of each point, averaged; default 10
  --format text|json     default text
  -o, --output FILE      with --fit the service section for scenarios, else JSON
  --model, --system, --precision NAME, --tp N   for rows that do not say
  --gpus, --models FILE  more rows as in fixtures/gpus.yaml and models.yaml

Exit codes: 0 fine, 1 no row could be simulated or too few for a fit, 2 usage.

Examples:
  headroom calibrate fixture:measured/closed-loop.csv     # a published sample
  headroom calibrate measured.csv --format json > calibration.json
  headroom calibrate mine.csv --fit -o service.yaml
`

// A calibration is one `headroom calibrate`.
type calibration struct {
	*program
	fit      bool
	seeds    int
	format   string
	output   string
	defaults plan.Defaults
	gpus     string
	models   string
}

func (p *program) calibrateCommand() *cobra.Command {
	c := &calibration{program: p}
	cmd := &cobra.Command{
		Use: "calibrate CSV", Short: "hold the llm model against measured points", Long: calibrateHelp, Args: arguments(1, 1, "one CSV file"),
	}
	flags := cmd.Flags()
	flags.BoolVar(&c.fit, "fit", false, "fit the coefficients first")
	flags.IntVar(&c.seeds, "seeds", 10, "runs of each point")
	flags.StringVar(&c.format, "format", "text", "text or json")
	flags.StringVarP(&c.output, "output", "o", "", "file to write")
	flags.StringVar(&c.defaults.Model, "model", "", "model of rows without one")
	flags.StringVar(&c.defaults.System, "system", "", "card of rows without one")
	flags.StringVar(&c.defaults.Precision, "precision", "", "precision of rows without one")
	flags.IntVar(&c.defaults.TP, "tp", 1, "cards of rows that do not say")
	flags.StringVar(&c.gpus, "gpus", "", "YAML list of more cards")
	flags.StringVar(&c.models, "models", "", "YAML list of more models")
	return p.command(cmd, func(_ *cobra.Command, args []string) error { return c.main(args[0]) })
}

// mostCalibrationSeeds is above what helps: the error of the mean falls with the root of the seeds.
const mostCalibrationSeeds = 1000

func (c *calibration) main(name string) error {
	switch {
	case c.seeds < 1 || c.seeds > mostCalibrationSeeds:
		return usage("--seeds %d; allowed: 1 to %d", c.seeds, mostCalibrationSeeds)
	case c.defaults.TP < 1:
		return usage("--tp %d; allowed: 1 or more", c.defaults.TP)
	case !slices.Contains([]string{"text", "json"}, c.format):
		return usage("--format %s; allowed: text, json", c.format)
	}
	o := plan.Options{Seeds: c.seeds}
	var err error
	if o.Cards, err = readList(c.program, c.gpus, plan.ReadCards); err != nil {
		return err
	}
	if o.Shapes, err = readList(c.program, c.models, plan.ReadShapes); err != nil {
		return err
	}
	text, err := c.read(name)
	if err != nil {
		return usage("reading measured points: %w", err)
	}
	points, err := plan.ReadPoints(bytes.NewReader(text), c.defaults)
	if err != nil {
		return usage("%s: %w", name, err)
	}
	ctx, _, stop := interrupts(func() { c.note("interrupted") })
	defer stop()
	err = c.calibrate(ctx, points, o)
	if ctx.Err() != nil {
		return silent(exitInterrupted)
	}
	return err
}

// read reads a file, stdin for "-", or with "fixture:" before its name points that the program carries.
func (p *program) read(name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(io.LimitReader(p.stdin, mostInput))
	}
	if own, ok := strings.CutPrefix(name, "fixture:"); ok {
		return fixtures.Measured.ReadFile(own)
	}
	return os.ReadFile(name)
}

func readList[Row any](p *program, name string, read func(io.Reader) ([]Row, error)) ([]Row, error) {
	if name == "" {
		return nil, nil
	}
	text, err := p.read(name)
	if err != nil {
		return nil, usage("%w", err)
	}
	rows, err := read(bytes.NewReader(text))
	if err != nil {
		return nil, usage("%s: %w", name, err)
	}
	return rows, nil
}

// calibrate fits, if asked to, simulates and writes.
func (c *calibration) calibrate(ctx context.Context, points []plan.Point, o plan.Options) error {
	var fit *plan.Fit
	if c.fit {
		var err error
		if fit, err = plan.NewFit(ctx, points, o); err != nil {
			return err
		}
		o.Change = fit.Apply
	}
	bar := c.newProgress()
	o.Watch = func(done, total int) {
		bar.watch(harness.Progress{Done: done, Total: total, Share: float64(done) / float64(total)})
	}
	result, err := plan.Calibrate(ctx, points, o)
	bar.end()
	if err != nil {
		return err
	}
	result.Fit = fit
	if err := c.write(result); err != nil {
		return err
	}
	if result.Simulated() == 0 {
		return errors.New("no row could be simulated")
	}
	return nil
}

// write writes the result to stdout, and what --output asks for.
func (c *calibration) write(result *plan.Calibration) error {
	var err error
	if c.format == "json" {
		err = result.WriteJSON(c.stdout)
	} else {
		err = result.WriteText(c.stdout)
	}
	if err != nil || c.output == "" {
		return err
	}
	var b bytes.Buffer
	if result.Fit != nil {
		err = result.Fit.WriteService(&b)
	} else {
		err = result.WriteJSON(&b)
	}
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.output, b.Bytes(), 0o644); err != nil {
		return fmt.Errorf("writing --output: %w", err)
	}
	return nil
}
