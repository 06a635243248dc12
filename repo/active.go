package repo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/gitruns/runs/format"
)

// Active is a run in progress: a folder with the run.toml that it was started with, its owner files, journals and
// artifacts.
type Active struct {
	ID    string
	Dir   string
	repo  *Repository
	begun bool // started by this process

	other   *Worktree // the other worktree that the run belongs to; nil if it is of repo as the caller opened it
	copyErr error     // why the finished run could not be kept in the common store

	again  *again   // of a reproduction that this process started; otherwise nil
	given  []string // what is not known of the program's input, apart from the files that it opened
	inputs *inputs  // what was noticed while the program ran; may be nil

	recording sync.Mutex // held while this process changes the record
}

// Names in the folder of a run in progress.
const (
	RecordName    = "run.toml"
	MetricsName   = "metrics.parquet"
	systemName    = "system.parquet"
	asideName     = "aside.jsonl"
	outputName    = "output.log"
	artifactsName = "artifacts"
	filesName     = "files" // files that the program itself writes
	notesName     = "notes"
	configName    = "config.toml"
	journalPrefix = "journal-"
	systemPrefix  = "system-"
	ownerPrefix   = "owner-"
	donePrefix    = "done-"
	consumed      = "consumed-"
	restPrefix    = "rest-"
	leftPrefix    = "left-"
	newPrefix     = ".new-"
	lockName      = "finish.lock"
)

// Start creates a run in progress from run. It sets its Status, and Started and ID if they are empty. kind says whether
// this process keeps it open or no process does. The folder appears with all it needs, or not at all.
func (r *Repository) Start(ctx context.Context, run *format.Run, kind string) (*Active, error) {
	return r.start(ctx, run, kind, os.Getpid())
}

// StartFor is like Start, for a run that another process of this machine keeps open.
func (r *Repository) StartFor(ctx context.Context, run *format.Run, pid int) (*Active, error) {
	if err := checkProcess(pid); err != nil {
		return nil, fmt.Errorf("starting a run in %s: %w", r.Dir, err)
	}
	return r.start(ctx, run, format.OwnerProcess, pid)
}

func (r *Repository) start(ctx context.Context, run *format.Run, kind string, pid int) (*Active, error) {
	config, err := r.Config()
	if err == nil {
		err = config.Writable()
	}
	if err != nil {
		return nil, fmt.Errorf("starting a run: %w", err)
	}
	run.Status = format.Running
	if run.Started.IsZero() {
		run.Started = now()
	}
	if run.ID == "" {
		run.ID = format.NewID(run.Started)
	}
	if run.Experiment == "" {
		run.Experiment = config.Experiment
	}
	owner, err := r.owner(kind, pid)
	if err == nil {
		err = r.create(ctx, run, owner, func(dir string) error { return r.keepRewritten(ctx, run, dir) })
	}
	if err != nil {
		return nil, fmt.Errorf("starting a run in %s: %w", r.Dir, err)
	}
	return &Active{ID: run.ID, Dir: filepath.Join(r.active, run.ID), repo: r, begun: true}, nil
}

// create makes active/<id> under a temporary name and then renames it. more writes further files into the folder.
func (r *Repository) create(
	ctx context.Context, run *format.Run, owner *format.Owner, more func(dir string) error,
) error {
	return r.createAs(ctx, run, owner, run.ID, more)
}

// createAs is create with another name for the folder in active/.
func (r *Repository) createAs(
	ctx context.Context, run *format.Run, owner *format.Owner, name string, more func(dir string) error,
) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	record, err := format.EncodeRun(run)
	if err != nil {
		return err
	}
	if err := r.prepareActive(); err != nil {
		return err
	}
	tmp := filepath.Join(r.active, newPrefix+run.ID)
	if name != run.ID {
		tmp = filepath.Join(r.active, newPrefix+format.RandomLetters(8))
	}
	if err := os.Mkdir(tmp, 0o777); err != nil {
		return err
	}
	err = writeFile(filepath.Join(tmp, RecordName), record)
	if err == nil {
		err = writeFile(filepath.Join(tmp, ownerName(owner)), format.EncodeOwner(owner))
	}
	if err == nil && owner.Kind == format.OwnerProcess {
		err = reserveLast(tmp, owner.Host, int(owner.PID))
	}
	// The run keeps the settings that it started with, even if another version is checked out meanwhile.
	if err == nil {
		var config []byte
		config, err = r.readFile(configName, format.MaxConfigBytes)
		if err == nil {
			err = writeFile(filepath.Join(tmp, configName), config)
		} else if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	if err == nil && more != nil {
		err = more(tmp)
	}
	if err == nil {
		err = os.Rename(tmp, filepath.Join(r.active, name))
	}
	if err != nil {
		_ = os.RemoveAll(tmp)
	}
	return err
}

