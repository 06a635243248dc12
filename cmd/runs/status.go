package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/cmd/internal/render"
	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/catalog"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/share"
	"github.com/gitruns/runs/repo/transition"
)

func (a *app) statusCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show what is in progress and needs attention",
		Long: `Show where runs are kept, how many there are, which are in progress, and what
needs attention: finished runs that are not committed, committed runs that are
on no remote, and branches with runs that no other branch has. The state of a
remote is that of the last fetch.

    runs status`,
		Args: arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			r, err := a.find(ctx)
			if err != nil {
				return err
			}
			a.finishGone(ctx, r, nil)
			a.tidyStore(ctx, r)
			c, err := a.collect(ctx, r, "")
			if err != nil {
				return err
			}
			o, err := share.ReadOverview(ctx, c)
			if err != nil {
				if !errors.Is(err, git.ErrNoGit) {
					a.warn("%v", err)
				}
				o = &share.Overview{}
			}
			a.warnAll(o.Warnings)
			waiting, err := readNotUploaded(r, c)
			if err != nil {
				a.warn("looking for artifacts that are not uploaded: %v", err)
			}
			if asJSON {
				return a.printJSON(newStatusJSON(r, c, o, waiting))
			}
			return a.printStatus(r, c, o, waiting)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// statusJSON describes the state of a repository. Its counts include active runs as running.
type statusJSON struct {
	Branches    []branchJSON          `json:"branches"`  // branches with runs that no other branch has
	Conflicts   []string              `json:"conflicts"` // files of runs that Git could not merge, by their paths in .runs
	Count       map[format.Status]int `json:"count"`
	Damaged     []damageJSON          `json:"damaged"`
	Elsewhere   []elsewhereJSON       `json:"elsewhere"`   // finished runs of other worktrees that no commit holds
	Experiments int                   `json:"experiments"` // whose files are not committed
	Git         bool                  `json:"git"`
	InProgress  []activeJSON          `json:"in_progress"`
	Lost        int                   `json:"lost"`          // runs that were committed in this clone and are on no branch
	Missing     []string              `json:"missing"`       // runs of HEAD that were deleted from the working tree
	Files       []string              `json:"missing_files"` // other files of HEAD that were, by their paths in .runs
	NotUploaded notUploadedJSON       `json:"not_uploaded"`
	Reader      *string               `json:"reader"`     // of the repository: git or native; null outside Git
	Notes       int                   `json:"notes"`      // notes and tags of committed runs that are not committed
	Redactions  []redactionJSON       `json:"redactions"` // of committed runs, that are not committed
	Removals    int                   `json:"removals"`   // that are not committed
	Removed     []string              `json:"removed"`    // the runs whose removals are not committed
	Restored    []string              `json:"restored"`   // runs that the branch marks as removed
	Rewritten   []rewrittenJSON       `json:"rewritten"`
	Runs        string                `json:"runs"` // path of .runs
	Uncommitted int                   `json:"uncommitted"`
	Unpushed    *int                  `json:"unpushed"`   // null if there is no remote
	Unredacted  []string              `json:"unredacted"` // runs as they were before a redaction that another commit has
}

// elsewhereJSON counts the finished runs of another worktree that no commit holds.
type elsewhereJSON struct {
	Gone     bool    `json:"gone"` // the worktree was removed
	Path     *string `json:"path"` // of its folder; null if it is not known
	Runs     int     `json:"runs"`
	Worktree *string `json:"worktree"` // name of the folder; null if it is not known
}

// redactionJSON is a redaction of a committed run that is not committed.
type redactionJSON struct {
	ID          string  `json:"id"`
	OtherBranch bool    `json:"other_branch"` // the run is of a branch that is not checked out
	Worktree    *string `json:"worktree"`     // the other worktree in which it was made; null for this one
}

func newRedactionsJSON(waiting []share.WaitingRedaction) []redactionJSON {
	var list []redactionJSON
	for _, w := range waiting {
		r := redactionJSON{ID: w.ID, OtherBranch: w.Elsewhere}
		if w.Worktree != nil {
			name := w.Worktree.String()
			r.Worktree = &name
		}
		list = append(list, r)
	}
	return list
}

// notUploadedJSON counts the artifacts that this clone has and that the artifact store was not seen to hold.
type notUploadedJSON struct {
	Bytes int64 `json:"bytes"`
	Files int   `json:"files"`
}

type branchJSON struct {
	Name string `json:"name"`
	Runs int    `json:"runs"`
}

