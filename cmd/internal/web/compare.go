package web

import (
	"context"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gitruns/runs/cmd/internal/render"
	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/diff"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/review"
	"github.com/gitruns/runs/repo/view"
)

// Bounds of a comparison. What is beyond them is counted.
const (
	maxCells      = 40_000  // of the table of one part: rows times sides
	maxText       = 4_000   // bytes of one value
	maxDataFiles  = 1_000   // of one dataset
	maxFiles      = 2_000   // of the source
	maxPatch      = 1 << 20 // bytes of a patch
	maxSideRuns   = 200     // that are named of a group
	pairSeparator = ".."    // between the ids in the path of a comparison
)

// comparisonJSON is a comparison of 2 to view.MaxSides runs or groups.
type comparisonJSON struct {
	Command string        `json:"command"` // that prints the same; empty if there is none
	Sides   []sideJSON    `json:"sides"`
	Missing []missingJSON `json:"missing"`
	Primary string        `json:"primary"`
	Metrics metricsJSON   `json:"metrics"`
	Parts   []partJSON    `json:"parts"`
	Pairs   []pairJSON    `json:"pairs"` // the first side with each of the others
}

// sideJSON is a run or a group of runs.
type sideJSON struct {
	Selector string     `json:"selector"` // that names it again
	Title    string     `json:"title"`
	ID       string     `json:"id"` // of the newest run
	Group    bool       `json:"group"`
	Status   string     `json:"status"`
	Started  int64      `json:"started"` // of the newest run, in ms since 1970 UTC
	Count    int        `json:"count"`   // of runs that finished
	Runs     []nameJSON `json:"runs"`
	Lost     string     `json:"lost"` // the runs of a group that did not finish
}

type nameJSON struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Shown bool   `json:"shown"` // by the page, so that it has curves and a page of its own
}

type missingJSON struct {
	Selector string `json:"selector"`
	Message  string `json:"message"`
	Hint     string `json:"hint"`
}

// partJSON is a part of the records that has one text per key and side.
type partJSON struct {
	Name string    `json:"name"`
	Rows []rowJSON `json:"rows"`
	More int       `json:"more"` // rows that are left out
}

type rowJSON struct {
	Key    string    `json:"key"`
	Values []*string `json:"values"` // null if the side lacks the key
	Same   bool      `json:"same"`   // on all sides
}

type metricsJSON struct {
	Rows []metricRowJSON `json:"rows"`
	More int             `json:"more"`
}

type metricRowJSON struct {
	Key      string         `json:"key"`
	Goal     string         `json:"goal"`
	Compared string         `json:"compared"` // the key with the value that is compared
	Same     bool           `json:"same"`
	Curve    bool           `json:"curve"` // a side has more than one point
	Levels   []*levelJSON   `json:"levels"`
	Verdicts []*verdictJSON `json:"verdicts"` // of the sides after the first
}

type levelJSON struct {
	Text  string  `json:"text"`
	Value float64 `json:"value"` // that is compared
	Last  float64 `json:"last"`
	Best  float64 `json:"best"`
	N     int     `json:"n"`
	Lost  string  `json:"lost"`
}

type verdictJSON struct {
	Verdict  diff.Verdict `json:"verdict"`
	Text     string       `json:"text"`
	Delta    string       `json:"delta"`
	Relative string       `json:"relative"`
	P        float64      `json:"p"`
	Adjusted float64      `json:"p_adjusted"`
	Interval []float64    `json:"interval"`
	Curve    string       `json:"curve"` // how the points of two runs differ
}

// pairJSON is what a comparison of two sides says beyond one text per key.
type pairJSON struct {
	Notes    []string      `json:"notes"`
	Problems []string      `json:"problems"`
	Data     []datasetJSON `json:"data"`
	Source   *sourceJSON   `json:"source"` // null if the sources were not compared
}

type datasetJSON struct {
	Name  string         `json:"name"`
	Same  bool           `json:"same"`
	A     string         `json:"a"`
	B     string         `json:"b"`
	Files []dataFileJSON `json:"files"` // null if a side has no list of its files
	More  int            `json:"more"`
}

