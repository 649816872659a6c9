package report

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// The grammar of a gate. It takes every threshold of k6 on a metric that is known here.
//
//	gate     = [ "worst(" , duration , ")" ] , quantity , op , bound ;
//	quantity = measure , [ selector ] , [ [ "." ] , ( "rate" | "value" | "count" ) ]
//	         | stat , [ selector ]                       (* the metric is response_time *)
//	         | metric , [ selector ] , [ "." ] , stat ;  (* k6's order *)
//	metric   = "response_time" | "service_time" | "ttft" | "tpot" | "itl" ;
//	stat     = "p(" , number , ")" | "p" , number | "over(" , duration , ")" | "avg" | "med" | "min" | "max" ;
//	measure  = "success" | "good" | "goodput" | "amplification" | "recovery" | "wasted_work"
//	         | "calls" | "attempts" | "queue" | outcome ;
//	outcome  = "ok" | "degraded" | "refused" | "busy" | "error" | "timeout" | "shed" | "unsent" ;
//	selector = "{" , pair , { "," , pair } , "}" ;
//	pair     = key , ( "=" | ":" ) , value | value ;
//	key      = "phase" | "strategy" | "priority" | "attempt" ;
//	op       = "<" | "<=" | ">" | ">=" | "==" | "===" | "!=" ;
//	bound    = term | ( "max" | "min" ) , "(" , term , "," , term , ")" ;
//	term     = literal | ( "base" | quantity ) , [ "*" , number ] , [ ( "+" | "-" ) , literal ] ;
//	literal  = number , [ timeunit | "%" | "pts" | "x" | "/s" | "/m" ] ;   duration = number , [ timeunit ] ;
//	timeunit = "ns" | "us" | "µs" | "ms" | "s" | "m" | "h" ;
//
// A value is letters, digits and - _ . , or quoted; one without a key must name exactly one thing. A
// bare number is milliseconds where a time is compared, and a fraction where a share is.

// gateMetrics are the times that a stat may be taken of.
var gateMetrics = []string{"response_time", "service_time", "ttft", "tpot", "itl"}

// gateMeasures are the other quantities, before the outcomes.
var gateMeasures = []string{"success", "good", "goodput", "amplification", "recovery", "wasted_work", "calls", "attempts", "queue"}

// gateStats are the words that take something of times, as messages list them.
var gateStats = []string{"p(99)", "p99", "over(2s)", "avg", "med", "min", "max"}

// kinds of a quantity, which decide what its bound may be.
type gateKind uint8

const (
	timeKind  gateKind = iota // milliseconds
	shareKind                 // 0 to 1
	rateKind                  // per second: a bare number would be ambiguous
	timesKind                 // a factor
	countKind
)

// measures returns all words that are measures.
func measures() []string {
	all := slices.Clone(gateMeasures)
	for o := sim.Unsent; o < sim.NumOutcomes; o++ {
		all = append(all, o.String())
	}
	return all
}

// k6Names are metrics under k6's names, with what is said of them.
var k6Names = map[string]struct{ is, note string }{
	"http_req_duration":  {"service_time", "http_req_duration is read as service_time: k6 too counts from the actual send"},
	"http_req_failed":    {"success", "http_req_failed is read as 1 - success"},
	"http_reqs":          {"attempts", "http_reqs is read as attempts"},
	"dropped_iterations": {"unsent", "dropped_iterations is read as unsent"},
}

// ParseGate reads the expression of a gate. The error is a *GateError.
func ParseGate(expr string) (Gate, error) {
	expr = strings.TrimSpace(expr)
	tokens, err := lexGate(expr)
	if err != nil {
		return Gate{}, err
	}
	p := &gateParser{expr: expr, tokens: tokens}
	g := Gate{Expr: expr}
	if err := p.gate(&g); err != nil {
		return Gate{}, err
	}
	g.Notes = p.notes
	return g, nil
}

type gateParser struct {
	expr   string
	tokens []token
	next   int
	notes  []string
	failed bool // http_req_failed: the measure is 1 - success
}

func (p *gateParser) peek() token { return p.tokens[p.next] }

func (p *gateParser) take() token {
	t := p.tokens[p.next]
	if t.kind != endToken {
		p.next++
	}
	return t
}

// is reports whether the next token is that sign or word.
func (p *gateParser) is(text string) bool {
	t := p.peek()
	return (t.kind == signToken || t.kind == wordToken) && t.text == text
}

// accept takes the next token if it is that sign or word.
func (p *gateParser) accept(text string) bool {
	if !p.is(text) {
		return false
	}
	p.next++
	return true
}

