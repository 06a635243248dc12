package catalog

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// ResumeMode says whether starting a run resumes an earlier one.
type ResumeMode string

// The modes. All but ResumeAuto look for the newest run with a key. No mode finds a foreign run that is active.
const (
	ResumeNone       ResumeMode = ""           // start a new run, even if a run has the key
	ResumeNever      ResumeMode = "never"      // refuse a key that a run has
	ResumeMust       ResumeMode = "must"       // resume the run; refuse a key that no run has
	ResumeAllow      ResumeMode = "allow"      // resume the run if there is one
	ResumeAuto       ResumeMode = "auto"       // as allow; without a key, resume an unsuccessful run of the job or program
	ResumeUnfinished ResumeMode = "unfinished" // resume the run if it was unsuccessful, also one of another machine
)

// ResumeRequest asks for the run that a new one resumes.
type ResumeRequest struct {
	Mode    ResumeMode
	Key     string // a key, an id, or the random part of an id; for ResumeUnfinished only a key
	Job     repo.Job
	Program Program // for ResumeAuto, if there is neither a key nor a job
}

// Program holds what all runs of the same program on the same machine have in common.
type Program struct {
	Entry      string // path of the program in the project; if empty, no run is found
	Experiment string // if empty, that of the configuration
	Parent     string // id
	Host       string
}

// ran reports whether a run is one of the program.
func (p Program) ran(r *Row) bool {
	return p.Entry != "" && r.Experiment() == p.Experiment && r.is("source.entry", p.Entry) && r.is("parent", p.Parent) &&
		r.is("reproduces", "") && r.is("machine.host", p.Host)
}

// Resumption describes the run that a new one resumes.
type Resumption struct {
	Entry    *repo.Entry // nil if no run is resumed
	Same     bool        // Entry is active, and the process joins it; otherwise a new run resumes Entry
	Key      string      // the key that was looked for
	Existing string      // id of a run that has the key and is not resumed
	requeued bool        // the scheduler has ended the owners of Entry, which are on another machine
}

// ResumeProblem is the reason why a run cannot be started or resumed.
type ResumeProblem int

// The problems.
const (
	KeyExists   ResumeProblem = iota // a run has the key, and the mode is never
	KeyMissing                       // no run has the key, and the mode is must
	IsActive                         // the run is active on this machine
	MayBeActive                      // the run may be active on another machine, boot or container
)

// ResumeError is returned if a run cannot be started or resumed.
type ResumeError struct {
	Problem ResumeProblem
	Key     string
	Run     string // id; empty for KeyMissing
}

func (e *ResumeError) Error() string {
	switch e.Problem {
	case KeyExists:
		return fmt.Sprintf("starting %s: run %s already has this id", e.Key, e.Run)
	case KeyMissing:
		return fmt.Sprintf("resuming %s: no run has this id", e.Key)
	case IsActive:
		return fmt.Sprintf("resuming %s: run %s is in progress", e.Key, e.Run)
	default:
		return fmt.Sprintf("resuming %s: run %s may be in progress on another machine, boot or container", e.Key, e.Run)
	}
}

// Resume finds the run that a new one resumes. It decides by the state of the newest run that the request finds:
//
//   - finished with status finished: a new run resumes it, unless it was only guessed or the mode is unfinished
//   - finished with another status, so unsuccessful: a new run resumes it
//   - active, and its owner is gone or was ended by the scheduler: the process joins it
//   - active, without a process: the process joins it, unless it was only guessed
//   - active on another machine: the process joins it if the mode is unfinished; otherwise the problem is MayBeActive
//   - active, and its process is alive: the problem is IsActive
//
// A run that was found without a key is only guessed. In that case, Resume resumes no run where it would otherwise
// return an error. Errors are *ResumeError.
func (c *Catalog) Resume(q ResumeRequest) (Resumption, error) {
	guessed := q.Mode == ResumeAuto && q.Key == ""
	if guessed {
		q.Key = q.Job.ID
	}
	none := Resumption{Key: q.Key}
	e := c.resumable(q)
	switch {
	case e == nil && q.Mode == ResumeMust:
		return none, &ResumeError{Problem: KeyMissing, Key: q.Key}
	case e == nil:
		return none, nil
	case q.Mode == ResumeNone:
		return Resumption{Key: q.Key, Existing: e.ID}, nil
	case q.Mode == ResumeNever:
		return none, &ResumeError{KeyExists, q.Key, e.ID}
	case e.Active == nil && e.Status == format.Finished && (guessed || q.Mode == ResumeUnfinished):
		return none, nil
	case e.Active == nil:
		return Resumption{Key: q.Key, Entry: e}, nil
	}
	same := Resumption{Key: q.Key, Entry: e, Same: true, requeued: e.Life == repo.Elsewhere && e.Requeued(q.Job)}
	switch {
	case e.Life == repo.Gone, same.requeued, e.Life == repo.Detached && !guessed,
		e.Life == repo.Elsewhere && q.Mode == ResumeUnfinished:
		return same, nil
	case guessed:
		return none, nil
	case e.Life == repo.Alive:
		return none, &ResumeError{IsActive, q.Key, e.ID}
	default:
		return none, &ResumeError{MayBeActive, q.Key, e.ID}
	}
}

