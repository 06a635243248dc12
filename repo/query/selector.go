package query

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/gitruns/runs/format"
)

// Selector is a parsed selector. It names runs.
type Selector struct {
	Rev  string // a Git revision, if the selector looks for runs in one
	text string
	kind selectorKind
	arg  string // an experiment, a metric, a group, a name, or the text itself
	back int    // 2 in last~2
	expr *Expr  // expression that runs must meet to count for best
}

type selectorKind int

const (
	byText selectorKind = iota // an id, a name, a prefix or a key
	byLast
	byBest
	byGroup
	byName
)

// NotFoundError is returned if a selector matches no run, or if a prefix matches several.
type NotFoundError struct {
	Selector string // empty if none was given
	Reason   string
	Hint     string // the next step; may be empty
}

func (e *NotFoundError) Error() string {
	if e.Selector == "" {
		return e.Reason
	}
	return fmt.Sprintf("selecting %q: %s", e.Selector, e.Reason)
}

// IsBest reports whether the selector asks for the best value of a metric.
func (s Selector) IsBest() bool { return s.kind == byBest }

// IsGroup reports whether the selector names the runs of a group.
func (s Selector) IsGroup() bool { return s.kind == byGroup }

// MayNameVersion returns the text of a selector that may name a version of a model: taxi@4. A run may have such a name.
func (s Selector) MayNameVersion() (text string, ok bool) {
	i := strings.LastIndexByte(s.arg, '@')
	return s.arg, s.kind == byText && i > 0 && i < len(s.arg)-1
}

// Newest returns how many of the newest runs decide what the selector names, and the experiment that they are in, which
// may be empty. n is 0 if others decide too.
func (s Selector) Newest() (n int, experiment string) {
	if s.kind != byLast || s.Rev != "" {
		return 0, ""
	}
	return s.back + 1, s.arg
}

// GoalError is returned if a selector asks for the best value of a metric that has no goal.
type GoalError struct{ Selector, Metric string }

func (e *GoalError) Error() string {
	return fmt.Sprintf("selecting %q: %s has no goal", e.Selector, e.Metric)
}

// minPrefix is the minimum length of a prefix, in characters.
const minPrefix = 4

// SyntaxError is returned if a selector or an expression is not valid.
type SyntaxError struct{ Err error }

func (e *SyntaxError) Error() string { return e.Err.Error() }
func (e *SyntaxError) Unwrap() error { return e.Err }

// ParseSelector reads a selector:
//
//	a full id, an exact name, a unique prefix of the id or of its random part, a run's own key
//	last, last~2, last=EXPERIMENT, last=EXPERIMENT~2; @ and @~2 are the same
//	best=METRIC, best(METRIC), best(METRIC, "expression")
//	group=GROUP, group(GROUP); name=NAME
//	MODEL@4, MODEL@ALIAS, MODEL@STAGE: the run of a version, which package catalog finds
//	REV:SELECTOR
//
// If a text fits several of the kinds in the first line, the first kind counts. The forms in the other lines come
// before names, so that the name of a run cannot replace them. name=NAME finds a run with such a name. An error is a
// *SyntaxError. For an error in an expression, the column in it is counted within the expression.
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
			return sel, fmt.Errorf("selector %q: expected REV:SELECTOR", sel.text)
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
			return sel, fmt.Errorf(`selector %q: missing value after "="`, sel.text)
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
		return s, fmt.Errorf("selector %q: expected a number after ~", s.text)
	}
	s.arg, s.back = experiment, int(back)
	return s, nil
}

