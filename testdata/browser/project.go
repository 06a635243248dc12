package browser

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Project is a Git project with runs.
type Project struct {
	Dir string

	t       TB
	program string
}

// NewProject makes a Git project with one commit and no runs. program is runs.
func NewProject(t TB, program string) *Project {
	t.Helper()
	p := &Project{Dir: filepath.Join(t.TempDir(), "project"), t: t, program: program}
	p.Write("train.py", "import math\n\nprint(math.pi)\n")
	p.Command("git", "init", "-q", "-b", "main")
	p.Commit("Train")
	p.Runs("init")
	return p
}

// At is the same project, whose failures fail t.
func (p *Project) At(t TB) *Project { return &Project{Dir: p.Dir, t: t, program: p.program} }

// Write writes a file of the project.
func (p *Project) Write(name, text string) {
	p.t.Helper()
	path := filepath.Join(p.Dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		p.t.Fatalf("%v", err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		p.t.Fatalf("%v", err)
	}
}

// Commit commits all files of the project.
func (p *Project) Commit(message string) {
	p.t.Helper()
	p.Command("git", "add", "-A")
	author := []string{"-c", "user.name=Ada", "-c", "user.email=ada@example.org"}
	p.Command(slices.Concat([]string{"git"}, author, []string{"commit", "-q", "--allow-empty", "-m", message})...)
}

// Command runs a program in the project and returns what it prints.
func (p *Project) Command(args ...string) string {
	p.t.Helper()
	return p.Input("", args...)
}

// Runs calls runs in the project and returns what it prints.
func (p *Project) Runs(args ...string) string {
	p.t.Helper()
	return p.Input("", append([]string{p.program}, args...)...)
}

// Log sends lines of "KEY=NUMBER" to a run in progress.
func (p *Project) Log(run, lines string) {
	p.t.Helper()
	p.Input(lines, p.program, "log", "--run", run, "-")
}

// Input runs a program in the project with a text on its standard input.
func (p *Project) Input(text string, args ...string) string {
	p.t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir, cmd.Stdin = p.Dir, strings.NewReader(text)
	var out, problem bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problem
	if err := cmd.Run(); err != nil {
		p.t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, problem.String())
	}
	return strings.TrimSpace(out.String())
}

// State returns a digest of all files of the project, with those of Git: what must not change when runs are looked at.
// It leaves out the cache of the program, which may be deleted at any time.
func (p *Project) State() string {
	p.t.Helper()
	var lines []string
	err := filepath.WalkDir(p.Dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && path == filepath.Join(p.Dir, ".git", "runs", "cache") {
			return fs.SkipDir
		}
		if err != nil || entry.IsDir() {
			return err
		}
		line := strings.TrimPrefix(path, p.Dir) + " "
		if entry.Type().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			line += fmt.Sprintf("%x", sha256.Sum256(data))
		}
		lines = append(lines, line)
		return nil
	})
	if err != nil {
		p.t.Fatalf("reading the project: %v", err)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// TrainingSteps is how many points each metric of Training has.
const TrainingSteps = 40

// TrainingLoss is the value of val/loss at a step of a run of Training.
func TrainingLoss(lr float64, seed, step int) float64 {
	return 0.2 + 2*lr + float64(seed)/100 + 2*math.Exp(-float64(step)/8)
}

// Training makes a project with nine finished runs named lr-<lr>-<seed>, in three groups of three seeds, one failed run
// named "diverged" whose loss becomes NaN, and a goal for val/loss.
func Training(t TB, program string) *Project {
	t.Helper()
	p := NewProject(t, program)
	p.Runs("goal", "val/loss", "min", "--primary")
	p.Commit("Set the goal")
	for _, lr := range []float64{0.1, 0.01, 0.001} {
		for seed := 1; seed <= 3; seed++ {
			text := strconv.FormatFloat(lr, 'g', -1, 64)
			name := fmt.Sprintf("lr-%s-%d", text, seed)
			p.Write("train.py", fmt.Sprintf("import math\n\nprint(math.pi)\nlr = %s\n", text))
			run := p.Runs("start", name, "-p", "lr="+text, "-p", fmt.Sprintf("seed=%d", seed), "-p", "model.width=64",
				"-p", "optimizer=adamw", "--group", "lr-"+text, "-e", "sweep", "-t", "gpu=a100")
			var lines strings.Builder
			for step := range TrainingSteps {
				loss := TrainingLoss(lr, seed, step)
				fmt.Fprintf(&lines, "step=%d val/loss=%v val/acc=%v train/loss=%v\n", step, loss, 1-loss/4, loss*0.9)
			}
			p.Log(run, lines.String())
			p.Runs("finish", run)
		}
	}
	run := p.Runs("start", "diverged", "-p", "lr=1", "-p", "seed=1", "-p", "optimizer=sgd", "-e", "sweep",
		"--note", "exploded after ten steps")
	p.Log(run, "step=0 val/loss=3\nstep=1 val/loss=30\nstep=2 val/loss=NaN\nstep=3 val/loss=inf\n")
	p.Runs("finish", run, "--status", "failed", "--exit-code", "1")
	return p
}

// ID returns the id of the run with a name.
func (p *Project) ID(name string) string {
	p.t.Helper()
	var runs []struct{ ID, Name string }
	cmd := exec.Command(p.program, "ls", "--json")
	cmd.Dir = p.Dir
	list, _ := cmd.Output() // its status is 1 if a run is damaged
	if err := json.Unmarshal(list, &runs); err != nil {
		p.t.Fatalf("listing the runs: %v", err)
	}
	for _, r := range runs {
		if r.Name == name {
			return r.ID
		}
	}
	p.t.Fatalf("no run has the name %q", name)
	return ""
}

// Media makes a project with one run named "media", which has images, tables, histograms and texts at six steps, and
// an artifact notes.txt. It needs python3.
func Media(t TB, program string) *Project {
	t.Helper()
	p := NewProject(t, program)
	script, err := filepath.Abs("media.py")
	if err != nil {
		t.Fatalf("%v", err)
	}
	client, err := filepath.Abs("../../python/src")
	if err != nil {
		t.Fatalf("%v", err)
	}
	p.Input("", "env", "RUNS_BINARY="+program, "PYTHONPATH="+client, "PYTHONDONTWRITEBYTECODE=1", "RUNS_SIDECAR=0",
		program, "exec", "--name", "media", "--", "python3", script)
	return p
}

// Existing is the project in a folder.
func Existing(t TB, program, dir string) *Project { return &Project{Dir: dir, t: t, program: program} }
