package backend

import (
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/headroom-dev/headroom/sim"
)

// tenSeconds is one server, ten seconds a call.
func tenSeconds() Choice {
	return Choice{"queue", &Queue{Servers: 1, Service: Drawn(sim.ConstantDuration(10 * time.Second)), Discipline: FIFO, Cancel: CancelFree}}
}

// TestAdmission: two replicas with one server each. Calls come one after the other, and stay.
func TestAdmission(t *testing.T) {
	for _, row := range []struct {
		about     string
		admission Admission
		statuses  []int // of six calls
		reason    string
	}{
		{"no limit", Admission{}, []int{200, 200, 200, 200, 200, 200}, ""},
		{"free servers are room too", Admission{Queue: pointer(0)}, []int{200, 200, 503, 503, 503, 503}, "queue-full"},
		{"a queue of three", Admission{Queue: pointer(3)}, []int{200, 200, 200, 200, 200, 503}, "queue-full"},
		{"another status", Admission{Queue: pointer(3), WhenFull: 529}, []int{200, 200, 200, 200, 200, 529}, "queue-full"},
		{"waiting and running", Admission{MaxRequests: 4, WhenFull: 429}, []int{200, 200, 200, 200, 429, 429}, "max-requests"},
		{"the first limit names the reason", Admission{Queue: pointer(0), MaxRequests: 2}, []int{200, 200, 503, 503, 503, 503}, "max-requests"},
	} {
		t.Run(row.about, func(t *testing.T) {
			s := &Service{Model: tenSeconds(), Replicas: 2, Balance: Balancing{Name: "round-robin"}, Admission: row.admission}
			w := sim.NewWorld(1)
			handle := s.Start(w).Handle
			statuses, reason := make([]int, 6), ""
			for i := range statuses {
				w.At(time.Duration(i)*ms, func() {
					w.Go(func() {
						reply := handle(sim.Request{Call: i})
						statuses[i] = reply.Status
						if reply.Outcome != sim.OK {
							reason = reply.Reason
							same(t, "when refused", w.Now(), time.Duration(i)*ms)
						}
					})
				})
			}
			w.Run(sim.Forever)
			same(t, "statuses", statuses, row.statuses)
			same(t, "reason", reason, row.reason)
		})
	}
}

// TestAdmissionBoundsTheQueue: under overload the calls that wait never outnumber the queue, and it is
// full at times; an llm's call that only waits for the next step does not count.
func TestAdmissionBoundsTheQueue(t *testing.T) {
	m := fastLLM(t)
	s := &Service{Model: Choice{"llm", m}, Replicas: 3, Balance: Balancing{Name: "least-conn"}, Admission: Admission{Queue: pointer(50)}}
	most, refused := 0, 0
	records := traffic{seed: 1, calls: 20_000, rate: 1000, request: func(call int) sim.Request {
		return sim.Request{Prompt: 512, Output: 64 + call*37%129} // not all alike, or they march in step
	}}.carry(t, func(env sim.Env) sim.Handler {
		running := s.Start(env)
		return func(r sim.Request) sim.Reply {
			env.At(env.Now(), func() {
				waiting, free := 0, 0
				for _, m := range running.Pool.Members() {
					one := m.Machine()
					waiting += one.Waiting()
					free += one.Free()
				}
				most = max(most, waiting-free)
			})
			return running.Handle(r)
		}
	})
	for _, r := range records {
		if r.Reply.Outcome == sim.Busy {
			refused++
		}
	}
	same(t, "most that waited", most, 50)
	// 20 s of arrivals: what is carried meanwhile, and who is inside at the end.
	near(t, "served", float64(len(records)-refused), 20*3*m.Capacity(512, 128)+3*64+50, 0.1)
}

// picks lets calls arrive and returns how many each replica got. Every fifth call takes far longer.
func picks(t *testing.T, balance string, replicas, calls int) ([]int, []record) {
	t.Helper()
	s := &Service{Model: Choice{"queue", &Queue{Servers: 1, Service: Drawn(sim.ConstantDuration(time.Second)), Discipline: FIFO, Cancel: CancelFree}},
		Replicas: replicas, Balance: Balancing{Name: balance}}
	counts := make([]int, replicas)
	records := traffic{seed: 1, calls: calls, rate: 0.6 * float64(replicas), request: func(i int) sim.Request {
		return sim.Request{Work: 0.4 + 3*float64((i%5)/4)}
	}}.carry(t, func(env sim.Env) sim.Handler {
		running := s.Start(env)
		for i, m := range running.Pool.Members() {
			one := m.Machine()
			handle := one.Handle
			one.Handle = func(r sim.Request) sim.Reply {
				counts[i]++
				return handle(r)
			}
		}
		return running.Handle
	})
	return counts, records
}

// TestRoundRobinIsEven: counts differ by at most one.
func TestRoundRobinIsEven(t *testing.T) {
	counts, _ := picks(t, "round-robin", 5, 5002)
	same(t, "calls by replica", counts, []int{1001, 1001, 1000, 1000, 1000})
}

// TestLeastConnAvoidsConvoys: with unequal calls, round robin (a fifth of the calls, all the long
// ones, meet in one replica of five) makes calls wait that least connections would carry at once.
func TestLeastConnAvoidsConvoys(t *testing.T) {
	mean := func(balance string) float64 {
		sum := 0.0
		_, records := picks(t, balance, 5, 5000)
		for _, r := range records {
			sum += r.stay().Seconds() / 5000
		}
		return sum
	}
	turns, least := mean("round-robin"), mean("least-conn")
	if !(least < 0.5*turns) {
		t.Errorf("got a mean stay of %.3g s with least-conn and %.3g s with round-robin, want less than half", least, turns)
	}
}

