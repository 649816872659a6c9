package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"image/png"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/recorder"
	"pgregory.net/rapid"
)

// longResult is an hour of noise: nothing is level, so its plots are as large as they get.
func longResult(strategies int) *Result {
	r := spikeResult()
	const n = 3600
	r.Phases = []PhaseInfo{{Name: "before", ToS: 1000, RateQP: 100}, {Name: "spike", FromS: 1000, ToS: 1600, RateQP: 1000, IsPeak: true}, {Name: "recovery", FromS: 1600, ToS: n, RateQP: 100}}
	like := r.Strategies
	r.Strategies = nil
	for i := range strategies {
		s := like[i%len(like)]
		if i >= len(like) {
			s.Name = fmt.Sprintf("%s-%d", s.Name, i)
		}
		s.Series = Series{StepS: 1, LatencyStepS: 12, Outcomes: map[string][]float64{}}
		for t := range n {
			wave := 100 + 90*math.Sin(float64(t*(i+3))) // no two seconds alike
			s.Series.Offered = append(s.Series.Offered, 1000)
			s.Series.Good = append(s.Series.Good, wave)
			s.Series.Achieved = append(s.Series.Achieved, wave*1.3)
			for j, name := range outcomeOrder {
				s.Series.Outcomes[name] = append(s.Series.Outcomes[name], wave*(1+0.1*float64(j)))
			}
			late := 300 + 200*math.Sin(float64(t/12*(i+5)))
			s.Series.P50MS, s.Series.P95MS, s.Series.P99MS = append(s.Series.P50MS, &late), append(s.Series.P95MS, ptr(late*3)), append(s.Series.P99MS, ptr(late*7))
		}
		r.Strategies = append(r.Strategies, s)
	}
	return r
}

// oneSecond is a run too short for any line: one call in one second.
func oneSecond() *Result {
	r := twoOf(1, 1, 1)
	r.Phases = r.Phases[1:]
	r.Phases[0].FromS, r.Phases[0].ToS = 0, 1
	for i := range r.Strategies {
		s := &r.Strategies[i]
		s.Phases = s.Phases[1:]
		s.Phases[0].Curve = []CurvePoint{{0, 20}, {0.5, 20}}
		s.Series = Series{StepS: 1, Offered: []float64{1}, Achieved: []float64{1}, Good: []float64{1}, Outcomes: map[string][]float64{"ok": {1}},
			P50MS: []*float64{ptr(20.0)}, P95MS: []*float64{ptr(20.0)}, P99MS: []*float64{nil}}
	}
	return r
}

// renamed is a run whose names are long, alike or in another script.
func renamed() *Result {
	r := spikeResult()
	for i, name := range []string{"a-very-long-name-of-a-strategy-nobody-would-type", "b", "同期", "<script>alert(1)</script>", "pooled", "pooled-2"} {
		r.Strategies[i].Name = name
	}
	r.Name = "a scenario whose name goes on & on"
	r.Phases[1].Name = "the-spike-with-a-name-longer-than-the-spike"
	return r
}

// many are Results of every shape that plots must carry.
func many() map[string]*Result {
	return map[string]*Result{"spike": spikeResult(), "live": liveResult(), "an hour": longResult(6), "twelve strategies": longResult(12), "thirty strategies": longResult(30),
		"one second": oneSecond(), "heated": heated(longResult(12)), "heated spike": heated(spikeResult()), "renamed": renamed(), "one strategy": longResult(1), "nothing": {}}
}

func TestPlotsAreWholeAndSmall(t *testing.T) {
	for name, r := range many() {
		for _, p := range Plots(r) {
			t.Run(name+"/"+p.Name, func(t *testing.T) {
				var svg, again bytes.Buffer
				for _, err := range []error{p.WriteSVG(&svg), p.WriteSVG(&again)} {
					if err != nil {
						t.Fatal(err)
					}
				}
				if !bytes.Equal(svg.Bytes(), again.Bytes()) {
					t.Error("the same plot gave other bytes the second time")
				}
				if svg.Len() > 100_000 {
					t.Errorf("got an SVG of %d bytes, want at most 100,000", svg.Len())
				}
				checkSVG(t, svg.Bytes(), p)
				for _, c := range p.Title + p.Desc {
					if c > '~' {
						t.Errorf("got %q in %q, want ASCII", c, p.Title)
					}
				}
			})
		}
	}
}

