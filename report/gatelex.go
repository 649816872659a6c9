package report

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// A GateError says what is wrong with a gate's expression, and where.
type GateError struct {
	Expr    string
	At      int // bytes from the beginning
	Found   string
	Allowed string
	Known   []string // the words that may stand there, of which one may have been meant
}

// Error says it on one line, with the column counted in characters from 1.
func (e *GateError) Error() string {
	switch {
	case e.Allowed != "":
		return e.Place() + "; allowed: " + e.Allowed
	case len(e.Known) > 0:
		return e.Place() + "; allowed: " + strings.Join(e.Known, ", ")
	}
	return e.Place()
}

// Place is the error without what is allowed.
func (e *GateError) Place() string {
	return fmt.Sprintf("gate %q: column %d: %s", e.Expr, e.column(), e.Found)
}

// Word is the word of the expression at the fault.
func (e *GateError) Word() string {
	rest := e.Expr[min(e.At, len(e.Expr)):]
	if _, quoted, ok := strings.Cut(e.Found, `"`); ok {
		word, _, _ := strings.Cut(quoted, `"`)
		return word
	}
	if end := strings.IndexFunc(rest, func(c rune) bool { return c < utf8.RuneSelf && !isLetter(byte(c)) && !isDigit(byte(c)) && c != '-' }); end >= 0 {
		rest = rest[:end]
	}
	return rest
}

func (e *GateError) column() int { return utf8.RuneCountInString(e.Expr[:min(e.At, len(e.Expr))]) + 1 }

// Caret is the expression with a caret below the place, on two lines.
func (e *GateError) Caret() string {
	return e.Expr + "\n" + strings.Repeat(" ", e.column()-1) + "^"
}

// A token is a word, a number with its unit, a quoted text, or a sign.
type token struct {
	kind tokenKind
	text string // of a quoted text, what is between the quotes
	at   int
}

type tokenKind uint8

const (
	endToken tokenKind = iota
	wordToken
	numberToken // digits and what follows them without a space: 500ms, 85%, 1.5x, 900/s
	quotedToken
	signToken
)

// gateSigns are the signs, the longer ones first.
var gateSigns = []string{"===", "<=", ">=", "==", "!=", "<", ">", "{", "}", "(", ")", ",", ":", "=", ".", "*", "+", "-"}

func isLetter(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c >= utf8.RuneSelf
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// lexGate cuts an expression into tokens; the last is the end.
func lexGate(expr string) ([]token, error) {
	var tokens []token
	inside := false // of a selector, where a hyphen or a dot belongs to a name
	for i := 0; i < len(expr); {
		c := expr[i]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
			continue
		case c == '"' || c == '\'':
			end := strings.IndexByte(expr[i+1:], c)
			if end < 0 {
				return nil, &GateError{Expr: expr, At: i, Found: "a text whose quote does not end"}
			}
			tokens = append(tokens, token{quotedToken, expr[i+1 : i+1+end], i})
			i += end + 2
			continue
		case isLetter(c) || inside && isDigit(c):
			end := i + 1
			for end < len(expr) && (isLetter(expr[end]) || isDigit(expr[end]) || inside && (expr[end] == '-' || expr[end] == '.')) {
				end++
			}
			tokens = append(tokens, token{wordToken, expr[i:end], i})
			i = end
			continue
		case isDigit(c) || c == '.' && i+1 < len(expr) && isDigit(expr[i+1]):
			end := numberEnd(expr, i)
			tokens = append(tokens, token{numberToken, expr[i:end], i})
			i = end
			continue
		}
		sign := signAt(expr[i:])
		if sign == "" {
			r, _ := utf8.DecodeRuneInString(expr[i:])
			return nil, &GateError{Expr: expr, At: i, Found: fmt.Sprintf("a stray %q", r)}
		}
		inside = sign == "{" || inside && sign != "}"
		tokens = append(tokens, token{signToken, sign, i})
		i += len(sign)
	}
	return append(tokens, token{endToken, "", len(expr)}), nil
}

// numberEnd is where a number and its unit end that begin at i.
func numberEnd(expr string, i int) int {
	for i < len(expr) && (isDigit(expr[i]) || expr[i] == '.' || expr[i] == '_') {
		i++
	}
	if i < len(expr) && (expr[i] == 'e' || expr[i] == 'E') { // 1e3, but not 1e of a unit
		k := i + 1
		if k < len(expr) && (expr[k] == '-' || expr[k] == '+') {
			k++
		}
		if k < len(expr) && isDigit(expr[k]) {
			for k < len(expr) && isDigit(expr[k]) {
				k++
			}
			i = k
		}
	}
	if i < len(expr) && expr[i] == '%' {
		return i + 1
	}
	if i+1 < len(expr) && expr[i] == '/' && isLetter(expr[i+1]) {
		i++
	}
	for i < len(expr) && (isLetter(expr[i])) {
		i++
	}
	return i
}

func signAt(rest string) string {
	for _, sign := range gateSigns {
		if strings.HasPrefix(rest, sign) {
			return sign
		}
	}
	return ""
}

func (t token) describe() string {
	switch t.kind {
	case endToken:
		return "the end"
	case quotedToken:
		return fmt.Sprintf("the text %q", t.text)
	}
	return fmt.Sprintf("%q", t.text)
}
