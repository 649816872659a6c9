package strategies

import "github.com/headroom-dev/headroom/sim"

// A flight is one fetch that all who ask for a key wait for. It runs in a process of its own and
// lives while one of them is left, so that a leader who leaves takes nobody's answer away. Each waits
// with its own patience.
//
// When the fetch fails, only its leader gets the failure: the next in the line leads another, and the
// rest wait on. Waking all of them to find a new leader would cost the square of their number where a
// busy key meets a service that is down.
type flight struct {
	asked     question
	line      sim.Chain[*rider]
	gone      *sim.Signal // fires when nobody waits for the fetch under way; nil before the first that somebody leads
	leader    *rider      // who gets its failure; nil once that one has left, and of a refresh
	refreshes bool        // the fetch under way is a refresh, which goes on though nobody waits
}

// A rider is one call that waits for a flight.
type rider struct {
	turn  sim.Signal // fires when there is an answer, or when it is this one's turn to lead
	lands bool       // answered: reply holds
	left  bool       // its caller has gone
	reply sim.Reply
	place sim.Link[*rider]
}

// share answers r by the flight for its key, which it leads if there is none.
func (c *Cache) share(asked question, r sim.Request) sim.Reply {
	me, entered := new(rider), c.env.Now()
	f, joined := c.flights[asked]
	if !joined {
		f = &flight{asked: asked}
		c.flights[asked] = f
	}
	me.place.Of = me
	f.line.Join(&me.place)
	defer c.leave(f, me) // also when the run ends under it
	if !joined {
		c.launch(f, me, r)
	}
	for {
		if !c.env.Await(sim.Forever, &me.turn, r.Gone) {
			leads := f.leader == me
			c.leave(f, me)
			if !leads || f.line.First() != nil {
				return sim.Reply{Outcome: sim.Timeout, Reason: "flight"}
			}
			// The fetch was for this call alone, so its Gone has fired too, and it returns in this very
			// instant: its reply says what the call was waiting for, and its attempt is over before
			// the call is.
			c.env.Await(sim.Forever, &me.turn, nil)
			return me.reply
		}
		if me.lands {
			break
		}
		joined, me.turn = false, sim.Signal{}
		c.launch(f, me, r)
	}
	if joined && (me.reply.Outcome == sim.OK || me.reply.Outcome == sim.Degraded) {
		c.counts.joined++
		me.reply.Work = 0 // its leader's
	}
	if me.reply.First > 0 {
		me.reply.First = max(me.reply.First, entered) // it may have come before this call did
	}
	return me.reply
}

// launch starts a fetch that me leads with its own request.
func (c *Cache) launch(f *flight, me *rider, r sim.Request) {
	gone := new(sim.Signal)
	f.gone, f.leader = gone, me
	if token := r.Token; token != nil {
		r.Token = func(n int) {
			if f.leader == me { // nobody reads what comes after the leader has left
				token(n)
			}
		}
	}
	r.Gone = gone
	c.env.Go(func() {
		reply := c.fetch(r)
		if gone.Fired() {
			me.answer(reply) // nobody waits any more but, if it was the last to leave, the leader
			return
		}
		c.land(f, reply)
	})
}

// land hands out what a fetch brought: an answer to all, a failure to its leader.
func (c *Cache) land(f *flight, reply sim.Reply) {
	if reply.Outcome == sim.OK || reply.Outcome == sim.Degraded {
		delete(c.flights, f.asked)
		for place := f.line.First(); place != nil; place = place.Next() {
			place.Of.answer(reply)
		}
		return
	}
	if leader := f.leader; leader != nil {
		f.leader = nil
		leader.place.Leave()
		leader.answer(reply)
	}
	next := f.line.First()
	if next == nil {
		delete(c.flights, f.asked)
		return
	}
	next.Of.turn.Fire() // to lead; it stays in the line, at its head
}

// leave takes a call out of its flight. The last one takes the flight with it, unless that is a refresh.
func (c *Cache) leave(f *flight, me *rider) {
	if me.lands || me.left {
		return
	}
	me.left = true
	if f.leader == me {
		f.leader = nil
	}
	me.place.Leave()
	if f.line.First() == nil && !f.refreshes {
		delete(c.flights, f.asked)
		f.gone.Fire()
	}
}

func (me *rider) answer(reply sim.Reply) {
	me.lands, me.reply = true, reply
	me.turn.Fire()
}