type dataFileJSON struct {
	Path   string   `json:"path"`
	From   string   `json:"from"`
	Change string   `json:"change"`
	Bytes  [2]int64 `json:"bytes"`
}

type sourceJSON struct {
	A     string           `json:"a"`
	B     string           `json:"b"`
	Files []sourceFileJSON `json:"files"`
	More  int              `json:"more"`
}

type sourceFileJSON struct {
	Path    string `json:"path"`
	Change  string `json:"change"`
	Added   int64  `json:"added"` // lines; -1 for a binary file
	Removed int64  `json:"removed"`
}

// compareAnswer compares the sides that the parameters name.
func compareAnswer(ctx context.Context, v *view.View, selectors []string, params url.Values) (*Answer, error) {
	q := view.CompareRequest{Sides: selectors, Value: params.Get("value"), SelectBy: params.Get("select_by")}
	if q.Value != "" && !slices.Contains(format.CompareValues, q.Value) {
		return nil, &view.InvalidError{Err: errors.New("comparing: value must be one of " +
			strings.Join(format.CompareValues, ", "))}
	}
	c, err := v.Compare(ctx, q)
	if err != nil {
		return nil, err
	}
	out := newComparisonJSON(c)
	if len(out.Sides) == 2 && !slices.ContainsFunc(c.Selectors, isExpression) {
		words := []string{"runs", "diff", typed(out.Sides[0].Selector), typed(out.Sides[1].Selector)}
		if q.Value != "" {
			words = append(words, "--value", q.Value)
		}
		if q.SelectBy != "" {
			words = append(words, "--select-by", q.SelectBy)
		}
		out.Command = render.ShellWords(words)
	}
	return asRunsJSON(out), nil
}

// typed returns a selector as a person types it: a full id by its random part.
func typed(selector string) string {
	id := selector[strings.LastIndexByte(selector, ':')+1:]
	if format.CheckID(id) != nil {
		return selector
	}
	return strings.TrimSuffix(selector, id) + format.IDRandom(id)
}

func isExpression(selector string) bool { return strings.HasPrefix(selector, view.WherePrefix) }

// asRunsJSON returns a value as JSON in which NaN and infinities are strings.
func asRunsJSON(value any) *Answer {
	return &Answer{Type: "application/json", Body: format.AppendJSON(nil, value)}
}

// sidesOf returns the sides that the parameters of a request name. Each is escaped as a part of a path, and commas
// separate them.
func sidesOf(params url.Values) []string {
	var sides []string
	add := func(list string, whole func(string) string) {
		for word := range strings.SplitSeq(list, ",") {
			if plain, err := url.PathUnescape(word); err == nil {
				word = plain
			}
			if word = strings.TrimSpace(word); word != "" && !slices.Contains(sides, whole(word)) {
				sides = append(sides, whole(word))
			}
		}
	}
	add(params.Get("runs"), func(word string) string { return word })
	add(params.Get("groups"), func(word string) string {
		if isExpression(word) || strings.HasPrefix(word, "group=") || strings.HasPrefix(word, "group(") {
			return word
		}
		return view.WherePrefix + word
	})
	return sides
}

// pairOf returns the sides in the path of a comparison of two runs: their ids, separated by two dots.
func pairOf(pair string) ([]string, error) {
	a, b, ok := strings.Cut(pair, pairSeparator)
	if !ok || format.CheckID(a) != nil || format.CheckID(b) != nil {
		return nil, &view.NotFoundError{What: "a comparison is named by two ids of runs, like ID..ID"}
	}
	return []string{a, b}, nil
}

