package scenarios

import (
	"fmt"
	"strings"
)

// Nearest returns the known name that a mistyped word most likely meant, and whether one is near
// enough to be suggested: within one slip for every four letters, and one more. A slip is a letter
// missing, added, wrong, or swapped with its neighbour. The beginning of a longer name counts too,
// at the price of half a slip, so that "asnyc" means async-queue rather than sync.
func Nearest(word string, known []string) (string, bool) {
	best, least := "", float64(1+len(word)/4)+0.25
	typed := []rune(strings.ToLower(word))
	if len(typed) > 64 {
		return "", false
	}
	for _, name := range known {
		letters := []rune(strings.ToLower(name))
		d := float64(slips(typed, letters))
		if len(typed) >= 3 && len(letters) > len(typed) {
			d = min(d, float64(slips(typed, letters[:len(typed)]))+0.5)
		}
		if d < least && d < float64(len(typed)) {
			best, least = name, d
		}
	}
	return best, best != ""
}

// slips is the optimal string alignment distance: edits, with neighbours swapped as one edit.
func slips(a, b []rune) int {
	before, row, next := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i, x := range a {
		next[0] = i + 1
		for j, y := range b {
			cost := 1
			if x == y {
				cost = 0
			}
			next[j+1] = min(row[j]+cost, row[j+1]+1, next[j]+1)
			if i > 0 && j > 0 && x == b[j-1] && a[i-1] == y {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row, next = row, next, before
	}
	return row[len(b)]
}

// Unknown says that there is no such thing, what there is, and what was probably meant:
//
//	unknown strategy "asnyc" (have sync, pooled, async-queue; did you mean async-queue?)
func Unknown(what, word string, have []string) string {
	if near, ok := Nearest(word, have); ok {
		return fmt.Sprintf("unknown %s %q (have %s; did you mean %s?)", what, word, strings.Join(have, ", "), near)
	}
	return fmt.Sprintf("unknown %s %q (have %s)", what, word, strings.Join(have, ", "))
}

// allowedNames lists names for a fault, with the nearest to what was found.
func allowedNames(word string, have []string) string {
	list := strings.Join(have, ", ")
	if near, ok := Nearest(word, have); ok {
		list += " (did you mean " + near + "?)"
	}
	return list
}