// rewrittenJSON is a committed run that a commit rewrote or removed, as no command does.
type rewrittenJSON struct {
	Commit *string `json:"commit"`
	ID     string  `json:"id"`
	Reason string  `json:"reason"`
}

type activeJSON struct {
	ID       string    `json:"id"`
	LastSign time.Time `json:"last_sign"`
	Name     string    `json:"name"`
	Process  string    `json:"process"` // the text of a repo.Life
	Started  time.Time `json:"started"`
}

func newStatusJSON(r *repo.Repository, c *catalog.Catalog, o *share.Overview, w notUploaded) statusJSON {
	s := statusJSON{
		Runs: r.Dir, Git: r.InGit, Count: map[format.Status]int{}, Damaged: newDamageJSON(c.Damage()),
		Uncommitted: o.Uncommitted, Lost: o.Lost, NotUploaded: notUploadedJSON{w.bytes, w.files},
		Missing: o.Missing, Files: o.Files, Experiments: o.Experiments, Notes: o.Notes, Removals: len(o.Removed),
		Removed: o.Removed, Restored: o.Restored,
		Redactions: newRedactionsJSON(o.Redactions),
	}
	if r.InGit {
		reader := "git"
		if r.Git.ByFiles() {
			reader = format.ReaderNative
		}
		s.Reader = &reader
	}
	for _, run := range o.Unredacted {
		s.Unredacted = append(s.Unredacted, run.ID)
	}
	if o.Conflict != nil {
		s.Conflicts = o.Conflict.Paths
	}
	for _, row := range c.Rows() {
		s.Count[row.Status()]++
		if e := row.Active(); e != nil {
			s.InProgress = append(s.InProgress, activeJSON{e.ID, e.Silent, e.Name, e.Life.String(), e.Started})
		}
	}
	for _, w := range o.Elsewhere {
		s.Elsewhere = append(s.Elsewhere, elsewhereJSON{w.Gone, orNull(w.Root), w.Runs, orNull(w.Name())})
	}
	for _, p := range o.Damage {
		s.Rewritten = append(s.Rewritten, rewrittenJSON{orNull(p.Commit), p.ID, p.Reason})
	}
	for _, b := range o.Alone {
		s.Branches = append(s.Branches, branchJSON{b.Branch, b.Runs})
	}
	if o.Remote {
		s.Unpushed = &o.Unpushed
	}
	return s
}

