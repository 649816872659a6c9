package scenarios

import (
	"strings"
	"testing"
	"time"
)

func TestRate(t *testing.T) {
	s, err := Parse("t", strings.NewReader(`
load:
  phases:
    - {name: before, rate: 100/s, for: 30s}
    - {name: spike, rate: 300/s, for: 10s, ramp: 4s}
    - {name: after, rate: 50/s, for: 20s}
    - {name: steady, concurrency: 4, calls: 10}
`))
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[time.Duration]float64{
		-time.Second: 0, 0: 100, 29 * time.Second: 100, 30 * time.Second: 100, 32 * time.Second: 200,
		34 * time.Second: 300, 39 * time.Second: 300, 40 * time.Second: 50, 59 * time.Second: 50, 60 * time.Second: 0,
	} {
		if got := s.Rate(at); got != want {
			t.Errorf("at %v: got %v/s, want %v/s", at, got, want)
		}
	}
}
