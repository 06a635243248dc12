package trackio

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gitruns/runs/repo/importer"
	"github.com/gitruns/runs/repo/sqlite"
)

// The kinds of entries that a spool has of a run: a letter, then numbers as varints and texts with their lengths.
const (
	entryMetrics = 'm' // time, step, JSON
	entrySystem  = 's' // time, 0, JSON
	entryAlert   = 'a' // time, step, level, title, text
)

const (
	mediaName = "media"
	maxRuns   = 1_000_000
)

// database is an open database of a project.
type database struct {
	folder  string
	project string
	db      *sqlite.DB
	spool   *importer.Spool
	runs    []*storedRun
	byID    map[string]*storedRun
	left    []importer.LeftOut
	buf     []byte
}

func openDatabase(ctx context.Context, path string) (*database, error) {
	db, err := sqlite.Open(path)
	if err != nil {
		return nil, err
	}
	d := &database{
		folder: filepath.Dir(path), project: strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)), db: db,
		spool: importer.NewSpool(), byID: map[string]*storedRun{},
	}
	err = d.read(ctx)
	if err == nil {
		err = db.CheckUnchanged()
	}
	if err != nil {
		d.close()
		return nil, err
	}
	d.spool.Sort()
	return d, nil
}

func (d *database) close() {
	d.spool.Close()
	_ = d.db.Close()
}

func (d *database) read(ctx context.Context) error {
	if t := d.db.Table("metrics"); t == nil || !t.Has("run_name") || !t.Has("metrics") {
		return errors.New("it is not a database of Trackio's: it has no table of metrics with run_name")
	}
	for _, read := range []func(context.Context) error{
		d.readMetrics, d.readSystem, d.readAlerts, d.readConfigs, d.countRest,
	} {
		if err := read(ctx); err != nil {
			return err
		}
	}
	return nil
}

// rows visits the rows of a table, if it exists. Columns that it lacks are null.
func (d *database) rows(ctx context.Context, table string, columns []string, visit func([]sqlite.Value) error) error {
	t := d.db.Table(table)
	if t == nil {
		return nil
	}
	if err := t.Rows(ctx, columns, visit); err != nil {
		return fmt.Errorf("reading the table %s: %w", table, err)
	}
	return nil
}

// run returns the run of a row, whose first values are its id and name.
func (d *database) run(r []sqlite.Value) (*storedRun, error) {
	id := string(r[0].Bytes)
	key := "id\x00" + id
	if id == "" {
		key = "name\x00" + string(r[1].Bytes)
	}
	s := d.byID[key]
	if s == nil {
		if len(d.runs) >= maxRuns {
			return nil, fmt.Errorf("it has more than %d runs", maxRuns)
		}
		s = &storedRun{of: d, number: int32(len(d.runs)), id: id, name: string(r[1].Bytes)}
		d.runs = append(d.runs, s)
		d.byID[key] = s
	}
	return s, nil
}

// add stores an entry of a run.
func (d *database) add(s *storedRun, kind byte, at string, step int64, texts ...[]byte) error {
	us, ok := moment(at)
	if ok {
		if s.begin == 0 || us < s.begin {
			s.begin, s.first = us, at
		}
		s.last = max(s.last, us)
	}
	d.buf = binary.AppendVarint(binary.AppendVarint(append(d.buf[:0], kind), us), step)
	for _, text := range texts {
		d.buf = append(binary.AppendUvarint(d.buf, uint64(len(text))), text...)
	}
	return d.spool.Add(s.number, d.buf)
}

func (d *database) readMetrics(ctx context.Context) error {
	columns := []string{"run_id", "run_name", "timestamp", "step", "metrics"}
	return d.rows(ctx, "metrics", columns, func(r []sqlite.Value) error {
		s, err := d.run(r)
		if err != nil {
			return err
		}
		step, _ := r[3].Number()
		return d.add(s, entryMetrics, r[2].String(), step, r[4].Bytes)
	})
}

func (d *database) readSystem(ctx context.Context) error {
	columns := []string{"run_id", "run_name", "timestamp", "metrics"}
	return d.rows(ctx, "system_metrics", columns, func(r []sqlite.Value) error {
		s, err := d.run(r)
		if err != nil {
			return err
		}
		return d.add(s, entrySystem, r[2].String(), 0, r[3].Bytes)
	})
}

func (d *database) readAlerts(ctx context.Context) error {
	columns := []string{"run_id", "run_name", "timestamp", "step", "level", "title", "text"}
	return d.rows(ctx, "alerts", columns, func(r []sqlite.Value) error {
		s, err := d.run(r)
		if err != nil {
			return err
		}
		step, _ := r[3].Number()
		return d.add(s, entryAlert, r[2].String(), step, r[4].Bytes, r[5].Bytes, r[6].Bytes)
	})
}

func (d *database) readConfigs(ctx context.Context) error {
	columns := []string{"run_id", "run_name", "config", "created_at"}
	return d.rows(ctx, "configs", columns, func(r []sqlite.Value) error {
		s, err := d.run(r)
		if err != nil {
			return err
		}
		var config map[string]any
		if decode(r[2].Bytes, &config) == nil {
			s.config = config
		}
		if us, ok := moment(r[3].String()); ok && s.begin == 0 {
			s.begin, s.first = us, r[3].String()
		}
		return nil
	})
}

// decode reads JSON, with its numbers as they are written.
func decode(data []byte, into any) error {
	in := json.NewDecoder(strings.NewReader(string(data)))
	in.UseNumber()
	return in.Decode(into)
}

// readTables are those whose rows become runs.
var readTables = []string{"metrics", "system_metrics", "alerts", "configs"}

// countedTables are other tables with something that a user made, and what a row is.
var countedTables = map[string]string{"traces": "trace", "artifact_versions": "artifact version"}

// passedTables belong to rows of the tables above, or are Trackio's own.
var passedTables = []string{
	"project_metadata", "pending_uploads", "artifacts", "artifact_aliases", "run_artifact_links",
	"external_run_artifact_links",
}

// countRest counts the rows that no run takes. A table of a newer Trackio is named as it is.
func (d *database) countRest(ctx context.Context) error {
	for _, t := range d.db.Tables() {
		name := strings.ToLower(t.Name)
		if slices.Contains(readTables, name) || slices.Contains(passedTables, name) {
			continue
		}
		n, err := t.Count(ctx)
		if err != nil {
			return fmt.Errorf("reading the table %s: %w", t.Name, err)
		}
		what := countedTables[name]
		if what == "" {
			what = "unknown " + clean(t.Name) + " row"
		}
		if n > 0 {
			d.left = append(d.left, importer.LeftOut{What: what, Count: n})
		}
	}
	return nil
}
