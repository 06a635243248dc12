package repo

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/capture"
	"github.com/gitruns/runs/repo/regular"
)

// The file outputs.jsonl in the Git folder of a worktree lists what the runs of this worktree have written there. It
// is not shared and may be removed at any time: the files then count as source again.
//
// A line has the path, size and modification time of a file that a run has saved, logged as an artifact or was seen to
// write, or the times between which a run wrote. A file that was changed since does not count as output any more.

// outputLine is a line of the file.
type outputLine struct {
	Path string `json:"path,omitempty"` // relative to TreeRoot, with slashes
	Size int64  `json:"size,omitempty"`
	Time int64  `json:"time,omitempty"` // of the last change, ns since 1970

	From int64 `json:"from,omitempty"` // ns since 1970
	To   int64 `json:"to,omitempty"`
}

const (
	maxOutputsBytes  = 16 << 20
	compactFrom      = 2 << 20
	maxOutputWindows = 4000
)

func (r *Repository) outputsPath() string { return filepath.Join(r.Git.Git, "runs", "outputs.jsonl") }

// clockSlack is how much older than the moment of a write the time of a file can be.
const clockSlack = 20 * time.Millisecond

// noteOutputs remembers what a finished run has written. files are the absolute paths of files that it may have
// written: those that changed since it began count. What cannot be remembered counts as source.
func (r *Repository) noteOutputs(run *format.Run, files []string) {
	if !r.InGit || run.Source == nil {
		return
	}
	from, to := run.Started.Add(-clockSlack).UnixNano(), run.Ended.UnixNano()
	lines := []outputLine{{From: from, To: to}}
	slices.Sort(files)
	for _, file := range slices.Compact(files) {
		rel := relativePath(r.TreeRoot(), file)
		info, err := os.Lstat(file)
		if rel == "" || err != nil || !info.Mode().IsRegular() || isCode(rel) || info.ModTime().UnixNano() < from {
			continue
		}
		lines = append(lines, outputLine{Path: rel, Size: info.Size(), Time: info.ModTime().UnixNano()})
	}
	_ = r.appendOutputs(lines)
}

func (r *Repository) appendOutputs(lines []outputLine) error {
	name := r.outputsPath()
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return err
	}
	if info, err := os.Lstat(name); err == nil && info.Size() > compactFrom {
		if err := r.compactOutputs(name); err != nil {
			return err
		}
	}
	f, err := regular.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o666)
	if err != nil {
		return err
	}
	_, err = f.Write(encodeOutputs(lines))
	return errors.Join(err, f.Close())
}

func encodeOutputs(lines []outputLine) []byte {
	var data []byte
	for _, line := range lines {
		text, err := json.Marshal(line)
		if err == nil {
			data = append(append(data, text...), '\n')
		}
	}
	return data
}

// compactOutputs rewrites the file with what still holds.
func (r *Repository) compactOutputs(name string) error {
	known := readOutputs(name)
	var lines []outputLine
	for _, w := range known.windows[max(0, len(known.windows)-maxOutputWindows/2):] {
		lines = append(lines, outputLine{From: w[0], To: w[1]})
	}
	for rel, line := range known.files {
		info, err := os.Lstat(filepath.Join(r.TreeRoot(), filepath.FromSlash(rel)))
		if err == nil && line.same(info) {
			lines = append(lines, line)
		}
	}
	tmp := name + newPrefix + format.RandomLetters(8)
	if err := writeFile(tmp, encodeOutputs(lines)); err != nil {
		return err
	}
	return os.Rename(tmp, name)
}

func (l outputLine) same(info fs.FileInfo) bool {
	return info.Mode().IsRegular() && info.Size() == l.Size && info.ModTime().UnixNano() == l.Time
}

// outputs is what runs have written.
type outputs struct {
	files   map[string]outputLine
	windows [][2]int64
}

