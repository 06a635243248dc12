package view

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"github.com/gitruns/runs/diff"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/catalog"
	"github.com/gitruns/runs/repo/query"
)

const (
	// pageRows is how many runs a page of the table has.
	pageRows = 1000
	// maxShownRows is the maximum number of runs of a table. Up to it, a browser filters, sorts and groups as fast as a
	// server would answer, without a request.
	maxShownRows = 100_000
	// maxShownCells is the maximum number of values of metrics, params, summaries and tags in a table.
	maxShownCells = 6_000_000
)

// Table says what the list of runs has. The rows are in its pages.
type Table struct {
	Rows        int         `json:"rows"` // runs that are shown
	Pages       []TablePage `json:"pages"`
	LeftOut     int         `json:"leftOut"`     // runs that are in no page, because there are too many: the oldest
	LeftOutKeys []string    `json:"leftOutKeys"` // keys with their prefix that have no column in the pages

	Primary     string        `json:"primary"` // the metric that lists show; empty if there is none
	Metrics     []TableMetric `json:"metrics"` // sorted by key
	Params      []string      `json:"params"`  // sorted
	Summary     []string      `json:"summary"` // sorted
	Tags        []string      `json:"tags"`    // sorted
	Others      []string      `json:"others"`  // keys of records that this version does not know
	Differing   []string      `json:"differing"`
	Telling     int           `json:"telling"` // how many of Differing lists show first
	Named       []string      `json:"named"`   // metrics of any run whose name ends like .min
	Seeds       []string      `json:"seeds"`   // of the settings, see format.IsSeed
	Filters     []TableFilter `json:"filters"` // of the settings
	Selectors   []string      `json:"selectors"`
	Where       string        `json:"where"`
	Revision    string        `json:"revision"`
	Experiments []TableCount  `json:"experiments"` // sorted by name
	Statuses    []TableCount  `json:"statuses"`

	counts *keyCounts
}

// TablePage is a part of a table. Page n is the answer at "runs/{n}.json". What is rarely needed of the same runs is at
// "more/{n}.json".
type TablePage struct {
	Rows   int    `json:"rows"`
	Digest string `json:"digest"` // differs if the page or the rest of it has changed, so that a reader keeps the others
}

// TableMetric is a metric of the table.
type TableMetric struct {
	Key  string `json:"key"`
	Goal string `json:"goal"` // as for all runs; if empty, each run may have its own
	Best string `json:"best"` // the goal by which the values are best values; empty if they are last values
	Runs int    `json:"runs"` // how many have it
}

// TableFilter is a saved filter.
type TableFilter struct {
	Name  string `json:"name"`
	Where string `json:"where"`
}

// TableCount counts the runs with a value.
type TableCount struct {
	Name string `json:"name"`
	Runs int    `json:"runs"`
}

// tables remembers the table until the runs change.
type tables struct {
	mu    sync.Mutex
	rows  []*catalog.Row   // that the table was made of
	parts [][]*catalog.Row // those of the pages
	of    *catalog.Catalog // of rows
	table *Table
	head  []byte
	pages []*pageOfTable
	made  int // pages, which numbers them
}

// pageOfTable is a page with the versions of the rows that it is made of. Its JSON is made when it is first asked for.
type pageOfTable struct {
	versions  []catalog.Version
	signature string // of what it is made with besides the rows
	digest    string
	keys      *tableColumns
	in        tableInput
	kept      bool // whether it may be asked for again, as in a page that is served
	first     sync.Mutex
	rows      []byte // nil until it is needed
	rest      sync.Mutex
	more      []byte
}

// json returns the JSON of the page or of the rest.
func (p *pageOfTable) json(s *rowReader, rows []*catalog.Row, more bool) ([]byte, error) {
	one, data := &p.first, &p.rows
	if more {
		one, data = &p.rest, &p.more
	}
	one.Lock()
	defer one.Unlock()
	if *data != nil {
		return *data, nil
	}
	if once := new([]byte); !p.kept {
		data = once
	}
	if more {
		entries, err := s.whole(rows)
		if err != nil {
			return nil, err
		}
		*data = appendMore(nil, entries, p.keys, p.in)
	} else {
		entries, err := s.columns(rows)
		if err != nil {
			return nil, err
		}
		*data = appendPage(nil, entries, p.keys, p.in)
	}
	return *data, nil
}

// Table returns what the list of runs has, as JSON.
func (v *View) Table(ctx context.Context) ([]byte, error) {
	t, err := v.currentTables(ctx)
	if err != nil {
		return nil, err
	}
	defer t.mu.Unlock()
	return t.head, nil
}