func (p *gateParser) expect(sign string) error {
	if p.accept(sign) {
		return nil
	}
	return p.wrong(p.peek(), strconv.Quote(sign))
}

// wrong is the error that something else stands where allowed should.
func (p *gateParser) wrong(t token, allowed string) error {
	return &GateError{Expr: p.expr, At: t.at, Found: t.describe(), Allowed: allowed}
}

func (p *gateParser) fault(at int, found, allowed string) error {
	return &GateError{Expr: p.expr, At: at, Found: found, Allowed: allowed}
}

func (p *gateParser) gate(g *Gate) (err error) {
	if p.accept("worst") {
		if err = p.expect("("); err != nil {
			return err
		}
		if g.Window, err = p.duration(); err != nil {
			return err
		}
		if err = p.expect(")"); err != nil {
			return err
		}
	}
	if g.Quantity, err = p.quantity(); err != nil {
		return err
	}
	at := p.peek().at
	if g.Op, err = p.op(); err != nil {
		return err
	}
	if g.Bound, err = p.bound(g.Quantity.kind()); err != nil {
		return err
	}
	if t := p.peek(); t.kind != endToken {
		return p.wrong(t, "the end")
	}
	if p.failed { // 1 - success < 1 % is success > 99 %
		return p.invert(g, at)
	}
	return nil
}

// invert turns a demand on the share that failed into the same demand on success.
func (p *gateParser) invert(g *Gate, at int) error {
	flipped := map[Op]Op{Less: More, AtMost: AtLeast, More: Less, AtLeast: AtMost}
	term := g.Bound.Terms[0]
	if g.Bound.Pick != "" || term.Literal == nil || flipped[g.Op] == "" {
		return p.fault(at, "http_req_failed compared with this", "http_req_failed < 1%; or write the demand with success")
	}
	g.Op = flipped[g.Op]
	g.Bound.Terms[0].Literal = &Literal{Value: math.Round((1-term.Literal.Value)*1e12) / 1e12, Unit: Share} // 99 %, and not what is left of it in binary
	return nil
}

func (p *gateParser) op() (Op, error) {
	t := p.take()
	switch op := Op(t.text); {
	case t.kind != signToken:
	case op == "===":
		return Equal, nil
	case op == Less, op == AtMost, op == More, op == AtLeast, op == Equal, op == Unequal:
		return op, nil
	}
	return "", p.wrong(t, "<, <=, >, >=, ==, !=")
}

// quantity reads a measure, a stat, or a metric with a stat.
func (p *gateParser) quantity() (q Quantity, err error) {
	t := p.peek()
	if t.kind != wordToken {
		return q, p.wrong(t, "what is measured: "+strings.Join(measures(), ", ")+", or a stat such as p99")
	}
	name := t.text
	if known, ok := k6Names[name]; ok {
		name = known.is
		p.notes = append(p.notes, known.note)
		p.failed = p.failed || t.text == "http_req_failed"
	}
	switch {
	case slices.Contains(gateMetrics, name):
		p.next++
		q.Metric = name
		if q.Selector, err = p.selector(); err != nil {
			return q, err
		}
		p.accept(".")
		q.Stat, err = p.stat()
		return q, err
	case slices.Contains(measures(), name):
		p.next++
		q.Measure = name
		if q.Selector, err = p.selector(); err != nil {
			return q, err
		}
		return q, p.as(&q)
	}
	q.Metric = "response_time"
	if q.Stat, err = p.stat(); err != nil {
		return q, err
	}
	q.Selector, err = p.selector()
	return q, err
}

// as reads ".rate", ".value" or ".count" behind a measure, and refuses what makes no sense there.
func (p *gateParser) as(q *Quantity) error {
	dotted := p.accept(".")
	t := p.peek()
	if t.kind != wordToken || t.text != "rate" && t.text != "value" && t.text != "count" {
		if dotted {
			return p.wrong(t, "rate, value, count")
		}
		return nil
	}
	p.next++
	q.As = t.text
	if q.As == "count" && (q.Measure == "amplification" || q.Measure == "recovery" || q.Measure == "wasted_work" || q.Measure == "goodput") {
		return p.fault(t.at, "a count of "+q.Measure, q.Measure+" by itself")
	}
	if q.As == "rate" && (q.Measure == "calls" || q.Measure == "attempts") {
		return p.fault(t.at, "a rate of "+q.Measure, q.Measure+" by itself; goodput is a rate")
	}
	return nil
}

