package strategies_test

import (
	"fmt"
	"time"

	"github.com/headroom-dev/headroom/sim"
	"github.com/headroom-dev/headroom/strategies"
)

// Who sends a request finds the codec in Via. Here it is a network that takes a millisecond for each
// kilobyte: a body of 6 kB is sent as 1 kB, after 63 µs of work; one of 600 bytes goes as it is.
func ExampleCompress() {
	compress := strategies.NewCompress()
	w := sim.NewWorld(1)
	handle := compress.Wrap(w, func(r sim.Request) sim.Reply {
		bytes, codec := 4*r.Prompt, r.Via.Codec
		sent := bytes
		if bytes >= codec.Min {
			sent = int(float64(bytes) / codec.Ratio)
			sim.Sleep(w, time.Duration(bytes)*codec.CPU/1e6, r.Gone)
		}
		codec.Book(bytes, sent)
		sim.Sleep(w, time.Duration(sent)*time.Microsecond, r.Gone)
		return sim.Reply{Outcome: sim.OK}
	})
	w.Go(func() {
		for _, tokens := range []int{1500, 150} {
			start := w.Now()
			handle(sim.Request{Prompt: tokens})
			fmt.Println(tokens, "tokens took", (w.Now() - start).Round(time.Microsecond))
		}
	})
	w.Run(sim.Forever)
	compress.Counts(func(name string, n int64) { fmt.Println(name, n) })
	// Output:
	// 1500 tokens took 1.063ms
	// 150 tokens took 600µs
	// bodies 2
	// bodies_compressed 1
	// bytes_plain 6600
	// bytes_sent 1600
}
