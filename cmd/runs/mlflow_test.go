package main

import (
	"bytes"
	ordered "cmp"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// mlflowPythons are the variables that name a Python with MLflow.
var mlflowPythons = []string{"RUNS_TEST_MLFLOW", "RUNS_TEST_MLFLOW2"}

// eachMLflow calls test for each Python with MLflow.
func eachMLflow(t *testing.T, test func(t *testing.T, python string)) {
	for _, variable := range mlflowPythons {
		t.Run(variable, func(t *testing.T) {
			python := os.Getenv(variable)
			if python == "" {
				t.Skipf("%s does not name a Python with MLflow", variable)
			}
			test(t, python)
		})
	}
}

// mlflowProject is a project whose programs use MLflow.
type mlflowProject struct {
	*testing.T
	dir, python, report string
}

func newMLflowProject(t *testing.T, python string, files map[string]string) *mlflowProject {
	p := &mlflowProject{T: t, dir: filepath.Join(t.TempDir(), "project"), python: python}
	p.report = p.dir + ".json"
	for name, text := range files {
		path := filepath.Join(p.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"init", "-q"}, {"add", "-A"}, {"commit", "-qm", "Train"}} {
		cmd := exec.Command("git", args...)
		cmd.Dir = p.dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v\n%s", args, err, out)
		}
	}
	p.must("init")
	return p
}

// command returns a call of runs.
func (p *mlflowProject) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(p.Context(), "runs", args...)
	cmd.Dir = p.dir
	cmd.Env = append(os.Environ(), "MLFLOW_TEST_REPORT="+p.report)
	return cmd
}

// must calls runs and returns what it prints.
func (p *mlflowProject) must(args ...string) string {
	p.Helper()
	cmd := p.command(args...)
	var out, problem bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problem
	if err := cmd.Run(); err != nil {
		p.Fatalf("runs %s: %v\n%s", strings.Join(args, " "), err, problem.String())
	}
	return out.String()
}

// exec runs a script under 'runs exec' and returns its exit status.
func (p *mlflowProject) exec(script string, args ...string) (status int, output string) {
	p.Helper()
	out, err := p.command(slices.Concat([]string{"exec", "--", p.python, script}, args)...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		p.Fatal(err)
	}
	if exit != nil {
		status = exit.ExitCode()
	}
	return status, string(out)
}

// verify fails if a run is damaged, is in progress, or was written where MLflow would have written it.
func (p *mlflowProject) verify() {
	p.Helper()
	if out := p.must("verify"); !strings.Contains(out, "0 damaged") {
		p.Errorf("verify prints %s", out)
	}
	for _, name := range []string{"mlruns", "mlflow.db"} {
		if _, err := os.Lstat(filepath.Join(p.dir, name)); err == nil {
			p.Errorf("MLflow wrote %s", name)
		}
	}
}

// mlflowRun is a run as the record has it, and as report.py says what MLflow's client reads.
type mlflowRun struct {
	ID         string            `json:"id"`
	Name       string            `json:"name"`
	Status     string            `json:"status"`
	Experiment string            `json:"experiment"`
	Note       string            `json:"note"`
	Parent     string            `json:"parent"`
	Tags       map[string]string `json:"tags"`

	Params    map[string]any          `json:"params"`
	Metrics   map[string]any          `json:"metrics"`
	Points    map[string][][2]float64 `json:"points"`
	Artifacts []any                   `json:"artifacts"`
}

// decode reads JSON, whose numbers stay as they are written.
func (p *mlflowProject) decode(data []byte, to any) {
	p.Helper()
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(to); err != nil {
		p.Fatal(err)
	}
}

// recorded returns a run as runs shows it, in the form of a report.
func (p *mlflowProject) recorded(id string) mlflowRun {
	p.Helper()
	var run mlflowRun
	p.decode([]byte(p.must("show", id, "--json")), &run)
	run.Points = map[string][][2]float64{}
	var points []struct {
		Key   string
		Step  float64
		Value float64
	}
	if len(run.Metrics) > 0 {
		if err := json.Unmarshal([]byte(p.must("metrics", id, "--json")), &points); err != nil {
			p.Fatal(err)
		}
	}
	for _, point := range points {
		run.Points[point.Key] = append(run.Points[point.Key], [2]float64{point.Step, point.Value})
	}
	for key := range run.Metrics {
		of := run.Points[key]
		run.Metrics[key] = of[len(of)-1][1]
	}
	for key, v := range run.Params {
		run.Params[key] = pythonText(v)
	}
	maps.DeleteFunc(run.Tags, func(key, _ string) bool { return strings.HasPrefix(key, "mlflow.") }) // as report.py does
	paths := []any{}
	for _, a := range run.Artifacts {
		paths = append(paths, a.(map[string]any)["path"])
	}
	run.Artifacts = paths
	return run
}