func newComparisonJSON(c *view.Comparison) *comparisonJSON {
	out := &comparisonJSON{
		Primary: c.Primary, Sides: []sideJSON{}, Missing: []missingJSON{}, Pairs: []pairJSON{}, Parts: []partJSON{},
		Metrics: metricsJSON{Rows: []metricRowJSON{}},
	}
	for i, s := range c.Sides {
		out.Sides = append(out.Sides, newSideJSON(s, c.Selectors[i], c.Shown))
	}
	for _, m := range c.Missing {
		out.Missing = append(out.Missing, missingJSON{m.Selector, m.Err.Error(), hintOf(m.Err)})
	}
	if len(c.Pairs) == 0 {
		return out
	}
	out.Metrics = newMetricsJSON(c)
	for _, part := range parts {
		if p := newPartJSON(part.name, c.Pairs, part.values); len(p.Rows) > 0 {
			out.Parts = append(out.Parts, p)
		}
	}
	for _, pair := range c.Pairs {
		out.Pairs = append(out.Pairs, newPairJSON(pair))
	}
	return out
}

func newSideJSON(s *review.Side, selector string, shown map[string]bool) sideJSON {
	first := s.Entries[0]
	out := sideJSON{
		Selector: selector, Title: s.Title(), ID: first.ID, Group: s.Group != "", Status: string(first.Status),
		Started: first.Started.UnixMilli(), Count: len(s.Entries), Runs: []nameJSON{},
	}
	for _, e := range s.Entries[:min(len(s.Entries), maxSideRuns)] {
		out.Runs = append(out.Runs, nameJSON{e.ID, e.Name, shown[e.ID]})
	}
	var lost []diff.Lost
	for _, e := range s.Lost {
		lost = append(lost, diff.Lost{Run: e.Run, Why: diff.Loss(e.Status)})
	}
	if len(lost) > 0 {
		out.Lost = render.LostText(lost)
	}
	return out
}

// parts are the parts of a comparison that have one text per key and side, in the order in which they are shown.
var parts = []struct {
	name   string
	values func(*diff.Comparison) []diff.Value
}{
	{"params", func(c *diff.Comparison) []diff.Value { return c.Params }},
	{"summary", func(c *diff.Comparison) []diff.Value { return c.Summary }},
	{"tags", func(c *diff.Comparison) []diff.Value { return c.Tags }},
	{"command", attributeValues},
	{"data", datasetValues},
	{"source", sourceValues},
	{"packages", func(c *diff.Comparison) []diff.Value { return changedValues(c.Environment) }},
	{"machine", func(c *diff.Comparison) []diff.Value { return changedValues(c.Machine) }},
	{"variables", func(c *diff.Comparison) []diff.Value { return changedValues(c.Variables) }},
	{"artifacts", artifactValues},
}

// attributeValues returns the attributes of the runs, with how long single runs took.
func attributeValues(c *diff.Comparison) []diff.Value {
	values := slices.Clone(c.Attributes)
	if d := c.Duration; d[0] > 0 && d[1] > 0 {
		values = append(values, diff.Value{Key: "took", A: terminal.Span(d[0]), B: terminal.Span(d[1])})
	}
	return values
}

func changedValues(list []diff.Change) []diff.Value {
	values := make([]diff.Value, len(list))
	for i, c := range list {
		values[i] = diff.Value{Key: c.Key, A: textOrNil(c.A), B: textOrNil(c.B)}
	}
	return values
}

func textOrNil(text string) any {
	if text == "" {
		return nil
	}
	if format.IsDigest(text) {
		text = text[:12]
	}
	return text
}

func datasetValues(c *diff.Comparison) []diff.Value {
	values := make([]diff.Value, len(c.Datasets))
	for i, d := range c.Datasets {
		values[i].Key = d.Name
		if d.A != nil {
			values[i].A = render.DatasetText(d.A)
		}
		if d.B != nil {
			values[i].B = render.DatasetText(d.B)
		}
	}
	return values
}

func sourceValues(c *diff.Comparison) []diff.Value {
	if c.Source.A == "" && c.Source.B == "" {
		return nil
	}
	return []diff.Value{{Key: "tree", A: treeOrNil(c.Source.A), B: treeOrNil(c.Source.B)}}
}

func treeOrNil(id string) any {
	if id == "" {
		return nil
	}
	return id[:min(len(id), 12)]
}

