package backend

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// A Failure is an accident that the scenario plans: to one replica, or to all of a zone.
type Failure struct {
	Replica *int          `yaml:"replica,omitempty"` // number of the replica, from 0 in the order in which they were made
	Zone    string        `yaml:"zone,omitempty"`    // all replicas of this zone
	At      time.Duration `yaml:"at"`                // when, from the beginning of the run
	For     time.Duration `yaml:"for,omitempty"`     // how long: a crash may be repaired at once, the others last
	How     string        `yaml:"how"`               // crash, hang or slow; crash
	Factor  float64       `yaml:"factor,omitempty"`  // slow: all work takes so many times as long; 2
}

// The kinds of failure.
const (
	howCrash = "crash" // calls inside get a reset, the cache is lost, then it starts again
	howHang  = "hang"  // connections stay, nothing is answered
	howSlow  = "slow"  // all work takes longer
)

const maxFactor = 1000

// check notes values out of range and fills in the defaults.
func (one *Failure) check(f *sim.Faults, path string, s *Service) {
	if one.How == "" {
		one.How = howCrash
	}
	switch {
	case one.Replica == nil && one.Zone == "":
		f.Add(path, "neither replica nor zone", "one of them, as {replica: 3, at: 35s}")
	case one.Replica != nil && one.Zone != "":
		f.Add(path, "both replica and zone", "one of them")
	case one.Replica != nil && (*one.Replica < 0 || *one.Replica >= s.most()):
		f.Add(path+".replica", strconv.Itoa(*one.Replica), fmt.Sprintf("0 to %d: they are counted from 0", s.most()-1))
	}
	if one.Zone != "" && !slices.ContainsFunc(s.Groups, func(g Group) bool { return g.Zone == one.Zone }) {
		f.Add(path+".zone", strconv.Quote(one.Zone), "a zone that one of groups has")
	}
	if one.At < 0 {
		f.Add(path+".at", one.At.String(), "0s or later")
	}
	switch one.How {
	case howCrash:
		if one.For < 0 {
			f.Add(path+".for", one.For.String(), "0s or more")
		}
	case howHang, howSlow:
		if one.For <= 0 {
			f.Add(path+".for", one.For.String(), "above 0s")
		}
	default:
		f.Add(path+".how", strconv.Quote(one.How), "crash, hang, slow")
	}
	switch {
	case one.How != howSlow && one.Factor != 0:
		f.Add(path+".factor", "for a "+one.How, "only for slow")
	case one.How == howSlow && one.Factor == 0:
		one.Factor = 2
	case one.How == howSlow && !(one.Factor >= 1 && one.Factor <= maxFactor):
		f.Add(path+".factor", fmt.Sprint(one.Factor), fmt.Sprintf("1 to %d", maxFactor))
	}
}

// strikes lets the failure happen to a replica.
func (one *Failure) strikes(m *Member) {
	switch one.How {
	case howCrash:
		m.dies(one.For)
	case howHang:
		m.hangs(one.For)
	case howSlow:
		m.slows(one.Factor, one.For)
	}
}

// plan puts the failures of a scenario before the pool. Whom one meets is looked up when it happens.
func (p *Pool) plan(failures []Failure) {
	for i := range failures {
		one := &failures[i]
		p.at(p.env.Now()+one.At, func() {
			for _, m := range p.met(one) {
				one.strikes(m)
			}
		})
	}
}

// met returns the replicas that a failure meets. They are collected first: a replica that drains is
// taken out of the list when it dies.
func (p *Pool) met(one *Failure) []*Member {
	var hit []*Member
	for _, m := range p.members {
		if one.Replica != nil && m.ID == *one.Replica || one.Replica == nil && m.Zone == one.Zone {
			hit = append(hit, m)
		}
	}
	return hit
}
