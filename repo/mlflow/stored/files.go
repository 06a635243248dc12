package stored

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/gitruns/runs/repo/importer"
	"github.com/gitruns/runs/repo/mlflow"
	"github.com/gitruns/runs/repo/regular"
	"github.com/gitruns/runs/repo/yaml"
)

const (
	metaName     = "meta.yaml"
	trashName    = ".trash"
	stageDeleted = "deleted"
	tagContext   = "mlflow.data.context"
)

// Bounds of a store of files.
const (
	maxTextBytes = 1 << 20 // a param or a tag
	maxKeyDepth  = 32      // slashes in a key
	maxKeyFiles  = 100_000 // keys of one kind in a run
	maxYAMLDepth = 4
)

// experimentFolders are the folders of an experiment besides those of its runs.
var experimentFolders = []string{"tags", "datasets", "traces", "models", "prompts", "assessments"}

// isFileStore reports whether a folder has experiments in MLflow's layout.
func isFileStore(root string) bool {
	list, err := folders(root)
	if err != nil {
		return false
	}
	for _, name := range list {
		meta, err := readMeta(filepath.Join(root, name))
		if _, ok := meta["experiment_id"]; err == nil && ok && meta["run_id"].Text == "" && meta["run_uuid"].Text == "" {
			return true
		}
	}
	return false
}

func hasMeta(dir string) bool {
	info, err := os.Lstat(filepath.Join(dir, metaName))
	return err == nil && info.Mode().IsRegular()
}

// folders returns the names of the folders in a folder, sorted. Links are no folders.
func folders(dir string) ([]string, error) {
	f, err := regular.OpenFolder(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	entries, err := f.ReadDir(-1)
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, err
}

// readMeta reads the meta.yaml file of a folder.
func readMeta(dir string) (map[string]yaml.Node, error) {
	data, err := readText(filepath.Join(dir, metaName), yaml.MaxBytes+1)
	if err != nil {
		return nil, err
	}
	keys, err := yaml.Parse(data, yaml.Options{Depth: maxYAMLDepth})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", metaName, err)
	}
	return keys, nil
}

// readText reads a file of at most some bytes; more are cut off.
func readText(name string, most int64) ([]byte, error) {
	f, err := importer.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, most))
}

// fileStore is a store of MLflow in files: a folder for each experiment, with a folder for each run.
type fileStore struct {
	root        string
	runs        []*storedRun
	experiments []*experiment
	models      *fileModels
	registered  []*registered
	refused     []refusal
}

// refusal is a run that cannot be read.
type refusal struct {
	name string
	err  error
}

func openFiles(ctx context.Context, root string, left *leftOut) (*fileStore, error) {
	s := &fileStore{root: root, models: newFileModels()}
	list, err := folders(root)
	if err != nil {
		return nil, err
	}
	for _, name := range list {
		dir := filepath.Join(root, name)
		switch {
		case name == "models":
			err = s.readRegistry(ctx, dir, left)
		case name == trashName:
			err = s.countTrash(dir, left)
		case name[0] != '.':
			err = s.experiment(ctx, dir, left)
		}
		if err != nil {
			s.close()
			return nil, err
		}
	}
	s.models.points.Sort()
	return s, nil
}

func (s *fileStore) close() { s.models.points.Close() }

func (s *fileStore) countTrash(dir string, left *leftOut) error {
	list, err := folders(dir)
	for _, name := range list {
		at := filepath.Join(dir, name)
		left.add("deleted experiment", 1)
		runs, _ := folders(at)
		for _, run := range runs {
			if !slices.Contains(experimentFolders, run) && hasMeta(filepath.Join(at, run)) {
				left.add("deleted-experiment run", 1)
			}
		}
	}
	return err
}

