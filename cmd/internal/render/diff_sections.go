package render

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/diff"
	"github.com/gitruns/runs/format"
)

// line is one difference: a key with the values of both sides.
type line struct {
	key, a, b string
	style     terminal.Style
}

// section holds the differences in one part of a comparison.
type section struct {
	title string
	lines []line
}

// sections returns the parts that differ, except metrics.
func (v Diff) sections(c *diff.Comparison) []section {
	var all []section
	add := func(part, title string, lines []line) {
		if len(lines) > 0 && v.shows(part) {
			all = append(all, section{title, lines})
		}
	}
	// A number of the summary is shown with the metrics.
	summary := slices.DeleteFunc(slices.Clone(c.Summary), func(s diff.Value) bool {
		return v.shows("metrics") && slices.ContainsFunc(c.Metrics, func(m diff.Metric) bool { return m.Key == s.Key })
	})
	add("summary", "summary", valueLines(summary))
	add("params", "params", valueLines(c.Params))
	add("tags", "tags", valueLines(c.Tags))
	add("datasets", "data", datasetLines(c.Datasets))
	environment := changeLines(slices.Concat(c.Environment, c.Machine))
	add("environment", "environment", append(environment, v.variables(c.Variables)...))
	add("source", "source", sourceLines(c.Source))
	add("command", "command", valueLines(c.Attributes))
	add("artifacts", "artifacts", artifactLines(c.Artifacts))
	if d := c.Duration; d[0] > 0 && d[1] > 0 && (d[0].Round(time.Second) != d[1].Round(time.Second)) {
		add("duration", "duration", []line{{key: "took", a: terminal.Span(d[0]), b: terminal.Span(d[1])}})
	}
	return all
}

// variables summarizes the changed variables in one line, because job ids and the like differ in every run. If all
// entries are shown, each variable gets its own line.
func (v Diff) variables(changes []diff.Change) []line {
	if len(changes) == 0 || v.Most == 0 {
		return changeLines(changes)
	}
	names := make([]string, len(changes))
	for i, c := range changes {
		names[i] = c.Key
	}
	const most = 4
	text := strings.Join(names[:min(len(names), most)], ", ")
	if len(names) > most {
		text += ", …"
	}
	verb := "differ"
	if len(names) == 1 {
		verb = "differs"
	}
	return []line{{key: fmt.Sprintf("%s %s: %s", terminal.Count(int64(len(names)), "variable"), verb, text)}}
}

// ParamText formats a value. It returns an empty text for nil, which means that the side lacks the key.
func ParamText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		if v == "" {
			return `""`
		}
		return v
	case []any:
		words := make([]string, len(v))
		for i, item := range v {
			s, ok := item.(string)
			if !ok {
				return format.TOMLString(v)
			}
			words[i] = s
		}
		return ShellWords(words)
	}
	if several, ok := v.(diff.Several); ok {
		return severalText(several)
	}
	return format.TOMLString(v)
}

// maxSet is how many values of a param a set shows. More are shown as a range.
const maxSet = 4

// severalText formats a param that varies within a group: as a set, or as a range.
func severalText(v diff.Several) string {
	texts := make([]string, 0, maxSet)
	for _, value := range v.Values[:min(len(v.Values), maxSet)] {
		texts = append(texts, ParamText(value))
	}
	text := strings.Join(texts, ", ")
	if n := len(v.Values); n > maxSet {
		first, last := v.Values[0], v.Values[n-1]
		if isNumber(first) && isNumber(last) {
			text = ParamText(first) + " to " + ParamText(last)
		} else {
			text += ", …"
		}
		text += fmt.Sprintf(" (%d values)", n)
	}
	if v.Missing > 0 {
		text += fmt.Sprintf(" (none in %s)", terminal.Count(int64(v.Missing), "run"))
	}
	return text
}

func isNumber(v any) bool {
	switch v.(type) {
	case int64, float64:
		return true
	}
	return false
}

func valueLines(values []diff.Value) []line {
	var lines []line
	for _, v := range values {
		a, b := ValueTexts(v)
		lines = append(lines, line{key: v.Key, a: a, b: b})
	}
	return lines
}

func artifactLines(values []diff.Value) []line {
	var lines []line
	for _, v := range values {
		lines = append(lines, line{key: v.Key, a: short(ParamText(v.A)), b: short(ParamText(v.B))})
	}
	return lines
}

func short(digest string) string { return digest[:min(len(digest), 12)] }

func changeLines(changes []diff.Change) []line {
	var lines []line
	for _, c := range changes {
		a, b := c.A, c.B
		if format.IsDigest(a) || format.IsDigest(b) {
			a, b = short(a), short(b)
		}
		lines = append(lines, line{key: c.Key, a: a, b: b})
	}
	return lines
}

func datasetLines(sets []diff.Dataset) []line {
	var lines []line
	for _, d := range sets {
		l := line{key: d.Name}
		if d.A != nil {
			l.a = DatasetText(d.A)
		}
		if d.B != nil {
			l.b = DatasetText(d.B)
		}
		lines = append(lines, l)
		for _, f := range d.Files {
			name := "  " + f.Change + " " + f.Path
			if f.From != "" {
				name = "  renamed " + f.From + " → " + f.Path
			}
			lines = append(lines, line{key: name})
		}
	}
	return lines
}

// DatasetText describes the content of a dataset.
func DatasetText(d *format.Dataset) string {
	digest := strings.TrimPrefix(strings.TrimPrefix(d.Identity(), format.HashListing+":"), format.LibraryDigest)
	text := short(digest) + " " + terminal.Bytes(d.Bytes)
	if d.Files != 1 {
		text += ", " + terminal.Count(d.Files, "file")
	}
	if d.Rows > 0 {
		text += ", " + terminal.Count(d.Rows, "row")
	}
	if len(d.Columns) > 0 {
		text += ", " + terminal.Count(int64(len(d.Columns)), "column")
	}
	if d.Noticed != "" {
		text += ", noticed"
	}
	return text
}

func sourceLines(s diff.Source) []line {
	var lines []line
	for _, f := range s.Files {
		style := terminal.Plain
		switch f.Change {
		case "added":
			style = terminal.Green
		case "removed":
			style = terminal.Red
		}
		count := "binary"
		if f.Added >= 0 {
			count = fmt.Sprintf("+%d -%d", f.Added, f.Removed)
		}
		lines = append(lines, line{key: f.Path + "  " + f.Change + " " + count, style: style})
	}
	return lines
}
