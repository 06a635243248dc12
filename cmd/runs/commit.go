package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/query"
	"github.com/gitruns/runs/repo/share"
)

type commitFlags struct {
	where, group, experiment, to, message string
	failed, json                          bool
}

func (a *app) commitCommand() *cobra.Command {
	var f commitFlags
	cmd := &cobra.Command{
		Use:   "commit [RUN…] [flags]",
		Short: "Commit finished runs",
		Long: `Commit the runs with status finished that are not committed yet, or those named, with the files that they share, what was
said of runs later, and what 'runs rm' removed. The commit contains runs only and is made beside your index and working
tree: what you have staged or changed stays as it is, also in the middle of a merge. Hooks of 'git commit' are not run;
commits are signed where git is configured so.

What the commit would bring is searched for secrets first. One find stops all of it: nothing is committed, and each is
named by file, line and rule, without the secret. 'runs redact' removes it; [[secrets.allow]] in .runs/config.toml allows
what is none. Where gitleaks is installed, it is asked too.`,
		ValidArgsFunction: a.completeRun,
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("to") && f.to == "" {
				return usagef("commit: the branch of --to has no name")
			}
			if cmd.Flags().Changed("message") && f.message == "" {
				return usagef("commit: the message is empty")
			}
			return a.commit(cmd.Context(), &f, args)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.where, "where", "w", "", "runs that match `EXPRESSION`, whatever their status")
	flags.StringVar(&f.group, "group", "", "runs of `GROUP`, whatever their status")
	flags.StringVarP(&f.experiment, "experiment", "e", "", "look in `EXPERIMENT`")
	flags.BoolVar(&f.failed, "include-failed", false, "runs that failed, crashed or were killed too")
	flags.StringVar(&f.to, "to", "", "commit to `BRANCH`, without a checkout; made where there is none")
	flags.StringVarP(&f.message, "message", "m", "", "the commit's message is `TEXT`")
	flags.BoolVar(&f.json, "json", false, "print what was committed as JSON")
	return cmd
}

func (a *app) commit(ctx context.Context, f *commitFlags, selectors []string) error {
	r, err := a.find(ctx)
	if err != nil {
		return err
	}
	a.finishGone(ctx, r, nil)
	config, err := r.Config()
	if err != nil {
		return err
	}
	q := share.Request{IncludeFailed: f.failed, Branch: f.to, Message: f.message}
	if q.Branch == "" {
		q.Branch = config.Commit.Branch
	}
	if q.IDs, err = a.toCommit(ctx, r, f, selectors); err != nil {
		return err
	}
	done, err := share.Commit(ctx, r, q)
	var secrets *share.SecretsError
	if errors.As(err, &secrets) {
		return a.sayFindings(secrets.Findings, f.json, err)
	}
	if err != nil {
		return err
	}
	a.warnAll(done.Warnings)
	a.sayAllowed(done)
	a.sayRefused(done.Refused)
	if f.json {
		err = a.printJSON(newCommittedJSON(done))
	} else {
		a.sayCommitted(done)
	}
	if err == nil && len(done.Refused) > 0 {
		err = quietError{exitFailed}
	}
	return err
}

// toCommit are the ids of the runs that are named; nil where none is.
func (a *app) toCommit(ctx context.Context, r *repo.Repository, f *commitFlags, selectors []string) ([]string, error) {
	if len(selectors) == 0 && f.where == "" && f.group == "" && f.experiment == "" {
		return nil, nil
	}
	if f.group != "" {
		selectors = append(selectors, "group="+f.group)
	}
	c, err := a.collect(ctx, r, f.experiment)
	if err != nil {
		return nil, err
	}
	entries, err := a.choose(ctx, c, selectors, f.where)
	if err != nil {
		return nil, err
	}
	ids := []string{}
	for _, e := range entries {
		if e.Active != nil {
			if len(selectors) > 0 && f.where == "" && f.group == "" {
				return nil, &repo.HintError{Err: fmt.Errorf("committing run %s: it is in progress", e.ID), Hint: "'runs finish " + e.ID + "' ends it"}
			}
			continue
		}
		ids = append(ids, e.ID)
	}
	if len(ids) == 0 {
		what := f.where
		if what == "" {
			what = "-e " + f.experiment
		}
		return nil, &query.NotFoundError{Selector: what, Reason: "no finished run matches; 'runs ls' lists what there is"}
	}
	return ids, nil
}

