package backend

import (
	"math"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// A shop is a model for tests of what stands around models: servers behind one queue, each service of
// one length, written apart from the models it stands for. A caller who goes leaves at once.
type shop struct {
	servers int
	length  time.Duration
}

var _ Model = (*shop)(nil)

type customer struct {
	done  sim.Signal
	left  time.Duration // work to do, at pace 1
	since time.Duration // when left was true
	timer sim.Timer
	reset bool
}

func (s *shop) Start(env sim.Env) Replica {
	var waiting, served []*customer
	var worked time.Duration
	pace, counted := 1.0, env.Now()
	book := func() { // adds up the busy share until now
		worked += (env.Now() - counted) * time.Duration(len(served)) / time.Duration(s.servers)
		counted = env.Now()
	}
	remove := func(from []*customer, c *customer) []*customer {
		for i, one := range from {
			if one == c {
				return append(from[:i:i], from[i+1:]...)
			}
		}
		return from
	}
	var serve func(c *customer)
	next := func() {
		for len(served) < s.servers && len(waiting) > 0 {
			c := waiting[0]
			waiting = waiting[1:]
			served = append(served, c)
			serve(c)
		}
	}
	serve = func(c *customer) {
		c.since = env.Now()
		if math.IsInf(pace, 1) {
			return
		}
		c.timer = env.At(env.Now()+time.Duration(float64(c.left)*pace), func() {
			book()
			served = remove(served, c)
			next()
			c.done.Fire()
		})
	}
	return Replica{
		Handle: func(r sim.Request) sim.Reply {
			book()
			c := &customer{left: s.length}
			waiting = append(waiting, c)
			next()
			if !env.Await(sim.Forever, &c.done, r.Gone) {
				book()
				c.timer.Stop()
				waiting, served = remove(waiting, c), remove(served, c)
				next()
				return abandoned
			}
			if c.reset {
				return broken(ReasonReset)
			}
			return answer(0, 0, s.length)
		},
		Waiting: func() int { return len(waiting) }, Running: func() int { return len(served) },
		Free: func() int { return s.servers - len(served) }, Prompts: func() int { return 0 },
		Busy: func() time.Duration { book(); return worked },
		Pace: func(factor float64) {
			for _, c := range served {
				c.timer.Stop()
				if !math.IsInf(pace, 1) {
					c.left -= time.Duration(float64(env.Now()-c.since) / pace)
				}
			}
			pace = factor
			for _, c := range served {
				serve(c)
			}
		},
		Kill: func() {
			book()
			for _, c := range append(served, waiting...) {
				c.timer.Stop()
				c.reset = true
				c.done.Fire()
			}
			waiting, served = nil, nil
		},
	}
}
