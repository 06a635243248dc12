package mlflow

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/catalog"
	"github.com/gitruns/runs/repo/index"
)

// A program that writes to a run which has ended continues the run, for MLflow: its id stays, and it has all points.
// Here each continuation is a run of its own that resumes the one before. Such a chain of runs is one run of MLflow's.

// chain says which runs are one run of MLflow's.
type chain struct {
	id    string   // what MLflow knows it by: the id of its oldest part that is in no newer chain
	parts []string // ids, newest first
}

// chainsOf finds the chains among runs, by the ids of all their parts. A run that is in two chains, because two runs
// resume it, belongs to the newer one. A run that is in none is left out.
func chainsOf(runs []*format.Run) map[string]*chain {
	of := map[string]*chain{}
	for _, parts := range catalog.Chains(runs) {
		if len(parts) < 2 {
			continue
		}
		c := &chain{}
		for _, part := range parts {
			c.parts = append(c.parts, part.ID)
			if of[part.ID] == nil {
				of[part.ID], c.id = c, part.ID
			}
		}
	}
	return of
}

// linksIn returns the runs of a table that resume another, and those that they resume, as far as chainsOf needs them.
// Runs that are open are left out: this service knows more of them.
func linksIn(t *repo.Table, open func(id string) bool) (runs []*format.Run) {
	resumes, started := t.Column(index.Attributes, "resumes"), t.Column(index.Attributes, "started")
	before := map[string]string{}
	linked := map[string]bool{}
	for row := range t.Len() {
		if resumes.Kind(row) == index.Text && !open(t.ID(row)) {
			id, earlier := t.ID(row), resumes.Text(row)
			before[id], linked[id], linked[earlier] = earlier, true, true
		}
	}
	if len(before) == 0 {
		return nil
	}
	for row := range t.Len() {
		if id := t.ID(row); linked[id] && !open(id) {
			run := &format.Run{ID: id, Resumes: before[id]}
			if started.Kind(row) == index.Time {
				run.Started = started.Time(row)
			}
			runs = append(runs, run)
		}
	}
	return runs
}

// known is what MLflow's ids stand for, remembered for a moment: a program asks for many runs, one by one.
type known struct {
	program string // the run that records the program, which is never an earlier part of another; may be empty

	mu     sync.Mutex
	until  time.Time
	table  *repo.Table
	chains map[string]*chain
	keys   map[string]string // the newest run with a key; nil until it is needed

	measured map[string][]string // see measuredIn; nil until it is needed
	spans    map[string]span     // see spansIn; nil until it is needed
}

// remembered is the least time for which it is. Longer ones are for repositories that take long to read.
const remembered = time.Second

// forget reads the names anew the next time. Runs were started, finished or removed.
func (k *known) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.table = nil
}

// read reads the runs of the repository, unless it just has. The caller holds the lock.
func (k *known) read(ctx context.Context, r *repo.Repository) error {
	if k.table != nil && time.Now().Before(k.until) {
		return nil
	}
	began := time.Now()
	table, err := r.Table(ctx)
	if err != nil {
		return err
	}
	k.table, k.chains, k.keys = table, chainsOf(linksIn(table, k.isProgram)), nil
	k.measured, k.spans = nil, nil
	k.until = time.Now().Add(max(remembered, 10*time.Since(began)))
	return nil
}

func (k *known) isProgram(id string) bool { return id == k.program }

// find returns the chain that an id names. A run that is in none is a chain of its own. An id that is not one of ours
// is that of an imported run, which is its key.
func (k *known) find(ctx context.Context, r *repo.Repository, id string) (*chain, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.read(ctx, r); err != nil {
		return nil, err
	}
	if format.CheckID(id) != nil {
		if k.keys == nil {
			k.keys = keysIn(k.table)
		}
		if id = k.keys[id]; id == "" {
			return nil, nil
		}
	}
	if c := k.chains[id]; c != nil {
		return c, nil
	}
	return &chain{id, []string{id}}, nil
}

