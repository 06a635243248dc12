package stored

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/importer"
	"github.com/gitruns/runs/repo/mlflow"
	"github.com/gitruns/runs/repo/registry"
)

// told is what MLflow's own client says of a store; see testdata/record.py.
type told struct {
	Version string
	Runs    []toldRun
}

type toldRun struct {
	ID, Name, Experiment, Status string
	Start, End                   *int64
	Params, Tags                 map[string]string
	Metrics                      map[string][][3]any // step, time, value
	Models                       map[string][][5]any // the same, then the model and the dataset
	Datasets                     [][3]string         // name, digest, context
	Used                         []string            // ids of models
	Artifacts                    []string
}

// project makes an empty repository in a folder of its own.
func project(t testing.TB) *repo.Repository {
	t.Helper()
	t.Setenv("GIT_CEILING_DIRECTORIES", os.TempDir())
	r, _, err := repo.Init(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestAgainstMLflow imports stores that MLflow made, and compares each run with what MLflow's client says of it.
// RUNS_TEST_MLFLOW and RUNS_TEST_MLFLOW2 name Python interpreters that have MLflow.
func TestAgainstMLflow(t *testing.T) {
	var pythons []string
	for _, name := range []string{"RUNS_TEST_MLFLOW", "RUNS_TEST_MLFLOW2"} {
		pythons = append(pythons, filepath.SplitList(os.Getenv(name))...)
	}
	if len(pythons) == 0 {
		t.Skip("neither RUNS_TEST_MLFLOW nor RUNS_TEST_MLFLOW2 names a Python with MLflow")
	}
	for i, python := range pythons {
		for _, kind := range []string{"sqlite", "file"} {
			t.Run(fmt.Sprintf("%s-%d", kind, i), func(t *testing.T) {
				dir := t.TempDir()
				compareWithMLflow(t, dir, kind, record(t, python, kind, dir))
			})
		}
	}
}

func record(t *testing.T, python, kind, dir string) *told {
	t.Helper()
	var problem bytes.Buffer
	cmd := exec.Command(python, "testdata/record.py", kind, dir)
	cmd.Stderr = &problem
	cmd.Env = append(os.Environ(), "HOME="+dir, "USER=ann", "LOGNAME=ann")
	out, err := cmd.Output()
	if strings.Contains(problem.String(), "ImportError") {
		t.Skipf("%s cannot use a store of this kind: %s", python, lastLine(problem.String()))
	}
	if err != nil {
		t.Fatalf("record.py: %v\n%s", err, problem.String())
	}
	said := &told{}
	if err := json.Unmarshal(out, said); err != nil {
		t.Fatal(err)
	}
	t.Logf("MLflow %s: %d runs", said.Version, len(said.Runs))
	return said
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

func compareWithMLflow(t *testing.T, dir, kind string, said *told) {
	r := project(t)
	done, err := Import(t.Context(), r, importer.Request{Path: dir})
	if err != nil {
		t.Fatal(err)
	}
	if len(done.Runs) != len(said.Runs) || len(done.Refused) > 0 {
		t.Errorf("%d runs, MLflow has %d; refused: %v", len(done.Runs), len(said.Runs), done.Refused)
	}
	entries := map[string]*repo.Entry{}
	for _, id := range done.Runs {
		e, err := r.ReadFinished(id)
		if err != nil {
			t.Fatal(err)
		}
		entries[e.Key] = e
	}
	for _, run := range said.Runs {
		e := entries[run.ID]
		if e == nil {
			t.Errorf("run %s was not imported", run.Name)
			continue
		}
		t.Run(run.Name, func(t *testing.T) {
			run.compare(t, e, entries)
			run.comparePoints(t, e, kind == "file")
		})
	}
	leftOut := map[string]int64{}
	for _, l := range done.LeftOut {
		leftOut[l.What] = l.Count
	}
	want := map[string]int64{
		"model version": 2, "deleted model version": 1, "deleted run": 1, "deleted-experiment run": 1,
		"deleted experiment": 1,
	}
	if strings.HasPrefix(said.Version, "3.") {
		want["model without a run"], want["model tag"] = 1, 1
	}
	for what, n := range want {
		if leftOut[what] != n {
			t.Errorf("left out %d times %s, want %d", leftOut[what], what, n)
		}
	}
	compareRegistry(t, r, done)
	e, err := r.Experiment(t.Context(), "bikes & co")
	if err != nil || e.Tags["team"] != "sea" || e.Tags["mlflow.note.content"] != "a note" || e.Created.IsZero() {
		t.Errorf("experiment %+v, %v", e, err)
	}
	noPath(t, r.Dir, dir)
	again, err := Import(t.Context(), r, importer.Request{Path: dir})
	if err != nil || len(again.Runs) > 0 || len(again.Present) != len(said.Runs) || len(again.Refused) > 0 ||
		len(again.Models)+len(again.Versions) > 0 {
		t.Errorf("again: %+v, %v", again, err)
	}
}

// compareRegistry compares the registry with what record.py has registered.
func compareRegistry(t *testing.T, r *repo.Repository, done *importer.Imported) {
	t.Helper()
	if fmt.Sprint(done.Models, done.Versions) != "[bikes] [bikes@1 bikes@3]" {
		t.Errorf("models %v, versions %v", done.Models, done.Versions)
	}
	m, err := registry.Open(r).Model(t.Context(), "bikes")
	if err != nil {
		t.Fatal(err)
	}
	if m.Note != "how many bikes" || m.Tags["team"] != "sea" || len(m.Damaged) > 0 {
		t.Errorf("note %q, tags %v, damaged %v", m.Note, m.Tags, m.Damaged)
	}
	var got []string
	for _, v := range m.Versions {
		got = append(got, fmt.Sprintf("%s %s %d %s %s %q %q", v, v.Path, v.Files, m.StageOf(v), m.AliasesOf(v), v.Note,
			v.Tags["kind"]))
	}
	want := `bikes@1 plots 1 archived [] "the first" "plot"; bikes@3 top.txt 1 production [champion] "" ""`
	if s := strings.Join(got, "; "); s != want {
		t.Errorf("versions: %q", s)
	}
	if problems := m.VerifyFiles(); len(problems) > 0 {
		t.Errorf("verify: %v", problems)
	}
}

// noPath fails if a text file below a folder has a path of the machine.
func noPath(t *testing.T, root, path string) {
	t.Helper()
	err := filepath.WalkDir(root, func(name string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		if bytes.Contains(data, []byte(path)) {
			t.Errorf("%s has the path %s", name, path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// statusOf is the status here of a run that MLflow has in another.
var statusOf = map[string]format.Status{
	"FINISHED": format.Finished, "FAILED": format.Failed, "KILLED": format.Killed, "RUNNING": format.Crashed,
}

func (run *toldRun) compare(t *testing.T, e *repo.Entry, all map[string]*repo.Entry) {
	if e.Name != run.Name || e.Status != statusOf[run.Status] || e.Experiment != run.Experiment {
		t.Errorf("got %q %s %q, want %q %s %q", e.Name, e.Status, e.Experiment, run.Name, run.Status, run.Experiment)
	}
	if e.Started.UnixMilli() != *run.Start || run.End != nil && e.Ended.UnixMilli() != *run.End {
		t.Errorf("from %s to %s, MLflow: %d", e.Started, e.Ended, *run.Start)
	}
	params := map[string]string{}
	for name, value := range e.Params {
		params[name] = mlflow.Text(value)
	}
	if !maps.Equal(params, run.Params) {
		t.Errorf("params: got %v, want %v", params, run.Params)
	}
	tags := maps.Clone(e.Tags)
	delete(tags, "imported")
	if name, text := mlflow.MeasuredTag(run.Used); text != "" { // the run has points about each of them
		if tags[name] != text {
			t.Errorf("tag %s: got %q, want %q", name, tags[name], text)
		}
		delete(tags, name)
	}
	for name, value := range run.Tags {
		switch name {
		case "mlflow.runName", "mlflow.user", "mlflow.source.name", "mlflow.source.type":
		case mlflow.TagNote:
			if e.Note != value {
				t.Errorf("note %q, want %q", e.Note, value)
			}
		case mlflow.TagParent:
			if all[value] == nil || e.Parent != all[value].ID {
				t.Errorf("parent %s of %s", e.Parent, value)
			}
		default:
			if tags[name] != value {
				t.Errorf("tag %s: got %q, want %q", name, tags[name], value)
			}
			delete(tags, name)
		}
	}
	if len(tags) > 0 {
		t.Errorf("tags that MLflow does not have: %v", tags)
	}
	sets, used := [][3]string{}, []string{}
	for _, d := range e.Datasets {
		name, _ := strings.CutSuffix(d.Name, "-"+d.Digest)
		if d.SourceType == format.SourceModel {
			used = append(used, d.Digest)
			continue
		}
		sets = append(sets, [3]string{name, d.Digest, d.Role})
	}
	slices.SortFunc(run.Datasets, func(a, b [3]string) int { return strings.Compare(b[2], a[2]) })
	if !slices.Equal(sets, run.Datasets) {
		t.Errorf("datasets: got %v, want %v", sets, run.Datasets)
	}
	if !slices.Equal(used, run.Used) {
		t.Errorf("models that it used: got %v, want %v", used, run.Used)
	}
	artifacts := []string{}
	for _, a := range e.Artifacts {
		artifacts = append(artifacts, a.Path)
	}
	if !slices.Equal(artifacts, run.Artifacts) {
		t.Errorf("artifacts: got %q, want %q", artifacts, run.Artifacts)
	}
}

func text(step, at int64, value float64, labels ...string) string {
	return fmt.Sprint(step, at, " ", value, labels)
}

// floatOf reads a number as record.py writes it. MLflow's client gives the largest number of a database as it is.
func floatOf(v any) float64 {
	switch v {
	case "nan":
		return math.NaN()
	case "inf":
		return math.Inf(1)
	case "-inf":
		return math.Inf(-1)
	}
	return unbounded(v.(float64))
}

// comparePoints compares histories. MLflow's table of model metrics has 0 in place of NaN and the largest number in
// place of an infinite one, and its own client gives these. Of files, the client gives only the last points about a
// model, and the step 0 for points about a dataset, although the file has the step.
func (run *toldRun) comparePoints(t *testing.T, e *repo.Entry, files bool) {
	for key, history := range run.Metrics {
		points, err := e.Points(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		var got, want, gotLabels, wantLabels []string
		once := map[string]bool{}
		for _, p := range points {
			labels := p.Labels.Values()
			if files && labels[labelDataset] != nil {
				p.Step = 0
			}
			line := text(p.Step, p.Time/1000, p.Value)
			if len(labels) > 0 {
				stored := p.Value
				if math.IsNaN(stored) || math.IsInf(stored, 0) {
					stored = 0
				}
				gotLabels = append(gotLabels, text(p.Step, p.Time/1000, stored,
					fmt.Sprint(labels[labelModel]), fmt.Sprint(cmp.Or(labels[labelDataset], any("")))))
				if once[line] { // one point about two models
					continue
				}
				once[line] = true
			}
			got = append(got, line)
		}
		for _, p := range history {
			line := text(int64(p[0].(float64)), int64(p[1].(float64)), floatOf(p[2]))
			if once[line] && slices.Contains(want, line) {
				continue // a store of files has a line for each model
			}
			want = append(want, line)
		}
		for _, p := range run.Models[key] {
			stored := floatOf(p[2])
			if math.Abs(stored) > 1e300 || math.IsNaN(stored) {
				stored = 0
			}
			if files && p[4] != "" {
				p[0] = 0.0
			}
			wantLabels = append(wantLabels, text(int64(p[0].(float64)), int64(p[1].(float64)), stored,
				p[3].(string), p[4].(string)))
		}
		for _, list := range [][]string{got, want, gotLabels, wantLabels} {
			slices.Sort(list)
		}
		if !slices.Equal(got, want) {
			t.Errorf("metric %s: got %q, want %q", key, got, want)
		}
		if files {
			gotLabels = slices.DeleteFunc(gotLabels, func(l string) bool { return !slices.Contains(wantLabels, l) })
		}
		if !slices.Equal(gotLabels, wantLabels) {
			t.Errorf("labels of metric %s: got %q, want %q", key, gotLabels, wantLabels)
		}
	}
	if len(e.Metrics) != len(run.Metrics) {
		t.Errorf("%d metrics, MLflow has %d", len(e.Metrics), len(run.Metrics))
	}
}