// pythonText returns a param as Python's str() writes it.
func pythonText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case bool:
		return map[bool]string{true: "True", false: "False"}[v]
	case json.Number:
		return v.String()
	case nil:
		return "None"
	}
	data, _ := json.Marshal(v)
	return string(data)
}

// compare compares the runs of a report with their records.
func (p *mlflowProject) compare() {
	p.Helper()
	data, err := os.ReadFile(p.report)
	if os.IsNotExist(err) {
		return
	} else if err != nil {
		p.Fatal(err)
	}
	var want []mlflowRun
	p.decode(data, &want)
	for _, w := range want {
		for key, v := range w.Metrics {
			w.Metrics[key], _ = v.(json.Number).Float64()
		}
		for _, points := range w.Points { // MLflow orders them by time, and runs by step
			slices.SortStableFunc(points, func(a, b [2]float64) int { return ordered.Compare(a[0], b[0]) })
		}
		got := p.recorded(w.ID)
		w.Status = strings.ToLower(w.Status)
		if w.Experiment == "Default" {
			w.Experiment = got.Experiment
		}
		if d := cmp.Diff(w, got, cmpopts.EquateEmpty()); d != "" {
			p.Errorf("run %s of MLflow's client (-) and of runs (+):\n%s", w.ID, d)
		}
	}
	if len(want) > 1 {
		p.must("diff", want[0].ID, want[1].ID)
	}
}

// Each script of testdata/mlflow asserts what MLflow's own client reads back while it runs. The runs that it leaves are
// those that the client has seen, and none is damaged.
func TestMLflowScripts(t *testing.T) {
	scripts, err := filepath.Glob("../../testdata/mlflow/*.py")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	report, err := os.ReadFile("../../testdata/mlflow/report.py")
	if err != nil {
		t.Fatal(err)
	}
	eachMLflow(t, func(t *testing.T, python string) {
		for _, script := range scripts {
			name := filepath.Base(script)
			if name == "report.py" {
				continue
			}
			t.Run(strings.TrimSuffix(name, ".py"), func(t *testing.T) {
				t.Parallel()
				text, err := os.ReadFile(script)
				if err != nil {
					t.Fatal(err)
				}
				p := newMLflowProject(t, python, map[string]string{name: string(text), "report.py": string(report)})
				if status, out := p.exec(name); status != 0 {
					t.Fatalf("exit status %d:\n%s", status, out)
				}
				p.verify()
				p.compare()
				p.must("ls")
				if name == "registry.py" {
					p.loadsInClone()
				}
			})
		}
	})
}

// loadsInClone fails unless a clone has what was registered and committed: its programs load it by alias and stage.
func (p *mlflowProject) loadsInClone() {
	p.Helper()
	const script = "import mlflow\n" +
		"for which in '@champion', '/Production', '/2':\n" +
		"    assert len(mlflow.pyfunc.load_model('models:/taxi' + which).predict([[1.0, 2.0]])) == 1\n"
	p.must("model", "verify")
	p.must("commit")
	clone := &mlflowProject{T: p.T, dir: p.dir + "-clone", python: p.python}
	for _, args := range [][]string{{"add", "-A"}, {"commit", "-qm", "Promote"}, {"clone", "-q", p.dir, clone.dir}} {
		cmd := exec.CommandContext(p.Context(), "git", args...)
		cmd.Dir = p.dir
		if out, err := cmd.CombinedOutput(); err != nil {
			p.Fatalf("git %s: %v\n%s", args, err, out)
		}
	}
	if err := os.RemoveAll(p.dir); err != nil {
		p.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(clone.dir, "load.py"), []byte(script), 0o666); err != nil {
		p.Fatal(err)
	}
	if status, out := clone.exec("load.py"); status != 0 {
		p.Fatalf("exit status %d in the clone:\n%s", status, out)
	}
	clone.verify()
}

