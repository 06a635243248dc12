package repo

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/capture"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/reads"
)

// readsName is the folder of an active run in which the processes of its program write down what they open.
const readsName = ".reads"

func (a *Active) readsDir() string { return filepath.Join(a.Dir, readsName) }

// TraceReads makes the folder for what the program opens, and returns it with the root of the source that it runs from,
// without links.
func (a *Active) TraceReads() (dir, root string, err error) {
	dir = a.readsDir()
	if err = os.MkdirAll(dir, 0o777); err == nil {
		from := a.repo.TreeRoot()
		if a.again != nil {
			from = a.again.dir
		}
		root, err = filepath.EvalSymlinks(from)
	}
	if err != nil {
		return "", "", fmt.Errorf("noticing what the program reads: %w", err)
	}
	return dir, root, nil
}

// stdinName is the file of an active run that names the file which is the program's standard input.
const stdinName = ".stdin"

// NoteStdin remembers the file that is the program's standard input, which the program reads without opening it. path
// has no links. A reproduction reads what was recorded.
func (a *Active) NoteStdin(path string) error {
	if a.again != nil && !a.again.clone {
		return nil
	}
	if err := writeFile(filepath.Join(a.Dir, stdinName), []byte(path)); err != nil {
		return fmt.Errorf("noticing what the program reads: %w", err)
	}
	return nil
}

// What a program reads beside files that it opens. The first is a problem only if the file is not recorded.
const (
	readStdin = "what the program read from standard input is not recorded"
	readPipe  = "the program read from a pipe, whose content is not recorded"
)

// NoteGiven takes in whether the program has read its standard input, which is a file or a pipe, and whether it has
// read another pipe that it got. A reproduction gets what was recorded.
func (a *Active) NoteGiven(stdin, pipe bool) {
	if stdin && (a.again == nil || a.again.clone) {
		a.given = append(a.given, readStdin)
	}
	if pipe && (a.again == nil || a.again.clone) {
		a.given = append(a.given, readPipe)
	}
}

// unknownGiven returns what is not known of the program's input, apart from the files that it opened. n may be nil.
func (a *Active) unknownGiven(ctx context.Context, run *format.Run, n *noticed) []string {
	path := a.stdin()
	if path == "" || !slices.Contains(a.given, readStdin) {
		return a.given
	}
	in := a.newInputs(run)
	known := in.places.May(path) && n != nil && n.trace != nil
	if !known && in.places.May(path) {
		files, err := in.data(ctx, []string{path})
		known = err == nil && len(in.notDeclared(ctx, files)) == 0
	}
	if !known {
		return a.given
	}
	return slices.DeleteFunc(slices.Clone(a.given), func(what string) bool { return what == readStdin })
}

// stdin returns the path of NoteStdin, or "".
func (a *Active) stdin() string {
	data, err := readBounded(filepath.Join(a.Dir, stdinName), maxPathBytes)
	if err != nil {
		return ""
	}
	return string(data)
}

// RecordOpens creates a writer for what the program opens, in the folder of TraceReads. all tells that it sees the
// calls of all processes of the program.
func (a *Active) RecordOpens(all bool) (*reads.Writer, error) {
	run, err := a.record()
	if err != nil {
		return nil, err
	}
	w, err := reads.NewWriter(a.readsDir(), a.repo.places(), run.Started, all)
	if err != nil {
		return nil, fmt.Errorf("noticing what the program reads: %w", err)
	}
	return w, nil
}

// followPeriod is how often the files of the processes are looked at while the program runs.
const followPeriod = time.Second

// FollowReads hashes what the program reads while it runs, in one thread that yields to all others. The caller must
// call stop, before Finish.
func (a *Active) FollowReads(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	run, err := a.record()
	if err != nil {
		cancel()
		return func() {}
	}
	in := a.newInputs(run)
	in.hashes.Idle = true
	go func() { // ends with its context, or once a disk that hangs answers
		defer close(ended)
		for wait := followPeriod; ; {
			select {
			case <-ctx.Done():
				return
			case <-time.After(wait):
			}
			if err := in.follow(ctx); err != nil {
				return
			}
			wait = followPeriod + 20*in.looked // while nothing is hashed, at most a twentieth of a processor
		}
	}()
	return func() {
		cancel()
		select {
		case <-ended:
			in.hashes.Idle, in.over = false, true
			a.inputs = in
		case <-time.After(2 * time.Second): // it hangs in a read, so its results are not safe to use
		}
	}
}