func TestPNGsAreWholeAndTheSameEachTime(t *testing.T) {
	for _, p := range Plots(spikeResult()) {
		var picture, again bytes.Buffer
		for _, err := range []error{p.WritePNG(&picture), p.WritePNG(&again)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(picture.Bytes(), again.Bytes()) {
			t.Errorf("%s: the same plot gave other bytes the second time", p.Name)
		}
		image, err := png.Decode(&picture)
		if err != nil {
			t.Fatalf("%s: %v", p.Name, err)
		}
		if got, want := image.Bounds().Dx(), int(p.Width)*dotsPerInch/72; got != want {
			t.Errorf("%s: got %d pixels wide, want %d", p.Name, got, want)
		}
	}
}

// checkSVG parses an SVG and sees to its names, its lines and its numbers.
func checkSVG(t *testing.T, svg []byte, p Plot) {
	t.Helper()
	if bytes.Contains(svg, []byte("NaN")) || bytes.Contains(svg, []byte("Inf")) {
		t.Error("got a coordinate that is no number")
	}
	found := map[string]string{}
	decoder := xml.NewDecoder(bytes.NewReader(svg))
	inside := ""
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("the SVG is not well-formed: %v", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			inside = token.Name.Local
			for _, a := range token.Attr {
				if inside == "svg" && a.Name.Local == "role" {
					found["role"] = a.Value
				}
				if inside == "path" && a.Name.Local == "d" {
					if n := strings.Count(a.Value, "L"); n > mostPoints+2 { // an area has two corners more
						t.Errorf("got a line of %d points, want at most %d", n, mostPoints)
					}
				}
			}
		case xml.CharData:
			if inside == "title" || inside == "desc" {
				found[inside] += strings.TrimSpace(string(token))
			}
		}
	}
	for what, want := range map[string]string{"role": "img", "title": p.Title, "desc": p.Desc} {
		if found[what] != want {
			t.Errorf("got %s %q, want %q", what, found[what], want)
		}
	}
}

// A lettered is one piece of text of a plot and the box it takes.
type lettered struct {
	words string
	box   vg.Rectangle
}

// lettering of a drawn plot, from a recording of it.
func letteringOf(p Plot) []lettered {
	var rec recorder.Canvas
	p.Draw(draw.NewCanvas(&rec, p.Width, p.Height))
	var all []lettered
	turned := 0
	for _, action := range rec.Actions {
		switch a := action.(type) {
		case *recorder.Push:
			turned++
		case *recorder.Pop:
			turned--
		case *recorder.FillString:
			if turned > 0 {
				continue // a label along the y axis: outside the data by construction
			}
			style := text.Style{Font: a.Font, Handler: lettering(8, ink, false).Handler}
			style.Font.Size = a.Size
			all = append(all, lettered{a.String, vg.Rectangle{
				Min: vg.Point{X: a.Point.X, Y: a.Point.Y},
				Max: vg.Point{X: a.Point.X + style.Width(a.String), Y: a.Point.Y + a.Size*0.72}, // capitals
			}})
		}
	}
	return all
}

func TestNoTextOfAPlotOverlapsOrIsCut(t *testing.T) {
	for name, r := range many() {
		for _, p := range Plots(r) {
			t.Run(name+"/"+p.Name, func(t *testing.T) {
				all := letteringOf(p)
				if len(all) < 5 {
					t.Fatalf("got %d pieces of text, want title, subtitle and ticks at least", len(all))
				}
				for i, a := range all {
					if a.box.Min.X < 2 || a.box.Max.X > p.Width-2 || a.box.Min.Y < 2 || a.box.Max.Y > p.Height-2 {
						t.Errorf("%q is cut: it takes %v of %v x %v", a.words, a.box, p.Width, p.Height)
					}
					for _, b := range all[i+1:] {
						if a.box.Min.X < b.box.Max.X && b.box.Min.X < a.box.Max.X && a.box.Min.Y < b.box.Max.Y && b.box.Min.Y < a.box.Max.Y {
							t.Errorf("%q at %v overlaps %q at %v", a.words, a.box, b.words, b.box)
						}
					}
				}
			})
		}
	}
}

