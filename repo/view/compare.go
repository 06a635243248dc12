package view

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gitruns/runs/diff"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/catalog"
	"github.com/gitruns/runs/repo/query"
	"github.com/gitruns/runs/repo/review"
)

// MaxSides is how many runs and groups are compared at once.
const MaxSides = 50

// WherePrefix precedes an expression that names a group of runs: those shown that match it.
const WherePrefix = "where "

// CompareRequest says what to compare.
type CompareRequest struct {
	// Sides are selectors of runs and groups, or expressions after WherePrefix. The others are compared with the first.
	Sides           []string
	Value, SelectBy string // as in review.Options
}

// Comparison compares several runs and groups with the first of them.
type Comparison struct {
	Selectors []string // of Sides
	Sides     []*review.Side
	Missing   []MissingSide
	// Pairs compare the first side with each of the others. They also list what is equal. If there are several, they
	// share the level of the tests, and leave out what review.CompareRecords does.
	Pairs   []*diff.Comparison
	Primary string
	Shown   map[string]bool // ids, among those of Sides, of runs that the view shows
}

// MissingSide is a side that is not compared, because of Err.
type MissingSide struct {
	Selector string
	Err      error
}

// Compare compares runs and groups. It leaves out sides that name no run, see Comparison.Missing. It returns an error
// if there are too many sides, and those of review.Compare.
func (v *View) Compare(ctx context.Context, q CompareRequest) (*Comparison, error) {
	c, release, err := v.sides(ctx, q.Sides)
	if err != nil {
		return nil, err
	}
	defer release()
	others := max(len(c.Sides), 1)
	options := review.Options{All: true, Value: q.Value, SelectBy: q.SelectBy, Share: others - 1}
	compare := review.CompareRecords
	if len(c.Sides) == 2 {
		compare = review.Compare
	}
	for i := 1; i < len(c.Sides); i++ {
		pair, err := compare(ctx, c.Sides[0], c.Sides[i], options)
		if err != nil {
			return nil, err
		}
		c.Pairs = append(c.Pairs, pair)
	}
	return c, nil
}

// CompareSources compares the sources of the two sides, so that the difference can be written as a patch. The caller
// calls release when it no longer needs the result.
func (v *View) CompareSources(ctx context.Context, selectors []string) (d *repo.SourceDiff, release func(), err error) {
	c, closeSides, err := v.sides(ctx, selectors)
	if err != nil {
		return nil, nil, err
	}
	if len(c.Missing) > 0 {
		closeSides()
		return nil, nil, c.Missing[0].Err
	}
	if len(c.Sides) != 2 {
		closeSides()
		return nil, nil, &InvalidError{fmt.Errorf("comparing sources: need 2 runs or groups, got %d", len(c.Sides))}
	}
	if d, err = review.CompareSources(ctx, c.Sides[0], c.Sides[1], true); err != nil {
		closeSides()
		return nil, nil, err
	}
	return d, func() { d.Close(); closeSides() }, nil
}

// sides resolves the sides of a comparison. Their catalogs are not those of the view, so that the comparison does not
// keep others waiting. The caller calls release when it no longer needs the sides.
func (v *View) sides(ctx context.Context, selectors []string) (c *Comparison, release func(), err error) {
	if n := len(selectors); n > MaxSides {
		return nil, nil, &InvalidError{fmt.Errorf("comparing: at most %d runs and groups, got %d", MaxSides, n)}
	}
	s := &sideReader{view: v}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	found, err := s.find(ctx, selectors)
	if err != nil {
		return nil, nil, err
	}
	c = &Comparison{Primary: s.primary}
	for i, f := range found {
		side := f.side
		if side == nil && f.err == nil {
			side, f.err = review.SideOf(s.apart, f.entries, f.title)
		}
		switch {
		case ctx.Err() != nil:
			return nil, nil, ctx.Err()
		case f.err != nil:
			c.Missing = append(c.Missing, MissingSide{selectors[i], f.err})
		default:
			c.Selectors, c.Sides = append(c.Selectors, selectors[i]), append(c.Sides, side)
		}
	}
	ids := map[string]bool{}
	for _, side := range c.Sides {
		for _, e := range side.Entries {
			ids[e.ID] = true
		}
	}
	c.Shown = v.shownAmong(ids)
	return c, s.close, nil
}

