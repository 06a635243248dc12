package share

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

func failed(run *format.Run) { run.Status = format.Failed }

func resuming(id string) func(*format.Run) { return func(run *format.Run) { run.Resumes = id } }

// planned is what a plan decides, as far as a test looks at it.
type planned struct {
	runs, removed, redacted []string // ids
	refused                 []string // ids
	unsuccessful, notes     int
	paths, remove           []string // below .runs
}

func (p *project) plan(q Request, base string, marks bool) (planned, error) {
	w := writer{repo: p.runs, trees: p.trees(), request: q}
	defer w.close()
	pl, err := w.plan(p.t.Context(), base, marks)
	out := planned{
		removed: pl.Removed, redacted: pl.Redacted, unsuccessful: pl.Unsuccessful, notes: pl.Notes,
		paths: slices.Collect(pl.files()), remove: pl.remove,
	}
	for _, e := range pl.Runs {
		out.runs = append(out.runs, e.ID)
	}
	for _, d := range pl.Refused {
		out.refused = append(out.refused, d.ID)
	}
	slices.Sort(out.paths)
	return out, err
}

// setup are the files that every first commit of a project brings.
var setup = []string{".gitattributes", ".gitignore"}

// TestPlan decides what a commit changes.
func TestPlan(t *testing.T) {
	linux, linuxData, onLinux := environment(t, "linux")
	hidden, _, _ := environment(t, "[redacted]")
	recordOf := func(id string) string { return path.Join(runPath(id), repo.RecordName) }
	mark := func(id string) string { return path.Join(repo.RemovedName, id) }
	for _, c := range []struct {
		name  string
		do    func(p *project) (base string) // empty: the history of the shape
		ask   Request
		there bool // the marks of the working tree are not those of base
		want  planned
	}{
		{name: "nothing"},
		{
			name: "a finished run",
			do:   func(p *project) string { p.add(runB); return "" },
			want: planned{runs: []string{runB}, paths: append([]string{recordOf(runB)}, setup...)},
		},
		{
			name: "a failed run waits",
			do:   func(p *project) string { p.add(runB, failed); return "" },
			want: planned{unsuccessful: 1},
		},
		{
			name: "a failed run that is asked for",
			do:   func(p *project) string { p.add(runB, failed); return "" },
			ask:  Request{IncludeFailed: true},
			want: planned{runs: []string{runB}, paths: append([]string{recordOf(runB)}, setup...)},
		},
		{
			name: "a failed run that is named",
			do:   func(p *project) string { p.add(runB, failed); p.add(runC); return "" },
			ask:  Request{IDs: []string{runB}},
			want: planned{runs: []string{runB}, paths: append([]string{recordOf(runB)}, setup...)},
		},
		{
			name: "the failed runs that a run resumes, and no others",
			do: func(p *project) string {
				p.add(runB, failed)
				p.add(runC, failed, resuming(runB))
				p.add(runD, resuming(runC))
				p.add(runE, failed)
				return ""
			},
			want: planned{
				runs: []string{runB, runC, runD}, unsuccessful: 1,
				paths: append([]string{recordOf(runB), recordOf(runC), recordOf(runD)}, setup...),
			},
		},
		{
			name: "the failed run that a named run resumes",
			do: func(p *project) string {
				p.add(runB, failed)
				p.add(runC, resuming(runB))
				p.add(runD)
				return ""
			},
			ask: Request{IDs: []string{runC}},
			want: planned{
				runs: []string{runB, runC}, paths: append([]string{recordOf(runB), recordOf(runC)}, setup...),
			},
		},
		{
			name: "a resumed run that was removed, or that is not here, or that resumes itself",
			do: func(p *project) string {
				p.add(runB, failed, resuming(runA))
				p.remove(runB)
				p.add(runC, resuming(runB))
				p.add(runD, resuming("20260101-000000-aaaaaaaa"))
				p.add(runE, resuming(runE))
				return ""
			},
			want: planned{
				runs: []string{runC, runD, runE}, removed: []string{runB},
				paths: append([]string{recordOf(runC), recordOf(runD), recordOf(runE), mark(runB)}, setup...),
			},
		},
		{
			name: "a shared file of two runs, once",
			do: func(p *project) string {
				p.share(linux, linuxData)
				p.add(runB, onLinux)
				p.add(runC, onLinux)
				return ""
			},
			want: planned{runs: []string{runB, runC}, paths: append([]string{recordOf(runB), recordOf(runC), linux}, setup...)},
		},
		{
			name: "a shared file that the commit has",
			do: func(p *project) string {
				p.share(linux, linuxData)
				p.add(runB, onLinux)
				return p.commitTree([]string{p.Head}, map[string]any{".runs/" + linux: linuxData})
			},
			want: planned{runs: []string{runB}, paths: append([]string{recordOf(runB)}, setup...)},
		},
		{
			name: "a shared file that is nowhere",
			do: func(p *project) string {
				p.add(runB, onLinux)
				p.add(runC)
				return ""
			},
			want: planned{runs: []string{runC}, refused: []string{runB}, paths: append([]string{recordOf(runC)}, setup...)},
		},
		{
			name: "a damaged record",
			do: func(p *project) string {
				p.Write(in(runB, repo.RecordName), "id = ")
				p.add(runC)
				return ""
			},
			want: planned{runs: []string{runC}, refused: []string{runB}, paths: append([]string{recordOf(runC)}, setup...)},
		},
		{
			name: "a file that is not the one that was recorded",
			do: func(p *project) string {
				p.add(runB, func(run *format.Run) {
					run.Files = map[string]format.File{"aside.jsonl": {SHA256: strings.Repeat("0", 64), Bytes: 1}}
				})
				p.Write(in(runB, "aside.jsonl"), "x")
				return ""
			},
			want: planned{refused: []string{runB}},
		},
		{
			name: "a note of a committed run",
			do: func(p *project) string {
				p.Write(in(runA, "notes/"+noteName(1)), string(note(p.t, "late")))
				return ""
			},
			want: planned{notes: 1, paths: append([]string{path.Join(runPath(runA), "notes", noteName(1))}, setup...)},
		},
		{
			name: "a note that is committed",
			do: func(p *project) string {
				p.Write(in(runA, "notes/"+noteName(1)), string(note(p.t, "late")))
				return p.commitTree([]string{p.Head}, map[string]any{in(runA, "notes/"+noteName(1)): note(p.t, "late")})
			},
		},
		{
			name: "a removed run",
			do: func(p *project) string {
				p.Write(".runs/"+mark(runA), "")
				check(p.t, os.RemoveAll(p.runs.RunDir(runA)))
				return ""
			},
			want: planned{
				removed: []string{runA}, paths: append([]string{mark(runA)}, setup...),
				remove: []string{runPath(runA)},
			},
		},
		{
			name: "a removed run whose folder is still there",
			do: func(p *project) string {
				p.Write(".runs/"+mark(runB), "")
				p.add(runB)
				return ""
			},
			want: planned{removed: []string{runB}, paths: append([]string{mark(runB)}, setup...)},
		},
		{
			name: "a removed run that only its mark remembers",
			do: func(p *project) string {
				p.Write(".runs/"+mark(runB), "")
				return p.commitTree([]string{p.Head}, map[string]any{".runs/" + mark(runB): ""})
			},
		},
		{
			name: "named runs do not bring removals",
			do: func(p *project) string {
				p.Write(".runs/"+mark(runA), "")
				p.add(runB)
				return ""
			},
			ask:  Request{IDs: []string{runB}},
			want: planned{runs: []string{runB}, paths: append([]string{recordOf(runB)}, setup...)},
		},
		{
			name: "a run that was removed on another branch",
			do: func(p *project) string {
				p.add(runB)
				return p.commitTree([]string{p.Head}, map[string]any{".runs/" + mark(runB): ""})
			},
			there: true,
			want:  planned{refused: []string{runB}},
		},
		{
			name: "a run that was removed on another branch, by name",
			do: func(p *project) string {
				p.add(runB)
				return p.commitTree([]string{p.Head}, map[string]any{".runs/" + mark(runB): ""})
			},
			there: true, ask: Request{IDs: []string{runB}},
			want: planned{runs: []string{runB}, paths: append([]string{recordOf(runB)}, setup...), remove: []string{mark(runB)}},
		},
		{
			name: "a run that was restored",
			do: func(p *project) string {
				p.add(runB)
				return p.commitTree([]string{p.Head}, map[string]any{".runs/" + mark(runB): ""})
			},
			want: planned{runs: []string{runB}, paths: append([]string{recordOf(runB)}, setup...), remove: []string{mark(runB)}},
		},
		{
			name: "an edited file of the setup is the user's to commit",
			do: func(p *project) string {
				p.add(runB)
				p.Write(".runs/.gitignore", "*\n")
				return ""
			},
			want: planned{runs: []string{runB}, paths: []string{".gitattributes", recordOf(runB)}},
		},
		{
			name: "a redacted run, and the shared file that only it named",
			do: func(p *project) string {
				base := p.commitTree([]string{p.Head}, map[string]any{
					in(runB, repo.RecordName): record(p.t, runB, onLinux), ".runs/" + linux: linuxData,
				})
				p.redactLinux(runB, onLinux)
				return base
			},
			want: planned{
				redacted: []string{runB}, paths: append([]string{recordOf(runB), hidden}, setup...), remove: []string{linux},
			},
		},
		{
			name: "a redacted run, and the shared file that another one names",
			do: func(p *project) string {
				base := p.commitTree([]string{p.Head}, map[string]any{
					in(runB, repo.RecordName): record(p.t, runB, onLinux), in(runC, repo.RecordName): record(p.t, runC,
						onLinux), ".runs/" + linux: linuxData,
				})
				p.redactLinux(runB, onLinux)
				return base
			},
			want: planned{redacted: []string{runB}, paths: append([]string{recordOf(runB), hidden}, setup...)},
		},
		{
			name: "a committed run that was only rewritten",
			do:   func(p *project) string { p.add(runA, failed); return "" },
			ask:  Request{IDs: []string{runA}},
			want: planned{refused: []string{runA}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t, "plain")
			base := p.Head
			if c.do != nil {
				if at := c.do(p); at != "" {
					base = at
				}
			}
			got, err := p.plan(c.ask, base, !c.there)
			check(t, err)
			slices.Sort(c.want.paths)
			for _, list := range []struct {
				what      string
				got, want []string
			}{
				{"runs", got.runs, c.want.runs},
				{"removed", got.removed, c.want.removed},
				{"redacted", got.redacted, c.want.redacted},
				{"refused", got.refused, c.want.refused},
				{"paths", got.paths, c.want.paths},
				{"remove", got.remove, c.want.remove},
			} {
				equalLists(t, list.what, list.got, list.want)
			}
			equal(t, "unsuccessful", got.unsuccessful, c.want.unsuccessful)
			equal(t, "notes", got.notes, c.want.notes)
		})
	}
}