// readOutputs reads the file. It ignores lines that it does not understand.
func readOutputs(name string) outputs {
	known := outputs{files: map[string]outputLine{}}
	f, err := regular.Open(name)
	if err != nil {
		return known
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(io.LimitReader(f, maxOutputsBytes))
	for lines.Scan() {
		var line outputLine
		switch err := json.Unmarshal(lines.Bytes(), &line); {
		case err != nil:
		case line.Path != "":
			known.files[line.Path] = line
		case line.To >= line.From && line.To > 0:
			known.windows = append(known.windows, [2]int64{line.From, line.To})
		}
	}
	return known
}

// written returns a function that reports whether a run of this worktree has written an untracked file, and one for
// tracked files: of them, only those count that a run was seen to write and that have not changed since.
func (r *Repository) written() (untracked, tracked capture.Written) {
	known := sync.OnceValue(func() outputs {
		known := readOutputs(r.outputsPath())
		for _, started := range r.activeSince() {
			known.windows = append(known.windows, [2]int64{started.Add(-clockSlack).UnixNano(), 1<<63 - 1})
		}
		return known
	})
	tracked = func(rel string, info fs.FileInfo) bool {
		if !info.Mode().IsRegular() || isCode(rel) {
			return false
		}
		line, ok := known().files[rel]
		return ok && line.same(info)
	}
	untracked = func(rel string, info fs.FileInfo) bool {
		if tracked(rel, info) {
			return true
		}
		if !info.Mode().IsRegular() || isCode(rel) {
			return false
		}
		all := known()
		at := info.ModTime().UnixNano()
		inside := func(w [2]int64) bool { return w[0] <= at && at <= w[1] }
		return slices.ContainsFunc(all.windows, inside) &&
			isResult(filepath.Join(r.TreeRoot(), filepath.FromSlash(rel)))
	}
	return untracked, tracked
}

// activeSince returns when the runs in progress began.
func (r *Repository) activeSince() []time.Time {
	entries, _, err := r.activeEntries()
	if err != nil {
		return nil
	}
	var since []time.Time
	for _, entry := range entries {
		if format.CheckID(entry.Name()) == nil {
			since = append(since, format.IDTime(entry.Name()))
		}
	}
	return since
}

// isCode reports whether a file is source by its name, whoever wrote it: a program may generate code that the next run
// imports.
func isCode(rel string) bool {
	return slices.Contains(sourceSuffixes, strings.ToLower(path.Ext(rel)))
}

// resultSuffixes end the names of files that libraries write and that nobody writes by hand. What is in
// format.DefaultExclude is not repeated.
var resultSuffixes = []string{
	".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".pdf", ".mp4", ".wav", ".pickle", ".parquet", ".feather", ".arrow",
	".ubj", ".cbm", ".bst", ".keras", ".weights", ".mlmodel", ".pmml", ".rds", ".rdata", ".mat",
}

// resultHeads begin models in text that native libraries write, which no hook of an interpreter sees: those of XGBoost,
// LightGBM and CatBoost.
var resultHeads = []string{`{"learner":`, "tree\nversion=v", `{"model_info":`, `{"features_info":`, `{"ctr_data":`}

// isResult reports whether a file that appeared while a run was in progress is a result of it, by its kind. A person
// may have written any other file meanwhile.
func isResult(file string) bool {
	suffix := strings.ToLower(filepath.Ext(file))
	if slices.Contains(resultSuffixes, suffix) {
		return true
	}
	if suffix != ".json" && suffix != ".txt" && suffix != ".model" {
		return false
	}
	f, err := regular.Open(file)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	head := make([]byte, 32)
	n, _ := io.ReadFull(f, head)
	text := strings.NewReplacer(" ", "", "\r", "").Replace(string(head[:n]))
	text = strings.Replace(text, "{\n", "{", 1)
	return slices.ContainsFunc(resultHeads, func(begin string) bool { return strings.HasPrefix(text, begin) })
}
