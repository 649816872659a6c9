package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSummarize(t *testing.T) {
	const pass = `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"chatter\n"}
{"Action":"pass","Package":"p","Test":"TestA"}
`
	const skip = `{"Action":"output","Package":"p","Test":"TestB","Output":"=== RUN   TestB\n"}
{"Action":"output","Package":"p","Test":"TestB","Output":"    b_test.go:7: no data: the directory is absent\n"}
{"Action":"output","Package":"p","Test":"TestB","Output":"--- SKIP: TestB (0.00s)\n"}
{"Action":"skip","Package":"p","Test":"TestB"}
`
	const end = `{"Action":"output","Package":"p","Output":"PASS\n"}
{"Action":"output","Package":"p","Output":"ok  \tp\t0.1s\n"}
{"Action":"pass","Package":"p"}
`
	const fail = `{"Action":"output","Package":"p","Test":"TestC","Output":"    c_test.go:9: got 1, want 2\n"}
{"Action":"fail","Package":"p","Test":"TestC"}
{"Action":"output","Package":"p","Output":"FAIL\tp\t0.1s\n"}
{"Action":"fail","Package":"p"}
`
	const broken = `{"ImportPath":"p","Action":"build-output","Output":"p/x.go:3: undefined: y\n"}
{"Action":"fail","Package":"p","Elapsed":0}
`
	tests := []struct {
		name, in, want string
		ok             bool
	}{
		{"what passed is one line", pass + end, "ok  \tp\t0.1s\n\n1 passed, 0 failed, 0 skipped\n", true},
		{"a skip is named with its reason", pass + skip + end, "ok  \tp\t0.1s\n\n1 passed, 0 failed, 1 skipped\n  skipped p TestB: no data: the directory is absent\n", true},
		{"what a failed test said is printed", fail, "    c_test.go:9: got 1, want 2\nFAIL\tp\t0.1s\n\n0 passed, 2 failed, 0 skipped\n  FAILED p\n  FAILED p TestC\n", false},
		{"a package that does not build fails", broken, "p/x.go:3: undefined: y\n\n0 passed, 1 failed, 0 skipped\n  FAILED p\n", false},
		{"plain text is kept", "go: no module\n", "go: no module\n\n0 passed, 0 failed, 0 skipped\n", false},
		{"nothing at all is no success", "", "\n0 passed, 0 failed, 0 skipped\n", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			ok, err := summarize(strings.NewReader(tt.in), &out)
			if err != nil {
				t.Fatal(err)
			}
			if ok != tt.ok {
				t.Errorf("got ok %v, want %v", ok, tt.ok)
			}
			if diff := cmp.Diff(out.String(), tt.want); diff != "" {
				t.Errorf("output (-got +want):\n%s", diff)
			}
		})
	}
}
