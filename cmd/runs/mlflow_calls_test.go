package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// calling is a program that makes calls which MLflow's own client would not make.
const calling = `
import http.client, json, os, sys, urllib.parse

server = urllib.parse.urlsplit(os.environ["MLFLOW_TRACKING_URI"])
c = http.client.HTTPConnection(server.hostname, server.port, timeout=60)

def call(path, body, token=os.environ["MLFLOW_TRACKING_TOKEN"], method="POST", scheme="Bearer "):
    text = body if isinstance(body, bytes) else json.dumps(body)
    headers = {"Authorization": scheme + token} if token is not None else {}
    c.request(method, "/api/2.0/mlflow/" + path, text, headers)
    answer = c.getresponse()
    data = answer.read()
    return answer.status, json.loads(data) if data.startswith(b"{") else {}

create = {"experiment_id": "0", "start_time": 1764000000000}
for token in (None, "", "x", os.environ["MLFLOW_TRACKING_TOKEN"][:-1]):
    status, _ = call("runs/create", create, token)
    assert status == 401, (token, status)
    c.close()
assert call("runs/create", create, scheme="Basic ")[0] == 401
c.close()
status, answer = call("runs/create", {**create, "run_name": "\x1b[31mred\x07\u202e"})
assert status == 400, (status, answer)
status, answer = call("runs/create", {**create, "run_name": "../../etc/passwd"})
assert status == 200, (status, answer)
run = answer["run"]["info"]["run_id"]
odd = ["../a", "/a", "a/../b", "..", "a\x00b", "a\x1b[2Jb", "\u202eabc", "x" * 300, "", "a b:c-d.e/f", "<b>&'\""]
odd += [None, 7, {"a": 1}]
for key in odd:
    for path, body in (
        ("runs/log-metric", {"run_id": run, "key": key, "value": 1, "timestamp": 1764000000000, "step": 0}),
        ("runs/log-parameter", {"run_id": run, "key": key, "value": key}),
        ("runs/set-tag", {"run_id": run, "key": key, "value": key}),
        ("experiments/create", {"name": key}),
        ("runs/create", {**create, "run_name": key, "tags": [{"key": "mlflow.parentRunId", "value": key}]}),
        ("runs/update", {"run_id": key, "status": "FINISHED"}),
        ("runs/search", {"experiment_ids": [key], "filter": key}),
    ):
        status, answer = call(path, body)
        assert status in (200, 400, 404), (path, key, status, answer)
for path in ("../../etc/passwd", "runs/get?run_id=../../x", "runs/get?run_id=%2e%2e%2f", "artifacts/get?path=../../x"):
    assert call(path, b"", method="GET")[0] in (400, 404), path
for body in (b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b"{" * 100000, b'{"run_id":' + b"[" * 100000):
    status, answer = call("runs/log-batch", body)
    assert status in (400, 404), (body[:20], status, answer)
for value in ("NaN", "Infinity", "-Infinity", 1e308, 5e-324):
    metric = {"run_id": run, "key": "value", "value": value, "timestamp": 1764000000000, "step": 1}
    assert call("runs/log-metric", metric)[0] == 200, value
for field, value in (("step", 1 << 63), ("step", 0.5), ("timestamp", -1), ("timestamp", 1 << 62), ("value", "one")):
    metric = {"run_id": run, "key": "wrong", "value": 1, "timestamp": 1764000000000, "step": 1, field: value}
    status, answer = call("runs/log-metric", metric)
    assert status in (200, 400), (field, value, status, answer)
metric = {"run_id": run, "key": "last", "value": 1, "timestamp": 1764000000000, "step": 2}
assert call("runs/log-metric", metric)[0] == 200
`

