package backend

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/headroom-dev/headroom/sim"
)

// NextUpstream lists endings of a try, in the words of nginx's proxy_next_upstream: error (the
// connection was refused or broke), timeout (connect_timeout or read_timeout), invalid_header (replicas
// here send none), and statuses as http_502 or 502.
type NextUpstream []Ending

// An Ending is one of the words.
type Ending string

// The endings that are no status.
const (
	EndError         Ending = "error"
	EndTimeout       Ending = "timeout"
	EndInvalidHeader Ending = "invalid_header"
)

// endStatuses are nginx's, and 529, which providers answer when they are overloaded.
var endStatuses = []int{403, 404, 429, 500, 502, 503, 504, 529}

const statusPrefix = "http_"

// UnmarshalYAML reads a word or the number of a status.
func (e *Ending) UnmarshalYAML(decode func(any) error) error {
	var form any
	if err := decode(&form); err != nil {
		return err
	}
	switch v := form.(type) {
	case string:
		*e = Ending(v)
	case int:
		*e = Ending(statusPrefix + strconv.Itoa(v))
	default:
		return sim.Faults{{Found: fmt.Sprint(form), Allowed: endingWords()}}
	}
	return nil
}

// Schema describes a word or a number.
func (Ending) Schema() map[string]any {
	all := []any{string(EndError), string(EndTimeout), string(EndInvalidHeader)}
	for _, status := range endStatuses {
		all = append(all, statusPrefix+strconv.Itoa(status), status)
	}
	return map[string]any{"enum": all}
}

func endingWords() string {
	words := []string{string(EndError), string(EndTimeout), string(EndInvalidHeader)}
	for _, status := range endStatuses {
		words = append(words, statusPrefix+strconv.Itoa(status))
	}
	return strings.Join(words, ", ")
}

// status returns the status that an ending is; 0 if it is none.
func (e Ending) status() int {
	digits, ok := strings.CutPrefix(string(e), statusPrefix)
	if !ok {
		return 0
	}
	status, err := strconv.Atoi(digits)
	if err != nil || !slices.Contains(endStatuses, status) {
		return 0
	}
	return status
}

func (n NextUpstream) check(f *sim.Faults) {
	for i, e := range n {
		switch e {
		case EndError, EndTimeout, EndInvalidHeader:
			continue
		}
		if e.status() == 0 {
			f.Add(fmt.Sprintf("checks.next_upstream[%d]", i), string(e), endingWords())
		}
	}
}

// A judge says what the end of a try means.
type judge struct {
	onError, onTimeout bool
	statuses           []int
}

func (n NextUpstream) judge() (j judge) {
	for _, e := range n {
		switch e {
		case EndError:
			j.onError = true
		case EndTimeout:
			j.onTimeout = true
		default:
			if status := e.status(); status != 0 {
				j.statuses = append(j.statuses, status)
			}
		}
	}
	return j
}

// of returns whether a try that ended so was a failure of the replica, and whether the call may be
// tried on another. As in nginx a broken connection and a timeout are failures whether or not they
// are listed, 403 and 404 are none even if they are.
func (j judge) of(reply sim.Reply) (failed, again bool) {
	switch reply.Reason {
	case ReasonUnreachable, ReasonReset:
		return true, j.onError
	case ReasonConnectTime, ReasonReadTime:
		return true, j.onTimeout
	}
	again = slices.Contains(j.statuses, reply.Status)
	return again && reply.Status != http.StatusForbidden && reply.Status != http.StatusNotFound, again
}
