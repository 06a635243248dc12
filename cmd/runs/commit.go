package main

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/catalog"
	"github.com/gitruns/runs/repo/share"
)

type commitFlags struct {
	where, group, experiment, to, message string
	failed, json, allWorktrees            bool
}

func (a *app) commitCommand() *cobra.Command {
	var f commitFlags
	cmd := &cobra.Command{
		Use:   "commit [RUN…] [flags]",
		Short: "Commit finished runs",
		Long: `Commit all finished runs that are not committed yet, or the runs named, together
with their shared files, new notes and removals made by 'runs rm'.

    runs commit
    runs commit --group sweep-3

With a run, the earlier runs that it resumes are committed, whatever their status.
Runs that another worktree has recorded are committed only if they are named, or
with --all-worktrees. The commit contains nothing else. Your staged and unstaged changes stay as they
are, even in the middle of a merge. The hooks of 'git commit' do not run. The
commit is signed if Git is configured to sign.

Before committing, runs searches the new files for secrets. Any finding cancels
the commit and is reported by file, line and rule, without showing the secret.
Remove it with 'runs redact', or mark a false positive with [[secrets.allow]] in
.runs/config.toml. If gitleaks is installed, it searches the same files.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("to") && f.to == "" {
				return usagef("commit: --to must not be empty")
			}
			if cmd.Flags().Changed("message") && f.message == "" {
				return usagef("commit: --message must not be empty")
			}
			return a.commit(cmd.Context(), &f, args)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.where, "where", "w", "", "commit runs that match `EXPRESSION`, of any status")
	flags.StringVar(&f.group, "group", "", "commit runs of `GROUP`, of any status")
	flags.StringVarP(&f.experiment, "experiment", "e", "", "look only in `EXPERIMENT`")
	flags.BoolVar(&f.failed, "include-failed", false, "commit runs that failed, crashed or were killed too")
	flags.BoolVar(&f.allWorktrees, "all-worktrees", false, "commit runs of other and of removed worktrees too")
	flags.StringVar(&f.to, "to", "", "commit to `BRANCH` without checking it out; create it if it does not exist")
	flags.StringVarP(&f.message, "message", "m", "", "use `TEXT` as the commit message")
	flags.BoolVar(&f.json, "json", false, "print what was committed as JSON")
	return cmd
}

func (a *app) commit(ctx context.Context, f *commitFlags, selectors []string) error {
	r, err := a.find(ctx)
	if err != nil {
		return err
	}
	a.finishGone(ctx, r, nil)
	a.warnSettings(r)
	config, err := r.Config()
	if err != nil {
		return err
	}
	q := share.Request{IncludeFailed: f.failed, AllWorktrees: f.allWorktrees, Branch: f.to, Message: f.message}
	if q.Branch == "" {
		q.Branch = config.Commit.Branch
	}
	selection := share.Selection{
		Selectors: selectors, Where: f.where, Group: f.group, Experiment: f.experiment,
		AllWorktrees: f.allWorktrees,
	}
	if !selection.Empty() {
		c, err := a.collect(ctx, r, f.experiment)
		if err != nil {
			return err
		}
		var missing []catalog.MissingKey
		q.IDs, missing, err = selection.IDs(ctx, c)
		a.warnMissing(missing...)
		if err != nil {
			return err
		}
	}
	done, err := share.Commit(ctx, r, q)
	var secrets *share.SecretsError
	if errors.As(err, &secrets) {
		return a.reportFindings(secrets.Findings, f.json, err)
	}
	if err != nil {
		return err
	}
	a.tidyStore(ctx, r)
	a.warnAll(done.Warnings)
	a.reportRestored(done.Restored)
	a.reportAllowed(done)
	a.warnRefused(done.Refused)
	if f.json {
		err = a.printJSON(newCommittedJSON(done))
	} else {
		a.reportCommitted(r, done)
	}
	if err == nil && len(done.Refused) > 0 {
		err = quietError{exitFailed}
	}
	return err
}

// secretsJSON is the output of a commit that was stopped by secrets.
type secretsJSON struct {
	Commit  *string      `json:"commit"` // null, because nothing was committed
	Secrets []secretJSON `json:"secrets"`
}

type secretJSON struct {
	Change      *string  `json:"change,omitempty"` // only of a line that a patch changes or shows, like source_line
	Column      int64    `json:"column"`
	File        string   `json:"file"`
	Fingerprint string   `json:"fingerprint"`
	Line        int64    `json:"line"`
	Rule        string   `json:"rule"`
	Runs        []string `json:"runs"`
	Source      *string  `json:"source,omitempty"`
	SourceLine  *int64   `json:"source_line,omitempty"`
}

// reportFindings lists the secrets that stopped a commit.
func (a *app) reportFindings(findings []share.Finding, asJSON bool, err error) error {
	stopped := secretsJSON{Secrets: make([]secretJSON, 0, len(findings))}
	const shown = 100
	for i, f := range findings {
		if !asJSON {
			if i == shown {
				a.progress("and %d more", len(findings)-i)
				break
			}
			a.progress("%s: %s [%s]", f.Place(), f.Rule, f.Fingerprint)
			continue
		}
		one := secretJSON{
			Column: f.Column, File: f.File, Fingerprint: f.Fingerprint, Line: f.Line, Rule: f.Rule, Runs: f.Runs,
		}
		if f.Source != "" {
			one.Source = &f.Source
		}
		if f.Change != 0 {
			change := string(f.Change)
			one.Change, one.SourceLine = &change, &f.SourceLine
		}
		stopped.Secrets = append(stopped.Secrets, one)
	}
	if asJSON {
		if err := a.printJSON(stopped); err != nil {
			return err
		}
	}
	return err
}

// reportAllowed lists the reasons for which the configuration allows findings. The configuration may come with a pull,
// so perhaps nobody has read it.
func (a *app) reportAllowed(done *share.Committed) {
	if done.Allowed == 0 {
		return
	}
	const shown, longest = 5, 200
	var reasons []string
	for _, reason := range done.Reasons[:min(len(done.Reasons), shown)] {
		if letters := []rune(reason); len(letters) > longest {
			reason = string(letters[:longest]) + "…"
		}
		reasons = append(reasons, strconv.Quote(strings.ReplaceAll(terminal.Clean(reason), "\n", " ")))
	}
	if more := len(done.Reasons) - shown; more > 0 {
		reasons = append(reasons, fmt.Sprintf("and %d more", more))
	}
	allowed := plural(done.Allowed, "secret finding")
	a.progress("runs: %s allowed by .runs/config.toml: %s", allowed, strings.Join(reasons, ", "))
}

// maxRefused is the maximum number of skipped runs to list.
const maxRefused = 20

// warnRefused lists the first skipped runs with the reasons.
func (a *app) warnRefused(refused []repo.Damage) {
	for i, d := range refused {
		if i == maxRefused && len(refused) > maxRefused+1 {
			a.progress("runs: skipped %d more runs", len(refused)-i)
			a.hint("run 'runs verify' to list what is damaged")
			break
		}
		a.progress("runs: skipped %v", d.Err)
	}
}

func (a *app) reportCommitted(r *repo.Repository, done *share.Committed) {
	switch {
	case !done.Empty():
		if done.Branch == "" {
			a.warn("HEAD is detached; no branch holds this commit")
			a.hint("run 'git switch -c NAME' to keep it on a branch")
		}
		a.print("committed %s: %s, %s%s%s", done.Commit[:10], terminal.Clean(done.Summary()), inBatches(done.Batches),
			filesAndBytes(done.Files, done.Bytes), onBranch(done.Branch))
		a.reportBatches(done.Batches)
		a.reportNotUploaded(r, done)
		if n := done.Resumed; n > 0 {
			a.progress("runs: of these, %s %s an earlier part of a resumed run", plural(n, "run"), verb(n, "is", "are each"))
		}
	case len(done.Refused) == 0:
		a.progress("runs: nothing to commit")
	}
	if n := done.Unsuccessful; n > 0 {
		a.progress("runs: skipped %s; use --include-failed to commit %s",
			plural(n, "unsuccessful run"), verb(n, "it", "them"))
	}
}

func inBatches(batches []string) string {
	if len(batches) == 0 {
		return ""
	}
	return batchCount(len(batches)) + ", "
}

// reportBatches lists the first batches of a commit.
func (a *app) reportBatches(batches []string) {
	const shown = 5
	for _, name := range batches[:min(len(batches), shown)] {
		a.print("  %s", path.Join(repo.DirName, name))
	}
	if more := len(batches) - shown; more > 0 {
		a.print("  and %d more", more)
	}
}

// reportNotUploaded prints how many artifacts of committed runs no commit contains and no store was seen to hold.
func (a *app) reportNotUploaded(r *repo.Repository, done *share.Committed) {
	files, bytes, store, err := done.NotUploaded(r)
	switch {
	case err != nil:
		a.warn("looking for artifacts that are not uploaded: %v", err)
	case files > 0 && store != "":
		a.progress("runs: %s, %s, %s not in the artifact store yet; 'runs push' uploads %s", plural(files, "artifact"),
			terminal.Bytes(bytes), verb(files, "is", "are"), verb(files, "it", "them"))
	case files > 0:
		a.progress("runs: %s, %s, %s only on this machine; 'runs init --artifacts STORE' sets an artifact store",
			plural(files, "artifact"), terminal.Bytes(bytes), verb(files, "is", "are"))
	}
}

func filesAndBytes(files int, bytes int64) string {
	return fmt.Sprintf("%s, %s", plural(files, "file"), terminal.Bytes(bytes))
}

func plural(n int, what string) string { return terminal.Count(int64(n), what) }

type committedJSON struct {
	Allowed  int          `json:"allowed"`
	Batches  []string     `json:"batches"` // relative to .runs
	Branch   string       `json:"branch"`
	Bytes    int64        `json:"bytes"`
	Commit   *string      `json:"commit"`      // null if there was nothing to commit
	Changed  int          `json:"experiments"` // whose files the commit adds or changes
	Files    int          `json:"files"`
	Left     int          `json:"left"`
	Notes    int          `json:"notes"`
	Redacted []string     `json:"redacted"`
	Refused  []damageJSON `json:"refused"`
	Removed  []string     `json:"removed"`
	Runs     []string     `json:"runs"`
}

func newCommittedJSON(done *share.Committed) committedJSON {
	ids := make([]string, len(done.Runs))
	for i, run := range done.Runs {
		ids[i] = run.ID
	}
	return committedJSON{
		Allowed: done.Allowed, Batches: orEmpty(done.Batches), Branch: done.Branch, Bytes: done.Bytes,
		Commit: orNull(done.Commit), Changed: done.Experiments, Files: done.Files, Left: done.Unsuccessful, Notes: done.Notes,
		Redacted: done.Redacted, Refused: newDamageJSON(done.Refused), Removed: done.Removed, Runs: ids,
	}
}

type damageJSON struct {
	ID     string `json:"id"`
	Reason string `json:"reason"`
}

func newDamageJSON(damaged []repo.Damage) []damageJSON {
	list := make([]damageJSON, len(damaged))
	for i, d := range damaged {
		list[i] = damageJSON{d.ID, d.Err.Error()}
	}
	return list
}
