package share

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
)

// manyIDs returns the ids of n runs, a few to a day.
func manyIDs(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("2026%02d%02d-000000-%08s", 1+i/7%12, 1+i%7, strings.Map(func(r rune) rune {
			return rune("0123456789abcdefghjkmnpqrstvwxyz"[r-'0'])
		}, fmt.Sprintf("%08d", i)))
	}
	slices.Sort(ids)
	return ids
}

// inTime gives a record the time of its id.
func inTime(run *format.Run) {
	started, err := time.Parse("20060102-150405", run.ID[:15])
	if err == nil {
		run.Started, run.Ended = started, started.Add(time.Minute)
	}
}

// TestManyRuns: a commit of many runs, which is stored as a pack, has the tree and the index that Git makes of the same
// files, and so has a commit of each run by itself.
func TestManyRuns(t *testing.T) {
	for _, shape := range []string{"plain", "SHA-256"} {
		t.Run(shape, func(t *testing.T) {
			p := newProject(t, shape)
			p.Write(".runs/config.toml", "[commit]\nbatch = 0\n")
			runs, err := p.runs.Reopen()
			check(t, err)
			p.runs = runs
			linux, data, onLinux := environment(t, "linux")
			p.share(linux, data)
			ids := manyIDs(150)
			for i, id := range ids {
				change := []func(*format.Run){inTime, func(run *format.Run) { run.Name = fmt.Sprintf("run %d", i) }}
				if i%3 == 0 {
					change = append(change, onLinux)
				}
				p.add(id, change...)
				if i%10 == 0 {
					p.Write(in(id, "notes/"+noteName(1)), string(note(t, "first")))
				}
			}
			p.Write(path.Join(".runs", repo.RemovedName, ids[149]), "x\n")
			status := p.ownWork()
			done, err := Commit(t.Context(), p.runs, Request{})
			check(t, err)
			equal(t, "runs", len(done.Runs), 149)
			equal(t, "the user's own work", p.userStatus(), status)
			equal(t, "differences between commit and index", p.Git("diff-index", "--cached", "HEAD", "--", ".runs/2026*"), "")
			equal(t, "differences between index and files", p.Git("diff-files", "--", ".runs/2026*"), "")
			p.Git("fsck", "--strict")

			// The same runs, one commit each.
			whole := p.Git("rev-parse", "HEAD:.runs")
			kept := p.Git("rev-parse", keptRef+":.runs")
			p.Git("reset", "-q", "--soft", p.Head)
			p.Git("update-ref", "-d", keptRef)
			r := rand.New(rand.NewPCG(3, 4))
			for _, i := range r.Perm(149) {
				_, err := Commit(t.Context(), p.runs, Request{IDs: []string{ids[i]}})
				check(t, err)
			}
			_, err = Commit(t.Context(), p.runs, Request{})
			check(t, err)
			equal(t, "tree", p.Git("rev-parse", "HEAD:.runs"), whole)
			equal(t, "kept", p.Git("rev-parse", keptRef+":.runs"), kept)
		})
	}
}

// TestManyRunsOnNotes: a run whose folder the branch has with a note keeps the note.
func TestManyRunsOnNotes(t *testing.T) {
	p := newProject(t, "plain")
	ids := manyIDs(60)
	other := ids[59]
	ids = ids[:59]
	base := p.commitTree([]string{p.Head}, map[string]any{in(ids[3], "notes/"+noteName(7)): note(t, "theirs")})
	for _, id := range ids {
		p.add(id, inTime)
	}
	w := writer{repo: p.runs, trees: p.trees()}
	defer w.close()
	runs := make([]CommittedRun, 0, len(ids))
	objects, err := git.NewObjectWriter(t.Context(), p.runs.Git)
	check(t, err)
	w.objects = objects
	encoder := objects.Encoder()
	for _, id := range ids {
		blob, err := encoder.Blob(record(t, id, inTime), repo.RecordName)
		check(t, err)
		files := []git.TreeEntry{{Mode: "100644", Name: repo.RecordName, ID: blob}}
		tree, err := encoder.Folder(slices.Clone(files))
		check(t, err)
		runs = append(runs, CommittedRun{ID: id, files: files, tree: tree})
	}
	check(t, encoder.Flush())
	w.trees.WriteTo(objects)
	pl := &plan{Committed: &Committed{Runs: runs}, repo: p.runs, at: ".runs", objects: objects}
	tree, err := w.edit(pl, base, []git.Edit{{Path: in(other, repo.RecordName), Mode: "100644", ID: runs[0].files[0].ID}})
	check(t, err)
	check(t, pl.store(t.Context(), nil))
	names := strings.Fields(p.Git("ls-tree", "-r", "--name-only", tree))
	for _, id := range append(ids, other) {
		equal(t, id, isIn(names, in(id, repo.RecordName)), true)
	}
	equal(t, "their note", isIn(names, in(ids[3], "notes/"+noteName(7))), true)
}

