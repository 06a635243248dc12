package stored

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/gitruns/runs/repo/importer"
)

// fileModels are the models of a store of files, and the points that are stored with them.
type fileModels struct {
	made   map[string][]model // by the ids of the runs that made them
	number map[string]int32   // of runs with points in the spool
	points *importer.Spool
}

func newFileModels() *fileModels {
	return &fileModels{
		made: map[string][]model{}, number: map[string]int32{}, points: importer.NewSpool(),
	}
}

// read reads the models of an experiment. It is called for all experiments before any run is read.
func (m *fileModels) read(ctx context.Context, experiment string, left *leftOut) error {
	root := filepath.Join(experiment, "models")
	names, err := folders(root)
	if err != nil {
		return nil // there are none
	}
	for _, name := range names {
		dir := filepath.Join(root, name)
		meta, err := readMeta(dir)
		if err != nil {
			continue
		}
		if err := m.readPoints(ctx, name, filepath.Join(dir, "metrics")); err != nil {
			return err
		}
		if meta["lifecycle_stage"].Text == stageDeleted {
			left.add("deleted model", 1)
			continue
		}
		left.add("model param", countFiles(filepath.Join(dir, "params")))
		tags, _ := os.ReadDir(filepath.Join(dir, "tags"))
		left.add("model tag", len(slices.DeleteFunc(tags, func(t os.DirEntry) bool { return ownTag(t.Name()) })))
		run := meta["source_run_id"].Text
		if run == "" {
			left.add("model without a run", 1)
			continue
		}
		m.made[run] = append(m.made[run], model{
			id: name, name: meta["name"].Text, folder: filepath.Join(dir, "artifacts"), kind: meta["model_type"].Text,
			created: milliseconds(meta["creation_timestamp"].Text), updated: milliseconds(meta["last_updated_timestamp"].Text),
		})
	}
	return nil
}

func (m *fileModels) readPoints(ctx context.Context, id, dir string) error {
	var buf []byte
	return keyFiles(ctx, dir, func(key, name string) error {
		return eachLine(ctx, name, func(line string) error {
			p := point{key: key}
			run, ok := p.parse(line, true)
			if !ok {
				return nil
			}
			number, known := m.number[run]
			if !known {
				number = int32(len(m.number))
				m.number[run] = number
			}
			p.model = id
			buf = appendAbout(buf[:0], placeOf(&p), p.about)
			return m.points.Add(number, buf)
		})
	})
}

// contexts returns what points of a run are about.
func (m *fileModels) contexts(run string) (*contexts, error) {
	c := &contexts{}
	number, ok := m.number[run]
	if !ok {
		return c, nil
	}
	return c, m.points.Each(number, func(data []byte) error {
		c.addEntry(entry(data[1:]))
		return nil
	})
}

func (r *fileRun) points(ctx context.Context, visit func(*point) error) error {
	models, err := r.models.contexts(r.run.id)
	if err != nil {
		return err
	}
	err = keyFiles(ctx, filepath.Join(r.dir, "metrics"), func(key, name string) error {
		return eachLine(ctx, name, func(line string) error {
			p := point{key: key}
			if _, ok := p.parse(line, false); !ok {
				return visit(&point{key: key, value: math.NaN(), skipped: "lines of metrics that cannot be read"})
			}
			return models.visit(&p, true, visit)
		})
	})
	if err != nil {
		return err
	}
	return models.rest(visit)
}
