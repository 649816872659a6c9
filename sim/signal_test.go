package sim

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestSignalsAgainstTheNaiveModel grows trees of signals with children, calls and waits, and fires,
// takes back and lets time pass. The model keeps each signal's followers in a slice.
func TestSignalsAgainstTheNaiveModel(t *testing.T) {
	type modelled struct {
		fired     bool
		parent    *modelled
		waiters   []*party
		followers []any // *modelled or *string, the call's name
		real      *Signal
	}
	rapid.Check(t, func(t *rapid.T) {
		blocked := inWorld(func(w *World) {
			var got, want []string
			n := &naive{}
			var all []*modelled
			calls := map[*string]Timer{}
			var callNames []*string

			var fire func(m *modelled)
			fire = func(m *modelled) {
				if m.fired {
					return
				}
				m.fired = true
				if p := m.parent; p != nil {
					p.followers = slices.DeleteFunc(p.followers, func(f any) bool { return f == any(m) })
				}
				for _, p := range slices.Clone(m.waiters) {
					p.wake()
				}
				for len(m.followers) > 0 {
					f := m.followers[0]
					m.followers = m.followers[1:]
					switch f := f.(type) {
					case *modelled:
						f.parent = nil
						fire(f)
					case *string:
						want = append(want, *f)
					}
				}
			}
			draw := func(t *rapid.T, label string) *modelled {
				if len(all) == 0 {
					t.Skip("no signal yet")
				}
				return all[rapid.IntRange(0, len(all)-1).Draw(t, label)]
			}
			tick := func(*rapid.T) {
				n.tick()
				Sleep(w, 1, nil)
			}
			t.Repeat(map[string]func(*rapid.T){
				"new": func(t *rapid.T) {
					if len(all) > 8 {
						t.Skip("enough")
					}
					all = append(all, &modelled{real: new(Signal)})
				},
				"child": func(t *rapid.T) {
					parent := draw(t, "parent")
					child := &modelled{fired: parent.fired, real: parent.real.Child()}
					if !parent.fired {
						child.parent = parent
						parent.followers = append(parent.followers, child)
					}
					all = append(all, child)
				},
				"then": func(t *rapid.T) {
					m := draw(t, "signal")
					name := fmt.Sprintf("call %d", len(callNames))
					if m.fired {
						want = append(want, name)
					} else {
						m.followers = append(m.followers, &name)
					}
					calls[&name] = m.real.Then(func() { got = append(got, name) })
					callNames = append(callNames, &name)
				},
				"take a call back": func(t *rapid.T) {
					if len(callNames) == 0 {
						t.Skip("no call yet")
					}
					name := callNames[rapid.IntRange(0, len(callNames)-1).Draw(t, "call")]
					had := false
					for _, m := range all {
						if i := slices.Index(m.followers, any(name)); i >= 0 {
							m.followers = slices.Delete(m.followers, i, i+1)
							had = true
						}
					}
					if got := calls[name].Stop(); got != had {
						t.Fatalf("Stop of %s: got %v, want %v", *name, got, had)
					}
				},
				"a child leaves": func(t *rapid.T) {
					m := draw(t, "child")
					m.real.leave()
					if p := m.parent; p != nil {
						p.followers = slices.DeleteFunc(p.followers, func(f any) bool { return f == any(m) })
						m.parent = nil
					}
				},
				"fire": func(t *rapid.T) {
					m := draw(t, "signal")
					m.real.Fire()
					fire(m)
				},
				"wait for two": func(t *rapid.T) {
					a, b := draw(t, "a"), draw(t, "b")
					limit, d := drawLimit(t)
					name := fmt.Sprintf("wait %d", n.seq+len(n.due))
					w.Go(func() {
						got = append(got, fmt.Sprint(name, " ", w.Await(d, a.real, b.real), w.Now()))
					})
					n.due = append(n.due, func() {
						end := func() {
							want = append(want, fmt.Sprint(name, " ", a.fired, time.Duration(n.now)))
						}
						if a.fired || b.fired || limit <= 0 {
							end()
							return
						}
						p := &party{n: n, finish: func(bool, int) {
							b.waiters = slices.DeleteFunc(b.waiters, func(o *party) bool { return o.woken })
							end()
						}}
						p.join(&a.waiters, limit)
						if b != a {
							b.waiters = append(b.waiters, p)
						}
					})
				},
				"tick": tick,
				"": func(t *rapid.T) {
					if diff := cmp.Diff(want, got); diff != "" {
						t.Fatalf("calls and waits (-want +got):\n%s", diff)
					}
					for i, m := range all {
						if got := m.real.Fired(); got != m.fired {
							t.Fatalf("signal %d fired: got %v, want %v", i, got, m.fired)
						}
						followers := 0
						for f := m.real.followers.First(); f != nil; f = f.Next() {
							followers++
						}
						if followers != len(m.followers) {
							t.Fatalf("followers of signal %d: got %d, want %d", i, followers, len(m.followers))
						}
					}
				},
			})
			for _, m := range all {
				m.real.Fire()
				fire(m)
			}
			tick(t)
			tick(t)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("after all have fired (-want +got):\n%s", diff)
			}
			for i, m := range all {
				if m.real.waiters != (Chain[sleeper]{}) || m.real.followers != (Chain[*follower]{}) {
					t.Fatalf("somebody stayed with signal %d", i)
				}
			}
		})
		if blocked != 0 {
			t.Fatalf("got %d blocked, want 0", blocked)
		}
	})
}