// secretsJSON is the answer to a commit that a secret stopped.
type secretsJSON struct {
	Commit  *string      `json:"commit"` // null: nothing was committed
	Secrets []secretJSON `json:"secrets"`
}

type secretJSON struct {
	Change      *string  `json:"change,omitempty"` // only in a patch, as are source and source_line
	Column      int64    `json:"column"`
	File        string   `json:"file"`
	Fingerprint string   `json:"fingerprint"`
	Line        int64    `json:"line"`
	Rule        string   `json:"rule"`
	Runs        []string `json:"runs"`
	Source      *string  `json:"source,omitempty"`
	SourceLine  *int64   `json:"source_line,omitempty"`
}

// sayFindings names the secrets that stopped a commit.
func (a *app) sayFindings(findings []share.Finding, asJSON bool, err error) error {
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
		one := secretJSON{Column: f.Column, File: f.File, Fingerprint: f.Fingerprint, Line: f.Line, Rule: f.Rule, Runs: f.Runs}
		if f.Source != "" {
			change := string(f.Change)
			one.Change, one.Source, one.SourceLine = &change, &f.Source, &f.SourceLine
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

// sayAllowed says what the configuration lets through, for it comes with a pull and nobody may have looked at it.
func (a *app) sayAllowed(done *share.Committed) {
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
	a.progress("runs: %s of the search for secrets allowed in .runs/config.toml: %s", plural(done.Allowed, "find"), strings.Join(reasons, ", "))
}

func (a *app) sayRefused(refused []repo.Damage) {
	for _, d := range refused {
		a.progress("runs: left out: %v", d.Err)
	}
}

func (a *app) sayCommitted(done *share.Committed) {
	where := ""
	if done.Branch != "" {
		where = " on " + done.Branch
	}
	switch {
	case !done.Empty():
		if done.Branch == "" {
			a.progress("runs: HEAD is detached: no branch holds this commit; 'git switch -c NAME' makes one that does")
		}
		a.print("committed %s: %s, %s%s", done.Commit[:10], terminal.Clean(done.Summary()), filesAndBytes(done.Files, done.Bytes), terminal.Clean(where))
	case len(done.Refused) == 0:
		a.progress("runs: nothing to commit")
	}
	if done.Unsuccessful > 0 {
		a.progress("runs: %s did not finish well and %s left out; --include-failed takes them", plural(done.Unsuccessful, "run"), verb(done.Unsuccessful, "is", "are"))
	}
}

func filesAndBytes(files int, bytes int64) string {
	return fmt.Sprintf("%s, %s", plural(files, "file"), terminal.Bytes(bytes))
}

func plural(n int, what string) string { return terminal.Count(int64(n), what) }

type committedJSON struct {
	Allowed  int          `json:"allowed"`
	Branch   string       `json:"branch"`
	Bytes    int64        `json:"bytes"`
	Commit   *string      `json:"commit"` // null if there was nothing to commit
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
	for i, e := range done.Runs {
		ids[i] = e.ID
	}
	return committedJSON{
		Allowed: done.Allowed, Branch: done.Branch, Bytes: done.Bytes, Commit: orNull(done.Commit), Files: done.Files,
		Left: done.Unsuccessful, Notes: done.Notes, Redacted: done.Redacted, Refused: newDamageJSON(done.Refused),
		Removed: done.Removed, Runs: ids,
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
