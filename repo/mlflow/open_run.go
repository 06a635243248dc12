package mlflow

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/catalog"
	"github.com/gitruns/runs/repo/mlflow/names"
)

// openRun is a run that this service writes to. It stays open until the program ends, even if MLflow has ended it:
// programs write to runs that have ended.
type openRun struct {
	active     *repo.Active
	id         string      // that MLflow knows it by: for a resumed run, that of the chain
	record     *format.Run // as the run was started
	experiment string
	earlier    *stored // the run that this one resumes; may be nil

	mu      sync.Mutex // guards what follows
	journal *repo.Journal
	name    string
	status  string // MLflow's word: RUNNING, FINISHED, FAILED or KILLED
	ended   int64  // ms since 1970; 0 while MLflow has not ended it
	deleted bool
	before  bool // another run began after MLflow had ended this one
	params  map[string]string
	tags    map[string]string
	removed map[string]bool // tags that were removed by a note, which counts more than the journal
	latest  map[string]metricJSON
	inputs  []input
	named   []namedData
	models  map[int]*model // by their numbers

	forModel bool // MLflow knows no run for the model, and ends none

	measured map[string]bool // models that have points of this run; true if the record names them, too

	maker   int              // the process of the program that began it, if it says when it exits; otherwise 0
	by      int              // the process that began it, of a service that outlives programs; 0 if it is not known
	process repo.Process     // with by
	written time.Time        // when this service last wrote to it
	direct  *repo.LivePoints // not nil if that process writes to journals of its own as well

	live livePoints
}

// maxOpen is how many runs are open at once. If there are more, the one that MLflow ended first is finished.
const maxOpen = 200

// start begins a run. The first run of a program without a parent is the one that records the program, unless the
// program says that it began at another time. started may be zero, for now.
func (s *Service) start(
	ctx context.Context, experiment, name string, tags map[string]string, started time.Time,
) (*openRun, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	parent := tags[TagParent]
	if of := s.opened(parent); of != nil {
		parent = of.active.ID
	} else if format.CheckID(parent) != nil || !s.repo.HasRun(parent) {
		parent = ""
	}
	return s.begin(ctx, &format.Run{Experiment: experiment, Name: name, Parent: parent, Started: started}, nil)
}

func newOpenRun(described *format.Run) *openRun {
	return &openRun{
		record: described, experiment: described.Experiment, status: StatusRunning, name: described.Name,
		params: map[string]string{}, tags: map[string]string{}, removed: map[string]bool{}, latest: map[string]metricJSON{},
		models: map[int]*model{}, measured: map[string]bool{},
	}
}

// begin starts a run and opens it. The caller holds the lock.
func (s *Service) begin(ctx context.Context, described *format.Run, earlier *stored) (*openRun, error) {
	run := newOpenRun(described)
	run.earlier = earlier
	var err error
	if program := s.opts.Program; program != nil && !s.taken && described.Parent == "" && described.Started.IsZero() {
		run.active = program
		described.Name = cmp.Or(described.Name, names.Of(program.ID))
		if run.record, err = program.Describe(ctx, described); err != nil {
			return nil, err
		}
		run.experiment, run.name = run.record.Experiment, run.record.Name
		s.taken = true
	} else {
		if err = s.makeRoom(ctx); err == nil {
			err = s.share(ctx, described)
		}
		if err != nil {
			return nil, err
		}
		if described.Started.IsZero() {
			described.Started = time.Now().UTC().Truncate(time.Microsecond)
		}
		described.ID = format.NewID(described.Started)
		described.Name = cmp.Or(described.Name, names.Of(described.ID))
		run.record, run.name = described, described.Name
		if run.active, err = s.startFor(ctx, run); err != nil {
			return nil, err
		}
		if s.opts.PID != 0 {
			run.active.KeepFor(s.opts.PID)
		}
	}
	if run.journal, err = run.active.OpenJournal(); err != nil {
		return nil, err
	}
	run.inherit(s)
	if s.opts.Program != nil {
		run.maker = caller(ctx)
	}
	if earlier != nil {
		if err := s.placeEarlier(ctx, run.active, earlier); err != nil {
			return nil, err
		}
	}
	if run.id = run.active.ID; earlier != nil {
		run.id = earlier.id
		s.parts[run.active.ID] = run.id
		for _, part := range earlier.parts() {
			s.parts[part.ID] = run.id
		}
	}
	s.known.forget()
	for _, other := range s.open {
		other.mu.Lock()
		other.before = other.before || other.ended != 0
		other.mu.Unlock()
	}
	s.open[run.id] = run
	return run, nil
}

