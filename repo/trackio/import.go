// Package trackio imports the runs of Trackio's databases: one SQLite file for each project, with the media next to it.
//
// It knows Trackio's tables, also those of versions that told runs apart by name. It does not decide which runs are
// new; repo/importer does. Start reading at Import. database.go reads the tables, and read.go turns rows into content.
package trackio

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/importer"
	"github.com/gitruns/runs/repo/sqlite"
)

// Kind is the value of the tag imported.
const Kind = "trackio"

// idleTime is how long a run must have logged nothing before it counts as ended. Trackio does not store an end.
const idleTime = time.Minute

// databases returns Trackio's databases at a path: a file, or the files of a folder.
func databases(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		if isDatabase(path) {
			return []string{path}, nil
		}
		return nil, nil
	}
	entries, err := os.ReadDir(path)
	var list []string
	for _, e := range entries {
		name := filepath.Join(path, e.Name())
		if e.Type().IsRegular() && filepath.Ext(name) == ".db" && isDatabase(name) {
			list = append(list, name)
		}
	}
	return list, err
}

// isDatabase reports whether a file has Trackio's table of metrics. One with changes in a second file is taken by its
// name, so that the message about these is shown.
func isDatabase(path string) bool {
	if !sqlite.IsDatabase(path) {
		return false
	}
	db, err := sqlite.Open(path)
	var journal *sqlite.JournalError
	if errors.As(err, &journal) {
		return filepath.Base(filepath.Dir(path)) == "trackio" || hasFolder(filepath.Join(filepath.Dir(path), mediaName))
	}
	if err != nil {
		return false
	}
	defer func() { _ = db.Close() }()
	t := db.Table("metrics")
	return t != nil && t.Has("run_name") && t.Has("metrics") && t.Has("step")
}

func hasFolder(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.IsDir()
}

// Found reports whether a path is a database of Trackio's, or a folder that holds one.
func Found(_ context.Context, path string) bool {
	list, err := databases(path)
	return err == nil && len(list) > 0
}

// Import makes a finished run from each run of the databases, which are only read. The id of a run is derived from
// Trackio's.
func Import(ctx context.Context, r *repo.Repository, q importer.Request) (*importer.Imported, error) {
	list, err := databases(q.Path)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 && sqlite.IsDatabase(q.Path) { // it was named
		list = []string{q.Path}
	}
	if len(list) == 0 {
		return nil, errors.New("it is not a database of Trackio's, or a folder with one")
	}
	var runs []*storedRun
	var left []importer.LeftOut
	for _, name := range list {
		d, err := openDatabase(ctx, name)
		if err != nil {
			return nil, importer.DatabaseError(name, "Trackio", err)
		}
		defer d.close()
		runs = append(runs, d.runs...)
		left = append(left, d.left...)
	}
	slices.SortStableFunc(runs, func(a, b *storedRun) int {
		return cmp.Or(cmp.Compare(a.started, b.started), strings.Compare(a.id, b.id))
	})
	logs := make([]importer.Log, len(runs))
	for i, run := range runs {
		run.identify(r)
		logs[i] = run
	}
	done, err := importer.Import(ctx, r, q, logs)
	if err != nil {
		return nil, err
	}
	for _, l := range left {
		i := slices.IndexFunc(done.LeftOut, func(o importer.LeftOut) bool { return o.What == l.What })
		if i < 0 {
			done.LeftOut = append(done.LeftOut, l)
		} else {
			done.LeftOut[i].Count += l.Count
		}
	}
	return done, nil
}

// storedRun is a run of a database. Times are in µs since 1970; 0 is unknown.
type storedRun struct {
	of            *database
	number        int32  // in the spool
	id, name      string // Trackio's; old versions have no id
	first         string // the first time, as it is stored
	started, last int64
	begin         int64 // of the points
	config        map[string]any
	runID         string
}

// maxTime is the last time that an id can hold, in µs since 1970.
const maxTime = 253402300799999999

// identify gives a run its id. When Trackio changes a database to its newer layout, it gives the runs ids of its own: a
// run that was imported before keeps the id here.
func (s *storedRun) identify(r *repo.Repository) {
	if s.started = s.begin; s.created() > 0 {
		s.started = s.created()
	}
	if s.started <= 0 || s.started > maxTime {
		return
	}
	at := time.UnixMicro(s.started).UTC()
	byName := sha256.Sum256([]byte("trackio\x00" + s.name + "\x00" + s.first))
	s.runID = format.IDOf(at, byName[:])
	if s.id == "" {
		return
	}
	if _, err := r.ReadFinished(s.runID); err == nil {
		return
	}
	byID := sha256.Sum256([]byte("trackio\x00" + s.id))
	s.runID = format.IDOf(at, byID[:])
}

// created returns the start that the config has.
func (s *storedRun) created() int64 {
	text, _ := s.config["_Created"].(string)
	us, _ := moment(text)
	return us
}

// Name returns the name of the run.
func (s *storedRun) Name() string { return clean(s.name) }

// Run returns what the database has about the run itself.
func (s *storedRun) Run() (*format.Run, *format.EnvironmentFile, error) {
	if s.runID == "" {
		return nil, nil, errors.New("its run has no valid time")
	}
	if time.Since(time.UnixMicro(max(s.last, s.started))).Abs() < idleTime {
		return nil, nil, importer.ErrInProgress
	}
	run := &format.Run{
		ID: s.runID, Name: s.Name(), Experiment: clean(s.of.project), Started: time.UnixMicro(s.started).UTC(),
		Tags: map[string]string{"imported": Kind},
	}
	if s.id != "" {
		run.Key = clean(s.id)
	}
	if group, _ := s.config["_Group"].(string); group != "" {
		run.Group = clean(group)
	}
	if user, _ := s.config["_Username"].(string); user != "" {
		run.Author = clean(user)
	}
	return run, nil, nil
}

// clean returns a text as a key, or a name of one line.
func clean(text string) string { return importer.Key(importer.Clean([]byte(text))) }

// moment reads a time as Python's isoformat writes it. A time without a zone is in UTC.
func moment(text string) (int64, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999"} {
		if t, err := time.Parse(layout, text); err == nil {
			us := t.UnixMicro()
			return us, us > 0 && us <= maxTime
		}
	}
	return 0, false
}
