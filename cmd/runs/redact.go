package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/catalog"
	"github.com/gitruns/runs/repo/query"
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
		Short: "Replace a secret in a finished run",
		Long: `Replace PATTERN with [redacted] in a finished run: in its record, notes, console
output, text artifacts, and the patches and environment that it shares with other
runs. RUN may be a removed run.

    runs redact @ --finds
    runs redact @ - < secret.txt

PATTERN is literal text, or a regular expression written /REGEXP/. Use - to read it
from stdin and keep it out of the shell history. --finds replaces all secrets that
'runs commit' would report; --rule and --fingerprint select some of them.

Other runs that share a changed file are updated too, and listed. If a patch was
redacted, the source of the run can no longer be restored in full.

Redacting does not change Git's history. 'runs commit' and 'runs push' publish the
redacted run, but older commits still contain the secret: rotate it.`,
		Args: arguments(1, 2, "RUN and PATTERN"),
		RunE: func(cmd *cobra.Command, args []string) error {
			finds := f.finds || f.rule != "" || f.fingerprint != ""
			switch {
			case finds && len(args) == 2:
				return usagef("redact: PATTERN cannot be combined with --finds, --rule or --fingerprint")
			case !finds && len(args) == 1:
				return usagef("redact: missing PATTERN or --finds")
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
	flags.BoolVar(&f.finds, "finds", false, "redact all secrets that 'runs commit' would report")
	flags.StringVar(&f.rule, "rule", "", "redact findings of `RULE`")
	flags.StringVar(&f.fingerprint, "fingerprint", "", "redact the finding with this `FINGERPRINT`")
	flags.StringVarP(&f.experiment, "experiment", "e", "", "look only in `EXPERIMENT`")
	flags.BoolVar(&f.dry, "dry-run", false, "print what would change and change nothing")
	flags.BoolVar(&f.json, "json", false, "print what was redacted as JSON")
	return cmd
}

// maxPattern is the maximum length of a pattern from stdin.
const maxPattern = 64 << 10

// redactPattern parses a text or /REGEXP/. It reads the pattern from stdin if text is -. Its errors never contain the
// text.
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
		return nil, usagef("redact: PATTERN must not be empty")
	}
	re, err := regexp.Compile(expression)
	if err != nil {
		return nil, usagef("redact: PATTERN must be a valid regular expression")
	}
	if re.MatchString("") {
		return nil, usagef("redact: PATTERN must not match the empty text")
	}
	return re, nil
}

func (a *app) redact(ctx context.Context, f *redactFlags, selector string, ask repo.RedactRequest) error {
	r, err := a.find(ctx)
	if err != nil {
		return err
	}
	e, err := a.oneRun(ctx, r, selector, f.experiment)
	if none := (*query.NotFoundError)(nil); errors.As(err, &none) {
		if t, failed := catalog.Removed(r, selector); failed == nil {
			e, err = t.Entry, nil
		}
	}
	if err != nil {
		return err
	}
	done, err := share.Redact(ctx, r, e, ask)
	if err != nil {
		return err
	}
	if f.json {
		return a.printJSON(newRedactedJSON(done, ask.DryRun))
	}
	a.reportRedacted(done, e.ID, ask.DryRun)
	return nil
}