// share adds to a further run of the program what was captured for the program, which holds for all its runs. The
// caller holds the lock.
func (s *Service) share(ctx context.Context, run *format.Run) error {
	switch {
	case s.opts.Capture != nil:
		return s.opts.Capture(ctx, caller(ctx), run)
	case s.opts.Program == nil:
		return nil
	}
	if s.shared == nil {
		e, err := s.opts.Program.Entry(ctx)
		if err != nil {
			return err
		}
		s.shared = e.Run
	}
	of := s.shared
	run.Author, run.Command, run.Cwd = of.Author, of.Command, of.Cwd
	run.Source, run.Environment, run.Machine, run.Datasets = of.Source, of.Environment, of.Machine, of.Datasets
	run.Group = cmp.Or(run.Group, of.Group, of.ID)
	return nil
}

// opened returns an open run, by the id that MLflow knows or by its own. The caller holds the lock.
func (s *Service) opened(id string) *openRun {
	if whole := s.parts[id]; whole != "" {
		id = whole
	}
	return s.open[id]
}

// run returns an open run.
func (s *Service) run(id string) (*openRun, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	run := s.opened(id)
	if run == nil {
		return nil, notFound("Run with id=%s not found", id)
	}
	return run, nil
}

// writable returns a run to write to. A finished run of the repository is resumed by a new one.
func (s *Service) writable(ctx context.Context, id string) (*openRun, error) {
	run, err := s.run(id)
	if err == nil {
		return run, nil
	}
	e, err := s.ended(ctx, id)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if run := s.opened(e.id); run != nil { // resumed by another call meanwhile, or asked for by another id
		s.parts[id] = run.id
		return run, nil
	}
	if e.Active != nil {
		return s.adopt(ctx, e)
	}
	if s.inDeleted(e.Experiment) {
		return nil, inactive(id)
	}
	described := &format.Run{Adds: true} // for MLflow, all points of the run count
	if err := (catalog.Resumption{Entry: e.Entry}).Inherit(described, false); err != nil {
		return nil, err
	}
	before := s.jsonOf(ctx, e)
	if run, err = s.begin(ctx, described, e); err != nil {
		return nil, err
	}
	s.parts[id] = run.id
	run.continues(before)
	if s.opts.Program == nil { // only its process would end it, which does not know that it goes on
		run.status, run.ended, run.written = before.Info.Status, time.Now().UnixMilli(), time.Now()
	}
	return run, nil
}

// ended returns a run to resume. If its newest part is a run whose program was killed, that part is finished first.
func (s *Service) ended(ctx context.Context, id string) (*stored, error) {
	e, err := s.entry(ctx, id)
	if err != nil && s.inTrash(id) != nil {
		return nil, inactive(id)
	}
	if err != nil || e.Active == nil || e.Active.KeptBy(caller(ctx)) {
		return e, err
	}
	if gone, err := e.Active.Gone(ctx); err != nil || !gone {
		return e, nil // adopt refuses it
	}
	finished, err := s.repo.FinishGone(ctx, func(other string) bool { return other != e.ID })
	for _, r := range finished {
		err = errors.Join(err, r.Err)
	}
	if err != nil {
		return nil, err
	}
	s.known.forget()
	return s.entry(ctx, id)
}

// forgetParts forgets by which ids MLflow knows an open run. The caller holds the lock.
func (s *Service) forgetParts(run *openRun) {
	maps.DeleteFunc(s.parts, func(_, whole string) bool { return whole == run.id })
	s.known.forget()
}

