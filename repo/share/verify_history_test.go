package share

import (
	"strings"
	"testing"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/git/gittest"
)

// TestVerifyHistory finds what a history did that no command of ours does.
func TestVerifyHistory(t *testing.T) {
	linux, linuxData, onLinux := environment(t, "linux")
	a, b := in(runA, repo.RecordName), in(runB, repo.RecordName)
	mark := func(id string) string { return ".runs/removed/" + id }
	p := newProject(t, "plain")
	for _, c := range []struct {
		name    string
		commits []map[string]any // one after the other
		want    []string         // each problem holds one of these
		runs    int              // that are checked
		unknown int
	}{
		{"a run, a note, a removal", []map[string]any{
			{b: record(t, runB)}, {in(runB, "notes/"+noteName(1)): note(t, "x")}, {
				b: nil, in(runB, "notes/"+noteName(1)): nil,
				mark(runB): "",
			},
		}, nil, 1, 0},
		{
			"a run with what it shares",
			[]map[string]any{{b: record(t, runB, onLinux), ".runs/" + linux: linuxData}},
			nil, 1,
			0,
		},
		{
			"a run that names another one",
			[]map[string]any{{b: record(t, runB, func(run *format.Run) { run.Resumes = runD })}},
			nil, 1, 1,
		},

		{"a rewritten record", []map[string]any{{a: record(t, runA, failed)}}, []string{"run.toml was rewritten"}, 1, 0},
		{
			"a rewritten record that was put back",
			[]map[string]any{{a: record(t, runA, failed)}, {a: gittest.RunText}},
			[]string{"run.toml was rewritten"},
			1, 0,
		},
		{"a run that vanished", []map[string]any{{b: record(t, runB)}, {b: nil}}, []string{"removed without a marker"}, 1, 0},
		{"a file that was removed", []map[string]any{
			{b: record(t, runB), in(runB, "notes/"+noteName(1)): note(t, "x")},
			{in(runB, "notes/"+noteName(1)): nil},
		}, []string{noteName(1)}, 1, 0},
		{"a run whose shared file was removed", []map[string]any{
			{b: record(t, runB, onLinux), ".runs/" + linux: linuxData},
			{".runs/" + linux: nil},
		}, []string{linux}, 2, 0},
		{"a stray file", []map[string]any{{".runs/odd": "x"}}, []string{"runs writes no file with this name"}, 0, 0},
		{"a run in progress", []map[string]any{{".runs/active/" + runB + "/run.toml": "x"}}, []string{"in progress"}, 0, 0},
		{"settings that cannot be read", []map[string]any{{".runs/config.toml": "x = "}}, []string{"config.toml"}, 0, 0},
		{"a damaged run", []map[string]any{{b: "x = "}}, []string{"run.toml"}, 1, 0},
		{
			"two marks that are one where case does not count",
			[]map[string]any{{".runs/models/a/notes/x.toml": "x", ".runs/models/a/notes/X.toml": "x"}},
			[]string{"case"},
			0, 0,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			tip := p.Head
			for _, files := range c.commits {
				tip = p.commitTree([]string{tip}, files)
			}
			h, err := VerifyHistory(t.Context(), p.runs.Git, HistoryRequest{At: ".runs", Revs: []string{p.Head + ".." + tip}})
			check(t, err)
			if len(h.Problems) != len(c.want) {
				t.Fatalf("problems: %+v, want %d", h.Problems, len(c.want))
			}
			for i, want := range c.want {
				if text := h.Problems[i].Reason + " " + h.Problems[i].Path; !strings.Contains(text, want) {
					t.Errorf("problem %q, want %q", text, want)
				}
			}
			equal(t, "runs", h.Runs, c.runs)
			equal(t, "unknown", len(h.Unknown), c.unknown)
			equal(t, "commits", h.Commits, len(c.commits))
		})
	}
}

