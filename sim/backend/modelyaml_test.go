package backend

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/headroom-dev/headroom/sim"
)

// TestModelsYAML: what is written is read, and is read again when it has been written.
func TestModelsYAML(t *testing.T) {
	age := 5 * time.Second
	for text, want := range map[string]Model{
		"queue: {service: {linear: {base: 50ms, per_output_token: 5ms}}, discipline: priority, age: 5s}": &Queue{
			Servers: 1, Service: ServiceTime{Linear: &TokenTime{Base: 50 * ms, PerOutputToken: 5 * ms}}, Discipline: ByPriority, Age: &age, Cancel: CancelFree},
		"queue: {servers: 3, service: 20ms, limit: 0, reject_cost: 10%, discipline: ps, dependency: {time: 50ms, slow: {at: 1s, for: 2s, factor: 10}}}": &Queue{
			Servers: 3, Service: Drawn(sim.ConstantDuration(20 * ms)), Limit: pointer(0), RejectCost: .1, Discipline: PS, Cancel: CancelFree,
			Dependency: &Dependency{Time: sim.ConstantDuration(50 * ms), Slow: &Slowness{At: time.Second, For: 2 * time.Second, Factor: 10}}},
		"batch: {max_batch_size: 8, preferred_batch_size: [4], default_timeout: 1s, priority_levels: 2, levels: [{max_queue_size: 3}], time: {base: 1ms, per_request: 2ms}}": &Batching{
			Mode: DynamicBatches, MaxBatchSize: 8, PreferredBatchSize: []int{4}, Instances: 1, PriorityLevels: 2, DefaultPriorityLevel: 2,
			QueuePolicy: QueuePolicy{DefaultTimeout: time.Second, TimeoutAction: TimeoutReject},
			Levels:      []QueuePolicy{{MaxQueueSize: 3, TimeoutAction: TimeoutReject}},
			Time:        &BatchTime{Base: ms, PerRequest: 2 * ms}, Cancel: CancelFree},
		"batch: {mode: static, size: 4, wait: 1s, llm: {precision: fp8, max_seqs: 64}}": &Batching{
			Mode: StaticBatches, Size: 4, Wait: time.Second, Instances: 1,
			QueuePolicy: QueuePolicy{TimeoutAction: TimeoutReject}, LLM: Tables{fastLLM(t)}, Cancel: CancelFree},
	} {
		for range 2 {
			var got Choice
			if err := yaml.Load([]byte(text), &got, yaml.WithKnownFields()); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			if err := got.Model.(interface{ Validate() error }).Validate(); err != nil { // the loader of scenarios does so by itself
				t.Fatalf("%s: %v", text, err)
			}
			if diff := yamlText(t, got.Model); diff != yamlText(t, want) {
				t.Errorf("%s: got\n%s\nwant\n%s", text, diff, yamlText(t, want))
			}
			text = yamlText(t, got)
		}
	}
	var wrong Choice
	err := yaml.Load([]byte("queue: {service: {linear: {base: 1ms}, exp: {mean: 1s}}}"), &wrong)
	if err == nil {
		t.Error("a service time of two laws was read")
	}
}

func yamlText(t *testing.T, v any) string {
	t.Helper()
	text, err := yaml.Dump(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestServiceTimeFromAFile: the law of a file is read as everywhere.
func TestServiceTimeFromAFile(t *testing.T) {
	q := NewQueue()
	q.Service = Drawn(law(t, written{"empirical": "times.txt"}))
	err := q.Service.ReadFiles(func(string) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("3s\n3s\n")), nil })
	if err := errors.Join(err, q.Validate()); err != nil {
		t.Fatal(err)
	}
	s, _ := newScript(q)
	s.call(0, 0, sim.Request{})
	s.call(10*time.Second, 0, sim.Request{Work: 2})
	s.run(t)
	same(t, "stays", []time.Duration{s.log[0].stay(), s.log[1].stay()}, []time.Duration{3 * time.Second, 6 * time.Second})
}
