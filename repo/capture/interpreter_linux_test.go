package capture

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestHidesPython(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "run.py"), []byte("#!/usr/bin/env python3\n"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "python3"), []byte("#!/bin/sh\n"), 0o777); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	for _, c := range []struct {
		command []string
		want    bool
	}{
		{[]string{"python3", "train.py"}, false},
		{[]string{"./.venv/bin/python", "-m", "train"}, false},
		{[]string{"./run.py"}, false},
		{[]string{"env", "A=1", "nice", "python", "train.py"}, false},
		{[]string{"uv", "run", "python", "train.py"}, true},
		{[]string{"uv", "run", "train.py"}, true},
		{[]string{"poetry", "run", "python", "train.py"}, true},
		{[]string{"conda", "run", "-n", "x", "python", "train.py"}, true},
		{[]string{"sh", "-c", "python train.py"}, true},
		{[]string{"./train.sh"}, true},
		{[]string{"make", "train"}, true},
	} {
		if got := HidesPython(dir, c.command); got != c.want {
			t.Errorf("%v: %v", c.command, got)
		}
	}
}

// TestWatchPython: the interpreter of a script that a shell hides is found, also in a virtual environment, whose
// executable is a link. A tool in Python that starts it does not count.
func TestWatchPython(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed")
	}
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), python, "-m", "venv", "--without-pip", filepath.Join(dir, "venv")).
		CombinedOutput(); err != nil {
		t.Skipf("no virtual environment: %s", out)
	}
	venv := filepath.Join(dir, "venv", "bin", "python")
	for name, text := range map[string]string{
		"train.py": "import sys\nsys.stdin.read()\n",
		"poetry":   "import subprocess, sys\nsubprocess.call(sys.argv[1:])\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	train := filepath.Join(dir, "train.py")
	for name, c := range map[string]struct {
		command []string
		entry   string
	}{
		"a shell":             {[]string{"sh", "-c", venv + " train.py; true"}, train},
		"a shell, no entry":   {[]string{"sh", "-c", venv + " train.py; true"}, ""},
		"PATH":                {[]string{"sh", "-c", "PATH=venv/bin:$PATH; export PATH; python train.py; true"}, train},
		"a relative path":     {[]string{"sh", "-c", "cd venv; bin/python ../train.py; true"}, train},
		"a tool":              {[]string{python, "poetry", venv, "train.py"}, train},
		"a tool, no entry":    {[]string{python, "poetry", venv, "train.py"}, ""},
		"text in the command": {[]string{"sh", "-c", venv + " -c 'import sys; sys.stdin.read()'; true"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), c.command[0], c.command[1:]...)
			cmd.Dir = dir
			stdin, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			var got RunningPython
			if name == "text in the command" { // it is only told when the program ends
				for fit := notPython; fit == notPython; {
					_, fit = runningPython(cmd.Process.Pid, "")
				}
				cancel()
			}
			WatchPython(ctx, cmd.Process.Pid, c.entry, func(found RunningPython) {
				if got = found; got.Path == venv {
					cancel()
				}
			})
			cancel()
			_ = stdin.Close()
			_ = cmd.Wait()
			if got.Path != venv || got.Dir == "" || len(got.Args) == 0 {
				t.Errorf("%+v, want %s", got, venv)
			}
		})
	}
}
