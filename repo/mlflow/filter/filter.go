// Package filter reads and applies the search expressions of MLflow's tracking protocol: flat lists of comparisons that
// are joined by AND, and lists of keys to order by. The meaning is that of MLflow's own stores, which differs from that
// of repo/query: params are texts, a metric is its latest value, and a run without a key never matches a comparison.
//
// The grammar is described at https://mlflow.org/docs/latest/ml/search/search-runs/. Start at Parse; lex.go splits the
// text, order.go sorts.
package filter

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// The bounds of an expression. MLflow's own parser gives up at nested or very long ones.
const (
	maxText    = 64 << 10
	maxClauses = 1000
)

// Scope is what a key of a comparison belongs to.
type Scope string

// The scopes. A comparison may also name them in the plural and, for params and attributes, in other words.
const (
	Metric    Scope = "metric"
	Param     Scope = "parameter"
	Tag       Scope = "tag"
	Attribute Scope = "attribute"
	Dataset   Scope = "dataset"
)

// Kind says which attributes can be compared.
type Kind struct {
	// Texts and Numbers are the attributes by their names.
	Texts, Numbers []string
	// Lists are the attributes that can be compared with a list of texts.
	Lists []string
	// Aliases are other names of attributes.
	Aliases map[string]string
}

// Runs are the attributes of runs.
var Runs = &Kind{
	Texts:   []string{"run_id", "run_name", "status", "artifact_uri", "user_id", "lifecycle_stage", "experiment_id"},
	Numbers: []string{"start_time", "end_time"},
	Lists:   []string{"run_id"},
	Aliases: map[string]string{
		"created": "start_time", "Created": "start_time",
		"run name": "run_name", "Run name": "run_name", "Run Name": "run_name",
	},
}

// Experiments are the attributes of experiments.
var Experiments = &Kind{
	Texts:   []string{"name", "experiment_id"},
	Numbers: []string{"creation_time", "last_update_time"},
}

// Models are the attributes of logged models.
var Models = &Kind{
	Texts:   []string{"name", "model_id", "model_type", "status", "source_run_id", "experiment_id"},
	Numbers: []string{"creation_timestamp", "last_updated_timestamp"},
	Lists:   []string{"name", "model_id", "model_type", "status", "source_run_id", "experiment_id"},
	Aliases: map[string]string{
		"creation_time": "creation_timestamp", "last_updated_time": "last_updated_timestamp",
	},
}

// RegisteredModels are the attributes of models of the registry.
var RegisteredModels = &Kind{
	Texts:   []string{"name"},
	Numbers: []string{"creation_timestamp", "last_updated_timestamp"},
	Aliases: map[string]string{"timestamp": "last_updated_timestamp"},
}

// ModelVersions are the attributes of versions of models.
var ModelVersions = &Kind{
	Texts:   []string{"name", "run_id", "source_path"},
	Numbers: []string{"version_number", "creation_timestamp", "last_updated_timestamp"},
	Lists:   []string{"run_id"},
}

// Row is what a comparison looks at.
type Row interface {
	// Metric returns the latest value of a metric. Comparisons look at it, unless the row is a Measured.
	Metric(key string) (value float64, ok bool)
	Param(key string) (text string, ok bool)
	Tag(key string) (text string, ok bool)
	// Text and Number return an attribute.
	Text(attribute string) (text string, ok bool)
	Number(attribute string) (n float64, ok bool)
	// Dataset returns the values of a key of all datasets of the row: name, digest or context.
	Dataset(key string) []string
}

// Measured is a row whose metrics have values of several points. A comparison is true if it is for any of them.
type Measured interface {
	Row
	Metrics(key string) []float64
}

// Expression is a list of comparisons that must all be true.
type Expression struct{ clauses []clause }

type clause struct {
	scope    Scope
	key      string
	operator string // =, !=, <, <=, >, >=, LIKE, ILIKE, IN, NOT IN, IS NULL or IS NOT NULL
	number   float64
	text     string
	list     []string
	like     *pattern
}

