package report

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A sight is what the browser saw of a page; testdata/browser.mjs prints it.
type sight struct {
	Errors, Requests, Wide, Axe, Hover, Elsewhere []string

	Canvases, Pictures, Blank, Zoomed, Whole, Scriptless int

	Keyboard, Off string
	Printed       struct{ Canvases, Pictures int }
	Others        map[string]int // canvases of the other pages
}

// inBrowser opens a page in headless Chromium, and the others shortly. It skips the test where there is no Chromium, no node, or npm
// cannot install what drives it.
func inBrowser(t *testing.T, page string, others map[string]string) sight {
	t.Helper()
	if testing.Short() {
		t.Skip("a browser takes half a minute")
	}
	if raced {
		t.Skip("the browser is the slow part, and the race detector does not look into it")
	}
	var chromium string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			chromium = path
			break
		}
	}
	if chromium == "" {
		t.Skip("no Chromium was found")
	}
	dir := t.TempDir()
	script, err := os.ReadFile(filepath.Join("testdata", "browser.mjs"))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"package.json": `{"private":true,"dependencies":{"playwright-core":"1.65.1","axe-core":"4.14.1"}}`,
		"browser.mjs":  string(script), "report.html": page,
	}
	args := []string{"browser.mjs", chromium, t.ArtifactDir(), filepath.Join(dir, "report.html")} // the pictures are kept with go test -artifacts
	for name, text := range others {
		files[name+".html"] = text
		args = append(args, filepath.Join(dir, name+".html"))
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	install := exec.Command("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		t.Skipf("npm cannot install playwright-core and axe-core: %v\n%s", err, out)
	}
	open := exec.Command("node", args...)
	open.Dir = dir
	var complaints strings.Builder
	open.Stderr = &complaints
	out, err := open.Output()
	if err != nil {
		t.Fatalf("the browser: %v\n%s", err, complaints.String())
	}
	var saw sight
	if err := json.Unmarshal(out, &saw); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	return saw
}

func TestThePageInABrowser(t *testing.T) {
	r := heated(gatedResult())
	others := map[string]*Result{"crowd": heated(longResult(18)), "live": liveResult(), "second": oneSecond(), "empty": {Name: "empty"}}
	pages := make(map[string]string)
	for name, other := range others {
		pages[name] = htmlOf(t, other)
	}
	saw := inBrowser(t, htmlOf(t, r), pages)
	for what, all := range map[string][]string{"errors on the console": saw.Errors, "requests": saw.Requests, "overflow": saw.Wide, "axe": saw.Axe} {
		for _, one := range all {
			t.Errorf("%s: %s", what, one)
		}
	}
	for path, got := range saw.Others {
		name := strings.TrimSuffix(filepath.Base(path), ".html")
		if want, _ := panelsOf(others[name]); got != want {
			t.Errorf("%s: got %d canvases, want %d", name, got, want)
		}
	}
	if len(saw.Others) != len(others) {
		t.Errorf("got %d other pages, want %d", len(saw.Others), len(others))
	}
	canvases, live := panelsOf(r)
	pictures := len(Plots(r))
	if saw.Canvases != canvases || saw.Blank != 0 || saw.Pictures != pictures-live {
		t.Errorf("got %d canvases, %d of them blank, and %d pictures, want %d, 0 and %d", saw.Canvases, saw.Blank, saw.Pictures, canvases, pictures-live)
	}
	if saw.Scriptless != pictures || saw.Printed.Pictures != pictures || saw.Printed.Canvases != 0 {
		t.Errorf("without scripts %d pictures, printed %d and %d canvases, want %d, %d and 0", saw.Scriptless, saw.Printed.Pictures, saw.Printed.Canvases, pictures, pictures)
	}
	for _, text := range saw.Hover {
		if !strings.Contains(text, "offered ") || !strings.Contains(text, " s: ") {
			t.Errorf("hovering shows %q, want the time and the calls offered", text)
		}
	}
	for _, text := range saw.Elsewhere {
		if !strings.Contains(text, "P99 ") {
			t.Errorf("the cursor is not shared: latency shows %q", text)
		}
	}
	if len(saw.Hover) == 0 || len(saw.Elsewhere) == 0 {
		t.Error("hovering shows nothing")
	}
	if saw.Zoomed == 0 || saw.Whole != 0 {
		t.Errorf("got %d charts zoomed after dragging and %d after Escape, want some and none", saw.Zoomed, saw.Whole)
	}
	if !strings.Contains(saw.Keyboard, "offered ") || saw.Off != "false" {
		t.Errorf("by keyboard: got the values %q and the line switched off %q, want values and false", saw.Keyboard, saw.Off)
	}
}

// panelsOf returns how many panels the charts of a page have, and how many of the charts the script draws.
func panelsOf(r *Result) (panels, charts int) {
	all := r.liveCharts(r.liveLimit())
	for _, c := range all {
		panels += len(c.Panels)
	}
	return panels, len(all)
}
