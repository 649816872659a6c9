package sim

// A Gauge is a level that a service model or a strategy lets the harness read: calls waiting, slots
// running, replicas. It is read in the turn, about once a second.
type Gauge struct {
	Name string
	Read func() float64
}