// Error says what is wrong with an expression.
type Error struct{ message string }

func (e *Error) Error() string { return e.message }

func wrong(text string, args ...any) error { return &Error{fmt.Sprintf(text, args...)} }

// Parse reads an expression. An empty text is true for every row. The error is an *Error.
func Parse(text string, kind *Kind) (*Expression, error) {
	tokens, err := lex(text)
	if err != nil {
		return nil, err
	}
	p := &parser{kind: kind, tokens: tokens}
	e := &Expression{}
	for {
		and := len(e.clauses) == 0
		for p.word("AND") { // MLflow's stores pass over one that joins nothing, too
			and = true
		}
		if p.end() {
			return e, nil
		}
		if !and {
			return nil, wrong("Invalid clause(s) in filter string: expected AND, got %s", p.peek().show())
		}
		if len(e.clauses) == maxClauses {
			return nil, wrong("the filter has more than %d comparisons", maxClauses)
		}
		c, err := p.clause()
		if err != nil {
			return nil, err
		}
		e.clauses = append(e.clauses, c)
	}
}

// Match reports whether all comparisons are true for a row.
func (e *Expression) Match(row Row) bool {
	for i := range e.clauses {
		if !e.clauses[i].match(row) {
			return false
		}
	}
	return true
}

// Has reports whether a comparison is about a scope.
func (e *Expression) Has(scope Scope) bool {
	return slices.ContainsFunc(e.clauses, func(c clause) bool { return c.scope == scope })
}

// Only returns the texts that an attribute must have one of, if the expression says so. Then the other rows need not be
// looked at.
func (e *Expression) Only(attribute string) (texts []string, ok bool) {
	for _, c := range e.clauses {
		switch {
		case c.scope != Attribute || c.key != attribute:
		case c.operator == "=":
			return []string{c.text}, true
		case c.operator == "IN":
			return c.list, true
		}
	}
	return nil, false
}

type parser struct {
	kind   *Kind
	tokens []token
	at     int
}

func (p *parser) end() bool { return p.at == len(p.tokens) }

func (p *parser) peek() token {
	if p.end() {
		return token{}
	}
	return p.tokens[p.at]
}

func (p *parser) next() token {
	t := p.peek()
	if !p.end() {
		p.at++
	}
	return t
}

// word takes a keyword, in any case.
func (p *parser) word(keyword string) bool {
	t := p.peek()
	if t.kind != plain || !strings.EqualFold(t.text, keyword) {
		return false
	}
	p.at++
	return true
}

func (p *parser) symbol(text string) bool {
	t := p.peek()
	if t.kind != symbol || t.text != text {
		return false
	}
	p.at++
	return true
}

func (p *parser) clause() (c clause, err error) {
	if c.scope, c.key, err = p.identifier(); err != nil {
		return c, err
	}
	switch {
	case p.word("IS"):
		c.operator = "IS NULL"
		if p.word("NOT") {
			c.operator = "IS NOT NULL"
		}
		if !p.word("NULL") {
			return c, wrong("Invalid comparison clause: expected NULL, got %s", p.peek().show())
		}
	case p.word("NOT"):
		if !p.word("IN") {
			return c, wrong("Invalid comparison clause: expected IN, got %s", p.peek().show())
		}
		c.operator = "NOT IN"
	case p.word("IN"), p.word("LIKE"), p.word("ILIKE"):
		c.operator = strings.ToUpper(p.tokens[p.at-1].text)
	case p.peek().kind == symbol && slices.Contains(comparisons, p.peek().text):
		c.operator = p.next().text
	default:
		return c, wrong("Invalid comparison clause: expected a comparison after '%s', got %s", c.key, p.peek().show())
	}
	if err := p.allowed(&c); err != nil {
		return c, err
	}
	return c, p.value(&c)
}

