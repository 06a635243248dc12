// Package dvclive imports the folders that DVCLive writes: metrics.json, plots and params.yaml, in the layout of its
// versions 1 to 3.
//
// It knows that layout. It does not decide which runs are new; repo/importer does. A folder is one run: DVCLive begins
// it anew for each training, and earlier ones are in Git. Start reading at Import.
package dvclive

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/importer"
)

// Kind is the value of the tag imported.
const Kind = "dvclive"

const (
	metricsName = "metrics.json"
	paramsName  = "params.yaml"
	pointsPath  = "plots/metrics/"
)

// idleTime is how long the files of a run must have been unchanged before it counts as ended.
const idleTime = time.Minute

// content lists the files and folders of DVCLive's that become artifacts.
var content = []string{"plots/images/", "plots/sklearn/", "plots/custom/", "artifacts/"}

// Found reports whether a folder has points of DVCLive's, or one is below it.
func Found(ctx context.Context, dir string) bool {
	w := &importer.Walk{
		Match: func(name string) bool { return filepath.Ext(name) == ".tsv" },
		// A .tsv file elsewhere says nothing, so several are looked at.
		Entries: 100_000, Within: time.Second, Files: 1000,
	}
	files, err := w.Below(ctx, dir)
	return err == nil && slices.ContainsFunc(files, func(f importer.File) bool {
		_, _, ok := splitPoints(f.Path)
		return ok
	})
}

// splitPoints returns DVCLive's folder and the key of a file of points.
func splitPoints(name string) (dir, key string, ok bool) {
	name = filepath.ToSlash(name)
	if !strings.HasSuffix(name, ".tsv") {
		return "", "", false
	}
	i := strings.LastIndex(name, "/"+pointsPath)
	if i < 0 {
		return "", "", false
	}
	return name[:i], strings.TrimSuffix(name[i+1+len(pointsPath):], ".tsv"), true
}

// Import makes a finished run from each folder of DVCLive's at or below a folder, which is only read.
func Import(ctx context.Context, r *repo.Repository, q importer.Request) (*importer.Imported, error) {
	files, err := importer.FindAll(ctx, q.Path, func(name string) bool {
		return filepath.Ext(name) == ".tsv" || name == metricsName || name == paramsName
	}, "it has no files of DVCLive (metrics.json or plots/metrics)")
	if err != nil {
		return nil, err
	}
	known, err := importer.NewUndated(r, Kind)
	if err != nil {
		return nil, err
	}
	var logs []importer.Log
	for _, l := range group(q.Path, files) {
		if err := l.look(ctx, known); err != nil {
			return nil, err
		}
		logs = append(logs, l)
	}
	if len(logs) == 0 {
		return nil, errors.New("it has no files of DVCLive (metrics.json or plots/metrics)")
	}
	return importer.Import(ctx, r, q, logs)
}

// log is a folder of DVCLive's.
type log struct {
	root, dir string // the folder of the import, and that of the run
	metrics   string // metrics.json, or empty
	params    string
	points    []pointFile
	written   time.Time
	run       *format.Run
	last      int64 // the last time of a point, in µs since 1970
	err       error
}

type pointFile struct{ path, key string }

// group finds the folders of runs. A metrics.json file alone is DVCLive's only next to a folder plots or a params.yaml.
func group(root string, files []importer.File) []*log {
	found := map[string]*log{}
	var order []string
	of := func(dir string, f importer.File) *log {
		dir = filepath.ToSlash(dir)
		l := found[dir]
		if l == nil {
			l = &log{root: root, dir: filepath.FromSlash(dir)}
			found[dir] = l
			order = append(order, dir)
		}
		if f.Mtime.After(l.written) {
			l.written = f.Mtime
		}
		return l
	}
	for _, f := range files {
		dir, base := filepath.Split(f.Path)
		dir = filepath.Clean(dir)
		if points, key, ok := splitPoints(f.Path); ok {
			l := of(points, f)
			l.points = append(l.points, pointFile{f.Path, key})
			continue
		}
		switch base {
		case metricsName:
			of(dir, f).metrics = f.Path
		case paramsName:
			of(dir, f).params = f.Path
		}
	}
	var logs []*log
	slices.Sort(order)
	for _, dir := range order {
		l := found[dir]
		if len(l.points) > 0 || l.metrics != "" && (l.params != "" || filepath.Base(dir) == "dvclive") {
			slices.SortFunc(l.points, func(a, b pointFile) int { return strings.Compare(a.key, b.key) })
			logs = append(logs, l)
		}
	}
	return logs
}

