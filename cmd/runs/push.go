package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/share"
)

func (a *app) pushCommand() *cobra.Command {
	var ask share.PushRequest
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "push [REMOTE] [flags]",
		Short: "Push committed runs to the branch that all share",
		Long: `Push the commits of runs. They are put on top of what others have pushed meanwhile, as often as it takes, and then the local
branch follows; what you have staged or changed stays as it is. Where it is in the way, the branch stays where it is, and
one line says how to go on.

Commits of code are never published: where some lie below the runs, it stops and says which. There is no --force.`,
		Args: arguments(0, 1, ""),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				ask.Remote = args[0]
			}
			if cmd.Flags().Changed("branch") && ask.Branch == "" {
				return usagef("push: the branch has no name")
			}
			return a.push(cmd.Context(), ask, asJSON)
		},
	}
	cmd.Flags().StringVar(&ask.Branch, "branch", "", "push to branch `NAME` of the remote, made where there is none; the local branch stays")
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
		a.sayRemote(err)
		return err
	}
	a.warnAll(done.Warnings)
	for _, line := range done.RemoteOutput {
		a.progress("%s", line)
	}
	if asJSON {
		return a.printJSON(newPushedJSON(done))
	}
	to := terminal.Clean(done.To.Name())
	switch {
	case done.Commit == "" && done.BranchMissing:
		a.progress("runs: nothing to push: no committed run is new to %s, and %s was not made", terminal.Clean(done.To.Remote), to)
		a.sayUncommitted(ctx, r)
	case done.Commit == "":
		a.progress("runs: nothing to push to %s", to)
		a.sayUncommitted(ctx, r)
	default:
		a.print("pushed %s to %s%s", describePushed(done), to, attempts(done.Attempts))
	}
	a.sayUploaded(done.Uploaded)
	if done.Bases > 0 {
		a.progress("runs: the source of some begins at %s that only this clone had: pushed as refs/runs/base", plural(done.Bases, "commit"))
	}
	if done.Stayed != "" {
		a.progress("runs: the local branch stays where it is: %s", done.Stayed)
		a.progress("      'runs pull' brings it up%s", map[bool]string{true: " when they are committed or stashed"}[done.InTheWay])
	}
	return nil
}

func verb(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

func (a *app) sayUploaded(u share.Uploaded) {
	if u.Files > 0 {
		a.progress("runs: %s, %s, %s in the store", plural(u.Files, "artifact"), terminal.Bytes(u.Bytes), verb(u.Files, "lies", "lie"))
	}
	if u.Local > 0 {
		a.progress("runs: %s, %s, %s on this machine only: no store; artifacts.store in .runs/config.toml names one", plural(u.Local, "artifact"), terminal.Bytes(u.LocalSize), verb(u.Local, "stays", "stay"))
	}
	if u.Elsewhere > 0 {
		a.progress("runs: %s of these runs %s on another machine only", plural(u.Elsewhere, "artifact"), verb(u.Elsewhere, "is", "are"))
	}
}

type pushedJSON struct {
	Attempts int          `json:"attempts"`
	Branch   string       `json:"branch"`
	Commit   *string      `json:"commit"` // null if there was nothing to push
	Commits  int          `json:"commits"`
	Remote   string       `json:"remote"`
	Removed  []string     `json:"removed"`
	Replayed bool         `json:"replayed"`
	Runs     []string     `json:"runs"`
	Stayed   *string      `json:"stayed"` // why the local branch did not follow; null if it did
	Uploaded uploadedJSON `json:"uploaded"`
}

type uploadedJSON struct {
	Bytes     int64 `json:"bytes"`
	Elsewhere int   `json:"elsewhere"`
	Files     int   `json:"files"`
	Local     int   `json:"local"`
}

func newPushedJSON(done *share.Pushed) pushedJSON {
	u := done.Uploaded
	return pushedJSON{
		Attempts: done.Attempts, Branch: strings.TrimPrefix(done.To.Ref, "refs/heads/"), Commit: orNull(done.Commit),
		Commits: done.Commits, Remote: done.To.Remote, Removed: done.Removed, Replayed: done.Replayed, Runs: done.Runs,
		Stayed: orNull(done.Stayed), Uploaded: uploadedJSON{u.Bytes, u.Elsewhere, u.Files, u.Local},
	}
}

// orNull is a text for JSON, null if it is empty.
func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func describePushed(done *share.Pushed) string {
	var parts []string
	if n := len(done.Runs); n > 0 {
		parts = append(parts, plural(n, "run"))
	}
	if n := len(done.Removed); n > 0 {
		parts = append(parts, plural(n, "removal"))
	}
	if len(parts) == 0 {
		parts = append(parts, plural(done.Commits, "commit")+" without a new run")
	}
	return strings.Join(parts, " and ")
}

func attempts(n int) string {
	if n == 1 {
		return ""
	}
	return fmt.Sprintf(", in %d attempts: others pushed meanwhile", n)
}

// sayRemote passes on what the other side said.
func (a *app) sayRemote(err error) {
	for _, line := range share.RemoteLines(err) {
		a.progress("%s", line)
	}
}

// sayUncommitted says how many finished runs a push leaves behind.
func (a *app) sayUncommitted(ctx context.Context, r *repo.Repository) {
	n, err := share.Uncommitted(ctx, r)
	if err == nil && n > 0 {
		a.progress("runs: %s not committed: 'runs commit'", plural(n, "finished run"))
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		a.progress("runs: %v", err)
	}
}
