package backend

import (
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/headroom-dev/headroom/sim"
)

// TestGroups: the settings of the groups, in order, and the defaults.
func TestGroups(t *testing.T) {
	s := readService(t, "groups: [{count: 2, zone: a, weight: 2}, {zone: b, max_conns: 64}, {zone: a, backup: true}]")
	same(t, "replicas", s.Replicas, 4)
	w := sim.NewWorld(1)
	p := s.Start(w).Pool
	p.add()
	p.add()
	var got []Group
	for i, m := range p.Members() {
		same(t, "ID", m.ID, i)
		got = append(got, Group{1, m.Zone, m.Weight, m.Backup, m.MaxConns})
	}
	a, b := Group{1, "a", 2, false, 0}, Group{1, "b", 1, false, 64}
	same(t, "replicas", got, []Group{a, a, b, {1, "a", 1, true, 0}, a, b})
}

// readService reads a service of small queues with more settings.
func readService(t tester, text string) *Service {
	t.Helper()
	s := NewService()
	if err := yaml.Load([]byte("model: {queue: {service: 1s}}\n"+text), s, yaml.WithKnownFields()); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if err := s.Validate(); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return s
}

// TestServiceTextTwice: what is read, written and read again says the same.
func TestServiceTextTwice(t *testing.T) {
	for _, text := range []string{
		"", "replicas: 3", "groups: [{count: 3}]", "groups: [{zone: a}, {backup: true}]\nreplicas: 2",
		"balance: p2c", "balance: {p2c: {}}", "balance: hash", "balance: {hash: {by: key, bound: 1.25}}", "balance: {consistent: {by: prefix}}",
		"checks: {}", "checks: {max_fails: 0}", "checks: {max_fails: 3, fail_timeout: 30s, next_upstream: [error, 502, http_503], tries: 2, active: {}}",
		"checks: {connect_timeout: 1s, read_timeout: 3s, zero_above: 1s, active: {every: 30s, rise: 2}}",
	} {
		first := readService(t, text)
		written, err := yaml.Dump(first)
		if err != nil {
			t.Fatal(err)
		}
		second := NewService()
		if err := yaml.Load(written, second, yaml.WithKnownFields()); err != nil {
			t.Fatalf("%s: %v", written, err)
		}
		if err := second.Validate(); err != nil {
			t.Fatal(err)
		}
		first.Model, second.Model = Choice{}, Choice{}
		same(t, text, second, first)
	}
}

// TestServiceTextFaults: what is wrong with groups, balancers and checks.
func TestServiceTextFaults(t *testing.T) {
	const balancers = "round-robin, weighted, least-conn, p2c, hash, consistent"
	for _, row := range []struct{ text, want string }{
		{"groups: [{count: 3}]\nreplicas: 2", "replicas: 2; allowed: 3, as many as the groups have, or groups alone"},
		{"groups: [{count: 3}]\nreplicas: 1", "replicas: 1; allowed: 3, as many as the groups have, or groups alone"},
		{"groups: [{count: -3}]\nreplicas: 1", "groups[0].count: -3; allowed: 1 to 10000"},
		{"groups: [{weight: 2000, max_conns: -1}]", "groups[0].weight: 2000; allowed: 1 to 1000\ngroups[0].max_conns: -1; allowed: 1 or more; 0 is no limit"},
		{"groups: [{count: 0, weight: 0}]", "count: 0; allowed: 1 to 10000\nweight: 0; allowed: 1 to 1000"},
		{"groups: [{backup: true}]", "groups: nothing but backups; allowed: at least one group that is no backup"},
		{"groups: [{count: 9000}, {count: 9000}]", "replicas: 18000; allowed: 1 to 10000"},
		{"replicas: 0", "replicas: 0; allowed: 1 to 10000"},
		{"balance: random", "balance: random; allowed: " + balancers},
		{"balance: {random: {}}", `unknown balancer "random"; allowed: ` + balancers},
		{"balance: [hash]", "[hash]; allowed: one of " + balancers + ", or a mapping such as {hash: {by: user, bound: 1.25}}"},
		{"balance: {hash: {by: ip}}", "balance.hash.by: ip; allowed: user, key, prefix"},
		{"balance: {hash: {bound: 1}}", "balance.hash.bound: 1; allowed: above 1, at most 1000; 0 is no bound"},
		{"balance: {consistent: {bound: 2}}", "balance.consistent.bound: 2; allowed: none: only hash has a bound"},
		{"checks: {next_upstream: [eror]}", "checks.next_upstream[0]: eror; allowed: " + endingWords()},
		{"checks: {next_upstream: [200]}", "checks.next_upstream[0]: http_200; allowed: " + endingWords()},
		{"checks: {max_fails: -1, tries: 2000, fail_timeout: 1us}",
			"checks.max_fails: -1; allowed: 0 to 1000\nchecks.fail_timeout: 1µs; allowed: 1ms to 24h\nchecks.tries: 2000; allowed: 0 to 1000"},
		{"checks: {read_timeout: -1s, active: {fall: -1}}", "checks.read_timeout: -1s; allowed: 1ms to 24h\nchecks.active.fall: -1; allowed: 1 to 1000"},
	} {
		s := NewService()
		err := yaml.Load([]byte("model: {queue: {service: 1s}}\n"+row.text), s, yaml.WithKnownFields())
		if err == nil {
			err = s.Validate()
		}
		var got sim.Faults
		if !asFaults(err, &got) || got.Error() != row.want {
			t.Errorf("%s:\n got %v\nwant %s", row.text, err, row.want)
		}
	}
}
