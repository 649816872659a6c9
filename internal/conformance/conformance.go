// Package conformance is a module of its own, so that users of headroom do not inherit what it needs:
// the real programs and libraries that ours are held against: vegeta's command, which must read our
// vegeta.bin (a test of package harness builds it from here), and OpenAI's own Go client, which must
// understand headroom serve, also over strategies.Transport.
package conformance
