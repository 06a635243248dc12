package repo

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gitruns/runs/format"
)

// dirtyProject is a project with a commit and with changes that are not committed.
func dirtyProject(t *testing.T) (*project, *Repository) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	p := &project{t, rand.New(rand.NewPCG(1, 0)), t.TempDir()}
	p.git("init", "-q", "-b", "main")
	p.write("train.py", []byte("print(1)\n"))
	p.git("add", ".")
	p.git("commit", "-q", "-m", "x")
	p.write("train.py", []byte("print(2)\n"))
	r, _, err := Init(p.dir)
	if err != nil {
		t.Fatal(err)
	}
	return p, r
}

// captured captures a run and returns it with the warnings. It checks that the run names no file that is missing.
func captured(t *testing.T, r *Repository) (*format.Run, string) {
	t.Helper()
	run := &format.Run{}
	_, warnings, err := r.Capture(t.Context(), run, CaptureRequest{Dir: r.Root})
	if err != nil {
		t.Fatal(err)
	}
	if run.Environment.Digest != "" {
		if _, err := r.Environment(t.Context(), run.Environment.Digest); err != nil {
			t.Errorf("the run names an environment that is missing: %v", err)
		}
	}
	if run.Source != nil {
		for _, digest := range run.Source.Patches {
			if err := r.hasShared(t.Context(), sharedSources, digest); err != nil {
				t.Errorf("the run names a patch that is missing: %v", err)
			}
		}
	}
	return run, strings.Join(warnings, "\n")
}

// TestNoTemporaryFolder: without a usable temporary folder, source and environment are recorded all the same.
func TestNoTemporaryFolder(t *testing.T) {
	for name, dir := range map[string]string{
		"missing": "/nonexistent", "a file": os.Args[0], "not writable": "/proc/self/fdinfo",
	} {
		t.Run(name, func(t *testing.T) {
			_, r := dirtyProject(t)
			t.Setenv("TMPDIR", dir)
			run, warnings := captured(t, r)
			if run.Environment.Digest == "" || run.Source == nil || len(run.Source.Patches) != 1 {
				t.Errorf("recorded %+v and %+v, with %q", run.Environment, run.Source, warnings)
			}
			if left, _ := filepath.Glob(filepath.Join(r.Git.Temporary(), "*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// TestNothingIsNamedThatWasNotStored: if source, environment or a manifest cannot be stored, the run does not name it.
func TestNothingIsNamedThatWasNotStored(t *testing.T) {
	p, r := dirtyProject(t)
	for _, folder := range []string{sharedEnvironments.folder, sharedSources.folder} { // files in place of folders
		p.write(filepath.Join(DirName, folder), nil)
	}
	run, warnings := captured(t, r)
	if run.Environment.Digest != "" || run.Source != nil ||
		!strings.Contains(warnings, "the environment is not recorded: storing environments/") ||
		!strings.Contains(warnings, "the source is not recorded: storing sources/") {
		t.Errorf("recorded %+v and %+v, with %q", run.Environment, run.Source, warnings)
	}
	a, err := r.Start(t.Context(), run, format.OwnerDetached)
	if err != nil {
		t.Fatal(err)
	}
	digest := strings.Repeat("0", 64)
	err = a.AppendShared(&format.Line{Dataset: &format.DatasetLine{
		Path: "data", Name: "data", SHA256: digest, Bytes: 1, Files: 1, Manifest: digest,
	}})
	if err != nil {
		t.Fatal(err)
	}
	res, err := a.Finish(t.Context(), Finish{})
	if err != nil {
		t.Fatal(err)
	}
	if d := res.Run.Datasets; len(d) != 1 || d[0].Manifest != "" || d[0].SHA256 != digest || len(res.Warnings) != 1 {
		t.Errorf("recorded %+v, with %q", d, res.Warnings)
	}
}

// TestTornSharedFileIsReplaced: a shared file of another size than it must have is not taken for the file.
func TestTornSharedFileIsReplaced(t *testing.T) {
	_, r := dirtyProject(t)
	run, _ := captured(t, r)
	for _, at := range []string{
		r.keptPlace(sharedEnvironments, run.Environment.Digest), r.sharedPlace(sharedEnvironments, run.Environment.Digest),
	} {
		if err := os.Remove(at); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte("schema"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	captured(t, r)
}

// TestClearingThatDied: whatever a killed finish leaves of the folder of its run, the next command removes it.
func TestClearingThatDied(t *testing.T) {
	_, r := dirtyProject(t)
	a, err := r.Start(t.Context(), &format.Run{}, format.OwnerProcess)
	if err != nil {
		t.Fatal(err)
	}
	owner, err := os.ReadFile(filepath.Join(a.Dir, ownerName(self(format.OwnerProcess, os.Getpid(), r.Dir))))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Finish(t.Context(), Finish{}); err != nil {
		t.Fatal(err)
	}
	for _, left := range [][]string{{"consumed-abcdefgh.toml", "owner-x-1.toml"}, {"owner-x-1.toml"}, {}} {
		if err := os.Mkdir(a.Dir, 0o777); err != nil {
			t.Fatal(err)
		}
		for _, name := range left {
			put(t, filepath.Join(a.Dir, name), string(owner))
		}
		if _, err := r.FinishGone(t.Context(), nil); err != nil || exists(a.Dir) {
			t.Errorf("%q: the folder stays: %v", left, err)
		}
	}
}
