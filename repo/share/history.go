package share

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
)

// HistoryRequest says which history to verify.
type HistoryRequest struct {
	At       string   // the .runs folder in the tree; empty: every one that the commits have
	Revs     []string // REV, ^REV or OLD..NEW; none: HEAD
	Progress func(done, total int64)
}

// History is what a verification of a history found.
type History struct {
	Tips, Without []string // commits
	Folders       []string // .runs folders
	Commits       int      // that change something in them
	Runs          int      // that these commits added or said something of
	Shared        int      // files that runs share
	Shallow       bool     // the history is cut off
	Partial       bool     // objects that are not here are fetched when they are needed
	Unchecked     int      // runs and shared files of which a partial clone lacks objects
	Problems      []Problem
	Unknown       []Reference
}

// Problem is one thing that is not as it must be.
type Problem struct {
	Runs   string // the .runs folder
	ID     string // of a run; empty for another file
	Path   string // below the root of the repository, of another file
	Commit string // where it came in, as far as one is to blame
	Reason string
}

// Reference is a run that another one names and that this history does not have: no damage.
type Reference struct{ ID, Key, Names string }

// pastRuns is what a history has of one .runs folder.
type pastRuns struct {
	at     string
	runs   map[string]*pastRun
	shared map[string]map[string]bool // name, blobs
	tip    map[string]map[string]bool // files at a tip, by run
	gone   bool                       // a shared file went in this history
	ever   map[string]string          // shared files of the whole history: a run that is gone may have lost its own
	config string                     // the blob of config.toml at a tip
	marks  map[string]bool
	kept   map[string]string // shared files at a tip, with their blob
	folded map[string]string // files that are none of a run, by their name in lower case
}

// pastRun is a run with every file that it ever had.
type pastRun struct {
	files    map[string]git.TreeEntry
	others   []pastFile // artifacts that were there with other bytes
	came     string     // the commit that brought it; empty where it was there before
	went     map[string]string
	touched  bool
	problems []Problem
}

type pastFile struct {
	name string
	git.TreeEntry
}

// FindHistory finds the git repository that dir lies in, and where in its trees the folder of runs is; empty in a bare
// repository and where the branch that is checked out has none: then all of them are meant.
func FindHistory(ctx context.Context, dir string) (dirs git.Dirs, at string, err error) {
	// Asked first: a bare repository may lie in a project of runs.
	if dirs, bare, err := git.OpenBare(ctx, dir); bare || err != nil {
		return dirs, "", err
	}
	r, err := repo.Find(dir)
	switch {
	case errors.Is(err, repo.ErrNoRepository):
		dirs, ok, discoverErr := git.Discover(dir)
		if discoverErr != nil || !ok {
			return dirs, "", err
		}
		return dirs, "", nil
	case err != nil:
		return dirs, "", err
	case !r.InGit:
		return dirs, "", errors.New("verifying the history: this is no git repository")
	}
	at, err = r.TreePath()
	return r.Git, at, err
}

// VerifyHistory proves every run that the commits of a history added, as checker does, and that history keeps the promises
// of a repository of runs: nothing finished was changed, what vanished has its mark, and nothing lies there that must not.
func VerifyHistory(ctx context.Context, dirs git.Dirs, q HistoryRequest) (*History, error) {
	v := &verification{dirs: dirs, ask: q, done: &History{Shallow: dirs.Shallow()}, folders: map[string]*pastRuns{}}
	if err := v.verify(ctx); err != nil {
		return nil, fmt.Errorf("verifying the history: %w", err)
	}
	return v.done, nil
}

type verification struct {
	dirs    git.Dirs
	ask     HistoryRequest
	done    *History
	folders map[string]*pastRuns
	absent  map[string]bool // objects that a partial clone has not fetched
}