// TestSettledDays: what is remembered hides nothing that is new, and no day that changed.
func TestSettledDays(t *testing.T) {
	p := newProject(t, "plain")
	commit := func(want string) {
		t.Helper()
		done, err := Commit(t.Context(), p.runs, Request{})
		check(t, err)
		equal(t, "commit", done.Summary(), want)
		n, err := Uncommitted(t.Context(), p.runs)
		check(t, err)
		equal(t, "uncommitted", n, WaitingRuns{})
	}
	settle := func() {
		t.Helper()
		p.old()
		commit("")
		s, err := settledAt(p.runs, p.trees(), p.Git("rev-parse", "HEAD"), ".runs")
		check(t, err)
		defer s.close()
		for day := range s.stamps {
			equal(t, "settled "+day, s.has(day, true), true)
		}
	}
	ids := manyIDs(30)
	for _, id := range ids[:20] {
		p.add(id, inTime)
	}
	commit("add 20 runs")
	settle()
	p.add(ids[20], inTime)
	n, err := Uncommitted(t.Context(), p.runs)
	check(t, err)
	equal(t, "uncommitted", n, WaitingRuns{Finished: 1})
	commit("add 1 run")
	settle()
	e, err := p.runs.ReadFinished(ids[5])
	check(t, err)
	check(t, e.Annotate(&format.Note{Text: "later"}))
	commit("add 1 note")
	settle()
	check(t, p.runs.Remove(t.Context(), []*repo.Entry{e}, map[string]bool{ids[5]: true}))
	commit("remove 1 run")
	settle()
	p.add(ids[21], inTime, failed)
	done, err := Commit(t.Context(), p.runs, Request{})
	check(t, err)
	equal(t, "unsuccessful", done.Unsuccessful, 1)
	p.old()
	for range 2 {
		done, err = Commit(t.Context(), p.runs, Request{})
		check(t, err)
		equal(t, "unsuccessful, remembered", done.Unsuccessful, 1)
	}
	done, err = Commit(t.Context(), p.runs, Request{IncludeFailed: true})
	check(t, err)
	equal(t, "include failed", done.Summary(), "add 1 run")
	settle()
	// Another commit: what it lacks is new again.
	p.Git("update-ref", "HEAD", "HEAD~1")
	n, err = Uncommitted(t.Context(), p.runs)
	check(t, err)
	equal(t, "uncommitted after a reset", n, WaitingRuns{}) // it is the failed run
	done, err = Commit(t.Context(), p.runs, Request{IncludeFailed: true})
	check(t, err)
	equal(t, "after a reset", done.Summary(), "add 1 run")
	settle()
	// A run of another day resumes a failed one of a day that is settled.
	first, other := ids[21][:16]+"yyyyyyyy", ids[21][:16]+"zzzzzzzz"
	p.add(first, inTime, failed)
	p.add(other, inTime, failed)
	done, err = Commit(t.Context(), p.runs, Request{})
	check(t, err)
	equal(t, "two unsuccessful", done.Unsuccessful, 2)
	settle()
	p.add(ids[25], inTime, resuming(first))
	n, err = Uncommitted(t.Context(), p.runs)
	check(t, err)
	equal(t, "uncommitted, with a run of a settled day", n, WaitingRuns{Finished: 1, Resumed: 1})
	done, err = Commit(t.Context(), p.runs, Request{})
	check(t, err)
	equal(t, "with the resumed run", done.Summary(), "add 2 runs")
	equal(t, "resumed", done.Resumed, 1)
	equal(t, "left", done.Unsuccessful, 1)
	settle()
	// The chain goes back through a run that is committed.
	p.add(ids[26], inTime, resuming(ids[25]))
	commit("add 1 run")
}

// TestSettledFile: a damaged memory is no memory.
func TestSettledFile(t *testing.T) {
	p := newProject(t, "plain")
	p.add(runB)
	_, err := Commit(t.Context(), p.runs, Request{})
	check(t, err)
	p.old()
	_, err = Commit(t.Context(), p.runs, Request{})
	check(t, err)
	head := p.Git("rev-parse", "HEAD")
	s, err := settledAt(p.runs, p.trees(), head, ".runs")
	check(t, err)
	s.close()
	good := p.Read(strings.TrimPrefix(s.file, p.Dir+"/"))
	day := path.Base(path.Dir(runPath(runB)))
	for _, text := range []string{
		"", "x", settledVersion, strings.Replace(good, settledVersion, "settled days 9", 1), good[:len(good)-4],
		strings.Replace(good, "marks:", "marks:1", 1), strings.ReplaceAll(good, " notes\n", " 1\n"),
		strings.ReplaceAll(good, " 0 notes", " -1 notes"), strings.ReplaceAll(good, " 0 notes", " x notes"),
	} {
		p.Write(strings.TrimPrefix(s.file, p.Dir+"/"), text)
		s, err := settledAt(p.runs, p.trees(), head, ".runs")
		check(t, err)
		s.close()
		equal(t, fmt.Sprintf("%.40q", text), s.has(day, true), false)
	}
}

// old gives the folders of days an old time: a folder of this moment may still change without another time.
func (p *project) old() {
	p.t.Helper()
	days, err := filepath.Glob(p.Path(".runs/2*"))
	check(p.t, err)
	for _, day := range days {
		past := time.Now().Add(-time.Hour)
		check(p.t, os.Chtimes(day, past, past))
	}
	time.Sleep(50 * time.Millisecond) // the time of the last change of a folder's own data cannot be set
}