var comparisons = []string{"=", "!=", "<", "<=", ">", ">="}

// numeric reports whether a clause compares numbers.
func (p *parser) numeric(c *clause) bool {
	return c.scope == Metric || c.scope == Attribute && slices.Contains(p.kind.Numbers, c.key)
}

// allowed checks that the operator can be used with the key.
func (p *parser) allowed(c *clause) error {
	ok := false
	switch c.operator {
	case "=", "!=":
		ok = true
	case "LIKE", "ILIKE":
		ok = !p.numeric(c)
	case "IS NULL", "IS NOT NULL":
		ok = c.scope == Param || c.scope == Tag
	case "IN", "NOT IN":
		ok = c.scope == Dataset || c.scope == Attribute && slices.Contains(p.kind.Lists, c.key)
	default:
		ok = p.numeric(c)
	}
	if !ok {
		return wrong("Invalid comparator '%s' for %s '%s'", c.operator, c.scope, c.key)
	}
	return nil
}

func (p *parser) value(c *clause) error {
	switch c.operator {
	case "IS NULL", "IS NOT NULL":
		return nil
	case "IN", "NOT IN":
		return p.list(c)
	}
	t := p.next()
	if p.numeric(c) {
		if t.kind != number {
			return wrong("Expected numeric value type for %s '%s'. Found %s", c.scope, c.key, t.show())
		}
		f, err := strconv.ParseFloat(t.text, 64)
		if err != nil && !math.IsInf(f, 0) {
			return wrong("%s is not a number", t.show())
		}
		c.number = f
		return nil
	}
	if t.kind != quoted {
		return wrong("Expected a quoted string value for %s '%s' (e.g. 'my-value'). Got value %s", c.scope, c.key, t.show())
	}
	c.text = t.text
	if c.operator == "LIKE" || c.operator == "ILIKE" {
		c.like = newPattern(t.text, c.operator == "ILIKE")
	}
	return nil
}

// list reads texts between parentheses.
func (p *parser) list(c *clause) error {
	if !p.symbol("(") {
		return wrong("Expected a list of quoted strings after %s, got %s", c.operator, p.peek().show())
	}
	for {
		t := p.next()
		if t.kind != quoted {
			return wrong("Expected a list of quoted strings after %s, got %s", c.operator, t.show())
		}
		c.list = append(c.list, t.text)
		if p.symbol(")") {
			return nil
		}
		if !p.symbol(",") {
			return wrong("Expected a comma in the list after %s, got %s", c.operator, p.peek().show())
		}
	}
}

// scopes are the words for the scopes.
var scopes = map[string]Scope{
	"metric": Metric, "metrics": Metric, "parameter": Param, "parameters": Param, "param": Param, "params": Param,
	"tag": Tag, "tags": Tag, "attribute": Attribute, "attributes": Attribute, "attr": Attribute, "run": Attribute,
	"dataset": Dataset, "datasets": Dataset,
}