func (v *verification) verify(ctx context.Context) (err error) {
	if err := v.resolve(ctx); err != nil || len(v.done.Tips) == 0 {
		return err
	}
	if err := v.find(ctx); err != nil || len(v.done.Folders) == 0 {
		return err
	}
	if v.done.Partial, err = git.Partial(ctx, v.dirs); err == nil && v.done.Partial {
		v.absent, err = git.MissingObjects(ctx, v.dirs, v.done.Tips, v.done.Without, v.done.Folders)
	}
	if err != nil {
		return err
	}
	for _, commit := range v.done.Without {
		if err := v.read(ctx, commit, (*pastRuns).before); err != nil {
			return err
		}
	}
	v.done.Commits, err = git.EachChange(ctx, v.dirs, v.done.Tips, v.done.Without, v.done.Folders, func(c git.CommittedChange) error {
		if f, name := v.folderOf(c.Path); f != nil {
			v.change(f, name, c)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, commit := range v.done.Tips {
		if err := v.read(ctx, commit, (*pastRuns).now); err != nil {
			return err
		}
	}
	for _, at := range v.done.Folders {
		v.compare(v.folders[at])
	}
	if err := v.check(ctx); err != nil {
		return err
	}
	slices.SortStableFunc(v.done.Problems, func(a, b Problem) int {
		if c := strings.Compare(a.Runs, b.Runs); c != 0 {
			return c
		}
		return strings.Compare(a.ID+a.Path, b.ID+b.Path)
	})
	return nil
}

// resolve turns the revisions into commits.
func (v *verification) resolve(ctx context.Context) error {
	revs := v.ask.Revs
	if len(revs) == 0 {
		revs = []string{"HEAD"}
	}
	for _, rev := range revs {
		with, without := rev, ""
		if old, next, ok := strings.Cut(rev, ".."); ok {
			if strings.HasPrefix(next, ".") {
				return fmt.Errorf("%s: name a history as REV, ^REV or OLD..NEW", rev)
			}
			with, without = or(next, "HEAD"), or(old, "HEAD")
		} else if old, ok := strings.CutPrefix(rev, "^"); ok {
			with, without = "", old
		}
		for _, end := range []struct {
			rev string
			to  *[]string
		}{{with, &v.done.Tips}, {without, &v.done.Without}} {
			if strings.Trim(end.rev, "0") == "" { // a hook is told zeros for a branch that is new or goes
				continue
			}
			commit, err := git.Commit(ctx, v.dirs, end.rev)
			if err != nil {
				return &repo.HintError{Err: err, Hint: "'git fetch' brings what the remote has; 'git branch -a' lists the names"}
			}
			*end.to = append(*end.to, commit)
		}
	}
	return nil
}

// find makes the folders of runs.
func (v *verification) find(ctx context.Context) error {
	folders := []string{v.ask.At}
	if v.ask.At == "" {
		folders = nil
		for _, commit := range slices.Concat(v.done.Tips, v.done.Without) {
			more, err := git.FoldersNamed(ctx, v.dirs, commit, repo.DirName)
			if err != nil {
				return err
			}
			for _, at := range more {
				if outer, _, nested := cutRuns(at); !nested || outer == at {
					folders = append(folders, at)
				}
			}
		}
	}
	slices.Sort(folders)
	v.done.Folders = slices.Compact(folders)
	for _, at := range v.done.Folders {
		v.folders[at] = &pastRuns{
			at: at, runs: map[string]*pastRun{}, shared: map[string]map[string]bool{}, tip: map[string]map[string]bool{},
			marks: map[string]bool{}, kept: map[string]string{}, folded: map[string]string{},
		}
	}
	return nil
}

// folderOf takes a path apart into its .runs folder and what is below.
func (v *verification) folderOf(file string) (*pastRuns, string) {
	for at, f := range v.folders {
		if name, ok := strings.CutPrefix(file, at+"/"); ok {
			return f, name
		}
		if file == at { // a link or a submodule in its place
			return f, ""
		}
	}
	return nil, ""
}

// read lists the files of a commit.
func (v *verification) read(ctx context.Context, commit string, visit func(*pastRuns, place, git.TreeEntry)) error {
	for at, f := range v.folders {
		files, err := git.FilesIn(ctx, v.dirs, commit, at)
		if err != nil {
			return err
		}
		for _, e := range files {
			visit(f, placeOf(path.Join(repo.DirName, strings.TrimPrefix(e.Path, at+"/"))), git.TreeEntry{Mode: e.Mode, ID: e.ID})
		}
	}
	return nil
}

// before takes in what was there before the history in question: it counts as checked.
func (f *pastRuns) before(p place, e git.TreeEntry) {
	if p.kind == ofRun {
		f.run(p.run).files[runFile(p)] = e
	}
}

// now takes in what the end of the history has.
func (f *pastRuns) now(p place, e git.TreeEntry) {
	switch p.kind {
	case ofRun:
		if f.tip[p.run] == nil {
			f.tip[p.run] = map[string]bool{}
		}
		f.tip[p.run][runFile(p)] = true
	case ofMark:
		f.marks[p.mark] = true
	case ofShared:
		f.kept[p.name] = e.ID
	case ofSetup:
		if p.name == configName {
			f.config = e.ID
		}
	}
}

// configName is the file of the project's settings, in the .runs folder.
const configName = "config.toml"

func (f *pastRuns) run(id string) *pastRun {
	r := f.runs[id]
	if r == nil {
		r = &pastRun{files: map[string]git.TreeEntry{}, went: map[string]string{}}
		f.runs[id] = r
	}
	return r
}

func runFile(p place) string { return strings.TrimPrefix(p.name, runPath(p.run)+"/") }

// change takes in one change of the history.
func (v *verification) change(f *pastRuns, name string, c git.CommittedChange) {
	p := placeOf(path.Join(repo.DirName, name))
	if c.ID != "" {
		reason := stray(name, c.Mode)
		if other := f.folded[strings.ToLower(name)]; reason == nil && p.run == "" && other != "" && other != name {
			reason = fmt.Errorf("it and %s are one file where case does not count", other)
		}
		if reason != nil {
			v.problem(Problem{Runs: f.at, Path: c.Path, Commit: c.Commit, Reason: reason.Error()})
			return
		}
		if p.run == "" {
			f.folded[strings.ToLower(name)] = name
		}
	}
	switch p.kind {
	case ofRun:
		f.run(p.run).change(f, p, c)
	case ofShared:
		if c.ID == "" {
			f.gone = true
			return
		}
		if f.shared[p.name] == nil {
			f.shared[p.name] = map[string]bool{}
		}
		f.shared[p.name][c.ID] = true
	}
}

// change: files are added, or go with the whole run.
func (r *pastRun) change(f *pastRuns, p place, c git.CommittedChange) {
	name := runFile(p)
	if c.ID == "" {
		r.went[name] = c.Commit
		return
	}
	if !r.touched && len(r.files) == 0 {
		r.came = c.Commit
	}
	r.touched = true
	was, known := r.files[name]
	switch {
	case !known:
		r.files[name] = git.TreeEntry{Mode: c.Mode, ID: c.ID}
	case was.ID == c.ID:
	case strings.HasPrefix(name, "artifacts/"): // both must be the right bytes, or a pointer to them
		r.others = append(r.others, pastFile{name, git.TreeEntry{Mode: c.Mode, ID: c.ID}})
	default:
		r.problems = append(r.problems, Problem{Runs: f.at, ID: p.run, Commit: c.Commit, Reason: name + " was rewritten"})
	}
}

// compare holds the end of the history against what was ever there.
func (v *verification) compare(f *pastRuns) {
	for _, id := range slices.Sorted(maps.Keys(f.runs)) {
		r := f.runs[id]
		v.done.Problems = append(v.done.Problems, r.problems...)
		there, ok := f.tip[id]
		if !ok && f.marks[id] {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(r.files)) {
			switch {
			case there[name]:
				continue
			case ok:
				v.problem(Problem{Runs: f.at, ID: id, Commit: r.went[name], Reason: name + " was taken away"})
				continue
			}
			v.problem(Problem{Runs: f.at, ID: id, Commit: r.went[repo.RecordName], Reason: "vanished without a mark in " + repo.RemovedName + "/"})
			break
		}
	}
}

func (v *verification) problem(p Problem) { v.done.Problems = append(v.done.Problems, p) }

// look is a thing to prove: a run, or a file that runs share.
type look struct {
	in   *pastRuns
	id   string
	name string
	blob string
}

// verdict is what came out.
type verdict struct {
	problems []Problem
	lacking  bool
	broken   bool
	run      *format.Run
}

// check proves contents: first the shared files, each once, then the runs, on all processors.
func (v *verification) check(ctx context.Context) error {
	var shared, runs []look
	for _, at := range v.done.Folders {
		f := v.folders[at]
		f.ever = maps.Clone(f.kept)
		for _, name := range slices.Sorted(maps.Keys(f.shared)) {
			for _, blob := range slices.Sorted(maps.Keys(f.shared[name])) {
				shared = append(shared, look{in: f, name: name, blob: blob})
				f.ever[name] = blob
			}
		}
		for _, id := range slices.Sorted(maps.Keys(f.runs)) {
			if f.runs[id].touched || f.gone && f.tip[id] != nil {
				runs = append(runs, look{in: f, id: id})
			}
		}
	}
	v.done.Shared, v.done.Runs = len(shared), len(runs)
	progress := progressOf(v.ask.Progress, len(shared)+len(runs))
	var mu sync.Mutex
	proofs := map[string]proof{}
	_, err := v.inParallel(ctx, shared, nil, progress, func(_ context.Context, k *checker, l look) verdict {
		p := k.prove(l.name, l.blob)
		mu.Lock()
		defer mu.Unlock()
		proofs[proofKey(l.name, l.blob)] = p
		return v.sharedVerdict(l, p)
	})
	if err != nil {
		return err
	}
	verdicts, err := v.inParallel(ctx, runs, proofs, progress, v.runVerdict)
	if err != nil {
		return err
	}
	v.references(runs, verdicts)
	return v.configs(ctx)
}

// configs reads the settings that the end of the history has: every command reads them first.
func (v *verification) configs(ctx context.Context) error {
	objects, err := git.OpenObjects(ctx, v.dirs, v.absent)
	if err != nil {
		return err
	}
	defer objects.Close()
	for _, at := range v.done.Folders {
		blob := v.folders[at].config
		if blob == "" {
			continue
		}
		data, err := objects.Blob(blob, format.MaxConfigBytes)
		if err == nil {
			_, err = format.DecodeConfig(configName, data)
		}
		if err != nil && !v.lacks(err) {
			v.problem(Problem{Runs: at, Path: path.Join(at, configName), Reason: err.Error()})
		}
	}
	return nil
}

func progressOf(tell func(done, total int64), total int) func() {
	var done atomic.Int64
	return func() {
		if n := done.Add(1); tell != nil {
			tell(n, int64(total))
		}
	}
}

// inParallel proves things, each worker with a process of git of its own. What was proved before is known to all of them.
func (v *verification) inParallel(ctx context.Context, looks []look, known map[string]proof, progress func(), prove func(context.Context, *checker, look) verdict) ([]verdict, error) {
	verdicts := make([]verdict, len(looks))
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for range min(runtime.GOMAXPROCS(0), len(looks)) {
		group.Go(func() error {
			k := &checker{shared: maps.Clone(known)}
			if known == nil {
				k.shared = map[string]proof{}
			}
			var err error
			if k.trees, err = git.OpenObjects(ctx, v.dirs, v.absent); err != nil {
				return err
			}
			defer func() { k.trees.Close() }()
			for i := int(next.Add(1)) - 1; i < len(looks); i = int(next.Add(1)) - 1 {
				if err := ctx.Err(); err != nil {
					return err
				}
				verdicts[i] = prove(ctx, k, looks[i])
				progress()
				if verdicts[i].broken { // git ends at an object that is damaged
					k.trees.Close()
					if k.trees, err = git.OpenObjects(ctx, v.dirs, v.absent); err != nil {
						return err
					}
				}
			}
			return ctx.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for _, d := range verdicts {
		v.done.Problems = append(v.done.Problems, d.problems...)
		if d.lacking {
			v.done.Unchecked++
		}
	}
	return verdicts, nil
}

func (v *verification) sharedVerdict(l look, p proof) verdict {
	var d verdict
	switch {
	case p.err == nil:
	case v.lacks(p.err):
		d.lacking = true
	default:
		d.broken = isBroken(p.err)
		reason := strings.TrimPrefix(p.err.Error(), l.name+": ")
		d.problems = []Problem{{Runs: l.in.at, Path: path.Join(l.in.at, l.name), Reason: reason}}
	}
	return d
}

// lacks reports whether an object is only not fetched yet.
func (v *verification) lacks(err error) bool {
	return v.done.Partial && errors.Is(err, git.ErrNoObject)
}

// isBroken reports whether git itself has failed.
func isBroken(err error) bool {
	var failed *git.Error
	return errors.As(err, &failed)
}

func (v *verification) runVerdict(ctx context.Context, k *checker, l look) verdict {
	var d verdict
	r := l.in.runs[l.id]
	shared := l.in.kept
	if l.in.tip[l.id] == nil {
		shared = l.in.ever
	}
	run, problems := k.run(ctx, l.id, r.files, shared)
	d.run = run
	for _, other := range r.others {
		if run != nil {
			problems = append(problems, k.artifactAgain(run, r.files, other)...)
		}
	}
	for _, err := range problems {
		if v.lacks(err) {
			d.lacking = true
			continue
		}
		if isBroken(err) {
			if d.broken {
				continue // the answer to all that was asked after the first
			}
			d.broken = true
		}
		d.problems = append(d.problems, Problem{Runs: l.in.at, ID: l.id, Commit: r.came, Reason: err.Error()})
	}
	return d
}

// references names the runs that others name and that are nowhere.
func (v *verification) references(looks []look, verdicts []verdict) {
	for i, l := range looks {
		run := verdicts[i].run
		if run == nil {
			continue
		}
		for _, ref := range repo.References(run) {
			if l.in.runs[ref.ID] == nil && !l.in.marks[ref.ID] {
				v.done.Unknown = append(v.done.Unknown, Reference{l.id, ref.Key, ref.ID})
			}
		}
	}
}