// TableInfo returns what the list of runs has. The caller must not change it.
func (v *View) TableInfo(ctx context.Context) (*Table, error) {
	t, err := v.currentTables(ctx)
	if err != nil {
		return nil, err
	}
	defer t.mu.Unlock()
	return t.table, nil
}

// TablePage returns page n of the table, as JSON: the columns that are needed first or, if more is true, the others. It
// returns a *NotFoundError if there is no such page.
func (v *View) TablePage(ctx context.Context, n int, more bool) ([]byte, error) {
	t, err := v.currentTables(ctx)
	if err != nil {
		return nil, err
	}
	pages, s := t.pages, &rowReader{view: v, of: t.of}
	var rows []*catalog.Row
	if n >= 0 && n < len(pages) {
		rows = t.parts[n]
	}
	t.mu.Unlock()
	if rows == nil {
		return nil, &NotFoundError{What: fmt.Sprintf("the table has no page %d", n)}
	}
	return pages[n].json(s, rows, more)
}

// TablePaths returns the paths of the pages of the table and of the rest of them.
func (v *View) TablePaths(ctx context.Context) (pages, rest []string, err error) {
	table, err := v.TableInfo(ctx)
	if err != nil {
		return nil, nil, err
	}
	for n := range table.Pages {
		pages = append(pages, fmt.Sprintf("runs/%d.json", n))
		rest = append(rest, fmt.Sprintf("more/%d.json", n))
	}
	return pages, rest, nil
}

// currentTables returns the locked tables of the present runs. The caller unlocks them.
func (v *View) currentTables(ctx context.Context) (*tables, error) {
	t := &v.tables
	t.mu.Lock()
	v.mu.Lock()
	rows, s := v.rows, &rowReader{view: v, of: v.catalog}
	parts := pagesOf(rows[:min(len(rows), maxShownRows)])
	fresh := t.table != nil && slices.EqualFunc(t.rows, rows, sameVersion)
	var in tableInput
	if !fresh {
		in = v.tableInput()
	}
	v.mu.Unlock()
	if fresh {
		t.rows, t.parts, t.of = rows, parts, s.of // the catalog before is no longer needed
		return t, nil
	}
	if err := t.build(ctx, s, rows, parts, in); err != nil {
		t.mu.Unlock()
		return nil, err
	}
	return t, nil
}

// tableInput is what a table needs of the catalog. It is read under the lock of the view, so that the table is made
// without it.
type tableInput struct {
	primary string
	goals   map[string]string // of the metrics of all runs, and of those that are shown
	named   map[string]bool   // the metrics of all runs
	config  *format.Config
	options Options
	part    func(id string, parts int) string // nil if there are no chains

	manifest diff.ManifestReader
	split    map[string]int // replicates whose noticed data differs from that of others, by run; see splitNoticed
}

func (v *View) tableInput() tableInput {
	in := tableInput{
		goals: map[string]string{}, named: map[string]bool{}, config: v.catalog.Config(), options: v.options,
		part: v.catalog.PlaceText(),
	}
	context := v.catalog.Context()
	in.manifest = context.Manifest
	in.primary = query.Primary(in.config.Primary, catalog.AsRows(v.catalog.Rows()), context)
	names := v.catalog.KeyNames()
	for _, key := range slices.Concat(names.Metrics, names.Numbers) {
		in.named[key], in.goals[key] = true, context.Goal(key)
	}
	for _, r := range v.rows { // a run of a revision is not in the catalog
		if e := r.Entry(); e != nil {
			for key := range e.AllMetrics() {
				if _, ok := in.goals[key]; !ok {
					in.goals[key] = context.Goal(key)
				}
			}
		}
	}
	return in
}

func sameVersion(a, b *catalog.Row) bool { return a.Version() == b.Version() }

func versionsOf(rows []*catalog.Row) []catalog.Version {
	versions := make([]catalog.Version, len(rows))
	for i, r := range rows {
		versions[i] = r.Version()
	}
	return versions
}

// context returns a context that several readers can use at once.
func (in *tableInput) context() query.Context {
	return query.Context{
		Goal: func(metric string) string {
			if goal, ok := in.goals[metric]; ok {
				return goal
			}
			return in.config.Goal(metric)
		},
		Named: func(metric string) bool { return in.named[metric] },
	}
}

