package backend

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// Bandwidth is what a connection carries in each direction, in bits per second: `100Mbit/s`. The zero
// Bandwidth is none given: no limit. Units are decimal, as in the names of links: 1 kbit/s is 1000 bit/s.
type Bandwidth float64

const bandwidthAllowed = "a number above 0 with a unit: bit/s, kbit/s, Mbit/s, Gbit/s, as 100Mbit/s"

var bandwidthUnits = []struct {
	name string
	bits float64
}{{"Gbit/s", 1e9}, {"Mbit/s", 1e6}, {"kbit/s", 1e3}, {"bit/s", 1}}

// UnmarshalText reads a number and its unit.
func (b *Bandwidth) UnmarshalText(text []byte) error {
	for _, unit := range bandwidthUnits {
		number, ok := strings.CutSuffix(string(text), unit.name)
		if !ok {
			continue
		}
		value, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		value *= unit.bits
		if err != nil || !(value > 0) || math.IsInf(value, 0) {
			break
		}
		*b = Bandwidth(value)
		return nil
	}
	return sim.Faults{{Found: string(text), Allowed: bandwidthAllowed}}
}

// MarshalText writes it in the largest unit of which it has at least one.
func (b Bandwidth) MarshalText() ([]byte, error) {
	for _, unit := range bandwidthUnits {
		in := float64(b) / unit.bits
		if in >= 1 && in*unit.bits == float64(b) || unit.bits == 1 {
			return []byte(strconv.FormatFloat(in, 'f', -1, 64) + unit.name), nil
		}
	}
	panic("backend: bit/s is the last unit")
}

// Schema describes it.
func (Bandwidth) Schema() map[string]any {
	return map[string]any{"type": "string", "pattern": `^[0-9]*\.?[0-9]+([eE][+-]?[0-9]+)? *[kMG]?bit/s$`,
		"description": "of a connection, each way: 100Mbit/s"}
}

// perByte returns how many nanoseconds a byte takes, 0 where there is no limit.
func (b Bandwidth) perByte() float64 {
	if b == 0 {
		return 0
	}
	return 8e9 / float64(b)
}

func (b Bandwidth) check(f *sim.Faults) {
	if b < 0 || math.IsNaN(float64(b)) || math.IsInf(float64(b), 0) {
		f.Add("bandwidth", fmt.Sprint(float64(b)), bandwidthAllowed)
	}
}

// Compress is answers that are sent compressed: Ratio times smaller, for CPU of work on each megabyte
// (10^6 bytes) of what they were. The work delays the answer; it is not done on a GPU and books none.
// Requests are compressed by who sends them (Via.Codec).
type Compress struct {
	Ratio float64       `yaml:"ratio"` // size before / size after; 1 to 1000
	CPU   time.Duration `yaml:"cpu"`   // per megabyte before; 0s to 1m
}

const (
	maxRatio = 1000
	maxCPU   = time.Minute
)

func (c *Compress) check(f *sim.Faults) {
	if !(c.Ratio >= 1 && c.Ratio <= maxRatio) {
		f.Add("compress.ratio", fmt.Sprint(c.Ratio), fmt.Sprintf("1 to %d: size before / size after", maxRatio))
	}
	if c.CPU < 0 || c.CPU > maxCPU {
		f.Add("compress.cpu", c.CPU.String(), "0s to 1m, per megabyte")
	}
}
