package cli

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/headroom-dev/headroom/report"
)

// A directory is where a run leaves its files. It is made when the first file is, so that a run that
// never began leaves nothing behind.
type directory struct {
	mu    sync.Mutex // of path and made: at an interrupt two files may be the first
	path  string
	chose bool // by -o: files of an earlier run in it are replaced; else the directory is a new one
	made  bool
	files []*lateFile
}

// newDirectory says where a run will be written: into out, or into results/<scenario>-<time>.
func newDirectory(out, scenario string, now time.Time) (*directory, error) {
	if out == "" {
		return &directory{path: filepath.Join("results", safeName(scenario)+"-"+now.UTC().Format("20060102T150405"))}, nil
	}
	for at := out; ; at = filepath.Dir(at) { // found now, and not when a long run is over
		info, err := os.Stat(at)
		if err == nil && !info.IsDir() {
			return nil, usage("-o %s: %s is a file; allowed: a directory, which is made if there is none", out, at)
		}
		if err == nil || at == filepath.Dir(at) {
			break
		}
	}
	return &directory{path: out, chose: true}, nil
}

// probe finds out before a run, and not when a long one is over, whether its directory can be written:
// the nearest directory that is there takes a file, which is removed again.
func (d *directory) probe() error {
	at := d.path
	for {
		if _, err := os.Stat(at); err == nil || at == filepath.Dir(at) {
			break
		}
		at = filepath.Dir(at)
	}
	file, err := os.CreateTemp(at, ".headroom-*")
	if err != nil {
		return fmt.Errorf("the run's directory %s cannot be written: %w; -o names another", d.path, reason(err))
	}
	return errors.Join(file.Close(), os.Remove(file.Name()))
}

// reason is what the system says of a file, without the file's name.
func reason(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// safeName makes a scenario's name one that every file system takes.
func safeName(name string) string {
	safe := strings.Map(func(c rune) rune {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.':
			return c
		}
		return '-'
	}, name)
	if safe = strings.Trim(safe, ".-"); safe == "" {
		return "run"
	}
	return safe[:min(len(safe), 100)]
}

// make makes the directory. A default one is new: two runs that begin in one second get two.
func (d *directory) make() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.made {
		return nil
	}
	if d.chose {
		if err := os.MkdirAll(d.path, 0o777); err != nil {
			return fmt.Errorf("making the run's directory: %w", err)
		}
		d.made = true
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(d.path), 0o777); err != nil {
		return fmt.Errorf("making the run's directory: %w", err)
	}
	base := d.path
	for n := 2; ; n++ {
		err := os.Mkdir(d.path, 0o777)
		if err == nil {
			d.made = true
			return nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("making the run's directory: %w", err)
		}
		d.path = fmt.Sprintf("%s-%d", base, n)
	}
}

// write writes every format and plot of a result. A later result of the same run may replace them.
func (d *directory) write(r *report.Result) error {
	if err := d.make(); err != nil {
		return err
	}
	_, err := report.WriteDir(d.path, r, report.Formats)
	return err
}

// keep ends the files that were written while the run went on.
func (d *directory) keep() error {
	var err error
	for _, f := range d.files {
		err = errors.Join(err, f.keep())
	}
	return err
}

// discard takes back what was written for a run that gave no figures.
func (d *directory) discard() {
	for _, f := range d.files {
		f.drop()
	}
	if d.made && !d.chose {
		_ = os.Remove(d.path) // only if it is empty: what somebody else put there stays
	}
}

// file returns a file of the directory that is made at the first write, and gets its name only when
// it is whole.
func (d *directory) file(name string) io.Writer {
	f := &lateFile{dir: d, name: name}
	d.files = append(d.files, f)
	return f
}

// zipped is file for one that is compressed.
func (d *directory) zipped(name string) io.Writer {
	f := &lateFile{dir: d, name: name}
	f.zip = gzip.NewWriter(onlyWriter{f.writeRaw})
	d.files = append(d.files, f)
	return f
}

// An onlyWriter is a function that writes.
type onlyWriter struct {
	write func([]byte) (int, error)
}

// Write writes b.
func (w onlyWriter) Write(b []byte) (int, error) { return w.write(b) }

// A lateFile is written beside its place and renamed into it.
type lateFile struct {
	dir  *directory
	name string
	zip  *gzip.Writer // nil: not compressed
	out  *os.File     // nil before the first write and after the last
}

// Write writes to the file.
func (f *lateFile) Write(b []byte) (int, error) {
	if f.zip != nil {
		return f.zip.Write(b)
	}
	return f.writeRaw(b)
}

// writeRaw makes the file if there is none, and writes to it.
func (f *lateFile) writeRaw(b []byte) (int, error) {
	if f.out == nil {
		if err := f.dir.make(); err != nil {
			return 0, err
		}
		out, err := os.Create(f.aside())
		if err != nil {
			return 0, err
		}
		f.out = out
	}
	return f.out.Write(b)
}

func (f *lateFile) aside() string { return filepath.Join(f.dir.path, f.name+".part") }

// keep ends the file and gives it its name. A file that nothing was written to never is.
func (f *lateFile) keep() error {
	if f.out == nil {
		return nil
	}
	var err error
	if f.zip != nil {
		err = f.zip.Close()
	}
	err = errors.Join(err, f.out.Close())
	f.out = nil
	if err == nil {
		err = os.Rename(f.aside(), filepath.Join(f.dir.path, f.name))
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", f.name, err)
	}
	return nil
}

// drop removes the file.
func (f *lateFile) drop() {
	if f.out == nil {
		return
	}
	_ = f.out.Close()
	f.out = nil
	_ = os.Remove(f.aside()) // what is left of it says by its name that it is not whole
}
