package repo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/lock"
	"github.com/gitruns/runs/repo/regular"
)

// Finish says how a run ends.
type Finish struct {
	Status    format.Status // Finished if empty
	ExitCode  *int64
	Signal    string
	EndReason string
	LostRows  int64         // rows that the program could not write; added to the tag lost_rows
	PID       int           // of the process that counted LostRows, which may be in its last words too; 0 if unknown
	Ended     time.Time     // now if zero
	Wait      time.Duration // for open writers; their later lines become a run that resumes this one
	Waiting   func(open []string)
	Hashing   func()          // called if the hashes of what the program read take long; may be nil
	Hurry     <-chan struct{} // if it is closed, the finish no longer waits for open writers; may be nil

	host   string // for a recovery: the machine that the user declared dead
	silent time.Duration

	takeover  bool // finish a run that was not started in this clone
	recovered bool // how the program ended is not known, unless its last words say so
}

// Check returns an error if a program cannot end like this. The status must be finished, failed or killed, and the
// exit code must be possible on POSIX or Windows and fit the status.
func (f Finish) Check() error {
	switch code := f.ExitCode; {
	case f.Status != format.Finished && f.Status != format.Failed && f.Status != format.Killed:
		return fmt.Errorf("the status must be finished, failed or killed, got %q", f.Status)
	case code == nil:
	case *code < math.MinInt32 || *code > math.MaxUint32:
		return fmt.Errorf("the exit status must be between %d and %d, got %d", math.MinInt32, math.MaxUint32, *code)
	case *code != 0 && f.Status == format.Finished:
		return fmt.Errorf("exit status %d requires the status failed or killed", *code)
	}
	return nil
}

// DefaultWait is how long a finish waits for writers that still have a journal open.
const DefaultWait = 30 * time.Second

// Result describes what a finish did.
type Result struct {
	Run      *format.Run
	Dir      string
	Open     []string // journals whose writers still existed
	Resumed  []string // runs made from lines that were written after the end
	Warnings []string
}

// Finish ends the run. It builds the finished folder beside the journals, makes it durable, moves it to its place
// with one rename, and removes the journals that it has read. If it is killed at any moment, it can be repeated. The
// error is ErrFinished if the run is already finished, and ErrBusy if another process is finishing it.
func (a *Active) Finish(ctx context.Context, end Finish) (*Result, error) {
	switch {
	case !end.takeover && a.Foreign():
		return nil, a.foreignError()
	case end.takeover:
		if err := a.checkTakeover(); err != nil {
			return nil, fmt.Errorf("finishing run %s: %w", a.ID, err)
		}
	}
	guard, err := a.lockFinish()
	if err != nil {
		return nil, err
	}
	defer func() { _ = guard.Close() }()
	if exists(filepath.Join(a.repo.RunDir(a.ID), RecordName)) {
		// An earlier finish died after its rename, so only its leftovers are to be removed.
		if _, err := a.settle(ctx, &held{guard: guard}, nil); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("run %s: %w", a.ID, ErrFinished)
	}
	h := held{guard: guard, host: end.host, silent: end.silent, takeover: end.takeover}
	defer h.release()
	open, err := a.waitForWriters(ctx, &h, end)
	if err != nil {
		return nil, fmt.Errorf("finishing run %s: %w", a.ID, err)
	}
	res, err := a.build(ctx, end)
	if err != nil {
		err = fmt.Errorf("finishing run %s: %w", a.ID, err)
		if errors.Is(err, syscall.ENOSPC) {
			err = withHint(err, "free some space and run 'runs finish %s' again; nothing is lost", a.ID)
		}
		return nil, err
	}
	res.Open = open
	res.Resumed, err = a.settle(ctx, &h, open)
	if a.copyErr != nil {
		res.Warnings = append(res.Warnings, a.copyErr.Error())
	}
	if err != nil {
		// The finished run is complete; the next recover removes the rest.
		res.Warnings = append(res.Warnings, fmt.Sprintf("removing %s: %v", a.Dir, err))
	}
	return res, nil
}

func (a *Active) lockFinish() (*os.File, error) {
	if info, err := os.Lstat(filepath.Join(a.Dir, lockName)); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("finishing run %s: %s is not a regular file", a.ID, filepath.Join(a.Dir, lockName))
	}
	f, err := regular.OpenFile(filepath.Join(a.Dir, lockName), os.O_RDWR|os.O_CREATE, 0o666)
	if errors.Is(err, fs.ErrNotExist) {
		if err := a.check(); err != nil {
			return nil, err
		}
	}
	if err != nil {
		return nil, fmt.Errorf("finishing run %s: %w", a.ID, err)
	}
	locked, err := lock.Try(f)
	if err == nil && locked && lock.Linked(f) {
		return f, nil
	}
	_ = f.Close()
	if err != nil {
		return nil, fmt.Errorf("finishing run %s: %w", a.ID, err)
	}
	if err := a.check(); locked && err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("run %s: %w", a.ID, ErrBusy)
}

