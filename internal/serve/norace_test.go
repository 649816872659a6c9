//go:build !race

package serve

// raced says that the race detector slows everything down.
const raced = false