// experiment adds the runs of an experiment's folder.
func (s *fileStore) experiment(ctx context.Context, dir string, left *leftOut) error {
	list, err := folders(dir)
	if err != nil {
		return nil // it is not readable, or was removed meanwhile
	}
	e := &experiment{name: filepath.Base(dir), tags: map[string]string{}}
	s.experiments = append(s.experiments, e)
	if meta, err := readMeta(dir); err == nil {
		e.created = milliseconds(meta["creation_time"].Text)
		e.name, e.deleted = meta["name"].Text, meta["lifecycle_stage"].Text == stageDeleted
	} else if !errors.Is(err, fs.ErrNotExist) {
		s.refused = append(s.refused, refusal{filepath.Base(dir), err})
	}
	if e.deleted {
		left.add("deleted experiment", 1)
	}
	if err := s.models.read(ctx, dir, left); err != nil {
		return err
	}
	for _, name := range list {
		if err := ctx.Err(); err != nil {
			return err
		}
		at := filepath.Join(dir, name)
		switch {
		case name == "traces":
			traces, _ := folders(at)
			left.add("trace", len(traces))
		case name == "tags":
			err := keyFiles(ctx, at, func(key, name string) error {
				data, err := readText(name, maxTextBytes)
				if err == nil && len(e.tags) < maxExperimentTags {
					e.tags[key] = lineOf(data)
				}
				return nil
			})
			if err != nil {
				return err
			}
		case slices.Contains(experimentFolders, name):
		case hasMeta(at):
			run, err := readRun(at)
			if err != nil {
				s.refused = append(s.refused, refusal{path.Join(filepath.Base(dir), name), err})
				continue
			}
			run.experiment = e
			run.content = &fileRun{run: run, dir: at, datasets: filepath.Join(dir, "datasets"), models: s.models}
			s.runs = append(s.runs, run)
		}
	}
	return nil
}

func countFiles(dir string) int {
	entries, _ := os.ReadDir(dir)
	return len(entries)
}

// readRun reads the meta.yaml file of a run. Its keys were others in early versions.
func readRun(dir string) (*storedRun, error) {
	meta, err := readMeta(dir)
	if err != nil {
		return nil, err
	}
	first := func(keys ...string) string {
		for _, key := range keys {
			if n := meta[key]; n.Text != "" {
				return n.Text
			}
		}
		return ""
	}
	s := &storedRun{
		id: first("run_id", "run_uuid"), name: first("run_name", "name"), user: first("user_id"),
		status: mlflow.StatusRunning, deleted: first("lifecycle_stage") == stageDeleted,
		source: first("source_name"), commit: first("source_version"), artifacts: first("artifact_uri"),
	}
	if status := first("status"); status != "" {
		if s.status = status; statuses[status] != "" {
			s.status = statuses[status]
		}
	}
	if s.id == "" {
		return nil, fmt.Errorf("%s has no run_id", metaName)
	}
	s.start = milliseconds(first("start_time"))
	s.end = milliseconds(first("end_time"))
	return s, nil
}

// milliseconds reads a time, or returns 0.
func milliseconds(text string) int64 {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil && f > 0 && f <= maxMilliseconds {
		return int64(f)
	}
	return 0
}

// fileRun reads the folder of a run.
type fileRun struct {
	run      *storedRun
	dir      string
	datasets string
	models   *fileModels
}

func (r *fileRun) folders() []string { return []string{filepath.Join(r.dir, "artifacts")} }

func (r *fileRun) last(ctx context.Context) (last int64, err error) {
	err = r.points(ctx, func(p *point) error {
		last = max(last, p.time)
		return nil
	})
	return last, err
}

func (r *fileRun) details(ctx context.Context) (*details, error) {
	d := &details{tags: map[string]string{}}
	err := keyFiles(ctx, filepath.Join(r.dir, "tags"), func(key, name string) error {
		data, err := readText(name, maxTextBytes)
		if err == nil {
			d.tags[key] = lineOf(data)
		}
		return d.damaged(err)
	})
	if err != nil {
		return nil, err
	}
	err = keyFiles(ctx, filepath.Join(r.dir, "params"), func(key, name string) error {
		data, err := readText(name, maxTextBytes)
		if err == nil {
			d.params = append(d.params, pair{key, lineOf(data)})
		}
		return d.damaged(err)
	})
	if err != nil {
		return nil, err
	}
	r.readInputs(d)
	d.models = r.models.made[r.run.id]
	return d, nil
}

// lineOf returns the value in a file of a param or a tag. MLflow before 1.0 ended each, which was one line, with a line
// break.
func lineOf(data []byte) string {
	text := string(data)
	if line, ok := strings.CutSuffix(text, "\n"); ok && !strings.Contains(line, "\n") {
		return strings.TrimSuffix(line, "\r")
	}
	return text
}

