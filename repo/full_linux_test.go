package repo

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gitruns/runs/format"
)

// TestFullDisk records and finishes on a file system without space: one clear error, nothing half-written is taken
// for a run, and all that was acknowledged is there once there is space again.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	repo, _, err := Init(dir)
	if err != nil {
		t.Fatal(err)
	}
	a, err := repo.Start(t.Context(), &format.Run{}, format.OwnerDetached)
	if err != nil {
		t.Fatal(err)
	}
	ballast := filepath.Join(dir, "ballast")
	fill := func() {
		f, err := os.Create(ballast)
		if err != nil {
			t.Fatal(err)
		}
		for chunk := make([]byte, 4096); err == nil; {
			_, err = f.Write(chunk)
		}
		_ = f.Close()
	}
	j, err := a.OpenJournal()
	if err != nil {
		t.Fatal(err)
	}
	record := func(i int64) error {
		return j.Append(
			&format.Line{
				Time: 1764000000_000000 + i, HasStep: true, Step: i,
				Metrics: []format.MetricValue{{Key: "loss", Value: float64(i)}}, Note: strings.Repeat("x", 50),
			},
		)
	}
	var acknowledged int64
	for ; acknowledged < 1000; acknowledged++ {
		if err := record(acknowledged); err != nil {
			t.Fatal(err)
		}
	}
	fill()
	for err = nil; err == nil; {
		if err = record(acknowledged); err == nil {
			acknowledged++
		}
	}
	var hint *HintError
	if !errors.Is(err, unix.ENOSPC) || !errors.As(err, &hint) {
		t.Errorf("a full disk says %v", err)
	}
	for i := range 3 {
		if _, err := a.Finish(t.Context(), Finish{}); !errors.Is(err, unix.ENOSPC) {
			t.Errorf("finish %d on a full disk says %v", i, err)
		}
		if _, err := repo.Start(t.Context(), &format.Run{}, format.OwnerDetached); !errors.Is(err, unix.ENOSPC) {
			t.Errorf("start on a full disk says %v", err)
		}
		if entries, damaged, err := repo.List(t.Context()); err != nil || len(damaged) > 0 || len(entries) != 1 ||
			entries[0].Active == nil {
			t.Errorf("on a full disk there are %d runs, %v, %v", len(entries), damaged, err)
		}
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if err := record(acknowledged); err != nil {
		t.Errorf("with space again: %v", err)
	}
	acknowledged++
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Finish(t.Context(), Finish{}); err != nil {
		t.Fatal(err)
	}
	seen := countPoints(t, repo)
	for i := range acknowledged {
		if seen["loss"][i] != 1 {
			t.Fatalf("step %d of %d is there %d times", i, acknowledged, seen["loss"][i])
		}
	}
	if left, _ := filepath.Glob(filepath.Join(repo.active, "2*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestLastWordsOnAFullDisk: on a disk without a free block, a process still says how it ended and what it lost.
func TestLastWordsOnAFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, 0) })
	repo, _, err := Init(dir)
	if err != nil {
		t.Fatal(err)
	}
	a, err := repo.Start(t.Context(), &format.Run{}, format.OwnerProcess)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(dir, "ballast"))
	if err != nil {
		t.Fatal(err)
	}
	for chunk := make([]byte, 4096); err == nil; {
		_, err = f.Write(chunk)
	}
	_ = f.Close()
	code := int64(4)
	end := Finish{Status: format.Failed, ExitCode: &code, LostRows: 9}
	if err := a.KeepLastWords(end); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Finish(t.Context(), end); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("a finish on a full disk says %v", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		t.Fatal(err)
	}
	got := a.recover(t.Context(), Recover{ID: a.ID, Force: true})
	if got.Err != nil || got.Result.Run.Status != format.Failed || *got.Result.Run.ExitCode != 4 ||
		got.Result.Run.Tags["lost_rows"] != "9" {
		t.Errorf("recovered as %+v, %v", got.Result, got.Err)
	}
}

// TestFullTemporaryFolder: if the temporary folder is full, source and environment are recorded all the same.
func TestFullTemporaryFolder(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, 0) })
	f, err := os.Create(filepath.Join(dir, "ballast"))
	if err != nil {
		t.Fatal(err)
	}
	for chunk := make([]byte, 4096); err == nil; {
		_, err = f.Write(chunk)
	}
	_ = f.Close()
	_, r := dirtyProject(t)
	t.Setenv("TMPDIR", dir)
	if run, warnings := captured(t, r); run.Environment.Digest == "" || run.Source == nil {
		t.Errorf("recorded %+v and %+v, with %q", run.Environment, run.Source, warnings)
	}
}

// TestReadOnlyFolder: a clear error, and reading goes on.
func TestReadOnlyFolder(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may write everywhere")
	}
	dir := t.TempDir()
	repo, _, err := Init(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{repo.active, repo.Dir, dir} {
		if err := os.Chmod(d, 0o555); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Chmod(d, 0o755) })
	}
	if _, err := repo.Start(t.Context(), &format.Run{}, format.OwnerDetached); !errors.Is(err, unix.EACCES) ||
		!strings.Contains(fmt.Sprint(err), "starting a run in") {
		t.Errorf("a read-only folder says %v", err)
	}
	if _, _, err := repo.List(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestOwnFileOnAFullDisk: a file for whose copy there is no room stays, and the run waits.
func TestOwnFileOnAFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, 0) })
	r, _, err := Init(dir)
	if err != nil {
		t.Fatal(err)
	}
	a, err := r.Start(t.Context(), &format.Run{}, format.OwnerDetached)
	if err != nil {
		t.Fatal(err)
	}
	own := filepath.Join(a.Dir, filesName, "model.bin")
	put(t, own, strings.Repeat("x", 600<<10))
	var hint *HintError
	if _, err := a.Finish(t.Context(), Finish{}); !errors.Is(err, unix.ENOSPC) || !errors.As(err, &hint) ||
		!exists(own) {
		t.Errorf("%v", err)
	}
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT, "size=4m"); err != nil {
		t.Fatal(err)
	}
	if texts, _ := textsOf(t, a); len(texts["model.bin"]) != 600<<10 {
		t.Error("model.bin is not what it was")
	}
}