func TestPlotsNameEveryStrategyAndPhase(t *testing.T) {
	r := spikeResult()
	for _, p := range Plots(r) {
		var words []string
		for _, l := range letteringOf(p) {
			words = append(words, l.words)
		}
		want := []string{p.Title, "spike-100-1000, simulated, 20 seeds"}
		for i, s := range r.Strategies {
			if p.Name != "differences" || i > 0 { // the first is what the others differ from
				want = append(want, s.Name)
			}
		}
		if p.Name != "percentiles" && p.Name != "differences" {
			want = append(want, "before", "spike", "recovery")
		}
		for _, w := range want {
			if !slices.Contains(words, w) {
				t.Errorf("%s: no text %q among %q", p.Name, w, words)
			}
		}
	}
}

func TestStrategiesKeepTheirColoursInEveryRun(t *testing.T) {
	all, some := spikeResult(), spikeResult()
	some.Strategies = []Strategy{some.Strategies[4], {Name: "mine"}, some.Strategies[0], {Name: "yours"}}
	looks, fewer := all.looks(), some.looks()
	if fewer[0].color != looks[4].color || fewer[2].color != looks[0].color {
		t.Error("a strategy changed its colour with its place in the list")
	}
	if fmt.Sprint(fewer[1]) == fmt.Sprint(fewer[3]) {
		t.Error("two unknown strategies look the same")
	}
	for i := range looks {
		for j := range looks[:i] {
			if looks[i].color == looks[j].color || slices.Equal(looks[i].dashes, looks[j].dashes) {
				t.Errorf("%s and %s are told apart by less than colour and dash", all.Strategies[i].Name, all.Strategies[j].Name)
			}
		}
	}
}

func TestStretchesKeepTheSum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Float64Range(0, 1000), 1, 400).Draw(t, "values")
		limit := rapid.IntRange(1, 100).Draw(t, "limit")
		got := meanStretches(values, 2, 0, limit)
		if len(got) > limit {
			t.Fatalf("got %d stretches, want at most %d", len(got), limit)
		}
		total, at := 0.0, 0.0
		for _, s := range got {
			if s.from != at {
				t.Fatalf("a stretch begins at %v, want %v where the one before ends", s.from, at)
			}
			at = s.to
			total += s.y * (s.to - s.from)
		}
		if want := 2 * addUp(values); math.Abs(total-want) > 1e-6*(1+want) {
			t.Errorf("got %v calls in all, want %v", total, want)
		}
	})
}

func TestThinnedPercentilesKeepTheWorst(t *testing.T) {
	values := []*float64{ptr(1.0), nil, nil, nil, ptr(7.0), ptr(3.0)}
	got := worstPoints(values, 10, 0, 3)
	if len(got) != 3 || got[0].y != 1 || !math.IsNaN(got[1].y) || got[2].y != 7 {
		t.Errorf("got %v, want 1, a gap, 7", got)
	}
	once, step := (&Series{StepS: 1, LatencyStepS: 3}).latencies(values)
	if len(once) != 2 || step != 3 || once[1] != nil {
		t.Errorf("got %v every %v s, want each stretch of 3 s once", once, step)
	}
}

func TestNamesAreSpreadApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		places := rapid.SliceOfN(rapid.Float64Range(0, 100), 0, 9).Draw(t, "places")
		slices.Sort(places)
		in := make([]vg.Length, len(places))
		for i, p := range places {
			in[i] = vg.Length(p)
		}
		out := spread(in, 10, 0, 100)
		for i, at := range out {
			if at < -1e-9 || at > 100+1e-9 {
				t.Fatalf("got %v, want all of %v between 0 and 100", at, out)
			}
			if i > 0 && at-out[i-1] < 10-1e-9 {
				t.Fatalf("got %v and %v less than 10 apart", out[i-1], at)
			}
		}
		apart := true
		for i := range in {
			apart = apart && (i == 0 || in[i]-in[i-1] >= 10)
		}
		if apart && !slices.Equal(in, out) {
			t.Errorf("got %v, want %v left where they were", out, in)
		}
	})
}