// damaged notes a file that cannot be read.
func (d *details) damaged(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		d.damage = append(d.damage, fmt.Sprintf("skipped %s: %v", filepath.Base(at.Path), at.Err))
		return nil
	}
	return err
}

func (r *fileRun) readInputs(d *details) {
	list, err := folders(filepath.Join(r.dir, "inputs"))
	if err != nil {
		return
	}
	for _, name := range list {
		input, err := readMeta(filepath.Join(r.dir, "inputs", name))
		if err != nil {
			_ = d.damaged(&fs.PathError{Path: name, Err: err})
			continue
		}
		id := input["source_id"].Text
		if id == "" || id != filepath.Base(id) {
			continue
		}
		switch input["source_type"].Text {
		case "MODEL", "MODEL_INPUT":
			d.datasets = append(d.datasets, usedModel(id))
			continue
		case "DATASET":
		default:
			continue
		}
		meta, err := readMeta(filepath.Join(r.datasets, id))
		if err != nil {
			_ = d.damaged(&fs.PathError{Path: name, Err: err})
			continue
		}
		set := newDataset(meta["name"].Text, meta["digest"].Text, meta["source_type"].Text, meta["source"].Text,
			meta["schema"].Text, meta["profile"].Text)
		set.tags = map[string]string{}
		for name, tag := range input["tags"].Keys {
			set.tags[name] = tag.Text
		}
		d.datasets = append(d.datasets, set)
	}
}

// keyFiles visits the files of a folder whose names are keys. A key with slashes is a path.
func keyFiles(ctx context.Context, dir string, visit func(key, name string) error) error {
	n := 0
	var walk func(at string, depth int) error
	walk = func(at string, depth int) error {
		entries, err := os.ReadDir(filepath.Join(dir, filepath.FromSlash(at)))
		if errors.Is(err, fs.ErrNotExist) || depth > maxKeyDepth {
			return nil
		}
		for _, e := range entries {
			key := path.Join(at, e.Name())
			switch {
			case e.IsDir():
				err = walk(key, depth+1)
			case e.Type().IsRegular() && n < maxKeyFiles:
				n++
				err = visit(key, filepath.Join(dir, filepath.FromSlash(key)))
			}
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				return err
			}
		}
		return err
	}
	return walk("", 0)
}

// maxMetricLine bounds a line of a metric's file.
const maxMetricLine = 4096

// eachLine visits the lines of a file of points. A file that cannot be read has none.
func eachLine(ctx context.Context, name string, visit func(line string) error) error {
	f, err := importer.Open(name)
	if err != nil {
		var at *fs.PathError
		if errors.As(err, &at) {
			return nil
		}
		return err
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	lines.Buffer(make([]byte, 0, maxMetricLine), maxMetricLine)
	for n := 0; lines.Scan(); n++ {
		if n%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if line := strings.TrimSpace(lines.Text()); line != "" {
			if err := visit(line); err != nil {
				return err
			}
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return visit("") // a damaged line, and nothing after it
	}
	return lines.Err()
}

// parse reads a line: time, value, from MLflow 1.0 on the step, and from 3.0 on the name and digest of a dataset. The
// name may have spaces. A line of a model has the id of the run after the step. ok is false for a damaged line.
func (p *point) parse(line string, ofModel bool) (run string, ok bool) {
	words := strings.Split(line, " ")
	if len(words) < 2 {
		return "", false
	}
	var err error
	if p.time, err = strconv.ParseInt(words[0], 10, 64); err != nil {
		return "", false
	}
	if p.value, err = strconv.ParseFloat(words[1], 64); err != nil && !errors.Is(err, strconv.ErrRange) {
		return "", false
	}
	if math.IsNaN(p.value) {
		p.value = math.NaN() // of several, one
	}
	if words = words[2:]; len(words) > 0 {
		if p.step, err = strconv.ParseInt(words[0], 10, 64); err != nil {
			return "", false
		}
		words = words[1:]
	}
	if ofModel {
		if len(words) == 0 {
			return "", false
		}
		run, words = words[0], words[1:]
	}
	if n := len(words) - 1; n > 0 {
		p.dataset, p.digest = strings.Join(words[:n], " "), words[n]
	}
	return run, true
}
