package format

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
	"unsafe"
)

// Line is one record of a journal. What a line does not say is zero.
type Line struct {
	Time    int64 // µs since 1970 UTC
	Step    int64
	HasStep bool
	Metrics []MetricValue
	Params  Params
	Set     Params   // params whose change is meant
	Nulls   []string // dotted paths of params given as null
	Tags    map[string]string
	Note    string

	Values  []ValueText    // what is no number: texts, lists, histograms
	Summary map[string]any // by a metric's name; nil takes a key away
	Defined *Definition    // how a metric is to be read

	Artifact *ArtifactLine
	Dataset  *DatasetLine
	// Joined is what a program that joined the run calls it; the first in a run counts, for what its starter has not named.
	Joined *JoinedLine
	// ExitCode is the word of a program that joined the run on how it ended, whatever its exit status; nil without.
	ExitCode *int64
	// Event is a word of the writer about itself: "end" is the last line of a journal that was closed.
	Event string
	// Aside says why the line must be kept as it is: a part of it is reserved and not stored by this version.
	Aside string
	// Unknown holds the keys that no version has defined.
	Unknown map[string]any
}

// EventEnd is the event of a journal's last line: its writer has closed it.
const EventEnd = "end"

// MetricValue is one metric of a line.
type MetricValue struct {
	Key   string
	Value float64
}

// ValueText is one value of a line that is no number.
type ValueText struct {
	Key  string
	JSON string // as AppendJSON writes it, at most MaxValueBytes
}

// ArtifactLine names an output. Path is where it lies now, on the writer's machine; Name is what it is called in the run.
type ArtifactLine struct {
	Path, Name string
	Kind, Key  string
	Caption    string
	Step       *int64
	SHA256     string // with Bytes: the writer has copied it already to the run's artifacts folder
	Bytes      int64
}

// JoinedLine is what a program that joined a run says that the run belongs to; empty is nothing.
type JoinedLine struct{ Experiment, Group, Key string }

// DatasetLine names data that the run uses. With a digest, the writer has hashed it already.
type DatasetLine Dataset

// JournalParser reads journal lines. It keeps the keys that it has seen, so that a million points do not allocate a
// million strings. The zero value is ready.
type JournalParser struct {
	keys map[string]string
	buf  []byte
	i    int
}

// Parse reads one line without its newline into l. The slices of l are reused by the next call.
func (p *JournalParser) Parse(line []byte, l *Line) error {
	*l = Line{Metrics: l.Metrics[:0]}
	if len(line) > MaxLineBytes {
		return fmt.Errorf("longer than %d bytes", MaxLineBytes)
	}
	if !utf8.Valid(line) {
		return errors.New("not UTF-8")
	}
	p.buf, p.i = line, 0
	timed := false
	err := p.object(func(key string) error {
		switch key {
		case "t":
			timed = true
			return p.time(&l.Time)
		case "step":
			l.HasStep = true
			return p.step(&l.Step)
		case "m":
			return p.metrics(l)
		case "p":
			return p.params(&l.Params, l)
		case "set":
			return p.params(&l.Set, l)
		case "tags":
			return p.tags(l)
		case "note":
			return p.text(&l.Note)
		case "event":
			return p.text(&l.Event)
		case "artifact":
			l.Artifact = &ArtifactLine{}
			return p.artifact(l.Artifact)
		case "dataset":
			l.Dataset = &DatasetLine{}
			return p.dataset(l.Dataset)
		case "joined":
			l.Joined = &JoinedLine{}
			return p.joined(l.Joined)
		case "exit_code":
			l.ExitCode = new(int64)
			return p.step(l.ExitCode)
		case "values":
			return p.values(l)
		case "summary":
			return p.summary(l)
		case "metric":
			l.Defined = &Definition{}
			return p.definition(l.Defined)
		case "labels":
			l.Aside = "this version does not store labels"
			_, err := p.value(0)
			return err
		}
		v, err := p.value(0)
		if err != nil {
			return err
		}
		if err := CheckKey(key); err != nil {
			return err
		}
		if l.Unknown == nil {
			l.Unknown = map[string]any{}
		}
		l.Unknown[key] = v
		return nil
	})
	if err != nil {
		return err
	}
	p.space()
	if p.i < len(p.buf) {
		return p.wrong("text after the record")
	}
	if !timed {
		return errors.New(`no time "t"`)
	}
	return nil
}

