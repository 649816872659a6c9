package harness_test

import (
	"context"
	"strings"
	"testing"

	"github.com/headroom-dev/headroom/internal/harness"
	"github.com/headroom-dev/headroom/report"
	"github.com/headroom-dev/headroom/sim"
)

const pooled = `
name: pools
load: {phases: [{name: flood, rate: 60/s, for: 20s}]}
requests: {priority: {text: 25%, image: 75%}, patience: 10s}
service:
  model: {queue: {servers: 15, service: 500ms}}
  admission: {pools: {POOL: {max_concurrency: 10}, image: {max_concurrency: 5, queue: 5}}}
strategies: [sync]
`

// TestPoolsAreOfTheScenariosClasses: a pool takes the calls of the class that it names, and only
// classes of requests.priority have pools.
func TestPoolsAreOfTheScenariosClasses(t *testing.T) {
	_, err := harness.Read("bad.yaml", strings.NewReader(strings.Replace(pooled, "POOL", "txt", 1)))
	const want = `bad.yaml:7:28: unknown class "txt"; allowed: text, image: the classes of requests.priority`
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}

	p, err := harness.Read("pools.yaml", strings.NewReader(strings.Replace(pooled, "POOL", "text", 1)))
	if err != nil {
		t.Fatal(err)
	}
	var outcomes [2][sim.NumOutcomes]int
	side, err := harness.Virtual(context.Background(), p, p.Strategies[0].New(), 1, func(r report.Record) {
		outcomes[r.Priority][r.Outcome]++
		if r.Outcome == sim.Busy && (r.Reason != "pool-full" || r.Status != 503) {
			t.Errorf("got reason %s and status %d", r.Reason, r.Status)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if text := outcomes[0]; text[sim.OK] < 200 || text[sim.Busy] > 0 {
		t.Errorf("got outcomes of text %v, want all ok", text)
	}
	if image := outcomes[1]; image[sim.OK] > 220 || image[sim.OK] < 200 || image[sim.Busy] < 500 { // 10 a second
		t.Errorf("got outcomes of images %v, want 10 a second ok, and the rest busy", image)
	}
	var gauges []string
	most := map[string]float64{}
	for _, g := range side.Gauges {
		gauges = append(gauges, g.Name)
		for _, v := range g.Values {
			most[g.Name] = max(most[g.Name], v)
		}
	}
	if got := strings.Join(gauges, ", "); !strings.Contains(got, "admission queue, pool text, pool image") {
		t.Errorf("got gauges %s", got)
	}
	if most["admission queue"] < 5 || most["pool image"] != 5 || most["pool text"] > 10 {
		t.Errorf("got at most %v", most)
	}
}
