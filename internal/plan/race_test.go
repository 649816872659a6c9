//go:build race

package plan

// raced says that the race detector slows everything down.
const raced = true
