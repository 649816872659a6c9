package strategies

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"

	"github.com/andybalholm/brotli"
	"github.com/headroom-dev/headroom/sim"
	"github.com/klauspost/compress/zstd"
)

// A codec is one way to make bodies smaller.
type codec struct {
	name    string // as Content-Encoding has it
	highest int    // level; the lowest is 1
	usual   int    // level that stands for 0, and that the next two were measured at
	ratio   float64
	speed   float64 // MB/s of one core
	new     func(level int) (encoder, error)
}

// An encoder returns a body encoded, in memory of the result's own. It carries one body at a time.
type encoder func(body []byte) ([]byte, error)

// codecs are those there are. Ratio and speed were measured on synthetic JSON of chats; text of people
// gives half the ratio or less, so take them for a rank and give your own.
var codecs = []codec{
	{"br", 9, 4, 6.0, 95, func(level int) (encoder, error) {
		return streamed(brotli.NewWriterV2(nil, level)), nil
	}},
	{"zstd", 22, 3, 5.2, 164, func(level int) (encoder, error) {
		w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(level)))
		if err != nil {
			return nil, err
		}
		return func(body []byte) ([]byte, error) { return w.EncodeAll(body, nil), nil }, nil
	}},
	{"gzip", 9, 6, 6.4, 37, func(level int) (encoder, error) {
		w, err := gzip.NewWriterLevel(nil, level)
		if err != nil {
			return nil, err
		}
		return streamed(w), nil
	}},
}

func codecNamed(name string) (codec, bool) {
	for _, c := range codecs {
		if c.name == name {
			return c, true
		}
	}
	return codec{}, false
}

// streamed makes an encoder of a writer that can be used again.
func streamed(w interface {
	io.WriteCloser
	Reset(io.Writer)
}) encoder {
	return func(body []byte) ([]byte, error) {
		out := bytes.NewBuffer(make([]byte, 0, len(body)/2+64))
		w.Reset(out)
		if _, err := w.Write(body); err != nil {
			return nil, err
		}
		err := w.Close()
		return out.Bytes(), err
	}
}

// encodersAtOnce bounds how many bodies are being encoded at a time: more than there are cores gains
// nothing, and an encoder of Brotli holds 4 MB of tables.
const encodersAtOnce = 8

// encoders are the encoders of one run, made as they are needed and used again: to make one costs more
// than to encode a body.
type encoders struct {
	make func() (encoder, error)
	room *sim.Permits
	idle []encoder
}

func newEncoders(env sim.Env, of codec, level int) *encoders {
	return &encoders{make: func() (encoder, error) { return of.new(level) }, room: sim.NewPermits(env, encodersAtOnce)}
}

// encode is a sim.Codec's Encode. The list of idle encoders is touched in the turn alone, so it needs no
// lock; the work is done inside block.
func (e *encoders) encode(body []byte, gone *sim.Signal, block func(func())) []byte {
	if !e.room.Take(sim.Forever, gone) {
		return nil
	}
	defer e.room.Give()
	var one encoder
	if last := len(e.idle) - 1; last >= 0 {
		one, e.idle = e.idle[last], e.idle[:last]
	}
	var out []byte
	var err error
	block(func() {
		if one == nil {
			one, err = e.make()
		}
		if err == nil {
			out, err = one(body)
		}
	})
	if err != nil { // they write to memory, at a level that Validate has seen
		panic(fmt.Sprintf("strategies: encoding a body of %d bytes: %v", len(body), err))
	}
	e.idle = append(e.idle, one)
	return out
}
