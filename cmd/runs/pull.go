package main

import (
	"context"
	"errors"
	"strings"

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
		Short: "Bring the runs that others have pushed",
		Long: `Fetch the upstream and bring the branch up to date: it moves forward, with commits of runs that are not pushed yet on top.
What you have staged or changed stays as it is. Where both sides have commits of code it stops: merging code is 'git
pull's, and runs never conflict there.

With --runs-only, take over the runs of another branch, or of a fork by its URL, without its code, in a commit of their own:

    runs pull origin wide-net --runs-only
    runs pull https://example.org/ada/project.git main --runs-only

Every run is checked as it comes: names, sizes and digests. Those that are not what they say are named; --runs-only leaves
them out.

Exit status: 0 done; 1 failed, or a run is not what it says; 2 wrong usage; 130 interrupted.`,
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
	cmd.Flags().BoolVar(&ask.RunsOnly, "runs-only", false, "take over runs, without the code, in a commit of their own")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what was pulled as JSON")
	return cmd
}

type pulledJSON struct {
	Bad      []damageJSON `json:"bad"`
	Commit   *string      `json:"commit"`
	From     string       `json:"from"`
	Moved    bool         `json:"moved"`
	Notes    int          `json:"notes"`
	Removed  []string     `json:"removed"`
	Replaced []string     `json:"replaced"`
	Runs     []string     `json:"runs"`
	Stayed   *string      `json:"stayed"` // why the local branch did not follow; null if it did
}

func (a *app) pull(ctx context.Context, ask share.PullRequest, asJSON bool) error {
	r, err := a.find(ctx)
	if errors.Is(err, repo.ErrNoRepository) {
		return &repo.HintError{Err: err, Hint: "'git pull' brings the .runs folder of the project with its runs; 'runs init' makes a new one"}
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
		a.sayRemote(err)
		return err
	}
	if asJSON {
		err = a.printJSON(pulledJSON{
			Bad: newDamageJSON(done.Bad), Commit: orNull(done.Commit), From: done.From, Moved: done.Moved, Notes: done.Notes,
			Removed: done.Removed, Replaced: done.Replaced, Runs: done.Runs, Stayed: orNull(done.Stayed),
		})
		if err != nil {
			return err
		}
	} else {
		a.sayPulled(done)
	}
	if done.Stayed != "" || len(done.Bad) > 0 {
		return quietError{exitFailed}
	}
	return nil
}

func (a *app) sayPulled(done *share.Pulled) {
	from := terminal.Clean(done.From)
	switch {
	case done.Moved:
		a.print("pulled %s from %s", describePulled(done), from)
	case done.Stayed == "" && len(done.Bad) == 0:
		a.progress("runs: nothing new on %s", from)
	}
	for _, id := range done.Replaced {
		a.progress("runs: run %s was finished twice: theirs is here now, yours lies in .runs/trash", id)
	}
	for _, d := range done.Bad {
		a.progress("runs: not what it says: %v", d.Err)
	}
	if done.Stayed != "" {
		a.progress("runs: the branch stays where it is: %s", done.Stayed)
		a.progress("      %s", map[bool]string{true: "repeat it when your changes are committed or stashed", false: "repeat it"}[done.InTheWay])
	}
}

func describePulled(done *share.Pulled) string {
	var parts []string
	if n := len(done.Runs); n > 0 {
		parts = append(parts, plural(n, "run"))
	}
	if done.Notes > 0 {
		parts = append(parts, plural(done.Notes, "note"))
	}
	if n := len(done.Removed); n > 0 {
		parts = append(parts, plural(n, "removal"))
	}
	if len(parts) == 0 {
		return "no runs, other changes"
	}
	return strings.Join(parts, " and ")
}
