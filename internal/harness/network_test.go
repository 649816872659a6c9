package harness_test

import (
	"context"
	"strings"
	"testing"

	"github.com/headroom-dev/headroom/internal/harness"
	"github.com/headroom-dev/headroom/report"
)

const networked = `
name: networked
load: {phases: [{name: steady, rate: 50/s, for: 20s}]}
requests: {prompt: 100, output: 50, users: 1000, patience: 10s}
network: NETWORK
service: {model: {queue: {servers: 100, service: 200ms}}}
strategies: [{sync: {connections: warm}}]
`

// carried runs the scenario over a network, and returns what was counted and how many calls there were.
func carried(t *testing.T, network string) (report.Side, int) {
	t.Helper()
	p, err := harness.Read("networked.yaml", strings.NewReader(strings.Replace(networked, "NETWORK", network, 1)))
	if err != nil {
		t.Fatal(err)
	}
	calls := 0
	side, err := harness.Virtual(context.Background(), p, p.Strategies[0].New(), 1, func(report.Record) { calls++ })
	if err != nil {
		t.Fatal(err)
	}
	return side, calls
}

// TestNetworkIsCounted: handshakes where connections are modelled, bytes and the share of the bandwidth
// where there is one, and nothing of it otherwise.
func TestNetworkIsCounted(t *testing.T) {
	side, _ := carried(t, "{dns: 100ms, connect: 50ms, tls: 150ms, rtt: 20ms}")
	if len(side.Counts) > 0 {
		t.Errorf("prices alone: got counts %v", side.Counts)
	}
	side, calls := carried(t, "{connect: 50ms, rtt: 20ms, conn_requests: 10}")
	if got := side.Counts["handshakes"]; got < calls/10 || got > calls/10+50 {
		t.Errorf("got %d handshakes of %d calls, want a tenth and those of the connections in use at the end", got, calls)
	}
	side, calls = carried(t, "{bandwidth: 100kbit/s, compress: {ratio: 5, cpu: 27ms}}")
	if want := calls * 500; side.Counts["answer bytes"] != want || side.Counts["answer bytes saved"] != want*4/5 { // 6 for each of 50 tokens, and 200
		t.Errorf("got counts %v of %d calls, want %d bytes and 4/5 of them saved", side.Counts, calls, want)
	}
	// 400 bytes up take 32 ms, 100 down 8 ms, the service 200: 40 of 240 ms.
	shares := 0.0
	for _, g := range side.Gauges {
		if g.Name == report.ResourcePrefix+"network bandwidth" {
			for _, v := range g.Values[2:20] {
				shares += v / 18
			}
		}
	}
	if shares < 0.16 || shares > 0.175 {
		t.Errorf("got a mean share of the bandwidth of %.3f, want 1/6", shares)
	}
}

// A fault has the place of the field.
func TestNetworkFaultsAreFound(t *testing.T) {
	_, err := harness.Read("bad.yaml", strings.NewReader(strings.Replace(networked, "NETWORK", "{bandwidth: 100Mb, http: 3, regions: {eu: {rtt: 2h}}}", 1)))
	for _, want := range []string{
		"bad.yaml:5:22: bandwidth 100Mb; allowed: a number above 0 with a unit", "bad.yaml:5:35: http 3; allowed: 1, 2",
		"bad.yaml:5:58: rtt 2h0m0s; allowed: 0s to 1h",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