func ownerName(w *format.Owner) string {
	if w.Kind == format.OwnerDetached {
		return ownerPrefix + w.Host + "-detached.toml"
	}
	return fmt.Sprintf("%s%s-%d.toml", ownerPrefix, w.Host, w.PID)
}

// writeFile writes a new file and makes it durable.
func writeFile(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		_ = os.Remove(path)
	}
	return err
}

// Open returns the run in progress with this id. The error is ErrFinished if the run has ended, and ErrNotActive if
// there is no such run.
func (r *Repository) Open(id string) (*Active, error) {
	if err := format.CheckID(id); err != nil {
		return nil, err
	}
	a := &Active{ID: id, Dir: r.activeDir(id), repo: r}
	err := a.check()
	if errors.Is(err, ErrNotActive) || err == nil && a.elsewhere() {
		if other, err := r.openElsewhere(id); other != nil {
			return other, err
		}
	}
	return a, err
}

// OpenDir returns the run in progress in the folder dir, which RUNS_DIR gives, and opens its repository.
func OpenDir(dir string) (*Active, error) {
	id := filepath.Base(dir)
	if err := format.CheckID(id); err != nil {
		return nil, fmt.Errorf("RUNS_DIR is %s: %w", dir, err)
	}
	runs := filepath.Dir(filepath.Dir(dir))
	if filepath.Base(runs) != DirName {
		// Active runs of a linked worktree are in another place; their owner files give the .runs folder.
		owners, err := (&Active{ID: id, Dir: dir}).owners()
		switch {
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return nil, err
		case len(owners) == 0:
			return nil, fmt.Errorf("RUNS_DIR is %s: %w", dir, ErrNotActive)
		}
		if a := openLinked(dir, owners[0]); a != nil {
			return a, a.check()
		}
		runs = owners[0].Runs
	}
	r, err := open(runs)
	if err != nil {
		return nil, err
	}
	a := &Active{ID: id, Dir: dir, repo: r}
	return a, a.check()
}

// Repository returns the repository that the run belongs to when it is finished.
func (a *Active) Repository() *Repository { return a.repo }

// check returns an error if the run can no longer be written to.
func (a *Active) check() error {
	if exists(filepath.Join(a.repo.RunDir(a.ID), RecordName)) {
		return fmt.Errorf("run %s: %w", a.ID, ErrFinished)
	}
	if realDir(a.Dir) != nil || !exists(filepath.Join(a.Dir, RecordName)) {
		return fmt.Errorf("run %s: %w", a.ID, ErrNotActive)
	}
	return nil
}

// Join adds this process to the owners of the run: while it lives, the run is in progress.
func (a *Active) Join() error { return a.join(os.Getpid()) }

// JoinFor is like Join, for another process of this machine.
func (a *Active) JoinFor(pid int) error {
	if err := checkProcess(pid); err != nil {
		return fmt.Errorf("joining run %s: %w", a.ID, err)
	}
	return a.join(pid)
}

func checkProcess(pid int) error {
	if pid <= 0 {
		return fmt.Errorf("%d is not a valid process id", pid)
	}
	if _, alive := processStart(pid); !alive {
		return fmt.Errorf("process %d does not exist", pid)
	}
	return nil
}

func (a *Active) join(pid int) error {
	if a.Foreign() {
		return a.foreignError()
	}
	w, err := a.repo.owner(format.OwnerProcess, pid)
	if err != nil {
		return fmt.Errorf("joining run %s: %w", a.ID, err)
	}
	err = reserveLast(a.Dir, w.Host, pid)
	if err == nil {
		err = a.writeOwner(ownerName(w), w)
	}
	if err != nil {
		return fmt.Errorf("joining run %s: %w", a.ID, err)
	}
	return nil
}

// writeOwner writes an owner file atomically, because other processes that join may read it. It replaces the file of
// an earlier process with the same pid.
func (a *Active) writeOwner(name string, w *format.Owner) error {
	tmp := filepath.Join(a.Dir, donePrefix+format.RandomLetters(8))
	err := writeFile(tmp, format.EncodeOwner(w))
	if err == nil {
		err = os.Rename(tmp, filepath.Join(a.Dir, name))
	}
	if err != nil {
		_ = os.Remove(tmp)
	}
	return err
}

