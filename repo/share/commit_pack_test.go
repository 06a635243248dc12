package share

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// batching makes a project that commits more than n runs in batches.
func batching(t *testing.T, n string) *project {
	t.Helper()
	p := newProject(t, "plain")
	p.Write(".runs/config.toml", "[commit]\nbatch = "+n+"\n")
	p.Git("add", "-f", ".runs/config.toml", ".runs/.gitignore", ".runs/.gitattributes")
	p.Git("commit", "-qm", "settings")
	p.reopen()
	return p
}

// reopen reads the settings again.
func (p *project) reopen() {
	p.t.Helper()
	r, err := repo.Find(p.Dir)
	check(p.t, err)
	p.runs = r
}

// write makes a finished run in the working tree.
func (p *project) write(id string, files map[string][]byte) {
	p.t.Helper()
	for name, data := range files {
		p.Write(in(id, name), string(data))
	}
}

// onDisk lists the files of the working tree below .runs, other than the settings.
func (p *project) onDisk() []string {
	p.t.Helper()
	var names []string
	check(p.t, filepath.WalkDir(p.runs.Dir, func(file string, e os.DirEntry, err error) error {
		name, _ := filepath.Rel(p.runs.Dir, file)
		if day, _, _ := strings.Cut(filepath.ToSlash(name), "/"); err == nil && !e.IsDir() && format.CheckDay(day) == nil {
			names = append(names, filepath.ToSlash(name))
		}
		return err
	}))
	slices.Sort(names)
	return names
}

// batchesOf lists the names of the batches among files.
func batchesOf(names []string) []string {
	var batches []string
	for _, name := range names {
		if day, rest, _ := strings.Cut(name, "/"); format.IsBatchName(strings.Split(rest, "/")[0]) {
			batches = append(batches, path.Join(day, strings.Split(rest, "/")[0]))
		}
	}
	slices.Sort(batches)
	return slices.Compact(batches)
}

// sound verifies the history of HEAD, and that Git sees no change in .runs.
func (p *project) sound(runs int) {
	p.t.Helper()
	h, err := VerifyHistory(p.t.Context(), p.runs.Git, HistoryRequest{At: ".runs"})
	check(p.t, err)
	if len(h.Problems) > 0 {
		p.t.Errorf("problems: %+v", h.Problems)
	}
	known, err := readSnapshot(p.trees(), p.Git("rev-parse", "HEAD"), ".runs")
	check(p.t, err)
	equal(p.t, "runs", len(known.runs), runs)
	equal(p.t, "status", p.Git("status", "--porcelain", "--", ".runs"), "")
}

// TestCommitInBatches: a commit of many runs writes batches, and leaves what is local, what is too large and what was
// said later where it is.
func TestCommitInBatches(t *testing.T) {
	p := batching(t, "2")
	for i, id := range []string{runB, runC, runD} {
		p.write(id, measured(t, id, float64(i)))
	}
	other := "20260102-000001-eeeeeeee" // alone on its day
	p.write(other, measured(t, other, 5))
	p.Write(in(runC, "output.log"), "local\n")
	p.Write(in(runC, "notes/"+noteName(1)), string(note(t, "later")))
	done, err := Commit(t.Context(), p.runs, Request{})
	check(t, err)
	equal(t, "runs", len(done.Runs), 4)
	equal(t, "batches", len(done.Batches), 1)
	p.sound(5)
	names := p.onDisk()
	batches := batchesOf(names)
	equal(t, "batches on disk", strings.Join(batches, " "), strings.Join(done.Batches, " "))
	at := func(id, name string) string { return strings.TrimPrefix(in(id, name), ".runs/") }
	for _, name := range []string{
		path.Join(batches[0], "runs.toml"), path.Join(batches[0], "metrics.parquet"),
		path.Join(batches[0], "files", runD, "artifacts/out.txt"),
		at(runC, "output.log"), at(runC, "notes/"+noteName(1)), at(other, "run.toml"), at(other, "metrics.parquet"),
	} {
		equal(t, "has "+name, isIn(names, name), true)
	}
	for _, name := range []string{
		at(runB, "run.toml"), at(runC, "run.toml"), at(runC, "metrics.parquet"),
		at(runD, "artifacts/out.txt"),
	} {
		equal(t, "has "+name, isIn(names, name), false)
	}
	committed := p.files("HEAD")
	equal(t, "the note is committed", isIn(committed, at(runC, "notes/"+noteName(1))), true)
	equal(t, "the log is committed", isIn(committed, at(runC, "output.log")), false)
	config := p.Git("show", "HEAD:.runs/config.toml")
	equal(t, "requires", strings.Contains(config, `requires = ["batches"]`), true)
	kept, err := readSnapshot(p.trees(), p.Git("rev-parse", keptRef), ".runs")
	check(t, err)
	equal(t, "kept", len(kept.in[runB]), 1)

	again, err := Commit(t.Context(), p.runs, Request{})
	check(t, err)
	equal(t, "nothing is left", again.Empty(), true)
}

