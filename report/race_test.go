//go:build race

package report

// raced says that the race detector slows everything down.
const raced = true
