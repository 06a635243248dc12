package query

import (
	"fmt"
	"strings"
)

// prefixes are those of the keys that Unordered suggests.
var prefixes = [...]string{"metrics.", "params.", "attributes."}

// Unordered returns an error if the expression asks for the order of a number and a word, as loss < acc does: no run
// would match, whatever its values are. Such a word may be the name of a key, and the error says how to write a key. An
// error is a *SyntaxError.
func (e *Expr) Unordered(rows []Row, c Context) error {
	if e.left != nil {
		if err := e.left.Unordered(rows, c); err != nil || e.right == nil {
			return err
		}
		return e.right.Unordered(rows, c)
	}
	if len(e.args) != 1 || e.re != nil || !strings.HasPrefix(e.op, "<") && !strings.HasPrefix(e.op, ">") {
		return nil
	}
	if l := &e.args[0]; l.quoted || l.number.isNumber() || l.when != nil || e.field.isAttribute("duration") {
		return nil
	}
	word, some := e.args[0].text, false
	var others [len(prefixes)]field
	for i, prefix := range prefixes {
		others[i] = newField(prefix + newField(word).name)
	}
	key := ""
	for _, r := range rows {
		if v, ok := e.field.value(r, c); ok && !v.isNumber() {
			return nil // a text has an order with the word
		} else if ok {
			some = true
		}
		for i := range others {
			if v, ok := others[i].value(r, c); key == "" && ok && v.isNumber() {
				key = prefixes[i] + newField(word).name
			}
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
