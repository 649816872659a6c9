package strategies

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/headroom-dev/headroom/scenarios"
	"github.com/headroom-dev/headroom/sim"
	"pgregory.net/rapid"
)

// survives sends 50 calls through a strategy that Parse has accepted, to a service in every mood: whatever
// the settings are, nothing panics, every call ends within its patience, nobody is left waiting.
func survives(t testing.TB, s Strategy, yaml string) {
	t.Helper()
	const calls, patience = 50, 5 * time.Second
	w, play := sim.NewWorld(5), script{sim.NewStream(8, "script")}
	attempts, causes := make([]int, calls), [sim.NumCauses]int{}
	if e, ok := s.(interface{ Endpoints(n int) }); ok {
		e.Endpoints(3)
	}
	handle := s.Wrap(w, func(r sim.Request) sim.Reply {
		r.Attempt = attempts[r.Call]
		attempts[r.Call]++
		causes[r.Cause]++
		l := play.line(r.Call%calls, r.Attempt)
		if l.silent {
			l.after = sim.Forever
		}
		if !sim.Sleep(w, l.after, r.Gone) {
			return sim.Reply{Outcome: sim.Timeout}
		}
		if r.Token != nil && l.status == 200 {
			r.Token(0)
		}
		return sim.Reply{Outcome: sim.OutcomeOf(l.status), Status: l.status, RetryAfter: l.wish}
	})
	ended := 0
	for call := range calls {
		start := time.Duration(call) * 37 * time.Millisecond
		w.At(start, func() {
			w.Go(func() {
				r := sim.Request{Call: call, Key: uint64(call % 9), User: uint64(call % 7), Priority: sim.Priority(call % 3), Idempotent: true}
				long := patience
				if p, ok := s.(Patient); ok {
					long = p.Patience(r, long)
				}
				reply := sim.Within(w, long, handle, r)
				ended++
				switch {
				case w.Now() > start+long:
					t.Errorf("%s: call %d was kept until %v, beyond its patience of %v", yaml, call, w.Now()-start, long)
				case reply.Outcome == sim.Unsent:
					t.Errorf("%s: call %d has no outcome", yaml, call)
				}
			})
		})
	}
	if blocked := w.Run(24 * time.Hour); blocked != 0 || ended != calls {
		t.Errorf("%s: %d processes left over, %d of %d calls ended", yaml, blocked, ended, calls)
	}
	if most := mostAttempts(s); most > 0 {
		for call, n := range attempts {
			if n > most+causes[sim.Refresh] {
				t.Errorf("%s: call %d made %d attempts, want at most %d", yaml, call, n, most)
			}
		}
	}
	if c, ok := s.(Counting); ok {
		c.Counts(func(name string, n int64) {
			if n < 0 {
				t.Errorf("%s: %s is %d", yaml, name, n)
			}
		})
	}
}

// absurd reports whether a configuration is sound and yet takes too long or too much for a test: a million
// places, waits of nanoseconds, tries that multiply.
func absurd(s Strategy) bool {
	if most := mostAttempts(s); most > 2000 || most < 0 {
		return true
	}
	layers := []Strategy{s}
	if all, ok := s.(*stack); ok {
		layers = all.layers
	}
	if len(layers) > 6 {
		return true
	}
	for _, layer := range layers {
		if unbounded(reflect.ValueOf(layer)) {
			return true
		}
	}
	return false
}

func unbounded(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return !v.IsNil() && unbounded(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() && unbounded(v.Field(i)) {
				return true
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			if unbounded(v.Index(i)) {
				return true
			}
		}
	case reflect.Int64:
		if v.Type() == reflect.TypeFor[time.Duration]() {
			return v.Int() > 0 && v.Int() < int64(100*time.Microsecond)
		}
		return v.Int() > 100_000
	case reflect.Int:
		return v.Int() > 100_000
	}
	return false
}

// FuzzStrategy takes whatever Parse takes.
func FuzzStrategy(f *testing.F) {
	for _, yaml := range configurations(f) {
		f.Add(yaml)
	}
	f.Fuzz(func(t *testing.T, yaml string) {
		if len(yaml) > 2<<10 {
			t.Skip("too long")
		}
		s, err := Parse([]byte(yaml))
		if err != nil || absurd(s) {
			return
		}
		survives(t, s, yaml)
	})
}

