// Headroom answers one question before the bad day does: when traffic jumps, what will our callers
// see, and what should the client and the service do about it? It replays a traffic spike against a
// real endpoint or an embedded simulated service, carries every call through several client
// strategies, and says which one keeps its promise. See `headroom --help`.
package main

import (
	"os"
	"runtime/debug"

	"github.com/headroom-dev/headroom/internal/cli"
)

// gcPercent lets the heap grow to five times what is live before it is swept. A simulated run keeps
// some megabytes and makes hundreds of bytes a call, so at the default of 100 a fifth of its time
// goes into sweeping a heap that is small anyway. GOGC in the environment overrules it.
const gcPercent = 400

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	os.Exit(cli.Run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