// resumable returns the newest run that the request finds, or nil if there is none.
func (c *Catalog) resumable(q ResumeRequest) *repo.Entry {
	means := func(r *Row) bool { return r.Key() == q.Key || r.ID() == q.Key || format.IDRandom(r.ID()) == q.Key }
	switch {
	case q.Mode == ResumeUnfinished:
		means = func(r *Row) bool { return r.Key() == q.Key }
	case q.Key == "" && q.Mode == ResumeAuto:
		q.Program.Experiment = cmp.Or(q.Program.Experiment, c.config.Experiment)
		means = q.Program.ran
	case q.Key == "":
		return nil
	}
	for _, r := range c.rows {
		if e := r.entry; e != nil && e.Active != nil && e.Life == repo.Foreign || !means(r) {
			continue
		}
		// The file decides: it may say something else than the columns.
		if r.read(); r.entry != nil && means(r) {
			return r.entry
		}
	}
	return nil
}

// ParamsError is returned if a run would be resumed with another value of a param.
type ParamsError struct {
	Run string // id
	Err error  // contains the param and both values
}

func (e *ParamsError) Error() string { return fmt.Sprintf("resuming run %s: %v", e.Run, e.Err) }
func (e *ParamsError) Unwrap() error { return e.Err }

// mergeParams returns the params of the earlier run merged with those given now. If a param has another value, the
// error is a *ParamsError, unless change is true.
func mergeParams(old *format.Run, given format.Params, change bool) (format.Params, error) {
	params := old.Params.Clone()
	if change {
		params.Override(given)
		return params, nil
	}
	if err := params.Add(given); err != nil {
		return nil, &ParamsError{old.ID, err}
	}
	return params, nil
}

// ChangedParams returns the dotted keys of the params whose value differs from that in Entry.
func (s Resumption) ChangedParams(params format.Params) []string {
	var keys []string
	for _, c := range s.Entry.Params.Diff(params) {
		if c.Old != nil && c.New != nil {
			keys = append(keys, strings.Join(c.Path, "."))
		}
	}
	return keys
}

// Inherit makes run, which is not started yet, resume Entry. What run does not set itself, it gets from Entry. If a
// param has another value, the error is a *ParamsError, unless change is true.
func (s Resumption) Inherit(run *format.Run, change bool) error {
	old := s.Entry.Run
	run.Resumes = old.ID
	run.Key = cmp.Or(run.Key, old.Key)
	run.Name = cmp.Or(run.Name, old.Name)
	run.Experiment = cmp.Or(run.Experiment, old.Experiment)
	run.Group = cmp.Or(run.Group, old.Group)
	run.Parent = cmp.Or(run.Parent, old.Parent)
	params, err := mergeParams(old, run.Params, change)
	if err != nil {
		return err
	}
	run.Params = params
	if old.Tags != nil {
		tags := maps.Clone(old.Tags)
		maps.Copy(tags, run.Tags)
		run.Tags = tags
	}
	run.Summary, run.Defined = old.Summary, old.Defined
	return nil
}

// Join makes the process pid an owner of Entry, which is active, and adds the params, tags and note of run to
// it. If pid is 0, the owners stay as they are. If a param has another value, the error is a *ParamsError, unless
// change is true. Join also updates the params of Entry in memory.
func (s Resumption) Join(run *format.Run, pid int, change bool) error {
	params, err := mergeParams(s.Entry.Run, run.Params, change)
	if err != nil {
		return err
	}
	active := s.Entry.Active
	switch {
	case pid == 0:
	case s.requeued:
		err = active.TakeOver(pid)
	default:
		err = active.JoinFor(pid)
	}
	if err != nil {
		return err
	}
	s.Entry.Params = params
	if len(run.Params) == 0 && len(run.Tags) == 0 && run.Note == "" {
		return nil
	}
	l := &format.Line{Params: run.Params, Tags: run.Tags, Note: run.Note}
	if change {
		l.Params, l.Set = nil, run.Params
	}
	return active.AppendShared(l)
}

// NextStep returns the step after the highest step of the points, values and artifacts of a chain. It is at least 0.
// e is the newest run of the chain. If a part is damaged, its error is returned.
func (c *Catalog) NextStep(ctx context.Context, e *repo.Entry) (int64, error) {
	last := int64(-1)
	chain := append([]*repo.Entry{e}, c.Earlier(e)...)
	for _, part := range chain {
		step, some, err := part.LastStep(ctx)
		if err != nil {
			return 0, err
		}
		if some {
			last = max(last, step)
		}
	}
	oldest := chain[len(chain)-1]
	for _, d := range c.damage {
		if d.ID == oldest.Resumes {
			return 0, d.Err
		}
	}
	if last == math.MaxInt64 {
		return 0, nil
	}
	return last + 1, nil
}
