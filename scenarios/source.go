package scenarios

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/headroom-dev/headroom/fixtures"
)

// A File is one that a scenario named and that was read: a trace, measured values. Its hash belongs
// to what was run as much as the scenario's own text.
type File struct {
	Name   string `yaml:"name"` // as written in the scenario
	SHA256 string `yaml:"sha256"`
}

// A source opens the files that one scenario names, and remembers them.
type source struct {
	open  func(path string) (io.ReadCloser, error)
	files *[]File
}

// newSource opens files of the program's own fixtures and of the file system.
func newSource() *source { return &source{open: openFile, files: new([]File)} }

// fixturePrefix marks files that the program carries with it.
const fixturePrefix = "fixture:"

// mostFileBytes bounds a file that a scenario names: a week of a large service's trace.
const mostFileBytes = 4 << 30

// openFile opens a regular file or a pipe; a device or a directory named by a slip would never end
// or fail later with a worse message.
func openFile(path string) (io.ReadCloser, error) {
	if name, ok := strings.CutPrefix(path, fixturePrefix); ok {
		file, err := fixtures.Files.Open(name)
		if err != nil {
			return nil, fmt.Errorf("no fixture %q (have %s)", name, strings.Join(fixtureNames(), ", "))
		}
		return file, nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("cannot open %s: %w", path, reason(err))
	}
	if info.IsDir() {
		return nil, fmt.Errorf("cannot open %s: it is a directory", path)
	}
	if mode := info.Mode(); !mode.IsRegular() && mode&fs.ModeNamedPipe == 0 {
		return nil, fmt.Errorf("cannot open %s: it is no regular file", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot open %s: %w", path, reason(err))
	}
	return file, nil
}

// reason is what went wrong without the path, which the message has already.
func reason(err error) error {
	if pathErr, ok := err.(*fs.PathError); ok {
		return pathErr.Err
	}
	return err
}

func fixtureNames() []string {
	var names []string
	_ = fs.WalkDir(fixtures.Files, ".", func(path string, entry fs.DirEntry, err error) error { // an embedded tree does not fail
		if err == nil && !entry.IsDir() {
			names = append(names, path)
		}
		return nil
	})
	return names
}

// opener opens files named inside n: relative names begin where the scalar with that name was
// written, the scenario's directory or, for a flag, the working directory.
func (s *source) opener(n *node) func(name string) (io.ReadCloser, error) {
	return func(name string) (io.ReadCloser, error) {
		path := name
		if dir := n.dirOf(name); dir != "" && !filepath.IsAbs(name) && !strings.HasPrefix(name, fixturePrefix) {
			path = filepath.Join(dir, name)
		}
		file, err := s.open(path)
		if err != nil {
			return nil, err
		}
		sum := sha256.New()
		limited := &bounded{file, mostFileBytes}
		return &hashed{Reader: io.TeeReader(limited, sum), file: file, sum: sum, name: name, files: s.files}, nil
	}
}

// dirOf returns the directory of the scalar that holds name, or n's own.
func (n *node) dirOf(name string) string {
	if n == nil {
		return ""
	}
	for _, item := range n.items {
		if found := item.find(name); found != nil {
			return found.dir
		}
	}
	return n.dir
}

func (n *node) find(name string) *node {
	if n.kind == text && n.text == name {
		return n
	}
	for _, item := range n.items {
		if found := item.find(name); found != nil {
			return found
		}
	}
	return nil
}

// hashed notes the hash of a file when it is closed.
type hashed struct {
	io.Reader
	file  io.Closer
	sum   hash.Hash
	name  string
	files *[]File
}

// Close closes the file and notes what was read, to its end.
func (h *hashed) Close() error {
	_, err := io.Copy(io.Discard, h.Reader)
	one := File{Name: h.name, SHA256: hex.EncodeToString(h.sum.Sum(nil))}
	known := false
	for _, f := range *h.files {
		known = known || f == one
	}
	if err == nil && !known {
		*h.files = append(*h.files, one)
	}
	if closeErr := h.file.Close(); err == nil {
		err = closeErr
	}
	return err
}