// configurations are every kind with all its settings written out, every preset, the examples of the
// explanations, and stacks.
func configurations(t testing.TB) []string {
	all := append([]string{"[cache, backoff, pooled]", "[]", "- backoff: {tries: 1000, base: 0s}\n", "{name: x, stack: [cache, {async-queue: {workers: 1}}, backoff]}"}, fastStacks...)
	for _, kind := range All {
		all = append(all, kind.Name)
		choices, err := scenarios.ParseChoices("strategy", strings.NewReader(kind.Name))
		if err != nil {
			t.Fatal(err)
		}
		_, full, err := Decode(choices[0])
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, full.String())
		for _, preset := range PresetsOf(kind.New()) {
			all = append(all, fmt.Sprintf("%s: {preset: %s}", kind.Name, preset.Name))
		}
		if e, ok := kind.New().(Explained); ok {
			all = append(all, e.Explain().Example)
		}
	}
	return all
}

func TestAllConfigurationsSurvive(t *testing.T) {
	for _, yaml := range configurations(t) {
		s, err := Parse([]byte(yaml))
		if err != nil || absurd(s) {
			if yaml != "[]" {
				t.Errorf("%s: %v", yaml, err)
			}
			continue
		}
		survives(t, s, yaml)
	}
}

// TestRandomConfigurationsSurvive builds settings from the fields that each kind has: what a person might
// write, accepted by Parse one by one.
func TestRandomConfigurationsSurvive(t *testing.T) {
	changed := map[string]bool{}
	rapid.Check(t, func(r *rapid.T) {
		var layers []string
		for range rapid.IntRange(1, 3).Draw(r, "layers") {
			kind := rapid.SampledFrom(All).Draw(r, "kind")
			layers = append(layers, randomLayer(r, kind, changed))
		}
		yaml := "[" + strings.Join(layers, ", ") + "]"
		s, err := Parse([]byte(yaml))
		if err != nil {
			r.Fatalf("%s: its layers are accepted, and it is not: %v", yaml, err)
		}
		if absurd(s) {
			return
		}
		survives(t, s, yaml)
	})
	for _, kind := range All {
		fields, varied := yamlFields(kind.New()), 0
		for _, field := range fields {
			if changed[kind.Name+"."+field.name] {
				varied++
			}
		}
		if varied*2 < len(fields) {
			t.Errorf("%s: only %d of its %d settings were ever varied: the test does not test", kind.Name, varied, len(fields))
		}
	}
}

// randomLayer writes an entry with some settings other than the defaults.
func randomLayer(r *rapid.T, kind Entry, changed map[string]bool) string {
	settings := ""
	for _, field := range yamlFields(kind.New()) {
		if !rapid.Bool().Draw(r, field.name+"?") {
			continue
		}
		value := rapid.SampledFrom(field.values(kind.Name)).Draw(r, field.name)
		more := settings + field.name + ": " + value + ", "
		if _, err := Parse([]byte("{" + kind.Name + ": {" + more + "}}")); err == nil {
			settings = more
			changed[kind.Name+"."+field.name] = true
		}
	}
	return "{" + kind.Name + ": {" + settings + "}}"
}

type yamlField struct {
	name string
	kind reflect.Type
}

func yamlFields(s Strategy) (fields []yamlField) {
	v := reflect.Indirect(reflect.ValueOf(s)).Type()
	for i := range v.NumField() {
		if name, _, _ := strings.Cut(v.Field(i).Tag.Get("yaml"), ","); name != "" && name != "-" && name != "dir" {
			fields = append(fields, yamlField{name, v.Field(i).Type})
		}
	}
	return fields
}

// values are what may stand for a setting; not all of them are allowed everywhere.
func (f yamlField) values(kind string) []string {
	numbers := []string{"0", "1", "2", "3", "10", "100", "1000"}
	switch {
	case f.kind == reflect.TypeFor[time.Duration]():
		return []string{"0s", "1ms", "70ms", "400ms", "1s", "3s", "1m"}
	case f.kind.Kind() == reflect.Bool:
		return []string{"true", "false"}
	case f.kind.Kind() == reflect.Int:
		return numbers
	case f.kind.Kind() == reflect.Float64:
		return append(numbers, "0.1", "0.5", "1.5", "10%", "100%", "10/s", "200/s")
	}
	return append(allowedWords(kind, f.name), "1s", "100ms", "p95", "p50", "10%", "off", "5", "0.5")
}

var yamlWord = regexp.MustCompile(`[a-z0-9+-]*[a-z0-9%]+`)

// allowedWords asks what is allowed, by a word that is not.
func allowedWords(kind, field string) []string {
	_, err := Parse([]byte("{" + kind + ": {" + field + ": no-such-word}}"))
	if err == nil {
		return []string{"no-such-word"}
	}
	text := err.Error()
	if _, allowed, ok := strings.Cut(text, "allowed:"); ok {
		text = allowed
	} else if _, have, ok := strings.Cut(text, "(have "); ok {
		text = have
	}
	return append(yamlWord.FindAllString(text, -1), "1s")
}