// stat reads what is taken of times.
func (p *gateParser) stat() (Stat, error) {
	t := p.take()
	if t.kind == wordToken {
		switch word := t.text; {
		case word == "avg" || word == "min" || word == "max":
			return Stat{Kind: word}, nil
		case word == "med":
			return Stat{Kind: "quantile", A: 5, D: 10}, nil
		case word == "over" && p.accept("("):
			d, err := p.duration()
			if err != nil {
				return Stat{}, err
			}
			return Stat{Kind: "over", Over: d}, p.expect(")")
		case word == "p" && p.accept("("):
			number := p.take()
			s, err := p.quantile(number, number.text)
			if err != nil {
				return Stat{}, err
			}
			return s, p.expect(")")
		case len(word) > 1 && word[0] == 'p' && isDigit(word[1]):
			digits := word[1:]
			// "p99.9" comes as the word p99 and the number .9
			if more := p.peek(); more.kind == numberToken && more.text[0] == '.' && more.at == t.at+len(word) {
				digits += more.text
				p.next++
			}
			return p.quantile(t, digits)
		}
	}
	return Stat{}, &GateError{Expr: p.expr, At: t.at, Found: t.describe(), Known: slices.Concat(gateStats, gateMetrics, measures())}
}

// quantile reads a percentage as a fraction of whole numbers, so that ranks are exact.
func (p *gateParser) quantile(t token, digits string) (Stat, error) {
	whole, fraction, _ := strings.Cut(digits, ".")
	n, err := strconv.ParseInt(whole+fraction, 10, 64)
	d := int64(100)
	for range fraction {
		d *= 10
	}
	if err != nil || len(fraction) > 6 || n <= 0 || n >= d {
		return Stat{}, p.fault(t.at, "the percentile "+strconv.Quote(digits), "a number above 0 and below 100, as in p(99) or p99.9")
	}
	for d%10 == 0 && n%10 == 0 {
		n, d = n/10, d/10
	}
	return Stat{Kind: "quantile", A: n, D: d}, nil
}

func (p *gateParser) selector() (s Selector, err error) {
	if !p.accept("{") {
		return s, nil
	}
	for {
		if err := p.pair(&s); err != nil {
			return s, err
		}
		if p.accept("}") {
			return s, nil
		}
		if !p.accept(",") {
			return s, p.wrong(p.peek(), `"," or "}"`)
		}
	}
}

func (p *gateParser) pair(s *Selector) error {
	first := p.take()
	if first.kind != wordToken && first.kind != quotedToken {
		return p.wrong(first, "phase=, strategy=, priority= or attempt=, or the name of one")
	}
	if !p.accept("=") && !p.accept(":") {
		s.Bare = append(s.Bare, Word{first.text, first.at})
		return nil
	}
	value := p.take()
	if value.kind != wordToken && value.kind != quotedToken {
		return p.wrong(value, "a name")
	}
	into := map[string]*string{"phase": &s.Phase, "strategy": &s.Strategy, "priority": &s.Priority, "attempt": &s.Attempt}[first.text]
	switch {
	case into == nil:
		return &GateError{Expr: p.expr, At: first.at, Found: first.describe(), Known: []string{"phase", "strategy", "priority", "attempt"}}
	case *into != "":
		return p.fault(first.at, first.text+" for a second time", "each key once")
	case first.text == "attempt" && value.text != "first" && value.text != "final":
		return p.fault(value.at, "attempt "+strconv.Quote(value.text), "first, final")
	}
	*into = value.text
	return nil
}

func (p *gateParser) bound(kind gateKind) (b Bound, err error) {
	if p.is("max") || p.is("min") {
		if after := p.tokens[p.next+1]; after.kind == signToken && after.text == "(" {
			b.Pick = p.take().text
			p.next++
			for i := range 2 {
				if i == 1 {
					if err = p.expect(","); err != nil {
						return b, err
					}
				}
				one, err := p.term(kind)
				if err != nil {
					return b, err
				}
				b.Terms = append(b.Terms, one)
			}
			return b, p.expect(")")
		}
	}
	one, err := p.term(kind)
	b.Terms = []Term{one}
	return b, err
}

func (p *gateParser) term(kind gateKind) (t Term, err error) {
	t.Times = 1
	if p.peek().kind == numberToken {
		t.Literal, err = p.literal(kind, false)
		return t, err
	}
	if p.accept("base") {
		t.Base = true
	} else {
		at := p.peek().at
		q, err := p.quantity()
		if err != nil {
			return t, err
		}
		if q.kind() != kind {
			return t, p.fault(at, "a quantity of another kind", "one that is compared in the same unit")
		}
		t.Quantity = &q
	}
	if p.accept("*") {
		number := p.take()
		x, err := strconv.ParseFloat(strings.TrimSuffix(number.text, "x"), 64)
		if number.kind != numberToken || err != nil || !(x > 0) || math.IsInf(x, 0) {
			return t, p.wrong(number, "a factor above 0, such as 1.10")
		}
		t.Times = x
	}
	if p.is("+") || p.is("-") {
		minus := p.take().text == "-"
		if t.Plus, err = p.literal(kind, true); err != nil {
			return t, err
		}
		if minus {
			t.Plus.Value = -t.Plus.Value
		}
	}
	return t, nil
}

