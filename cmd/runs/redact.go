package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/share"
)

type redactFlags struct {
	finds, dry, json              bool
	rule, fingerprint, experiment string
}

func (a *app) redactCommand() *cobra.Command {
	var f redactFlags
	cmd := &cobra.Command{
		Use:   "redact RUN PATTERN | redact RUN --finds",
		Short: "Take a secret out of a finished run",
		Long: `Replace PATTERN by [redacted] in a finished run: in its record, notes, console output, text artifacts and what it shares
with other runs, its patches and environment. PATTERN is a text, or a regular expression as /REGEXP/; - reads it from
stdin, so that it does not stay in the shell's history. --finds takes what 'runs commit' finds instead, --rule and
--fingerprint some of that.

Shared files get a new name: each run that names the old one is rewritten to name the new one, listed and marked. A run
whose patch was redacted does not come back byte for byte: 'runs checkout' proves what is left. What is committed stays in
git's history: 'runs commit' and 'runs push' take the redaction along, and rotating the secret is the one thing that helps.`,
		Args:              arguments(1, 2, "RUN and PATTERN"),
		ValidArgsFunction: a.completeRun,
		RunE: func(cmd *cobra.Command, args []string) error {
			finds := f.finds || f.rule != "" || f.fingerprint != ""
			switch {
			case finds && len(args) == 2:
				return usagef("redact: PATTERN and --finds, --rule or --fingerprint exclude each other")
			case !finds && len(args) == 1:
				return usagef("redact: PATTERN or --finds missing")
			}
			ask := repo.RedactRequest{Rule: f.rule, Fingerprint: f.fingerprint, DryRun: f.dry}
			if !finds {
				var err error
				if ask.Pattern, err = redactPattern(args[1], os.Stdin); err != nil {
					return err
				}
			}
			return a.redact(cmd.Context(), &f, args[0], ask)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.finds, "finds", false, "what the search before a commit finds")
	flags.StringVar(&f.rule, "rule", "", "finds of `RULE`")
	flags.StringVar(&f.fingerprint, "fingerprint", "", "the find with this `FINGERPRINT`")
	flags.StringVarP(&f.experiment, "experiment", "e", "", "look in `EXPERIMENT`")
	flags.BoolVar(&f.dry, "dry-run", false, "say what would change")
	flags.BoolVar(&f.json, "json", false, "print what was redacted as JSON")
	return cmd
}

// maxPattern bounds a pattern that comes from stdin.
const maxPattern = 64 << 10

// redactPattern reads a text, /REGEXP/, or - for a line of stdin. Its errors do not show it.
func redactPattern(text string, stdin io.Reader) (*regexp.Regexp, error) {
	if text == "-" {
		data, err := io.ReadAll(io.LimitReader(stdin, maxPattern))
		if err != nil {
			return nil, fmt.Errorf("reading the pattern: %w", err)
		}
		text = strings.TrimRight(string(data), "\r\n")
	}
	expression := regexp.QuoteMeta(text)
	if len(text) > 2 && strings.HasPrefix(text, "/") && strings.HasSuffix(text, "/") {
		expression = text[1 : len(text)-1]
	}
	if strings.TrimSpace(text) == "" {
		return nil, usagef("redact: the pattern is empty")
	}
	re, err := regexp.Compile(expression)
	if err != nil {
		return nil, usagef("redact: the pattern is no regular expression")
	}
	if re.MatchString("") {
		return nil, usagef("redact: the pattern matches the empty text")
	}
	return re, nil
}

func (a *app) redact(ctx context.Context, f *redactFlags, selector string, ask repo.RedactRequest) error {
	r, err := a.find(ctx)
	if err != nil {
		return err
	}
	e, err := a.oneRun(ctx, r, selector, f.experiment)
	if err != nil {
		return err
	}
	switch {
	case e.Active != nil:
		return &repo.HintError{Err: fmt.Errorf("redacting run %s: it is in progress", e.ID), Hint: "'runs finish " + e.ID + "' ends it"}
	case e.Repository().Dir != r.Dir:
		return fmt.Errorf("redacting run %s: it is not in the working tree", e.ID)
	}
	committed, err := share.CommittedIDs(ctx, r)
	if err != nil {
		return fmt.Errorf("redacting run %s: %w", e.ID, err)
	}
	done, err := r.Redact(ctx, e.ID, ask)
	if errors.Is(err, repo.ErrNothingToRedact) {
		return &repo.HintError{Err: err, Hint: "a run that shares nothing with it may hold it: 'runs commit' names them"}
	}
	if err != nil {
		return err
	}
	inGit, pushed := false, false
	for _, run := range done.Runs {
		if !committed[run.ID] {
			continue
		}
		inGit = true
		there, err := share.OnRemote(ctx, r, run.ID)
		if err != nil {
			return fmt.Errorf("redacting run %s: %w", e.ID, err)
		}
		pushed = pushed || there
	}
	if f.json {
		return a.printJSON(newRedactedJSON(done, ask.DryRun, inGit, pushed))
	}
	a.sayRedacted(done, ask.DryRun, inGit, pushed)
	return nil
}

func (a *app) sayRedacted(done *repo.Redacted, dry, inGit, pushed bool) {
	would := map[bool]string{true: "would redact", false: "redacted"}[dry]
	for _, run := range done.Runs {
		a.print("%s %s: %s", would, run.ID, strings.Join(run.Files, ", "))
	}
	for _, id := range done.Unproof {
		a.progress("runs: the source of %s cannot be restored any more: its redacted patches do not apply to its base", format.IDRandom(id))
	}
	for _, dir := range done.InTrash {
		a.progress("runs: %s in the trash holds it too: remove that folder", dir)
	}
	for _, name := range done.Left {
		a.progress("runs: %s holds it too: remove it", name)
	}
	if dry {
		return
	}
	if !inGit {
		a.progress("runs: it was not committed here; where it has left this machine, rotate it")
		return
	}
	if pushed {
		a.progress("runs: it was pushed: rotate the secret now, everybody who can fetch has it")
	}
	a.progress("runs: git's history still holds it, and so does refs/runs/kept of this clone")
	a.progress("      'runs commit' takes the redaction into git%s", map[bool]string{true: ", 'runs push' to the others", false: ""}[pushed])
	a.progress("      to rewrite history, with git-filter-repo, in a fresh clone, from all branches:")
	a.progress("        git filter-repo --replace-text FILE      # FILE: a line 'SECRET==>%s'", "[redacted]")
	a.progress("        git push --force --all                   # everybody clones anew; runs that name other commits keep their patches")
	a.progress("      and here: git update-ref -d refs/runs/kept && git reflog expire --expire=now --all && git gc --prune=now")
}

type redactedJSON struct {
	Committed     bool              `json:"committed"`
	DryRun        bool              `json:"dry_run"`
	Left          []string          `json:"left"`
	NotRestorable []string          `json:"not_restorable"`
	Places        int               `json:"places"`
	Pushed        bool              `json:"pushed"`
	Removed       []string          `json:"removed"`
	Runs          []redactedRunJSON `json:"runs"`
	Trash         []string          `json:"trash"`
	What          string            `json:"what"`
}

type redactedRunJSON struct {
	Files []string `json:"files"`
	ID    string   `json:"id"`
}

func newRedactedJSON(done *repo.Redacted, dry, inGit, pushed bool) redactedJSON {
	runs := make([]redactedRunJSON, len(done.Runs))
	for i, run := range done.Runs {
		runs[i] = redactedRunJSON{run.Files, run.ID}
	}
	return redactedJSON{
		Committed: inGit, DryRun: dry, Left: done.Left, NotRestorable: done.Unproof, Places: done.Places, Pushed: pushed,
		Removed: done.Old, Runs: runs, Trash: done.InTrash, What: done.What,
	}
}