// build makes done-<nonce> and moves it into its day folder.
func (a *Active) build(ctx context.Context, end Finish) (*Result, error) {
	a.removeMatching(donePrefix) // left by a finish that died
	a.removeMatching(consumed)
	a.removeMatching(leftPrefix)
	nonce := format.RandomLetters(8)
	folder := filepath.Join(a.Dir, donePrefix+nonce)
	if err := os.Mkdir(folder, 0o777); err != nil {
		return nil, err
	}
	finished := false
	defer func() {
		if !finished {
			_ = os.RemoveAll(folder)
			a.removeMatching(consumed)
			a.removeMatching(leftPrefix)
		}
	}()
	b, err := a.fill(ctx, folder, end)
	if err != nil {
		return nil, err
	}
	if err := a.planLeft(b, nonce); err != nil {
		return nil, err
	}
	record, err := format.EncodeRun(b.run)
	if err != nil {
		return nil, err
	}
	if err := writeFile(filepath.Join(folder, RecordName), record); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(record)
	c := format.Consumed{Record: hex.EncodeToString(sum[:]), Journals: b.read}
	if err := writeFile(filepath.Join(a.Dir, consumed+nonce+".toml"), format.EncodeConsumed(&c)); err != nil {
		return nil, err
	}
	if err := syncTree(folder); err != nil {
		return nil, err
	}
	if err := syncDir(a.Dir); err != nil {
		return nil, err
	}
	target := a.repo.RunDir(a.ID)
	if err := a.repo.makeDay(target); err != nil {
		return nil, err
	}
	if err := os.Rename(folder, target); err != nil {
		if exists(filepath.Join(target, RecordName)) {
			return nil, fmt.Errorf("%w by another process", ErrFinished)
		}
		return nil, err
	}
	finished = true
	if err := errors.Join(syncDir(filepath.Dir(target)), syncDir(filepath.Dir(filepath.Dir(target)))); err != nil {
		return nil, err
	}
	a.repo.noteOutputs(b.run, b.outputs)
	return &Result{Run: b.run, Dir: target, Warnings: b.warnings}, nil
}

func (a *Active) removeMatching(prefix string) {
	entries, _ := os.ReadDir(a.Dir)
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), prefix) {
			_ = os.RemoveAll(filepath.Join(a.Dir, entry.Name()))
		}
	}
}

// syncTree makes all folders of a new tree durable; its files were synced when they were written.
func syncTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		return syncDir(path)
	})
}

// settle clears the active folder of a finished run. If a journal holds more than the record has, it is kept while it
// is open; open lists the journals whose writers existed. After it is closed, its rest becomes a run that resumes
// this one. settle returns the ids of such runs.
func (a *Active) settle(ctx context.Context, h *held, open []string) ([]string, error) {
	if err := a.moveNotes(); err != nil {
		return nil, err
	}
	// Without the copy, the run is still complete; 'runs status' makes it later.
	a.copyErr = a.repo.KeepCopy(a.ID)
	var resumed []string
	var read map[string]int64
	for range 100 { // a writer may add a journal between the listing and the removal of the folder
		id, err := a.resumePlanned(ctx)
		if id != "" {
			resumed = append(resumed, id)
		}
		if err != nil {
			return resumed, err
		}
		files, err := a.journals("")
		if errors.Is(err, fs.ErrNotExist) {
			return resumed, nil
		}
		if err == nil && len(files) > 0 && read == nil {
			read, err = a.consumedBytes()
		}
		if err != nil {
			return resumed, err
		}
		rest, waiting, err := a.removeRead(files, read, h, open)
		if err != nil {
			return resumed, err
		}
		if len(rest) > 0 {
			if err := a.planRest(ctx, rest, read); err != nil {
				return resumed, err
			}
			continue
		}
		if waiting {
			return resumed, nil
		}
		if err := a.clear(h); err == nil || !errors.Is(err, errNewJournal) {
			return resumed, err
		}
	}
	return resumed, fmt.Errorf("new journals keep appearing in %s", a.Dir)
}

