package share

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

const secretWord = "hunter2hunter2"

// redacted makes a project whose branch has a run with a secret in its record, in a note and in its environment, and
// two other runs, one of which shares the environment. The run is redacted, and that is not committed.
func redacted(t *testing.T, batch string) *project {
	t.Helper()
	p := batching(t, batch)
	p.Git("branch", "other")
	data, digest, err := format.EncodeEnvironment(&format.EnvironmentFile{
		OS: "linux", Arch: "amd64", Python: &format.Python{Version: "3.12", Prefix: "/opt/" + secretWord},
	})
	check(t, err)
	use := func(run *format.Run) {
		run.Environment = &format.Environment{Digest: digest, OS: "linux", Arch: "amd64"}
	}
	p.share("environments/"+digest+".toml", data)
	p.add(runB, use, func(run *format.Run) { run.Note = "the key is " + secretWord })
	p.write(runB, map[string][]byte{"notes/" + noteName(1): note(t, "still "+secretWord)})
	p.add(runC, use)
	p.add(runD)
	_, err = Commit(t.Context(), p.runs, Request{})
	check(t, err)
	p.redact(runB, secretWord)
	return p
}

func (p *project) redact(id, text string) {
	p.t.Helper()
	p.reopen()
	e, err := p.runs.Read(p.t.Context(), id)
	check(p.t, err)
	_, err = Redact(p.t.Context(), p.runs, e, repo.RedactRequest{Pattern: regexp.MustCompile(text)})
	check(p.t, err)
}

// holders lists the files of the working tree below .runs that have the secret.
func (p *project) holders() (names []string) {
	p.t.Helper()
	check(p.t, filepath.WalkDir(p.runs.Dir, func(file string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(file)
		if strings.Contains(string(data), secretWord) {
			names = append(names, file)
		}
		return err
	}))
	return names
}

// keep does what every command does first.
func (p *project) keep() *KeptRedactions {
	p.t.Helper()
	p.reopen()
	check(p.t, CompleteOrRollBack(p.t.Context(), p.runs))
	kept, err := KeepRedactions(p.t.Context(), p.runs)
	check(p.t, err)
	return kept
}

// listed counts the runs that readers find, none of which may be damaged.
func (p *project) listed() int {
	p.t.Helper()
	p.reopen()
	entries, damaged, err := p.runs.List(p.t.Context())
	check(p.t, err)
	for _, d := range damaged {
		p.t.Errorf("damaged: %v", d)
	}
	return len(entries)
}

// gitActs are what a user may do with Git while something is not committed.
var gitActs = []struct {
	name string
	acts [][]string
	away bool // another branch is checked out then
}{
	{name: "nothing"},
	{name: "checkout .", acts: [][]string{{"checkout", "-q", "."}}},
	{name: "restore", acts: [][]string{{"restore", ".runs"}}},
	{name: "stash", acts: [][]string{{"stash", "-q"}}},
	{name: "stash pop", acts: [][]string{{"stash", "-q"}, {"stash", "pop", "-q"}}},
	{name: "stash all", acts: [][]string{{"stash", "-q", "-a"}}},
	{name: "switch", acts: [][]string{{"checkout", "-q", "-f", "other"}}, away: true},
	{name: "switch and back", acts: [][]string{{"checkout", "-q", "-f", "other"}, {"checkout", "-q", "main"}}},
	{name: "commit -a", acts: [][]string{{"commit", "-qam", "mine"}}},
	{name: "commit -a, clean -x", acts: [][]string{{"commit", "-qam", "mine"}, {"clean", "-fdxq"}}},
	{name: "add -A", acts: [][]string{{"add", "-A"}}},
	{name: "add -A, commit", acts: [][]string{{"add", "-A"}, {"commit", "-qm", "mine"}}},
	{name: "reset --hard", acts: [][]string{{"reset", "-q", "--hard"}}},
	{name: "clean -x", acts: [][]string{{"clean", "-fdxq"}}},
	{name: "clean -x, checkout .", acts: [][]string{{"clean", "-fdxq"}, {"checkout", "-q", "."}}},
}

// act does it. A commit of which there is nothing is no failure.
func (p *project) act(acts [][]string) {
	p.t.Helper()
	for _, args := range acts {
		if args[0] == "commit" && p.Git("status", "--porcelain", "-uno") == "" {
			continue
		}
		p.Git(args...)
	}
}

// TestRedactionNotCommitted: whatever Git does before a redaction is committed, the next command has all runs, the
// secret is not in the working tree, and 'runs commit' commits the redaction.
func TestRedactionNotCommitted(t *testing.T) {
	for form, batch := range map[string]string{"single": "0", "batch": "1"} {
		for _, act := range gitActs {
			t.Run(form+" "+act.name, func(t *testing.T) {
				p := redacted(t, batch)
				p.act(act.acts)
				p.keep()
				if act.away {
					equal(t, "runs on the other branch", p.listed(), 1)
					done, err := Commit(t.Context(), p.runs, Request{})
					check(t, err)
					equal(t, "something was committed to the other branch", done.Empty(), true)
					waiting, err := Waiting(t.Context(), p.runs)
					check(t, err)
					equal(t, "waiting", len(waiting) == 2 && waiting[0].Elsewhere, true)
					p.Git("checkout", "-q", "main")
					p.keep()
				}
				equal(t, "runs", p.listed(), 4)
				equalLists(t, "files with the secret", p.holders(), nil)
				kept := p.keep()
				equal(t, "applied twice", len(kept.Again)+len(kept.Back), 0)
				done, err := Commit(t.Context(), p.runs, Request{})
				check(t, err)
				for _, d := range done.Refused {
					t.Errorf("refused: %v", d)
				}
				p.keep()
				equal(t, "runs", p.listed(), 4)
				equalLists(t, "files with the secret", p.holders(), nil)
				equal(t, "HEAD has the secret", strings.Contains(p.textsIn("HEAD"), secretWord), false)
				damage, err := BranchDamage(t.Context(), p.runs)
				check(t, err)
				equal(t, "problems of the branch", len(damage), 0)
				if !slices.ContainsFunc(act.acts, func(args []string) bool { return args[0] == "commit" }) {
					p.sound(4) // otherwise a commit of the user's own is a problem of the history
				}
				pending, err := p.runs.PendingRedactions()
				check(t, err)
				equal(t, "pending", len(pending), 0)
			})
		}
	}
}

// textsIn returns the texts of all files of a commit.
func (p *project) textsIn(commit string) string {
	p.t.Helper()
	var b strings.Builder
	for _, name := range p.files(commit) {
		b.WriteString(p.Git("show", commit+":.runs/"+name))
	}
	return b.String()
}
