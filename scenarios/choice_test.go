package scenarios

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/headroom-dev/headroom/sim"
)

// tries is a strategy's settings as another package would have them.
type tries struct {
	Tries  int           `yaml:"tries"`
	Base   time.Duration `yaml:"base"`
	Jitter sim.Share     `yaml:"jitter"`
	Limit  *int          `yaml:"limit,omitempty"`
}

func (b *tries) Validate() error {
	var faults sim.Faults
	if b.Tries < 1 {
		faults.Add("tries", fmt.Sprint(b.Tries), "at least 1")
	}
	if b.Base == 0 {
		faults.Add("base", "", "a wait above 0")
	}
	return faults.Err()
}

func TestChoicesInAllTheirForms(t *testing.T) {
	s := parse(t, good+`strategies:
  - sync
  - pooled: {size: 192}
  - backoff:
  - {name: x, pooled: {size: 5}}
  - {name: resilient, stack: [cache, {backoff: {tries: 7}}, pooled]}
  - stack: [cache, sync]
`)
	type form struct{ Kind, Name, Layers, Text string }
	var got []form
	for _, c := range s.Strategies {
		layers := ""
		for _, layer := range c.Stack {
			layers += layer.Kind + " "
		}
		got = append(got, form{c.Kind, c.Name, layers, c.String()})
	}
	want := []form{
		{"sync", "sync", "", "sync"},
		{"pooled", "pooled", "", "{pooled: {size: 192}}"},
		{"backoff", "backoff", "", "backoff"},
		{"pooled", "x", "", "{name: x, pooled: {size: 5}}"},
		{"stack", "resilient", "cache backoff pooled ", "{name: resilient, stack: [cache, {backoff: {tries: 7}}, pooled]}"},
		{"stack", "cache-sync", "cache sync ", "{stack: [cache, sync]}"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestSettingsGoOverDefaults(t *testing.T) {
	s := parse(t, good+"strategies: [backoff, {backoff: {base: 2s, jitter: 20%, limit: 3}, name: b}]")
	fresh := func() *tries { return &tries{Tries: 5, Base: time.Second, Jitter: 0.1} }
	got := fresh()
	if err := s.Strategies[0].Decode(got); err != nil || *got != *fresh() {
		t.Errorf("got %+v, %v, want the defaults", got, err)
	}
	if err := s.Strategies[1].Decode(got); err != nil || got.Tries != 5 || got.Base != 2*time.Second || got.Jitter != 0.2 || *got.Limit != 3 {
		t.Errorf("got %+v, %v", got, err)
	}
	shown, err := s.Strategies[1].With(got)
	if want := "{name: b, backoff: {tries: 5, base: 2s, jitter: 20%, limit: 3}}"; err != nil || shown.String() != want {
		t.Errorf("got %s, %v, want %s", shown, err, want)
	}
}

func TestSettingsHaveTheirPlace(t *testing.T) {
	s := parse(t, good+`strategies:
  - {backoff: {tries: 0, base: fast}}
  - {name: b, backoff: {tires: 3, base: 1s}}
  - {name: c, stack: [{backoff: {tries: -1, base: 1s}}, asnyc]}
`, Edit{Path: "strategies.b.jitter", Value: "200%"})
	var faults []error
	for _, c := range s.Strategies[:2] {
		faults = append(faults, c.Decode(&tries{Tries: 5}))
	}
	faults = append(faults, s.Strategies[2].Stack[0].Decode(&tries{}))
	faults = append(faults, s.Strategies[2].Stack[1].Unknown("strategy", []string{"sync", "pooled", "async-queue"}))
	want := `test.yaml:3:23: tries 0; allowed: at least 1
test.yaml:3:32: base "fast" is no duration; allowed: a duration such as 500ms, 30s or 1h30m
test.yaml:4:25: unknown field "tires"; allowed: tries, base, jitter, limit (did you mean tries?)
test.yaml:5:41: tries -1; allowed: at least 1
test.yaml:5:57: unknown strategy "asnyc" (have sync, pooled, async-queue; did you mean async-queue?)
--set strategies.b.jitter=200%: jitter 200%; allowed: 0% to 100%, or 0 to 1`
	if diff := cmp.Diff(want, fmt.Sprint(Join(faults...))); diff != "" {
		t.Error(diff)
	}
}

// later keeps a value until its type is known, as a package does that has several models.
type later struct{ decode func(any) error }

func (l *later) UnmarshalYAML(decode func(any) error) error {
	l.decode = decode
	return nil
}

type queueModel struct {
	Servers int              `yaml:"servers"`
	Service sim.DurationDist `yaml:"service"`
}

func (q *queueModel) Validate() error {
	var faults sim.Faults
	if q.Servers < 1 {
		faults.Add("servers", fmt.Sprint(q.Servers), "at least 1")
	}
	return faults.Err()
}

type model struct{ queue *queueModel }

func (m *model) UnmarshalYAML(decode func(any) error) error {
	var entries map[string]later
	if err := decode(&entries); err != nil {
		return err
	}
	for name, entry := range entries {
		if name != "queue" {
			return sim.Faults{{Found: fmt.Sprintf("unknown model %q", name), Allowed: "queue, batch, llm"}}
		}
		m.queue = &queueModel{}
		return entry.decode(m.queue)
	}
	return sim.Faults{{Allowed: "queue, batch, llm"}}
}

func (m model) MarshalYAML() (any, error) { return map[string]any{"queue": m.queue}, nil }

type service struct {
	Model    model `yaml:"model"`
	Replicas int   `yaml:"replicas"`
}

func TestUnionsInsideSections(t *testing.T) {
	s := parse(t, good+"service:\n  model: {queue: {servers: 3, service: {exp: {mean: 20ms}}}}\n")
	got := service{Replicas: 1}
	if err := s.Service.Decode(&got); err != nil {
		t.Fatal(err)
	}
	if got.Replicas != 1 || got.Model.queue.Servers != 3 || got.Model.queue.Service.Mean() != 20*time.Millisecond {
		t.Errorf("got %+v", got)
	}
	shown, err := NewSection(got)
	if err != nil {
		t.Fatal(err)
	}
	full := parse(t, good+"service: {model: {queue: {servers: 3, service: {exp: {mean: 20ms}}}}, replicas: 1}")
	if !shown.Equal(full.Service) || shown.Equal(s.Service) {
		t.Errorf("shown as %s", shown.node.flow())
	}
	if model := s.Service.Field("model").Field("queue"); model.Path() != "service.model.queue" || model.Position().String() != "test.yaml:3:18" {
		t.Errorf("the model stands at %s, %s", model.Path(), model.Position())
	}
	if s.Service.Field("nothing").Present() {
		t.Error("a field that is not there is present")
	}
}

func TestUnionsHaveTheirPlace(t *testing.T) {
	for text, want := range map[string]string{
		"{model: {queue: {servers: 0, service: 20}}}": `test.yaml:2:36: servers 0; allowed: at least 1
test.yaml:2:48: service 20 has no unit; allowed: a duration such as 20ms or 1.5s, or one of exp, uniform, lognormal, gamma, weibull, pareto, mix, empirical`,
		"{model: {lmm: {}}}":                        `test.yaml:2:18: unknown model "lmm"; allowed: queue, batch, llm (did you mean llm?)`,
		"{model: {queue: {severs: 1}}}":             `test.yaml:2:27: unknown field "severs"; allowed: servers, service (did you mean servers?)`,
		"{model: {}, replica: 1}":                   "test.yaml:2:18: model is missing; allowed: queue, batch, llm\ntest.yaml:2:22: unknown field \"replica\"; allowed: model, replicas (did you mean replicas?)",
		"{model: queue}":                            `test.yaml:2:18: model "queue"; allowed: a mapping`,
		"{model: {queue: {service: {exp: 20}}}}":    "exp 20; allowed: a mapping with mean",
		"{model: {queue: {service: {exp: [010]}}}}": "could be octal or decimal; allowed: a number, in plain decimal digits",
	} {
		s := parse(t, good+"service: "+text)
		err := s.Service.Decode(&service{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got\n%v\nwant\n%s", text, err, want)
		}
	}
}

func TestSectionFaults(t *testing.T) {
	s := parse(t, good+"service: {replicas: 3}")
	if got, want := s.Service.Fault("replicas", "3", "at most 2").Error(), "test.yaml:2:21: replicas 3; allowed: at most 2"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := s.Service.Unknown("balancer", "least", []string{"least-conn", "p2c"}).Error(), `test.yaml:2:10: unknown balancer "least" (have least-conn, p2c; did you mean least-conn?)`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	var absent Section
	if err := absent.Decode(&service{}); err != nil || absent.Present() {
		t.Errorf("an absent section: %v", err)
	}
}

func TestJoinSortsAndKeepsOtherErrors(t *testing.T) {
	if err := Join(nil, nil); err != nil {
		t.Errorf("nothing joined is %v", err)
	}
	at := func(line int) error {
		return &Error{[]Fault{{Position: Position{File: "f", Line: line, Column: 1}, Found: "x"}}}
	}
	err := Join(at(9), nil, fmt.Errorf("reading: %w", at(2)), at(9))
	if got := err.Error(); got != "f:2:1: x\nf:9:1: x" {
		t.Errorf("got %s", got)
	}
}

// What decodes into any is what the YAML says, and drawing from what was decoded works.
func TestEmpiricalSections(t *testing.T) {
	s := parse(t, good+"service: {model: {queue: {servers: 1, service: {mix: [{weight: 50%, value: 1s}, {weight: 50%, value: 3s}]}}}}")
	var got service
	if err := s.Service.Decode(&got); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	if d := got.Model.queue.Service.Duration(r); d != time.Second && d != 3*time.Second {
		t.Errorf("drew %v", d)
	}
	if got.Model.queue.Service.Mean() != 2*time.Second {
		t.Errorf("mean %v", got.Model.queue.Service.Mean())
	}
}
