package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/cmd/internal/render"
	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
)

// demoFiles contains a training project: the Palmer penguins data (CC0, see demo/penguins.md) and a program that
// classifies the penguins.
//
//go:embed demo
var demoFiles embed.FS

func (a *app) demoCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Show runs on a real project",
		Long: `Create a Git project in a new temporary folder, train a classifier of penguins three
times with different learning rates and once after a code change, show what
was recorded, share it, and reproduce the last run from a fresh clone. The demo needs
Git and Python 3 and leaves the current folder alone.

    runs demo`,
		Args: arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.demo(cmd.Context()) },
	}
}

// demo holds the project of a demo and the programs that it calls.
type demo struct {
	*app
	dir, self, python string
	git               git.Example
}

func (a *app) demo(ctx context.Context) error {
	d := &demo{app: a}
	err := git.Installed()
	if err != nil {
		return &repo.HintError{Err: fmt.Errorf("starting the demo: %w", err), Hint: "install Git from https://git-scm.com"}
	}
	for _, name := range []string{"python3", "python"} {
		if d.python, err = exec.LookPath(name); err == nil {
			d.python = name
			break
		}
	}
	if err != nil {
		return &repo.HintError{
			Err:  errors.New("starting the demo: python3 is not installed"),
			Hint: "install Python 3.9 or later from https://www.python.org",
		}
	}
	if d.self, err = os.Executable(); err != nil {
		return fmt.Errorf("starting the demo: %w", err)
	}
	parent, err := os.MkdirTemp("", "runs-demo-")
	if err != nil {
		return fmt.Errorf("starting the demo: %w", err)
	}
	d.dir = filepath.Join(parent, "penguins")
	if err := os.Mkdir(d.dir, 0o777); err != nil {
		return fmt.Errorf("starting the demo: %w", err)
	}
	d.git = git.Example{Dir: d.dir}
	if err := d.project(ctx); err != nil {
		return fmt.Errorf("creating the project in %s: %w", d.dir, err)
	}
	return d.show(ctx)
}

// project writes the files of the project and commits them.
func (d *demo) project(ctx context.Context) error {
	for _, name := range []string{"README.md", "gitignore", "penguins.csv", "penguins.md", "train.py"} {
		data, err := demoFiles.ReadFile("demo/" + name)
		if err != nil {
			return err
		}
		if name == "gitignore" {
			name = ".gitignore"
		}
		if err := os.WriteFile(filepath.Join(d.dir, name), data, 0o644); err != nil {
			return err
		}
	}
	if err := d.git.Init(ctx, demoName, demoEmail); err != nil {
		return err
	}
	if err := d.git.CommitAll(ctx, "Tell penguins apart"); err != nil {
		return err
	}
	if err := d.quiet(ctx, "init"); err != nil {
		return err
	}
	if err := d.quiet(ctx, "goal", "val/loss", "min", "--primary"); err != nil {
		return err
	}
	return d.git.CommitAll(ctx, "Set up runs")
}

// The demo commits as this author, so that the user's name stays out of it.
const demoName, demoEmail = "Demo", "demo@example.org"

// demoEnv returns the environment without variables that could make Git or runs use another project.
func demoEnv() []string {
	isRuns := func(v string) bool { return strings.HasPrefix(v, "RUNS_") }
	return append(slices.DeleteFunc(git.WithoutRepository(os.Environ()), isRuns), "RUNS_PAGER=cat")
}

func (d *demo) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, d.self, args...)
	cmd.Dir, cmd.Env = d.dir, demoEnv()
	return cmd
}

func (d *demo) quiet(ctx context.Context, args ...string) error {
	if out, err := d.command(ctx, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("runs %s: %s", args[0], firstLine(strings.TrimSpace(string(out))+" "+err.Error()))
	}
	return nil
}

// step prints a command as the user would type it, then runs it.
func (d *demo) step(ctx context.Context, args ...string) error {
	d.print("%s", d.term.Paint(terminal.Bold, "$ runs "+strings.Join(args, " ")))
	if d.noColor {
		args = append([]string{"--no-color"}, args...)
	}
	cmd := d.command(ctx, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("runs %s: %w", args[0], err)
	}
	d.print("")
	return nil
}

// comment prints a line that explains the next steps.
func (d *demo) comment(text string) { d.print("%s", d.term.Paint(terminal.Dim, text)) }

