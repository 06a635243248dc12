package query

import (
	"fmt"
	"strings"

	"github.com/gitruns/runs/format"
)

// Unordered returns an error if the expression asks for the order of a number and a word, as loss < acc does: no run
// would match, whatever its values are. Such a word may be the name of a key, and the error says how to write a key. An
// error is a *SyntaxError.
func (e *Expr) Unordered(runs []*format.Run, c Context) error {
	if e.left != nil {
		if err := e.left.Unordered(runs, c); err != nil || e.right == nil {
			return err
		}
		return e.right.Unordered(runs, c)
	}
	if len(e.args) != 1 || e.re != nil || !strings.HasPrefix(e.op, "<") && !strings.HasPrefix(e.op, ">") {
		return nil
	}
	if l := &e.args[0]; l.quoted || l.number.isNumber() || l.when != nil || e.field.isAttribute("duration") {
		return nil
	}
	word, some := e.args[0].text, false
	other := newField(word)
	key := ""
	for _, r := range runs {
		if v, ok := e.field.value(r, c); ok && !v.isNumber() {
			return nil // a text has an order with the word
		} else if ok {
			some = true
		}
		if key == "" {
			key = other.prefixed(r, c)
		}
	}
	if !some {
		return nil
	}
	reason := fmt.Sprintf("%s is a number and %q is a text, so they have no order", e.key, word)
	if key != "" {
		reason += "; to compare two values of a run, write " + key
	}
	return &SyntaxError{fmt.Errorf("expression, column %d: %s", e.column, reason)}
}

// prefixed returns the key with the prefix under which a run has a number. It returns "" if the run has none.
func (f field) prefixed(r *format.Run, c Context) string {
	for _, prefix := range []string{"metrics.", "params.", "attributes."} {
		g := newField(prefix + f.name)
		if v, ok := g.value(r, c); ok && v.isNumber() {
			return prefix + f.name
		}
	}
	return ""
}
