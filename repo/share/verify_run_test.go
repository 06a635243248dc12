package share

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
)

// digestOf names a file in [files] or among artifacts.
func digestOf(text string) format.File {
	sums := map[string]string{
		"x":     "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
		"model": "9372c470eeadd5ecd9c3c74c2b3cb633f8e2f2fad799250a0f70d652b6b825e4",
	}
	return format.File{SHA256: sums[text], Bytes: int64(len(text))}
}

// TestVerifyRun refuses a run of a stranger that is not what its record says.
func TestVerifyRun(t *testing.T) {
	linux, linuxData, onLinux := environment(t, "linux")
	p := newProject(t, "plain")
	trees := p.trees()
	aside := func(run *format.Run) { run.Files = map[string]format.File{"aside.jsonl": digestOf("x")} }
	model := func(run *format.Run) {
		f := digestOf("model")
		run.Artifacts = []format.Artifact{{Path: "model.bin", SHA256: f.SHA256, Bytes: f.Bytes}}
	}
	tooLarge := func(run *format.Run) {
		run.Artifacts = []format.Artifact{
			{Path: "a", SHA256: strings.Repeat("1", 64), Bytes: maxRunBytes},
			{Path: "b", SHA256: strings.Repeat("1", 64), Bytes: maxRunBytes},
		}
	}
	many := map[string]any{repo.RecordName: record(t, runB)}
	for i := range maxProblems + 10 {
		many[fmt.Sprintf("odd%02d", i)] = "x"
	}
	for _, c := range []struct {
		name   string
		files  map[string]any // of the run
		shared map[string]any // below .runs
		want   []string       // each problem holds one of these; empty: there is none
	}{
		{"a record alone", map[string]any{repo.RecordName: record(t, runB)}, nil, nil},
		{"files, artifacts and notes", map[string]any{
			repo.RecordName: record(t, runB, aside, model), "aside.jsonl": "x", "artifacts/model.bin": "model",
			"notes/" + noteName(1): note(t, "x"),
		}, nil, nil},
		{"an artifact in Git LFS", map[string]any{
			repo.RecordName: record(t, runB, model), "artifacts/model.bin": string(format.LFSPointer(digestOf("model").SHA256,
				5)),
		}, nil, nil},
		{"a shared file", map[string]any{repo.RecordName: record(t, runB, onLinux)}, map[string]any{linux: linuxData}, nil},

		{"no record", map[string]any{"aside.jsonl": "x"}, nil, []string{"run.toml"}},
		{"a record that is no TOML", map[string]any{repo.RecordName: "id = "}, nil, []string{"run.toml"}},
		{"the record of another run", map[string]any{repo.RecordName: record(t, runC)}, nil, []string{runC}},
		{
			"a missing file",
			map[string]any{repo.RecordName: record(t, runB, aside, model), "artifacts/model.bin": "model"},
			nil,
			[]string{"aside.jsonl is missing"},
		},
		{
			"a missing artifact",
			map[string]any{repo.RecordName: record(t, runB, model)},
			nil,
			[]string{"artifacts/model.bin is missing"},
		},
		{
			"another size",
			map[string]any{repo.RecordName: record(t, runB, aside), "aside.jsonl": "xx"},
			nil,
			[]string{"aside.jsonl"},
		},
		{
			"another content",
			map[string]any{repo.RecordName: record(t, runB, aside), "aside.jsonl": "y"},
			nil,
			[]string{"digest differs"},
		},
		{"a pointer in place of another file", map[string]any{
			repo.RecordName: record(t, runB, aside),
			"aside.jsonl":   string(format.LFSPointer(digestOf("x").SHA256, 1)),
		}, nil, []string{"aside.jsonl"}},
		{"a pointer to other content", map[string]any{
			repo.RecordName:       record(t, runB, model),
			"artifacts/model.bin": string(format.LFSPointer(digestOf("x").SHA256, 5)),
		}, nil, []string{"artifacts/model.bin"}},
		{
			"a file that the record does not name",
			map[string]any{repo.RecordName: record(t, runB), "odd": "x"},
			nil,
			[]string{"odd"},
		},
		{
			"a note that is none",
			map[string]any{repo.RecordName: record(t, runB), "notes/" + noteName(1): "x"},
			nil,
			[]string{noteName(1)},
		},
		{
			"a link",
			map[string]any{repo.RecordName: record(t, runB), "artifacts/x": git.Edit{Mode: "120000"}},
			nil,
			[]string{"link"},
		},
		{
			"a submodule",
			map[string]any{repo.RecordName: record(t, runB), "artifacts/x": git.Edit{Mode: "160000"}},
			nil,
			[]string{"submodule"},
		},
		{"names that are one where case does not count", map[string]any{
			repo.RecordName: record(t, runB), "artifacts/x": "x",
			"artifacts/X": "x",
		}, nil, []string{"artifacts/x"}},
		{
			"a name that a file system reserves",
			map[string]any{repo.RecordName: record(t, runB), "artifacts/con": "x"},
			nil,
			[]string{"con"},
		},
		{
			"a missing shared file",
			map[string]any{repo.RecordName: record(t, runB, onLinux)},
			nil,
			[]string{linux + " is missing"},
		},
		{
			"a shared file of another content",
			map[string]any{repo.RecordName: record(t, runB, onLinux)},
			map[string]any{linux: "x"},
			[]string{linux},
		},
		{
			"more bytes than a run may have",
			map[string]any{repo.RecordName: record(t, runB, tooLarge)},
			nil,
			[]string{"bytes"},
		},
		{"metrics without points", map[string]any{repo.RecordName: record(t, runB,
			func(run *format.Run) {
				run.Metrics = map[string]format.Metric{"loss": {
					Last:  1,
					Count: 1,
				}}
			})}, nil, []string{"points"}},
		{"many problems", many, nil, slices.Repeat([]string{"odd"}, maxProblems)},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := map[string]any{}
			empty := p.blob("")
			for name, text := range c.files {
				if e, ok := text.(git.Edit); ok {
					if e.ID = empty; e.Mode == "160000" {
						e.ID = strings.Repeat("1", 40)
					}
					text = e
				}
				files[in(runB, name)] = text
			}
			for name, text := range c.shared {
				files[".runs/"+name] = text
			}
			at, err := readSnapshot(trees, p.commitTree(nil, files), ".runs")
			check(t, err)
			found, err := at.run(runB)
			check(t, err)
			k := &checker{trees: trees, shared: map[string]sharedResult{}}
			_, problems := k.run(t.Context(), runB, found, at.shared)
			if len(problems) != len(c.want) {
				t.Fatalf("problems: %v, want %d", problems, len(c.want))
			}
			for i, want := range c.want {
				if !strings.Contains(problems[i].Error(), want) {
					t.Errorf("problem %q, want %q", problems[i], want)
				}
			}
			bad, err := VerifyRuns(t.Context(), p.runs.Git, at, []string{runB})
			check(t, err)
			equal(t, "VerifyRuns", len(bad) == 1, len(c.want) > 0)
		})
	}
}

