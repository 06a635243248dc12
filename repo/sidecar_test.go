package repo

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/gitruns/runs/format"
)

func sleeper(t *testing.T) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Skipf("no program to run: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd
}

func emptyRepository(t *testing.T) *Repository {
	t.Helper()
	r, _, err := Init(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestStopSidecar: the process that attends the run is stopped, and no other that has its number, or whose file is no
// owner.
func TestStopSidecar(t *testing.T) {
	r := emptyRepository(t)
	for _, c := range []struct {
		name  string
		file  func(w *format.Owner) []byte
		stops bool
	}{
		{"the one", format.EncodeOwner, true},
		{"another start", func(w *format.Owner) []byte { w.Start = "1"; return format.EncodeOwner(w) }, false},
		{"no start", func(w *format.Owner) []byte { w.Start = ""; return format.EncodeOwner(w) }, false},
		{"another boot", func(w *format.Owner) []byte { w.Boot = "x"; return format.EncodeOwner(w) }, false},
		{"another host", func(w *format.Owner) []byte { w.Host = "x"; return format.EncodeOwner(w) }, false},
		{"a pid below 1", func(w *format.Owner) []byte { w.PID = 0; return format.EncodeOwner(w) }, false},
		{"nothing", func(*format.Owner) []byte { return nil }, false},
	} {
		other := sleeper(t)
		a, err := r.Start(t.Context(), &format.Run{}, format.OwnerProcess)
		if err != nil {
			t.Fatal(err)
		}
		data := c.file(self(format.OwnerProcess, other.Process.Pid, r.Dir))
		if err := os.WriteFile(filepath.Join(a.Dir, sidecarName), data, 0o666); err != nil {
			t.Fatal(err)
		}
		a.StopSidecar()
		if c.stops {
			if err := other.Wait(); err == nil {
				t.Errorf("%s: it ended by itself", c.name)
			}
			continue
		}
		// A signal that was sent is there before the process can be seen again.
		time.Sleep(20 * time.Millisecond)
		if !WatchProcess(other.Process.Pid).Alive() {
			t.Errorf("%s: the process was stopped", c.name)
		}
	}
}

// TestFinishGone finishes what nobody keeps open, and leaves alone a run with a living owner, with a journal that a
// process has open, without a process, and the excepted one.
func TestFinishGone(t *testing.T) {
	r := emptyRepository(t)
	start := func(pid int) *Active {
		t.Helper()
		a, err := r.StartFor(t.Context(), &format.Run{}, pid)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	killed, writer := sleeper(t), sleeper(t)
	gone, excepted, written := start(killed.Process.Pid), start(killed.Process.Pid), start(killed.Process.Pid)
	kept := start(killed.Process.Pid)
	release := kept.KeepFor(writer.Process.Pid)
	detached, err := r.Start(t.Context(), &format.Run{}, format.OwnerDetached)
	if err != nil {
		t.Fatal(err)
	}
	j, err := written.OpenJournal() // of this process, which lives
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Append(
		&format.Line{Time: now().UnixMicro(), Metrics: []format.MetricValue{{Key: "a", Value: 1}}},
	); err != nil {
		t.Fatal(err)
	}
	if all, err := r.FinishGone(t.Context(), nil); err != nil || len(all) > 0 {
		t.Fatalf("before the process has ended: %v, %v", all, err)
	}
	_ = killed.Process.Kill()
	_ = killed.Wait()
	finish := func(want ...*Active) {
		t.Helper()
		all, err := r.FinishGone(t.Context(), func(id string) bool { return id == excepted.ID })
		if err != nil || len(all) != len(want) {
			t.Fatalf("%d runs, not %d: %v, %v", len(all), len(want), all, err)
		}
		for i, a := range want {
			if all[i].ID != a.ID || all[i].Err != nil || all[i].Result.Run.Status != format.Crashed {
				t.Errorf("%+v", all[i])
			}
			if a.InProgress() || !errors.Is(a.check(), ErrFinished) {
				t.Errorf("run %s: %v", a.ID, a.check())
			}
		}
	}
	finish(gone)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	finish(written)
	release()
	finish(kept)
	for _, a := range []*Active{excepted, detached} {
		if !a.InProgress() {
			t.Errorf("run %s was finished", a.ID)
		}
	}
}

// TestStartForNobody: a run needs a process that is there.
func TestStartForNobody(t *testing.T) {
	r := emptyRepository(t)
	child := exec.Command("true")
	if err := child.Run(); err != nil {
		t.Skipf("no program to run: %v", err)
	}
	for _, pid := range []int{0, -1, child.Process.Pid} {
		if _, err := r.StartFor(t.Context(), &format.Run{}, pid); err == nil {
			t.Errorf("a run of process %d", pid)
		}
	}
	a, err := r.Start(t.Context(), &format.Run{}, format.OwnerDetached)
	if err != nil {
		t.Fatal(err)
	}
	if a.JoinFor(child.Process.Pid) == nil {
		t.Error("a process that ended has joined")
	}
}
