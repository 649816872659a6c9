package harness

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestStatusSets(t *testing.T) {
	for text, want := range map[string]StatusSet{
		"200":             {{200, 200}},
		"2xx":             {{200, 299}},
		"5XX":             {{500, 599}},
		"200-204, 404":    {{200, 204}, {404, 404}},
		"100,599,301-308": {{100, 100}, {599, 599}, {301, 308}},
	} {
		got, err := ParseStatusSet(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if diff := cmp.Diff(got, want); diff != "" {
			t.Errorf("%q (-got +want):\n%s", text, diff)
		}
	}
	for _, text := range []string{"", ",", "200,", "99", "600", "20", "2000", "xx", "6xx", "0xx", "204-200", "200-", "-200", "+20", "two"} {
		if got, err := ParseStatusSet(text); err == nil || !strings.Contains(err.Error(), "allowed: codes and ranges") {
			t.Errorf("%q: got %v, %v; want it refused", text, got, err)
		}
	}
	set, _ := ParseStatusSet("200-204,404")
	for status, want := range map[int]bool{199: false, 200: true, 204: true, 205: false, 404: true, 0: false} {
		if got := set.Has(status); got != want {
			t.Errorf("%d in %v: got %v, want %v", status, set, got, want)
		}
	}
}

func FuzzStatusSet(f *testing.F) {
	f.Add("200-204,404")
	f.Add("2xx")
	f.Fuzz(func(t *testing.T, text string) {
		set, err := ParseStatusSet(text)
		if err != nil {
			return
		}
		again, err := ParseStatusSet(set.String())
		if err != nil {
			t.Fatalf("%q, written as %q: %v", text, set, err)
		}
		if diff := cmp.Diff(again, set); diff != "" {
			t.Fatalf("%q (-again +set):\n%s", text, diff)
		}
	})
}
