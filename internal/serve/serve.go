// Package serve puts the simulated service of a scenario behind HTTP, in wall-clock time: any client
// that speaks OpenAI's API can talk to it, is refused as a provider refuses, and finds metrics under
// vLLM's names.
//
// The service itself is the one that headroom run simulates, on a sim.Wall: it lives in the turn. An
// HTTP handler never holds the turn while it reads or writes. A call enters as a process of its own;
// what comes of it leaves through a mailbox that holds a count of tokens and nothing else (a token's
// text follows from its place), so that the slowest reader costs the service neither time nor memory.
package serve

import (
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/headroom-dev/headroom/internal/harness"
	"github.com/headroom-dev/headroom/sim"
	"github.com/headroom-dev/headroom/sim/backend"
)

// Options say what is served and how.
type Options struct {
	Plan        *harness.Plan // its service is served; its requests give the lengths of outputs and the classes
	Seed        uint64        // of what the service draws
	Model       string        // the name it goes by; "": the name of the language model, or else of the scenario
	APIKey      string        // who does not send it is answered 401; "": nobody has to
	Speed       float64       // simulated seconds in a real one, above 0; 0 is 1
	KeepAlive   time.Duration // from one keep-alive to the next, simulated; 0: the profile's; below 0: none is sent
	ChunkTokens int           // tokens in one event of a stream, at least; 0 is 1
	Version     string        // of this program
}

// A Server is a service behind HTTP. It is an http.Handler; Close ends it.
type Server struct {
	options Options
	profile backend.Profile
	model   string
	longest int // tokens of prompt and output together; 0: no limit but the service's own
	classes []string
	output  sim.CountDist // zero: not drawn
	lengths *sim.Stream   // of outputs; used in the turn
	born    time.Time
	mux     *http.ServeMux
	stopped atomic.Bool // no new calls

	writeTime time.Duration
	mail      *mailman

	wall    *sim.Wall
	clock   *clock
	running backend.Running // what follows is used in the turn
	counts
	calls int // begun without a number of their own
}

// ownCalls is where the numbers begin of calls that come without one: no schedule gets as far, so the
// two never share a draw.
const ownCalls = 1 << 40

// New starts the service of a plan.
func New(o Options) (*Server, error) {
	if o.Plan == nil || o.Plan.Service.Model.Model == nil {
		return nil, errors.New("the scenario has no service to serve; allowed: a service section, as {model: {queue: {servers: 10, service: 20ms}}}")
	}
	if o.Speed == 0 {
		o.Speed = 1
	}
	o.ChunkTokens = max(1, o.ChunkTokens)
	service := o.Plan.Service
	s := &Server{
		options: o, profile: service.Answers(), model: o.Model, calls: ownCalls, born: time.Now(),
		classes: o.Plan.Scenario.Requests.Priority.Names(), output: o.Plan.Scenario.Requests.Output,
		lengths: sim.NewStream(o.Seed, "serve output"), wall: sim.NewWall(o.Seed),
		writeTime: writeTime, mail: newMailman(),
	}
	if llm, ok := service.Model.Model.(*backend.LLM); ok {
		s.longest = llm.MaxModelLen
		if s.model == "" {
			s.model = llm.Model.Name
		}
	}
	if s.model == "" {
		s.model = o.Plan.Scenario.Name
	}
	if o.KeepAlive != 0 {
		s.profile.KeepAlive = max(0, o.KeepAlive)
	}
	s.clock = &clock{wall: s.wall, speed: o.Speed, lag: s.sawLag}
	s.counts.begin()
	service.Model.Model = &watched{inner: service.Model.Model, server: s}
	s.wall.Do(func() { s.running = service.Start(s.clock) })
	s.routes()
	return s, nil
}

// Model returns the name that the service goes by.
func (s *Server) Model() string { return s.model }

// Profile returns the name of the profile it answers by.
func (s *Server) Profile() string { return s.profile.Name }

// Names returns what of a scenario the service was made from, for a line to print.
func (s *Server) Names() (scenario string, classes []string) {
	return s.options.Plan.Scenario.Name, s.classes
}

// Close ends the service: nothing of it happens any more. No call may be inside.
func (s *Server) Close() {
	s.stopped.Store(true)
	s.wall.Do(func() {
		s.running.Stop()
		s.clock.close()
	})
	s.wall.Wait()
	s.mail.stop()
}

func (s *Server) routes() {
	s.mux = http.NewServeMux()
	s.mux.HandleFunc("POST /v1/chat/completions", func(w http.ResponseWriter, r *http.Request) { s.complete(w, r, true) })
	s.mux.HandleFunc("POST /v1/completions", func(w http.ResponseWriter, r *http.Request) { s.complete(w, r, false) })
	s.mux.HandleFunc("GET /v1/models", s.listModels)
	s.mux.HandleFunc("GET /v1/models/{model...}", s.showModel)
	s.mux.HandleFunc("GET /health", s.health)
	s.mux.HandleFunc("GET /version", s.version)
	s.mux.Handle("GET /metrics", s.metricsHandler())
	s.mux.HandleFunc("GET /{$}", s.index)
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.refuse(w, r, notFound("Not Found"))
	})
}

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.URL.Path, "/v1/") {
		s.mux.ServeHTTP(w, r)
		return
	}
	seen := &statusWriter{ResponseWriter: w}
	defer func() {
		v := recover()
		s.served(r, seen.status, v != nil)
		if v != nil {
			panic(v) // http.ErrAbortHandler: the connection is cut, as that of a server that died
		}
	}()
	if !s.allowed(r) {
		s.refuse(seen, r, unauthorized)
		return
	}
	s.mux.ServeHTTP(seen, r)
}

// A statusWriter remembers the status of an answer; 0: nothing was written.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach what it needs.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// classOf returns the class of that name. Who names none is of the lowest.
func (s *Server) classOf(name string) (sim.Priority, bool) {
	if name == "" || len(s.classes) == 0 {
		return sim.Priority(max(0, len(s.classes)-1)), true
	}
	for i, class := range s.classes {
		if strings.EqualFold(name, class) {
			return sim.Priority(i), true
		}
	}
	return 0, false
}