// Calls without the token are refused, and no name, path or body that a program sends ends the listener or is written
// where it does not belong. Two programs at once, and a proxy in the environment, are as one without.
func TestMLflowCalls(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed")
	}
	for _, name := range []string{"http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"} {
		t.Setenv(name, "http://127.0.0.1:9")
	}
	p := newMLflowProject(t, python, map[string]string{"calls.py": calling})
	t.Setenv("HOME", filepath.Join(filepath.Dir(p.dir), "home"))
	outputs := make(chan string)
	for range 2 {
		go func() {
			out, err := p.command("exec", "--mlflow", "--", python, "calls.py").CombinedOutput()
			if err != nil {
				t.Errorf("%v", err)
			}
			outputs <- string(out)
		}()
	}
	for range 2 {
		if out := <-outputs; !strings.Contains(out, "finished in") || strings.ContainsAny(out, "\x1b\x07\u202e") {
			t.Errorf("it prints %q", out)
		}
	}
	p.verify()
	if out := p.must("ls"); strings.ContainsAny(out, "\x1b\x07\u202e") {
		t.Errorf("ls prints %q", out)
	}
	for _, dir := range []string{p.dir, filepath.Dir(p.dir)} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			switch e.Name() {
			case ".git", ".runs", ".gitattributes", "calls.py", "project", "home":
			default:
				t.Errorf("there is %s in %s", e.Name(), dir)
			}
		}
	}
}

// making is a program that makes five runs, two of them with the same name, and two without one.
const making = `
import http.client, json, os, sys, time, urllib.parse

server = urllib.parse.urlsplit(os.environ["MLFLOW_TRACKING_URI"])
c = http.client.HTTPConnection(server.hostname, server.port, timeout=60)
now = int(time.time() * 1000)

def call(path, body):
    token = {"Authorization": "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"]}
    c.request("POST", "/api/2.0/mlflow/" + path, json.dumps(body), token)
    return json.loads(c.getresponse().read())

for i, name in enumerate(("first", "other", "other", "", "")):
    run = call("runs/create", {"experiment_id": "0", "start_time": now, "run_name": name})
    run = run["run"]["info"]["run_id"]
    call("runs/log-metric", {"run_id": run, "key": "loss", "value": i, "timestamp": 1764000000000, "step": 1})
    call("runs/update", {"run_id": run, "status": "FINISHED"})
`

// Each run of a program that made several is reproduced by the run that the program makes in its place.
func TestMLflowReproduced(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed")
	}
	p := newMLflowProject(t, python, map[string]string{"make.py": making})
	if status, out := p.exec("make.py"); status != 0 {
		t.Fatalf("exit status %d:\n%s", status, out)
	}
	var runs []struct{ ID string }
	p.decode([]byte(p.must("ls", "--json")), &runs)
	if len(runs) != 5 {
		t.Fatalf("there are %d runs, want 5", len(runs))
	}
	for _, run := range runs {
		if out := p.must("reproduce", run.ID); !strings.Contains(out, "reproduced: every point of every metric") {
			t.Errorf("%s: %s", run.ID, out)
		}
	}
	p.verify()
}

// Programs with MLflow itself run at once, with a proxy in the environment.
func TestMLflowBeside(t *testing.T) {
	for _, name := range []string{"http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"} {
		t.Setenv(name, "http://127.0.0.1:9")
	}
	eachMLflow(t, func(t *testing.T, python string) {
		p := newMLflowProject(t, python, map[string]string{
			"train.py": "import sys, mlflow\nwith mlflow.start_run(run_name=sys.argv[1]):\n    mlflow.log_metric('loss', 1)\n",
		})
		ended := make(chan struct{})
		for _, name := range []string{"a", "b"} {
			go func() {
				defer func() { ended <- struct{}{} }()
				if status, out := p.exec("train.py", name); status != 0 {
					t.Errorf("exit status %d:\n%s", status, out)
				}
			}()
		}
		<-ended
		<-ended
		for _, name := range []string{"a", "b"} {
			if run := p.recorded(name); run.Status != "finished" || len(run.Points["loss"]) != 1 {
				t.Errorf("%s: %+v", name, run)
			}
		}
		p.verify()
	})
}