// TestFewRunsStayAlone: a commit of no more runs than commit.batch has a folder for each.
func TestFewRunsStayAlone(t *testing.T) {
	p := batching(t, "2")
	for _, id := range []string{runB, runC} {
		p.write(id, measured(t, id, 1))
	}
	done, err := Commit(t.Context(), p.runs, Request{})
	check(t, err)
	equal(t, "batches", len(done.Batches), 0)
	p.sound(3)
	equal(t, "batches on disk", len(batchesOf(p.onDisk())), 0)
}

// TestRemovalFromBatch: a batch keeps a run that was removed. A later commit does not remove it once more.
func TestRemovalFromBatch(t *testing.T) {
	p := batching(t, "1")
	for _, id := range []string{runB, runC} {
		p.add(id)
	}
	commit := func() *Committed {
		t.Helper()
		done, err := Commit(t.Context(), p.runs, Request{})
		check(t, err)
		return done
	}
	commit()
	remove := func() {
		t.Helper()
		e, err := p.runs.ReadFinished(runB)
		check(t, err)
		check(t, p.runs.Remove(t.Context(), []*repo.Entry{e}, map[string]bool{runB: true}))
	}
	remove()
	equal(t, "the removal", commit().Summary(), "remove 1 run")
	equal(t, "nothing is left to remove", commit().Empty(), true)
	check(t, p.runs.RestoreRun(runB))
	equal(t, "taken back", commit().Summary(), "add 1 run")
	remove()
	equal(t, "removed again", commit().Summary(), "remove 1 run")
	equal(t, "nothing is left", commit().Empty(), true)
	p.sound(3)
}

// TestCommitInBatchesElsewhere: a branch that is not checked out gets batches, and the working tree stays as it is.
func TestCommitInBatchesElsewhere(t *testing.T) {
	p := batching(t, "1")
	for _, id := range []string{runB, runC} {
		p.write(id, measured(t, id, 1))
	}
	before := p.onDisk()
	done, err := Commit(t.Context(), p.runs, Request{Branch: "runs"})
	check(t, err)
	equal(t, "batches", len(done.Batches), 1)
	equalLists(t, "the working tree", p.onDisk(), before)
	known, err := readSnapshot(p.trees(), done.Commit, ".runs")
	check(t, err)
	equal(t, "runs", len(known.in), 2)
	bad, err := VerifyRuns(t.Context(), p.runs.Git, known, []string{runB, runC})
	check(t, err)
	if len(bad) > 0 {
		t.Errorf("VerifyRuns: %v", bad)
	}
}

