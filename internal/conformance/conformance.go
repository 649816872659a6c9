// Package conformance is a module of its own, so that users of headroom do not inherit what it needs:
// the real programs and libraries that ours are held against. So far that is vegeta's command, which
// must read our vegeta.bin; a test of package harness builds it from here.
package conformance
