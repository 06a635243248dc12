// Package catalog finds runs. It lists those of the working tree, of the runs branch and of any Git revision,
// resolves selectors within an experiment, reads each chain of resumed runs as one run, and decides which run a new
// one resumes.
//
// The package uses no terminal and no environment variable, and prints nothing. It returns damaged runs and missing
// keys as values. It imports repo, repo/query and format. Start in catalog.go to change where runs are looked for, in
// select.go for how they are named, in chain.go for chains, and in resume.go for the policy of resuming. What a
// selector or an expression may contain is in package query.
package catalog

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/index"
	"github.com/gitruns/runs/repo/query"
)

// Catalog holds the runs of a working tree or of a revision. It knows the columns of the runs of a working tree, and
// reads a record when it is needed, once. It is not safe for concurrent use.
type Catalog struct {
	ctx     context.Context // for the records that are read when they are needed
	repo    *repo.Repository
	config  *format.Config
	scope   string
	columns *columns      // of the runs of a working tree or of a revision; nil for other runs
	more    *columns      // of those of the runs branch; may be nil
	partly  bool          // columns has rows that are not among rows
	rows    []*Row        // newest first
	all     []query.Row   // the same for package query; nil until it is needed
	entries []*repo.Entry // of rows, if all were read; otherwise nil
	runs    []*format.Run // their records, in the same order
	damage  []repo.Damage
	branch  []repo.Damage // those of damage that were found in the runs branch
	byRun   map[*format.Run]*repo.Entry
	linked  map[string]*Row             // the runs that resume or are resumed; nil until it is needed
	inner   map[string]bool             // what Inner has found; nil until it is needed
	goals   func(metric string) string  // nil until it is needed
	older   func(metric string) string  // the goals by all runs, if older days were not read; nil until it is needed
	names   map[string]bool             // what named has found
	wholes  map[*repo.Entry]*repo.Entry // what Whole has made

	elsewhere *bool // whether there are runs of other worktrees; nil until it is needed
	family    *family
}

// family holds what a catalog shares with the catalogs that were opened from it.
type family struct {
	damage  []repo.Damage // of all these catalogs, in the order in which it was found
	doubts  []error       // of all these catalogs
	closers []func()
}

// Options say how selectors are resolved.
type Options struct {
	// Experiment is the experiment that selectors look in. If it is empty, selectors look in the experiment of the
	// configuration, or in every experiment if that is empty too.
	Experiment string
}

