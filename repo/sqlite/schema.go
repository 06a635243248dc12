package sqlite

import (
	"errors"
	"slices"
	"strconv"
	"strings"
)

// column is a column of a table.
type column struct {
	name     string
	affinity affinity
	missing  Value // of rows that are older than the column
	computed bool  // a generated column that is not stored
	integer  bool  // its type is INTEGER, so that it may be the rowid
}

// affinity is how the declared type of a column changes values. https://www.sqlite.org/datatype3.html
type affinity byte

const (
	anyAffinity affinity = iota // and that of blobs
	textAffinity
	numericAffinity
	integerAffinity
	realAffinity
)

func affinityOf(declared string) affinity {
	declared = strings.ToUpper(declared)
	has := func(parts ...string) bool {
		return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(declared, p) })
	}
	switch {
	case has("INT"):
		return integerAffinity
	case has("CHAR", "CLOB", "TEXT"):
		return textAffinity
	case declared == "", has("BLOB"):
		return anyAffinity
	case has("REAL", "FLOA", "DOUB"):
		return realAffinity
	}
	return numericAffinity
}

// stored gives a value as it is read: SQLite stores a whole number of a real column as an integer.
func (a affinity) stored(v Value) Value {
	if a == realAffinity && v.Kind == Int {
		return Value{Kind: Real, Real: float64(v.Int)}
	}
	return v
}

// applied gives a default value the type of its column.
func (a affinity) applied(v Value) Value {
	switch {
	case a == textAffinity && v.Kind == Int:
		return Value{Kind: Text, Bytes: strconv.AppendInt(nil, v.Int, 10)}
	case a >= numericAffinity && v.Kind == Text:
		text := strings.TrimSpace(string(v.Bytes))
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return a.stored(Value{Kind: Int, Int: n})
		}
		if isNumber(text) {
			if f, err := strconv.ParseFloat(text, 64); err == nil {
				return a.applied(Value{Kind: Real, Real: f})
			}
		}
	case (a == numericAffinity || a == integerAffinity) && v.Kind == Real:
		if n := int64(v.Real); float64(n) == v.Real && n > -1<<53 && n < 1<<53 {
			return Value{Kind: Int, Int: n}
		}
	}
	return a.stored(v)
}

// isNumber reports whether a text has only characters of SQL's numbers: Go's own syntax has more, such as "inf".
func isNumber(text string) bool {
	return text != "" && strings.Trim(text, "0123456789+-.eE") == ""
}

var errDefinition = errors.New("its definition is not valid")

// parseTable reads the columns of a CREATE TABLE statement, as sqlite_schema holds it.
func parseTable(sql string) (*Table, error) {
	tokens, err := tokenize(sql)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens}
	for !p.end() && !p.is("(") {
		p.next()
	}
	if !p.accept("(") {
		return nil, errDefinition
	}
	t := &Table{rowid: -1}
	var key []string // the columns of the primary key
	for done := false; !done; {
		words := p.part()
		if len(words) == 0 {
			return nil, errDefinition
		}
		if isConstraint(words[0]) {
			if names := tableKey(words); names != nil {
				key = names
			}
		} else {
			c, primary := parseColumn(words)
			t.columns = append(t.columns, c)
			if primary != notPrimary {
				key = []string{c.name}
				t.setRowid(primary == primaryKey, c.name)
			}
		}
		if len(t.columns) > maxColumns {
			return nil, errDefinition
		}
		switch {
		case p.accept(")"):
			done = true
		case !p.accept(","):
			return nil, errDefinition
		}
	}
	if len(t.columns) == 0 {
		return nil, errDefinition
	}
	for !p.end() {
		if p.next().keyword("WITHOUT") {
			t.keyed = true
		}
	}
	if len(key) == 1 && t.rowid == -1 && !t.keyed {
		t.setRowid(true, key[0])
	}
	return t, t.order(key)
}

// setRowid makes a column that is the primary key the rowid, if its type allows that. A key that a column itself
// declares as descending is none, for the sake of old files.
func (t *Table) setRowid(ascending bool, name string) {
	if i := t.index(name); i >= 0 && t.columns[i].integer {
		if t.rowid = i; !ascending {
			t.rowid = -2 // never
		}
	}
}

// order says where a row has its columns. Without rowids, those of the primary key come first.
func (t *Table) order(key []string) error {
	if t.keyed {
		t.rowid = -1
		for _, name := range key {
			i := t.index(name)
			if i < 0 {
				return errDefinition
			}
			if !slices.Contains(t.stored, i) {
				t.stored = append(t.stored, i)
			}
		}
		if len(t.stored) == 0 {
			return errDefinition
		}
	}
	for i, c := range t.columns {
		if !c.computed && (!t.keyed || !slices.Contains(t.stored, i)) {
			t.stored = append(t.stored, i)
		}
	}
	return nil
}

