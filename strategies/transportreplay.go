package strategies

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// A replay is a request's body, which may be sent any number of times.
type replay struct {
	text   []byte                        // the whole body, where again is nil
	again  func() (io.ReadCloser, error) // the request's own GetBody, for one too long to be kept
	length int64                         // -1 if it is not known
}

// replayable reads the body of a request, once, and closes it. Where the request cannot be sent by a
// strategy, it is returned as it is to be sent past it.
func (t *transport) replayable(req *http.Request) (body replay, past *http.Request, err error) {
	most := t.options.MaxRequest
	switch {
	case talks(req):
		return replay{}, req, nil
	case req.Body == nil || req.Body == http.NoBody:
		return replay{}, nil, nil
	case req.ContentLength > most && req.GetBody == nil:
		return replay{}, req, nil
	case req.ContentLength > most:
		closeBody(req)
		return replay{again: req.GetBody, length: req.ContentLength}, nil, nil
	}
	text, err := readBody(req, most+1)
	switch {
	case err != nil:
		closeBody(req)
		return replay{}, nil, err
	case int64(len(text)) <= most:
		closeBody(req)
		return replay{text: text, length: int64(len(text))}, nil, nil
	case req.GetBody != nil:
		closeBody(req)
		return replay{again: req.GetBody, length: req.ContentLength}, nil, nil
	}
	past = req.Clone(req.Context())
	past.Body = joined{io.MultiReader(bytes.NewReader(text), req.Body), req.Body}
	return replay{}, past, nil
}

// joined reads from one place and closes another.
type joined struct {
	io.Reader
	io.Closer
}

// talks reports whether a request is one side of a conversation, which nothing can send again: a tunnel,
// a change of protocol, trailers that follow the body, or messages that wait for those of the other side.
func talks(req *http.Request) bool {
	if req.Method == http.MethodConnect || req.Header.Get("Upgrade") != "" || len(req.Trailer) > 0 {
		return true
	}
	kind := req.Header.Get("Content-Type")
	return req.ContentLength <= 0 && req.Body != nil && req.Body != http.NoBody && req.GetBody == nil &&
		(strings.HasPrefix(kind, "application/grpc") || strings.HasPrefix(kind, "application/connect+"))
}

// readBody reads at most so many bytes. A context that ends closes the body, which ends the wait of those
// who read it.
func readBody(req *http.Request, most int64) ([]byte, error) {
	ctx := req.Context()
	stop := context.AfterFunc(ctx, func() { closeBody(req) })
	defer stop()
	text, err := readAll(req.Body, most, req.ContentLength)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, fmt.Errorf("reading the request's body: %w", err)
	case req.ContentLength > 0 && int64(len(text)) != min(req.ContentLength, most):
		return nil, fmt.Errorf("reading the request's body: got %d bytes, the request says %d", len(text), req.ContentLength)
	}
	return text, nil
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close() // nobody reads what it may say
	}
}

// readAll reads at most so many bytes of a body that is said to have length, -1 if nobody says.
func readAll(r io.Reader, most, length int64) ([]byte, error) {
	// What is said is believed up to 512 KiB, a length of memory that a lie may cost. One byte more
	// than the body lets the read of its end find room.
	b := bytes.NewBuffer(make([]byte, 0, max(512, min(length+bytes.MinRead, most+bytes.MinRead, 512<<10))))
	_, err := b.ReadFrom(io.LimitReader(r, most))
	return b.Bytes(), err
}

// attach gives an attempt its own reader of the body.
func (b *replay) attach(out *http.Request) error {
	out.GetBody = b.again
	if b.again == nil {
		text := b.text
		if len(text) == 0 {
			out.Body, out.ContentLength = nil, 0
			return nil
		}
		out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil }
	}
	body, err := out.GetBody()
	if err != nil {
		return fmt.Errorf("reading the request's body again: %w", err)
	}
	out.Body, out.ContentLength = body, b.length
	return nil
}
