package scenarios

import (
	"cmp"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// Requests say what is asked, and by whom. A field that is left out is not drawn: its place in the
// request stays zero.
type Requests struct {
	Prompt   sim.CountDist `yaml:"prompt,omitempty"`   // tokens, drawn for each key: equal keys have equal prompts
	Output   sim.CountDist `yaml:"output,omitempty"`   // tokens, drawn for each call
	Work     sim.Dist      `yaml:"work,omitempty"`     // size in mean service times, for models without tokens
	Keys     Keys          `yaml:"keys,omitempty"`     // which calls ask the same; none: no two do
	Prefix   Prefix        `yaml:"prefix,omitempty"`   // tokens that the prompts of several keys begin with; none: none
	Users    int           `yaml:"users,omitempty"`    // callers, each as likely as the others; 0: one
	Priority Classes       `yaml:"priority,omitempty"` // none: one class
	Method   string        `yaml:"method,omitempty"`   // POST unless given: GET, HEAD, PUT, DELETE, OPTIONS and TRACE may be asked twice; live, the target's own counts
	Patience time.Duration `yaml:"patience"`           // how long a caller waits, queueing and retries included; 0: for ever
}

// Validate checks the numbers.
func (r *Requests) Validate() error {
	var faults sim.Faults
	if r.Users < 0 || r.Users > 1_000_000_000 {
		faults.Add("users", fmt.Sprint(r.Users), "0 to 1000000000; 0 or nothing is one user")
	}
	if !slices.Contains(methods, cmp.Or(r.Method, http.MethodPost)) {
		faults.Add("method", strconv.Quote(r.Method), strings.Join(methods, ", ")+"; nothing is POST")
	}
	if r.Patience < 0 {
		faults.Add("patience", r.Patience.String(), durationsAre+"; 0s waits for ever")
	}
	if r.Work.Constant() && r.Work.Mean() == 0 {
		faults.Add("work", "0", "above 0")
	}
	return faults.Err()
}

// methods are those that a request may have.
var methods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions, http.MethodTrace}

// Idempotent reports whether a request of that method, asked twice, does no more than asked once (RFC
// 9110, 9.2.2).
func Idempotent(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete, http.MethodOptions, http.MethodTrace:
		return true
	}
	return false
}

// Classes are the classes of calls, the highest first, written {high: 10%, low: 90%}. The index of
// a class is its sim.Priority.
type Classes []Class

// A Class is one of them: a name and its share of the calls.
type Class struct {
	Name  string
	Share sim.Share
}

// Names lists the names of the classes, the highest first.
func (c Classes) Names() []string {
	names := make([]string, len(c))
	for i := range c {
		names[i] = c[i].Name
	}
	return names
}

// shareSlack is how far the shares may be from 100 % together: three of 33.3 % are meant as thirds.
const shareSlack = 0.001

func (c *Classes) decodeNode(d *decoder, n *node, path string) {
	const allowed = "classes and their shares, highest first, as {high: 10%, low: 90%}"
	*c = nil
	if n.kind != mapping || len(n.items) == 0 {
		d.fail(n, path, n.describe(), allowed)
		return
	}
	if len(n.items) > math.MaxUint8 {
		d.fail(n, path, fmt.Sprintf("of %d classes", len(n.items)), fmt.Sprintf("at most %d", math.MaxUint8))
		return
	}
	sum, whole := 0.0, true
	var shares []string
	for i, key := range n.names {
		if fault := nameFault(key.text); fault != "" {
			d.add(key, Fault{Position: key.at, Path: path, Found: "class " + fault, Allowed: namesAre, whole: true})
		}
		class := Class{Name: key.text}
		if d.scalar(n.items[i], joinPath(path, key.text), "a share such as 10%") {
			d.take(class.Share.UnmarshalText([]byte(n.items[i].text)), n.items[i], joinPath(path, key.text))
		}
		whole = whole && !d.faulty(n.items[i])
		sum += float64(class.Share)
		shares = append(shares, class.Share.String())
		*c = append(*c, class)
	}
	if whole && math.Abs(sum-1) > shareSlack+1e-12 {
		d.fail(n, path, fmt.Sprintf("%s make %s", strings.Join(shares, " + "), sim.Share(math.Round(sum*1e9)/1e9)), "shares that make 100% together")
	}
}

func (c Classes) tree() *node {
	if len(c) == 0 {
		return nil
	}
	n := &node{kind: mapping}
	for _, class := range c {
		n.put(class.Name, textNode(class.Share.String()))
	}
	return n
}