func TestNoTimeAtAllDoesNotStretchTheAxis(t *testing.T) {
	lines := [][]point{{{0, 400}, {1, 0}, {2, math.NaN()}, {3, 20000}}}
	least, below := floor(20000, 2000, lines)
	if least != 400 || !below {
		t.Errorf("got an axis from %v with values below it %v, want 400 and true", least, below)
	}
	if least, below = floor(20000, 50, [][]point{{{0, 400}}}); least != 50 || below {
		t.Errorf("got an axis from %v with values below it %v, want it to hold the limit 50, and false", least, below)
	}
}

func TestTimeTicksAreRoundAndFew(t *testing.T) {
	for _, c := range []struct {
		end         float64
		label, last string
	}{
		{1, "time (s)", "1"}, {100, "time (s)", "100"}, {600, "time (s)", "600"}, {3600, "time (min)", "60"}, {86400, "time (h)", "24"},
		{365 * 86400, "time (h)", ""},
	} {
		p := newPanel()
		setTime(p, c.end, true)
		ticks := p.X.Tick.Marker.Ticks(p.X.Min, p.X.Max)
		if p.X.Label.Text != c.label || len(ticks) < 2 || len(ticks) > 13 {
			t.Errorf("%v s: got %q with %d ticks, want %q and 2 to 13", c.end, p.X.Label.Text, len(ticks), c.label)
		}
		if last := ticks[len(ticks)-1].Label; c.last != "" && last != c.last {
			t.Errorf("%v s: got last tick %q, want %q", c.end, last, c.last)
		}
	}
}

func TestRenderingCarriesAbsurdNumbers(t *testing.T) {
	for _, x := range []float64{0, -1, 1e308, -1e308, 5e-324} {
		r := spikeResult()
		r.Strategies = r.Strategies[:3]
		r.Phases[1].FromS, r.Phases[2].ToS, r.PatienceS, r.Objective.P99MS, r.Objective.Success = x, x, &x, &x, &x
		r.Offered = Offered{Calls: x, PeakQPS: x, PeakAtS: x}
		for i := range r.Strategies {
			s := &r.Strategies[i]
			s.Series.StepS, s.Series.Offered, s.Series.Achieved = x, []float64{x, 1, x}, []float64{x, x, x}
			s.Series.P50MS, s.Series.P99MS = []*float64{&x, &x}, []*float64{&x, nil, &x}
			s.Series.Outcomes = map[string][]float64{"ok": {x, x, x}}
			f := &s.Phases[1]
			f.Success, f.SuccessCI, f.SuccessAtPatience, f.P99MS, f.P99CI, f.WaitP99MS = &x, &Interval{x, x}, &x, &x, &Interval{x, x}, &x
			f.Curve = []CurvePoint{{0, x}, {0.5, x}, {x, x}}
		}
		for _, format := range Formats {
			if err := format.Write(io.Discard, r, Options{Dir: "."}); err != nil {
				t.Errorf("%v: %s: %v", x, format.Name, err)
			}
		}
		for _, p := range Plots(r) {
			if err := p.WritePNG(io.Discard); err != nil {
				t.Errorf("%v: %s: %v", x, p.Name, err)
			}
		}
	}
}

// Whatever run.json holds, rendering it ends and does not panic. (With -fuzzminimizetime=1x: shrinking
// a page of JSON takes the fuzzer longer than finding it.)
func FuzzRender(f *testing.F) {
	small := oneSecond() // seeds are small, or the fuzzer spends its time on shrinking them
	small.Objective = &Objective{Success: ptr(0.99), P99MS: ptr(2000.0)}
	small.Strategies[1].PatienceS = nil
	small.Strategies[1].Against = &Paired{Phase: "spike", Of: 1}
	for _, r := range []*Result{oneSecond(), small, {}} {
		r.Schema = Schema
		var b bytes.Buffer
		if err := WriteJSON(&b, r); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		r, err := ReadJSON(bytes.NewReader(file))
		if err != nil {
			return
		}
		for _, format := range Formats {
			if err := format.Write(io.Discard, r, Options{Dir: "."}); err != nil {
				t.Logf("%s: %v", format.Name, err)
			}
		}
		for _, p := range Plots(r) {
			if err := p.WriteSVG(io.Discard); err != nil {
				t.Errorf("%s: %v", p.Name, err)
			}
		}
	})
}
