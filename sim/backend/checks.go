package backend

import (
	"fmt"
	"strconv"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// Checks is what takes replicas out of service, and the limits of one try, as a reverse proxy has them.
// Without the section nothing is ever taken out and a try may last for ever.
type Checks struct {
	// MaxFails is how many tries must fail within FailTimeout for the replica to be out for FailTimeout;
	// then one try is made again. 0 is never, 1 the default. A single replica is never taken out so.
	MaxFails    *int          `yaml:"max_fails,omitempty"`
	FailTimeout time.Duration `yaml:"fail_timeout,omitempty"` // 10s

	// NextUpstream says after what a call is tried on another replica, and which statuses count as
	// failures; empty: it never is, and none does.
	NextUpstream NextUpstream `yaml:"next_upstream,omitempty"`
	// Tries is how many tries one call may have; 0: one on each replica.
	Tries int `yaml:"tries,omitempty"`

	Active *Active `yaml:"active,omitempty"` // probes; absent: none

	ConnectTimeout time.Duration `yaml:"connect_timeout,omitempty"` // for a replica that hangs to take the connection; 0: no limit
	ReadTimeout    time.Duration `yaml:"read_timeout,omitempty"`    // longest gap without a token or an answer; 0: no limit
	ZeroAbove      time.Duration `yaml:"zero_above,omitempty"`      // mean response time of the last 10 s above which a replica gets no calls, unless all are above; 0: none
}

// Active is probes of the replicas' health, as Kubernetes' readiness probes: one fails while the
// replica starts, hangs or is dead. A probe costs the replica nothing.
type Active struct {
	Every   time.Duration `yaml:"every,omitempty"`   // 10s
	Timeout time.Duration `yaml:"timeout,omitempty"` // how long a replica that hangs is waited for; 1s
	Fall    int           `yaml:"fall,omitempty"`    // failures in a row that take it out; 3
	Rise    int           `yaml:"rise,omitempty"`    // successes in a row that bring it back; 1
}

const (
	minCheckTime = time.Millisecond
	maxCheckTime = 24 * time.Hour
	maxChecks    = 1000
)

// check notes values out of range and fills in the defaults: nginx's, and those of Kubernetes' probes.
func (c *Checks) check(f *sim.Faults) {
	if c.MaxFails == nil {
		one := 1
		c.MaxFails = &one
	}
	if c.FailTimeout == 0 {
		c.FailTimeout = 10 * time.Second
	}
	checkCount(f, "max_fails", *c.MaxFails, 0)
	checkTime(f, "fail_timeout", c.FailTimeout)
	c.NextUpstream.check(f)
	checkCount(f, "tries", c.Tries, 0)
	for _, one := range []struct {
		path string
		d    time.Duration
	}{{"connect_timeout", c.ConnectTimeout}, {"read_timeout", c.ReadTimeout}, {"zero_above", c.ZeroAbove}} {
		if one.d != 0 {
			checkTime(f, one.path, one.d)
		}
	}
	if a := c.Active; a != nil {
		a.fill()
		checkTime(f, "active.every", a.Every)
		checkTime(f, "active.timeout", a.Timeout)
		checkCount(f, "active.fall", a.Fall, 1)
		checkCount(f, "active.rise", a.Rise, 1)
	}
}

func (a *Active) fill() {
	if a.Every == 0 {
		a.Every = 10 * time.Second
	}
	if a.Timeout == 0 {
		a.Timeout = time.Second
	}
	if a.Fall == 0 {
		a.Fall = 3
	}
	if a.Rise == 0 {
		a.Rise = 1
	}
}

func checkTime(f *sim.Faults, path string, d time.Duration) {
	if d < minCheckTime || d > maxCheckTime {
		f.Add("checks."+path, d.String(), "1ms to 24h")
	}
}

func checkCount(f *sim.Faults, path string, n, least int) {
	if n < least || n > maxChecks {
		f.Add("checks."+path, strconv.Itoa(n), fmt.Sprintf("%d to %d", least, maxChecks))
	}
}

// A health is what the checks found out about a replica.
type health struct {
	passive passive
	active  active
	slow    slowness
}
