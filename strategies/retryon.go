package strategies

import (
	"net/http"
	"strconv"

	"github.com/headroom-dev/headroom/sim"
)

// RetryOn is a set of failures: what some client tries again. It is written as a list of
//
//	failure = status | class | "-" status | "connection" | "timeout"
//	status  = three digits
//	class   = digit "xx"
//
// where a status with a minus is taken out of a class: [429, 5xx, -501, connection, timeout].
type RetryOn []Failure

// A Failure is one entry: a status, a class of them (Status and Class), or a failure without an answer.
type Failure struct {
	Status int    // 100 to 599, or 1 to 5 for a class
	Class  bool   // Status is the first digit only
	Not    bool   // taken out of the set
	Word   string // "connection" (lost, or never there) or "timeout"; "" where there is a status
}

const failuresAre = "a status such as 429, a class such as 5xx, -501 to take one out of it, connection, timeout"

// UnmarshalText reads one entry.
func (f *Failure) UnmarshalText(text []byte) error {
	s := string(text)
	switch {
	case s == "connection" || s == "timeout":
		*f = Failure{Word: s}
		return nil
	case len(s) == 3 && s[0] >= '1' && s[0] <= '5' && s[1:] == "xx":
		*f = Failure{Status: int(s[0] - '0'), Class: true}
		return nil
	}
	status, err := strconv.Atoi(s)
	if not := status < 0; err == nil && (len(s) == 3 && !not || len(s) == 4 && not) {
		if not {
			status = -status
		}
		if status >= 100 && status <= 599 {
			*f = Failure{Status: status, Not: not}
			return nil
		}
	}
	return sim.Faults{{Found: strconv.Quote(s), Allowed: failuresAre}}
}

// MarshalText writes what UnmarshalText reads.
func (f Failure) MarshalText() ([]byte, error) {
	switch {
	case f.Word != "":
		return []byte(f.Word), nil
	case f.Class:
		return []byte(strconv.Itoa(f.Status) + "xx"), nil
	case f.Not:
		return []byte("-" + strconv.Itoa(f.Status)), nil
	}
	return []byte(strconv.Itoa(f.Status)), nil
}

// Schema describes an entry; a status may be written as a number.
func (Failure) Schema() map[string]any {
	return map[string]any{"anyOf": []any{
		map[string]any{"type": "integer", "minimum": -599, "maximum": 599},
		map[string]any{"type": "string", "pattern": `^(-?[1-5][0-9][0-9]|[1-5]xx|connection|timeout)$`},
	}}
}

// has reports whether a failed reply is in the set. Only what the service or the way to it did can be:
// what the client shed, or never sent, is in none.
func (on RetryOn) has(reply *sim.Reply) bool {
	status := reply.Status
	switch {
	case reply.Outcome == sim.Shed || reply.Outcome == sim.Unsent:
		return false
	case reply.Outcome == sim.Timeout:
		return on.word("timeout")
	case status == 0 && reply.Outcome == sim.Refused:
		status = http.StatusTooManyRequests
	case status == 0 && reply.Outcome == sim.Busy:
		status = http.StatusServiceUnavailable
	case status == 0:
		return on.word("connection")
	}
	in := false
	for _, f := range on {
		switch {
		case f.Not && f.Status == status:
			return false
		case f.Class && f.Status == status/100, !f.Class && f.Word == "" && !f.Not && f.Status == status:
			in = true
		}
	}
	return in
}

func (on RetryOn) word(word string) bool {
	for _, f := range on {
		if f.Word == word {
			return true
		}
	}
	return false
}

// retryOn makes a set of entries as they are written, which are ours and well formed.
func retryOn(entries ...string) RetryOn {
	on := make(RetryOn, len(entries))
	for i, text := range entries {
		if err := on[i].UnmarshalText([]byte(text)); err != nil {
			panic(err)
		}
	}
	return on
}