// isConstraint reports whether a part of a definition begins with the word of a constraint, not with a column's name.
func isConstraint(t token) bool {
	return slices.ContainsFunc([]string{"CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"}, t.keyword)
}

// tableKey returns the columns of a constraint PRIMARY KEY (a, b) in a part of constraints, or nil.
func tableKey(words []token) []string {
	depth := 0
	for i, w := range words {
		depth += w.depth()
		if depth > 0 || !w.keyword("PRIMARY") || i+2 >= len(words) || !words[i+1].keyword("KEY") || !words[i+2].symbol("(") {
			continue
		}
		var names []string
		first := true // of a column's words: COLLATE and DESC may follow its name
		for _, w := range words[i+3:] {
			switch {
			case w.symbol(")"):
				return names
			case w.symbol(","):
				first = true
			case first:
				names, first = append(names, w.text), false
			}
		}
	}
	return nil
}

type primary byte

const (
	notPrimary primary = iota
	primaryKey
	descendingKey
)

// parseColumn reads the definition of a column: its name, its type, and constraints.
func parseColumn(words []token) (column, primary) {
	c := column{name: words[0].text}
	rest := words[1:]
	n, declared := 0, []string(nil)
	for n < len(rest) && !rest[n].symbol("") && !rest[n].constraint() {
		declared = append(declared, rest[n].text)
		n++
	}
	if n < len(rest) && rest[n].symbol("(") && len(declared) > 0 { // VARCHAR(250)
		n += closing(rest[n:])
	}
	name := strings.Join(declared, " ")
	c.affinity, c.integer = affinityOf(name), strings.EqualFold(name, "INTEGER")
	is := notPrimary
	rest = rest[n:]
	for i := 0; i < len(rest); i++ {
		switch w := rest[i]; {
		case w.symbol("("):
			i += closing(rest[i:]) - 1
		case w.keyword("PRIMARY"):
			is = primaryKey
			if i+2 < len(rest) && rest[i+2].keyword("DESC") {
				is = descendingKey
			}
		case w.keyword("DEFAULT"):
			c.missing = c.affinity.literal(rest[i+1:])
			i++ // a default that is a name is no constraint
			if i < len(rest) && rest[i].symbol("(") {
				i += closing(rest[i:]) - 1
			}
		case w.keyword("AS") && i+1 < len(rest) && rest[i+1].symbol("("):
			end := i + 1 + closing(rest[i+1:])
			c.computed = end >= len(rest) || !rest[end].keyword("STORED")
		}
	}
	return c, is
}

// closing returns how many tokens an expression in parentheses has, at whose opening one the tokens begin.
func closing(words []token) int {
	depth := 0
	for i, w := range words {
		if depth += w.depth(); depth == 0 {
			return i + 1
		}
	}
	return len(words)
}

// literal returns the value of a default for a column. An expression gives Null: SQLite does not add a column with one.
func (a affinity) literal(words []token) Value {
	for len(words) > 0 && words[0].symbol("(") { // (0)
		words = words[1:]
	}
	sign := ""
	for len(words) > 0 && (words[0].symbol("-") || words[0].symbol("+")) {
		if words[0].symbol("-") {
			sign = "-"
		}
		words = words[1:]
	}
	if len(words) == 0 {
		return Value{}
	}
	switch w := words[0]; {
	case w.kind == quotedText, w.kind == quotedName:
		return a.applied(Value{Kind: Text, Bytes: []byte(w.text)})
	case w.kind == blobText:
		return Value{Kind: Blob, Bytes: []byte(w.text)}
	case w.keyword("TRUE"):
		return a.stored(Value{Kind: Int, Int: 1}) // also in a column of texts
	case w.keyword("FALSE"):
		return a.stored(Value{Kind: Int})
	case w.kind == word:
		return a.number(sign + w.text)
	}
	return Value{}
}

// number returns the value of a number as a statement has it. A column of texts takes a fraction as it is written.
func (a affinity) number(text string) Value {
	base := 10 // 010 is ten
	if strings.Contains(text, "0x") || strings.Contains(text, "0X") {
		base = 0
	}
	if n, err := strconv.ParseInt(text, base, 64); err == nil && (base == 0 || isNumber(text)) {
		return a.applied(Value{Kind: Int, Int: n})
	}
	if !isNumber(text) {
		return Value{}
	}
	if a == anyAffinity {
		a = numericAffinity
	}
	return a.applied(Value{Kind: Text, Bytes: []byte(text)})
}