func TestFireWakesWaitersThenFollowersInOrder(t *testing.T) {
	w := NewWorld(1)
	var s Signal
	var log []string
	add := func(what string) func() { return func() { log = append(log, what) } }
	s.Then(add("first call"))
	child := s.Child()
	child.Then(add("child's call"))
	grandchild := child.Child()
	grandchild.Then(add("grandchild's call"))
	s.Then(add("second call")).Stop()
	s.Then(func() {
		add("third call")()
		s.Then(add("call added while firing"))
		if !s.Child().Fired() {
			t.Error("a child of a signal that fires has not fired")
		}
		s.Fire() // again, from within: nothing
		add("third call ends")()
	})
	s.Then(add("fourth call"))
	for i := range 3 {
		w.Go(func() { w.Await(Forever, &s, nil); add(fmt.Sprintf("waiter %d", i))() })
	}
	w.Go(func() { w.Await(Forever, nil, grandchild); add("waiter of the grandchild")() })
	w.At(1, func() { s.Fire(); add("fired")(); s.Fire() })
	w.Run(Forever)
	want := []string{"first call", "child's call", "grandchild's call", "third call", "call added while firing",
		"third call ends", "fourth call", "fired", "waiter 0", "waiter 1", "waiter 2", "waiter of the grandchild"}
	if diff := cmp.Diff(want, log); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

// TestANilSignalNeverFires: gone may be nil everywhere.
func TestANilSignalNeverFires(t *testing.T) {
	var none *Signal
	if none.Fired() {
		t.Error("a nil signal has fired")
	}
	child := none.Child()
	if child.Fired() {
		t.Error("its child has fired")
	}
	child.Fire()
	if !child.Fired() {
		t.Error("its child cannot fire by itself")
	}
	if none.Then(func() { t.Error("its call was made") }).Stop() {
		t.Error("its call was still to come")
	}
}

// TestAChildThatFiresByItselfLeavesItsParent, and the parent does not fire with it.
func TestAChildThatFiresByItselfLeavesItsParent(t *testing.T) {
	var parent Signal
	for range 3 {
		child := parent.Child()
		child.Fire()
		if parent.followers.First() != nil {
			t.Fatal("the child has not left its parent")
		}
	}
	if parent.Fired() {
		t.Error("the parent fired with its child")
	}
}
