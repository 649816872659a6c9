package strategies

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestParse(t *testing.T) {
	five := NewPooled()
	five.Size = 5
	for _, row := range []struct {
		yaml string
		want Strategy
	}{
		{"sync", NewSync()},
		{"pooled: {size: 5}", five},
		{"{pooled: {size: 5}}", five},
		{"{name: mine, pooled: {size: 5}}", five},
		{"[pooled: {size: 5}]", five},
		{"[cache, {pooled: {size: 5}}]", Stack(NewCache(), five)},
		{"{name: both, stack: [cache, {pooled: {size: 5}}]}", Stack(NewCache(), five)},
		{"- cache\n- pooled:\n    size: 5\n", Stack(NewCache(), five)},
	} {
		got, err := Parse([]byte(row.yaml))
		if err != nil {
			t.Errorf("%s: %v", row.yaml, err)
			continue
		}
		if diff := cmp.Diff(row.want, got, cmp.AllowUnexported(stack{}), cmpopts.IgnoreUnexported(Sync{}, Pooled{}, Cache{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row.yaml, diff)
		}
	}
}

func TestParseSaysAllFaultsWithTheirPlaces(t *testing.T) {
	for _, row := range []struct {
		yaml string
		want []string
	}{
		{"", []string{"strategy", "empty"}},
		{"[]", []string{"strategy:1:1", "at least one kind"}},
		{"asnyc", []string{`strategy:1:1: unknown strategy "asnyc"`, "have sync, pooled"}},
		{"- pooled: {size: 0}\n- backoff: {tires: 3}\n", []string{"strategy:1:18: size 0; allowed: 1 to", `strategy:2:13: unknown field "tires"`, "tries"}},
		{"sync: {preset: fast}", []string{`strategy:1:8: unknown field "preset"`}},
		{"{stack: [cache, {stack: [sync]}]}", []string{"a stack in a stack"}},
	} {
		_, err := Parse([]byte(row.yaml))
		if err == nil {
			t.Errorf("%q was taken", row.yaml)
			continue
		}
		for _, part := range row.want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%q: got %q, want %q in it", row.yaml, err, part)
			}
		}
	}
}
