package serve

import (
	"flag"
	"image/color"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"

	"github.com/headroom-dev/headroom/internal/harness"
	"github.com/headroom-dev/headroom/report"
	"github.com/headroom-dev/headroom/sim"
)

var agreePlot = flag.String("agree-plot", "", "draw the plot of docs/agreement.md into this PNG file")

// TestDrawAgreement draws what docs/agreement.md shows:
//
//	go test ./internal/serve -run TestDrawAgreement -agree-plot ../../docs/agreement.png
//
// The scenarios are those of TestTwoTimesAgree with backoff, longer, so that there is something to see
// by the second.
func TestDrawAgreement(t *testing.T) {
	if *agreePlot == "" {
		t.Skip("draws a page's plot in two minutes: run it with -agree-plot FILE")
	}
	panels := make([][]*plot.Plot, 2)
	for i, model := range []string{"queue", "llm"} {
		text := strings.NewReplacer("for: 1s", "for: 10s", "for: 1500ms", "for: 10s", "for: 3s", "for: 14s", "for: 3500ms", "for: 14s").Replace(agreeScenarios[model])
		p := readPlan(t, model, text)
		both := bothTimes(t, p, p.Strategies[2])
		panels[i] = []*plot.Plot{
			overlay(t, model+", backoff: success (%)", both, shareOK),
			overlay(t, model+", backoff: P95 of answered calls (ms)", both, p95OK),
		}
	}
	const dotsPerInch = 120
	canvas := vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(720, 420), vgimg.UseDPI(dotsPerInch))}
	tiles := draw.Tiles{Rows: 2, Cols: 2, PadX: 18, PadY: 18, PadTop: 8, PadBottom: 8, PadLeft: 8, PadRight: 8}
	for i, row := range plot.Align(panels, tiles, draw.New(canvas)) {
		for j := range row {
			panels[i][j].Draw(row[j])
		}
	}
	f, err := os.Create(*agreePlot)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := canvas.WriteTo(f); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// bothTimes returns the records of five seeds in virtual time and served.
func bothTimes(t *testing.T, p *harness.Plan, c harness.Contender) (both [2][]report.Record) {
	t.Helper()
	live := make([][]report.Record, 5)
	var ran sync.WaitGroup
	for i := range live {
		seed := uint64(i + 1)
		both[0] = append(both[0], virtual(t, p, c, seed)...)
		ran.Go(func() { live[i], _ = served(t, p, c, seed) })
	}
	ran.Wait()
	both[1] = slices.Concat(live...)
	return both
}

// shareOK and p95OK are the curves: of the calls whose intended start lies in one second.
func shareOK(calls int, answered []time.Duration) (float64, bool) {
	return 100 * float64(len(answered)) / float64(calls), calls > 0
}

func p95OK(_ int, answered []time.Duration) (float64, bool) {
	if len(answered) == 0 {
		return 0, false
	}
	slices.Sort(answered)
	return float64(answered[(95*len(answered)+99)/100-1].Milliseconds()), true
}

func overlay(t *testing.T, title string, both [2][]report.Record, value func(int, []time.Duration) (float64, bool)) *plot.Plot {
	t.Helper()
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Min = title, "seconds", 0
	p.Title.TextStyle.Font = font.From(plot.DefaultFont, 11)
	p.Legend.Top = false
	looks := []draw.LineStyle{
		{Color: color.RGBA{0x90, 0xb8, 0xe0, 0xff}, Width: vg.Points(4)},
		{Color: color.Black, Width: vg.Points(1), Dashes: []vg.Length{4, 2}},
	}
	for time, name := range []string{"virtual time", "over HTTP"} {
		line, err := plotter.NewLine(curve(both[time], value))
		if err != nil {
			t.Fatal(err)
		}
		line.LineStyle = looks[time]
		p.Add(line)
		p.Legend.Add(name, line)
	}
	return p
}

func curve(records []report.Record, value func(int, []time.Duration) (float64, bool)) (points plotter.XYs) {
	calls, answered := map[int]int{}, map[int][]time.Duration{}
	last := 0
	for _, r := range records {
		second := int(r.Intended / time.Second)
		last = max(last, second)
		calls[second]++
		if r.Outcome == sim.OK {
			answered[second] = append(answered[second], r.ResponseTime())
		}
	}
	for second := range last + 1 {
		if v, ok := value(calls[second], answered[second]); ok {
			points = append(points, plotter.XY{X: float64(second) + 0.5, Y: v})
		}
	}
	return points
}