// inputs are the files that a program reads and that are data.
type inputs struct {
	repo    *Repository
	run     *format.Run
	config  *format.Config
	places  reads.Places
	root    string // without links
	again   *again // of a reproduction; otherwise nil
	dir     string // of again, without links
	reader  reads.Reader
	hashes  capture.Hashes
	started int64  // nanoseconds since 1970
	host    string // as processes name it

	over      bool                 // the program has ended, and whatever it left running goes on without a record
	looked    time.Duration        // how long the last look took, without hashing
	at        int                  // so many of the paths of the reader were followed
	early     map[string]inputFile // as they were first found, by their path as the program named it
	stdin     string               // the file that is standard input, or empty
	first     map[string]bool      // files of the source that were looked at; whether they had changed by then
	kept      map[string]string    // copies of what an earlier run has rewritten, by the printable path
	bytes     int64                // of the files in early
	real      map[string]string    // folders without links
	written   capture.Written      // whether an earlier run has written a file; nil if not known yet
	linked    map[string]bool      // files that lead where nothing is recorded, and whether they may be data
	tracked   map[string]bool      // files of the index, below the root; nil if not read yet
	artifacts map[string]bool      // of earlier runs that the program has read, relative to the root
	turns     map[string]int64     // see turned, by folder
	outputs   map[string]bool      // what the program has written, also without links; nil if not known yet
	nested    map[string]string    // the innermost repository of a folder below the root
}

// inputFile is a file that a program has read and that is data.
type inputFile struct {
	path   string // absolute, where the program found it; below the root if it can be
	named  string // absolute, as the program named it
	rel    string // relative to the root, with slashes; empty outside the project
	found  capture.Found
	gone   bool
	noFile bool  // it is not a regular file, or cannot be read
	at     int64 // when it was looked at, in nanoseconds since 1970
}

func (a *Active) newInputs(run *format.Run) *inputs {
	r := a.repo
	places := r.places()
	in := &inputs{
		repo: r, run: run, config: a.settings(), root: places.Root, places: places,
		reader: reads.Reader{Dir: a.readsDir(), Since: run.Started.UnixNano()},
		turns:  map[string]int64{}, artifacts: map[string]bool{},
		early: map[string]inputFile{}, real: map[string]string{}, nested: map[string]string{},
		linked: map[string]bool{}, first: map[string]bool{},
		kept:    a.keptRewritten(run.Source),
		stdin:   a.stdin(),
		started: run.Started.UnixNano(),
	}
	if in.again = a.again; in.again != nil {
		in.dir = withoutLinks(in.again.dir)
	}
	in.host, _ = os.Hostname()
	in.hashes.Folder = func(ctx context.Context, dir string) (string, func(), error) {
		cache := filepath.Join(r.CacheDir(), "noticed", capture.CacheName(dir))
		done, err := r.lockDataset(ctx, cache)
		return cache, done, err
	}
	return in
}

// places returns the folders that decide what may be named, without links.
func (r *Repository) places() reads.Places {
	home, _ := os.UserHomeDir()
	return reads.Places{Root: withoutLinks(r.TreeRoot()), Home: withoutLinks(home), Temp: withoutLinks(os.TempDir())}
}

// withoutLinks returns a folder without links, or the folder itself if that is not known.
func withoutLinks(dir string) string {
	if found, err := filepath.EvalSymlinks(dir); err == nil {
		return found
	}
	return dir
}

// follow takes in what was read since the last call, and hashes it.
func (in *inputs) follow(ctx context.Context) error {
	began := time.Now()
	if err := in.reader.Next(); err != nil {
		return err
	}
	if err := in.reader.Compact(in.host, func(pid int) bool { return !WatchProcess(pid).Alive() }); err != nil {
		return err
	}
	in.looked = time.Since(began)
	fresh := in.reader.Order[in.at:]
	in.at += len(fresh)
	fresh = slices.DeleteFunc(slices.Clone(fresh), func(path string) bool {
		return in.reader.Uses[path]&reads.Made != 0
	})
	if len(fresh) == 0 {
		return nil
	}
	in.forgetTurns()
	files, err := in.data(ctx, fresh)
	if err != nil {
		return err
	}
	in.looked = time.Since(began)
	var hash []capture.Found
	for _, f := range files {
		if f.gone || f.noFile || f.found.Modified() >= in.started || in.other(f) {
			continue
		}
		if in.bytes += f.found.Bytes(); in.bytes > in.config.Data.MaxAutoBytes {
			break
		}
		in.early[f.path] = f
		hash = append(hash, f.found)
	}
	return in.hashes.Add(ctx, hash)
}

