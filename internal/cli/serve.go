package cli

import (
	"bytes"
	"fmt"
	"net"
	"time"

	"github.com/spf13/cobra"

	"github.com/headroom-dev/headroom/internal/harness"
	"github.com/headroom-dev/headroom/internal/serve"
	"github.com/headroom-dev/headroom/scenarios"
)

const serveHelp = `Serve the simulated service of a scenario over HTTP, in wall-clock time, to any
client that speaks OpenAI's API. Ends when interrupted, which is its normal end.

Usage:
  headroom serve [SCENARIO] [FLAGS]    default spike-100-1000; - is stdin

Flags:
  --addr HOST:PORT       where to listen; default 127.0.0.1:8080; port 0 is any
  --profile NAME         whose errors, headers and keep-alives: vllm, deepseek,
                         deepseek-2025, openai, anthropic, triton
  --model-name NAME      what the model is called; default the scenario's own
  --api-key KEY          answer 401 to whoever does not send it
  --speed X              simulated seconds in a real one; default 1
  --seed N               of what the service draws; default 1
  --keep-alive D         from one keep-alive to the next, in simulated time;
                         0 is none; default the profile's
  --chunk-tokens N       tokens in one event of a stream, at least; default 1
  --drain D              how long calls inside may take when it is stopped;
                         default 10s; a second interrupt cuts them off
  --set PATH=VALUE       change any field of the scenario

The scenario's network section is left out: here the network is real. The
address, once it listens, is the one line on stdout.

Exit codes: 0 stopped by an interrupt, 1 could not listen, 2 usage or scenario.

Examples:
  headroom serve --profile deepseek
  headroom serve --set service.replicas=1 --addr 127.0.0.1:0
  headroom run --target http://127.0.0.1:8080/v1/chat/completions
`

type serveFlags struct {
	addr, profile, model, apiKey, keepAlive string
	speed                                   float64
	seed                                    uint64
	chunk                                   int
	drain                                   time.Duration
	set                                     []string
}

func (p *program) serveCommand() *cobra.Command {
	f := &serveFlags{}
	cmd := &cobra.Command{
		Use: "serve [SCENARIO] [FLAGS]", Short: "serve the simulated service over HTTP", Long: serveHelp,
		Args: arguments(0, 1, "one scenario"), ValidArgsFunction: completeScenarios,
	}
	flags := cmd.Flags()
	flags.StringVar(&f.addr, "addr", "127.0.0.1:8080", "")
	flags.StringVar(&f.profile, "profile", "", "")
	flags.StringVar(&f.model, "model-name", "", "")
	flags.StringVar(&f.apiKey, "api-key", "", "")
	flags.StringVar(&f.keepAlive, "keep-alive", "", "")
	flags.Float64Var(&f.speed, "speed", 1, "")
	flags.Uint64Var(&f.seed, "seed", 1, "")
	flags.IntVar(&f.chunk, "chunk-tokens", 1, "")
	flags.DurationVar(&f.drain, "drain", 10*time.Second, "")
	flags.StringArrayVar(&f.set, "set", nil, "")
	return p.command(cmd, func(_ *cobra.Command, args []string) error {
		name := defaultScenario
		if len(args) > 0 {
			name = args[0]
		}
		return p.serve(name, f)
	})
}

// mostSpeed bounds --speed: beyond it the timers of a machine are all there is to see.
const mostSpeed = 1000

// serve is `headroom serve`.
func (p *program) serve(name string, f *serveFlags) error {
	server, err := p.newServer(name, f)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", f.addr)
	if err != nil {
		server.Close()
		return fmt.Errorf("listening: %w", err)
	}
	send, hard, stop := interrupts(func() {
		p.note(fmt.Sprintf("stopping: calls inside have %v to end; interrupt again to cut them off", f.drain))
	})
	defer stop()
	p.warnOfStrangers(l.Addr())
	scenario, _ := server.Names()
	_, err = fmt.Fprintf(p.stdout, "listening on http://%s (scenario %s, model %s, profile %s); how to talk to it: curl http://%s/\n",
		l.Addr(), scenario, server.Model(), server.Profile(), l.Addr())
	if err != nil {
		l.Close()
		server.Close()
		return err
	}
	return server.Serve(send, hard, l, f.drain)
}

// newServer checks the flags and starts the service.
func (p *program) newServer(name string, f *serveFlags) (*serve.Server, error) {
	if !(f.speed > 0 && f.speed <= mostSpeed) {
		return nil, usage("--speed %v; allowed: above 0, at most %d", f.speed, mostSpeed)
	}
	if f.chunk < 1 {
		return nil, usage("--chunk-tokens %d; allowed: 1 or more", f.chunk)
	}
	if f.drain < 0 {
		return nil, usage("--drain %v; allowed: 0s or more", f.drain)
	}
	if _, _, err := net.SplitHostPort(f.addr); err != nil {
		return nil, usage("--addr %q; allowed: HOST:PORT, as 127.0.0.1:8080, or :8080 for every interface", f.addr)
	}
	alive, err := keepAlive(f.keepAlive)
	if err != nil {
		return nil, err
	}
	plan, err := p.servedPlan(name, f)
	if err != nil {
		return nil, err
	}
	server, err := serve.New(serve.Options{
		Plan: plan, Seed: f.seed, Model: f.model, APIKey: f.apiKey, Speed: f.speed, KeepAlive: alive,
		ChunkTokens: f.chunk, Version: Version(),
	})
	if err != nil {
		return nil, usage("%s: %w", name, err)
	}
	return server, nil
}

// keepAlive reads --keep-alive: below 0 is none, 0 the profile's.
func keepAlive(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	switch {
	case err != nil || d < 0:
		return 0, usage("--keep-alive %q; allowed: a duration such as 10s, 0 for none", text)
	case d == 0:
		return -1, nil
	}
	return d, nil
}

// servedPlan reads the scenario.
func (p *program) servedPlan(name string, f *serveFlags) (*harness.Plan, error) {
	var edits []scenarios.Edit
	if f.profile != "" {
		edits = append(edits, scenarios.Edit{Path: "service.profile", Value: f.profile, Text: true, From: "--profile " + f.profile})
	}
	for _, text := range f.set {
		edit, err := scenarios.ParseEdit(text)
		if err != nil {
			return nil, err
		}
		edits = append(edits, edit)
	}
	input, err := p.inputFor(name)
	if err != nil {
		return nil, err
	}
	plan, err := harness.Load(name, bytes.NewReader(input), edits...)
	if err != nil {
		return nil, asUsage(err)
	}
	return plan, nil
}

// warnOfStrangers says that others than this machine can reach the service.
func (p *program) warnOfStrangers(a net.Addr) {
	if t, ok := a.(*net.TCPAddr); ok && !t.IP.IsLoopback() {
		p.note(fmt.Sprintf("warning: %s can be reached from other machines, without encryption", a))
	}
}