// The status of a run is what happened: the worse of what the program told MLflow and of how it ended.
func TestMLflowStatus(t *testing.T) {
	const head = "import os, signal, sys, time\nimport mlflow\n" +
		"mlflow.start_run(run_name='n')\nmlflow.log_metric('loss', 0.5, step=1)\n"
	eachMLflow(t, func(t *testing.T, python string) {
		for _, c := range []struct {
			name, end, status string
			exit              int
		}{
			{"the end", "", "finished", 0},
			{"an exception", "raise ValueError('no')", "failed", 1},
			{"an exception after end_run", "mlflow.end_run()\nraise ValueError('no')", "failed", 1},
			{"an exit status", "sys.exit(3)", "failed", 3},
			{"the word of the program", "mlflow.end_run('FAILED')", "failed", 0},
			{"killed in its words", "mlflow.end_run('KILLED')", "killed", 0},
			{"SIGTERM", "os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)", "killed", 143},
			{"SIGKILL", "os.kill(os.getpid(), signal.SIGKILL)", "killed", 137},
		} {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				p := newMLflowProject(t, python, map[string]string{"end.py": head + c.end + "\n"})
				status, out := p.exec("end.py")
				run := p.recorded("last")
				if status != c.exit || run.Status != c.status || run.Name != "n" || len(run.Points["loss"]) != 1 {
					t.Errorf("exit status %d, want %d; run %+v, want %s\n%s", status, c.exit, run, c.status, out)
				}
				p.verify()
			})
		}
	})
}

// allPoints fails unless readers have the points of all parts of the run that resumed.py made.
func (p *mlflowProject) allPoints() {
	p.Helper()
	var got []struct{ Step, Value float64 }
	p.decode([]byte(p.must("metrics", "name=whole", "again", "--json")), &got)
	want := []struct{ Step, Value float64 }{{0, 1}, {0, 2}, {0, 3}, {0, 4}, {0, -4}, {1, -3}, {2, -2}, {3, -1}}
	if d := cmp.Diff(want, got); d != "" {
		p.Errorf("the points that are expected (-) and that metrics prints (+):\n%s", d)
	}
	const again = "metrics.again.last = -1 and metrics.again.min = -4 and metrics.again.max = 4 and " +
		"metrics.again.count = 8"
	if out := p.must("ls", "-e", "chains", "-w", again); strings.Count(out, "whole") != 1 {
		p.Errorf("ls prints %s", out)
	}
}

// Programs that write to one run, one after another, see one run, also if one of them, and 'runs exec' itself, are
// killed. The parts of the run here lead to it by their ids.
func TestMLflowResumed(t *testing.T) {
	script, err := os.ReadFile("../../testdata/mlflow/programs/resumed.py")
	if err != nil {
		t.Fatal(err)
	}
	eachMLflow(t, func(t *testing.T, python string) {
		for _, parent := range []string{"", "1"} {
			t.Run("kill parent "+parent, func(t *testing.T) {
				t.Parallel()
				p := newMLflowProject(t, python, map[string]string{"resumed.py": string(script)})
				place := p.dir + ".id"
				run := func(want int, args ...string) {
					t.Helper()
					cmd := p.command(slices.Concat([]string{"exec", "--", python, "resumed.py"}, args)...)
					cmd.Env = append(cmd.Env, "RUNS_TEST_KILL_PARENT="+parent)
					out, err := cmd.CombinedOutput()
					if status := cmd.ProcessState.ExitCode(); status != want {
						t.Fatalf("%s: exit status %d, %v:\n%s", args, status, err, out)
					}
				}
				run(0, "1", place)
				run(0, "2", place)
				run(map[string]int{"": 137, "1": -1}[parent], "3", place)
				for strings.Contains(p.must("ls", "--json"), `"running"`) && t.Context().Err() == nil {
					time.Sleep(100 * time.Millisecond) // whoever notices that the program has died finishes its run
				}
				run(0, "4", place)
				var parts []struct{ ID string }
				p.decode([]byte(p.must("ls", "--json", "--parts", "-e", "chains")), &parts)
				args := []string{"check", place}
				for _, part := range parts {
					args = append(args, part.ID)
				}
				if len(parts) != 4 {
					t.Fatalf("%d parts: %v", len(parts), parts)
				}
				run(0, args...)
				p.allPoints()
				run(0, "delete", place)
				p.verify()
				if out := p.must("ls", "-e", "chains"); strings.Count(out, "whole") != 1 {
					t.Errorf("ls prints %s", out)
				}
			})
		}
	})
}

