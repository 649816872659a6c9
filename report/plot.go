package report

import (
	"bytes"
	"fmt"
	"html"
	"io"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// A Plot is one chart of a Result. The same Draw makes the SVG and the PNG; both are the same bytes
// each time.
type Plot struct {
	Name          string    // its file without the ending
	Title         string    // ASCII: the faces have few other glyphs, and PNG drops those silently
	Desc          string    // how to read it, in one sentence, for those who cannot see it
	Note          string    // what stands below the panels; "" for nothing
	Width, Height vg.Length // its size
	Draw          func(draw.Canvas)
}

// Plots returns the charts of a Result in the order of the page. A chart without data is left out, so
// a run of one short phase still has its page.
func Plots(r *Result) []Plot {
	var all []Plot
	for _, plot := range []func(*Result) (Plot, bool){plotRates, plotLatency, plotOutcomes, plotQueue, plotAttempts, plotReplicas, plotHeat,
		plotCurve, plotForest, plotSides} {
		if p, ok := plot(r); ok {
			all = append(all, p)
		}
	}
	return all
}

// WriteSVG writes the plot as a whole SVG document with a title and a description for screen readers.
func (p Plot) WriteSVG(w io.Writer) error {
	canvas := vgsvg.New(p.Width, p.Height)
	p.Draw(draw.New(canvas))
	var b bytes.Buffer
	if _, err := canvas.WriteTo(&b); err != nil {
		return fmt.Errorf("drawing %s: %w", p.Name, err)
	}
	_, err := io.WriteString(w, p.accessible(b.String()))
	return err
}

// accessible adds what the SVG canvas leaves out: role, title and description; and other families
// where the reader's machine lacks the face, or a browser would fall back to a serif one. The family
// stands once, for all: in each of hundreds of texts it would be a fifth of the file.
func (p Plot) accessible(svg string) string {
	id := "headroom-" + p.Name
	svg = strings.Replace(svg, "<svg ", fmt.Sprintf(`<svg role="img" font-family="Liberation Sans, Arial, Helvetica, sans-serif" aria-labelledby="%s-title %s-desc" `, id, id), 1)
	end := strings.Index(svg, "<svg ")
	end += strings.IndexByte(svg[end:], '>') + 1
	names := fmt.Sprintf("\n<title id=\"%s-title\">%s</title>\n<desc id=\"%s-desc\">%s</desc>",
		id, html.EscapeString(p.Title), id, html.EscapeString(p.Desc))
	svg = svg[:end] + names + svg[end:]
	return strings.NewReplacer(
		"<image ", `<image preserveAspectRatio="none" style="image-rendering:pixelated" `, // or it keeps the shape of its pixels
		"font-family:Liberation Sans;font-variant:normal;", "",
		"font-weight:normal;font-style:normal;", "",
		"font-style:normal;", "",
	).Replace(svg)
}

// dotsPerInch of a PNG: a plot of 720 pt is 1200 pixels wide.
const dotsPerInch = 120

// WritePNG writes the plot as a PNG.
func (p Plot) WritePNG(w io.Writer) error {
	canvas := vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(p.Width, p.Height), vgimg.UseDPI(dotsPerInch))}
	p.Draw(draw.New(canvas))
	if _, err := canvas.WriteTo(w); err != nil {
		return fmt.Errorf("drawing %s: %w", p.Name, err)
	}
	return nil
}
