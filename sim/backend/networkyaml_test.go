package backend

import (
	"errors"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/headroom-dev/headroom/sim"
)

// TestNetworkYAML: what is written is read, and is read again when it has been written.
func TestNetworkYAML(t *testing.T) {
	for text, want := range map[string]Network{
		"{dns: 100ms, dns_ttl: 60s, bandwidth: 100Mbit/s}":           {DNS: 100 * ms, DNSTTL: time.Minute, Bandwidth: 100e6},
		"{bandwidth: 2.5 Gbit/s, compress: {ratio: 6.4, cpu: 27ms}}": {Bandwidth: 2.5e9, Compress: &Compress{6.4, 27 * ms}},
		"{http: 2, conn_requests: 1000}":                             {HTTP: 2, IdleTimeout: 90 * sec, ConnRequests: 1000},
		"{idle_conns: 100}":                                          {HTTP: 1, IdleTimeout: 90 * sec, IdleConns: 100},
		"{regions: {eu: {rtt: 20ms, weight: 3}, us: {rtt: 110ms}}}":  {Regions: map[string]Region{"eu": {20 * ms, 3}, "us": {110 * ms, 1}}},
		"{}": {},
	} {
		for range 2 {
			var got Network
			if err := yaml.Load([]byte(text), &got, yaml.WithKnownFields()); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			if err := got.Validate(); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			same(t, text, got, want)
			text = yamlText(t, got)
		}
	}
}

func TestBandwidthText(t *testing.T) {
	for text, want := range map[string]string{
		"100Mbit/s": "100Mbit/s", "0.1Gbit/s": "100Mbit/s", "1e3kbit/s": "1Mbit/s", "512bit/s": "512bit/s", "1.5 kbit/s": "1.5kbit/s",
	} {
		var b Bandwidth
		if err := b.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		got, _ := b.MarshalText()
		same(t, text, string(got), want)
	}
	for _, text := range []string{"100", "100Mb/s", "0Mbit/s", "-1bit/s", "InfGbit/s", "NaNbit/s", "fast", "mbit/s", "1e308Gbit/s"} {
		var b Bandwidth
		err := b.UnmarshalText([]byte(text))
		same(t, text, err, error(sim.Faults{{Found: text, Allowed: bandwidthAllowed}}))
	}
	var h HTTP
	same(t, "http 3", h.UnmarshalText([]byte("3")), error(sim.Faults{{Found: "3", Allowed: "1, 2"}}))
}

// TestNetworkFaults: all at once, with what was found and what is allowed.
func TestNetworkFaults(t *testing.T) {
	n := Network{
		DNSTTL: -ms, RTT: ms, Bandwidth: -1, Compress: &Compress{Ratio: .5, CPU: time.Hour}, HTTP: 2, IdleConns: 3,
		ConnRequests: -1, IdleTimeout: -sec, Regions: map[string]Region{"eu": {RTT: -ms}, "us": {Weight: -1}},
	}
	var faults sim.Faults
	if !errors.As(n.Validate(), &faults) {
		t.Fatal("got no faults")
	}
	var paths []string
	for _, f := range faults {
		paths = append(paths, f.Path)
	}
	same(t, "faults", strings.Join(paths, " "), "dns_ttl bandwidth compress.ratio compress.cpu conn_requests idle_conns idle_timeout rtt regions.eu.rtt regions.us.weight")
}

// A network that costs and counts nothing is not there.
func TestNoNetworkIsNoStage(t *testing.T) {
	link := (&Network{DNSTTL: sec}).Start(sim.NewWorld(1), func(sim.Request) sim.Reply { return sim.Reply{Status: 299} })
	same(t, "status", link.Handle(sim.Request{}).Status, 299)
	if link.Counts != nil || link.Resources != nil {
		t.Error("it counts")
	}
	plain := (&Network{RTT: ms}).Start(sim.NewWorld(1), nil)
	if plain.Counts != nil || plain.Resources != nil {
		t.Error("prices alone count")
	}
}
