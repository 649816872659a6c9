package report

import "encoding/json"

// A chartData is what the script draws from.
type chartData struct {
	End float64 `json:"end"`
}

// data writes what the script draws as JSON. json.Marshal escapes <, > and &, so no text in it can end
// the element.
func (p *page) data() {
	text, err := json.Marshal(chartData{End: p.r.end()})
	if err != nil {
		p.err = err
		return
	}
	p.raw("<script type=\"application/json\" id=\"headroom-data\">")
	p.b.Write(text)
	p.raw("</script>\n")
}
