package backend

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// Predictive scales ahead of a forecast of the calls per second:
//
//	replicas = ceil(most of forecast(t .. t + ahead) x (1 + margin) / capacity)
//
// It raises the least number of replicas, as predictive scaling of EC2 Auto Scaling does, so the
// larger of it and the signals' answer counts, and no policy slows it down. Exactly one of Schedule,
// Holt and Season says where the forecast comes from.
type Predictive struct {
	Schedule *Known        `yaml:"schedule,omitempty"` // the load is known
	Holt     *Holt         `yaml:"holt,omitempty"`     // a level and a trend, from what came so far
	Season   time.Duration `yaml:"season,omitempty"`   // what came so long ago comes again

	Capacity sim.Rate      `yaml:"capacity"`        // calls per second that one replica carries
	Margin   sim.Share     `yaml:"margin"`          // more than forecast; 0%
	Ahead    time.Duration `yaml:"ahead,omitempty"` // how far it looks; the mean start-up and one decision
}

// Known is a forecast that was made by whoever knows the load.
type Known struct {
	Late  time.Duration `yaml:"late"`            // the forecast says everything so much later than it comes; negative: earlier
	Rates []RateAt      `yaml:"rates,omitempty"` // absent: the load of the scenario itself
}

// A RateAt is the calls per second from a time on.
type RateAt struct {
	At   time.Duration `yaml:"at"`
	Rate sim.Rate      `yaml:"rate"`
}

// Holt is Holt's linear method (Hyndman, Athanasopoulos: Forecasting, 3rd ed., 8.2), one step for each
// decision:
//
//	l = alpha y + (1 - alpha)(l + b)
//	b = beta (l - l') + (1 - beta) b
//	forecast h steps on = l + h b
type Holt struct {
	Alpha sim.Share `yaml:"alpha"` // 0.3
	Beta  sim.Share `yaml:"beta"`  // 0.1
}

func (p *Predictive) check(f *sim.Faults, load func(time.Duration) float64) {
	const path = "autoscale.predictive"
	n := 0
	for _, given := range []bool{p.Schedule != nil, p.Holt != nil, p.Season != 0} {
		if given {
			n++
		}
	}
	if n != 1 {
		f.Add(path, fmt.Sprintf("%d forecasts", n), "exactly one of schedule, holt, season")
	}
	if !(p.Capacity > 0) || math.IsInf(float64(p.Capacity), 0) {
		f.Add(path+".capacity", p.Capacity.String(), "the calls per second that one replica carries, above 0")
	}
	if p.Ahead < 0 || p.Ahead > 24*time.Hour {
		f.Add(path+".ahead", p.Ahead.String(), "0s to 24h; 0s is the start-up and one decision")
	}
	if p.Season < 0 {
		f.Add(path+".season", p.Season.String(), "above 0s")
	}
	if p.Holt != nil {
		if p.Holt.Alpha == 0 {
			p.Holt.Alpha = 0.3
		}
		if p.Holt.Beta == 0 {
			p.Holt.Beta = 0.1
		}
	}
	if p.Schedule != nil {
		if len(p.Schedule.Rates) == 0 && load == nil {
			f.Add(path+".schedule", "a load whose rates nobody knows ahead", "rates, as {rates: [{at: 0s, rate: 100/s}]}")
		}
		for i, one := range p.Schedule.Rates {
			if i > 0 && one.At <= p.Schedule.Rates[i-1].At || one.At < 0 {
				f.Add(path+".schedule.rates["+strconv.Itoa(i)+"].at", one.At.String(), "0s or more, later than the one before")
			}
		}
	}
}

// A forecaster says how many calls per second are to come. It is told what came, once a step.
type forecaster interface {
	saw(rate float64)
	most(now, ahead time.Duration) float64 // calls per second, the most from now to so far ahead
}

// forecaster makes the forecast of a run. load is the scenario's own load.
func (p *Predictive) forecaster(step time.Duration, load func(time.Duration) float64) forecaster {
	switch {
	case p.Schedule != nil && len(p.Schedule.Rates) > 0:
		return known{p.Schedule.rate, p.Schedule.Late, step}
	case p.Schedule != nil:
		return known{load, p.Schedule.Late, step}
	case p.Holt != nil:
		return &holt{alpha: float64(p.Holt.Alpha), beta: float64(p.Holt.Beta), step: step}
	}
	return &seasonal{season: p.Season, step: step}
}

// rate is the calls per second at a time: of the last entry that has begun, 0 before the first.
func (k *Known) rate(t time.Duration) float64 {
	rate := 0.0
	for _, one := range k.Rates {
		if one.At > t {
			break
		}
		rate = float64(one.Rate)
	}
	return rate
}

// known is a load that is known ahead.
type known struct {
	rate func(time.Duration) float64
	late time.Duration
	step time.Duration
}

func (known) saw(float64) {}

func (k known) most(now, ahead time.Duration) float64 {
	most := k.rate(now + ahead - k.late)
	for t := now; t < now+ahead; t += k.step {
		most = max(most, k.rate(t-k.late))
	}
	return most
}

// holt is Holt's linear method.
type holt struct {
	alpha, beta  float64
	step         time.Duration
	level, trend float64
	n            int
}

func (h *holt) saw(rate float64) {
	switch h.n++; h.n {
	case 1:
		h.level = rate
		return
	case 2:
		h.level, h.trend = rate, rate-h.level
		return
	}
	before := h.level
	h.level = h.alpha*rate + (1-h.alpha)*(h.level+h.trend)
	h.trend = h.beta*(h.level-before) + (1-h.beta)*h.trend
}

// most lies at one of the ends of the line.
func (h *holt) most(_, ahead time.Duration) float64 {
	return max(0, h.level, h.level+h.trend*float64(ahead)/float64(h.step))
}

// seasonal expects what came one season ago; nothing in the first season.
type seasonal struct {
	season, step time.Duration
	rates        []float64 // of the steps so far
}

func (s *seasonal) saw(rate float64) { s.rates = append(s.rates, rate) }

func (s *seasonal) most(now, ahead time.Duration) float64 {
	most := 0.0
	for i := max(0, int((now-s.season)/s.step)); i < len(s.rates); i++ {
		// Step i is what came until (i+1) steps.
		if time.Duration(i)*s.step+s.season >= now+ahead {
			break
		}
		most = max(most, s.rates[i])
	}
	return most
}
