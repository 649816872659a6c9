package sim

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// A Chain holds what a slice would: the members in the order in which they joined, without those that
// left.
func TestChainKeepsItsOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var chain Chain[int]
		links := make([]Link[int], 10)
		var want []int
		t.Repeat(map[string]func(*rapid.T){
			"join": func(t *rapid.T) {
				i := rapid.IntRange(0, len(links)-1).Draw(t, "member")
				if links[i].Joined() {
					t.Skip("it is there already")
				}
				links[i].Of = i
				chain.Join(&links[i])
				want = append(want, i)
			},
			"leave": func(t *rapid.T) { // those that are not there are left alone
				i := rapid.IntRange(0, len(links)-1).Draw(t, "member")
				links[i].Leave()
				want = slices.DeleteFunc(want, func(one int) bool { return one == i })
			},
			"": func(t *rapid.T) {
				var got []int
				for link := chain.First(); link != nil; link = link.Next() {
					got = append(got, link.Of)
				}
				if !slices.Equal(got, want) {
					t.Fatalf("got %v, want %v", got, want)
				}
				for i := range links {
					if got, want := links[i].Joined(), slices.Contains(want, i); got != want {
						t.Fatalf("member %d joined: got %v, want %v", i, got, want)
					}
				}
			},
		})
	})
}