// literal reads a number with its unit, which must be one that the quantity is measured in.
func (p *gateParser) literal(kind gateKind, added bool) (*Literal, error) {
	t := p.take()
	if t.kind != numberToken {
		return nil, p.wrong(t, literalsFor(kind))
	}
	end := 0
	for end < len(t.text) && (isDigit(t.text[end]) || strings.IndexByte("._", t.text[end]) >= 0) {
		end++
	}
	if rest := t.text[end:]; len(rest) > 1 && (rest[0] == 'e' || rest[0] == 'E') && (isDigit(rest[1]) || rest[1] == '-' || rest[1] == '+') {
		for end++; end < len(t.text) && (isDigit(t.text[end]) || strings.IndexByte("+-", t.text[end]) >= 0); {
			end++
		}
	}
	x, err := strconv.ParseFloat(strings.ReplaceAll(t.text[:end], "_", ""), 64)
	if err != nil || math.IsInf(x, 0) {
		return nil, p.fault(t.at, "the number "+strconv.Quote(t.text), literalsFor(kind))
	}
	unit := t.text[end:]
	if share := map[string]float64{"": x, "%": x / 100}; kind == shareKind && !added && share[unit] > 1 {
		return nil, p.fault(t.at, "the share "+strconv.Quote(t.text), "0 to 1, or 0% to 100%")
	}
	switch scale, isTime := timeUnits[unit]; {
	case kind == timeKind && isTime:
		return &Literal{x * scale, Millis}, nil
	case kind == timeKind && unit == "":
		return &Literal{x, Millis}, nil
	case kind == shareKind && unit == "%" && !added:
		return &Literal{x / 100, Share}, nil
	case kind == shareKind && (unit == "pts" || unit == "%"):
		return &Literal{x / 100, Points}, nil
	case kind == shareKind && unit == "":
		return &Literal{x, Share}, nil
	case kind == rateKind && unit == "/s":
		return &Literal{x, PerSecond}, nil
	case kind == rateKind && unit == "/m":
		return &Literal{x / 60, PerSecond}, nil
	case kind == rateKind && unit == "%":
		return &Literal{x / 100, Share}, nil // of the offered calls: DESIGN's other goodput
	case kind == timesKind && (unit == "x" || unit == ""):
		return &Literal{x, Times}, nil
	case kind == countKind && unit == "":
		return &Literal{x, Bare}, nil
	}
	return nil, p.fault(t.at, strconv.Quote(t.text), literalsFor(kind))
}

// timeUnits are the units of time in milliseconds.
var timeUnits = map[string]float64{"ns": 1e-6, "us": 1e-3, "µs": 1e-3, "μs": 1e-3, "ms": 1, "s": 1e3, "m": 6e4, "h": 3.6e6}

func literalsFor(kind gateKind) string {
	switch kind {
	case timeKind:
		return "a time, such as 500ms or 2s; a bare number is milliseconds"
	case shareKind:
		return "a share, such as 85% or 0.85"
	case rateKind:
		return "a rate such as 900/s, or a share of the offered calls such as 85%"
	case timesKind:
		return "a factor, such as 1.5 or 1.5x"
	}
	return "a number of calls"
}

func (p *gateParser) duration() (time.Duration, error) {
	at := p.peek().at
	l, err := p.literal(timeKind, false)
	if err != nil {
		return 0, err
	}
	d := l.Value * float64(time.Millisecond)
	if !(d > 0) || d > float64(24*time.Hour) {
		return 0, p.fault(at, "that long", "a time above 0 and up to 24h")
	}
	return time.Duration(math.Round(d)), nil
}

// kind is what a quantity is compared in.
func (q Quantity) kind() gateKind {
	switch {
	case q.As == "count":
		return countKind
	case q.Stat.Kind == "over":
		return shareKind
	case q.Measure == "":
		return timeKind
	}
	switch q.Measure {
	case "goodput":
		return rateKind
	case "amplification":
		return timesKind
	case "recovery":
		return timeKind
	case "calls", "attempts", "queue":
		return countKind
	}
	return shareKind
}