// call reads the arguments of best(…) or group(…).
func (s Selector) call(name, args string) (Selector, error) {
	arg, expr, more := args, "", false
	if name == "best" {
		arg, expr, more = cutArgument(args)
	}
	if s.arg = trimQuotes(arg); s.arg == "" {
		return s, fmt.Errorf("selector %q: %s(…) must not be empty", s.text, name)
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

// cutArgument cuts args at the first comma, or at the first comma after the quotes if the first argument is in quotes.
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

// trimQuotes removes the quotes around a text, and the space around them.
func trimQuotes(s string) string {
	s = strings.TrimSpace(s)
	if n := len(s); n >= 2 && (s[0] == '"' || s[0] == '\'') && s[n-1] == s[0] {
		return s[1 : n-1]
	}
	return s
}

// Resolve returns the runs that the selector names. runs holds all runs in any order or, if Rev is set, those of that
// revision. scope is the experiment in which names, keys, last, best and groups are looked up. If it is empty, they
// are looked up in every experiment. Ids and their prefixes are looked up everywhere. Only a group returns several
// runs, newest first.
//
// last also counts runs in progress. last, names and keys prefer the runs of this worktree. best considers finished
// runs, or with an expression the runs that meet it. It ignores NaN, and among equal values it takes the newest run. If
// a selector matches no run, or a prefix matches several, the error is a *NotFoundError. If the metric of best has no
// goal, the error is a *GoalError.
func (s Selector) Resolve(runs []Row, scope string, c Context) ([]Row, error) {
	if !slices.IsSortedFunc(runs, NewerRow) {
		runs = slices.Clone(runs)
		slices.SortFunc(runs, NewerRow)
	}
	switch s.kind {
	case byLast:
		if s.arg != "" {
			scope = s.arg
		}
		in := inScope(runs, scope)
		if own := ownFirst(in, s.back+1); len(own) > 0 {
			if s.back >= len(own) {
				return nil, s.none("%s in this worktree%s", onlyRuns(len(own)), ofScope(scope))
			}
			return own[s.back : s.back+1], nil
		}
		if s.back >= len(in) {
			return nil, s.none("%s%s", onlyRuns(len(in)), ofScope(scope))
		}
		return in[s.back : s.back+1], nil
	case byBest:
		return s.best(inScope(runs, scope), scope, c)
	case byGroup:
		var group []Row
		for _, r := range inScope(runs, scope) {
			if r.Group() == s.arg {
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

// Newer compares two runs for sorting them newest first.
func Newer(a, b *format.Run) int { return NewerRow(Record(a), Record(b)) }

// NewerRow is like Newer, for rows.
func NewerRow(a, b Row) int {
	if c := b.Started().Compare(a.Started()); c != 0 {
		return c
	}
	return strings.Compare(b.ID(), a.ID())
}

// ownFirst returns the first n runs that are not of another worktree. If no run is of another worktree, it returns nil.
func ownFirst(runs []Row, n int) []Row {
	var own []Row
	mixed := false
	for _, r := range runs {
		if isElsewhere(r) {
			mixed = true
		} else if own = append(own, r); len(own) == n {
			return own
		}
	}
	if !mixed {
		return nil
	}
	return own
}

// isElsewhere reports whether a row is a run that another worktree has recorded and that no commit holds.
func isElsewhere(r Row) bool {
	e, ok := r.(interface{ Elsewhere() bool })
	return ok && e.Elsewhere()
}

func inScope(runs []Row, scope string) []Row {
	if scope == "" {
		return runs
	}
	return slices.DeleteFunc(slices.Clone(runs), func(r Row) bool { return r.Experiment() != scope })
}

func onlyRuns(n int) string {
	switch n {
	case 0:
		return "there are no runs"
	case 1:
		return "there is only 1 run"
	}
	return fmt.Sprintf("there are only %d runs", n)
}

func ofScope(scope string) string {
	if scope == "" {
		return ""
	}
	return fmt.Sprintf(" in the experiment %q", scope)
}

func (s Selector) none(format string, args ...any) error {
	return &NotFoundError{Selector: s.text, Reason: fmt.Sprintf(format, args...)}
}

// unknown returns the error for a text that is not a name, a key or an id of a run.
func (s Selector) unknown(runs []Row, reason string, args ...any) error {
	return &NotFoundError{Selector: s.text, Reason: fmt.Sprintf(reason, args...), Hint: s.suggest(runs)}
}

// best returns the run with the best value of a metric.
func (s Selector) best(runs []Row, scope string, c Context) ([]Row, error) {
	if s.expr != nil {
		if err := s.expr.Unordered(runs, c); err != nil {
			return nil, err
		}
	}
	var best Row
	var value float64
	some, goal := false, ""
	for _, r := range runs {
		m, ok := metricOf(r, s.arg)
		if !ok || s.expr == nil && r.Status() != format.Finished || s.expr != nil && !s.expr.Match(r, c) {
			continue
		}
		some = true
		if goal = goalOf(m.Goal, s.arg, c); goal == "" {
			return nil, &GoalError{Selector: s.text, Metric: s.arg}
		}
		v := m.Best(goal)
		if math.IsNaN(v) {
			continue
		}
		if best == nil || goal == format.GoalMin && v < value || goal == format.GoalMax && v > value {
			best, value = r, v
		}
	}
	switch {
	case best != nil:
		return []Row{best}, nil
	case some:
		return nil, s.none("%s is NaN in every run", s.arg)
	}
	hint := s.suggestMetric(runs)
	if s.expr != nil {
		reason := fmt.Sprintf("no run%s that matches the expression has the metric %q", ofScope(scope), s.arg)
		return nil, &NotFoundError{Selector: s.text, Reason: reason, Hint: hint}
	}
	reason := fmt.Sprintf("no finished run%s has the metric %q", ofScope(scope), s.arg)
	return nil, &NotFoundError{Selector: s.text, Reason: reason, Hint: hint}
}

func (s Selector) byName(runs []Row, scope string) ([]Row, error) {
	if found := s.named(runs, scope); found != nil {
		return found, nil
	}
	return nil, s.unknown(runs, "no run has this name%s", ofScope(scope))
}

// named returns the newest run with the name, or nil. A run of another worktree counts only if there is no other.
func (s Selector) named(runs []Row, scope string) []Row {
	return newestOf(runs, func(r Row) bool { return r.Name() == s.arg && (scope == "" || r.Experiment() == scope) })
}

// newestOf returns the newest run that is meant, or nil. A run of another worktree counts only if there is no other.
func newestOf(runs []Row, meant func(Row) bool) []Row {
	var other []Row
	for _, r := range runs {
		switch {
		case !meant(r):
		case !isElsewhere(r):
			return []Row{r}
		case other == nil:
			other = []Row{r}
		}
	}
	return other
}

// byText looks for an id, then a name, a prefix and a key. The scope does not apply to ids. For a key, it returns the
// newest run that has it, which is the end of its chain.
func (s Selector) byText(runs []Row, scope string) ([]Row, error) {
	for _, r := range runs {
		if r.ID() == s.arg {
			return []Row{r}, nil
		}
	}
	if found := s.named(runs, scope); found != nil {
		return found, nil
	}
	var found []Row
	if len(s.arg) >= minPrefix {
		for _, r := range runs {
			id := r.ID()
			if strings.HasPrefix(id, s.arg) || strings.HasPrefix(id[strings.LastIndexByte(id, '-')+1:], s.arg) {
				found = append(found, r)
			}
		}
	}
	if len(found) == 1 {
		return found, nil
	}
	if found := newestOf(inScope(runs, scope), func(r Row) bool { return r.Key() == s.arg }); found != nil {
		return found, nil
	}
	switch {
	case len(found) > 1:
		var names []string
		for _, r := range found[:min(len(found), 5)] {
			names = append(names, r.ID())
		}
		if len(found) > 5 {
			names = append(names, "…")
		}
		return nil, s.none("%d runs have this prefix: %s", len(found), strings.Join(names, ", "))
	case len(s.arg) < minPrefix:
		return nil, s.unknown(runs, "no run has this name or key%s; an id prefix has at least %d characters", ofScope(scope),
			minPrefix)
	}
	return nil, s.unknown(runs, "no run has this name, key or id prefix%s", ofScope(scope))
}
