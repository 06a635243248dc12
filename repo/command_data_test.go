package repo

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/reads"
)

// TestUnseenStart: the program that a launcher starts is the one that reads files unseen, unless it is Python.
func TestUnseenStart(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"train.py": "#!/usr/bin/env python3\n", "plain.py": "", "run.sh": "#!/bin/sh\n", "data.csv": "1\n",
	} {
		perm := os.FileMode(0o777)
		if name == "plain.py" || name == "data.csv" {
			perm = 0o666
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), perm); err != nil {
			t.Fatal(err)
		}
	}
	for command, want := range map[string]string{
		"sh x.sh": "sh", "nohup sh x.sh": "sh", "env A=b sh x.sh": "sh", "nice -n 5 sh x.sh": "sh", "./train": "train",
		"timeout -k 5 10 sh x.sh": "sh", "nohup ./run.sh": "run.sh", "env -u A nice sh": "sh", "uv run sh x.sh": "sh",
		"conda run -n test sh x.sh": "sh",
		"python x.py":               "", "nohup python3 x.py": "", "time -p python x.py": "", "nohup ./train.py": "",
		"uv run plain.py": "", "torchrun --nproc 2 plain.py": "", "pytest sh": "", "nohup ./data.csv": "",
		"conda run -n sh python x.py": "", "/usr/bin/env python": "",
	} {
		if got := unseenStart(dir, strings.Fields(command)); got != want {
			t.Errorf("%s: %q, want %q", command, got, want)
		}
	}
}

// TestOutsideData: a program that was not watched may have read the files outside the project that its command names.
func TestOutsideData(t *testing.T) {
	base := t.TempDir()
	for _, name := range []string{
		"project/sub/x.csv", "out/y.csv", "out/deep/z.csv", "out/program", "out/new.csv", "home/w/v.csv", "home/u.csv",
	} {
		path := filepath.Join(base, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	started := time.Now().Add(time.Hour)
	if err := os.Chmod(filepath.Join(base, "out/program"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(filepath.Join(base, "out/new.csv"), started, started); err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(base, "project")
	places := reads.Places{Root: root, Home: filepath.Join(base, "home"), Temp: base}
	const inside = "cat BASE/none BASE/project BASE/project/sub/x.csv ../sub BASE {project}/sub/x.csv x.csv /etc/passwd"
	one := "it may have read the data outside the project that its command names"
	for _, c := range []struct {
		command, want string
		datasets      []format.Dataset
		known         map[string]string
	}{
		{command: "cat BASE/out/y.csv", want: one},
		{
			command: "cat BASE/out/y.csv BASE/out/deep BASE/out/deep/",
			want:    strings.Replace(one, "data", "data in 2 places", 1),
		},
		{command: "train --data=BASE/out/y.csv", want: one},
		{command: "sh -c cat|BASE/out/y.csv>x", want: one},
		{command: "cat ../../out/y.csv", want: one},
		{command: "cat ~/w/v.csv", want: one},
		{command: "cat ~/u.csv", want: one},
		{command: "cat BASE/out/new.csv"},
		{command: "BASE/out/program x"},
		{command: inside + " /dev/null"},
		{command: "cat BASE/out/y.csv", datasets: []format.Dataset{{Name: "y"}}},
		{command: "cat BASE/out/y.csv", datasets: []format.Dataset{{Name: "test", Bytes: 9}}},
		{command: "cat BASE/out/y.csv", want: one, datasets: []format.Dataset{{Name: "y", Path: "sub"}}},
		{command: "cat BASE/out/y.csv", known: map[string]string{"out": filepath.Join(base, "out")}},
	} {
		run := &format.Run{
			Command: strings.Fields(strings.ReplaceAll(c.command, "BASE", base)), Cwd: "sub", Started: started,
			Datasets: c.datasets,
		}
		if got := outsideData(run, root, places, c.known); got != c.want {
			t.Errorf("%s: %q, want %q", c.command, got, c.want)
		}
	}
}

// TestIsChecksum: a file that only has the checksum that its name announces is not a key.
func TestIsChecksum(t *testing.T) {
	hex := strings.Repeat("0123456789abcdef", 8)
	for _, c := range []struct {
		name, text string
		want       bool
	}{
		{"train.sha256.txt", hex[:64] + "\n", true},
		{"md5", strings.ToUpper(hex[:32]), true},
		{"CHECKSUM", hex[:40], true},
		{"train.sha256.txt", hex[:40], false},
		{"train.txt", hex[:64], false},
		{"train.md5.txt", "sk" + hex[:30], false},
		{"checksum.txt", hex[:33], false},
	} {
		if got := isChecksum("/data/"+c.name, []byte(c.text)); got != c.want {
			t.Errorf("%s %q: %v", c.name, c.text, got)
		}
		if !isBareKey([]byte(c.text)) {
			t.Errorf("%q does not look like a key", c.text)
		}
	}
}