// shownAmong returns those of the ids whose runs the view shows.
func (v *View) shownAmong(ids map[string]bool) map[string]bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	shown := map[string]bool{}
	for _, r := range v.rows {
		if ids[r.ID()] {
			shown[r.ID()] = true
		}
	}
	return shown
}

// openApart opens a catalog of all runs of the working tree for one answer. The caller closes it.
func (v *View) openApart(ctx context.Context) (*catalog.Catalog, error) {
	v.watch.mu.Lock()
	var listed repo.Listed
	watched := v.watch.runs != nil
	if watched { // what is on disk was looked through already
		listed = v.watch.runs.Listed()
	}
	v.watch.mu.Unlock()
	v.mu.Lock()
	r := v.current
	v.mu.Unlock()
	options := catalog.Options{Experiment: v.options.Experiment}
	if watched {
		return catalog.Watched(ctx, r, options, listed)
	}
	return catalog.Open(ctx, r, options)
}

// sideReader finds the runs of sides.
type sideReader struct {
	view    *View
	apart   *catalog.Catalog // of the runs that were found in the catalog of the view
	other   *catalog.Catalog // for selectors with a revision; nil until one is needed
	primary string
}

// foundSide holds the entries of the view's catalog that a selector names, a side of another catalog, or an error.
type foundSide struct {
	entries []*repo.Entry
	title   string
	side    *review.Side
	err     error
}

func (s *sideReader) close() {
	for _, c := range []*catalog.Catalog{s.apart, s.other} {
		if c != nil {
			c.Close()
		}
	}
}

func (s *sideReader) find(ctx context.Context, selectors []string) ([]foundSide, error) {
	found := make([]foundSide, len(selectors))
	var revisions []int
	v := s.view
	v.mu.Lock()
	var all []*repo.Entry
	for i, selector := range selectors {
		parsed, err := query.ParseSelector(selector)
		expression, where := strings.CutPrefix(selector, WherePrefix)
		f := &found[i]
		switch f.title = selector; {
		case where:
			f.title = expression
			f.entries, f.err = v.matching(expression)
		case err != nil:
			f.err = err
		case parsed.Rev != "":
			revisions = append(revisions, i)
		default:
			f.entries, _, f.err = v.catalog.Select(ctx, selector)
		}
		for _, e := range f.entries {
			all = append(append(all, e), v.catalog.Earlier(e)...)
		}
	}
	slices.SortFunc(all, func(a, b *repo.Entry) int { return strings.Compare(a.ID, b.ID) })
	s.apart = v.catalog.Apart(slices.CompactFunc(all, func(a, b *repo.Entry) bool { return a.ID == b.ID }))
	s.primary = v.catalog.Config().Primary
	v.mu.Unlock()
	for _, i := range revisions {
		if s.other == nil {
			var err error
			if s.other, err = v.openApart(ctx); err != nil {
				return nil, err
			}
		}
		found[i].side, found[i].err = review.Select(ctx, s.other, selectors[i])
	}
	return found, ctx.Err()
}

// matching returns the runs shown that match an expression. The caller holds the lock.
func (v *View) matching(expression string) ([]*repo.Entry, error) {
	if strings.TrimSpace(expression) == "" {
		return nil, &InvalidError{errors.New("the expression is empty")}
	}
	rows, _, err := v.catalog.MatchRows(slices.Clone(v.rows), expression)
	if err == nil {
		rows, err = v.catalog.Prove(rows, expression)
	}
	if err != nil {
		return nil, err
	}
	matched, err := v.catalog.Load(rows)
	if err != nil {
		return nil, err
	}
	entries := make([]*repo.Entry, len(matched))
	for i, e := range matched {
		entries[i] = e.Newest()
	}
	if len(entries) == 0 {
		return nil, &query.NotFoundError{Selector: expression, Reason: "no run matches"}
	}
	return entries, nil
}
