//go:build !race

package harness_test

// raced says that the race detector slows everything down.
const raced = false