// TestVerifyShapes verifies the history of every shape from its end to its beginning.
func TestVerifyShapes(t *testing.T) {
	gittest.Each(t, func(t *testing.T, r *gittest.Repository) {
		dirs, at, err := FindHistory(t.Context(), r.Dir)
		check(t, err)
		if r.Unborn {
			return
		}
		equal(t, "folder", at, map[bool]string{true: "", false: ".runs"}[r.Bare])
		h, err := VerifyHistory(t.Context(), dirs, HistoryRequest{At: ".runs"})
		check(t, err)
		if len(h.Problems) > 0 || h.Unchecked > 0 {
			t.Errorf("problems: %+v, unchecked %d", h.Problems, h.Unchecked)
		}
		equal(t, "runs", h.Runs, 1)
		equal(t, "shallow", h.Shallow, r.Shallow)
		equal(t, "partial", h.Partial, r.Partial)
		v := &verification{dirs: dirs, done: &History{Tips: []string{r.Head}}, folders: map[string]*folderHistory{}}
		check(t, v.find(t.Context()))
		equalLists(t, "folders", v.done.Folders, []string{".runs", "a/.runs"})
	})
}

// TestHistoryRevisions: a history is named as REV, ^REV or OLD..NEW; a hook is told zeros for a branch that is new or
// goes.
func TestHistoryRevisions(t *testing.T) {
	p := newProject(t, "plain")
	zeros := strings.Repeat("0", 40)
	for _, c := range []struct {
		revs          []string
		tips, without string
		fails         bool
	}{
		{nil, p.Head, "", false},
		{[]string{"main"}, p.Head, "", false},
		{[]string{"main~1..main"}, p.Head, p.First, false},
		{[]string{"main~1.."}, p.Head, p.First, false},
		{[]string{"..main~1"}, p.First, p.Head, false},
		{[]string{"main", "^main~1"}, p.Head, p.First, false},
		{[]string{zeros + "..main"}, p.Head, "", false},
		{[]string{"main.." + zeros}, "", p.Head, false},
		{[]string{"absent"}, "", "", true},
		{[]string{"main...main~1"}, "", "", true},
	} {
		v := &verification{dirs: p.runs.Git, ask: HistoryRequest{Revs: c.revs}, done: &History{}}
		err := v.resolve(t.Context())
		if (err != nil) != c.fails {
			t.Errorf("%q: %v", c.revs, err)
		}
		if !c.fails {
			equal(t, "tips", strings.Join(v.done.Tips, " "), c.tips)
			equal(t, "without", strings.Join(v.done.Without, " "), c.without)
		}
	}
}

// TestStrays are what the index has in .runs and must not have.
func TestStrays(t *testing.T) {
	p := newProject(t, "odd names")
	p.Write(".runs/odd", "x")
	p.Write(".runs/active/"+runB+"/run.toml", "x")
	p.Git("add", "-f", ".runs/odd", ".runs/active/"+runB+"/run.toml")
	strays, err := Strays(t.Context(), p.runs)
	check(t, err)
	if len(strays) != 2 || strays[0].Path != ".runs/active/"+runB+"/run.toml" || strays[1].Path != ".runs/odd" {
		t.Errorf("Strays: %+v", strays)
	}
}

// TestCheckIncoming refuses commits that bring what one machine's own is, before a file of theirs lies on disk.
func TestCheckIncoming(t *testing.T) {
	p := newProject(t, "plain")
	for _, c := range []struct {
		name  string
		files map[string]any
		fails bool
	}{
		{"a run", map[string]any{in(runB, repo.RecordName): record(t, runB)}, false},
		{"a run in progress", map[string]any{".runs/active/" + runB + "/run.toml": "x"}, true},
		{"the settings of a machine", map[string]any{"deep/.runs/local.toml": "x"}, true},
		{"a link", map[string]any{in(runB, "artifacts/x"): git.Edit{Mode: "120000", ID: p.blob("../..")}}, true},
		{"a link in place of the folder", map[string]any{"other/.runs": git.Edit{Mode: "120000", ID: p.blob("/etc")}}, true},
		{"code", map[string]any{"link": git.Edit{Mode: "120000", ID: p.blob("README")}}, false},
	} {
		err := checkIncoming(t.Context(), p.runs, p.Head, p.commitTree([]string{p.Head}, c.files))
		if (err != nil) != c.fails {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	bad := p.commitTree([]string{p.Head}, map[string]any{".runs/store/x": "x"})
	if err := checkIncoming(t.Context(), p.runs, bad, p.Head); err != nil {
		t.Errorf("a commit that takes it out: %v", err)
	}
}