// KeepFor makes a program that this process has started an owner too, because the program may go on when this process
// is killed. release removes it from the owners.
func (a *Active) KeepFor(pid int) (release func()) {
	w, err := a.repo.owner(format.OwnerProcess, pid)
	if err != nil || w.Start == "" { // it has already ended
		return func() {}
	}
	name := fmt.Sprintf("%s%s-%d-program.toml", ownerPrefix, w.Host, pid)
	if err := a.writeOwner(name, w); err != nil {
		return func() {} // the run continues without it
	}
	return func() { _ = os.Remove(filepath.Join(a.Dir, name)) }
}

// KeptBy reports whether a process of this machine is an owner of the run.
func (a *Active) KeptBy(pid int) bool {
	owners, err := a.owners()
	return err == nil && !a.Foreign() && slices.ContainsFunc(owners, func(w *format.Owner) bool {
		return w.Kind == format.OwnerProcess && w.PID == int64(pid) && life(w) == Alive
	})
}

// owners reads the owner files, sorted by name.
func (a *Active) owners() ([]*format.Owner, error) {
	entries, err := os.ReadDir(a.Dir)
	if err != nil {
		return nil, err
	}
	var owners []*format.Owner
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), ownerPrefix) {
			continue
		}
		data, err := readBounded(filepath.Join(a.Dir, entry.Name()), format.MaxNoteBytes)
		if errors.Is(err, fs.ErrNotExist) {
			continue // it ended meanwhile
		}
		if err != nil {
			return nil, err
		}
		w, err := format.DecodeOwner(entry.Name(), data)
		if err != nil {
			return nil, err
		}
		owners = append(owners, w)
	}
	return owners, nil
}

// Life returns what is known of the processes that keep the run open: Alive if one of them is, otherwise Elsewhere if
// one is on another machine, boot or namespace, otherwise Gone. A run without any is Detached. host is a machine
// whose processes the user declared gone, or empty.
func (a *Active) Life(host string) (Life, error) {
	if a.Foreign() {
		return Foreign, nil
	}
	owners, err := a.owners()
	if err != nil {
		return Elsewhere, fmt.Errorf("reading the owners of run %s: %w", a.ID, err)
	}
	found := map[Life]bool{}
	for _, w := range owners {
		l := life(w)
		if l == Elsewhere && host != "" && w.Host == hostName(host) {
			l = Gone
		}
		found[l] = true
	}
	for _, l := range []Life{Alive, Elsewhere, Gone} {
		if found[l] {
			return l, nil
		}
	}
	return Detached, nil
}

// settings returns the settings that the run was started with.
func (a *Active) settings() *format.Config {
	data, err := readBounded(filepath.Join(a.Dir, configName), format.MaxConfigBytes)
	if err != nil {
		return format.DefaultConfig()
	}
	config, err := format.DecodeConfig(configName, data)
	if err != nil {
		return format.DefaultConfig() // a broken copy must not keep a run from finishing
	}
	return config
}

// record reads the run.toml that the run was started with.
func (a *Active) record() (*format.Run, error) {
	data, err := readBounded(filepath.Join(a.Dir, RecordName), format.MaxRecordBytes)
	if err != nil {
		return nil, fmt.Errorf("reading run %s: %w", a.ID, err)
	}
	run, err := format.DecodeRun(filepath.Join(a.ID, RecordName), data)
	if err != nil {
		return nil, err
	}
	if run.ID != a.ID {
		return nil, fmt.Errorf("%s has the id of run %s", filepath.Join(a.ID, RecordName), run.ID)
	}
	return run, nil
}

// OutputPath returns the path of the captured console output. A process that joined the run has a file of its own.
func (a *Active) OutputPath(joined bool) string {
	if joined {
		return filepath.Join(a.Dir, fmt.Sprintf("output-%s-%d.log", thisHost(), os.Getpid()))
	}
	return filepath.Join(a.Dir, outputName)
}

// Leave removes this process from the owners of a run that it joined.
func (a *Active) Leave() {
	_ = os.Remove(filepath.Join(a.Dir, ownerName(self(format.OwnerProcess, os.Getpid(), a.repo.Dir))))
}

// Host returns the name of this machine that is used in file names.
func Host() string { return thisHost() }
