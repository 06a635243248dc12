package capture

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gitruns/runs/format"
)

func TestExcluder(t *testing.T) {
	for _, test := range []struct {
		patterns []string
		path     string
		want     string
	}{
		{[]string{"outputs/"}, "outputs/x/y.txt", "outputs/"},
		{[]string{"outputs/"}, "a/outputs/x", "outputs/"},
		{[]string{"outputs/"}, "outputs", ""},
		{[]string{"*.pt"}, "a/b/model.pt", "*.pt"},
		{[]string{"*.pt"}, "model.pth", ""},
		{[]string{"*.pt", "!keep.pt"}, "a/keep.pt", ""},
		{[]string{"*.pt", "!keep.pt"}, "a/other.pt", "*.pt"},
		{[]string{"out/", "!out/keep"}, "out/keep", "out/"}, // as in git: no way back into a folder
		{[]string{"/top"}, "top", "/top"},
		{[]string{"/top"}, "a/top", ""},
		{[]string{"a/**/z"}, "a/b/c/z", "a/**/z"},
		{[]string{"a/**/z"}, "a/z", "a/**/z"},
		{[]string{"a/**"}, "a/b", "a/**"},
		{[]string{"runs/train/"}, "runs/train/1/x.png", "runs/train/"},
		{[]string{"runs/train/"}, "src/runs/train/x", ""},
		{[]string{"core.[0-9]*"}, "core.123", "core.[0-9]*"},
		{[]string{"core.[0-9]*"}, "core.py", ""},
		{[]string{"["}, "[", ""},
		{[]string{"!"}, "!", ""},
	} {
		if got := newExcluder(test.patterns).match(test.path); got != test.want {
			t.Errorf("%q of %q: %q, want %q", test.path, test.patterns, got, test.want)
		}
	}
}

// What training programs write into a folder that is not ignored is not the source of the next run.
func TestDefaultExclude(t *testing.T) {
	e := newExcluder(format.DefaultExclude)
	for _, path := range []string{
		"out/checkpoint-3/trainer_state.json", "out/checkpoint-500/config.json", "out/trainer_state.json",
		"out/training_args.bin", "ckpt/checkpoint_12/weights.bin", "slurm-4711.out", "jobs/slurm-4711_3.err", "nohup.out",
		"logs/train.log", "mlflow.db", "catboost_info/learn_error.tsv", "lightning_logs/version_0/hparams.yaml",
	} {
		if e.match(path) == "" {
			t.Errorf("%s counts as source", path)
		}
	}
	for _, path := range []string{
		"train.py", "src/checkpoint.py", "checkpoint-notes.md", "src/checkpoint-utils/io.py", "conf/config.json", "log.py",
		"slurm.sh", "data.bin",
	} {
		if pattern := e.match(path); pattern != "" {
			t.Errorf("%s is left out by %s", path, pattern)
		}
	}
}

func TestWithinLimits(t *testing.T) {
	tracked := map[string]bool{"": true, "src": true}
	make := func(dir string, n int, size int64) (files []untracked) {
		for i := range n {
			files = append(files, untracked{fmt.Sprintf("%s%03d", dir, i), size})
		}
		return files
	}
	join := func(lists ...[]untracked) (all []untracked) {
		for _, l := range lists {
			all = append(all, l...)
		}
		return all
	}
	for _, test := range []struct {
		name    string
		files   []untracked
		kept    int
		omitted []format.Omitted
	}{
		{"all fit", make("new/", 50, 10), 50, nil},
		{
			"one folder has too many", join(make("new/", 20, 1), make("data/", 200, 1)), 20,
			[]format.Omitted{{Path: "data/", Bytes: 200, Count: 200, Reason: format.OmittedMany}},
		},
		{
			"many classes of one dataset go as one",
			join(
				make("data/train/a/", 60, 1), make("data/train/b/", 60, 1), make("data/train/c/", 60, 1),
				make("x/", 3, 1),
			),
			3,
			[]format.Omitted{{Path: "data/train/", Bytes: 180, Count: 180, Reason: format.OmittedMany}},
		},
		{
			"beside code that git knows", make("src/out", 200, 1), 0,
			[]format.Omitted{{Path: "src/*", Bytes: 200, Count: 200, Reason: format.OmittedMany}},
		},
		{
			"at the root", make("out", 200, 1), 0,
			[]format.Omitted{{Path: "*", Bytes: 200, Count: 200, Reason: format.OmittedMany}},
		},
		{
			"too heavy", join(make("a/", 10, 200), make("b/", 10, 1)), 10,
			[]format.Omitted{{Path: "a/", Bytes: 2000, Count: 10, Reason: format.OmittedTotal}},
		},
		{
			"the data of the run", make("set/", 200, 1), 0,
			[]format.Omitted{{Path: "set/", Bytes: 200, Count: 200, Reason: format.OmittedDataset}},
		},
	} {
		c := chooser{limits: limits{1000, 1000, 100}, tracked: tracked, datasets: []string{"set"}}
		kept := c.withinLimits(test.files)
		if len(kept) != test.kept {
			t.Errorf("%s: %d kept, want %d", test.name, len(kept), test.kept)
		}
		if d := cmp.Diff(test.omitted, c.omitted); d != "" {
			t.Errorf("%s: %s", test.name, d)
		}
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"a b": "a b", "ü": "ü", "a\nb": `"a\012b"`, "\xff\"": `"\377\""`, `"q"`: `"\"q\""`,
	} {
		if got := printable(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
		if back, ok := FileName(want); back != in || !ok {
			t.Errorf("%s: %q, want %q", want, back, in)
		}
	}
}