// TestServiceEndpoint: a caller that names a replica gets it.
func TestServiceEndpoint(t *testing.T) {
	s := &Service{Model: tenSeconds(), Replicas: 3, Balance: Balancing{Name: "least-conn"}}
	w := sim.NewWorld(1)
	running := s.Start(w)
	for range 2 {
		w.Go(func() { running.Handle(sim.Request{Via: sim.Via{Endpoint: 3}}) })
	}
	w.At(ms, func() {
		same(t, "third replica", []int{running.Pool.Members()[2].Machine().Running(), running.Pool.Members()[2].Machine().Waiting()}, []int{1, 1})
		same(t, "gauges", []float64{running.Gauges[0].Read(), running.Gauges[1].Read()}, []float64{1, 1})
		same(t, "names", []string{running.Gauges[0].Name, running.Gauges[1].Name}, []string{"service waiting", "service running"})
	})
	w.Run(sim.Forever)
}

// TestReplicasShareTheLoad: two replicas with the traffic of both carry calls as one with half of it,
// the pick at random (round robin would make arrivals more regular).
func TestReplicasShareTheLoad(t *testing.T) {
	var difference sample
	q := &Queue{Servers: 3, Service: Drawn(second), Discipline: FIFO, Cancel: CancelFree}
	for seed := range uint64(10) {
		mean := func(replicas int) float64 {
			sum := 0.0
			s := &Service{Model: Choice{"queue", q}, Replicas: replicas, Balance: Balancing{Name: "round-robin"}}
			for _, r := range (traffic{seed: seed, calls: 5000, rate: 2.1 * float64(replicas), request: func(i int) sim.Request {
				return sim.Request{Via: sim.Via{Endpoint: 1 + sim.NewStream(seed, "pick").For(i, 0).IntN(replicas)}}
			}}).carry(t, func(env sim.Env) sim.Handler { return s.Start(env).Handle }) {
				sum += r.stay().Seconds() / 5000
			}
			return sum
		}
		difference.add(mean(2) - mean(1))
	}
	difference.within(t, "mean stay with two replicas less that with one", 0)
}

// TestServiceYAML reads the section of a scenario and writes it again.
func TestServiceYAML(t *testing.T) {
	const text = `
model: {llm: {model: llama-3.1-8b, gpu: h100, precision: fp8, max_seqs: 64}}
replicas: 3
balance: least-conn
admission: {queue: 256, when_full: 503}
`
	read := func(text string) *Service {
		s := NewService()
		if err := yaml.Load([]byte(text), s, yaml.WithKnownFields()); err != nil {
			t.Fatal(err)
		}
		if m, ok := s.Model.Model.(*LLM); ok { // the loader of scenarios does so by itself
			if err := m.Validate(); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Validate(); err != nil {
			t.Fatal(err)
		}
		return s
	}
	got := read(text)
	m := fastLLM(t)
	want := &Service{Model: Choice{"llm", m}, Replicas: 3, Balance: Balancing{Name: "least-conn"}, Admission: Admission{Queue: pointer(256), WhenFull: 503}}
	same(t, "service", got, want)
	written, err := yaml.Dump(got)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "service written and read again", read(string(written)), want)

	custom := read("model: {llm: {gpu: {name: mine, memory_gib: 200, hbm_tb_s: 10, bf16_tflops: 3000}}}").Model.Model.(*LLM)
	same(t, "a card of one's own", custom.GPU.GPU, GPU{Name: "mine", Memory: 200, Bandwidth: 10, BF16: 3000})
}

// TestServiceYAMLFaults: what is wrong, and what is allowed.
func TestServiceYAMLFaults(t *testing.T) {
	for _, row := range []struct {
		text string
		want sim.Fault
	}{
		{"model: {llm: {gpu: h1000}}", sim.Fault{Found: `unknown gpu "h1000"`,
			Allowed: "a100, h100, h100-pcie, h800, h200, b200, gb200, h20, l40s, l4, a30, a10g"}},
		{"model: {gpu: {}}", sim.Fault{Found: `unknown model "gpu"`, Allowed: "queue, batch, llm"}},
		{"model: {}", sim.Fault{Found: "no model", Allowed: "exactly one of queue, batch, llm"}},
		{"model: {queue: {}, llm: {}}", sim.Fault{Found: "2 models: llm, queue", Allowed: "exactly one of queue, batch, llm"}},
	} {
		err := yaml.Load([]byte(row.text), NewService(), yaml.WithKnownFields())
		var got sim.Faults
		if !asFaults(err, &got) || len(got) != 1 || got[0] != row.want {
			t.Errorf("%s: got %v, want %v", row.text, err, row.want)
		}
	}
	s := &Service{Replicas: 0, Balance: Balancing{Name: "random"}, Admission: Admission{Queue: pointer(-1), MaxRequests: -1, WhenFull: 500}}
	same(t, "faults", s.Validate(), error(sim.Faults{
		{Path: "model", Allowed: "exactly one of queue, batch, llm"},
		{Path: "replicas", Found: "0", Allowed: "1 to 10000"},
		{Path: "balance", Found: "random", Allowed: "round-robin, weighted, least-conn, p2c, hash, consistent"},
		{Path: "admission.queue", Found: "-1", Allowed: "0 or more; without it there is no limit"},
		{Path: "admission.max_requests", Found: "-1", Allowed: "1 or more; 0 is no limit"},
		{Path: "admission.when_full", Found: "500", Allowed: "503, 529, 429, wait"},
	}))
}
