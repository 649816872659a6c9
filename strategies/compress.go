package strategies

import (
	"fmt"
	"strconv"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// Compress sends the bodies of requests smaller; answers are the service's to compress
// (network.compress). Against a real endpoint the codec does its work and Content-Encoding names it. In
// virtual time a body of b bytes takes b/ratio on the line and b·cpu before, whether or not the network
// has a bandwidth.
//
// Fails by: it has no effect on a service that is bound by its GPUs. 8 KB at 100 Mbit/s are 0.65 ms, of
// seconds. Many APIs refuse Content-Encoding on requests, with 415 or because they read no JSON in it.
type Compress struct {
	Codec string `yaml:"codec"` // "br", "zstd" or "gzip"
	// Level is how hard it tries: 1 to 9, of zstd to 22; 0 is the usual one, 4 of br, 3 of zstd, 6 of gzip.
	Level int      `yaml:"level"`
	Min   sim.Size `yaml:"min"` // a smaller body is sent as it is
	// Ratio is the size before over the size after, in virtual time: 1 to 1000. 0 is what was measured at
	// the usual level: 6.0 of br, 5.2 of zstd, 6.4 of gzip.
	Ratio float64 `yaml:"ratio"`
	// CPU is the work on each megabyte (10^6 bytes) before, in virtual time: 0s to 1m. 0s is what was
	// measured at the usual level: 10.5 ms of br, 6.1 ms of zstd, 27 ms of gzip.
	CPU time.Duration `yaml:"cpu"`

	codec *sim.Codec // nil before Wrap
}

var (
	_ Strategy    = (*Compress)(nil)
	_ Compressing = (*Compress)(nil)
	_ Counting    = (*Compress)(nil)
	_ Explained   = (*Compress)(nil)
)

// NewCompress returns the defaults: Brotli at its usual level, for bodies from 1 KiB on.
func NewCompress() *Compress { return &Compress{Codec: "br", Min: 1024} }

// Validate names what is out of range.
func (c *Compress) Validate() error {
	var f sim.Faults
	var names []string
	for _, one := range codecs {
		names = append(names, one.name)
	}
	oneOf(&f, "codec", c.Codec, names...)
	if of, ok := codecNamed(c.Codec); ok && (c.Level < 0 || c.Level > of.highest) {
		f.Add("level", strconv.Itoa(c.Level), fmt.Sprintf("1 to %d of %s, 0 for %d", of.highest, of.name, of.usual))
	}
	if c.Min < 0 || c.Min > 1<<30 {
		f.Add("min", c.Min.String(), "0B to 1GiB")
	}
	if c.Ratio != 0 && !(c.Ratio >= 1 && c.Ratio <= 1000) {
		f.Add("ratio", strconv.FormatFloat(c.Ratio, 'g', -1, 64), "1 to 1000, or 0 for what was measured")
	}
	if c.CPU < 0 || c.CPU > time.Minute {
		f.Add("cpu", c.CPU.String(), "0s to 1m per megabyte, 0s for what was measured")
	}
	return f.Err()
}

// Compresses says that requests come with a codec.
func (c *Compress) Compresses() bool { return true }

// Wrap makes the Handler. It never waits: who sends the request does the work. The configuration must
// have passed Validate.
func (c *Compress) Wrap(env sim.Env, next sim.Handler) sim.Handler {
	of, ok := codecNamed(c.Codec)
	if !ok {
		panic("strategies: Compress.Wrap before Validate")
	}
	level := c.Level
	if level == 0 {
		level = of.usual
	}
	c.codec = &sim.Codec{Name: of.name, Min: int(c.Min), Ratio: of.ratio, CPU: time.Duration(1e9 / of.speed),
		Encode: newEncoders(env, of, level).encode}
	if c.Ratio > 0 {
		c.codec.Ratio = c.Ratio
	}
	if c.CPU > 0 {
		c.codec.CPU = c.CPU
	}
	return func(r sim.Request) sim.Reply {
		r.Via.Codec = c.codec
		return next(r)
	}
}

// Counts tells what it came to: bodies sent, those of them that were made smaller, and the bytes of all
// bodies before and as sent. The two are the same where all bodies are smaller than min.
func (c *Compress) Counts(add func(name string, n int64)) {
	of := c.codec
	if of == nil {
		of = new(sim.Codec)
	}
	add("bodies", of.Bodies)
	add("bodies_compressed", of.Encoded)
	add("bytes_plain", of.Plain)
	add("bytes_sent", of.Sent)
}
