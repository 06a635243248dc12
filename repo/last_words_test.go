package repo

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/gitruns/runs/format"
)

// endedRun starts a run whose only process has ended, and returns that process's id.
func endedRun(t *testing.T, dir string) (*Active, int) {
	t.Helper()
	child := exec.Command("sleep", "60")
	if err := child.Start(); err != nil {
		t.Skipf("no program to run: %v", err)
	}
	r, _, err := Init(dir)
	if err != nil {
		t.Fatal(err)
	}
	a, err := r.StartFor(t.Context(), &format.Run{}, child.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	_ = child.Process.Kill()
	_ = child.Wait()
	return a, child.Process.Pid
}

func say(t *testing.T, a *Active, pid int, words string) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(a.Dir, lastName(thisHost(), pid)), os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if _, err := f.WriteString(words); err != nil {
		t.Fatal(err)
	}
}

func recovered(t *testing.T, a *Active) *Result {
	t.Helper()
	all, err := a.repo.FinishGone(t.Context(), nil)
	if err != nil || len(all) != 1 || all[0].Err != nil {
		t.Fatalf("recovered %+v, %v", all, err)
	}
	return all[0].Result
}

// TestLastWordsOfAProgram: a run whose finish never happened ends as its program said, with the rows that its
// processes could not write.
func TestLastWordsOfAProgram(t *testing.T) {
	a, pid := endedRun(t, t.TempDir())
	info, err := os.Stat(filepath.Join(a.Dir, lastName(thisHost(), pid)))
	if err != nil || info.Size() != format.LastWordsBytes {
		t.Fatalf("nothing is reserved: %v, %v", info, err)
	}
	say(t, a, pid, `{"lost_rows": 5, "status": "failed", "exit_code": 3, "end_reason": "why", "ended": 4000000000.5}`)
	say(t, a, pid+1, `{"lost_rows": 2}`)
	say(t, a, pid+2, `{"lost_rows": `)
	if err := os.Symlink("/dev/zero", filepath.Join(a.Dir, lastName("x", 1))); err != nil {
		t.Fatal(err)
	}
	res := recovered(t, a)
	run := res.Run
	if run.Status != format.Failed || run.ExitCode == nil || *run.ExitCode != 3 || run.EndReason != "why" ||
		run.Ended.UnixMicro() != 4000000000_500000 || run.Tags["lost_rows"] != "7" || len(res.Warnings) != 2 {
		t.Errorf("the run ended as %+v, with warnings %q", run, res.Warnings)
	}
}

// TestLastWordsThatContradict: an exit status that its status does not allow is not recorded.
func TestLastWordsThatContradict(t *testing.T) {
	a, pid := endedRun(t, t.TempDir())
	say(t, a, pid, `{"status": "finished", "exit_code": 3}`)
	if res := recovered(t, a); res.Run.Status != format.Crashed || len(res.Warnings) != 1 {
		t.Errorf("the run ended as %s, with warnings %q", res.Run.Status, res.Warnings)
	}
}

// TestLostRowsCountOnce: rows that a process both wrote down and passes to the finish are the same rows.
func TestLostRowsCountOnce(t *testing.T) {
	a, pid := endedRun(t, t.TempDir())
	say(t, a, pid, `{"lost_rows": 5, "status": "failed"}`)
	say(t, a, pid+1, `{"lost_rows": 2}`)
	res, err := a.Finish(t.Context(), Finish{LostRows: 6, PID: pid})
	if err != nil {
		t.Fatal(err)
	}
	if got := res.Run.Tags["lost_rows"]; got != strconv.Itoa(8) || res.Run.Status != format.Finished {
		t.Errorf("lost_rows is %s, the status %s", got, res.Run.Status)
	}
}