// build makes the table. Pages whose runs are the same as before are kept.
func (t *tables) build(ctx context.Context, s *rowReader, rows []*catalog.Row, parts [][]*catalog.Row,
	in tableInput,
) error {
	table, noticed, err := newTable(s, rows, in)
	if err != nil {
		return err
	}
	in.split = splitNoticed(noticed, in)
	kept := min(len(rows), maxShownRows)
	keys := newTableColumns(table, kept)
	signature := keys.signature(in)
	known := map[catalog.Version]*pageOfTable{}
	for _, p := range t.pages {
		if p.signature == signature {
			known[p.versions[0]] = p
		}
	}
	pages := []*pageOfTable{}
	table.Pages = []TablePage{}
	for _, part := range parts {
		versions := versionsOf(part)
		p := known[versions[0]]
		if p == nil || !slices.Equal(p.versions, versions) {
			t.made++
			p = &pageOfTable{
				versions: versions, signature: signature, digest: strconv.Itoa(t.made), keys: keys, in: in,
				kept: s.view.options.Export == nil,
			}
		}
		pages = append(pages, p)
		table.Pages = append(table.Pages, TablePage{len(part), p.digest})
	}
	table.LeftOut, table.LeftOutKeys = len(rows)-kept, count(keys.left).keys()
	head, err := json.Marshal(table)
	if err != nil {
		return err
	}
	t.rows, t.parts, t.of, t.table, t.head, t.pages = rows, parts, s.of, table, head, pages
	return ctx.Err()
}

// pagesOf splits rows, which are sorted newest first, into pages. The finished runs come first, oldest first, so
// that a new run changes only the last pages. Those in progress are a page of their own.
func pagesOf(rows []*catalog.Row) [][]*catalog.Row {
	var finished, active []*catalog.Row
	for _, r := range slices.Backward(rows) {
		if r.Active() != nil {
			active = append(active, r)
		} else {
			finished = append(finished, r)
		}
	}
	pages := slices.Collect(slices.Chunk(finished, pageRows))
	return append(pages, slices.Collect(slices.Chunk(active, pageRows))...)
}

// newTable also returns the runs with noticed data, newest first.
func newTable(s *rowReader, rows []*catalog.Row, in tableInput) (t *Table, noticed []*format.Run, err error) {
	t = &Table{
		Rows: len(rows), Primary: in.primary, Metrics: []TableMetric{}, Seeds: []string{}, Filters: []TableFilter{},
		Selectors: append([]string{}, in.options.Selectors...),
		Where:     in.options.Where, Revision: in.options.Revision, Named: []string{},
	}
	counts := newKeyCounts(in)
	for part := range slices.Chunk(rows, pageRows) { // whose records need not be in memory at once
		entries, err := s.columns(part)
		if err != nil {
			return nil, nil, err
		}
		for _, e := range entries {
			counts.add(e)
			if slices.ContainsFunc(e.Datasets, func(d format.Dataset) bool { return d.Noticed != "" }) {
				noticed = append(noticed, e.Run)
			}
		}
	}
	t.Params, t.Summary = counts.params.keys(), counts.summary.keys()
	t.Tags, t.Metrics = counts.tags.keys(), counts.tableMetrics()
	t.Others, t.counts = counts.others.keys(), counts
	for _, key := range t.Params {
		if format.IsSeed(key, in.config.Replicates.Seeds) {
			t.Seeds = append(t.Seeds, key)
		}
	}
	for name := range in.named {
		if isStatisticName(name) {
			t.Named = append(t.Named, name)
		}
	}
	slices.Sort(t.Named)
	differing, telling := counts.differing.Telling()
	t.Differing, t.Telling = append([]string{}, differing...), telling // never nil: nil would become null
	t.Experiments, t.Statuses = counts.experiments.list(), counts.statuses.list()
	for _, f := range in.config.Filters {
		t.Filters = append(t.Filters, TableFilter{f.Name, f.Where})
	}
	return t, noticed, nil
}

// splitNoticed numbers the parts of groups of replicates whose noticed data differs, as query.GroupBy does. Runs of the
// first part are left out. runs are those with noticed data, newest first.
func splitNoticed(runs []*format.Run, in tableInput) map[string]int {
	byKey := map[string]*query.Group{}
	for _, r := range runs {
		key := query.Replicates(r, in.config.Replicates.Seeds)
		if byKey[key] == nil {
			byKey[key] = &query.Group{}
		}
		byKey[key].Runs = append(byKey[key].Runs, r)
	}
	split := map[string]int{}
	for _, group := range byKey {
		for part, g := range query.SplitNoticed([]query.Group{*group}, in.manifest) {
			for _, r := range g.Runs {
				if part > 0 {
					split[r.ID] = part
				}
			}
		}
	}
	return split
}
