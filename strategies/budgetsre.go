package strategies

import (
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// SREBudget is the rule of the SRE book: at most so many tries of one call, and retries at most Ratio of
// the client's calls. The book names no window; Window is the two minutes of its client-side throttling.
//
// With InFlight it also serves hedges, which may come all at once.
type SREBudget struct {
	Tries    int           `yaml:"tries"`     // attempts of one call, the first included; 0 leaves it to the strategy
	Ratio    float64       `yaml:"ratio"`     // retries for each call of the window; 0 to 1000
	Window   time.Duration `yaml:"window"`    // how far back calls and retries are counted; at least 1 s
	InFlight int           `yaml:"in_flight"` // retries under way at once; 0 is no limit
}

// NewSREBudget returns the book's numbers: 3 tries and 0.1, over two minutes.
func NewSREBudget() *SREBudget { return &SREBudget{Tries: 3, Ratio: .1, Window: 2 * time.Minute} }

var _ BudgetRule = (*SREBudget)(nil)

// Validate names what is out of range.
func (b *SREBudget) Validate() error {
	var f sim.Faults
	between(&f, "tries", b.Tries, 0, 1000)
	within(&f, "ratio", b.Ratio, 0, 1000, false)
	if b.Window < time.Second {
		f.Add("window", b.Window.String(), "1s or more")
	}
	between(&f, "in_flight", b.InFlight, 0, maxTokens)
	return f.Err()
}

func (b *SREBudget) budget() budget {
	return &sreState{rule: *b, calls: newRecent(b.Window), retries: newRecent(b.Window)}
}

type sreState struct {
	rule           SREBudget
	calls, retries recent
	inFlight       int
}

func (s *sreState) sent(now time.Duration, n int) {
	if n == 0 {
		s.calls.add(now, 1)
	}
}

func (s *sreState) may(now time.Duration, n int, _ sim.Reply) (int64, bool) {
	const slack = 1e-9 // 0.3·10 calls are three retries
	switch {
	case s.rule.Tries > 0 && n >= s.rule.Tries,
		s.rule.InFlight > 0 && s.inFlight >= s.rule.InFlight,
		float64(s.retries.sum(now)+1) > s.rule.Ratio*float64(s.calls.sum(now))+slack:
		return 0, false
	}
	s.retries.add(now, 1)
	s.inFlight++
	return 0, true
}

func (s *sreState) ended(_ time.Duration, n int, _ int64, _ finish) {
	if n > 0 {
		s.inFlight--
	}
}

func (s *sreState) over(time.Duration) {}