func (p *JournalParser) wrong(format string, args ...any) error {
	return fmt.Errorf("column %d: %s", p.i+1, fmt.Sprintf(format, args...))
}

func (p *JournalParser) space() {
	for p.i < len(p.buf) {
		switch p.buf[p.i] {
		case ' ', '\t', '\r', '\n':
			p.i++
		default:
			return
		}
	}
}

func (p *JournalParser) next() byte {
	if p.i < len(p.buf) {
		return p.buf[p.i]
	}
	return 0
}

func (p *JournalParser) expect(c byte) error {
	p.space()
	if p.next() != c {
		return p.wrong("%q expected", string(rune(c)))
	}
	p.i++
	return nil
}

// object reads an object and calls member behind each key and its colon.
func (p *JournalParser) object(member func(key string) error) error {
	if err := p.expect('{'); err != nil {
		return err
	}
	p.space()
	if p.next() == '}' {
		p.i++
		return nil
	}
	for {
		p.space()
		key, err := p.key()
		if err != nil {
			return err
		}
		if err := p.expect(':'); err != nil {
			return err
		}
		p.space()
		if err := member(key); err != nil {
			return err
		}
		p.space()
		switch p.next() {
		case ',':
			p.i++
		case '}':
			p.i++
			return nil
		default:
			return p.wrong("\",\" or \"}\" expected")
		}
	}
}

// maxInterned bounds the table of keys against a journal that never repeats one.
const maxInterned = 4 * MaxMetrics

// key reads a string and returns the one copy kept of it.
func (p *JournalParser) key() (string, error) {
	if p.next() != '"' {
		return "", p.wrong("a key in quotes expected")
	}
	for j := p.i + 1; j < len(p.buf); j++ {
		switch c := p.buf[j]; {
		case c == '"':
			raw := p.buf[p.i+1 : j]
			p.i = j + 1
			if key, ok := p.keys[string(raw)]; ok {
				return key, nil
			}
			key := string(raw)
			if p.keys == nil {
				p.keys = map[string]string{}
			}
			if len(p.keys) < maxInterned {
				p.keys[key] = key
			}
			return key, nil
		case c == '\\' || c < ' ':
			return p.str()
		}
	}
	return "", p.wrong("a string without its end")
}

func (p *JournalParser) str() (string, error) {
	if p.next() != '"' {
		return "", p.wrong("a string expected")
	}
	var b []byte
	for p.i++; p.i < len(p.buf); p.i++ {
		switch c := p.buf[p.i]; {
		case c == '"':
			p.i++
			return string(b), nil
		case c < ' ':
			return "", p.wrong("a control character in a string")
		case c == '\\':
			r, err := p.escape()
			if err != nil {
				return "", err
			}
			b = utf8.AppendRune(b, r)
		default:
			b = append(b, c)
		}
	}
	return "", p.wrong("a string without its end")
}

// escape reads what follows a backslash and leaves p.i on its last byte. A lone surrogate becomes U+FFFD.
func (p *JournalParser) escape() (rune, error) {
	p.i++
	switch c := p.next(); c {
	case '"', '\\', '/':
		return rune(c), nil
	case 'b':
		return '\b', nil
	case 'f':
		return '\f', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'u':
		r, ok := p.hex4(p.i + 1)
		if !ok {
			return 0, p.wrong("four hex digits expected")
		}
		p.i += 4
		if r >= 0xd800 && r < 0xdc00 && p.i+2 < len(p.buf) && p.buf[p.i+1] == '\\' && p.buf[p.i+2] == 'u' {
			if low, ok := p.hex4(p.i + 3); ok && low >= 0xdc00 && low < 0xe000 {
				p.i += 6
				return 0x10000 + (r-0xd800)<<10 + (low - 0xdc00), nil
			}
		}
		return r, nil
	}
	return 0, p.wrong("an unknown escape")
}

func (p *JournalParser) hex4(i int) (rune, bool) {
	if i+4 > len(p.buf) {
		return 0, false
	}
	v, err := strconv.ParseUint(string(p.buf[i:i+4]), 16, 32)
	return rune(v), err == nil
}