// removeRead removes the journals that are closed and were read to their end. It returns the closed ones that hold
// more, and reports whether others are still open.
func (a *Active) removeRead(
	files []journalFile, read map[string]int64, h *held, open []string,
) (rest []journalFile, waiting bool, err error) {
	for _, f := range files {
		shut := h.files[f.name] != nil
		if !shut && !slices.Contains(open, f.name) {
			if shut, err = a.closed(f, h); err != nil {
				return nil, false, err
			}
		}
		if !shut {
			waiting = true
			continue
		}
		if info, err := os.Stat(f.path); err == nil {
			f.size = info.Size() // it may have grown between the listing and the lock
		}
		if f.size > read[f.name] && !onlyEnd(f, read[f.name]) {
			rest = append(rest, f)
			continue
		}
		letGo(h.files[f.name])
		switch err := os.Remove(f.path); {
		case err == nil || errors.Is(err, fs.ErrNotExist):
		case lock.InUse(err):
			waiting = true
		default:
			return nil, false, err
		}
	}
	return rest, waiting, nil
}

// onlyEnd reports whether the read part of a closed journal is followed by nothing except end lines or a torn line.
func onlyEnd(f journalFile, read int64) bool {
	if f.size-read > format.MaxLineBytes {
		return false
	}
	data := make([]byte, f.size-read)
	src, err := regular.Open(f.path)
	if err != nil {
		return false
	}
	defer func() { _ = src.Close() }()
	if _, err := src.ReadAt(data, read); err != nil {
		return false
	}
	data = data[:bytes.LastIndexByte(data, '\n')+1]
	if len(data) > 4096 {
		return false
	}
	var parser format.JournalParser
	var l format.Line
	for line := range bytes.SplitSeq(data, []byte("\n")) {
		if len(bytes.Trim(line, " \t\r")) == 0 {
			continue
		}
		if parser.Parse(line, &l) != nil || l.Event != format.EventEnd || len(l.Metrics) > 0 || l.Params != nil ||
			l.Unknown != nil {
			return false
		}
	}
	return true
}

// consumedBytes returns how many bytes of each journal went into the finished record. It ignores the consumed file of
// an attempt that did not complete.
func (a *Active) consumedBytes() (map[string]int64, error) {
	record, err := readBounded(filepath.Join(a.repo.RunDir(a.ID), RecordName), format.MaxRecordBytes)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(record)
	entries, err := os.ReadDir(a.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), consumed) {
			continue
		}
		data, err := readBounded(filepath.Join(a.Dir, entry.Name()), format.MaxNoteBytes)
		if err != nil {
			return nil, err
		}
		c, err := format.DecodeConsumed(entry.Name(), data)
		if err == nil && c.Record == hex.EncodeToString(sum[:]) {
			return c.Journals, nil
		}
	}
	return nil, withHint(
		fmt.Errorf("run %s is finished, but %s does not record how much of its journals was read", a.ID, a.Dir),
		"if the finished run is complete, remove that folder",
	)
}

var errNewJournal = errors.New("a new journal appeared")

