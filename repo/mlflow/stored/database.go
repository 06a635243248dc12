package stored

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path/filepath"

	"github.com/gitruns/runs/repo/importer"
	"github.com/gitruns/runs/repo/sqlite"
)

// The kinds of entries that a spool has of a run: a letter, then numbers as varints and texts with their lengths.
const (
	entryTag     = 't' // key, value
	entryParam   = 'p' // key, value
	entryDataset = 'd' // uuid, tags as JSON
	entryModel   = 'o' // id, name, address
	entryUsed    = 'u' // the id of a model that the run used
	entryMetric  = 'm' // number of the key, value, time, step
	entryLatest  = 'l' // the same
	entryOfModel = 'M' // see appendAbout
)

// isDatabase reports whether a file is a SQLite database with MLflow's tables.
func isDatabase(path string) bool {
	if !sqlite.IsDatabase(path) {
		return false
	}
	db, err := sqlite.Open(path)
	var journal *sqlite.JournalError
	if errors.As(err, &journal) {
		return true // so that the message about it is shown
	}
	if err != nil {
		return false
	}
	defer func() { _ = db.Close() }()
	return db.Table("experiments") != nil && db.Table("runs") != nil && db.Table("runs").Has("run_uuid")
}

// database is a store of MLflow in SQLite.
type database struct {
	db          *sqlite.DB
	folder      string
	runs        []*storedRun
	experiments []*experiment
	registered  []*registered
	number      map[string]int32 // of active runs, by MLflow's ids
	last        []int64          // the time of the last point of each run
	keys        []string         // of metrics
	keyOf       map[string]uint32
	datasets    map[string]dataset
	spool       *importer.Spool
	buf         []byte
}

