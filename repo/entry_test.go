package repo

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

const consoleScript = `#!/usr/bin/env python3
import sys
from lib.run import main
if __name__ == "__main__":
    sys.exit(main())
`

// entryProject makes a project with programs of several kinds.
func entryProject(t *testing.T) (*Repository, string) {
	t.Helper()
	root := t.TempDir()
	r, _, err := Setup(root)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"train.py": "", "sub/eval.py": "", "sub/__main__.py": "", "src/lib/run.py": "", "cfg.yaml": "", "plain": "",
		"train.sh": "", "nb.ipynb": "", "out.ipynb": "", "Makefile": "", "lib2/extra.py": "", "train.R": "", "model.jl": "",
		"cmd/train/main.go": "", "index.js": "",
		".venv/pyvenv.cfg": "", ".venv/bin/python": "", ".venv/bin/torchrun": "", ".venv/bin/fit": consoleScript,
		"env/conda-meta/history": "", "env/bin/accelerate": "", "node_modules/.bin/tsx.js": "",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		mode := os.FileMode(0o666)
		if text != "" {
			mode = 0o777
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	return r, root
}

// The program of a command is found behind launchers, in the text of a shell and in modules; its other files are not.
func TestEntryPoint(t *testing.T) {
	r, root := entryProject(t)
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "python3"), []byte("#!/bin/sh\n"), 0o777); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin)
	t.Setenv("VIRTUAL_ENV", "")
	sub := filepath.Join(root, "sub")
	for _, c := range []struct {
		dir     string
		command []string
		want    string
	}{
		{root, []string{"python", "-u", "train.py", "sub/eval.py"}, "train.py"},
		{sub, []string{"python", "eval.py"}, "sub/eval.py"},
		{sub, []string{"python", "../train.py"}, "train.py"},
		{root, []string{filepath.Join(root, "train.py")}, "train.py"},
		{root, []string{"python", "missing", "missing.py", "/etc/hosts"}, ""},
		{root, []string{"python", "sub", "missing.py"}, "sub/__main__.py"},
		{root, []string{"python", "plain", "cfg.yaml"}, "plain"},
		{root, []string{"python3.11", "-m", "sub.eval", "cfg.yaml"}, "sub/eval.py"},
		{root, []string{"python", "-um", "sub", "cfg.yaml"}, "sub/__main__.py"},
		{root, []string{"python", "-mlib.run", "train.py"}, "src/lib/run.py"},
		{root, []string{"python", "-m", "torch.distributed.run", "-m", "sub.eval"}, "sub/eval.py"},
		{root, []string{"python", "-m", "pytest", "train.py"}, "train.py"},
		{root, []string{"python", "-m", "cProfile", "-o", "train.py", "sub/eval.py"}, "sub/eval.py"},
		{root, []string{"python", "-W", "plain", "-X", "dev", "train.py"}, "train.py"},
		{root, []string{"python", "-c", "import sub", "train.py"}, ""},
		{root, []string{"python", "-", "train.py"}, ""},
		{root, []string{".venv/bin/python", "train.py"}, "train.py"},
		{root, []string{".venv/bin/python", "sub/eval.py"}, "sub/eval.py"},
		{root, []string{".venv/bin/torchrun", "--nproc-per-node", "2", "train.py"}, "train.py"},
		{root, []string{"torchrun", "-m", "sub.eval", "cfg.yaml"}, "sub/eval.py"},
		{root, []string{"torchrun", "--module=sub.eval", "cfg.yaml"}, "sub/eval.py"},
		{root, []string{"accelerate", "launch", "--config_file", "cfg.yaml", "train.py"}, "train.py"},
		{root, []string{"env/bin/accelerate", "launch", "--config_file", "sub/eval.py", "train.py"}, "train.py"},
		{root, []string{"accelerate", "launch", "-m", "lib.run"}, "src/lib/run.py"},
		{root, []string{"deepspeed", "--num_gpus", "2", "train.py", "--cfg", "cfg.yaml"}, "train.py"},
		{root, []string{"uv", "run", "train.py", "cfg.yaml"}, "train.py"},
		{root, []string{"uv", "run", "--with", "torch", "python", "-m", "lib.run"}, "src/lib/run.py"},
		{root, []string{"uv", "run", "--directory", "sub", "eval.py"}, "sub/eval.py"},
		{root, []string{"uv", "run", "fit", "cfg.yaml"}, "src/lib/run.py"},
		{root, []string{"poetry", "run", "python", "train.py"}, "train.py"},
		{root, []string{"poetry", "-C", "sub", "run", "python", "eval.py"}, "sub/eval.py"},
		{root, []string{"poetry", "run", "fit"}, "src/lib/run.py"},
		{root, []string{".venv/bin/fit"}, "src/lib/run.py"},
		{root, []string{"conda", "run", "-n", "x", "--no-capture-output", "python", "train.py"}, "train.py"},
		{root, []string{"conda", "run", "--cwd", "sub", "python", "eval.py"}, "sub/eval.py"},
		{root, []string{"env", "-u", "A", "B=train.py", "python", "sub/eval.py"}, "sub/eval.py"},
		{root, []string{"env", "-C", "sub", "python", "eval.py"}, "sub/eval.py"},
		{root, []string{"env", "-S", "python -u", "train.py"}, "train.py"},
		{root, []string{"env", "PYTHONPATH=lib2", "python", "-m", "extra"}, "lib2/extra.py"},
		{root, []string{"nice", "-n", "5", "python", "train.py"}, "train.py"},
		{root, []string{"timeout", "-k", "5", "10m", ".venv/bin/python", "train.py"}, "train.py"},
		{root, []string{"nohup", "./train.py"}, "train.py"},
		{root, []string{"srun", "-n", "2", "--chdir=sub", "python", "eval.py"}, "sub/eval.py"},
		{root, []string{"mpirun", "-np", "4", "python", "-m", "sub"}, "sub/__main__.py"},
		{root, []string{"xargs", "-n", "1", "python", "train.py"}, "train.py"},
		{root, []string{"parallel", "python", "train.py", "--lr", "{}", ":::", "1", "2"}, "train.py"},
		{root, []string{"bash", "train.sh", "cfg.yaml"}, "train.sh"},
		{root, []string{"bash", "-eu", "-o", "pipefail", "train.sh"}, "train.sh"},
		{root, []string{"./train.sh", "python", "train.py"}, "train.py"},
		{root, []string{"bash", "train.sh", "train.py"}, "train.sh"},
		{root, []string{"bash", "train.sh", "python", "-c", "1"}, "train.sh"},
		{root, []string{"sh", "-c", "python train.py"}, "train.py"},
		{root, []string{"bash", "-lc", "cd sub && exec python 'eval.py' --name \"a b\" | tee log"}, "sub/eval.py"},
		{root, []string{"bash", "-euo", "pipefail", "-c", "A=1 python -m sub.eval; python train.py"}, "sub/eval.py"},
		{root, []string{"sh", "-c", "python -c 1\n# a comment\nif true; then python train.py; fi"}, "train.py"},
		{root, []string{"sh", "-c", "python $SCRIPT"}, ""},
		{root, []string{"sh", "-c", "sh -c \"sh -c 'python train.py'\""}, "train.py"},
		{root, []string{"make", "train.py"}, ""},
		{root, []string{"jupyter", "nbconvert", "--execute", "--output", "out.ipynb", "nb.ipynb"}, "nb.ipynb"},
		{root, []string{"papermill", "nb.ipynb", "out.ipynb", "-p", "lr", "1"}, "nb.ipynb"},
		{root, []string{"Rscript", "train.R", "cfg.yaml"}, "train.R"},
		{root, []string{"julia", "--project=.", "model.jl"}, "model.jl"},
		{root, []string{"node", "index.js"}, "index.js"},
		{root, []string{"go", "run", "./cmd/train", "-lr", "1"}, "cmd/train/main.go"},
		{root, []string{"node_modules/.bin/tsx.js", "train.py"}, "train.py"},
		{root, []string{"cat", "cfg.yaml"}, ""},
		{root, []string{"./plain", "train.py"}, "plain"},
		{root, nil, ""},
	} {
		if got := r.EntryPoint(c.dir, c.command); got != c.want {
			t.Errorf("%q in %s: %q, want %q", c.command, c.dir, got, c.want)
		}
	}
}