// number returns the text of a JSON number, or of NaN, Infinity or -Infinity, bare or quoted.
func (p *JournalParser) number() (text []byte, integer bool, err error) {
	start := p.i
	quoted := p.next() == '"'
	if quoted {
		p.i++
		start++
	}
	for _, word := range [...]string{"NaN", "Infinity", "-Infinity"} {
		if end := start + len(word); end <= len(p.buf) && string(p.buf[start:end]) == word {
			p.i = end
			if quoted {
				if p.next() != '"' {
					return nil, false, p.wrong("a number expected")
				}
				p.i++
			}
			return p.buf[start:end], false, nil
		}
	}
	if quoted {
		p.i = start - 1
		return nil, false, p.wrong("a number expected, not a string")
	}
	if p.next() == '-' {
		p.i++
	}
	digits := p.digits()
	if digits == 0 || digits > 1 && p.buf[p.i-digits] == '0' {
		return nil, false, p.wrong("a number expected")
	}
	integer = true
	if p.next() == '.' {
		integer = false
		p.i++
		if p.digits() == 0 {
			return nil, false, p.wrong("digits expected")
		}
	}
	if c := p.next(); c == 'e' || c == 'E' {
		integer = false
		p.i++
		if c := p.next(); c == '+' || c == '-' {
			p.i++
		}
		if p.digits() == 0 {
			return nil, false, p.wrong("digits expected")
		}
	}
	return p.buf[start:p.i], integer, nil
}

func (p *JournalParser) digits() int {
	start := p.i
	for p.i < len(p.buf) && p.buf[p.i] >= '0' && p.buf[p.i] <= '9' {
		p.i++
	}
	return p.i - start
}