// TestRedactInBatchElsewhere: a run that a batch of another branch has stays in a batch if it is redacted, with its
// files.
func TestRedactInBatchElsewhere(t *testing.T) {
	p := batching(t, "1")
	for _, id := range []string{runB, runC, runD} {
		p.write(id, measured(t, id, 1, func(r *format.Run) { r.Note = "open sesame" }))
	}
	done, err := Commit(t.Context(), p.runs, Request{Branch: "runs"})
	check(t, err)
	equal(t, "batches", len(done.Batches), 1)
	e, err := p.runs.Read(t.Context(), runD)
	check(t, err)
	check(t, e.Annotate(&format.Note{Text: "sesame"}))
	_, err = Commit(t.Context(), p.runs, Request{Branch: "runs"})
	check(t, err)
	for _, id := range []string{runC, runB, runD} {
		_, err := p.runs.Redact(t.Context(), id, repo.RedactRequest{Pattern: regexp.MustCompile("sesame")})
		check(t, err)
		done, err = Commit(t.Context(), p.runs, Request{Branch: "runs"})
		check(t, err)
		equal(t, "redacted", len(done.Redacted), 1)
		known, err := readSnapshot(p.trees(), done.Commit, ".runs")
		check(t, err)
		equal(t, "runs", len(known.runs), 4)
		equal(t, "batches of the run", len(known.in[id]), 1)
		for id, tree := range known.folders {
			equal(t, "run "+id+" is by itself: "+tree, id == runA || id == runD, true)
		}
		equal(t, "batches", len(known.batches), 1)
	}
	for _, name := range p.files(done.Commit) {
		equal(t, name+" has the secret", strings.Contains(p.Git("show", done.Commit+":.runs/"+name), "sesame"), false)
	}
	h, err := VerifyHistory(t.Context(), p.runs.Git, HistoryRequest{At: ".runs", Revs: []string{"runs"}})
	check(t, err)
	if len(h.Problems) > 0 {
		t.Errorf("problems: %+v", h.Problems)
	}
}

// TestKilledWhilePacking: a command that was killed after it wrote a batch, or after its commit, is completed by the
// next one. No run is lost or there twice.
func TestKilledWhilePacking(t *testing.T) {
	p := batching(t, "1")
	b, c := measured(t, runB, 1), measured(t, runC, 2)
	p.write(runB, b)
	p.write(runC, c)
	w := writer{repo: p.runs, trees: p.trees()}
	plan, err := w.plan(t.Context(), p.Git("rev-parse", "HEAD"), true)
	check(t, err)
	k, err := w.packRuns(t.Context(), plan, true)
	check(t, err)
	k.close() // killed before the commit
	w.close()
	equal(t, "batches before", len(batchesOf(p.onDisk())), 1)
	p.Git("checkout", "--", ".runs/config.toml")
	check(t, CompleteOrRollBack(t.Context(), p.runs))
	equal(t, "batches after", len(batchesOf(p.onDisk())), 0)
	equal(t, "run.toml", p.Read(in(runB, "run.toml")), string(b["run.toml"]))

	_, err = Commit(t.Context(), p.runs, Request{})
	check(t, err)
	p.sound(3)
	// Killed after the commit, in the middle of removing what the batch holds.
	batch := batchesOf(p.onDisk())[0]
	p.write(runB, b)
	p.write(runC, c)
	check(t, os.Remove(filepath.Join(p.Dir, in(runB, "run.toml"))))
	check(t, os.WriteFile(packingFile(p.runs), []byte(".runs/"+batch+"\n"), 0o666))
	check(t, CompleteOrRollBack(t.Context(), p.runs))
	for _, name := range p.onDisk() {
		if !strings.HasPrefix(name, batch) && !strings.Contains(name, runA) {
			t.Errorf("%s is left", name)
		}
	}
	p.sound(3)

	// A run that differs from the batch stays, so that verify reports it.
	p.write(runC, measured(t, runC, 9))
	check(t, os.WriteFile(packingFile(p.runs), []byte(".runs/"+batch+"\n"), 0o666))
	if err := CompleteOrRollBack(t.Context(), p.runs); err != nil {
		t.Log(err)
	}
	equal(t, "the other run.toml is there", isIn(p.onDisk(), strings.TrimPrefix(in(runC, "run.toml"), ".runs/")), true)
}
