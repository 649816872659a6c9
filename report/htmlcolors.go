package report

import (
	"fmt"
	"image/color"
	"strings"

	"gonum.org/v1/plot/vg"
)

// A tone is a colour of the page, by day and by night.
type tone struct {
	name        string
	light, dark color.NRGBA
}

// rgb is an opaque colour.
func rgb(hex uint32) color.NRGBA {
	return color.NRGBA{uint8(hex >> 16), uint8(hex >> 8), uint8(hex), 0xff}
}

// tones are all colours of the charts, named so that one style sheet turns them from light to dark. The
// light ones are those of the plots. In the dark black becomes the text's colour, and what is darker
// for a higher percentile becomes lighter for it; text keeps 4.5:1 on the card, lines 3:1.
var tones = []tone{
	{"card", whiteCard, rgb(0x1b1d21)},
	{"ink", ink, rgb(0xe8e8e8)},
	{"faint", faint, rgb(0xb0b4ba)},
	{"grid", gridGrey, rgb(0x34373d)},
	{"off", offGrey, rgb(0x9a9da3)},
	{"black", okabeIto[0].color, rgb(0xf2f2f2)},
	{"blue", okabeIto[1].color, rgb(0x3d9bd6)},
	{"orange", okabeIto[2].color, rgb(0xe69f00)},
	{"sky", okabeIto[3].color, rgb(0x56b4e9)},
	{"pink", okabeIto[4].color, rgb(0xcc79a7)},
	{"green", okabeIto[5].color, rgb(0x1fb98c)},
	{"p50", quantileColors[0], rgb(0x2f6f9f)},
	{"p95", quantileColors[1], rgb(0x5ba6dc)},
	{"p99", quantileColors[2], rgb(0xbfe0fa)},
	{"good", outcomeColors[0].color, rgb(0x7fb4d6)},
	{"slow", outcomeColors[1].color, rgb(0x2b6ca3)},
	{"degraded", outcomeColors[3].color, rgb(0xd9cd3a)},
	{"refused", outcomeColors[4].color, rgb(0xf9c7a0)},
	{"busy", outcomeColors[5].color, rgb(0xee9555)},
	{"error", outcomeColors[6].color, rgb(0x9c4a1f)},
	{"timeout", outcomeColors[7].color, rgb(0xd55e00)},
	{"shed", outcomeColors[8].color, rgb(0x8a8a8a)},
	{"unsent", outcomeColors[9].color, rgb(0xc9c9c9)},
}

// hexOf writes a colour as plots and style sheets do: #1A1A1A.
func hexOf(c color.NRGBA) string { return fmt.Sprintf("#%02X%02X%02X", c.R, c.G, c.B) }

// variables are the tones as variables of the style sheet; print is always light.
func variables() string {
	var light, dark strings.Builder
	for _, t := range tones {
		fmt.Fprintf(&light, "--%s:%s;", t.name, strings.ToLower(hexOf(t.light)))
		fmt.Fprintf(&dark, "--%s:%s;", t.name, strings.ToLower(hexOf(t.dark)))
	}
	return ":root{" + light.String() + "}\n@media screen and (prefers-color-scheme:dark){:root{" + dark.String() + "}}\n"
}

// themed replaces the colours of a plot's SVG by variables, so that the style sheet can turn them.
func themed(svg string) string {
	var pairs []string
	seen := make(map[string]bool)
	for _, t := range tones {
		hex := hexOf(t.light)
		if !seen[hex] { // two tones may be one colour by day
			seen[hex] = true
			pairs = append(pairs, ":"+hex, ":var(--"+t.name+")")
		}
	}
	return strings.NewReplacer(pairs...).Replace(svg)
}

// toneOf is the name of the tone that a colour of the plots has; "ink" for one that has none.
func toneOf(c color.Color) string {
	for _, t := range tones {
		if c == color.Color(t.light) {
			return t.name
		}
	}
	return "ink"
}

// dashOf are a plot's dashes in pixels of a page.
func dashOf(dashes []vg.Length) []float64 {
	var px []float64
	for _, d := range dashes {
		px = append(px, float64(d)*4/3)
	}
	return px
}