// openDatabase reads a database. Its runs can be read until it is closed. The rows of deleted runs are passed over.
func openDatabase(ctx context.Context, path string, left *leftOut) (*database, error) {
	db, err := sqlite.Open(path)
	if err != nil {
		return nil, err
	}
	d := &database{
		db: db, folder: filepath.Dir(path), number: map[string]int32{}, keyOf: map[string]uint32{},
		datasets: map[string]dataset{}, spool: importer.NewSpool(),
	}
	if err := d.read(ctx, left); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

func (d *database) close() {
	d.spool.Close()
	_ = d.db.Close()
}

func (d *database) read(ctx context.Context, left *leftOut) error {
	experiments, err := d.readExperiments(ctx)
	if err != nil {
		return err
	}
	if err := d.readRuns(ctx, experiments); err != nil {
		return err
	}
	models := func(ctx context.Context) error { return d.readModels(ctx, left) }
	for _, read := range []func(context.Context) error{
		d.readDatasets, models, d.readTexts, d.readModelMetrics, d.readLatest, d.readMetrics,
	} {
		if err := read(ctx); err != nil {
			return err
		}
	}
	if err := d.readRegistry(ctx, left); err != nil {
		return err
	}
	if err := d.countRest(ctx, left); err != nil {
		return err
	}
	d.spool.Sort()
	return d.db.CheckUnchanged()
}

// rows visits the rows of a table, if it exists. Columns that this table lacks are null.
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

func (d *database) readExperiments(ctx context.Context) (map[int64]*experiment, error) {
	found := map[int64]*experiment{}
	columns := []string{"experiment_id", "name", "lifecycle_stage", "creation_time"}
	err := d.rows(ctx, "experiments", columns, func(r []sqlite.Value) error {
		id, _ := r[0].Number()
		e := &experiment{name: r[1].String(), deleted: r[2].String() == stageDeleted, tags: map[string]string{}}
		e.created, _ = r[3].Number()
		found[id] = e
		d.experiments = append(d.experiments, e)
		return nil
	})
	if err != nil {
		return nil, err
	}
	columns = []string{"experiment_id", "key", "value"}
	return found, d.rows(ctx, "experiment_tags", columns, func(r []sqlite.Value) error {
		id, _ := r[0].Number()
		if e := found[id]; e != nil && len(e.tags) < maxExperimentTags {
			e.tags[r[1].String()] = r[2].String()
		}
		return nil
	})
}

func (d *database) readRuns(ctx context.Context, experiments map[int64]*experiment) error {
	columns := []string{
		"run_uuid", "name", "user_id", "status", "start_time", "end_time", "lifecycle_stage", "experiment_id",
		"source_name", "source_version", "artifact_uri",
	}
	err := d.rows(ctx, "runs", columns, func(r []sqlite.Value) error {
		s := &storedRun{
			id: r[0].String(), name: r[1].String(), user: r[2].String(), status: r[3].String(),
			deleted: r[6].String() == stageDeleted, source: r[8].String(), commit: r[9].String(), artifacts: r[10].String(),
		}
		s.start, _ = r[4].Number()
		s.end, _ = r[5].Number()
		id, _ := r[7].Number()
		if s.experiment = experiments[id]; s.experiment == nil {
			s.experiment = &experiment{name: fmt.Sprint(id)}
		}
		if _, twice := d.number[s.id]; s.id == "" || twice {
			return nil
		}
		s.content = &databaseRun{d, s, int32(len(d.runs))}
		if !s.deleted && !s.experiment.deleted {
			d.number[s.id] = int32(len(d.runs))
		}
		d.runs = append(d.runs, s)
		return nil
	})
	d.last = make([]int64, len(d.runs))
	return err
}

// begin starts an entry of a run whose id a row has. ok is false if the run is not imported.
func (d *database) begin(id sqlite.Value, kind byte) (run int32, ok bool) {
	run, ok = d.number[string(id.Bytes)]
	d.buf = append(d.buf[:0], kind)
	return run, ok
}

func (d *database) text(values ...[]byte) {
	for _, v := range values {
		d.buf = append(binary.AppendUvarint(d.buf, uint64(len(v))), v...)
	}
}

func (d *database) readTexts(ctx context.Context) error {
	for table, kind := range map[string]byte{"tags": entryTag, "params": entryParam} {
		err := d.rows(ctx, table, []string{"run_uuid", "key", "value"}, func(r []sqlite.Value) error {
			run, ok := d.begin(r[0], kind)
			if !ok {
				return nil
			}
			d.text(r[1].Bytes, r[2].Bytes)
			return d.spool.Add(run, d.buf)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// readDatasets remembers the datasets, and which runs used them as what.
func (d *database) readDatasets(ctx context.Context) error {
	columns := []string{
		"dataset_uuid", "name", "digest", "dataset_source_type", "dataset_source", "dataset_schema", "dataset_profile",
	}
	err := d.rows(ctx, "datasets", columns, func(r []sqlite.Value) error {
		d.datasets[r[0].String()] = newDataset(
			r[1].String(), r[2].String(), r[3].String(), r[4].String(), r[5].String(), r[6].String(),
		)
		return nil
	})
	if err != nil {
		return err
	}
	tags := map[string]map[string]string{}
	err = d.rows(ctx, "input_tags", []string{"input_uuid", "name", "value"}, func(r []sqlite.Value) error {
		of := tags[string(r[0].Bytes)]
		if of == nil {
			of = map[string]string{}
			tags[r[0].String()] = of
		}
		of[r[1].String()] = r[2].String()
		return nil
	})
	if err != nil {
		return err
	}
	columns = []string{"input_uuid", "source_type", "source_id", "destination_type", "destination_id"}
	return d.rows(ctx, "inputs", columns, func(r []sqlite.Value) error {
		switch from, to := string(r[1].Bytes), string(r[3].Bytes); {
		case from == "DATASET" && to == "RUN":
			if run, ok := d.begin(r[4], entryDataset); ok {
				text, err := json.Marshal(tags[string(r[0].Bytes)])
				if err != nil {
					return err
				}
				d.text(r[2].Bytes, text)
				return d.spool.Add(run, d.buf)
			}
		case from == "RUN_INPUT" && to == "MODEL_INPUT":
			if run, ok := d.begin(r[2], entryUsed); ok {
				d.text(r[4].Bytes)
				return d.spool.Add(run, d.buf)
			}
		}
		return nil
	})
}

func (d *database) readModels(ctx context.Context, left *leftOut) error {
	columns := []string{
		"source_run_id", "model_id", "name", "artifact_location", "lifecycle_stage", "model_type", "creation_timestamp_ms",
		"last_updated_timestamp_ms",
	}
	return d.rows(ctx, "logged_models", columns, func(r []sqlite.Value) error {
		run, ok := d.begin(r[0], entryModel)
		switch {
		case string(r[4].Bytes) == stageDeleted:
			left.add("deleted model", 1)
			return nil
		case len(r[0].Bytes) == 0:
			left.add("model without a run", 1)
			return nil
		case !ok: // that of a run that is left out
			return nil
		}
		d.text(r[1].Bytes, r[2].Bytes, r[3].Bytes, r[5].Bytes)
		for _, v := range r[6:] {
			at, _ := v.Number()
			d.buf = binary.AppendVarint(d.buf, at)
		}
		return d.spool.Add(run, d.buf)
	})
}

// point appends a point to the entry. A point without a value is not a number.
func (d *database) point(run int32, key []byte, value, nan, time, step sqlite.Value) {
	number, ok := d.keyOf[string(key)]
	if !ok {
		number = uint32(len(d.keys))
		d.keys = append(d.keys, string(key))
		d.keyOf[d.keys[number]] = number
	}
	v, ok := value.Float()
	if is, _ := nan.Number(); is != 0 || !ok {
		v = math.NaN()
	}
	at, _ := time.Number()
	n, _ := step.Number()
	d.last[run] = max(d.last[run], at)
	d.buf = binary.AppendUvarint(d.buf, uint64(number))
	d.buf = binary.LittleEndian.AppendUint64(d.buf, math.Float64bits(unbounded(v)))
	d.buf = binary.AppendVarint(binary.AppendVarint(d.buf, at), n)
}

func (d *database) readMetrics(ctx context.Context) error {
	return d.readPoints(ctx, "metrics", entryMetric)
}

func (d *database) readLatest(ctx context.Context) error {
	return d.readPoints(ctx, "latest_metrics", entryLatest)
}

func (d *database) readPoints(ctx context.Context, table string, kind byte) error {
	columns := []string{"run_uuid", "key", "value", "is_nan", "timestamp", "step"}
	return d.rows(ctx, table, columns, func(r []sqlite.Value) error {
		run, ok := d.begin(r[0], kind)
		if !ok {
			return nil
		}
		d.point(run, r[1].Bytes, r[2], r[3], r[4], r[5])
		return d.spool.Add(run, d.buf)
	})
}

func (d *database) readModelMetrics(ctx context.Context) error {
	columns := []string{
		"run_id", "metric_name", "metric_value", "metric_timestamp_ms", "metric_step", "model_id", "dataset_name",
		"dataset_digest",
	}
	return d.rows(ctx, "logged_model_metrics", columns, func(r []sqlite.Value) error {
		run, ok := d.begin(r[0], entryOfModel)
		if !ok {
			return nil
		}
		v, ok := r[2].Float()
		if !ok {
			v = math.NaN()
		}
		at := place{key: r[1].String(), bits: math.Float64bits(unbounded(v))}
		at.time, _ = r[3].Number()
		at.step, _ = r[4].Number()
		d.last[run] = max(d.last[run], at.time)
		d.buf = appendAbout(d.buf[:0], at, about{r[5].String(), r[6].String(), r[7].String()})
		return d.spool.Add(run, d.buf)
	})
}

// databaseRun reads what a database has about one run.
type databaseRun struct {
	of     *database
	run    *storedRun
	number int32
}

func (c *databaseRun) last(context.Context) (int64, error) { return c.of.last[c.number], nil }

func (c *databaseRun) folders() []string { return nil }

// entry reads the parts of an entry.
type entry []byte

func (e *entry) uvarint() uint64 {
	v, n := binary.Uvarint(*e)
	*e = (*e)[max(n, 0):]
	return v
}

func (e *entry) varint() int64 {
	v, n := binary.Varint(*e)
	*e = (*e)[max(n, 0):]
	return v
}

func (e *entry) bits() uint64 {
	v := binary.LittleEndian.Uint64(*e)
	*e = (*e)[8:]
	return v
}

func (e *entry) text() string {
	n := min(e.uvarint(), uint64(len(*e)))
	s := string((*e)[:n])
	*e = (*e)[n:]
	return s
}

func (c *databaseRun) details(ctx context.Context) (*details, error) {
	found := &details{tags: map[string]string{}}
	err := c.of.spool.Each(c.number, func(data []byte) error {
		e := entry(data[1:])
		switch data[0] {
		case entryTag:
			found.tags[e.text()] = e.text()
		case entryParam:
			found.params = append(found.params, pair{e.text(), e.text()})
		case entryDataset:
			if set, ok := c.of.datasets[e.text()]; ok {
				_ = json.Unmarshal([]byte(e.text()), &set.tags) // readDatasets has written it
				found.datasets = append(found.datasets, set)
			}
		case entryUsed:
			found.datasets = append(found.datasets, usedModel(e.text()))
		case entryModel:
			found.models = append(found.models, model{
				id: e.text(), name: e.text(), uri: e.text(), kind: e.text(), created: e.varint(), updated: e.varint(),
			})
		}
		return ctx.Err()
	})
	return found, err
}

func (c *databaseRun) points(ctx context.Context, visit func(*point) error) error {
	var latest []point
	var models contexts
	seen := map[string]bool{}
	n := 0
	err := c.of.spool.Each(c.number, func(data []byte) error {
		kind := data[0]
		if kind != entryMetric && kind != entryLatest && kind != entryOfModel {
			return nil
		}
		if n++; n%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		e := entry(data[1:])
		if kind == entryOfModel {
			models.addEntry(e)
			return nil
		}
		p := point{key: c.of.keys[e.uvarint()]}
		p.value = math.Float64frombits(e.bits())
		p.time, p.step = e.varint(), e.varint()
		if kind == entryLatest {
			latest = append(latest, p)
			return nil
		}
		seen[p.key] = true
		return models.visit(&p, false, visit)
	})
	if err == nil {
		err = models.rest(func(p *point) error {
			seen[p.key] = true
			return visit(p)
		})
	}
	for i := range latest { // those whose history was lost
		if err == nil && !seen[latest[i].key] {
			err = visit(&latest[i])
		}
	}
	return err
}
