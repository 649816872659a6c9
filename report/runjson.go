package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// maxRunJSON is the largest run.json that is read, in bytes; the default run has some 3 MB.
const maxRunJSON = 256 << 20

// WriteJSON writes run.json. The bytes depend on the Result alone: keys have a fixed order, floats
// are in their shortest form, and a number that is none is an error, never written.
func WriteJSON(w io.Writer, r *Result) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false) // gates and commands are for people: >= stays >=
	e.SetIndent("", " ")
	if err := e.Encode(r); err != nil {
		return fmt.Errorf("writing run.json: %w", err)
	}
	return nil
}

// ReadJSON reads what WriteJSON wrote. It refuses another schema, a file over 256 MB, and one whose
// parts do not fit together, such as a strategy with more phases than the run; it does not check the
// figures (Check does). Fields it does not know are skipped: a later program may write more.
func ReadJSON(from io.Reader) (*Result, error) {
	text, err := io.ReadAll(io.LimitReader(from, maxRunJSON+1))
	if err != nil {
		return nil, fmt.Errorf("reading run.json: %w", err)
	}
	if len(text) > maxRunJSON {
		return nil, fmt.Errorf("reading run.json: it is longer than %d MB", maxRunJSON>>20)
	}
	var head struct {
		Schema *string `json:"schema"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return nil, fmt.Errorf("reading run.json: %w", atLine(text, err))
	}
	switch {
	case head.Schema == nil:
		return nil, fmt.Errorf("reading run.json: it names no schema (have %s)", Schema)
	case *head.Schema != Schema:
		return nil, fmt.Errorf("reading run.json: unknown schema %q (have %s)", *head.Schema, Schema)
	}
	r := new(Result)
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("reading run.json: %w", atLine(text, err))
	}
	if err := r.fits(); err != nil {
		return nil, fmt.Errorf("reading run.json: %w", err)
	}
	return r, r.tidyScenario()
}

// atLine adds the line to an error of the JSON decoder, where it knows one.
func atLine(text []byte, err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	offset := int64(-1)
	switch {
	case errors.As(err, &syntax):
		offset = syntax.Offset
	case errors.As(err, &kind):
		offset = kind.Offset
	}
	if offset < 0 || offset > int64(len(text)) {
		return err
	}
	return fmt.Errorf("line %d: %w", 1+bytes.Count(text[:offset], []byte("\n")), err)
}

// tidyScenario undoes what writing did to the scenario's spacing, so that reading gives back what was
// written.
func (r *Result) tidyScenario() error {
	if len(r.Scenario) == 0 || string(r.Scenario) == "null" {
		r.Scenario = nil
		return nil
	}
	var tight bytes.Buffer
	if err := json.Compact(&tight, r.Scenario); err != nil {
		return fmt.Errorf("reading run.json: scenario: %w", err)
	}
	r.Scenario = tight.Bytes()
	return nil
}

// fits reports whether the parts are of one shape, so that readers of a Result may index them.
func (r *Result) fits() error {
	for i := range r.Strategies {
		s := &r.Strategies[i]
		at := fmt.Sprintf("strategy %d (%q)", i+1, s.Name)
		if len(s.Phases) != len(r.Phases) {
			return fmt.Errorf("%s has %d phases, the run %d", at, len(s.Phases), len(r.Phases))
		}
		for j := range s.Runs {
			if len(s.Runs[j].Phases) != len(r.Phases) {
				return fmt.Errorf("%s, seed %d has %d phases, the run %d", at, s.Runs[j].Seed, len(s.Runs[j].Phases), len(r.Phases))
			}
		}
		if err := s.Series.fits(); err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
	}
	return nil
}

// fits reports whether all slices are of one length.
func (s *Series) fits() error {
	n := len(s.Offered)
	check := func(name string, got int) error {
		if got != n {
			return fmt.Errorf("series: %s has %d entries, offered %d", name, got, n)
		}
		return nil
	}
	err := errors.Join(
		check("good", len(s.Good)), check("achieved", len(s.Achieved)), check("attempts", len(s.Attempts)),
		check("p50_ms", len(s.P50MS)), check("p95_ms", len(s.P95MS)), check("p99_ms", len(s.P99MS)), check("max_ms", len(s.MaxMS)),
	)
	for name, values := range s.Outcomes {
		err = errors.Join(err, check(name, len(values)))
	}
	for _, g := range s.Gauges {
		err = errors.Join(err, check(g.Name, len(g.Values)))
	}
	if n > 0 && !(s.StepS > 0) {
		err = errors.Join(err, fmt.Errorf("series: step_s is %v, it must be above 0", s.StepS))
	}
	return err
}
