package backend

import (
	"strconv"
	"testing"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

func benchmark(b *testing.B, m Model, rate float64, request sim.Request) {
	b.ReportAllocs()
	w := sim.NewWorld(1)
	handle := m.Start(w).Handle
	offer(w, b.N, rate, 30*time.Second, handle, func(int) sim.Request { return request }, nil)
	if blocked := w.Run(sim.Forever); blocked != 0 {
		b.Fatalf("%d processes left", blocked)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
}

// BenchmarkQueue is M/M/10 at load 0.9: arrival, process, patience, service.
func BenchmarkQueue(b *testing.B) {
	q := &Queue{Servers: 10, Service: Drawn(sim.ExponentialDuration(20 * time.Millisecond)), Discipline: FIFO, Cancel: CancelFree}
	benchmark(b, q, 450, sim.Request{})
}

// BenchmarkLLM is one replica of the default model at 512/128 tokens.
func BenchmarkLLM(b *testing.B) {
	for _, load := range []struct {
		name  string
		share float64
	}{{"load 0.2", 0.2}, {"load 0.8", 0.8}, {"load 1.5", 1.5}} {
		b.Run(load.name, func(b *testing.B) {
			m := NewLLM()
			m.Precision, m.MaxSeqs = FP8, 64
			if err := m.Validate(); err != nil {
				b.Fatal(err)
			}
			if load.share > 1 {
				limit := 256 // or the queue grows without end
				m.Limit = &limit
			}
			benchmark(b, m, load.share*m.Capacity(512, 128), sim.Request{Prompt: 512, Output: 128})
		})
	}
}

// BenchmarkLLMOutputs is the same load of a replica by outputs of one and of ten times the length: what a
// call costs must not follow its length.
func BenchmarkLLMOutputs(b *testing.B) {
	for _, output := range []int{128, 1280} {
		b.Run(strconv.Itoa(output), func(b *testing.B) {
			m := fastLLM(b)
			benchmark(b, m, 0.8*m.Capacity(512, float64(output)), sim.Request{Prompt: 512, Output: output})
		})
	}
}

// BenchmarkLLMTight is a replica whose memory is too small for the calls it admits, so that it throws
// some out.
func BenchmarkLLMTight(b *testing.B) {
	m := longPrompts(b, false, 64)
	benchmark(b, m, 0.8*m.Capacity(4000, 1000), sim.Request{Prompt: 4000, Output: 1000})
}

// BenchmarkService is the default scenario's service in its spike: three replicas behind least
// connections and a bounded queue, six times as many calls as they carry.
func BenchmarkService(b *testing.B) {
	m := fastLLM(b)
	s := &Service{Model: Choice{"llm", m}, Replicas: 3, Balance: Balancing{Name: "least-conn"}, Admission: Admission{Queue: pointer(256)}}
	network := &Network{DNS: 100 * ms, Connect: 50 * ms, TLS: 150 * ms, RTT: 20 * ms}
	b.ReportAllocs()
	w := sim.NewWorld(1)
	handle := network.Wrap(w, s.Start(w).Handle)
	offer(w, b.N, 1000, 30*time.Second, handle, func(call int) sim.Request {
		r := typical(call)
		r.Via.Fresh = true
		return r
	}, nil)
	if blocked := w.Run(sim.Forever); blocked != 0 {
		b.Fatalf("%d processes left", blocked)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
}

// BenchmarkDisciplines is M/M/10 at load 0.9 under the others.
func BenchmarkDisciplines(b *testing.B) {
	for _, d := range disciplines[1:] {
		b.Run(string(d), func(b *testing.B) {
			benchmark(b, &Queue{Servers: 10, Service: Drawn(sim.ExponentialDuration(20 * time.Millisecond)), Discipline: d, Cancel: CancelFree}, 450, sim.Request{})
		})
	}
}

// BenchmarkBatch is an instance with batches of up to 16, at load 0.9.
func BenchmarkBatch(b *testing.B) {
	m := NewBatching()
	m.MaxBatchSize, m.MaxQueueDelay, m.Time = 16, 2*time.Millisecond, &BatchTime{Base: 20 * time.Millisecond, PerRequest: time.Millisecond}
	benchmark(b, m, 0.9*16/0.036, sim.Request{})
}
