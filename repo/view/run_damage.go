package view

import (
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// Bounds of what is shown of a damaged run.
const (
	maxDamagedFiles  = 200
	maxDamagedRecord = 256 << 10 // bytes of run.toml
)

// RunDamage says why a run could not be read, and what is left of it.
type RunDamage struct {
	Message string        `json:"message"`
	Record  string        `json:"record"` // the beginning of its run.toml, which nothing has checked
	Files   []DamagedFile `json:"files"`  // what its folder has, at most 200
}

// DamagedFile is a file in the folder of a damaged run.
type DamagedFile struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
}

// damagedRun describes a run that could not be read. The id of the damage was checked when runs were listed.
func (v *View) damagedRun(d *repo.Damage) *Run {
	r := &Run{ID: d.ID, Title: d.ID, Damaged: &RunDamage{Message: d.Error(), Files: []DamagedFile{}}}
	if format.CheckID(d.ID) != nil || v.options.Revision != "" {
		return r
	}
	r.Title = format.IDRandom(d.ID)
	root, err := os.OpenRoot(v.damagedDir(d.ID))
	if err != nil {
		return r
	}
	defer func() { _ = root.Close() }()
	_ = fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || len(r.Damaged.Files) >= maxDamagedFiles {
			return fs.SkipAll
		}
		if info, err := entry.Info(); err == nil && info.Mode().IsRegular() {
			r.Damaged.Files = append(r.Damaged.Files, DamagedFile{path.Clean(name), info.Size()})
		}
		return nil
	})
	if info, err := root.Lstat(repo.RecordName); err != nil || !info.Mode().IsRegular() {
		return r
	}
	f, err := root.Open(repo.RecordName)
	if err != nil {
		return r
	}
	defer func() { _ = f.Close() }()
	data, _ := io.ReadAll(io.LimitReader(f, maxDamagedRecord)) // as far as it can be read
	r.Damaged.Record = strings.ToValidUTF8(string(data), "\ufffd")
	return r
}

// damagedDir returns the folder of a run that could not be read: a finished one, or one in progress.
func (v *View) damagedDir(id string) string {
	actives, _ := v.repo.Actives() // without them, the folder of a finished run is taken
	for _, a := range actives {
		if a.ID == id {
			return a.Dir
		}
	}
	dir, _ := v.repo.FindRun(id)
	return dir
}