// data returns those of the paths that are data: they may be named, and the source of the run does not have them.
func (in *inputs) data(ctx context.Context, paths []string) ([]inputFile, error) {
	var outside, inside []inputFile
	var ask []asked
	var uses []reads.Use
	for _, path := range paths {
		named, use := path, in.reader.Uses[path]
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		real := in.realPath(path)
		if in.again != nil && relativeTo(in.dir, real) != "" {
			continue // the restored source, its data, or what was made there
		}
		if in.again != nil && relativeTo(in.dir, path) != "" {
			path = real // a link leads out of it
		}
		rel := relativeTo(in.root, path)
		if of := reads.ArtifactOf(rel); of != "" && use&reads.Written == 0 && isOlder(path, in.started) {
			in.artifacts[rel] = true
		}
		if !in.places.May(path) {
			continue
		}
		f := inputFile{path: path, named: named, at: time.Now().UnixNano()}
		f.rel = relativeTo(in.root, path)
		realRel := relativeTo(in.root, real)
		if f.rel == "" && realRel != "" { // the program came through a link to the project
			f.path, f.rel = real, realRel
		}
		if real != path && !in.places.May(real) {
			in.linked[path] = !in.places.OfMachine(real) && !in.isCode(real) && isOlder(real, in.started)
			continue
		}
		var err error
		if f.found, err = capture.Find(path); err != nil {
			f.gone, f.noFile = os.IsNotExist(err), !os.IsNotExist(err)
		}
		switch {
		case in.again != nil && (f.rel != "" || !in.isCode(real)):
			outside = append(outside, f)
		case realRel != "" && !inGitFolder(realRel):
			inside = append(inside, f)
			ask = append(ask, asked{realRel, f.found})
			uses = append(uses, use)
		default:
			outside = append(outside, f)
		}
	}
	source, err := in.source(ctx, ask)
	if err != nil {
		return nil, err
	}
	for i, f := range inside {
		if !source[i] {
			outside = append(outside, f)
			continue
		}
		if _, known := in.first[ask[i].rel]; !known {
			in.first[ask[i].rel] = uses[i]&(reads.Written|reads.Database) == 0 && !f.gone && !f.noFile &&
				f.found.Modified() >= in.started && (in.tracked[ask[i].rel] || in.byOther(f))
		}
	}
	return outside, nil
}

// readArtifacts returns the earlier runs of which the program has read artifacts that neither the command names nor the
// client has recorded: whoever gets an artifact by the client has a dataset for it.
func (in *inputs) readArtifacts() []string {
	if slices.ContainsFunc(in.run.Datasets, func(d format.Dataset) bool { return d.Role == "artifact" }) {
		return nil
	}
	runs := map[string]bool{}
	for rel := range in.artifacts {
		if of := reads.ArtifactOf(rel); !in.commandNames(of, rel) {
			runs[of] = true
		}
	}
	return sortedKeys(runs)
}

// commandNames reports whether the command names an artifact of an earlier run, or a folder that holds it: a
// reproduction finds it by that run.
func (in *inputs) commandNames(id, rel string) bool {
	_, name, _ := strings.Cut(rel, "/"+artifactsName+"/")
	for _, c := range in.repo.commandArtifacts(in.run) {
		if c.id == id && (name == c.name || strings.HasPrefix(name, c.name+"/")) {
			return true
		}
	}
	return false
}

// changedFirst returns the files of the source that had changed since the run began when they were first seen to be
// read: the source, which is captured at the start, may have another content. Changes after that are of a person who
// goes on to work.
func (in *inputs) changedFirst() (names []string) {
	for _, rel := range slices.Sorted(maps.Keys(in.first)) {
		if in.first[rel] {
			names = append(names, capture.Printable(rel))
		}
	}
	return names
}

// isOlder reports whether a path is a regular file from before a time in nanoseconds since 1970.
func isOlder(path string, than int64) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.ModTime().UnixNano() < than
}

// elsewhere returns how many files were read in places that are not recorded.
func (in *inputs) elsewhere() (n int64) {
	for _, counts := range in.linked {
		if counts {
			n++
		}
	}
	return n + in.reader.Left()
}

// inGitFolder reports whether Git or one of its extensions keeps a file for itself, as git-annex does with data.
func inGitFolder(rel string) bool { return strings.Contains("/"+rel, "/.git/") }

// isCode reports whether a file outside the project belongs to a program and not to its data.
func (in *inputs) isCode(path string) bool {
	switch filepath.Ext(path) {
	case ".py", ".pyc", ".so", ".pyd", ".dll", ".dylib":
		return true
	}
	return false
}

// relativeTo returns a path relative to root, with slashes, or "" if it is not below it.
func relativeTo(root, path string) string {
	rest, ok := strings.CutPrefix(path, strings.TrimSuffix(root, string(filepath.Separator))+string(filepath.Separator))
	if !ok {
		return ""
	}
	return filepath.ToSlash(rest)
}