// redactLinux redacts the environment that environment makes of "linux", in a run of the working tree.
func (p *project) redactLinux(id string, onLinux func(*format.Run)) {
	p.t.Helper()
	name, data, use := environment(p.t, "[redacted]")
	p.share(name, data)
	p.Write(in(id, repo.RecordName), string(redactionOf(p.t, record(p.t, id, onLinux), func(run *format.Run) {
		was := *run.Environment
		use(run)
		was.Digest = run.Environment.Digest
		run.Environment = &was
	}, lists(name))))
	p.pending(id)
}

// lists makes the last redaction of a record list a file.
func lists(name string) func(*format.Run) {
	return func(run *format.Run) {
		r := &run.Redacted[len(run.Redacted)-1]
		r.Files = append(r.Files, name)
	}
}

// redactionOf is a record after a redaction.
func redactionOf(t *testing.T, was []byte, change ...func(*format.Run)) []byte {
	t.Helper()
	run, err := format.DecodeRun(repo.RecordName, was)
	check(t, err)
	sum := sha256.Sum256(was)
	run.Redacted = append(run.Redacted, format.Redaction{
		Time: time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC), What: "pattern", Was: hex.EncodeToString(sum[:]),
	})
	for _, c := range change {
		c(run)
	}
	data, err := format.EncodeRun(run)
	check(t, err)
	return data
}