func artifactValues(c *diff.Comparison) []diff.Value {
	values := slices.Clone(c.Artifacts)
	for i, v := range values {
		if a, ok := v.A.(string); ok {
			values[i].A = textOrNil(a)
		}
		if b, ok := v.B.(string); ok {
			values[i].B = textOrNil(b)
		}
	}
	return values
}

// newPartJSON joins a part of the comparisons with the first side into one table. Its rows are sorted by key; if there
// are too many, those that differ are kept first.
func newPartJSON(name string, pairs []*diff.Comparison, values func(*diff.Comparison) []diff.Value) partJSON {
	out := partJSON{Name: name, Rows: []rowJSON{}}
	first := map[string]string{} // the texts of the first side
	others := make([]map[string]string, len(pairs))
	differ := map[string]bool{}
	for i, pair := range pairs {
		others[i] = map[string]string{}
		for _, v := range values(pair) {
			a, b := render.ParamText(v.A), render.ParamText(v.B)
			if !v.Same(false) {
				a, b = render.ValueTexts(v)
				differ[v.Key] = true
			}
			first[v.Key], others[i][v.Key] = a, b
		}
	}
	for _, key := range slices.Sorted(maps.Keys(first)) {
		row := rowJSON{Key: key, Values: []*string{cut(first[key])}, Same: !differ[key]}
		for i := range pairs {
			text, listed := others[i][key]
			if !listed { // it is equal, or absent from both
				text = first[key]
			}
			row.Values = append(row.Values, cut(text))
		}
		out.Rows = append(out.Rows, row)
	}
	out.Rows, out.More = keep(out.Rows, maxCells/(1+len(pairs)), func(r rowJSON) bool { return !r.Same })
	return out
}

// keep returns at most n of the rows in their order, those that differ first, and how many are left out.
func keep[R any](rows []R, n int, differs func(R) bool) (kept []R, more int) {
	if len(rows) <= n {
		return rows, 0
	}
	different := 0
	for _, r := range rows {
		if differs(r) {
			different++
		}
	}
	equal := max(0, n-different)
	for _, r := range rows {
		if len(kept) == n {
			break
		}
		if !differs(r) {
			if equal == 0 {
				continue
			}
			equal--
		}
		kept = append(kept, r)
	}
	return kept, len(rows) - len(kept)
}

// cut shortens a text to what a page shows. It returns nil for a side without the key, whose text is empty.
func cut(text string) *string {
	if text == "" {
		return nil
	}
	if len(text) > maxText {
		end := maxText
		for end > 0 && !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end] + "…"
	}
	return &text
}

func newMetricsJSON(c *view.Comparison) metricsJSON {
	rows := map[string]*metricRowJSON{}
	var keys []string
	for i, pair := range c.Pairs {
		for _, m := range pair.Metrics {
			row := rows[m.Key]
			if row == nil {
				row = &metricRowJSON{
					Key: m.Key, Goal: m.Goal, Compared: render.ComparedLabel(m.Key, m), Same: true,
					Levels: make([]*levelJSON, len(c.Sides)), Verdicts: make([]*verdictJSON, len(c.Pairs)),
				}
				rows[m.Key] = row
				keys = append(keys, m.Key)
			}
			if row.Levels[0] == nil {
				row.Levels[0] = newLevelJSON(m.A, m)
			}
			row.Levels[1+i] = newLevelJSON(m.B, m)
			row.Verdicts[i] = newVerdictJSON(m)
			row.Same = row.Same && m.Same()
			row.Curve = row.Curve || m.A != nil && m.A.Evaluations[1] > 1 || m.B != nil && m.B.Evaluations[1] > 1
		}
	}
	slices.SortFunc(keys, func(a, b string) int {
		switch c.Primary {
		case a:
			return -1
		case b:
			return 1
		}
		return strings.Compare(a, b)
	})
	out := metricsJSON{Rows: []metricRowJSON{}}
	for _, key := range keys {
		out.Rows = append(out.Rows, *rows[key])
	}
	out.Rows, out.More = keep(out.Rows, maxCells/len(c.Sides), func(r metricRowJSON) bool { return !r.Same })
	return out
}