// The tags of MLflow that have a place of their own in a record.
const (
	TagName   = "mlflow.runName"
	TagNote   = "mlflow.note.content"
	TagParent = "mlflow.parentRunId"
)

func tagsOf(list []tagJSON) map[string]string {
	tags := make(map[string]string, len(list))
	for _, t := range list {
		tags[t.Key] = t.Value
	}
	return tags
}

// setTags records tags. The caller holds the lock of the run.
func (run *openRun) setTags(list []tagJSON) error {
	line := &format.Line{Tags: map[string]string{}}
	for i, t := range list {
		if err := checkTag(t.Key); err != nil {
			return err
		}
		list[i].Value = cut(t.Value, maxTagText)
	}
	for _, t := range list {
		text, repeats := contextTag(run.record, t)
		if old, ok := run.tags[t.Key]; ok && old != t.Value {
			repeats = false // another value may have been recorded
		}
		key := recordedTag(t.Key)
		switch {
		case t.Key == TagName:
			if err := run.rename(t.Value); err != nil {
				return err
			}
		case t.Key == TagNote:
			if err := run.annotate(&format.Note{Text: t.Value}); err != nil {
				return err
			}
		case run.removed[t.Key]:
			if err := run.annotate(&format.Note{Tags: map[string]string{key: text}}); err != nil {
				return err
			}
		case t.Key == TagParent, repeats:
		default:
			line.Tags[key] = text
		}
	}
	if len(line.Tags) > 0 {
		if err := run.append(line); err != nil {
			return err
		}
	}
	for _, t := range list {
		run.tags[t.Key] = t.Value
	}
	return nil
}

// rename gives the run another name. The caller holds the lock.
func (run *openRun) rename(name string) error {
	if name == run.name {
		return nil
	}
	if err := run.annotate(&format.Note{Name: name}); err != nil {
		return err
	}
	run.name = name
	return nil
}

func (run *openRun) annotate(n *format.Note) error {
	e, err := run.active.Entry(context.Background())
	if err != nil {
		return err
	}
	return e.Annotate(n)
}

// append writes lines to the journal. When it returns, they survive the death of this process. The caller holds the
// lock.
func (run *openRun) append(lines ...*format.Line) error {
	for _, l := range lines {
		if err := format.CheckLine(l); err != nil {
			return invalid("recording in run %s: %v", run.active.ID, err)
		}
	}
	run.written = time.Now()
	return run.journal.AppendNow(lines...)
}

// continues takes what is known of the run from before.
func (run *openRun) continues(before *runJSON) {
	run.params, run.tags = tagsOf(before.Data.Params), tagsOf(before.Data.Tags)
	for _, m := range before.Data.Metrics {
		run.latest[m.Key] = m
	}
}

// json returns the run as MLflow's client reads it. The caller holds the lock.
func (run *openRun) json(s *Service) *runJSON {
	run.refresh()
	started := run.record.Started
	if run.earlier != nil {
		started = run.earlier.started()
	}
	info := infoJSON{
		ID: run.id, UUID: run.id, Name: run.name, Experiment: ExperimentID(run.experiment),
		User: run.record.Author, Status: run.status, Start: started.UnixMilli(), End: run.ended,
		Artifacts: fileURI(run.active.FilesDir()), Stage: stageActive,
	}
	if s.isDeleted(run) {
		info.Stage = stageDeleted
	}
	tags := maps.Clone(run.tags)
	if run.name != "" {
		tags[TagName] = run.name
	}
	data := dataJSON{Params: pairs(run.params), Tags: pairs(tags)}
	for _, key := range slices.Sorted(maps.Keys(run.latest)) {
		data.Metrics = append(data.Metrics, run.latest[key])
	}
	return &runJSON{info, data, run.inputsJSON(s), outputsOf(run.allModels())}
}

func pairs(m map[string]string) []tagJSON {
	list := make([]tagJSON, 0, len(m))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		list = append(list, tagJSON{key, m[key]})
	}
	return list
}