// hideName takes the name out of a record.
func hideName(run *format.Run) { run.Name = "[redacted]" }

// pending says that a redaction of a run may be newer than what is committed.
func (p *project) pending(id string) {
	p.t.Helper()
	check(p.t, os.MkdirAll(p.runs.RedactedDir(), 0o777))
	check(p.t, os.WriteFile(filepath.Join(p.runs.RedactedDir(), id), nil, 0o666))
}

// TestPlanSecret: a secret stops the whole commit, and is named by file, line and run.
func TestPlanSecret(t *testing.T) {
	p := newProject(t, "plain")
	p.add(runB)
	p.add(runC, func(run *format.Run) { run.Note = "key AKIA" + "Q3EGRIJ6D2V5ZKXW of ada" })
	_, err := p.plan(Request{}, p.Head, true)
	var secrets *SecretsError
	if !errors.As(err, &secrets) || len(secrets.Findings) != 1 ||
		secrets.Findings[0].File != path.Join(runPath(runC), repo.RecordName) {
		t.Fatalf("plan: %v", err)
	}
	f := secrets.Findings[0]
	equalLists(t, "runs", f.Runs, []string{runC})
	equal(t, "place", strings.HasPrefix(f.Place(), ".runs/"+runPath(runC)+"/run.toml:"), true)
	var hint *repo.HintError
	if !errors.As(err, &hint) || !strings.Contains(hint.Hint, "runs redact cccccccc") ||
		!strings.Contains(hint.Hint, f.Fingerprint) {
		t.Errorf("hint: %v", hint)
	}
	p.Write(".runs/config.toml", "[[secrets.allow]]\nreason = \"a test\"\nfingerprint = \""+f.Fingerprint+"\"\n")
	p.runs, err = p.runs.Reopen()
	check(t, err)
	w := writer{repo: p.runs, trees: p.trees()}
	pl, err := w.plan(t.Context(), p.Head, true)
	check(t, err)
	equal(t, "allowed", pl.Allowed, 1)
	equalLists(t, "reasons", pl.Reasons, []string{"a test"})
}

