package query

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/gitruns/runs/format"
)

// Selector names runs.
type Selector struct {
	Rev  string // a git revision, where the selector looks into another one
	text string
	kind selectorKind
	arg  string // experiment, metric, group, name, or the text as it is
	back int    // of last~2
	expr *Expr  // of best
}

type selectorKind int

const (
	byText selectorKind = iota // id, name, prefix or key
	byLast
	byBest
	byGroup
	byName
)

// NotFoundError says that a selector names no run, or several where one is asked for.
type NotFoundError struct {
	Selector string // empty where none was given
	Reason   string
}

func (e *NotFoundError) Error() string {
	if e.Selector == "" {
		return e.Reason
	}
	return fmt.Sprintf("selecting %q: %s", e.Selector, e.Reason)
}

// minPrefix is how many characters a prefix has at least.
const minPrefix = 4

// SyntaxError says that a selector or an expression cannot be read.
type SyntaxError struct{ Err error }

func (e *SyntaxError) Error() string { return e.Err.Error() }
func (e *SyntaxError) Unwrap() error { return e.Err }

// ParseSelector reads a selector; what cannot be read is a *SyntaxError:
//
//	a full id, an exact name, a unique prefix of the id or of its random part, a run's own key
//	last, last~2, last=EXPERIMENT, last=EXPERIMENT~2; @ and @~2 are the same
//	best=METRIC, best(METRIC), best(METRIC, "expression")
//	group=GROUP, group(GROUP); name=NAME
//	REV:SELECTOR
//
// A text that is a full id, a name, a prefix and a key at once is the first of these. The words of this list go before names, so
// that no run takes their place by its name; name= finds a run of such a name. An error in an expression is the column in that expression.
func ParseSelector(s string) (Selector, error) {
	sel, err := parseSelector(s)
	if err != nil {
		err = &SyntaxError{err}
	}
	return sel, err
}

func parseSelector(s string) (Selector, error) {
	sel := Selector{text: s, arg: s}
	if s == "" {
		return sel, fmt.Errorf("the selector is empty")
	}
	if len(s) > maxExpression {
		return sel, fmt.Errorf("the selector is longer than %d bytes", maxExpression)
	}
	head := s
	if i := strings.IndexAny(s, "(="); i >= 0 {
		head = s[:i]
	}
	if i := strings.LastIndexByte(head, ':'); i >= 0 {
		sel.Rev, s = s[:i], s[i+1:]
		if sel.Rev == "" || s == "" {
			return sel, fmt.Errorf("selector %q: REV:SELECTOR expected", sel.text)
		}
	}
	sel.arg = s
	word, rest, equals := strings.Cut(s, "=")
	switch {
	case strings.HasSuffix(s, ")") && (strings.HasPrefix(s, "best(") || strings.HasPrefix(s, "group(")):
		name, args, _ := strings.Cut(s[:len(s)-1], "(")
		return sel.call(name, args)
	case equals && (word == "best" || word == "group" || word == "name" || word == "last"):
		if rest == "" {
			return sel, fmt.Errorf("selector %q: nothing behind the equals sign", sel.text)
		}
		sel.arg = rest
		switch word {
		case "best":
			sel.kind = byBest
		case "group":
			sel.kind = byGroup
		case "name":
			sel.kind = byName
		case "last":
			sel.kind = byLast
			if i := strings.LastIndexByte(rest, '~'); i >= 0 {
				return sel.ago(rest[:i], rest[i+1:])
			}
		}
	case s == "@" || s == "last":
		sel.kind, sel.arg = byLast, ""
	case strings.HasPrefix(s, "@~"), strings.HasPrefix(s, "last~"):
		_, n, _ := strings.Cut(s, "~")
		sel.kind = byLast
		return sel.ago("", n)
	}
	return sel, nil
}

func (s Selector) ago(experiment, n string) (Selector, error) {
	back, err := strconv.ParseUint(n, 10, 31)
	if err != nil {
		return s, fmt.Errorf("selector %q: a number expected behind ~", s.text)
	}
	s.arg, s.back = experiment, int(back)
	return s, nil
}

// call reads the inside of best(…) and group(…).
func (s Selector) call(name, args string) (Selector, error) {
	arg, expr, more := args, "", false
	if name == "best" {
		arg, expr, more = cutArgument(args)
	}
	if s.arg = trimQuotes(arg); s.arg == "" {
		return s, fmt.Errorf("selector %q: %s(…) is empty", s.text, name)
	}
	if name == "group" {
		s.kind = byGroup
		return s, nil
	}
	s.kind = byBest
	if !more {
		return s, nil
	}
	e, err := Parse(trimQuotes(expr))
	if err != nil {
		return s, fmt.Errorf("selector %q: %w", s.text, err)
	}
	s.expr = e
	return s, nil
}

// cutArgument cuts at the first comma, or, where the first argument is quoted, at the one behind its quotes.
func cutArgument(args string) (first, rest string, more bool) {
	args = strings.TrimSpace(args)
	if args != "" && (args[0] == '"' || args[0] == '\'') {
		if n := strings.IndexByte(args[1:], args[0]); n >= 0 {
			if between, rest, more := strings.Cut(args[n+2:], ","); strings.TrimSpace(between) == "" {
				return args[:n+2], rest, more
			}
		}
	}
	return strings.Cut(args, ",")
}

