package scenarios

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// mooncake is the format of the Mooncake traces (Qin et al., FAST 2025): JSON lines, times in
// milliseconds, rounded down to 3 s in some of them. Each of hash_ids stands for 512 tokens of the prompt
// and all before them; the last is partly filled.
var mooncake = traceFormat{
	name: "mooncake", shape: `{"timestamp": 0, "input_length": 6758, "output_length": 500, "hash_ids": [0, 1]}`,
	read: (*traceReader).readJSON, grain: 3 * time.Second,
}

const (
	mooncakeBlock = 512 // tokens of a hash id
	namesOfBlock  = mooncakeBlock / sim.PrefixBlock
	mostBlockID   = 1<<57 - 1       // so that its names fit below ofTrace
	ofTrace       = uint64(1) << 62 // marks the block names of a trace, which are not those of requests.prefix
)

// A mooncakeLine is one call, as encoding/json reads it.
type mooncakeLine struct {
	Timestamp *json.Number `json:"timestamp"`
	Input     *int         `json:"input_length"`
	Output    *int         `json:"output_length"`
	HashIDs   []uint64     `json:"hash_ids"`
}

func (t *traceReader) readJSON(line string) (row Row, err error) {
	in := &t.json
	*in = mooncakeLine{HashIDs: in.HashIDs[:0]}
	if err := json.Unmarshal([]byte(line), in); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) && wrong.Field != "" {
			return row, fmt.Errorf("%s is a %s, want a whole number", wrong.Field, wrong.Value)
		}
		return row, fmt.Errorf("%q is no JSON object: %w", shortened(line), err)
	}
	switch {
	case in.Timestamp == nil:
		return row, errors.New("no timestamp")
	case in.Input == nil:
		return row, errors.New("no input_length")
	case in.Output == nil:
		return row, errors.New("no output_length")
	}
	at, ok := decimalTime(in.Timestamp.String(), time.Millisecond)
	if !ok {
		return row, fmt.Errorf("timestamp %s is no time in milliseconds", *in.Timestamp)
	}
	for _, n := range []int{*in.Input, *in.Output} {
		if n < 0 || n > mostTokens {
			return row, fmt.Errorf("%d is no number of tokens", n)
		}
	}
	row = Row{At: at, Prompt: *in.Input, Output: *in.Output}
	if row.Prompt == 0 {
		return row, nil
	}
	row.Blocks, err = t.recording.keep(in.HashIDs, row.Prompt)
	return row, err
}

// keep takes up the identities of the blocks of a prompt; what stands behind its end is none of it.
func (r *Recording) keep(ids []uint64, prompt int) (Blocks, error) {
	ids = ids[:min(len(ids), (prompt+mooncakeBlock-1)/mooncakeBlock)]
	for _, id := range ids {
		if id > mostBlockID {
			return Blocks{}, fmt.Errorf("hash id %d is above %d", id, uint64(mostBlockID))
		}
	}
	if len(r.blocks)+len(ids) > math.MaxUint32 {
		return Blocks{}, fmt.Errorf("more than %d hash ids", math.MaxUint32)
	}
	from := len(r.blocks)
	r.blocks = append(r.blocks, ids...)
	return Blocks{uint32(from), uint32(len(ids))}, nil
}

// Names returns the block names of a row's prompt for sim.Request: for each identity the names that count
// up from it, and none for what is less than a whole sim.PrefixBlock at the end. It is nil where the trace
// says nothing of the prompt.
func (r *Recording) Names(row Row) []uint64 {
	if row.Blocks.N == 0 {
		return nil
	}
	names := make([]uint64, min(int(row.Blocks.N)*namesOfBlock, row.Prompt/sim.PrefixBlock))
	for i := range names {
		id := r.blocks[int(row.Blocks.From)+i/namesOfBlock]
		names[i] = ofTrace | id*namesOfBlock + uint64(i%namesOfBlock)
	}
	return names
}

// Shared returns the share of all prompt tokens that a cache which forgets nothing finds, in whole blocks
// of sim.PrefixBlock, if each call's prompt is there for the next: what prefix caching can save at most.
// It reports false where the trace says nothing of prompts.
func (r *Recording) Shared() (share float64, ok bool) {
	if len(r.blocks) == 0 {
		return 0, false
	}
	seen := map[uint64]int{} // how many whole names of a block were seen
	found, all := 0, 0
	for _, row := range r.Rows {
		all += row.Prompt
		missed := false
		left := row.Prompt / sim.PrefixBlock
		for _, id := range r.blocks[row.Blocks.From:][:row.Blocks.N] {
			here := min(left, namesOfBlock)
			left -= here
			known := min(seen[id], here)
			if !missed {
				found += known * sim.PrefixBlock
			}
			missed = missed || known < here
			seen[id] = max(seen[id], here)
		}
	}
	return float64(found) / float64(all), true
}
