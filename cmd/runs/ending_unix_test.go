//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/gitruns/runs/repo"
)

// recorder is a folder of runs and the environment of the commands in it.
type recorder struct {
	t   *testing.T
	dir string
	env []string
}

func newRecorder(t *testing.T) *recorder {
	t.Helper()
	r := &recorder{t: t, dir: t.TempDir()}
	for _, v := range os.Environ() {
		if !machineVariable.MatchString(v) {
			r.env = append(r.env, v)
		}
	}
	r.env = append(r.env, "HOME="+r.dir, "XDG_CONFIG_HOME="+r.dir, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_CEILING_DIRECTORIES="+filepath.Dir(r.dir), "WRITER_HOST="+repo.Host())
	r.runs("init")
	return r
}

func (r *recorder) command(args ...string) *exec.Cmd {
	cmd := exec.Command("runs", args...)
	cmd.Dir, cmd.Env = r.dir, r.env
	return cmd
}

func (r *recorder) runs(args ...string) string {
	r.t.Helper()
	var errs bytes.Buffer
	cmd := r.command(args...)
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		r.t.Fatalf("runs %v: %v\n%s", args, err, errs.String())
	}
	return string(out)
}

// ended returns the status and the exit status of the newest run.
func (r *recorder) ended() (status string, code int, points int) {
	r.t.Helper()
	var all []struct {
		Status  string `json:"status"`
		Code    *int   `json:"exit_code"`
		Metrics map[string]struct{ Count int }
	}
	text := r.runs("show", "last", "--json")
	if !strings.HasPrefix(text, "[") {
		text = "[" + text + "]"
	}
	if err := json.Unmarshal([]byte(text), &all); err != nil || len(all) != 1 {
		r.t.Fatalf("show prints %q: %v", text, err)
	}
	code = -1
	if all[0].Code != nil {
		code = *all[0].Code
	}
	return all[0].Status, code, all[0].Metrics["a"].Count
}

// openJournal is a script that writes a point, leaves a process with the journal open for a while, and ends.
const openJournal = `sh -c 'exec 9>>"$RUNS_DIR/journal-$WRITER_HOST-$$-a.jsonl"
echo "{\"t\":1764000000,\"m\":{\"a\":1}}" >&9
echo $$ >"$1/pid"; : >"$1/ready"; exec sleep "$2"' sh "$1" "$2" </dev/null >/dev/null 2>&1 &
until test -e "$1/ready"; do sleep 0.02; done; exit "$3"`

// TestSignalsWhileARunIsFinished: a signal of any kind, and more of them, leave a complete record with the status of
// the program, and the exit status of the program.
func TestSignalsWhileARunIsFinished(t *testing.T) {
	all := []syscall.Signal{
		syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGXCPU, syscall.SIGPIPE,
	}
	for _, c := range []struct {
		name, status string
		args         []string
		code         int
	}{
		{"exec", "finished", []string{"exec", "--", "sh", "-c", openJournal, "sh"}, 0},
		{"exec of a program that failed", "failed", []string{"exec", "--", "sh", "-c", openJournal, "sh"}, 7},
		{"finish", "failed", []string{"finish", "--status", "failed"}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRecorder(t)
			defer r.endWriter()
			args := c.args
			if args[0] == "exec" {
				args = append(args, r.dir, "600", map[int]string{0: "0", 7: "7"}[c.code])
			} else {
				r.env = append(r.env, strings.Split(strings.TrimSpace(strings.ReplaceAll(
					strings.TrimPrefix(r.runs("start", "--env"), "export "), " RUNS_DIR", "\nRUNS_DIR")), "\n")...)
				writer := exec.Command("sh", "-c", openJournal, "sh", r.dir, "600", "0")
				writer.Env = r.env
				if err := writer.Run(); err != nil {
					t.Fatal(err)
				}
			}
			cmd := r.command(args...)
			pipe, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			text := awaitText(t, pipe, "waiting up to 30 s for open journals")
			var sending sync.WaitGroup
			ended := make(chan struct{})
			sending.Go(func() {
				for n := 0; ; n++ {
					select {
					case <-ended:
						return
					default:
						_ = cmd.Process.Signal(all[n%len(all)])
					}
				}
			})
			rest, _ := io.ReadAll(pipe)
			err = cmd.Wait()
			close(ended)
			sending.Wait()
			code := 0
			if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
				code = exit.ExitCode()
			}
			if code != c.code {
				t.Errorf("exit status %d, want %d: %s%s", code, c.code, text, rest)
			}
			if status, _, points := r.ended(); status != c.status || points != 1 {
				t.Errorf("recorded as %s with %d points, want %s: %s%s", status, points, c.status, text, rest)
			}
		})
	}
}

// endWriter ends the process that openJournal leaves.
func (r *recorder) endWriter() {
	text, err := os.ReadFile(filepath.Join(r.dir, "pid"))
	if err != nil {
		return
	}
	if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// awaitText reads until the text has come.
func awaitText(t *testing.T, from io.Reader, text string) string {
	t.Helper()
	var all []byte
	for one := make([]byte, 1); !bytes.Contains(all, []byte(text)); all = append(all, one[0]) {
		if _, err := io.ReadFull(from, one); err != nil {
			t.Fatalf("%q never came, but %q", text, all)
		}
	}
	return string(all)
}

// TestClosedStderrWhileARunIsFinished: where nobody reads the messages of exec any longer, the run is recorded.
func TestClosedStderrWhileARunIsFinished(t *testing.T) {
	r := newRecorder(t)
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = in.Close()
	cmd := r.command("exec", "--", "sh", "-c", openJournal, "sh", r.dir, "1", "0")
	cmd.Stderr = out
	err = cmd.Run()
	_ = out.Close()
	if status, code, points := r.ended(); err != nil || status != "finished" || code != 0 || points != 1 {
		t.Errorf("%v: recorded as %s, exit status %d, %d points", err, status, code, points)
	}
}

// TestKilledWhileARunIsFinished: after a kill, the next command records the run as its program ended.
func TestKilledWhileARunIsFinished(t *testing.T) {
	r := newRecorder(t)
	cmd := r.command("exec", "--", "sh", "-c", openJournal, "sh", r.dir, "1", "5")
	pipe, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	awaitText(t, pipe, "waiting up to 30 s for open journals")
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	for status := "running"; status == "running"; { // until the writer has ended too
		var code, points int
		if status, code, points = r.ended(); status != "running" && (status != "failed" || code != 5 || points != 1) {
			t.Errorf("recorded as %s, exit status %d, %d points", status, code, points)
		}
	}
}