// reportRedacted prints what a redaction of the run with this id did.
func (a *app) reportRedacted(done *share.Redaction, id string, dry bool) {
	verb := "redacted"
	if dry {
		verb = "would redact"
	}
	a.printRedactedRuns(done, id, verb)
	for _, other := range done.NotRestorable {
		a.warn("the source of %s can no longer be restored; its redacted patches do not apply to its base",
			format.IDRandom(other))
	}
	a.reportInTrash(done, id)
	for _, name := range done.Left {
		a.warn("%s holds the secret too; remove it", name)
	}
	if dry {
		return
	}
	if !done.Committed {
		a.progress("runs: the secret was not committed in this clone; rotate it if it left this machine another way")
		return
	}
	if done.Pushed {
		a.warn("the secret was pushed; rotate it now, because everyone who can fetch has it")
	}
	a.progress("runs: the history of Git still holds the secret, and so does refs/runs/kept in this clone")
	switch {
	case !done.Pending: // the branch has removed the run
	case done.Pushed:
		a.hint("run 'runs commit' and 'runs push' to publish the redacted run")
	default:
		a.hint("run 'runs commit' to commit the redacted run")
	}
	a.hint("to rewrite history, run git-filter-repo in a fresh clone that has all branches:")
	a.hint("  git filter-repo --replace-text FILE   # FILE holds one line, SECRET==>[redacted]")
	a.hint("  git push --force --all                # then everyone clones again")
	a.hint("and in this clone:")
	a.hint("  git update-ref -d refs/runs/kept")
	a.hint("  git reflog expire --expire=now --all && git gc --prune=now")
}

// maxSharers is the maximum number of runs to list of those that share a redacted file, or that hold the secret too.
const maxSharers = 5

// printRedactedRuns lists the files of the run that was asked for, and the runs that share one of them.
func (a *app) printRedactedRuns(done *share.Redaction, id, did string) {
	sharers := 0
	for _, run := range done.Runs {
		if run.ID != id {
			sharers++
			continue
		}
		a.print("%s %s: %s", did, run.ID, plural(len(run.Files), "file"))
		for _, name := range run.Files {
			a.print("  %s", terminal.Clean(name))
		}
	}
	listed := 0
	for _, run := range done.Runs {
		if run.ID == id {
			continue
		}
		if listed++; listed > maxSharers && sharers > maxSharers+1 {
			a.print("%s what %d more runs share with it", did, sharers-maxSharers)
			break
		}
		a.print("%s what run %s shares with it: %s", did, run.ID, plural(len(run.Files)-1, "file"))
	}
	names := make([]string, 0, maxSharers)
	for _, holder := range done.Holders[:min(len(done.Holders), maxSharers)] {
		names = append(names, format.IDRandom(holder))
	}
	if len(names) == 0 {
		return
	}
	more := ""
	if n := len(done.Holders) - len(names); n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	a.warn("%s %s%s %s the secret in %s own files too", verb(len(done.Holders), "run", "runs"),
		strings.Join(names, ", "), more, verb(len(done.Holders), "holds", "hold"), verb(len(done.Holders), "its", "their"))
	a.hint("run 'runs redact %s PATTERN' to redact %s", names[0], verb(len(done.Holders), "it", "the first"))
}

// reportInTrash names the removed runs that hold the secret too. redacted is the run that was asked for.
func (a *app) reportInTrash(done *share.Redaction, redacted string) {
	reported := map[string]bool{}
	for _, dir := range done.InTrash {
		id := filepath.Base(dir)
		switch {
		case format.CheckID(id) != nil || redacted == id:
			a.warn("%s in the trash holds the secret too; remove that folder", dir)
		case !reported[id]:
			reported[id] = true
			a.warn("the removed run %s holds the secret too", format.IDRandom(id))
			a.hint("run 'runs redact %s PATTERN' to redact it, or remove %s", format.IDRandom(id), dir)
		}
	}
}

type redactedJSON struct {
	Committed     bool              `json:"committed"`
	DryRun        bool              `json:"dry_run"`
	Holders       []string          `json:"holders"` // other runs that share a file and hold the secret in their own
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

func newRedactedJSON(done *share.Redaction, dry bool) redactedJSON {
	runs := make([]redactedRunJSON, len(done.Runs))
	for i, run := range done.Runs {
		runs[i] = redactedRunJSON{run.Files, run.ID}
	}
	return redactedJSON{
		Committed: done.Committed, DryRun: dry, Holders: done.Holders, Left: done.Left,
		NotRestorable: done.NotRestorable, Places: done.Places,
		Pushed: done.Pushed, Removed: done.Removed, Runs: runs, Trash: done.InTrash, What: done.What,
	}
}
