package backend

import (
	"strconv"

	"github.com/headroom-dev/headroom/sim"
)

// A ClassPool is the slots that one class of calls has to itself.
type ClassPool struct {
	MaxConcurrency int  `yaml:"max_concurrency"`  // calls of the class in flight; 1 or more
	Queue          *int `yaml:"queue,omitempty"`  // calls of the class that may wait for a slot; absent: no limit
	Borrow         bool `yaml:"borrow,omitempty"` // the class may use idle slots of the other pools, while nobody waits for them there
}

const poolAllowed = "a pool such as {max_concurrency: 50, queue: 100}"

func (p *ClassPool) check(f *sim.Faults, path string) {
	if p.MaxConcurrency < 1 {
		f.Add(path+".max_concurrency", strconv.Itoa(p.MaxConcurrency), "1 or more")
	}
	if p.Queue != nil && *p.Queue < 0 {
		f.Add(path+".queue", strconv.Itoa(*p.Queue), "0 or more; without it there is no limit")
	}
}

// slots are a class's pool in one Env.
type slots struct {
	size   int // 0: the class has no pool, and no bound
	used   int // by calls of the class, and by those of others that borrowed
	queue  int // calls that may wait; negative: no limit
	borrow bool
	served *window
}

// newSlots returns the pools by class; nil where there are none.
func newSlots(s *Service, d *desk) []slots {
	if len(s.Admission.Pools) == 0 {
		return nil
	}
	all := make([]slots, d.classes)
	for class, name := range s.Classes {
		p := s.Admission.Pools[name]
		if p == nil {
			continue
		}
		one := slots{size: p.MaxConcurrency, queue: -1, borrow: p.Borrow, served: newWindow(d.env.Now())}
		if p.Queue != nil && s.Admission.WhenFull != Wait {
			one.queue = *p.Queue
		}
		all[class] = one
	}
	return all
}

// unbounded is the slot of a class without a pool.
const unbounded = -1

// slot finds a slot for a call of that class: one of its own pool, else an idle one of another pool
// where it may borrow, from the lowest class up. It returns the pool's class, and whether there is a
// slot.
func (g *gateway) slot(class int) (pool int, ok bool) {
	if g.pools == nil || g.pools[class].size == 0 {
		return unbounded, true
	}
	own := &g.pools[class]
	if own.used < own.size {
		return class, true
	}
	if !own.borrow {
		return unbounded, false
	}
	for i := len(g.pools) - 1; i >= 0; i-- {
		if p := &g.pools[i]; p.used < p.size && g.queue.rows[i].length == 0 {
			return i, true
		}
	}
	return unbounded, false
}

func (g *gateway) take(pool int) {
	if pool != unbounded {
		g.pools[pool].used++
	}
}

func (g *gateway) release(pool int) {
	if pool != unbounded {
		g.pools[pool].used--
	}
}
