package harness

import (
	"bytes"
	"errors"
)

// maxEvent is the longest line of an event stream that is read, in bytes. A longer one ends the
// attempt, so that memory stays bounded whatever a server sends.
const maxEvent = 1 << 20

// errLongEvent says that a line of a stream was longer than maxEvent.
var errLongEvent = errors.New("event stream: line longer than 1 MiB")

// An eventReader cuts a stream of server-sent events into the data of its events. Bytes are pushed
// into it as they come, so that the time of each read is known; lines may be cut across reads. Each
// data line is one event, as the services that stream completions have it:
//
//	stream = { line ( LF | CR LF ) }
//	line   = "data:" [ " " ] data | field ":" ... | ":" comment | empty
//
// Other fields, comments and empty lines are passed over.
type eventReader struct {
	part  []byte // the beginning of a line whose end has not come
	begun bool   // something was read: a byte order mark can no longer come
}

// feed takes the next bytes and calls event with the data of each event that they complete, good
// until the next feed. It stops at the first error of event.
func (s *eventReader) feed(p []byte, event func(data []byte) error) error {
	for len(p) > 0 {
		end := bytes.IndexByte(p, '\n')
		if end < 0 {
			if len(s.part)+len(p) > maxEvent {
				return errLongEvent
			}
			s.part = append(s.part, p...)
			return nil
		}
		line := p[:end]
		if len(s.part) > 0 {
			if len(s.part)+len(line) > maxEvent {
				return errLongEvent
			}
			s.part = append(s.part, line...)
			line = s.part
		}
		p = p[end+1:]
		err := s.line(line, event)
		s.part = s.part[:0]
		if err != nil {
			return err
		}
	}
	return nil
}

// unterminated reports whether the stream, if it ended here, ended inside a line.
func (s *eventReader) unterminated() bool { return len(bytes.TrimSpace(s.part)) > 0 }

func (s *eventReader) line(line []byte, event func([]byte) error) error {
	if !s.begun {
		s.begun = true
		line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
	}
	if len(line) > maxEvent {
		return errLongEvent
	}
	data, ok := bytes.CutPrefix(bytes.TrimSuffix(line, []byte("\r")), []byte("data:"))
	if !ok {
		return nil
	}
	return event(bytes.TrimPrefix(data, []byte(" ")))
}
