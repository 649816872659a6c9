package harness

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// errStream says that a stream was not what its status promised: it ended without "[DONE]" or in the
// middle of a line, or carried an error.
var errStream = errors.New("event stream")

// A completion is what an answer said of its tokens.
type completion struct {
	events   eventReader
	first    time.Time // when the first token came; zero: none did
	last     time.Time // when the latest did
	chunks   int       // events with content
	used     int       // completion tokens by the service's own count; 0: it gave none
	done     bool      // "[DONE]" came
	together int       // events with content that came in one read with the one before
	wantGaps bool      // somebody asks for gaps
	gaps     []time.Duration
}

// maxGaps bounds the memory of one endless answer; what comes after it is not in the gaps.
const maxGaps = 1 << 16

// A chunk is what is read of an event, or of a plain answer.
type chunk struct {
	Choices []struct {
		Text  string `json:"text"`
		Delta struct {
			Content   string          `json:"content"`
			Reasoning string          `json:"reasoning_content"`
			Tools     json.RawMessage `json:"tool_calls"`
		} `json:"delta"`
	} `json:"choices"`
	Usage *struct {
		Completion int `json:"completion_tokens"`
	} `json:"usage"`
	Error json.RawMessage `json:"error"`
}

// read takes the bytes of one read that ended at now.
func (c *completion) read(p []byte, now time.Time) error {
	return c.events.feed(p, func(data []byte) error { return c.event(data, now) })
}

// end says whether a stream that ends here is whole.
func (c *completion) end() error {
	switch {
	case c.events.unterminated():
		return fmt.Errorf("%w: ended inside an event", errStream)
	case !c.done:
		return fmt.Errorf("%w: ended without [DONE]", errStream)
	}
	return nil
}

// tokens returns the output tokens: the service's own count, or else the events with content, of
// which each may hold several.
func (c *completion) tokens() int {
	if c.used > 0 {
		return c.used
	}
	return c.chunks
}

func (c *completion) event(data []byte, now time.Time) error {
	if bytes.Equal(bytes.TrimSpace(data), []byte("[DONE]")) {
		c.done = true
		return nil
	}
	var one chunk
	if err := json.Unmarshal(data, &one); err != nil {
		return fmt.Errorf("%w: event is not JSON", errStream)
	}
	if told(one.Error) {
		return fmt.Errorf("%w: error in a stream: %.200s", errStream, one.Error)
	}
	if one.Usage != nil {
		c.used = max(c.used, one.Usage.Completion)
	}
	if !one.content() {
		return nil // the role alone, the usage, the reason of the end: not tokens
	}
	c.chunks++
	if c.first.IsZero() {
		c.first = now
	} else {
		if now.Equal(c.last) {
			c.together++
		}
		if c.wantGaps && len(c.gaps) < maxGaps {
			c.gaps = append(c.gaps, now.Sub(c.last))
		}
	}
	c.last = now
	return nil
}

func (c *chunk) content() bool {
	for i := range c.Choices {
		one := &c.Choices[i]
		if one.Text != "" || one.Delta.Content != "" || one.Delta.Reasoning != "" || told(one.Delta.Tools) {
			return true
		}
	}
	return false
}

// told reports whether a field was given and is not null.
func told(field json.RawMessage) bool { return len(field) > 0 && !bytes.Equal(field, []byte("null")) }

// plain reads the answer of a service that did not stream. It is a completion too, or else what was
// asked is no such service: a page that says 200 must not pass for an answer.
func (c *completion) plain(body []byte) error {
	var one chunk
	if err := json.Unmarshal(body, &one); err != nil {
		return fmt.Errorf("%w: the answer is no JSON", errStream)
	}
	if told(one.Error) {
		return fmt.Errorf("%w: error in an answer with a good status: %.200s", errStream, one.Error)
	}
	if len(one.Choices) == 0 {
		return fmt.Errorf("%w: the answer is no completion", errStream)
	}
	if one.Usage != nil {
		c.used = one.Usage.Completion
	}
	return nil
}
