// Package shareddata finds the measured points and traces that stand beside a checkout of the
// repository, for tests. They are no part of the product, so a test that needs them is skipped where
// they are absent, and has a twin on constants that always runs.
package shareddata

import (
	"os"
	"path/filepath"
	"testing"
)

// Path returns where the file of that name lies, or skips the test with the reason.
func Path(t testing.TB, name string) string {
	t.Helper()
	file := filepath.Join(root(t), "..", "shared", "data", name)
	if _, err := os.Stat(file); err != nil {
		t.Skipf("needs ../shared/data/%s, which is not beside this checkout", name)
	}
	return file
}

// Read returns what the file of that name holds, or skips the test with the reason.
func Read(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(Path(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// root is the directory of the module: the nearest one above the test that holds a go.mod.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
}