// TestCheckNames bounds how many files a run may have.
func TestCheckNames(t *testing.T) {
	files := runFiles{}
	for i := range maxNoteFiles + 1 {
		files[fmt.Sprintf("notes/%d.toml", i)] = ordinaryFile
	}
	if err := checkNames(files); err == nil || !strings.Contains(err.Error(), "notes") {
		t.Errorf("too many notes: %v", err)
	}
	for i := range maxRunFiles {
		files[fmt.Sprintf("artifacts/%d", i)] = ordinaryFile
	}
	if err := checkNames(files); err == nil || !strings.Contains(err.Error(), "files") {
		t.Errorf("too many files: %v", err)
	}
}

// TestSnapshot reads what a commit has by its names, and leaves out what only looks like it.
func TestSnapshot(t *testing.T) {
	linux, linuxData, _ := environment(t, "linux")
	p := newProject(t, "plain")
	commit := p.commitTree([]string{p.Head}, map[string]any{
		in(runB, repo.RecordName):                  record(t, runB),
		".runs/2026-01-03/" + runA + "/run.toml":   "of another day",
		".runs/2026-01-03/" + runC:                 "a file in place of a folder",
		".runs/2026-01-03/odd/run.toml":            "x",
		".runs/" + linux:                           linuxData,
		".runs/environments/odd.toml":              "x",
		".runs/removed/" + runD:                    "",
		".runs/removed/odd":                        "",
		".runs/.gitignore":                         "x",
		".runs/.runs/2026-01-03/" + runD + "/x":    "x",
		"a/.runs/2026-01-03/" + runD + "/run.toml": "of another folder",
	})
	s, err := readSnapshot(p.trees(), commit, ".runs")
	check(t, err)
	equalLists(t, "runs", slices.Sorted(maps.Keys(s.runs)), []string{runA, runB})
	equalLists(t, "removed", slices.Sorted(maps.Keys(s.removed)), []string{runD})
	equalLists(t, "shared", slices.Sorted(maps.Keys(s.shared)), []string{linux})
	equalLists(t, "files", slices.Sorted(maps.Keys(s.files)), []string{".gitignore", "config.toml"})
	files, err := s.run(runB)
	check(t, err)
	equalLists(t, "files of a run", slices.Sorted(maps.Keys(files)), []string{repo.RecordName})
	for _, at := range []string{"absent", "README", path.Join(".runs", "config.toml")} {
		s, err := readSnapshot(p.trees(), commit, at)
		check(t, err)
		equal(t, at, len(s.runs), 0)
	}
	s, err = readSnapshot(p.trees(), "", ".runs")
	check(t, err)
	equal(t, "before the first commit", len(s.runs), 0)
}
