//go:build unix

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// acknowledging is a program that calls MLflow's server as a client does, and notes each call that was answered, as
// "run key step value", "param run key value" or "tag run key value". It ends when the server does not answer.
const acknowledging = `
import http.client, json, os, sys, threading, urllib.parse

server = urllib.parse.urlsplit(os.environ["MLFLOW_TRACKING_URI"])
token = {"Authorization": "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"]}
notes = os.open(sys.argv[1], os.O_CREAT | os.O_APPEND | os.O_WRONLY)

def work(run, name, each):
    c = http.client.HTTPConnection(server.hostname, server.port)
    def call(path, body):
        c.request("POST", "/api/2.0/mlflow/" + path, json.dumps(body), token)
        answer = c.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise OSError(text)
        return json.loads(text)
    if run is None:
        tags = [{"key": "mlflow.runName", "value": name}]
        run = call("runs/create", {"experiment_id": "0", "start_time": 1764000000000, "tags": tags})
        run = run["run"]["info"]["run_id"]
        threading.Thread(target=guarded, args=(run, name, 1)).start()
    if name == "first":
        threading.Thread(target=guarded, args=(None, "second", 7)).start()
    os.write(notes, f"start {run} {name} {os.getpid()}\n".encode())
    for i in range(1 << 30):
        key = f"{name}/{each}"
        points = [(i * each + n, i + n / 8) for n in range(each)]
        metrics = [{"key": key, "value": v, "timestamp": 1764000000000 + i, "step": s} for s, v in points]
        call("runs/log-batch", {"run_id": run, "metrics": metrics})
        os.write(notes, "".join(f"point {run} {key} {s} {v}\n" for s, v in points).encode())
        if i % 5 == 0:
            call("runs/log-parameter", {"run_id": run, "key": f"{each}-{i}", "value": f"v{i}"})
            call("runs/set-tag", {"run_id": run, "key": f"{each}-{i}", "value": f"v{i}"})
            os.write(notes, f"label {run} {each}-{i} v{i}\n".encode())

def guarded(*args):
    try:
        work(*args)
    except (OSError, http.client.HTTPException):
        os._exit(5)

guarded(None, "first", 3)
`

// acknowledged is what a program noted of a run.
type acknowledged struct {
	points map[string]float64 // by "key step"
	labels map[string]string  // params, and tags of the same names
}

// readNotes reads the notes of a program, and its process.
func readNotes(t *testing.T, path string) (runs map[string]*acknowledged, pid int) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	runs = map[string]*acknowledged{}
	for line := range strings.Lines(string(data)) {
		words := strings.Fields(line)
		if !strings.HasSuffix(line, "\n") || len(words) < 4 {
			continue // it was killed while it wrote
		}
		run := runs[words[1]]
		if run == nil {
			run = &acknowledged{map[string]float64{}, map[string]string{}}
			runs[words[1]] = run
		}
		switch words[0] {
		case "start":
			pid, _ = strconv.Atoi(words[3])
		case "point":
			run.points[words[2]+" "+words[3]], _ = strconv.ParseFloat(words[4], 64)
		case "label":
			run.labels[words[2]] = words[3]
		}
	}
	return runs, pid
}

// Whatever is killed, and whenever, each call that was answered is in the run afterwards, and none is twice.
// RUNS_TEST_MLFLOW_KILLS is how often; otherwise six times.
func TestMLflowKilled(t *testing.T) {
	rounds := asked("RUNS_TEST_MLFLOW_KILLS", 6)
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed")
	}
	p := newMLflowProject(t, python, map[string]string{"train.py": acknowledging})
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
	points, calls := 0, 0
	for round := range rounds {
		what := []string{"script", "exec", "both"}[round%3]
		notes := filepath.Join(t.TempDir(), "notes")
		cmd := p.command("exec", "--mlflow", "--", python, "train.py", notes)
		log := filepath.Join(t.TempDir(), "log")
		file, err := os.Create(log)
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stdout, cmd.Stderr = file, file // not pipes, which a script that lives on would keep open
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		pid := awaitNotes(t, notes)
		time.Sleep(time.Duration(random.IntN(400)) * time.Millisecond)
		switch what {
		case "script":
			_ = syscall.Kill(pid, syscall.SIGKILL)
		case "exec":
			_ = cmd.Process.Kill()
		default:
			first, second := pid, cmd.Process.Pid
			if random.IntN(2) == 0 {
				first, second = second, first
			}
			_ = syscall.Kill(first, syscall.SIGKILL)
			time.Sleep(time.Duration(random.IntN(3000)) * time.Microsecond)
			_ = syscall.Kill(second, syscall.SIGKILL)
		}
		<-ended
		awaitGone(t, pid)
		_ = file.Close()
		p.must("recover")
		runs, _ := readNotes(t, notes)
		for id, want := range runs {
			points += len(want.points)
			calls += len(want.labels)
			for _, problem := range p.missing(id, want) {
				text, _ := os.ReadFile(log)
				t.Errorf("round %d, %s killed: %s\n%s", round, what, problem, text)
			}
		}
	}
	p.verify()
	t.Logf("%d rounds: %d points and %d params and tags were acknowledged", rounds, points, 2*calls)
}

// awaitNotes waits until a program has notes of two runs, and returns its process.
func awaitNotes(t *testing.T, notes string) int {
	t.Helper()
	for range 6000 {
		if runs, pid := readNotes(t, notes); pid > 0 && len(runs) >= 2 {
			return pid
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("the program has not started")
	return 0
}

// awaitGone waits until a process does not run any more.
func awaitGone(t *testing.T, pid int) {
	t.Helper()
	for range 6000 {
		state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if syscall.Kill(pid, 0) != nil || err == nil && strings.Contains(string(state), ") Z ") {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("process %d goes on", pid)
}

// missing says what a run lacks of what was acknowledged, and which points it has twice.
func (p *mlflowProject) missing(id string, want *acknowledged) (problems []string) {
	run := p.recorded(id)
	got := map[string]float64{}
	for key, points := range run.Points {
		for _, point := range points {
			at := fmt.Sprintf("%s %d", key, int64(point[0]))
			if _, twice := got[at]; twice {
				problems = append(problems, fmt.Sprintf("run %s has %s twice", id, at))
			}
			got[at] = point[1]
		}
	}
	for at, value := range want.points {
		if v, ok := got[at]; !ok || v != value {
			problems = append(problems, fmt.Sprintf("run %s has %v at %s, want %v", id, v, at, value))
		}
	}
	for key, value := range want.labels {
		if run.Params[key] != value || run.Tags[key] != value {
			problems = append(problems, fmt.Sprintf("run %s has the param %v and the tag %q at %s, want %q", id, run.Params[key],
				run.Tags[key], key, value))
		}
	}
	if run.Status == "running" || run.Status == "finished" {
		problems = append(problems, fmt.Sprintf("run %s has the status %s", id, run.Status))
	}
	return problems
}
