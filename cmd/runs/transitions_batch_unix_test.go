//go:build unix

package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
)

// batchOf returns the folder of the batch that has a run, relative to dir. It is empty if the run has a folder.
func (w *world) batchOf(dir, id string) string {
	w.t.Helper()
	found, _ := filepath.Glob(filepath.Join(dir, ".runs", "2*", "batch-*", "runs.toml"))
	for _, file := range found {
		name, err := filepath.Rel(dir, filepath.Dir(file))
		if err != nil {
			w.t.Fatal(err)
		}
		if strings.Contains(string(w.read(dir, filepath.Join(name, "runs.toml"))), "\nid = \""+id+"\"\nsha256") {
			return name
		}
	}
	return ""
}

// batchHandmades are changes of a run in a batch that no command makes.
var batchHandmades = []handmade{
	{"another metric in a batch", rewriteBatched(`last = 0.5`, `last = 0.9`, false)},
	{"another status in a batch", rewriteBatched(`status = "finished"`, `status = "failed"`, false)},
	{"another param in a batch", rewriteBatched(`lr = 0.1`, `lr = 0.2`, false)},
	{"a forged redaction of a metric in a batch", rewriteBatched(`last = 0.5`, `last = 0.9`, true)},
	{"a forged redaction of a param in a batch", rewriteBatched(`lr = 0.1`, `lr = 0.2`, true)},
	{"a run that a batch drops", func(w *world, dir, run, id string) bool {
		return w.rebatch(dir, run, func(runs []format.BatchRun) []format.BatchRun {
			return slices.DeleteFunc(runs, func(r format.BatchRun) bool { return r.ID == id })
		})
	}},
	{"a batch that is dropped", func(w *world, dir, run, _ string) bool {
		w.must(dir, "git", "rm", "-rqf", "--", run)
		return true
	}},
	{"a batch without its points", func(w *world, dir, run, _ string) bool {
		w.must(dir, "git", "rm", "-qf", "--", run+"/metrics.parquet")
		return w.rebatch(dir, run, func(runs []format.BatchRun) []format.BatchRun { return runs })
	}},
	{"a run that leaves a batch without its points", func(w *world, dir, run, id string) bool {
		var record []byte
		left := w.rebatch(dir, run, func(runs []format.BatchRun) []format.BatchRun {
			return slices.DeleteFunc(runs, func(r format.BatchRun) bool {
				if r.ID == id {
					record = slices.Clone(r.Record)
				}
				return r.ID == id
			})
		})
		if left {
			if err := os.MkdirAll(filepath.Join(dir, runFolder(id)), 0o777); err != nil {
				w.t.Fatal(err)
			}
			w.write(filepath.Join(filepath.Base(dir), runFolder(id), "run.toml"), string(record))
		}
		return left
	}},
}

// rewriteBatched changes a record in a batch, and all digests with it. forged adds an entry of [[redacted]].
func rewriteBatched(was, now string, forged bool) func(w *world, dir, run, id string) bool {
	return func(w *world, dir, run, id string) bool {
		return w.rebatch(dir, run, func(runs []format.BatchRun) []format.BatchRun {
			for i := range runs {
				r := &runs[i]
				if r.ID != id || !strings.Contains(string(r.Record), was) {
					continue
				}
				text := strings.Replace(string(r.Record), was, now, 1)
				if forged {
					text += forgedEntry(r.SHA256)
				}
				r.Record, r.SHA256 = []byte(text), sum([]byte(text))
				return runs
			}
			return nil
		})
	}
}

// rebatch writes the runs.toml of a batch anew and gives the batch the name of its files. It returns false if change
// returns no runs.
func (w *world) rebatch(dir, batch string, change func([]format.BatchRun) []format.BatchRun) bool {
	w.t.Helper()
	runs, err := format.DecodeBatch("runs.toml", w.read(dir, batch+"/runs.toml"))
	if err != nil {
		w.t.Fatal(err)
	}
	if runs = change(runs); len(runs) == 0 {
		return false
	}
	data, err := format.EncodeBatch(runs)
	if err != nil {
		w.t.Fatal(err)
	}
	w.edit(filepath.Join(dir, batch, "runs.toml"), func(string) string { return string(data) })
	var files []format.BatchFile
	err = fs.WalkDir(os.DirFS(filepath.Join(dir, batch)), ".", func(name string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			files = append(files, format.BatchFile{Path: name, SHA256: sum(w.read(dir, filepath.Join(batch, name)))})
		}
		return err
	})
	if err == nil {
		err = os.Rename(filepath.Join(dir, batch), filepath.Join(dir, filepath.Dir(batch), format.BatchName(files)))
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return true
}

// pack moves runs into batches, and settles what a merge brought in two versions.
func (w *world) pack(dir string) {
	w.t.Helper()
	w.do(dir, []string{"is checked out"}, "runs", "pack")
}
