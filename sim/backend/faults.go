package backend

import (
	"fmt"
	"strconv"

	"github.com/headroom-dev/headroom/sim"
)

// A Fault is an error that comes by chance, whatever the load: a coin for each attempt. It is an
// extra. Nothing of an overload follows from it; failures that come of load need no coin.
type Fault struct {
	Share  sim.Share `yaml:"share"`            // of all attempts that have it
	Status int       `yaml:"status,omitempty"` // HTTP status of the answer, 400 to 599; 0: the connection breaks without an answer
}

// checkFaults notes values out of range.
func checkFaults(f *sim.Faults, faults []Fault) {
	total := 0.0
	for i, one := range faults {
		path := "faults[" + strconv.Itoa(i) + "]"
		if one.Share <= 0 {
			f.Add(path+".share", one.Share.String(), "above 0%")
		}
		if one.Status != 0 && (one.Status < 400 || one.Status > 599) {
			f.Add(path+".status", strconv.Itoa(one.Status), "400 to 599; without it the connection breaks")
		}
		total += float64(one.Share)
	}
	if total > 1+1e-9 {
		f.Add("faults", fmt.Sprintf("%.6g%% in all", total*100), "at most 100%: an attempt has one fault")
	}
}

// injected puts the faults before next. An attempt that has one costs the service nothing. The draw
// belongs to the call and its attempt, so every strategy meets the same faults.
func injected(env sim.Env, faults []Fault, next sim.Handler) sim.Handler {
	if len(faults) == 0 {
		return next
	}
	random := env.Rand("faults")
	return func(r sim.Request) sim.Reply {
		u := random.For(r.Call, r.Attempt).Float64()
		for _, one := range faults {
			if u -= float64(one.Share); u >= 0 {
				continue
			}
			if one.Status == 0 {
				return broken(ReasonInjected)
			}
			return refuse(one.Status, ReasonInjected)
		}
		return next(r)
	}
}