// keysIn returns the newest run with each key.
func keysIn(t *repo.Table) map[string]string {
	keys := map[string]string{}
	column := t.Column(index.Attributes, "key")
	for row := range t.Len() {
		if column.Kind(row) == index.Text {
			if key, id := column.Text(row), t.ID(row); id > keys[key] {
				keys[key] = id
			}
		}
	}
	return keys
}

// stored is a run of MLflow's that this service has not opened.
type stored struct {
	*repo.Entry               // its newest part
	id          string        // what MLflow knows it by
	earlier     []*repo.Entry // its other parts, newest first
}

// alone is a run that is in no chain.
func alone(e *repo.Entry) *stored { return &stored{Entry: e, id: e.ID} }

// parts returns all parts, newest first.
func (e *stored) parts() []*repo.Entry { return append([]*repo.Entry{e.Entry}, e.earlier...) }

// started returns when the first part was started.
func (e *stored) started() time.Time { return e.parts()[len(e.earlier)].Started }

// entry returns a run of MLflow's that this service has not opened, by the id of any of its parts, or by its key.
func (s *Service) entry(ctx context.Context, id string) (*stored, error) {
	missing := notFound("Run with id=%s not found", oneLine(cut(id, maxName)))
	for range 2 {
		c, err := s.known.find(ctx, s.repo, id)
		if err != nil {
			return nil, err
		}
		if c == nil {
			return nil, missing
		}
		e, err := s.read(ctx, c)
		if !isMissing(err) {
			return e, err
		}
		s.known.forget() // its newest part was removed since
	}
	return nil, missing
}

func isMissing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, repo.ErrNotActive)
}

// read reads the parts of a chain. Earlier parts that cannot be read are left out: 'runs verify' names them.
func (s *Service) read(ctx context.Context, c *chain) (*stored, error) {
	newest, err := s.repo.Read(ctx, c.parts[0])
	if err != nil {
		return nil, err
	}
	e := &stored{Entry: newest, id: c.id}
	for _, id := range c.parts[1:] {
		part, err := s.repo.Read(ctx, id)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err == nil {
			e.earlier = append(e.earlier, part)
		}
	}
	return e, nil
}

// wholeID returns what MLflow knows the run by that has a part.
func (s *Service) wholeID(ctx context.Context, part string) string {
	s.mu.Lock()
	whole := s.parts[part]
	s.mu.Unlock()
	if whole != "" {
		return whole
	}
	if c, err := s.known.find(ctx, s.repo, part); err == nil && c != nil {
		return c.id
	}
	return part
}

// part returns a run alone, whatever resumes it.
func (s *Service) part(ctx context.Context, id string) (*repo.Entry, error) {
	if format.CheckID(id) != nil {
		return nil, notFound("Run with id=%s not found", oneLine(cut(id, maxName)))
	}
	e, err := s.repo.Read(ctx, id)
	if isMissing(err) {
		return nil, notFound("Run with id=%s not found", id)
	}
	return e, err
}

// latest returns the latest point of each metric of a chain: that of the highest step, as MLflow has it, also if a
// later part began anew. Where points cannot be read, the records count.
func (s *Service) latest(ctx context.Context, e *stored) []metricJSON {
	latest := map[string]metricJSON{}
	note := func(m metricJSON) {
		if last, ok := latest[m.Key]; !ok || !m.before(last) {
			latest[m.Key] = m
		}
	}
	for _, part := range slices.Backward(e.parts()) { // of equal points, the newest counts
		read := map[string]bool{}
		_ = part.EachPoint(ctx, repo.PointFilter{Last: true}, func(key string, p format.Point) error {
			read[key] = true
			note(metricJSON{Key: key, Value: value(p.Value), Time: number(p.Time / 1000), Step: number(p.Step)})
			return nil
		})
		for _, m := range recordedMetrics(part) {
			if !read[m.Key] {
				note(m)
			}
		}
	}
	list := make([]metricJSON, 0, len(latest))
	for _, key := range slices.Sorted(maps.Keys(latest)) {
		list = append(list, latest[key])
	}
	return list
}