// TestGone lists the files of what a plan removes.
func TestGone(t *testing.T) {
	p := newProject(t, "plain")
	base := p.commitTree([]string{p.Head}, map[string]any{
		in(runA, "notes/"+noteName(1)): note(t, "x"),
		".runs/removed/" + runC:        "",
	})
	pl := &plan{at: ".runs", remove: []string{runPath(runA), runPath(runB), "removed/" + runC}}
	gone, err := pl.gone(p.trees(), base)
	check(t, err)
	slices.Sort(gone)
	equalLists(t, "gone", gone, []string{
		in(runA, "notes/"+noteName(1)), in(runA, repo.RecordName),
		".runs/removed/" + runC,
	})
}

// TestFilters: what a filter changes is refused, but for artifacts.
func TestFilters(t *testing.T) {
	p := newProject(t, "SHA-256")
	p.add(runB)
	w := writer{repo: p.runs, trees: p.trees()}
	defer w.close()
	p.Git("config", "filter.shout.clean", "tr a-z A-Z")
	p.Write(".runs/.gitattributes", "run.toml filter=shout\n")
	_, err := w.plan(t.Context(), "", true)
	var hint *repo.HintError
	if !errors.As(err, &hint) || !strings.Contains(hint.Hint, "check-attr") {
		t.Errorf("plan: %v", err)
	}
}
