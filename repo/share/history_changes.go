package share

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/transition"
)

// folderHistory is the content of one .runs folder over a history.
type folderHistory struct {
	at     string
	runs   map[string]*runHistory
	shared map[string]map[string]bool // blobs, by name
	tip    map[string]map[string]bool // files at a tip, by run
	gone   bool                       // a shared file was removed in this history
	ever   map[string]string          // shared files of the whole history, also those removed since
	old    map[string]string          // blobs of the shared files before the history
	config string                     // the blob of config.toml at a tip
	marks  map[string]bool
	kept   map[string]string // blobs of the shared files at a tip
	folded map[string]string // files that belong to no run, by their name in lower case

	batches map[string]*heldBatch // as the history had them last, by path relative to .runs
	seen    map[string]*heldBatch // all of them, by path and tree
	pending map[string]bool       // batches of which the commit that is being read changes files
	commit  string                // that commit
	twice   map[string]bool       // runs that a tip has in several places
}

// runHistory is a run with every file that it ever had.
type runHistory struct {
	files    runFiles
	came     string // the commit that added it; empty if it is older than the history
	went     map[string]string
	touched  bool
	commit   string   // the last commit that changed the run
	start    runFiles // its files before that commit
	rewrites []rewrite
}

// rewrite is a commit that changes files of a run. Only a redaction may do that, and Git LFS of artifacts.
type rewrite struct {
	commit  string
	was     runFiles // the files of the run in the commits before, taken together
	touched bool     // this history added some of these files
}

// before records a file that existed before the history that is verified. It counts as verified.
func (f *folderHistory) before(p place, e git.TreeEntry) {
	switch p.kind {
	case ofRun:
		f.run(p.run).files[fileName(p)] = blob(e)
	case ofShared:
		f.old[p.name] = e.ID
	}
}

// batchBefore records a batch that existed before the history that is verified.
func (f *folderHistory) batchBefore(trees *git.Trees, b *heldBatch) error {
	f.batches[b.path] = b
	for _, id := range b.ids {
		files, err := b.runFiles(trees, id)
		if err != nil {
			return err
		}
		for name, e := range files {
			f.run(id).files[name] = e
		}
	}
	return nil
}

// batchNow records a batch at the end of the history.
func (f *folderHistory) batchNow(trees *git.Trees, b *heldBatch) error {
	for _, id := range b.ids {
		files, err := b.runFiles(trees, id)
		if err != nil {
			return err
		}
		if f.tip[id] == nil {
			f.tip[id] = map[string]bool{}
		}
		f.twice[id] = f.twice[id] || f.tip[id][repo.RecordName]
		for name := range files {
			f.tip[id][name] = true
		}
	}
	return nil
}

// now records a file at the end of the history.
func (f *folderHistory) now(p place, e git.TreeEntry) {
	switch p.kind {
	case ofRun:
		if f.tip[p.run] == nil {
			f.tip[p.run] = map[string]bool{}
		}
		f.tip[p.run][fileName(p)] = true
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

// configName is the name of the settings file in the .runs folder.
const configName = "config.toml"

func (f *folderHistory) run(id string) *runHistory {
	r := f.runs[id]
	if r == nil {
		r = &runHistory{files: runFiles{}, went: map[string]string{}}
		f.runs[id] = r
	}
	return r
}

func fileName(p place) string { return strings.TrimPrefix(p.name, runPath(p.run)+"/") }

// change records one change of the history.
func (v *verification) change(f *folderHistory, name string, c git.CommittedChange) {
	p := placeOf(path.Join(repo.DirName, name))
	if c.ID != "" {
		reason := stray(name, c.Mode)
		if other := f.folded[strings.ToLower(name)]; reason == nil && p.run == "" && other != "" && other != name {
			reason = fmt.Errorf("it and %s are the same file if case is ignored", other)
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
		f.run(p.run).change(fileName(p), blob(git.TreeEntry{Mode: c.Mode, Name: path.Base(p.name), ID: c.ID}), c.Commit)
	case ofBatch:
		f.pending[p.pack] = true
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

// changeBatches records what a commit changed in batches, as changes of their runs.
func (v *verification) changeBatches(trees *git.Trees, f *folderHistory) error {
	for _, at := range slices.Sorted(maps.Keys(f.pending)) {
		b, err := batchIn(trees, f.commit, f.at, at)
		switch {
		case isBroken(err):
			return err
		case err != nil && v.lacks(err):
			v.done.Unchecked++
			continue
		case err != nil:
			v.problem(Problem{Runs: f.at, Path: path.Join(f.at, at), Commit: f.commit, Reason: err.Error()})
			continue
		}
		if was := f.batches[at]; was != nil {
			for _, id := range was.ids {
				f.run(id).went[repo.RecordName] = f.commit
			}
		}
		if f.batches[at] = b; b == nil {
			continue
		}
		f.seen[b.path+" "+b.tree] = b
		for _, id := range b.ids {
			files, err := b.runFiles(trees, id)
			if err != nil {
				return err
			}
			for _, name := range slices.Sorted(maps.Keys(files)) {
				f.run(id).change(name, files[name], f.commit)
			}
		}
	}
	clear(f.pending)
	return nil
}

// change records one change of a file of the run. The ID of e is empty if the file is removed.
func (r *runHistory) change(name string, e runFile, commit string) {
	if commit != r.commit {
		r.commit, r.start = commit, maps.Clone(r.files)
	}
	if e.ID == "" {
		r.went[name] = commit
		return
	}
	touched := r.touched && r.start != nil && len(r.start) > 0
	if !r.touched && len(r.files) == 0 {
		r.came = commit
	}
	r.touched = true
	was, known := r.files[name]
	if n := len(r.rewrites); known && was.ID != e.ID && (n == 0 || r.rewrites[n-1].commit != commit) {
		r.rewrites = append(r.rewrites, rewrite{commit, r.start, touched})
	}
	r.files[name] = e
}

// compare reports the files that the history once had and that are missing at its end.
func (v *verification) compare(f *folderHistory) {
	for _, id := range slices.Sorted(maps.Keys(f.runs)) {
		r := f.runs[id]
		if f.marks[id] { // its batch may still have it, without its notes
			continue
		}
		there, ok := f.tip[id]
		for _, name := range slices.Sorted(maps.Keys(r.files)) {
			switch {
			case there[name]:
				continue
			case ok:
				v.problem(Problem{Runs: f.at, ID: id, Commit: r.went[name], Reason: name + " was removed"})
				continue
			}
			v.problem(Problem{
				Runs: f.at, ID: id, Commit: r.went[repo.RecordName],
				Reason: transition.Unmarked,
			})
			break
		}
	}
}