// Open lists the runs of a repository, including active ones and those of the runs branch. It leaves out damaged
// runs; see Damage. The caller closes the catalog.
func Open(ctx context.Context, r *repo.Repository, o Options) (*Catalog, error) {
	if _, err := r.Config(); err != nil {
		return nil, err
	}
	table, err := r.Table(ctx)
	if err != nil {
		return nil, err
	}
	c, err := ofTable(ctx, r, o, table)
	if err != nil {
		return nil, err
	}
	if err := c.addBranchTable(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// ofTable makes a catalog of the runs of a table.
func ofTable(ctx context.Context, r *repo.Repository, o Options, table *repo.Table) (*Catalog, error) {
	root, err := newRoot(ctx, r, o)
	if err != nil {
		return nil, err
	}
	c := root.derive(r, nil, table.Damage)
	c.addTable(table)
	return c, nil
}

// Here lists the runs of the working tree, including active ones, without looking at the settings or at the runs
// branch. Selectors look in every experiment. The caller closes the catalog.
func Here(ctx context.Context, r *repo.Repository) (*Catalog, error) {
	table, err := r.Table(ctx)
	if err != nil {
		return nil, err
	}
	c := (&Catalog{ctx: ctx, config: &format.Config{}, family: &family{}}).derive(r, nil, table.Damage)
	c.addTable(table)
	return c, nil
}

// Of is like Open, for runs of the repository that the caller has listed. It adds those of the runs branch. The context
// must stay valid until the catalog is closed.
func Of(ctx context.Context, r *repo.Repository, o Options, entries []*repo.Entry, damage []repo.Damage) (*Catalog,
	error,
) {
	root, err := newRoot(ctx, r, o)
	if err != nil {
		return nil, err
	}
	c := root.derive(r, entries, damage)
	if err := c.addBranch(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Watched is like Open, for the runs that a watch of the repository has listed. The context must stay valid until the
// catalog is closed.
func Watched(ctx context.Context, r *repo.Repository, o Options, l repo.Listed) (*Catalog, error) {
	root, err := newRoot(ctx, r, o)
	if err != nil {
		return nil, err
	}
	c := root.derive(r, nil, l.Damage)
	c.list(l, nil)
	if err := c.addBranchTable(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// list adds the runs that a watch has listed. read are the entries of those rows that were read already.
func (c *Catalog) list(l repo.Listed, read map[place]*repo.Entry) {
	of := newColumns(l.Table)
	c.columns, c.partly = of, true
	added := make([]Row, len(l.Entries)+len(l.Rows))
	rows := make([]*Row, len(added))
	for i := range added {
		r := &added[i]
		if rows[i] = r; i < len(l.Entries) {
			*r = Row{catalog: c, entry: l.Entries[i]}
		} else {
			at := int32(l.Rows[i-len(l.Entries)])
			*r = Row{catalog: c, columns: of, at: at, entry: read[place{of.table, at}]}
		}
		if r.entry != nil {
			c.byRun[r.entry.Run] = r.entry
		}
	}
	c.rows = rows
	c.changed()
}

// place is where a table has a run.
type place struct {
	table *repo.Table
	at    int32
}

// newRoot returns a catalog without runs, to derive the first of a family from.
func newRoot(ctx context.Context, r *repo.Repository, o Options) (*Catalog, error) {
	config, err := r.Config()
	if err != nil {
		return nil, err
	}
	scope := cmp.Or(o.experiment(ctx, r), config.Experiment)
	return &Catalog{ctx: ctx, config: config, scope: scope, family: &family{}}, nil
}

// experiment returns the experiment of the options by the name that runs have: it may be shown under another.
func (o Options) experiment(ctx context.Context, r *repo.Repository) string {
	if o.Experiment == "" {
		return ""
	}
	return r.ExperimentShown(ctx, o.Experiment)
}

// ExperimentTitles returns the names that experiments are shown under, by the names that runs have, where these are
// others.
func (c *Catalog) ExperimentTitles() map[string]string {
	if c.repo == nil {
		return nil
	}
	return c.repo.ExperimentTitles(c.ctx)
}

// derive returns a catalog of other runs, with the settings and the family of c.
func (c *Catalog) derive(r *repo.Repository, entries []*repo.Entry, damage []repo.Damage) *Catalog {
	other := &Catalog{
		ctx: c.ctx, repo: r, config: c.config, scope: c.scope, family: c.family,
		byRun: make(map[*format.Run]*repo.Entry, len(entries)),
	}
	other.Add(entries)
	other.addDamage(damage)
	return other
}

// Close removes the temporary files of runs of revisions. It also closes the catalogs that were opened from c.
func (c *Catalog) Close() {
	for _, closer := range c.family.closers {
		closer()
	}
	c.family.closers = nil
}

// At lists the runs of a Git revision, without a checkout. Closing c also closes the catalog.
func (c *Catalog) At(ctx context.Context, rev string) (*Catalog, error) {
	table, v, err := c.repo.TableAt(ctx, rev)
	if err != nil {
		return nil, err
	}
	c.family.closers = append(c.family.closers, v.Close)
	at := c.derive(v.Repository, nil, table.Damage)
	at.addTable(table)
	return at, nil
}

// With returns a catalog of other runs with the settings of c. Closing c also closes it.
func (c *Catalog) With(entries []*repo.Entry) *Catalog {
	return c.derive(c.repo, entries, nil)
}

// WithRows returns a catalog of rows of c and of catalogs that were opened from it, with the settings of c. It reads no
// records. Closing c also closes it.
func (c *Catalog) WithRows(rows []*Row) *Catalog {
	other := c.derive(c.repo, nil, nil)
	own := make([]Row, len(rows))
	other.rows = make([]*Row, len(rows))
	for i, r := range rows {
		own[i] = Row{catalog: other, columns: r.columns, entry: r.entry, at: r.at, gone: r.gone}
		if other.rows[i] = &own[i]; r.entry != nil {
			other.byRun[r.entry.Run] = r.entry
		}
	}
	other.changed()
	return other
}

// Apart is like With, but the catalog shares nothing with c that either of them changes, so that both may be used at
// the same time. The caller closes it.
func (c *Catalog) Apart(entries []*repo.Entry) *Catalog {
	root := &Catalog{ctx: c.ctx, config: c.config, scope: c.scope, family: &family{}}
	return root.derive(c.repo, entries, nil)
}

// Add adds runs to the catalog.
func (c *Catalog) Add(entries []*repo.Entry) {
	if len(entries) == 0 {
		return
	}
	added := make([]Row, len(entries))
	rows := make([]*Row, 0, len(c.rows)+len(entries))
	rows = append(rows, c.rows...)
	for i, e := range entries {
		added[i] = Row{catalog: c, entry: e}
		rows = append(rows, &added[i])
		c.byRun[e.Run] = e
	}
	c.rows = rows
	c.changed()
	if c.columns == nil {
		c.readAll() // nothing is left to read, and several readers of the list must not have to make it
	}
}

// addTable adds the runs of a table.
func (c *Catalog) addTable(t *repo.Table) {
	c.columns = newColumns(t)
	c.rows = c.rowsOf(c.columns)
	c.forget() // the table is sorted
}

func (c *Catalog) rowsOf(columns *columns) []*Row {
	added := make([]Row, columns.table.Len())
	rows := make([]*Row, len(added))
	for i := range added {
		added[i] = Row{catalog: c, columns: columns, at: int32(i)}
		rows[i] = &added[i]
	}
	for row, e := range columns.table.Actives() {
		added[row].entry = e
		c.byRun[e.Run] = e
	}
	return rows
}

// changed sorts the runs and forgets what was found out before.
func (c *Catalog) changed() {
	newer := func(a, b *Row) int { return query.NewerRow(a, b) }
	if !slices.IsSortedFunc(c.rows, newer) {
		slices.SortFunc(c.rows, newer)
	}
	c.forget()
}

// forget drops what was found out about the runs.
func (c *Catalog) forget() {
	c.all, c.entries, c.runs = nil, nil, nil
	c.goals, c.linked, c.inner, c.names, c.wholes = nil, nil, nil, nil, nil
}

// load reads the records of rows that were not read yet. A run that was removed meanwhile, and one whose record is
// damaged, is no longer in the catalog afterwards.
func (c *Catalog) load(rows []*Row) error {
	var done []*columns
	for _, r := range rows {
		of := r.columns
		if r.entry != nil || r.gone || slices.Contains(done, of) {
			continue
		}
		done = append(done, of)
		others := func(r *Row) bool { return r.columns != of }
		same := rows
		if slices.ContainsFunc(rows, others) {
			same = slices.DeleteFunc(slices.Clone(rows), others)
		}
		if err := c.loadOf(of, same); err != nil {
			return err
		}
	}
	return nil
}

// loadOf is load for rows of the same columns.
func (c *Catalog) loadOf(columns *columns, rows []*Row) error {
	var places []int
	for _, r := range rows {
		if r.entry == nil && !r.gone {
			places = append(places, int(r.at))
		}
	}
	if len(places) == 0 {
		return nil
	}
	entries, damage, err := columns.table.Load(c.ctx, places)
	if err != nil {
		return err
	}
	c.addDamage(damage)
	lost := len(entries) < len(places)
	i := 0
	for _, r := range rows {
		switch {
		case r.entry != nil || r.gone:
			if i < len(entries) && r.entry == entries[i] { // rows has it twice
				i++
			}
		case i < len(entries) && entries[i].ID == r.ID():
			r.entry = entries[i]
			c.byRun[r.entry.Run] = r.entry
			i++
		default:
			r.gone = true
		}
	}
	if lost {
		c.rows = slices.DeleteFunc(slices.Clone(c.rows), func(r *Row) bool { return r.gone })
		c.changed()
	}
	return nil
}

// readAll reads the records of all runs.
func (c *Catalog) readAll() {
	if c.entries != nil {
		return
	}
	_ = c.load(c.rows) // it fails only if the search was canceled, which the caller sees
	c.entries = make([]*repo.Entry, 0, len(c.rows))
	for _, r := range c.rows {
		if r.entry != nil {
			c.entries = append(c.entries, r.entry)
		}
	}
	slices.SortStableFunc(c.entries, func(a, b *repo.Entry) int { return query.Newer(a.Run, b.Run) })
	c.runs = Records(c.entries)
}

// AddRevision adds the runs of a Git revision that are not in the catalog yet.
func (c *Catalog) AddRevision(ctx context.Context, rev string) error {
	known := c.IDs()
	return c.addFrom(c.repo.ListRevision(ctx, rev, func(id string) bool { return known[id] }))
}

// addBranch adds the runs of the runs branch. They count no matter which branch is checked out.
func (c *Catalog) addBranch(ctx context.Context) error {
	if c.config.Commit.Branch == "" {
		return nil
	}
	known := c.IDs()
	before := len(c.damage)
	err := c.addFrom(c.repo.ListBranch(ctx, func(id string) bool { return known[id] }))
	c.branch = c.damage[before:]
	return err
}

// addBranchTable is like addBranch, and reads no records.
func (c *Catalog) addBranchTable(ctx context.Context) error {
	if c.config.Commit.Branch == "" {
		return nil
	}
	known := c.IDs()
	table, rev, err := c.repo.TableOfBranch(ctx, func(id string) bool { return known[id] })
	if err != nil || table == nil {
		return err
	}
	c.family.closers = append(c.family.closers, rev.Close)
	before := len(c.damage)
	c.addDamage(table.Damage)
	c.branch = c.damage[before:]
	c.more = newColumns(table)
	c.rows = append(slices.Clone(c.rows), c.rowsOf(c.more)...)
	c.changed()
	return nil
}

// Renew returns a catalog of the runs that a watch of the repository has listed now, with the settings, the runs of the
// runs branch and the temporary files of c, which was made by Watched or Renew. What was read of runs that did not
// change is kept. c can still be used, also at the same time. Only one of the two is closed.
func (c *Catalog) Renew(l repo.Listed) *Catalog {
	root := &Catalog{ctx: c.ctx, config: c.config, scope: c.scope, family: &family{closers: c.family.closers}}
	n := root.derive(c.repo, nil, l.Damage)
	read := map[place]*repo.Entry{}
	for _, r := range c.rows {
		if r.columns != nil && r.entry != nil {
			read[place{r.columns.table, r.at}] = r.entry
		}
	}
	n.list(l, read)
	if c.more != nil {
		n.more = newColumns(c.more.table)
		known := n.IDs()
		rows := slices.Clone(n.rows)
		for _, r := range c.rows {
			if r.columns == c.more && !known[r.ID()] {
				rows = append(rows, &Row{catalog: n, columns: n.more, at: r.at, entry: r.entry})
				if r.entry != nil {
					n.byRun[r.entry.Run] = r.entry
				}
			}
		}
		n.rows = rows
		n.changed()
	}
	n.addDamage(c.branch)
	n.branch = c.branch
	for e, whole := range c.wholes {
		if n.byRun[e.Run] == e && slices.Equal(c.Earlier(e), n.Earlier(e)) {
			if n.wholes == nil {
				n.wholes = map[*repo.Entry]*repo.Entry{}
			}
			n.wholes[e], n.byRun[whole.Run] = whole, whole
		}
	}
	return n
}

// RowsOf returns rows of entries, which may be those of a revision, as Select finds them.
func (c *Catalog) RowsOf(entries []*repo.Entry) []*Row {
	rows := make([]*Row, len(entries))
	for i, e := range entries {
		c.byRun[e.Run] = e
		rows[i] = &Row{catalog: c, entry: e}
	}
	return rows
}

func (c *Catalog) addFrom(rev *repo.Revision, entries []*repo.Entry, damage []repo.Damage, err error) error {
	if err != nil {
		return err
	}
	if rev != nil {
		c.family.closers = append(c.family.closers, rev.Close)
	}
	c.addDamage(damage)
	c.Add(entries)
	return nil
}

func (c *Catalog) addDamage(damage []repo.Damage) {
	c.damage = append(c.damage, damage...)
	c.family.damage = append(c.family.damage, damage...)
}

// Repository returns the repository that the runs are read from. It is that of the working tree or of a revision.
func (c *Catalog) Repository() *repo.Repository { return c.repo }

// Config returns the configuration of the project.
func (c *Catalog) Config() *format.Config { return c.config }

// Scope returns the experiment that selectors look in, or "" for every experiment.
func (c *Catalog) Scope() string { return c.scope }

// InScope reports whether a run belongs to the experiment that selectors look in.
func (c *Catalog) InScope(run *format.Run) bool { return c.scope == "" || run.Experiment == c.scope }

// Rows returns all runs, newest first, without reading their records. The caller must not change the slice.
func (c *Catalog) Rows() []*Row { return c.rows }

// Entries returns all runs, newest first. It reads their records, which takes long for many runs; see Rows. The caller
// must not change the slice.
func (c *Catalog) Entries() []*repo.Entry {
	c.readAll()
	return c.entries
}

// Runs returns the records of Entries, in the same order. The caller must not change the slice.
func (c *Catalog) Runs() []*format.Run {
	c.readAll()
	return c.runs
}

// Damage returns the runs of this catalog that could not be read.
func (c *Catalog) Damage() []repo.Damage { return c.damage }

// AllDamage returns the damage of this catalog and of all catalogs that share its family, in the order in which it
// was found.
func (c *Catalog) AllDamage() []repo.Damage { return c.family.damage }

// WithUnknownKeys returns how many runs have keys in their record that this version does not know.
func (c *Catalog) WithUnknownKeys() int {
	n := 0
	for _, r := range c.rows {
		if r.entry != nil && len(r.entry.Unknown) > 0 ||
			r.entry == nil && r.columns.unknown.Kind(int(r.at)) != index.Absent {
			n++
		}
	}
	return n
}

// queryRows returns all runs for package query. The caller must not change the slice.
func (c *Catalog) queryRows() []query.Row {
	if c.all == nil {
		c.all = AsRows(c.rows)
	}
	return c.all
}

// IDs returns the ids of the runs that could be read.
func (c *Catalog) IDs() map[string]bool {
	ids := make(map[string]bool, len(c.rows))
	for _, r := range c.rows {
		ids[r.ID()] = true
	}
	return ids
}

// Goal returns the goal of a metric, min or max. It is the configured goal, otherwise the one that the newest run
// defines, otherwise the one that the name implies. It is empty if there is none.
func (c *Catalog) Goal(metric string) string {
	if c.goals == nil {
		c.goals = c.config.GoalIn(c.Defining()...)
	}
	if !c.goalIsSure(metric) {
		return c.goalOf(metric)
	}
	return c.goals(metric)
}

// Defining returns records with what runs define about metrics, newest first. Of several runs with the same
// definitions, it may return the newest only. Nothing but the definitions of a record is sure to be there.
func (c *Catalog) Defining() []*format.Run {
	var runs []*format.Run
	type defined struct {
		by   *columns
		code int
	}
	seen := map[defined]bool{}
	for _, r := range c.rows {
		if r.entry != nil {
			runs = append(runs, r.entry.Run)
			continue
		}
		switch column := r.columns.definition; column.Kind(int(r.at)) {
		case index.Absent:
		case index.List:
			code := defined{r.columns, column.Code(int(r.at))}
			if seen[code] {
				continue
			}
			seen[code] = true
			if defined, ok := r.columns.table.Definitions(int(r.at)); ok {
				runs = append(runs, &format.Run{Defined: defined})
				continue
			}
			fallthrough
		default:
			if r.read(); r.entry != nil {
				runs = append(runs, r.entry.Run)
			}
		}
	}
	return runs
}

// Context returns the context that expressions, sorting and groups need.
func (c *Catalog) Context() query.Context {
	return query.Context{
		Goal: c.Goal, Named: c.named, Now: time.Now(),
		Manifest: func(d format.Dataset) ([]format.ManifestEntry, error) { return c.repo.Manifest(c.ctx, d) },
	}
}

// contextOf is like Context, for some rows only. It knows from the columns where none of them has a key.
func (c *Catalog) contextOf(rows []*Row) query.Context {
	context := c.Context()
	if c.columns == nil {
		return context
	}
	var read []query.Row
	for _, r := range rows {
		if r.entry != nil || r.columns != c.columns {
			read = append(read, r)
		}
	}
	if len(read) > len(rows)/8 {
		return context // it takes as long to ask these
	}
	context.Lacks = func(p query.Part, name string) bool {
		return c.columns.lacks(p, name) && !slices.ContainsFunc(read, func(r query.Row) bool { return query.Has(r, p, name) })
	}
	return context
}

// named reports whether any run has a metric with this name.
func (c *Catalog) named(metric string) bool {
	has := func(r *Row) bool {
		_, ok := r.Metric(metric)
		if !ok {
			_, ok = r.Number(metric)
		}
		return ok
	}
	if c.names == nil {
		c.names = map[string]bool{}
	}
	known, ok := c.names[metric]
	if !ok {
		known = slices.ContainsFunc(c.rows, has)
		c.names[metric] = known
	}
	return known
}

// Records returns the records of entries, in the same order.
func Records(entries []*repo.Entry) []*format.Run {
	runs := make([]*format.Run, len(entries))
	for i, e := range entries {
		runs[i] = e.Run
	}
	return runs
}

// EntriesOf returns the entries for records of this catalog, in the same order.
func (c *Catalog) EntriesOf(runs []*format.Run) []*repo.Entry {
	entries := make([]*repo.Entry, len(runs))
	for i, r := range runs {
		entries[i] = c.byRun[r]
	}
	return entries
}
