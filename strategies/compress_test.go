package strategies

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/headroom-dev/headroom/sim"
	"github.com/klauspost/compress/zstd"
)

// decoded undoes a codec, by the readers of the libraries.
func decoded(name string, body []byte) ([]byte, error) {
	switch name {
	case "br":
		return io.ReadAll(brotli.NewReader(bytes.NewReader(body)))
	case "zstd":
		r, err := zstd.NewReader(bytes.NewReader(body), zstd.WithDecoderMaxWindow(8<<20)) // the most that RFC 9659 lets a client send
		if err != nil {
			return nil, err
		}
		defer r.Close()
		return io.ReadAll(r)
	}
	r, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// chatJSON is a request for a chat of at least size bytes, of common English words as often as Zipf's law
// has them.
func chatJSON(size int, seed uint64) []byte {
	words := strings.Fields(`the of and to in is you that it for on are as with this they be at one have from or had by
		word but not what all were we when your can said there use an each which she do how their if will up other about out many
		then them these so some her would make like him into time has look two more write go see number no way could people
		my than first water been call who oil its now find long down day did get come made may part service request answer
		model token system please explain example function return value error network server client database query result`)
	draws := sim.NewStream(seed, "chat").For(0, 0)
	rank := rand.NewZipf(draws, 1.1, 3, uint64(len(words)-1))
	b := []byte(`{"model":"llama-3.1-8b","messages":[{"role":"system","content":"You are a helpful assistant."}`)
	for turn := 0; len(b) < size; turn++ {
		b = fmt.Appendf(b, `,{"role":"%s","content":"`, []string{"user", "assistant"}[turn%2])
		for range 20 + draws.IntN(120) {
			b = append(append(b, words[rank.Uint64()]...), ' ')
		}
		b = append(b, `"}`...)
	}
	return append(b, `],"max_tokens":256,"stream":true}`...)
}

// FuzzRoundTrip: what a codec makes smaller comes back byte for byte, at every level, and so does the
// body that the same encoder gets next.
func FuzzRoundTrip(f *testing.F) {
	f.Add(chatJSON(9000, 1))
	f.Add(chatJSON(70_000, 2)) // two blocks of Brotli's 64 KiB
	f.Add([]byte{0})
	f.Add([]byte(nil))
	f.Add(bytes.Repeat([]byte("a"), 5000))
	noise := make([]byte, 3000)
	for i := range noise {
		noise[i] = byte(hashOne(uint64(i)))
	}
	f.Add(noise)
	ready := map[string][]encoder{} // a level's encoder is used again by the next body
	for _, of := range codecs {
		for level := 1; level <= of.highest; level++ {
			if of.name == "zstd" && level > 1 && zstd.EncoderLevelFromZstd(level) == zstd.EncoderLevelFromZstd(level-1) {
				continue // the 22 levels are four
			}
			one, err := of.new(level)
			if err != nil {
				f.Fatal(err)
			}
			ready[of.name] = append(ready[of.name], one)
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, of := range codecs {
			for i, one := range ready[of.name] {
				small, err := one(body)
				if err != nil {
					t.Fatalf("%s, encoder %d: %v", of.name, i+1, err)
				}
				if back, err := decoded(of.name, small); err != nil || !bytes.Equal(back, body) {
					t.Fatalf("%s, encoder %d: %d bytes came back as %d, %v", of.name, i+1, len(body), len(back), err)
				}
			}
		}
	})
}

// The ranks of the table, on another synthetic chat; the figures themselves depend on the text and are
// only shown. Speed is a matter of the machine.
func TestCodecsRankAsTheTableSays(t *testing.T) {
	bodies := 0
	size := map[string]float64{}
	for seed := range uint64(20) {
		body := chatJSON(8<<10, seed)
		bodies += len(body)
		for _, of := range codecs {
			one, err := of.new(of.usual)
			if err != nil {
				t.Fatal(err)
			}
			small, _ := one(body)
			size[of.name] += float64(len(small))
		}
	}
	for _, a := range codecs {
		t.Logf("%s: %d bytes become %.0f, a ratio of %.2f, where the table has %.1f", a.name, bodies, size[a.name], float64(bodies)/size[a.name], a.ratio)
		for _, b := range codecs {
			if a.ratio > b.ratio && size[a.name] >= size[b.name] {
				t.Errorf("%s makes it %.0f and %s %.0f bytes: the table ranks them the other way", a.name, size[a.name], b.name, size[b.name])
			}
		}
	}
}

// sentBy returns what Compress puts into Via, configured.
func sentBy(t *testing.T, env sim.Env, c *Compress) *sim.Codec {
	t.Helper()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	var codec *sim.Codec
	c.Wrap(env, func(r sim.Request) sim.Reply {
		codec = r.Via.Codec
		return good
	})(sim.Request{})
	return codec
}

// What Via carries: figures of the table, unless the scenario has its own.
func TestCompressSaysWhatToCharge(t *testing.T) {
	for _, row := range []struct {
		yaml  string
		name  string
		min   int
		ratio float64
		cpu   time.Duration
	}{
		{"compress", "br", 1024, 6, 10526315},
		{"compress: {codec: zstd, min: 10kB}", "zstd", 10_000, 5.2, 6097560},
		{"compress: {codec: gzip, min: 0, level: 9}", "gzip", 0, 6.4, 27027027},
		{"compress: {ratio: 2.7, cpu: 20ms}", "br", 1024, 2.7, 20_000_000},
	} {
		s, err := Parse([]byte(row.yaml))
		if err != nil {
			t.Fatal(err)
		}
		c := sentBy(t, sim.NewWorld(1), s.(*Compress))
		if c.Name != row.name || c.Min != row.min || c.Ratio != row.ratio || c.CPU != row.cpu {
			t.Errorf("%s: %s from %d on, ratio %v, %v per megabyte; want %s, %d, %v, %v", row.yaml, c.Name, c.Min, c.Ratio, c.CPU, row.name, row.min, row.ratio, row.cpu)
		}
	}
}

func TestCompressFaults(t *testing.T) {
	for _, row := range []struct{ yaml, found, allowed string }{
		{"compress: {codec: lz4}", `codec "lz4"`, "br, zstd, gzip"},
		{"compress: {level: 10}", "level 10", "1 to 9 of br, 0 for 4"},
		{"compress: {codec: zstd, level: 23}", "level 23", "1 to 22 of zstd, 0 for 3"},
		{"compress: {codec: gzip, level: -1}", "level -1", "1 to 9 of gzip, 0 for 6"},
		{"compress: {min: 1KB}", `"1KB" is not a size`, "10kB, 1KiB"},
		{"compress: {min: 2GiB}", "min 2GiB", "0B to 1GiB"},
		{"compress: {ratio: 0.5}", "ratio 0.5", "1 to 1000, or 0"},
		{"compress: {cpu: 2m}", "cpu 2m", "0s to 1m"},
		{"compress: {preset: fast}", `unknown field "preset"`, "codec"},
	} {
		_, err := Parse([]byte(row.yaml))
		if err == nil || !strings.Contains(err.Error(), row.found) || !strings.Contains(err.Error(), row.allowed) {
			t.Errorf("%s: %v, want %q and %q", row.yaml, err, row.found, row.allowed)
		}
	}
	c := NewCompress()
	if c.Ratio = math.NaN(); c.Validate() == nil {
		t.Error("a ratio of NaN was taken")
	}
}

// Callers side by side on a Wall: each gets its own body back, and no more encoders are made than may
// work at once, however many wait.
func TestEncodingSideBySide(t *testing.T) {
	for _, of := range codecs {
		wall := sim.NewWall(1)
		var codec *sim.Codec
		c := &Compress{Codec: of.name, Min: 1}
		var inside, most int
		wall.Do(func() { codec = sentBy(t, wall, c) })
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				body := chatJSON(2000+i*17, uint64(i))
				var small []byte
				wall.Do(func() {
					small = codec.Encode(body, nil, func(work func()) {
						inside++ // in the turn, as what is after work
						most = max(most, inside)
						wall.Block(work)
						inside--
					})
				})
				if back, err := decoded(of.name, small); err != nil || !bytes.Equal(back, body) {
					t.Errorf("%s: body %d came back as another, %v", of.name, i, err)
				}
			})
		}
		all.Wait()
		wall.Wait()
		if most > encodersAtOnce {
			t.Errorf("%s: %d encoders at work at once, want at most %d", of.name, most, encodersAtOnce)
		}
	}
}

