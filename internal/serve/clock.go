package serve

import (
	"math"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// A clock is the Env of the service: a Wall, of which each real second is `speed` simulated ones. It
// tells how late each event of the service was, and keeps all that is still to come from happening
// once it is closed. All of it is used in the turn.
type clock struct {
	wall   *sim.Wall
	speed  float64
	lag    func(time.Duration) // simulated
	closed bool
}

var _ sim.Env = (*clock)(nil)

// real returns how long a simulated time takes, rounded up, so that nothing happens early.
func (c *clock) real(d time.Duration) time.Duration {
	if c.speed == 1 || d == sim.Forever || d <= 0 {
		return d
	}
	return time.Duration(min(math.Ceil(float64(d)/c.speed), math.MaxInt64/2)) + 1
}

// Now returns the simulated time since the service began.
func (c *clock) Now() time.Duration {
	now := c.wall.Now()
	if c.speed == 1 {
		return now
	}
	return time.Duration(float64(now) * c.speed)
}

// Go starts f as a process.
func (c *clock) Go(f func()) { c.wall.Go(f) }

// At calls f at simulated time t.
func (c *clock) At(t time.Duration, f func()) sim.Timer {
	if t == sim.Forever {
		return c.wall.At(t, f)
	}
	due := max(t, c.Now())
	return c.wall.At(c.real(t), func() {
		if c.closed {
			return
		}
		c.lag(c.Now() - due)
		f()
	})
}

// Await blocks the calling process for at most d of simulated time.
func (c *clock) Await(d time.Duration, a, b *sim.Signal) bool { return c.wall.Await(c.real(d), a, b) }

// Rand returns the stream of randomness of that name.
func (c *clock) Rand(stream string) *sim.Stream { return c.wall.Rand(stream) }

func (c *clock) close() { c.closed = true }