// A project that is reached through a link has the same program.
func TestEntryPointThroughLink(t *testing.T) {
	r, root := entryProject(t)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(root, link); err != nil {
		t.Skip(err)
	}
	if got := r.EntryPoint(link, []string{filepath.Join(link, "sub", "eval.py")}); got != "sub/eval.py" {
		t.Errorf("%q", got)
	}
}

func TestShellCommands(t *testing.T) {
	for text, want := range map[string][][]string{
		"":                           nil,
		"a b":                        {{"a", "b"}},
		"a 'b c' \"d \\\" e\" f\\ g": {{"a", "b c", "d \" e", "f g"}},
		"a;b&&c||d|e&":               {{"a"}, {"b"}, {"c"}, {"d"}, {"e"}},
		"# x\na # y\nb":              {{"a"}, {"b"}},
		"for i in 1; do a $i; done":  {{"for", "i", "in", "1"}, {"a", "$i"}},
		"(cd x && a)":                {{"cd", "x"}, {"a"}},
		"a '":                        {{"a", ""}},
		"a \\\n b":                   {{"a", "b"}},
		"a ''":                       {{"a", ""}},
		"exec time a":                {{"a"}},
		"a\\":                        {{"a"}},
	} {
		got := shellCommands(text)
		if !slices.EqualFunc(got, want, slices.Equal) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// Any text is split without a panic, and no separator is left in a word that had no quotes.
func FuzzShellCommands(f *testing.F) {
	for _, text := range []string{"a 'b' \"c\" \\", "a;b\n#c", "'", "\\\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		words := 0
		for _, command := range shellCommands(text) {
			if len(command) == 0 {
				t.Error("an empty command")
			}
			words += len(command)
		}
		if words > len(text) {
			t.Errorf("%d words in %q", words, text)
		}
	})
}
