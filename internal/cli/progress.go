package cli

import (
	"fmt"
	"strconv"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/headroom-dev/headroom/internal/harness"
)

// plainEvery is the pace of progress lines where a bar cannot be drawn: a log must not drown in them.
const plainEvery = 10 * time.Second

// steps is how finely the bar moves.
const steps = 1000

// A progress tells on stderr how far a run has come: one bar on a terminal, else a plain line every
// ten seconds, and nothing with --quiet.
type progress struct {
	p    *program
	bar  *progressbar.ProgressBar // nil: plain lines
	last time.Time                // when the last line was written
}

func (p *program) newProgress() *progress {
	g := &progress{p: p, last: time.Now()}
	if !p.quiet && p.moving(p.stderr) {
		g.bar = progressbar.NewOptions(steps,
			progressbar.OptionSetWriter(p.stderr),
			progressbar.OptionClearOnFinish(),
			progressbar.OptionSetRenderBlankState(true),
			progressbar.OptionSetPredictTime(true),
			progressbar.OptionSetElapsedTime(false),
			progressbar.OptionEnableColorCodes(false),
			progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionSetWidth(30),
			progressbar.OptionSetDescription("starting"))
	}
	return g
}

// watch takes a report of the harness.
func (g *progress) watch(now harness.Progress) {
	switch {
	case g.p.quiet:
	case g.bar != nil:
		g.bar.Describe(fmt.Sprintf("%d/%d runs", now.Done, now.Total))
		_ = g.bar.Set(min(int(now.Share*steps), steps-1)) // a bar that cannot be drawn stops no run; the last step is end's
	case now.Done == now.Total: // the result says so itself
	case time.Since(g.last) >= plainEvery:
		g.last = time.Now()
		g.p.say(fmt.Sprintf("%.0f %% done, %d of %d runs, %s calls", 100*now.Share, now.Done, now.Total, grouped(now.Calls)))
	}
}

// end takes the bar off the screen.
func (g *progress) end() {
	if g.bar != nil {
		_ = g.bar.Finish()
	}
}

// grouped writes a whole number with its thousands separated: 63,072,000,000,000.
func grouped(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if digits[0] == '-' {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// counted writes a number of things: 1 seed, 20 seeds.
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return grouped(int64(n)) + " " + thing + "s"
}