// look reads the texts of a run once, for their digest and their times.
func (l *log) look(ctx context.Context, known *importer.Undated) error {
	sum := sha256.New()
	_, _ = io.WriteString(sum, "dvclive\x00")
	first := int64(0)
	for _, name := range l.texts() {
		if err := ctx.Err(); err != nil {
			return err
		}
		f, err := importer.Open(name)
		if err != nil {
			l.err = withoutPath(err, filepath.Base(name))
			return nil
		}
		_, _ = fmt.Fprintf(sum, "%s\x00", filepath.ToSlash(name[len(l.dir):]))
		own := sha256.New()
		_, err = io.Copy(own, io.LimitReader(f, maxFileBytes))
		_ = f.Close()
		if err != nil {
			l.err = withoutPath(err, filepath.Base(name))
			return nil
		}
		_, _ = sum.Write(own.Sum(nil))
	}
	for _, p := range l.points {
		err := eachPoint(ctx, p.path, func(row *pointRow) error {
			if row.time > 0 && (first == 0 || row.time < first) {
				first = row.time
			}
			l.last = max(l.last, row.time)
			return nil
		})
		if err != nil && ctx.Err() != nil {
			return ctx.Err()
		}
	}
	l.run = &format.Run{Name: l.Name(), Tags: map[string]string{"imported": Kind}}
	if first > 0 {
		l.run.Started = time.UnixMicro(first).UTC()
		l.run.ID = format.IDOf(l.run.Started, sum.Sum(nil))
	} else {
		l.run.ID, l.run.Started = known.ID(sum.Sum(nil), l.written)
	}
	return nil
}

// texts returns the files that identify the run, sorted.
func (l *log) texts() []string {
	var list []string
	for _, name := range []string{l.metrics, l.params} {
		if name != "" {
			list = append(list, name)
		}
	}
	for _, p := range l.points {
		list = append(list, p.path)
	}
	return list
}

// withoutPath names the file of an error without its folder.
func withoutPath(err error, name string) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	return fmt.Errorf("%s: %w", name, err)
}

// Name returns the path of the folder below that of the import, or its own name, without a last part dvclive.
func (l *log) Name() string {
	dir := l.dir
	if filepath.Base(dir) == "dvclive" { // every project calls it so
		dir = filepath.Dir(dir)
	}
	rel, err := filepath.Rel(l.root, dir)
	if err != nil || !filepath.IsLocal(rel) || rel == "." {
		rel = filepath.Base(dir)
	}
	rel = filepath.ToSlash(rel)
	return importer.Key(importer.Clean([]byte(rel)))
}

// Run returns what is known of the run from the times in its files.
func (l *log) Run() (*format.Run, *format.EnvironmentFile, error) {
	if l.err != nil {
		return nil, nil, l.err
	}
	if time.Since(l.written).Abs() < idleTime {
		return nil, nil, importer.ErrInProgress
	}
	return l.run, nil, nil
}

// isContent reports whether a file of the folder becomes an artifact.
func isContent(rel string) bool {
	return slices.ContainsFunc(content, func(dir string) bool { return strings.HasPrefix(rel, dir) }) ||
		path.Dir(rel) == "." && strings.HasPrefix(rel, "report.")
}