// An encoder is used again: to make one costs more than to encode a body.
func TestEncodersAreUsedAgain(t *testing.T) {
	run(t, func(w *sim.World) {
		made := 0
		e := newEncoders(w, codec{new: func(int) (encoder, error) {
			made++
			return func(body []byte) ([]byte, error) { return body, nil }, nil
		}}, 1)
		for range 20 {
			e.encode([]byte("one after the other"), nil, func(work func()) { work() })
		}
		if made != 1 {
			t.Errorf("%d encoders made for bodies one after the other, want 1", made)
		}
	})
}

// A caller that leaves while it waits for an encoder gets none, and takes no room from the others.
func TestEncodingIsLeft(t *testing.T) {
	run(t, func(w *sim.World) {
		codec := sentBy(t, w, NewCompress())
		slowly := func(work func()) { sim.Sleep(w, time.Second, nil); work() }
		for range encodersAtOnce {
			w.Go(func() {
				if codec.Encode([]byte("one of those at work"), nil, slowly) == nil {
					t.Error("nothing came")
				}
			})
		}
		gone := new(sim.Signal)
		w.At(500*time.Millisecond, gone.Fire)
		sim.Sleep(w, time.Millisecond, nil)
		if got := codec.Encode([]byte("waiting"), gone, slowly); got != nil || w.Now() != 500*time.Millisecond {
			t.Errorf("got %d bytes at %v, want none at 500ms", len(got), w.Now())
		}
		if got := codec.Encode([]byte("waiting"), nil, slowly); got == nil || w.Now() != 2*time.Second {
			t.Errorf("got %d bytes at %v, want some at 2s: after the eight", len(got), w.Now())
		}
	})
}

