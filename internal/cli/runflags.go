package cli

import (
	"github.com/spf13/cobra"
)

// runFlags are the flags of `headroom run` as they were typed. They are text wherever a scenario field
// stands behind them, so that the loader checks them as it checks the file.
type runFlags struct {
	// The load, in place of the scenario's.
	rate, duration string
	stages         []string
	trace          string

	// The comparison.
	strategies []string
	seeds      string // "" leaves it to the scenario, or to one for a live run
	seed       uint64 // the first
	patience   string
	set        []string

	// Where calls go.
	targets     []string // --target
	headers     []string
	method      string
	body        string
	targetsFile string
	api, model  string
	expect      string
	timeout     string
	maxWorkers  int
	warmup      int
	maxCalls    int64
	dryRun      bool

	// The connection.
	insecure, http1          bool
	caCert, cert, key, proxy string
	resolve                  []string

	// What comes out.
	output  string
	format  string
	calls   bool
	workers int
}

// runHelp is written by hand, for the screen of eighty columns: a test holds that every flag is in it.
const runHelp = `Compare the strategies of a scenario: every strategy meets the same calls.

Usage:
  headroom run [SCENARIO] [FLAGS]   a built-in name, a file, or - for stdin;
                                    default spike-100-1000

Load, in place of the scenario's:
  --rate R, --duration D     one phase: R is 100, 100/s or 6000/m; D is 30s, 5m
  --stage D@R,...            phases in a row: 30s@100,10s@1000,60s@100
  --trace FILE               replay the arrivals of a trace (docs/scenarios.md)
  --patience D               how long a caller waits for its answer
  --set PATH=VALUE           any field: --set load.phases.spike.rate=800/s
Comparison:
  --strategies A,B           only these of the scenario's strategies
  --seeds N, --seed S        runs of each (live: 1), and the first of them (1)
Live:
  --target URL               where to send (default sim, the simulated service)
  -H, --header 'K: V'        a header; --method M, --body TEXT|@FILE
  --targets FILE             requests in vegeta's http or JSON format
  --api openai --model M     streamed chat completions, key from OPENAI_API_KEY
  --timeout D                of one attempt; --expect-status 2xx,404 is ok
  --insecure --http1 --cacert F --cert F --key F --proxy URL --resolve H:P:A
  --max-workers N            calls at once; --warmup N calls that do not count
  --max-calls N              refuse to send more; --dry-run sends nothing
Result:
  -o, --output DIR           default results/<scenario>-<time>
  --format F                 stdout as text, json, md, html, csv; files in all
  --calls                    also a row for each call, in calls.csv.gz
  -q, --quiet, --no-color    less on stderr; no colour

Examples:
  headroom run --strategies sync,async-queue --seeds 5
  headroom run --target http://127.0.0.1:8080/ --stage 5s@50,5s@500,5s@50
`

// flags gives the command its flags. The texts are in runHelp; completion alone shows the short ones.
func (f *runFlags) flags(cmd *cobra.Command) {
	s := cmd.Flags()
	s.StringVar(&f.rate, "rate", "", "one phase at this rate")
	s.StringVar(&f.duration, "duration", "", "length of the phase of --rate")
	s.StringArrayVar(&f.stages, "stage", nil, "phases, as 30s@100,10s@1000")
	s.StringVar(&f.trace, "trace", "", "replay the arrivals of a trace")
	s.StringVar(&f.patience, "patience", "", "how long a caller waits")
	s.StringArrayVar(&f.set, "set", nil, "any field of the scenario, PATH=VALUE")
	s.StringSliceVar(&f.strategies, "strategies", nil, "only these strategies")
	s.StringVar(&f.seeds, "seeds", "", "runs of each strategy")
	s.Uint64Var(&f.seed, "seed", 1, "first seed")
	s.StringArrayVar(&f.targets, "target", nil, "sim, or where to send")
	s.StringArrayVarP(&f.headers, "header", "H", nil, "a header of every request")
	s.StringVar(&f.method, "method", "", "method of every request")
	s.StringVar(&f.body, "body", "", "body of every request, or @file")
	s.StringVar(&f.targetsFile, "targets", "", "file of requests")
	s.StringVar(&f.api, "api", "", "openai: streamed chat completions")
	s.StringVar(&f.model, "model", "", "model of the completions")
	s.StringVar(&f.expect, "expect-status", "", "status codes that count as ok")
	s.StringVar(&f.timeout, "timeout", "", "limit of one attempt")
	s.IntVar(&f.maxWorkers, "max-workers", 0, "most calls at once")
	s.IntVar(&f.warmup, "warmup", 0, "calls that enter no figure")
	s.Int64Var(&f.maxCalls, "max-calls", 0, "refuse to send more calls")
	s.BoolVar(&f.dryRun, "dry-run", false, "print the plan, send nothing")
	s.BoolVar(&f.insecure, "insecure", false, "trust any certificate")
	s.BoolVar(&f.http1, "http1", false, "never HTTP/2")
	s.StringVar(&f.caCert, "cacert", "", "authorities to trust")
	s.StringVar(&f.cert, "cert", "", "the client's certificate")
	s.StringVar(&f.key, "key", "", "the client's private key")
	s.StringVar(&f.proxy, "proxy", "", "URL of a proxy")
	s.StringArrayVar(&f.resolve, "resolve", nil, "host:port:address")
	s.StringVarP(&f.output, "output", "o", "", "directory of the run")
	s.StringVar(&f.format, "format", "text", "format of stdout")
	s.BoolVar(&f.calls, "calls", false, "a row for each call")
	s.IntVar(&f.workers, "workers", 0, "virtual runs side by side; 0: one for each core")
	_ = s.MarkHidden("workers") // it changes no result, only how long one waits; the flag exists, so no error
}
