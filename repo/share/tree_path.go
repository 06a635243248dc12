package share

import (
	"path"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// place is the path of a file in a .runs folder of a tree.
type place struct {
	at   string // the .runs folder
	name string // relative to it
	run  string // the id, for a file of a run by itself
	pack string // the folder relative to .runs, for a file of a batch
	mark string // the id, for a removal marker
	kind placeKind
}

type placeKind int

const (
	notOurs placeKind = iota
	ofRun
	ofBatch
	ofMark
	ofShared
	ofSetup
	ofExperiment
	ofModel
)

// placeOf splits a path. Its kind is notOurs if none of our commands commits such a file.
func placeOf(file string) place {
	at, name, ok := cutRuns(file)
	if !ok || format.CheckPath(file) != nil {
		return place{}
	}
	p := place{at: at, name: name}
	parts := strings.SplitN(name, "/", 3)
	switch {
	case len(parts) == 1:
		if _, ok := repo.SetupFiles()[name]; ok {
			p.kind = ofSetup
		}
	case len(parts) == 2 && parts[0] == repo.RemovedName && format.CheckID(parts[1]) == nil:
		p.kind, p.mark = ofMark, parts[1]
	case len(parts) == 3 && format.CheckDay(parts[0]) == nil && format.CheckID(parts[1]) == nil &&
		format.IDDay(parts[1]) == parts[0]:
		p.kind, p.run = ofRun, parts[1]
	case len(parts) == 3 && format.CheckDay(parts[0]) == nil && format.IsBatchName(parts[1]) && isBatchFile(parts[2]) &&
		!ofOtherDay(parts[0], parts[2]):
		p.kind, p.pack = ofBatch, path.Join(parts[0], parts[1])
	case repo.IsShared(name):
		p.kind = ofShared
	case isExperiment(name):
		p.kind = ofExperiment
	case isModelFile(name):
		p.kind = ofModel
	}
	return p
}

// ofOtherDay reports whether a file of a batch is of a run of another day.
func ofOtherDay(day, name string) bool {
	own, ok := strings.CutPrefix(name, format.BatchFilesName+"/")
	id, _, _ := strings.Cut(own, "/")
	return ok && format.IDDay(id) != day
}

// cutRuns splits a path after the outermost folder named .runs.
func cutRuns(file string) (at, name string, ok bool) {
	if name, ok := strings.CutPrefix(file, repo.DirName+"/"); ok {
		return repo.DirName, name, true
	}
	if i := strings.Index(file, "/"+repo.DirName+"/"); i >= 0 {
		return file[:i+1+len(repo.DirName)], file[i+2+len(repo.DirName):], true
	}
	return "", "", false
}