// FuzzRouting: a scenario's settings of shard and compress are taken or refused, and what is taken runs.
func FuzzRouting(f *testing.F) {
	f.Add("user", "rendezvous", 1.25, true, 8, "br", 4, "1KiB", 6.0)
	f.Add("key", "jump", 0.0, false, 1, "zstd", 22, "0", 0.0)
	f.Add("ip", "ring", -1.0, true, 0, "lz4", -1, "1KB", .5)
	f.Fuzz(func(t *testing.T, by, algorithm string, bound float64, failover bool, n int, codec string, level int, least string, ratio float64) {
		yaml := fmt.Sprintf("[{shard: {by: %q, algorithm: %q, bound: %v, failover: %v}}, {compress: {codec: %q, level: %d, min: %q, ratio: %v}}]",
			by, algorithm, bound, failover, codec, level, least, ratio)
		s, err := Parse([]byte(yaml))
		if err != nil {
			return
		}
		n = 1 + int(uint(n)%300)
		s.(Sharded).Endpoints(n)
		if !s.(Compressing).Compresses() {
			t.Error("a stack with compress does not compress")
		}
		run(t, func(w *sim.World) {
			handle := s.Wrap(w, func(r sim.Request) sim.Reply {
				if r.Via.Endpoint < 1 || r.Via.Endpoint > n || r.Via.Codec == nil || r.Via.Codec.Ratio < 1 || r.Via.Codec.CPU <= 0 {
					t.Errorf("%s: endpoint %d of %d, codec %+v", yaml, r.Via.Endpoint, n, r.Via.Codec)
				}
				return good
			})
			for i := range uint64(20) {
				handle(sim.Request{User: i, Key: i * i, Cause: sim.Cause(i % uint64(sim.NumCauses))})
			}
		})
	})
}
