package backend

import (
	"fmt"
	"strconv"

	"github.com/headroom-dev/headroom/sim"
)

// A Group is replicas that are alike to the balancer.
type Group struct {
	Count    int    `yaml:"count,omitempty"`     // replicas, 1 to 10,000; 1
	Zone     string `yaml:"zone,omitempty"`      // where they stand; "": nowhere in particular
	Weight   int    `yaml:"weight,omitempty"`    // share of the calls against that of others, 1 to 1000; 1
	Backup   bool   `yaml:"backup,omitempty"`    // gets calls only while no other replica is in service
	MaxConns int    `yaml:"max_conns,omitempty"` // calls in flight that each may have; 0: no limit
}

// UnmarshalYAML reads a group over the defaults. A count or weight of 0 that is written is a fault: the
// group that somebody leaves out so must not come back as one replica.
func (g *Group) UnmarshalYAML(decode func(any) error) error {
	type form Group
	read := form{Count: 1, Weight: 1}
	if err := decode(&read); err != nil {
		return err
	}
	var f sim.Faults
	if read.Count == 0 {
		f.Add("count", "0", fmt.Sprintf("1 to %d", maxReplicas))
	}
	if read.Weight == 0 {
		f.Add("weight", "0", fmt.Sprintf("1 to %d", maxWeight))
	}
	*g = Group(read)
	return f.Err()
}

const (
	maxReplicas = 10_000
	maxWeight   = 1000

	// replicasUnset is what NewService says where a scenario need not: one, or as many as the groups have.
	replicasUnset = -1 << 62
)

// checkReplicas notes counts out of range and fills in defaults: the groups and the number of replicas
// say the same.
func (s *Service) checkReplicas(f *sim.Faults) {
	total, before := 0, len(*f)
	for i := range s.Groups {
		total += s.Groups[i].check(f, fmt.Sprintf("groups[%d]", i))
	}
	if len(*f) > before {
		return
	}
	switch {
	case len(s.Groups) == 0 && s.Replicas == replicasUnset:
		s.Replicas = 1
	case s.Replicas == replicasUnset:
		s.Replicas = total
	case len(s.Groups) > 0 && s.Replicas != total:
		f.Add("replicas", strconv.Itoa(s.Replicas), fmt.Sprintf("%d, as many as the groups have, or groups alone", total))
		return
	}
	if s.Replicas < 1 || s.Replicas > maxReplicas {
		f.Add("replicas", strconv.Itoa(s.Replicas), fmt.Sprintf("1 to %d", maxReplicas))
	}
	for _, g := range s.Groups {
		if !g.Backup {
			return
		}
	}
	if len(s.Groups) > 0 {
		f.Add("groups", "nothing but backups", "at least one group that is no backup")
	}
}

// check fills in the defaults of a group and returns how many replicas it has.
func (g *Group) check(f *sim.Faults, path string) int {
	if g.Count == 0 {
		g.Count = 1
	}
	if g.Weight == 0 {
		g.Weight = 1
	}
	if g.Count < 1 || g.Count > maxReplicas {
		f.Add(path+".count", strconv.Itoa(g.Count), fmt.Sprintf("1 to %d", maxReplicas))
		return 0
	}
	if g.Weight < 1 || g.Weight > maxWeight {
		f.Add(path+".weight", strconv.Itoa(g.Weight), fmt.Sprintf("1 to %d", maxWeight))
	}
	if g.MaxConns < 0 {
		f.Add(path+".max_conns", strconv.Itoa(g.MaxConns), "1 or more; 0 is no limit")
	}
	return g.Count
}

// place gives a replica the settings of its group: the first replicas belong to the first group. Those
// that come later join the groups in turn, but no backup.
func place(m *Member, groups []Group) {
	if len(groups) == 0 {
		return
	}
	id := m.ID
	var serving []Group
	for _, g := range groups {
		if id < g.Count {
			m.join(g)
			return
		}
		id -= g.Count
		if !g.Backup {
			serving = append(serving, g)
		}
	}
	m.join(serving[id%len(serving)])
}

func (m *Member) join(g Group) {
	m.Zone, m.Weight, m.Backup, m.MaxConns = g.Zone, g.Weight, g.Backup, g.MaxConns
}

// Zones of callers. A caller stands in the same zone for life: which one follows from the user, with
// as many callers in a zone as its share of the replicas' weights.
type zones struct {
	names []string
	upTo  []uint64 // weights of this zone and of those before
}

// zonesOf returns the zones of the groups; none where all replicas stand in one.
func zonesOf(groups []Group) zones {
	var z zones
	for _, g := range groups {
		if g.Backup {
			continue
		}
		i := 0
		for i < len(z.names) && z.names[i] != g.Zone {
			i++
		}
		if i == len(z.names) {
			z.names, z.upTo = append(z.names, g.Zone), append(z.upTo, 0)
		}
		z.upTo[i] += uint64(g.Count * g.Weight)
	}
	for i := 1; i < len(z.upTo); i++ {
		z.upTo[i] += z.upTo[i-1]
	}
	return z
}

// of returns the caller's zone.
func (z zones) of(r *sim.Request) string {
	if len(z.names) == 0 {
		return ""
	}
	at := scramble(r.User^zoneSalt) % z.upTo[len(z.upTo)-1]
	for i, end := range z.upTo {
		if at < end {
			return z.names[i]
		}
	}
	panic("backend: a caller outside all zones")
}

// zoneSalt keeps a caller's zone apart from what the same user's hash says elsewhere.
const zoneSalt = 0x7a6f6e65
