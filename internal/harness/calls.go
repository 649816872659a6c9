package harness

import (
	"bufio"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/headroom-dev/headroom/report"
	"github.com/headroom-dev/headroom/sim"
)

// callsHeader names the columns of calls.csv.
const callsHeader = "strategy,seed,call,phase,priority,intended_s,sent_s,first_s,done_s,outcome,first_attempt,reason,status,attempts,tokens\n"

// A callsFile writes a CSV row for each call, in the order in which the calls of a run end.
type callsFile struct {
	mu     sync.Mutex
	out    *bufio.Writer
	config report.Config
	row    []byte
	err    error
}

func newCallsFile(w io.Writer, c report.Config) *callsFile {
	f := &callsFile{out: bufio.NewWriterSize(w, 1<<16), config: c}
	_, f.err = f.out.WriteString(callsHeader)
	return f
}

func (f *callsFile) add(strategy string, seed uint64, r *report.Record) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return
	}
	class := ""
	if int(r.Priority) < len(f.config.Priorities) {
		class = f.config.Priorities[r.Priority]
	}
	b := appendField(f.row[:0], strategy)
	b = strconv.AppendUint(append(b, ','), seed, 10)
	b = strconv.AppendInt(append(b, ','), int64(r.Call), 10)
	b = appendField(append(b, ','), f.config.Phases[r.Phase].Name)
	b = appendField(append(b, ','), class)
	b = strconv.AppendFloat(append(b, ','), r.Intended.Seconds(), 'f', 9, 64)
	b = append(b, ',')
	if r.Sent >= 0 {
		b = strconv.AppendFloat(b, r.Sent.Seconds(), 'f', 9, 64)
	}
	b = append(b, ',')
	if r.First > 0 {
		b = strconv.AppendFloat(b, r.First.Seconds(), 'f', 9, 64)
	}
	b = strconv.AppendFloat(append(b, ','), r.Done.Seconds(), 'f', 9, 64)
	b = append(append(b, ','), r.Outcome.String()...)
	b = append(b, ',')
	if r.Attempts > 0 && r.FirstTry != sim.Unsent {
		b = append(b, r.FirstTry.String()...)
	}
	b = append(append(b, ','), r.Reason...)
	b = strconv.AppendInt(append(b, ','), int64(r.Status), 10)
	b = strconv.AppendInt(append(b, ','), int64(r.Attempts), 10)
	b = strconv.AppendInt(append(b, ','), int64(r.Tokens), 10)
	f.row = append(b, '\n')
	_, f.err = f.out.Write(f.row)
}

// appendField appends a name that a user chose, in quotes where a CSV file needs them (RFC 4180). A
// row is put together by hand because encoding/csv wants each number as a string of its own.
func appendField(b []byte, name string) []byte {
	if !strings.ContainsAny(name, ",\"") {
		return append(b, name...)
	}
	b = append(b, '"')
	b = append(b, strings.ReplaceAll(name, `"`, `""`)...)
	return append(b, '"')
}

// close writes what is still held back and returns the first error of writing.
func (f *callsFile) close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.out.Flush(); f.err == nil {
		f.err = err
	}
	return f.err
}
