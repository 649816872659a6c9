package sim

import "time"

// A Codec makes the bodies of requests smaller before they are sent, and notes what that came to. A
// strategy puts it into Via. Who sends the request knows the body and its size: a network model charges
// Ratio and CPU, a real endpoint calls Encode and charges nothing besides, for there the work takes the
// time it takes.
type Codec struct {
	Name string // as Content-Encoding has it: br, zstd, gzip
	Min  int    // bytes; a smaller body is sent as it is

	Ratio float64       // size before / size after, at least 1: where bodies are only counted
	CPU   time.Duration // of work on each megabyte (10^6 bytes) before; there too

	// Encode returns the body, smaller, as Name has it; nil if gone fired first. It is called in the
	// turn, may wait for room, and works inside block, which gives the turn up meanwhile (Wall.Block).
	Encode func(body []byte, gone *Signal, block func(func())) []byte

	Bodies, Encoded int64 // bodies sent, and those of them that were made smaller
	Plain, Sent     int64 // bytes of all bodies, before and as sent
}

// Book notes a body of plain bytes that goes out as sent. It is called in the turn.
func (c *Codec) Book(plain, sent int) {
	c.Bodies++
	if sent < plain {
		c.Encoded++
	}
	c.Plain += int64(plain)
	c.Sent += int64(sent)
}
