package share

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
)

// folderHistory is the content of one .runs folder over a history.
type folderHistory struct {
	at     string
	runs   map[string]*runHistory
	shared map[string]map[string]bool // blobs, by name
	tip    map[string]map[string]bool // files at a tip, by run
	gone   bool                       // a shared file was removed in this history
	ever   map[string]string          // shared files of the whole history, also those removed since
	config string                     // the blob of config.toml at a tip
	marks  map[string]bool
	kept   map[string]string // blobs of the shared files at a tip
	folded map[string]string // files that belong to no run, by their name in lower case
}

// runHistory is a run with every file that it ever had.
type runHistory struct {
	files    map[string]git.TreeEntry
	others   []historyFile // contents that artifacts had in other commits
	came     string        // the commit that added it; empty if it is older than the history
	went     map[string]string
	touched  bool
	problems []Problem
}

type historyFile struct {
	name string
	git.TreeEntry
}

// before records a file that existed before the history that is verified. It counts as verified.
func (f *folderHistory) before(p place, e git.TreeEntry) {
	if p.kind == ofRun {
		f.run(p.run).files[runFile(p)] = e
	}
}

// now records a file at the end of the history.
func (f *folderHistory) now(p place, e git.TreeEntry) {
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

// configName is the name of the settings file in the .runs folder.
const configName = "config.toml"

func (f *folderHistory) run(id string) *runHistory {
	r := f.runs[id]
	if r == nil {
		r = &runHistory{files: map[string]git.TreeEntry{}, went: map[string]string{}}
		f.runs[id] = r
	}
	return r
}

func runFile(p place) string { return strings.TrimPrefix(p.name, runPath(p.run)+"/") }

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

// change records one change of the run. A change may add files, or remove all files of the run.
func (r *runHistory) change(f *folderHistory, p place, c git.CommittedChange) {
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
	case strings.HasPrefix(name, "artifacts/"): // each content must be the recorded one, or a pointer to it
		r.others = append(r.others, historyFile{name, git.TreeEntry{Mode: c.Mode, ID: c.ID}})
	default:
		r.problems = append(r.problems, Problem{Runs: f.at, ID: p.run, Commit: c.Commit, Reason: name + " was rewritten"})
	}
}

// compare reports the files that the history once had and that are missing at its end.
func (v *verification) compare(f *folderHistory) {
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
				v.problem(Problem{Runs: f.at, ID: id, Commit: r.went[name], Reason: name + " was removed"})
				continue
			}
			v.problem(Problem{
				Runs: f.at, ID: id, Commit: r.went[repo.RecordName],
				Reason: "was removed without a marker in " + repo.RemovedName + "/",
			})
			break
		}
	}
}
