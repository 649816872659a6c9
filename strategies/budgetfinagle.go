package strategies

import (
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// FinagleBudget allows Share of the calls of the last TTL to be retried, and Reserve retries a second
// besides, for clients that have just begun or ask little. A call deposits one at its start and a retry
// withdraws 1/Share, both forgotten after TTL; the reserve is TTL·Reserve retries. So the load is at most
// 1 + share + reserve/lambda: 1.2 + 10/lambda.
type FinagleBudget struct {
	TTL     time.Duration `yaml:"ttl"`     // 1 s to 60 s
	Reserve float64       `yaml:"reserve"` // retries per second; 0 to 1000000
	Share   float64       `yaml:"share"`   // of the calls; above 0, at most 1000
}

// NewFinagleBudget returns Finagle's defaults: 10 s, 10 retries per second and 0.2.
func NewFinagleBudget() *FinagleBudget {
	return &FinagleBudget{TTL: 10 * time.Second, Reserve: 10, Share: .2}
}

var _ BudgetRule = (*FinagleBudget)(nil)

// Validate names what is out of range.
func (b *FinagleBudget) Validate() error {
	var f sim.Faults
	if b.TTL < time.Second || b.TTL > time.Minute {
		f.Add("ttl", b.TTL.String(), "1s to 60s")
	}
	within(&f, "reserve", b.Reserve, 0, 1_000_000, false)
	within(&f, "share", b.Share, 0, 1000, true)
	return f.Err()
}

func (b *FinagleBudget) budget() budget {
	withdrawal := tokens(1 / b.Share)
	return &finagleState{deposits: newRecent(b.TTL), withdrawal: withdrawal,
		reserve: int64(b.Reserve * b.TTL.Seconds() * float64(withdrawal))}
}

type finagleState struct {
	deposits            recent // less what was withdrawn: either leaves it when its time is over
	withdrawal, reserve int64
}

func (s *finagleState) sent(now time.Duration, n int) {
	if n == 0 {
		s.deposits.add(now, token)
	}
}

func (s *finagleState) may(now time.Duration, _ int, _ sim.Reply) (int64, bool) {
	if s.deposits.sum(now)+s.reserve < s.withdrawal {
		return 0, false
	}
	s.deposits.add(now, -s.withdrawal)
	return s.withdrawal, true
}

func (s *finagleState) ended(time.Duration, int, int64, finish) {}
func (s *finagleState) over(time.Duration)                      {}