// A program may delete its first run, which records it: that run is in the trash when the program has ended.
func TestMLflowDeletesProgram(t *testing.T) {
	const head = "import mlflow\n" +
		"with mlflow.start_run(run_name='bad') as r:\n    mlflow.log_metric('loss', 2)\nmlflow.delete_run(r.info.run_id)\n"
	eachMLflow(t, func(t *testing.T, python string) {
		p := newMLflowProject(t, python, map[string]string{
			"drop.py": head + "with mlflow.start_run(run_name='good'): mlflow.log_metric('loss', 1)\n",
			"back.py": head + "mlflow.MlflowClient().restore_run(r.info.run_id)\n",
		})
		status, out := p.exec("drop.py")
		restores := regexp.MustCompile(`'runs rm --undo (\w+)' restores it`).FindStringSubmatch(out)
		if status != 0 || restores == nil || !strings.Contains(out, "recorded 1 more run") {
			t.Fatalf("exit status %d:\n%s", status, out)
		}
		if out := p.must("ls"); !strings.Contains(out, "good") || strings.Contains(out, "bad") {
			t.Errorf("ls prints\n%s", out)
		}
		p.must("rm", "--undo", restores[1])
		if out := p.must("ls", "-w", "name = bad"); !strings.Contains(out, "finished") {
			t.Errorf("ls of the restored run prints\n%s", out)
		}
		p.must("rm", "name=bad")
		if status, out := p.exec("back.py"); status != 0 || !strings.Contains(out, "recorded bad") {
			t.Errorf("exit status %d:\n%s", status, out)
		}
		p.verify()
	})
}

// A program may name a server itself: exec warns that its calls went there, and --mlflow records them here.
func TestMLflowNamedServer(t *testing.T) {
	var asked atomic.Int64
	var credentials atomic.Value // of the last call
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		credentials.Store(r.Header.Get("Authorization"))
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte(`{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no such thing"}`))
	}))
	defer server.Close()
	address := strings.Replace(server.URL, "://", "://ann:secret@", 1)
	const script = "import sys, mlflow\nmlflow.set_tracking_uri(sys.argv[1])\nmlflow.set_experiment('k')\n" +
		"with mlflow.start_run(run_name='outer'):\n    mlflow.log_metric('l', 1)\n    mlflow.log_text('x', 'a.txt')\n"
	const registry = "import sys, mlflow\nmlflow.set_tracking_uri(sys.argv[1])\ntry: mlflow.set_experiment('k')\n" +
		"except mlflow.MlflowException: print('registry', mlflow.get_registry_uri(), flush=True)\n"
	eachMLflow(t, func(t *testing.T, python string) {
		p := newMLflowProject(t, python, map[string]string{"named.py": script, "registry.py": registry})
		before := asked.Load()
		status, out := p.exec("named.py", address)
		if status == 0 || asked.Load() == before || strings.Contains(out, "ann:secret@127.0.0.1;") ||
			!strings.Contains(out, "the program named "+server.URL+"; its MLflow calls went there") ||
			!strings.Contains(out, "use 'runs exec --mlflow'") {
			t.Errorf("exit status %d:\n%s", status, out)
		}
		// The server gets what the user has set for it, and nothing of ours.
		for _, token := range []string{"", "Bearer theirs"} {
			cmd := p.command("exec", "--", python, "registry.py", server.URL)
			cmd.Env = append(cmd.Env, "MLFLOW_TRACKING_TOKEN="+strings.TrimPrefix(token, "Bearer "))
			out, _ := cmd.CombinedOutput()
			if !strings.Contains(string(out), "registry "+server.URL+"\n") || credentials.Load() != token {
				t.Errorf("the server got %q instead of %q:\n%s", credentials.Load(), token, out)
			}
		}
		before = asked.Load()
		cmd := p.command("exec", "--mlflow", "--", python, "named.py", address)
		taken, err := cmd.CombinedOutput()
		if err != nil || asked.Load() != before ||
			!strings.Contains(string(taken), "MLflow's runs are recorded here instead of in "+server.URL) {
			t.Errorf("%v, %d calls:\n%s", err, asked.Load()-before, taken)
		}
		run := p.recorded("name=outer")
		if run.Experiment != "k" || run.Metrics["l"] != 1.0 || len(run.Artifacts) != 1 {
			t.Errorf("%+v", run)
		}
		before = asked.Load()
		again := p.command("reproduce", "name=outer")
		again.Env = append(again.Env, "MLFLOW_TRACKING_URI="+server.URL)
		if out, err := again.CombinedOutput(); err != nil || asked.Load() != before ||
			!strings.Contains(string(out), "reproduced: every point of every metric") {
			t.Errorf("%v, %d calls:\n%s", err, asked.Load()-before, out)
		}
		p.verify()
	})
}