// trimQuotes takes off the quotes around a text, and the space around them.
func trimQuotes(s string) string {
	s = strings.TrimSpace(s)
	if n := len(s); n >= 2 && (s[0] == '"' || s[0] == '\'') && s[n-1] == s[0] {
		return s[1 : n-1]
	}
	return s
}

// Resolve returns the runs that the selector names among runs, which are in any order and, with Rev, those of that
// revision. scope is an experiment that names, last, best and groups are looked for in; empty is all; ids and prefixes of
// ids do not care for it. Only a group gives several, newest first.
//
// last counts runs in progress too. best looks at finished runs only, unless it has an expression, which then alone decides;
// it leaves out NaN, and among equals takes the newest. A selector that names no run, or a prefix that several have, is a
// NotFoundError; best of a metric without a goal is another error.
func (s Selector) Resolve(runs []*format.Run, scope string, c Context) ([]*format.Run, error) {
	runs = slices.Clone(runs)
	slices.SortFunc(runs, Newer)
	switch s.kind {
	case byLast:
		if s.arg != "" {
			scope = s.arg
		}
		in := inScope(runs, scope)
		if s.back >= len(in) {
			return nil, s.none("there are %d runs%s", len(in), ofScope(scope))
		}
		return in[s.back : s.back+1], nil
	case byBest:
		return s.best(inScope(runs, scope), scope, c)
	case byGroup:
		var group []*format.Run
		for _, r := range inScope(runs, scope) {
			if r.Group == s.arg {
				group = append(group, r)
			}
		}
		if len(group) == 0 {
			return nil, s.none("no run is in the group %q%s", s.arg, ofScope(scope))
		}
		return group, nil
	case byName:
		return s.byName(runs, scope)
	}
	return s.byText(runs, scope)
}

// Newer orders runs, newest first.
func Newer(a, b *format.Run) int {
	if c := b.Started.Compare(a.Started); c != 0 {
		return c
	}
	return strings.Compare(b.ID, a.ID)
}

func inScope(runs []*format.Run, scope string) []*format.Run {
	if scope == "" {
		return runs
	}
	return slices.DeleteFunc(slices.Clone(runs), func(r *format.Run) bool { return r.Experiment != scope })
}

func ofScope(scope string) string {
	if scope == "" {
		return ""
	}
	return fmt.Sprintf(" of the experiment %q", scope)
}

func (s Selector) none(format string, args ...any) error {
	return &NotFoundError{s.text, fmt.Sprintf(format, args...)}
}

// best is the run with the best value of a metric. Without an expression of its own it looks at finished runs only.
func (s Selector) best(runs []*format.Run, scope string, c Context) ([]*format.Run, error) {
	var best *format.Run
	var value float64
	some, goal := false, ""
	for _, r := range runs {
		m, ok := r.Metrics[s.arg]
		if !ok || s.expr == nil && r.Status != format.Finished || s.expr != nil && !s.expr.Match(r, c) {
			continue
		}
		some = true
		if goal = goalOf(m, s.arg, c); goal == "" {
			return nil, fmt.Errorf("selecting %q: it is not known whether a small or a large %s is better: say so with 'runs goal %s min' or max", s.text, s.arg, s.arg)
		}
		v := Best(m, goal)
		if math.IsNaN(v) {
			continue
		}
		if best == nil || goal == format.GoalMin && v < value || goal == format.GoalMax && v > value {
			best, value = r, v
		}
	}
	switch {
	case best != nil:
		return []*format.Run{best}, nil
	case some:
		return nil, s.none("%s is NaN in every run", s.arg)
	}
	if s.expr != nil {
		return nil, s.none("no run%s that matches the expression has the metric %q", ofScope(scope), s.arg)
	}
	return nil, s.none("no finished run%s has the metric %q", ofScope(scope), s.arg)
}

func (s Selector) byName(runs []*format.Run, scope string) ([]*format.Run, error) {
	for _, r := range inScope(runs, scope) {
		if r.Name == s.arg {
			return []*format.Run{r}, nil
		}
	}
	return nil, s.none("no run has this name%s", ofScope(scope))
}

// byText looks for an id, then a name, a prefix and a key. Ids do not care for the scope. The newest run that has a key is
// the end of its chain.
func (s Selector) byText(runs []*format.Run, scope string) ([]*format.Run, error) {
	for _, r := range runs {
		if r.ID == s.arg {
			return []*format.Run{r}, nil
		}
	}
	if found, err := s.byName(runs, scope); err == nil {
		return found, nil
	}
	var found []*format.Run
	if len(s.arg) >= minPrefix {
		for _, r := range runs {
			if random := r.ID[strings.LastIndexByte(r.ID, '-')+1:]; strings.HasPrefix(r.ID, s.arg) || strings.HasPrefix(random, s.arg) {
				found = append(found, r)
			}
		}
	}
	if len(found) == 1 {
		return found, nil
	}
	for _, r := range inScope(runs, scope) {
		if r.Key == s.arg {
			return []*format.Run{r}, nil
		}
	}
	switch {
	case len(found) > 1:
		var names []string
		for _, r := range found[:min(len(found), 5)] {
			names = append(names, r.ID)
		}
		if len(found) > 5 {
			names = append(names, "…")
		}
		return nil, s.none("%d runs begin with it: %s", len(found), strings.Join(names, ", "))
	case len(s.arg) < minPrefix:
		return nil, s.none("no run has this name or key%s; an id prefix has %d characters at least", ofScope(scope), minPrefix)
	}
	return nil, s.none("no run has this name, key or id prefix%s", ofScope(scope))
}