func newLevelJSON(l *diff.Level, m diff.Metric) *levelJSON {
	if l == nil {
		return nil
	}
	out := &levelJSON{Text: render.LevelText(l, m, true), Value: l.Value, Last: l.Last, Best: l.Best, N: l.N}
	if len(l.Lost) > 0 {
		out.Lost = render.LostText(l.Lost)
	}
	return out
}

func newVerdictJSON(m diff.Metric) *verdictJSON {
	out := &verdictJSON{
		Verdict: m.Verdict, Text: render.VerdictText(m), Delta: render.Delta(m.Delta), Relative: render.Percent(m.Relative),
		P: m.P, Adjusted: m.Adjusted,
	}
	if m.Interval != nil {
		out.Interval = m.Interval[:]
	}
	if m.Curve != nil {
		out.Curve = render.CurveText(*m.Curve)
	}
	return out
}

func newPairJSON(c *diff.Comparison) pairJSON {
	out := pairJSON{Notes: render.MetricNotes(c), Problems: []string{}, Data: []datasetJSON{}}
	sourceRead := true
	for _, p := range c.Problems {
		out.Problems = append(out.Problems, p.String())
		sourceRead = sourceRead && p.Kind != diff.SourceUnread
	}
	for _, d := range c.Datasets {
		out.Data = append(out.Data, newDatasetJSON(d))
	}
	if sourceRead {
		out.Source = &sourceJSON{A: c.Source.A, B: c.Source.B, Files: []sourceFileJSON{}}
		files := c.Source.Files[:min(len(c.Source.Files), maxFiles)]
		out.Source.More = len(c.Source.Files) - len(files)
		for _, f := range files {
			out.Source.Files = append(out.Source.Files, sourceFileJSON(f))
		}
	}
	return out
}

func newDatasetJSON(d diff.Dataset) datasetJSON {
	out := datasetJSON{Name: d.Name, Same: d.Same()}
	if d.A != nil {
		out.A = render.DatasetText(d.A)
	}
	if d.B != nil {
		out.B = render.DatasetText(d.B)
	}
	if d.Files == nil {
		return out
	}
	files := d.Files[:min(len(d.Files), maxDataFiles)]
	out.Files, out.More = []dataFileJSON{}, len(d.Files)-len(files)
	for _, f := range files {
		out.Files = append(out.Files, dataFileJSON{f.Path, f.From, f.Change, f.Bytes})
	}
	return out
}

// patchJSON is the difference between the sources of two sides.
type patchJSON struct {
	Command string `json:"command"`
	Text    string `json:"text"`
	Cut     bool   `json:"cut"` // the text is only the start
}

var errPatchLong = errors.New("the patch is longer than a page shows")

// patchWriter keeps the start of a patch.
type patchWriter struct{ text []byte }

func (w *patchWriter) Write(b []byte) (int, error) {
	n := min(len(b), maxPatch-len(w.text))
	w.text = append(w.text, b[:n]...)
	if n < len(b) {
		return n, errPatchLong
	}
	return n, nil
}

// patchAnswer writes how the sources of two sides differ.
func patchAnswer(ctx context.Context, v *view.View, selectors []string) (*Answer, error) {
	d, release, err := v.CompareSources(ctx, selectors)
	if err != nil {
		return nil, err
	}
	defer release()
	w := &patchWriter{}
	err = d.WritePatch(ctx, w)
	long := len(w.text) == maxPatch
	if err != nil && !long {
		return nil, err
	}
	out := patchJSON{Text: strings.ToValidUTF8(string(w.text), "\uFFFD"), Cut: long}
	if !slices.ContainsFunc(selectors, isExpression) {
		out.Command = render.ShellWords([]string{"runs", "diff", typed(selectors[0]), typed(selectors[1]), "--code"})
	}
	return asRunsJSON(out), nil
}