func (d *demo) train(ctx context.Context, name, lr string) error {
	return d.step(ctx, "exec", "--name", name, "-d", "penguins.csv", "--", d.python, "train.py", "--lr", lr)
}

// share discards the code change, pushes the runs, and reproduces one of them in a fresh clone.
func (d *demo) share(ctx context.Context) error {
	d.comment("The code change is discarded. The runs are committed and pushed; a folder takes")
	d.comment("the place of the server.\n")
	parent := filepath.Dir(d.dir)
	origin := filepath.Join(parent, "origin.git")
	if err := d.git.Restore(ctx, "train.py"); err != nil {
		return fmt.Errorf("reverting the code change: %w", err)
	}
	if err := d.git.Publish(ctx, origin); err != nil {
		return fmt.Errorf("publishing the code: %w", err)
	}
	for _, step := range []string{"commit", "push"} {
		if err := d.step(ctx, step); err != nil {
			return err
		}
	}
	d.comment("In a fresh clone, the changed code is restored from its patch, verified by its Git tree")
	d.comment("hash, and run again.\n")
	clone := filepath.Join(parent, "clone")
	if _, err := d.git.Clone(ctx, origin, clone); err != nil {
		return err
	}
	project := d.dir
	d.dir = clone
	defer func() { d.dir = project }()
	return d.step(ctx, "reproduce", "sex", "--in", filepath.Join(parent, "again"))
}

func (d *demo) show(ctx context.Context) error {
	d.comment("A Git project with a training program and its data, the Palmer penguins (CC0), is in")
	d.print("%s\n", d.dir)
	d.comment("Three training runs, each recorded by 'runs exec' in front of its command:\n")
	for _, s := range []struct{ name, lr string }{{"slow", "0.003"}, {"good", "0.1"}, {"wild", "10"}} {
		if err := d.train(ctx, s.name, s.lr); err != nil {
			return err
		}
	}
	patch, err := demoFiles.ReadFile("demo/train-change.patch")
	if err != nil {
		return err
	}
	if err := d.git.Apply(ctx, patch); err != nil {
		return fmt.Errorf("changing the code: %w", err)
	}
	d.comment("Now the code changes: the model also sees the sex of a bird. The change is not")
	d.comment("committed, but the run keeps it.\n")
	if err := d.train(ctx, "sex", "0.1"); err != nil {
		return err
	}
	for _, args := range [][]string{{"ls"}, {"show", "sex"}, {"plot", "slow", "good", "sex", "val/loss"}} {
		if err := d.step(ctx, args...); err != nil {
			return err
		}
	}
	if err := d.share(ctx); err != nil {
		return err
	}
	d.comment("The same as a page that you can send: it opens in any browser, without a server.\n")
	if err := d.step(ctx, "export", "html", "-o", "report.html"); err != nil {
		return err
	}
	program, err := d.callable()
	if err != nil {
		return err
	}
	d.comment("The project is kept. Try in it:")
	for _, try := range []string{
		"cd " + render.ShellWords([]string{d.dir}), program + " ls --sort val/acc", program + " plot wild good",
		program + " show good --log", program + " ls -w 'val/acc > 0.95'", "cat .runs/*/*/run.toml",
	} {
		d.print("  %s", try)
	}
	d.comment("Open report.html in a browser. To see runs while they train, run in the project: " + program + " ui")
	return nil
}

// callable returns how the user can call this program from the project. 'go run' removes the program at the end, so it
// is copied next to the project.
func (d *demo) callable() (string, error) {
	if path, err := exec.LookPath("runs"); err == nil && sameFile(path, d.self) {
		return "runs", nil
	}
	if !strings.Contains(filepath.ToSlash(d.self), "/go-build") {
		return render.ShellWords([]string{d.self}), nil
	}
	name := "runs" + filepath.Ext(d.self)
	in, err := os.Open(d.self)
	if err != nil {
		return "", fmt.Errorf("copying the program: %w", err)
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(filepath.Join(filepath.Dir(d.dir), name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o777)
	if err != nil {
		return "", fmt.Errorf("copying the program: %w", err)
	}
	_, err = io.Copy(out, in)
	if err := errors.Join(err, out.Close()); err != nil {
		return "", fmt.Errorf("copying the program: %w", err)
	}
	return "../" + name, nil
}

func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}