// clear removes the folder of a run whose journals are gone. It removes the record late, so that a later call repeats
// a clearing that died.
func (a *Active) clear(h *held) error {
	if err := a.keepLeft(); err != nil {
		return err
	}
	entries, err := os.ReadDir(a.Dir)
	if err != nil {
		return err
	}
	var last, read, owners []string
	for _, entry := range entries {
		name := entry.Name()
		switch {
		case isJournal(entry):
			return errNewJournal
		case name == RecordName, name == lockName, strings.HasPrefix(name, consumed):
			last = append(last, name)
		case strings.HasPrefix(name, ownerPrefix): // without an owner, the folder would count as foreign
			owners = append(owners, name)
		default:
			if err := os.RemoveAll(filepath.Join(a.Dir, name)); err != nil {
				return err
			}
		}
	}
	slices.SortFunc(last, func(x, y string) int { // consumed-*, run.toml and then the lock, which guards the others
		return strings.Compare(strings.Replace(x, lockName, "~", 1), strings.Replace(y, lockName, "~", 1))
	})
	for _, name := range last {
		if strings.HasPrefix(name, consumed) {
			read = append(read, name)
			continue
		}
		if name == lockName {
			letGo(h.guard)
		}
		if err := os.Remove(filepath.Join(a.Dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	for _, name := range append(read, owners...) {
		if err := os.Remove(filepath.Join(a.Dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := os.Remove(a.Dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return errNewJournal
	}
	return nil
}

// planRest records which run will get the lines that follow the end of this one. After that, a repetition after a
// crash makes the same run from the same bytes, even if journals were closed or removed meanwhile.
func (a *Active) planRest(ctx context.Context, rest []journalFile, read map[string]int64) error {
	look := newFold(&format.Run{}, nil)
	plan := &format.Consumed{Journals: map[string]int64{}}
	for _, f := range rest {
		if err := look.journal(ctx, f, read[f.name], f.size); err != nil {
			return err
		}
		plan.Journals[f.name] = read[f.name]
	}
	started := now()
	if look.first > 0 {
		started = fromMicro(look.first)
	}
	plan.Run = format.NewID(started)
	return writeFile(filepath.Join(a.Dir, restPrefix+format.RandomLetters(8)+".toml"), format.EncodeConsumed(plan))
}

// resumePlanned carries out the plan of planRest, if there is one. It makes the run and finishes it, as crashed
// unless its writers closed their journals. Then it removes the journals, and the plan last.
func (a *Active) resumePlanned(ctx context.Context) (id string, err error) {
	plans, err := filepath.Glob(filepath.Join(a.Dir, restPrefix+"*.toml"))
	if err != nil || len(plans) == 0 {
		return "", err
	}
	data, err := readBounded(plans[0], format.MaxNoteBytes)
	if err != nil {
		return "", err
	}
	plan, err := format.DecodeConsumed(filepath.Base(plans[0]), data)
	if err != nil {
		return "", os.Remove(plans[0]) // incomplete: no run was finished with it
	}
	if !exists(filepath.Join(a.repo.RunDir(plan.Run), RecordName)) {
		if err := a.resumeRest(ctx, plan); err != nil {
			return "", err
		}
	}
	for name := range plan.Journals {
		if err := os.Remove(filepath.Join(a.Dir, filepath.Base(name))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return plan.Run, err
		}
	}
	return plan.Run, os.Remove(plans[0])
}

func (a *Active) resumeRest(ctx context.Context, plan *format.Consumed) error {
	parent, err := a.finishedRecord()
	if err != nil {
		return err
	}
	next := &Active{ID: plan.Run, Dir: filepath.Join(a.repo.active, plan.Run), repo: a.repo}
	look := newFold(&format.Run{}, nil)
	closed := true
	var rest []journalFile
	for _, name := range slices.Sorted(maps.Keys(plan.Journals)) {
		f := journalFile{name: filepath.Base(name), path: filepath.Join(a.Dir, filepath.Base(name))}
		info, err := os.Stat(f.path)
		if err != nil {
			return err
		}
		f.size = info.Size()
		if err := look.journal(ctx, f, plan.Journals[name], f.size); err != nil {
			return err
		}
		closed = closed && look.ended
		rest = append(rest, f)
	}
	started := parent.Ended
	if look.first > 0 {
		started = fromMicro(look.first)
	}
	if !exists(filepath.Join(next.Dir, RecordName)) {
		_ = os.RemoveAll(filepath.Join(a.repo.active, newPrefix+plan.Run))
		run := &format.Run{
			ID: plan.Run, Name: parent.Name, Key: parent.Key, Experiment: parent.Experiment, Status: format.Running,
			Started: started,
			Author:  parent.Author, Command: parent.Command, Cwd: parent.Cwd, Group: parent.Group,
			Parent:  parent.Parent,
			Resumes: a.ID, Adds: true, Params: parent.Params, Source: parent.Source,
			Environment: parent.Environment,
			Machine:     parent.Machine, Datasets: parent.Datasets,
		}
		owner, err := a.repo.owner(format.OwnerDetached, 0)
		if err != nil {
			return err
		}
		err = a.repo.create(ctx, run, owner, func(dir string) error {
			for _, f := range rest {
				if err := copyTail(filepath.Join(dir, f.name), f, plan.Journals[f.name]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	end := Finish{
		Status: format.Crashed, Ended: fromMicro(max(look.last, started.UnixMicro())),
		EndReason: "logged after the end of the run that it resumes",
	}
	if closed {
		end.Status = format.Finished
	}
	if _, err := next.Finish(ctx, end); err != nil && !errors.Is(err, ErrFinished) {
		return err
	}
	return nil
}

func copyTail(path string, f journalFile, from int64) error {
	data, err := regular.ReadFile(f.path)
	if err != nil {
		return err
	}
	return writeFile(path, data[min(from, int64(len(data))):])
}

// finishedRecord reads the run.toml of the finished run.
func (a *Active) finishedRecord() (*format.Run, error) {
	data, err := readBounded(filepath.Join(a.repo.RunDir(a.ID), RecordName), format.MaxRecordBytes)
	if err != nil {
		return nil, err
	}
	return format.DecodeRun(filepath.Join(a.ID, RecordName), data)
}