// identifier reads a key with its scope, such as metrics.loss or tags.`a b`. A key alone is an attribute.
func (p *parser) identifier() (Scope, string, error) {
	t := p.next()
	if t.kind != plain && t.kind != quoted && t.kind != ticked {
		return "", "", wrong("Invalid comparison clause: expected a key, got %s", t.show())
	}
	scope, key := Attribute, t.text
	word, dotted := "", false
	switch {
	case t.kind == plain:
		var rest string
		if word, rest, dotted = strings.Cut(t.text, "."); dotted {
			key = rest
		}
	case t.kind == ticked && p.peek().kind == plain && strings.HasPrefix(p.peek().text, "."): // `metrics`.loss
		word, dotted, key = t.text, true, p.next().text[1:]
	}
	if dotted {
		var ok bool
		if scope, ok = scopes[word]; !ok {
			return "", "", wrong("Invalid entity type '%s'. Valid values are metric, parameter, tag, attribute, dataset", word)
		}
	}
	if key == "" && p.at > 0 && strings.HasSuffix(p.tokens[p.at-1].text, ".") {
		if q := p.next(); q.kind == quoted || q.kind == ticked {
			key = q.text
		} else {
			return "", "", wrong("Invalid comparison clause: expected a key after '%s.', got %s", scope, q.show())
		}
	}
	if alias, ok := p.kind.Aliases[key]; ok && scope == Attribute {
		key = alias
	}
	switch {
	case scope == Attribute && !slices.Contains(p.kind.Texts, key) && !slices.Contains(p.kind.Numbers, key):
		return "", "", wrong("Invalid attribute key '%s' specified. Valid keys are %s", key,
			strings.Join(append(slices.Clone(p.kind.Texts), p.kind.Numbers...), ", "))
	case scope == Dataset && key != "name" && key != "digest" && key != "context":
		return "", "", wrong("Invalid dataset key '%s' specified. Valid keys are name, digest, context", key)
	}
	return scope, key, nil
}

func (c *clause) match(row Row) bool {
	switch c.scope {
	case Metric:
		if many, ok := row.(Measured); ok {
			return slices.ContainsFunc(many.Metrics(c.key), c.compare)
		}
		v, ok := row.Metric(c.key)
		return ok && c.compare(v)
	case Param:
		return c.matchText(row.Param(c.key))
	case Tag:
		return c.matchText(row.Tag(c.key))
	case Dataset:
		return slices.ContainsFunc(row.Dataset(c.key), func(text string) bool { return c.matchText(text, true) })
	}
	if n, ok := row.Number(c.key); ok {
		return c.compare(n)
	}
	return c.matchText(row.Text(c.key))
}

func (c *clause) compare(v float64) bool {
	switch c.operator {
	case "=":
		return v == c.number
	case "!=":
		return v != c.number
	case "<":
		return v < c.number
	case "<=":
		return v <= c.number
	case ">":
		return v > c.number
	case ">=":
		return v >= c.number
	}
	return false
}

func (c *clause) matchText(text string, ok bool) bool {
	switch c.operator {
	case "IS NULL":
		return !ok
	case "IS NOT NULL":
		return ok
	}
	if !ok {
		return false
	}
	switch c.operator {
	case "=":
		return text == c.text
	case "!=":
		return text != c.text
	case "IN":
		return slices.Contains(c.list, text)
	case "NOT IN":
		return !slices.Contains(c.list, text)
	case "LIKE", "ILIKE":
		return c.like.match(text)
	}
	return false
}

// pattern is the pattern of LIKE: % stands for any text, _ for one character.
type pattern struct {
	parts []rune // any is %, one is _
	fold  bool   // any case
}

const (
	anyText = -1
	oneRune = -2
)

func newPattern(text string, fold bool) *pattern {
	p := &pattern{fold: fold}
	for _, r := range text {
		switch r {
		case '%':
			r = anyText
		case '_':
			r = oneRune
		default:
			if fold {
				r = unicode.ToLower(r)
			}
		}
		p.parts = append(p.parts, r)
	}
	return p
}

// match compares by going back to the last % only, so that the time is at most the product of both lengths.
func (p *pattern) match(text string) bool {
	if p.fold {
		text = strings.ToLower(text)
	}
	runes := []rune(text)
	at, star, resume := 0, -1, 0
	for i := 0; i < len(runes); {
		switch {
		case at < len(p.parts) && p.parts[at] == anyText:
			star, resume = at, i
			at++
		case at < len(p.parts) && (p.parts[at] == oneRune || p.parts[at] == runes[i]):
			at++
			i++
		case star >= 0:
			resume++
			at, i = star+1, resume
		default:
			return false
		}
	}
	for at < len(p.parts) && p.parts[at] == anyText {
		at++
	}
	return at == len(p.parts)
}