func (a *app) printStatus(r *repo.Repository, c *catalog.Catalog, o *share.Overview, w notUploaded) error {
	where := "outside Git: the source of runs is not recorded"
	if r.InGit {
		where = "in Git"
		if r.Git.ByFiles() {
			where = "in Git, read by runs itself because git is not installed"
		}
	}
	a.print("%s, %s", terminal.Clean(repo.Relative(a.dir, r.Dir)), where)
	counts := map[format.Status]int{}
	var active []*repo.Entry
	for _, row := range c.Rows() {
		if e := row.Active(); e != nil {
			active = append(active, e)
			continue
		}
		counts[row.Status()]++
	}
	line := ""
	for _, s := range []format.Status{format.Finished, format.Failed, format.Killed, format.Crashed} {
		if counts[s] > 0 {
			line += fmt.Sprintf("%d %s, ", counts[s], s)
		}
	}
	a.print("%s%d in progress", line, len(active))
	if left, err := r.LeftOut(); err == nil && left > 0 {
		a.print("%s only in HEAD, because %s not checked out", plural(left, "run"), verb(left, "it is", "they are"))
	}
	if n := len(o.Missing); n > 0 {
		a.print("%s of HEAD deleted from the working tree: run 'git checkout HEAD -- .runs'", plural(n, "run"))
	}
	if o.Conflict != nil {
		a.print("%s", conflictLine(o.Conflict))
	}
	a.printMissingFiles(o.Files)
	if n := o.Uncommitted - len(o.Restored) - o.Resumed; n > 0 || o.Resumed > 0 {
		a.print("%s: run 'runs commit'", notCommitted(share.WaitingRuns{Finished: n, Resumed: o.Resumed}))
	}
	a.printFirst(o.Restored, "restored runs not committed", func(id string) {
		a.print("run %[1]s is back, and the branch has it as removed: run 'runs commit', or 'runs rm %[1]s'",
			format.IDRandom(id))
	})
	if o.Experiments > 0 {
		a.print("%s not committed: run 'runs commit'", plural(o.Experiments, "changed experiment"))
	}
	if o.Notes > 0 {
		a.print("%s of committed runs not committed: run 'runs commit'", plural(o.Notes, "annotation"))
	}
	a.printFirst(o.Removed, "removals not committed", func(id string) {
		a.print("removal of run %s not committed: run 'runs commit'", format.IDRandom(id))
	})
	a.printRedactions(o)
	printElsewhere(a, o.Elsewhere)
	if o.Unpushed > 0 {
		a.print("%s on no remote: run 'runs push'", plural(o.Unpushed, "committed run"))
	}
	if o.Lost > 0 {
		a.print("%s on no branch any more: run 'runs recover --lost'", plural(o.Lost, "committed run"))
	}
	if w.files > 0 && w.store != "" {
		a.print("%s, %s, not in the artifact store: run 'runs push'", plural(w.files, "artifact"), terminal.Bytes(w.bytes))
	} else if w.files > 0 {
		a.print("%s, %s, only on this machine: run 'runs init --artifacts STORE' to set an artifact store",
			plural(w.files, "artifact"), terminal.Bytes(w.bytes))
	}
	a.printBranchDamage(o.Damage, c.IDs)
	for i, b := range o.Alone {
		if i == maxAlone {
			a.print("… and %d more branches", len(o.Alone)-i)
			break
		}
		a.print("%s has %s that no other branch has", terminal.Clean(b.Branch), plural(b.Runs, "run"))
	}
	gone := 0
	if len(active) > 0 {
		tb := terminal.Table{Columns: []terminal.Column{
			{Title: "run", Flexible: true, Name: true}, {Title: "status"}, {Title: "last activity"}, {Title: "process"},
		}}
		now := time.Now()
		for _, e := range active {
			if e.Life == repo.Gone {
				gone++
			}
			tb.Rows = append(tb.Rows, []terminal.Cell{
				{Text: e.Title()}, render.Status(e, now), {Text: terminal.Ago(now.Sub(e.Silent))}, {Text: processWord(e.Life)},
			})
		}
		a.print("")
		if err := tb.Write(a.term.Out, a.term); err != nil {
			return err
		}
	}
	if gone > 0 {
		a.print("\n%s whose process no longer exists: run 'runs recover'", plural(gone, "run"))
	}
	if len(c.Damage()) > 0 {
		a.print("\n%s, reported above", damageCount(c.Damage()))
		return quietError{exitFailed}
	}
	if len(o.Damage) > 0 {
		return quietError{exitFailed}
	}
	return nil
}

// conflictLine says that Git could not merge runs, and what to do.
func conflictLine(c *share.MergeConflict) string {
	return fmt.Sprintf("%s left conflicts in %s of .runs: %s", c.Name, plural(len(c.Paths), "file"), share.SettleStep)
}

// warnConflict warns if Git could not merge runs.
func (a *app) warnConflict(ctx context.Context, r *repo.Repository, damaged bool) {
	if c, err := share.FindConflict(ctx, r, damaged); err == nil && c != nil {
		a.warn("%s", conflictLine(c))
	}
}

// printMissingFiles names the first of the files of HEAD that the working tree lacks and that runs may need.
func (a *app) printMissingFiles(files []string) {
	switch n := len(files); {
	case n == 1:
		a.print("%s of HEAD deleted from the working tree: run '%s'", terminal.Clean(files[0]), share.CheckOutMissing(files))
	case n > 1:
		a.print("%s and %s of HEAD deleted from the working tree: run '%s'", terminal.Clean(files[0]),
			plural(n-1, "other file"), share.CheckOutMissing(files))
	}
}

// printRedactions prints the redactions that are not committed, and the runs whose redaction the branch lacks: the
// first of both.
func (a *app) printRedactions(o *share.Overview) {
	for i, w := range o.Redactions {
		if i == maxListedRedactions && len(o.Redactions) > i+1 {
			a.print("… and %d more redactions not committed", len(o.Redactions)-i)
			break
		}
		a.print("%s", redactionLine(w))
	}
	a.printUnredacted(o.Unredacted)
}