// realPath returns a path without links. If the file does not exist, only the links of its folder are resolved.
func (in *inputs) realPath(path string) string {
	info, err := os.Lstat(path)
	if err == nil && info.Mode()&os.ModeSymlink != 0 {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			return real
		}
	}
	dir := filepath.Dir(path)
	real, ok := in.real[dir]
	if !ok {
		if real, err = filepath.EvalSymlinks(dir); err != nil {
			real = dir
		}
		in.real[dir] = real
	}
	return filepath.Join(real, filepath.Base(path))
}

// asked is a file below the root, by its path without links.
type asked struct {
	rel   string
	found capture.Found
}

// source reports for each file below the root whether the source of the run has it.
func (in *inputs) source(ctx context.Context, files []asked) ([]bool, error) {
	has := make([]bool, len(files))
	if len(files) == 0 {
		return has, nil
	}
	omits := capture.Omits(in.config, in.run.Source)
	if !in.repo.InGit {
		for i, f := range files {
			has[i] = !omits(f.rel, size(f.found))
		}
		return has, nil
	}
	byRepository := map[string][]int{}
	for i, f := range files {
		inner := in.innermost(filepath.Dir(filepath.FromSlash(f.rel)))
		byRepository[inner] = append(byRepository[inner], i)
	}
	for inner, list := range byRepository {
		dirs, prefix := in.repo.Git, ""
		if inner != "" {
			if !in.isSubmodule(inner) {
				continue // the source has nothing of it
			}
			other, ok, err := git.Discover(filepath.Join(in.root, inner))
			if err != nil || !ok {
				continue
			}
			dirs, prefix = other, filepath.ToSlash(inner)+"/"
		}
		ignored, err := in.ignored(ctx, dirs, prefix, files, list)
		if err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, err
		}
		for n, i := range list {
			f := files[i]
			of := inner != "" || in.tracked[f.rel] || !omits(f.rel, size(f.found))
			has[i] = of && !ignored[n] && !in.run.Source.Rewrites(capture.Printable(f.rel))
		}
	}
	return has, nil
}

func size(f capture.Found) int64 {
	if f.Path == "" {
		return 0
	}
	return f.Bytes()
}

// ignored reports which files of a repository Git ignores. It asks for folders first: of a million files in an ignored
// folder, Git hears of one folder. Files that Git tracks are not ignored.
func (in *inputs) ignored(ctx context.Context, dirs git.Dirs, prefix string, files []asked, list []int) (
	[]bool, error,
) {
	all := map[string]bool{}
	tracked, err := git.TrackedFiles(ctx, dirs)
	if err != nil {
		return nil, err
	}
	if prefix == "" {
		in.tracked = tracked
	}
	path := func(i int) string { return strings.TrimPrefix(files[i].rel, prefix) }
	folders := map[string]bool{}
	for _, i := range list {
		if at := strings.LastIndexByte(path(i), '/'); at > 0 {
			folders[path(i)[:at]] = true
		}
	}
	ignored, err := git.Ignored(ctx, dirs, sortedKeys(folders))
	if err != nil {
		return nil, err
	}
	var rest []string
	for _, i := range list {
		name := path(i)
		at := strings.LastIndexByte(name, '/')
		switch {
		case tracked[name]:
		case at > 0 && ignored[name[:at]]:
			all[name] = true
		default:
			rest = append(rest, name)
		}
	}
	single, err := git.Ignored(ctx, dirs, rest)
	if err != nil {
		return nil, err
	}
	answers := make([]bool, len(list))
	for n, i := range list {
		answers[n] = all[path(i)] || single[path(i)]
	}
	return answers, nil
}

// isSubmodule reports whether the source of the run has a submodule at a path relative to the root.
func (in *inputs) isSubmodule(inner string) bool {
	path := capture.Printable(filepath.ToSlash(inner))
	return in.run.Source != nil && slices.ContainsFunc(in.run.Source.Submodules, func(s format.Submodule) bool {
		return s.Path == path
	})
}

// innermost returns the innermost repository that a folder below the root belongs to, relative to the root. It is empty
// for the project itself.
func (in *inputs) innermost(dir string) string {
	if dir == "." {
		return ""
	}
	if inner, ok := in.nested[dir]; ok {
		return inner
	}
	inner := ""
	if _, err := os.Lstat(filepath.Join(in.root, dir, ".git")); err == nil {
		inner = dir
	} else {
		inner = in.innermost(filepath.Dir(dir))
	}
	in.nested[dir] = inner
	return inner
}
