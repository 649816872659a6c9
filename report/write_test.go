package report

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWriteDirWritesEveryFormatAndPlot(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "results", "run")
	written, err := WriteDir(dir, spikeResult(), Formats)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, path := range written {
		name, err := filepath.Rel(dir, path)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, filepath.ToSlash(name))
		if info, err := os.Stat(path); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v, or it is empty", path, err)
		}
	}
	want := []string{"run.json", "report.txt", "report.md", "report.html", "runs.csv"}
	for _, plot := range []string{"rates", "latency", "outcomes", "attempts", "percentiles", "differences", "strategies"} {
		want = append(want, "plots/"+plot+".svg", "plots/"+plot+".png")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files differ (-want +got):\n%s", diff)
	}
	page, err := os.ReadFile(filepath.Join(dir, "report.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range want[5:] {
		if strings.HasSuffix(name, ".svg") && !strings.Contains(string(page), "](<"+name+">)") {
			t.Errorf("report.md does not show %s", name)
		}
	}
	// A second time the same bytes come again, over the first ones.
	before := contents(t, dir)
	if _, err := WriteDir(dir, spikeResult(), Formats); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, contents(t, dir)); diff != "" {
		t.Errorf("the same result gave other files (-first +second):\n%s", diff)
	}
}

// contents reads all files of a directory.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		all[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestAFailedFormatLeavesNothingHalfWritten(t *testing.T) {
	dir := t.TempDir()
	broken := Format{Name: "broken", File: "broken.txt", Write: func(w io.Writer, _ *Result, _ Options) error {
		if _, err := io.WriteString(w, "half"); err != nil {
			return err
		}
		return errors.New("out of words")
	}}
	written, err := WriteDir(dir, spikeResult(), append([]Format{broken}, Formats...))
	if err == nil || !strings.Contains(err.Error(), "broken.txt: out of words") {
		t.Errorf("got error %v, want the file and the cause", err)
	}
	if len(written) != 1 || filepath.Base(written[0]) != "run.json" {
		t.Errorf("got %q written, want run.json, which goes first", written)
	}
	for path := range contents(t, dir) {
		if filepath.Base(path) != "run.json" {
			t.Errorf("%s is left over", path)
		}
	}
}

func TestWriteDirWhereNoDirectoryCanBe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := WriteDir(filepath.Join(file, "run"), spikeResult(), Formats); err == nil {
		t.Error("got no error for a directory inside a file")
	}
}
