package report

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// PlotDir is the directory of the plots within a run's directory.
const PlotDir = "plots"

// WriteDir writes a Result into a run's directory, which it makes: the file of every format that has
// one, run.json first, and each plot as SVG and PNG. It returns the paths written, in order. Each
// file is written aside and renamed, so that whoever reads the directory finds whole files only; a
// failed write is an error, and what was written before it stays.
func WriteDir(dir string, r *Result, formats []Format) ([]string, error) {
	if err := os.MkdirAll(filepath.Join(dir, PlotDir), 0o777); err != nil {
		return nil, fmt.Errorf("making the run's directory: %w", err)
	}
	var written []string
	put := func(name string, write func(io.Writer) error) error {
		path := filepath.Join(dir, name)
		if err := writeFile(path, write); err != nil {
			return fmt.Errorf("writing %s: %w", path, err)
		}
		written = append(written, path)
		return nil
	}
	for _, f := range jsonFirst(formats) {
		if f.File == "" {
			continue
		}
		if err := put(f.File, func(w io.Writer) error { return f.Write(w, r, Options{Dir: "."}) }); err != nil {
			return written, err
		}
	}
	for _, p := range Plots(r) {
		name := filepath.Join(PlotDir, p.Name)
		if err := put(name+".svg", p.WriteSVG); err != nil {
			return written, err
		}
		if err := put(name+".png", p.WritePNG); err != nil {
			return written, err
		}
	}
	return written, nil
}

// jsonFirst puts json before the others: should the process end in between, what was measured is kept.
func jsonFirst(formats []Format) []Format {
	var first, rest []Format
	for _, f := range formats {
		if f.Name == "json" {
			first = append(first, f)
		} else {
			rest = append(rest, f)
		}
	}
	return append(first, rest...)
}

// writeFile writes a file beside its place and renames it into it. The mode is that of os.Create: the
// process's mask decides who may read.
func writeFile(path string, write func(io.Writer) error) (err error) {
	aside := path + ".part"
	f, err := os.Create(aside)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(aside)
		}
	}()
	if err := write(f); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(aside, path)
}