// alias views b as a string for a call that does not keep it.
func alias(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func (p *JournalParser) float() (float64, error) {
	text, _, err := p.number()
	if err != nil {
		return 0, err
	}
	return p.parseFloat(text)
}

func (p *JournalParser) parseFloat(text []byte) (float64, error) {
	switch c := text[len(text)-1]; c {
	case 'N':
		return math.NaN(), nil
	case 'y':
		if text[0] == '-' {
			return math.Inf(-1), nil
		}
		return math.Inf(1), nil
	}
	v, err := strconv.ParseFloat(alias(text), 64)
	if err != nil {
		return 0, p.wrong("the number %.40s is out of range", text)
	}
	return v, nil
}

// maxTime is the end of the year 9999, in µs.
const maxTime = 253402300799_999999

func (p *JournalParser) time(t *int64) error {
	text, _, err := p.number()
	if err != nil {
		return err
	}
	if us, ok := microseconds(text); ok {
		*t = us
		return nil
	}
	v, err := p.parseFloat(text)
	if err != nil {
		return err
	}
	if !(v >= 0 && v*1e6 <= maxTime) {
		return p.wrong("the time %.40s is not between 1970 and 9999", text)
	}
	*t = int64(math.Round(v * 1e6))
	return nil
}

// microseconds reads plain decimal seconds without the rounding of a float.
func microseconds(text []byte) (int64, bool) {
	var us, fraction int64
	scale := int64(0) // 0 before the point
	for _, c := range text {
		switch {
		case c == '.':
			scale = 1_000_000
		case c < '0' || c > '9':
			return 0, false
		case scale == 0:
			if us = us*10 + int64(c-'0'); us > maxTime/1_000_000 {
				return 0, false
			}
		case scale > 1:
			scale /= 10
			fraction += int64(c-'0') * scale
		case scale == 1: // the seventh digit rounds
			scale = -1
			if c >= '5' {
				fraction++
			}
		}
	}
	return us*1_000_000 + fraction, true
}

func (p *JournalParser) step(step *int64) error {
	start := p.i
	text, integer, err := p.number()
	if err != nil {
		return err
	}
	if v, err := strconv.ParseInt(alias(text), 10, 64); integer && err == nil {
		*step = v
		return nil
	}
	// Some writers have only floats: 12.0 is 12.
	if v, err := p.parseFloat(text); err == nil && v == math.Trunc(v) && math.Abs(v) < 1<<53 {
		*step = int64(v)
		return nil
	}
	p.i = start
	return p.wrong("the step %.40s is no 64-bit integer", text)
}

func (p *JournalParser) metrics(l *Line) error {
	return p.object(func(key string) error {
		if err := CheckKey(key); err != nil {
			return err
		}
		start := p.i
		v, err := p.float()
		if err != nil {
			p.i = start
			return fmt.Errorf("metric %q: %w", key, err)
		}
		l.Metrics = append(l.Metrics, MetricValue{key, v})
		return nil
	})
}

// values reads what is no number. One that is too long is left to the line, which is then kept aside.
func (p *JournalParser) values(l *Line) error {
	return p.object(func(key string) error {
		if err := CheckKey(key); err != nil {
			return err
		}
		v, err := p.value(0)
		if err != nil {
			return fmt.Errorf("value %q: %w", key, err)
		}
		text := AppendJSON(nil, v)
		if len(text) > MaxValueBytes {
			if l.Aside == "" {
				l.Aside = fmt.Sprintf("value %q is longer than %d bytes", key, MaxValueBytes)
			}
			return nil
		}
		l.Values = append(l.Values, ValueText{key, string(text)})
		return nil
	})
}

func (p *JournalParser) summary(l *Line) error {
	l.Summary = map[string]any{}
	leaves := 0
	return p.object(func(key string) error {
		if err := CheckKey(key); err != nil {
			return err
		}
		v, err := p.value(0)
		if err != nil {
			return fmt.Errorf("summary %q: %w", key, err)
		}
		if v = WithoutNulls(v); v != nil {
			if _, _, reason := cleanValue(v, nil, 0, &leaves, false); reason != "" {
				return fmt.Errorf("summary %q: %s", key, reason)
			}
		}
		l.Summary[key] = v
		return nil
	})
}

func (p *JournalParser) definition(d *Definition) error {
	err := p.object(func(key string) error {
		switch key {
		case "name":
			return p.optional(&d.Name)
		case "step_metric":
			return p.optional(&d.StepMetric)
		case "step_sync":
			return p.flag(&d.StepSync)
		case "hidden":
			return p.flag(&d.Hidden)
		case "summary":
			return p.optional(&d.Summary)
		case "goal":
			return p.optional(&d.Goal)
		}
		_, err := p.value(0)
		return err
	})
	if err != nil {
		return err
	}
	d.Summary = strings.ReplaceAll(d.Summary, " ", "")
	if _, err := d.check(); err != nil {
		return fmt.Errorf("metric: %w", err)
	}
	return nil
}

func (p *JournalParser) flag(into *bool) error {
	switch {
	case p.word("true"):
		*into = true
	case p.word("false"), p.word("null"):
		*into = false
	default:
		return p.wrong("true or false expected")
	}
	return nil
}

func (p *JournalParser) params(into *Params, l *Line) error {
	v, err := p.value(0)
	if err != nil {
		return err
	}
	m, ok := v.(map[string]any)
	if !ok {
		return errors.New("params that are no object")
	}
	l.Nulls = dropNulls(m, "", l.Nulls)
	leaves := 0
	if _, path, reason := cleanValue(m, nil, 0, &leaves, false); reason != "" {
		return fmt.Errorf("param %s: %s", dotted(path), reason)
	}
	*into = m
	return nil
}

// dropNulls takes the nulls out of nested params and returns their paths; a null in a list becomes the string "null".
func dropNulls(m map[string]any, prefix string, nulls []string) []string {
	for _, key := range sortedKeys(m) {
		switch v := m[key].(type) {
		case nil:
			nulls = append(nulls, prefix+string(appendKey(nil, key)))
			delete(m, key)
		case map[string]any:
			nulls = dropNulls(v, prefix+string(appendKey(nil, key))+".", nulls)
		case []any:
			nameNulls(v)
		}
	}
	return nulls
}

// WithoutNulls returns a value from JSON without its nulls, as TOML can hold it.
func WithoutNulls(v any) any {
	switch v := v.(type) {
	case map[string]any:
		dropNulls(v, "", nil)
	case []any:
		nameNulls(v)
	}
	return v
}

func nameNulls(list []any) {
	for i, v := range list {
		switch v := v.(type) {
		case nil:
			list[i] = "null"
		case []any:
			nameNulls(v)
		case map[string]any:
			dropNulls(v, "", nil)
		}
	}
}

func (p *JournalParser) tags(l *Line) error {
	l.Tags = map[string]string{}
	return p.object(func(key string) error {
		if err := CheckKey(key); err != nil {
			return err
		}
		v, err := p.value(0)
		if err != nil {
			return err
		}
		switch v := v.(type) {
		case string:
			if len(v) > MaxTextBytes {
				return fmt.Errorf("tag %q: longer than %d bytes", key, MaxTextBytes)
			}
			l.Tags[key] = v
		case bool, int64, float64:
			l.Tags[key] = TOMLString(v)
		default:
			return fmt.Errorf("tag %q: a tag is a text", key)
		}
		return nil
	})
}

func (p *JournalParser) text(into *string) error {
	s, err := p.str()
	if err == nil && len(s) > MaxTextBytes {
		err = fmt.Errorf("a text longer than %d bytes", MaxTextBytes)
	}
	*into = s
	return err
}

// optional is a text, or null where there is none.
func (p *JournalParser) optional(into *string) error {
	if p.word("null") {
		return nil
	}
	return p.text(into)
}

func (p *JournalParser) artifact(a *ArtifactLine) error {
	return p.object(func(key string) error {
		switch key {
		case "path":
			return p.optional(&a.Path)
		case "name":
			return p.optional(&a.Name)
		case "kind":
			return p.optional(&a.Kind)
		case "key":
			return p.optional(&a.Key)
		case "caption":
			return p.optional(&a.Caption)
		case "sha256":
			return p.optional(&a.SHA256)
		case "step":
			if p.word("null") {
				return nil
			}
			a.Step = new(int64)
			return p.step(a.Step)
		case "bytes":
			return p.step(&a.Bytes)
		}
		_, err := p.value(0)
		return err
	})
}

func (p *JournalParser) joined(j *JoinedLine) error {
	return p.object(func(key string) error {
		var into *string
		switch key {
		case "experiment":
			into = &j.Experiment
		case "group":
			into = &j.Group
		case "key":
			into = &j.Key
		default:
			_, err := p.value(0)
			return err
		}
		if err := p.optional(into); err != nil || *into == "" {
			return err
		}
		return CheckKey(*into)
	})
}

func (p *JournalParser) dataset(d *DatasetLine) error {
	return p.object(func(key string) error {
		switch key {
		case "path":
			return p.text(&d.Path)
		case "name":
			return p.text(&d.Name)
		case "role":
			return p.text(&d.Role)
		case "sha256":
			return p.text(&d.SHA256)
		case "bytes":
			return p.step(&d.Bytes)
		case "files":
			return p.step(&d.Files)
		case "rows":
			return p.step(&d.Rows)
		case "columns":
			return p.texts(&d.Columns)
		case "manifest":
			return p.text(&d.Manifest)
		case "hash":
			return p.text(&d.Hash)
		case "dvc":
			return p.text(&d.DVC)
		}
		_, err := p.value(0)
		return err
	})
}

// texts reads a list; what is no string in it is left out.
func (p *JournalParser) texts(into *[]string) error {
	v, err := p.value(0)
	if list, ok := v.([]any); ok {
		for _, item := range list {
			if s, ok := item.(string); ok {
				*into = append(*into, s)
			}
		}
	}
	return err
}

// value reads any JSON value: int64 where a number is written as an integer and fits, nil for null.
func (p *JournalParser) value(depth int) (any, error) {
	if depth > MaxDepth {
		return nil, p.wrong("nested deeper than %d", MaxDepth)
	}
	switch c := p.next(); {
	case c == '{':
		m := map[string]any{}
		err := p.object(func(key string) error {
			if _, ok := m[key]; ok {
				return p.wrong("the key %q a second time", key)
			}
			v, err := p.value(depth + 1)
			m[key] = v
			return err
		})
		return m, err
	case c == '[':
		return p.list(depth)
	case c == '"':
		if text, _, err := p.quotedNumber(); err == nil {
			return p.parseFloat(text)
		}
		return p.str()
	case p.word("true"):
		return true, nil
	case p.word("false"):
		return false, nil
	case p.word("null"):
		return nil, nil
	}
	text, integer, err := p.number()
	if err != nil {
		return nil, err
	}
	if integer {
		if v, err := strconv.ParseInt(alias(text), 10, 64); err == nil {
			return v, nil
		}
	}
	return p.parseFloat(text)
}

// quotedNumber reads "NaN", "Infinity" or "-Infinity"; any other string is left for str.
func (p *JournalParser) quotedNumber() ([]byte, bool, error) {
	start := p.i
	text, integer, err := p.number()
	if err != nil {
		p.i = start
	}
	return text, integer, err
}

func (p *JournalParser) word(w string) bool {
	if end := p.i + len(w); end <= len(p.buf) && string(p.buf[p.i:end]) == w {
		p.i = end
		return true
	}
	return false
}

func (p *JournalParser) list(depth int) ([]any, error) {
	p.i++
	list := []any{}
	p.space()
	if p.next() == ']' {
		p.i++
		return list, nil
	}
	for {
		p.space()
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
		p.space()
		switch p.next() {
		case ',':
			p.i++
		case ']':
			p.i++
			return list, nil
		default:
			return nil, p.wrong("\",\" or \"]\" expected")
		}
	}
}
