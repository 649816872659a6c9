//go:build !race

package strategies

// raced says that the race detector slows everything down.
const raced = false