// printUnredacted prints one line per commit that took redactions back, and the first of the other runs of which the
// branch lacks a redaction.
func (a *app) printUnredacted(runs []share.UnredactedRun) {
	var reverts, others []string
	reverted := map[string][]string{}
	for _, run := range runs {
		if run.Revert == "" {
			others = append(others, run.ID)
			continue
		}
		if reverted[run.Revert] == nil {
			reverts = append(reverts, run.Revert)
		}
		reverted[run.Revert] = append(reverted[run.Revert], run.ID)
	}
	for _, commit := range reverts {
		ids := reverted[commit]
		subject := "run " + format.IDRandom(ids[0]) + " is as it was before its redaction"
		if len(ids) > 1 {
			subject = plural(len(ids), "run") + " are as they were before a redaction"
		}
		a.print("%s, which commit %.10s took back: run 'git revert %.10s'", subject, commit, commit)
	}
	a.printFirst(others, "runs as they were before a redaction", func(id string) {
		a.print("run %s is as it was before its redaction, which another commit has: run 'runs redact' again, or merge it",
			format.IDRandom(id))
	})
}

// printFirst calls print with the first of some runs, and prints how many more there are.
func (a *app) printFirst(ids []string, what string, print func(id string)) {
	eachFirst(ids, maxListedRedactions, print, func(n int) { a.print("… and %d more %s", n, what) })
}

// maxListedRedactions is the maximum number of redactions, removals or restored runs to list.
const maxListedRedactions = 5

// redactionLine says that a redaction is not committed, and what to do.
func redactionLine(w share.WaitingRedaction) string {
	line := fmt.Sprintf("redaction of run %s not committed", format.IDRandom(w.ID))
	switch {
	case w.Worktree != nil && !w.Worktree.Gone:
		return line + " in worktree " + terminal.Clean(w.Worktree.Name()) + ": run 'runs commit' there"
	case w.Elsewhere || w.Worktree != nil:
		return line + ": run 'runs commit' on the branch of the run"
	}
	return line + ": run 'runs commit'"
}

// notUploaded counts the artifacts of finished runs that are only in this clone, as far as it knows.
type notUploaded struct {
	files int
	bytes int64
	store string // empty if no store is configured
}

func readNotUploaded(r *repo.Repository, c *catalog.Catalog) (w notUploaded, err error) {
	outside, err := c.Outside()
	if err == nil {
		w.files, w.bytes, w.store, err = share.NotUploaded(r, outside)
	}
	return w, err
}

// printElsewhere prints how many finished runs of other worktrees no commit holds.
func printElsewhere(a *app, all []repo.RunsElsewhere) {
	others, worktrees, removed := 0, 0, 0
	name := ""
	for _, w := range all {
		if w.Gone {
			removed += w.Runs
			continue
		}
		others += w.Runs
		worktrees++
		name = w.Name()
	}
	switch {
	case worktrees == 1:
		a.print("%s of worktree %s not committed: run 'runs commit' in it", plural(others, "finished run"),
			terminal.Clean(name))
	case worktrees > 1:
		a.print("%s of %d other worktrees not committed: run 'runs commit' in each", plural(others, "finished run"),
			worktrees)
	}
	if removed > 0 {
		a.print("%s of removed worktrees not committed: run 'runs commit --all-worktrees'",
			plural(removed, "finished run"))
	}
}

// printBranchDamage prints what is wrong with committed runs. here returns the ids of the runs in the
// working tree.
func (a *app) printBranchDamage(problems []share.Problem, here func() map[string]bool) {
	listed := map[string]bool{}
	for i, p := range problems {
		if listed[p.ID] {
			continue
		}
		if len(listed) == maxListedDamage {
			a.print("… and %d more problems: run 'runs verify'", len(problems)-i)
			break
		}
		listed[p.ID] = true
		where := ""
		if p.Commit != "" {
			where = fmt.Sprintf(", in %.10s", p.Commit)
		}
		a.print("damaged on this branch: run %s%s: %s", p.ID, where, terminal.Clean(p.Reason))
	}
	if len(problems) == 0 {
		return
	}
	ids := here()
	gone := func(p share.Problem) bool { return p.Reason == transition.Unmarked && !ids[p.ID] }
	if slices.ContainsFunc(problems, gone) {
		a.print("runs were removed without a marker: run 'runs recover --lost'")
	}
}

// maxListedDamage is the maximum number of damaged runs of a branch to list.
const maxListedDamage = 5

// maxAlone is the maximum number of branches to list.
const maxAlone = 20

// processWord describes the process of an active run.
func processWord(l repo.Life) string {
	switch l {
	case repo.Alive:
		return "alive"
	case repo.Gone:
		return "gone"
	case repo.Detached:
		return "none"
	case repo.Foreign:
		return "from another clone"
	}
	return "on another machine"
}
