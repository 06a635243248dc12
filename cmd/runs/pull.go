package main

import (
	"context"
	"errors"
	"slices"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/share"
)

func (a *app) pullCommand() *cobra.Command {
	var ask share.PullRequest
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "pull [REMOTE [BRANCH]] [flags]",
		Short: "Fetch runs and update the branch",
		Long: `Fetch the upstream branch and update the local branch to it. Runs that you have
committed but not pushed are re-applied on top. Your staged and unstaged changes stay
as they are. If both sides have new code commits, pull stops: merge the code with
'git pull' first. Runs never conflict.

    runs pull

With --runs-only, fetch only the runs of another branch, or of a fork by its URL, and
add them in one commit:

    runs pull origin wide-net --runs-only
    runs pull https://example.org/ada/project.git main --runs-only

The names, sizes and digests of every new run are verified. Runs that fail are
reported; --runs-only leaves them out. If a commit rewrote a run, other than with
'runs redact', the working tree keeps the files that this clone had. If one removed
a run without 'runs rm', run 'runs recover --lost' to restore it. If a batch is
damaged, pull changes nothing.

Exit status: 0 done; 1 failed, or a run failed verification; 2 wrong usage; 130 interrupted.`,
		Args: arguments(0, 2, ""),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				ask.Remote = args[0]
			}
			if len(args) > 1 {
				ask.Branch = args[1]
			}
			return a.pull(cmd.Context(), ask, asJSON)
		},
	}
	cmd.Flags().BoolVar(&ask.RunsOnly, "runs-only", false, "add only the runs, in a commit of their own, without the code")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what was pulled as JSON")
	return cmd
}

type pulledJSON struct {
	Bad      []damageJSON `json:"bad"`
	Commit   *string      `json:"commit"`
	From     string       `json:"from"`
	Joined   []string     `json:"joined"` // runs that both sides redacted, and that were redacted again
	Kept     []string     `json:"kept"`
	Lost     []string     `json:"lost"`
	Moved    bool         `json:"moved"`
	Notes    int          `json:"notes"`
	Redacted []string     `json:"redacted"`
	Removed  []string     `json:"removed"`
	Replaced []string     `json:"replaced"`
	Restored []string     `json:"restored"` // shared files that the working tree lacked
	Runs     []string     `json:"runs"`
	Stayed   *string      `json:"stayed"` // why the local branch was not updated; null if it was
}

func (a *app) pull(ctx context.Context, ask share.PullRequest, asJSON bool) error {
	r, err := a.find(ctx)
	if errors.Is(err, repo.ErrNoRepository) {
		return &repo.HintError{
			Err: err, Hint: "run 'git pull' to fetch the project's .runs folder, or 'runs init' to create one",
		}
	}
	if err != nil {
		return err
	}
	progress := a.term.Progress("pulling runs")
	defer progress.Done()
	ask.Progress = progress.Stage
	done, err := share.Pull(ctx, r, ask)
	progress.Done()
	if err != nil {
		a.reportRemote(err)
		return err
	}
	a.warnAll(done.Warnings)
	a.reportRestored(done.Restored)
	if asJSON {
		err = a.printJSON(pulledJSON{
			Bad: newDamageJSON(done.Bad), Commit: orNull(done.Commit), From: done.From, Kept: done.Kept, Lost: done.Lost,
			Joined: done.Joined,
			Moved:  done.Moved, Notes: done.Notes, Redacted: done.Redacted, Removed: done.Removed, Replaced: done.Replaced,
			Restored: done.Restored,
			Runs:     done.Runs, Stayed: orNull(done.Stayed),
		})
		if err != nil {
			return err
		}
	} else {
		a.reportPulled(done)
	}
	if done.Stayed != "" || len(done.Bad) > 0 {
		return quietError{exitFailed}
	}
	return nil
}

// reportRestored says that shared files of the branch, which the working tree lacked, are in it again.
func (a *app) reportRestored(names []string) {
	if n := len(names); n > 0 {
		a.progress("runs: restored %s that the branch has and the working tree lacked: %s%s", plural(n, "shared file"),
			names[0], verb(n, "", ", …"))
	}
}

// inTrash says where the own version of a run is that a pull has replaced.
func inTrash(done *share.Pulled, id string) string {
	if slices.Contains(done.Trashed, id) {
		return ", which is now in .runs/trash"
	}
	return ""
}

func (a *app) reportPulled(done *share.Pulled) {
	from := terminal.Clean(done.From)
	switch {
	case done.Moved:
		a.print("pulled %s from %s", describePulled(done), from)
	case done.Stayed == "" && len(done.Bad) == 0:
		a.progress("runs: nothing new on %s", from)
	}
	for _, id := range done.Replaced {
		switch {
		case slices.Contains(done.Kept, id):
			a.warn("the remote's version of run %s does not replace yours", id)
		case slices.Contains(done.Same, id):
		case slices.Contains(done.Joined, id):
			a.warn("run %s was redacted on both sides; your redaction was applied to the remote's version too", id)
		case slices.Contains(done.Redacted, id):
			a.warn("run %s was redacted on both sides; the remote's version replaces yours%s", id, inTrash(done, id))
			a.hint("run 'runs redact %s PATTERN' again if the remote's version still holds your secret", id)
		default:
			a.warn("run %s was finished twice; the remote's version replaces yours%s", id, inTrash(done, id))
		}
	}
	if len(done.Joined) > 0 {
		a.hint("run 'runs commit' and 'runs push' to publish %s", verb(len(done.Joined), "the redaction", "the redactions"))
	}
	for _, d := range done.Bad {
		a.warn("verification failed: %v", d.Err)
	}
	if n := len(done.Lost); n > 0 {
		a.hint("run 'runs recover --lost' to restore %s", verb(n, "the run", "the runs"))
	}
	if n := len(done.Kept); n > 0 {
		a.progress("runs: %s in your working tree %s as before the pull; Git shows the files as changed",
			plural(n, "run"), verb(n, "is", "are"))
		a.hint("run 'git commit .runs' to put %s back on the branch, or ask who pushed the change",
			verb(n, "it", "them"))
	}
	if done.Stayed != "" {
		a.warn("the branch was not updated: %s", done.Stayed)
		if done.InTheWay {
			a.hint("commit or stash your changes and repeat")
		} else {
			a.hint("run 'runs pull' again")
		}
	}
}

func describePulled(done *share.Pulled) string {
	text := describeChanges(len(done.Runs), done.Notes, len(done.Redacted), len(done.Removed))
	if text == "" {
		return "other changes, no runs"
	}
	return text
}
