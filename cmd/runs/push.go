package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/repo/share"
)

func (a *app) pushCommand() *cobra.Command {
	var ask share.PushRequest
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "push [REMOTE] [flags]",
		Short: "Push run commits",
		Long: `Push run commits to the upstream branch. If others have pushed meanwhile, the commits
are re-applied on top of theirs and push tries again. Then the local branch is updated
too. Your staged and unstaged changes stay as they are; if they are in the way, the
local branch is not updated, and push reports it.

    runs push
    runs push --branch experiments

Code commits are never pushed. If a run commit is on top of code commits that are not
pushed yet, push stops and names them. There is no --force.

Artifacts that do not go into Git are uploaded to the artifact store: those of the
new runs first, then what the store lacks of every run that the remote has.`,
		Args: arguments(0, 1, ""),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				ask.Remote = args[0]
			}
			if cmd.Flags().Changed("branch") && ask.Branch == "" {
				return usagef("push: --branch must not be empty")
			}
			return a.push(cmd.Context(), ask, asJSON)
		},
	}
	cmd.Flags().StringVar(&ask.Branch, "branch", "", "push to branch `NAME` of the remote; create it if it does not exist")
	a.storeFlags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what was pushed as JSON")
	return cmd
}

func (a *app) push(ctx context.Context, ask share.PushRequest, asJSON bool) error {
	r, err := a.find(ctx)
	if err != nil {
		return err
	}
	progress := a.term.Progress("pushing runs")
	defer progress.Done()
	ask.Progress, ask.UploadProgress = progress.Stage, progress.Bytes
	done, err := share.Push(ctx, r, ask)
	progress.Done()
	if err != nil {
		a.reportRemote(err)
		return err
	}
	a.warnAll(done.Warnings)
	for _, line := range done.RemoteOutput {
		a.progress("%s", line)
	}
	if asJSON {
		return errors.Join(a.printJSON(newPushedJSON(done)), done.UploadError)
	}
	to := terminal.Clean(done.To.Name())
	switch {
	case done.Commit == "" && done.BranchMissing:
		a.progress("runs: nothing to push: %s has every committed run; %s was not created",
			terminal.Clean(done.To.Remote), to)
		a.reportUncommitted(done)
	case done.Commit == "":
		a.progress("runs: nothing to push to %s", to)
		a.reportUncommitted(done)
	default:
		a.print("pushed %s to %s%s", describePushed(done), to, attempts(done.Attempts))
	}
	a.reportUploaded(done.Uploaded)
	if done.Bases > 0 {
		a.progress("runs: also pushed %s that only this clone had, as refs/runs/base", plural(done.Bases, "base commit"))
	}
	if done.Stayed != "" {
		a.warn("the local branch was not updated: %s", done.Stayed)
		if done.InTheWay {
			a.hint("commit or stash your changes and run 'runs pull'")
		} else {
			a.hint("run 'runs pull'")
		}
	}
	return done.UploadError
}

// verb returns one if n is 1, otherwise many.
func verb(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

func (a *app) reportUploaded(u share.Uploaded) {
	if n := u.Files; n > 0 {
		a.progress("runs: %s, %s, %s in the artifact store",
			plural(n, "artifact"), terminal.Bytes(u.Bytes), verb(n, "is", "are"))
	}
	if n := u.Local; n > 0 {
		a.warn("%s, %s, %s only on this machine", plural(n, "artifact"), terminal.Bytes(u.LocalSize), verb(n, "is", "are"))
		a.hint("run 'runs init --artifacts STORE' to set an artifact store")
	}
	if n := u.Elsewhere; n > 0 && u.Store == "" {
		a.warn("%s of these runs %s only on another machine", plural(n, "artifact"), verb(n, "exists", "exist"))
	} else if n > 0 {
		a.warn("%s of %s %s not in the store and not in this clone",
			plural(n, "artifact"), plural(u.ElsewhereRuns, "run"), verb(n, "is", "are"))
		a.hint("run 'runs artifacts --upload' in a clone that has %s", verb(n, "it", "them"))
	}
}

type pushedJSON struct {
	Attempts int          `json:"attempts"`
	Branch   string       `json:"branch"`
	Commit   *string      `json:"commit"` // null if there was nothing to push
	Commits  int          `json:"commits"`
	Notes    int          `json:"notes"` // new notes and tags of runs that the branch had
	Redacted []string     `json:"redacted"`
	Remote   string       `json:"remote"`
	Removed  []string     `json:"removed"`
	Replayed bool         `json:"replayed"`
	Runs     []string     `json:"runs"`
	Stayed   *string      `json:"stayed"` // why the local branch was not updated; null if it was
	Uploaded uploadedJSON `json:"uploaded"`
}

type uploadedJSON struct {
	Bytes     int64 `json:"bytes"`
	Elsewhere int   `json:"elsewhere"`
	// ElsewhereRuns counts the runs that have them.
	ElsewhereRuns int `json:"elsewhere_runs"`
	Files         int `json:"files"`
	Local         int `json:"local"`
}

func newPushedJSON(done *share.Pushed) pushedJSON {
	u := done.Uploaded
	return pushedJSON{
		Attempts: done.Attempts, Branch: strings.TrimPrefix(done.To.Ref, "refs/heads/"), Commit: orNull(done.Commit),
		Commits: done.Commits, Notes: done.Notes, Redacted: done.Redacted, Remote: done.To.Remote, Removed: done.Removed,
		Replayed: done.Replayed, Runs: done.Runs,
		Stayed: orNull(done.Stayed), Uploaded: uploadedJSON{u.Bytes, u.Elsewhere, u.ElsewhereRuns, u.Files, u.Local},
	}
}

// orNull returns nil for an empty text, so that JSON has null.
func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func describePushed(done *share.Pushed) string {
	text := describeChanges(len(done.Runs), done.Notes, len(done.Redacted), len(done.Removed))
	if text == "" {
		return plural(done.Commits, "commit") + " without a new run"
	}
	return text
}

// describeChanges counts what a push or a pull moved. It is empty if all numbers are 0.
func describeChanges(runs, notes, redactions, removals int) string {
	var parts []string
	for _, part := range []struct {
		n    int
		what string
	}{{runs, "run"}, {notes, "note"}, {redactions, "redaction"}, {removals, "removal"}} {
		if part.n > 0 {
			parts = append(parts, plural(part.n, part.what))
		}
	}
	return strings.Join(parts, ", ")
}

func attempts(n int) string {
	if n == 1 {
		return ""
	}
	return fmt.Sprintf(", after %d attempts because others pushed meanwhile", n)
}

// reportRemote prints the lines that the remote printed.
func (a *app) reportRemote(err error) {
	for _, line := range share.RemoteLines(err) {
		a.progress("%s", line)
	}
}

// notCommitted says how many runs the next commit takes, such as "2 finished runs not committed, with 1 earlier part".
func notCommitted(n share.WaitingRuns) string {
	text := plural(n.Finished, "finished run") + " not committed"
	if n.Resumed > 0 {
		text += ", with " + plural(n.Resumed, "earlier part")
	}
	return text
}

// reportUncommitted prints how many finished runs were left out of a push because they are not committed.
func (a *app) reportUncommitted(done *share.Pushed) {
	if n := done.Uncommitted; n.Finished > 0 {
		a.progress("runs: %s; run 'runs commit'", notCommitted(n))
	}
	if err := done.CountError; err != nil && !errors.Is(err, context.Canceled) {
		a.warn("looking for finished runs: %v", err)
	}
}
