package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
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
	finds, all, dry, json                bool
	rule, fingerprint, where, experiment string
}

func (a *app) redactCommand() *cobra.Command {
	var f redactFlags
	cmd := &cobra.Command{
		Use:   "redact (RUN… | -w EXPRESSION | --all) (PATTERN | --finds)",
		Short: "Replace a secret in finished runs",
		Long: `Replace PATTERN with [redacted] in a finished run: in its record, notes, console
output, text artifacts, and the patches and environment that it shares with other
runs. Other runs that share a changed file are updated too, and listed. RUN may be
a removed run.

    runs redact @ --finds
    runs redact @ - < secret.txt
    runs redact --all hunter2

PATTERN is literal text, or a regular expression written /REGEXP/. Use - to read it
from stdin and keep it out of the shell history. --finds replaces all secrets that
'runs commit' would report; --rule and --fingerprint select some of them.

With several runs, -w or --all, those that hold the secret are redacted at once, and
the others stay. --all also searches removed runs and the files of experiments. Runs
that cannot be redacted are listed and left alone, and the exit status is 1.

If a patch was redacted, the source of the run can no longer be restored in full.
Redacting does not change Git's history. 'runs commit' and 'runs push' publish the
redacted runs, but older commits still contain the secret: rotate it.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.finds = f.finds || f.rule != "" || f.fingerprint != ""
			selectors, err := f.check(args, cmd.Flags().Changed("where"))
			if err != nil {
				return err
			}
			ask := repo.RedactRequest{Rule: f.rule, Fingerprint: f.fingerprint, DryRun: f.dry}
			if !f.finds {
				if ask.Pattern, err = redactPattern(args[len(args)-1], os.Stdin); err != nil {
					return err
				}
			}
			return a.redact(cmd.Context(), &f, selectors, ask)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.finds, "finds", false, "redact all secrets that 'runs commit' would report")
	flags.StringVar(&f.rule, "rule", "", "redact findings of `RULE`")
	flags.StringVar(&f.fingerprint, "fingerprint", "", "redact the finding with this `FINGERPRINT`")
	flags.BoolVar(&f.all, "all", false, "redact all finished runs that hold the secret, removed ones too")
	flags.StringVarP(&f.where, "where", "w", "", "redact those runs that match `EXPRESSION` and hold the secret")
	flags.StringVarP(&f.experiment, "experiment", "e", "", "look only in `EXPERIMENT`")
	flags.BoolVar(&f.dry, "dry-run", false, "print what would change and change nothing")
	flags.BoolVar(&f.json, "json", false, "print what was redacted as JSON")
	return cmd
}

// check verifies the arguments, and returns those that name runs.
func (f *redactFlags) check(args []string, where bool) (selectors []string, err error) {
	selectors = args
	if !f.finds && len(args) > 0 {
		selectors = args[:len(args)-1]
	}
	many := ""
	switch {
	case f.all && where:
		return nil, usagef("redact: --all and -w cannot be combined")
	case f.all && f.experiment != "":
		return nil, &repo.HintError{
			Err:  usagef("redact: --all and -e cannot be combined"),
			Hint: "use -w 'experiment = …' for the runs of an experiment",
		}
	case where && f.where == "":
		return nil, usagef("redact: -w must not be empty")
	case f.all:
		many = "--all"
	case where:
		many = "-w"
	}
	switch {
	case !f.finds && (len(args) == 0 || many == "" && len(args) == 1):
		return nil, usagef("redact: missing PATTERN or --finds")
	case many != "" && f.finds && len(args) > 0:
		return nil, usagef("redact: %s cannot be combined with RUN, nor PATTERN with --finds, --rule or --fingerprint", many)
	case many != "" && len(selectors) > 0:
		return nil, usagef("redact: RUN and %s cannot be combined", many)
	case many == "" && len(selectors) == 0:
		return nil, usagef("redact: missing RUN, -w or --all")
	}
	return selectors, nil
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

func (a *app) redact(ctx context.Context, f *redactFlags, selectors []string, ask repo.RedactRequest) error {
	r, err := a.find(ctx)
	if err != nil {
		return err
	}
	if len(selectors) != 1 {
		return a.redactMany(ctx, r, f, selectors, ask)
	}
	if s, err := query.ParseSelector(selectors[0]); err == nil && s.IsGroup() {
		return a.redactMany(ctx, r, f, selectors, ask)
	}
	e, err := a.oneRun(ctx, r, selectors[0], f.experiment)
	if none := (*query.NotFoundError)(nil); errors.As(err, &none) {
		if t, failed := catalog.Removed(r, selectors[0]); failed == nil {
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
	did := "redacted"
	if ask.DryRun {
		did = "would redact"
	}
	a.printRedactedRuns(done, e.ID, did)
	a.reportRedacted(done, e.ID, ask.DryRun)
	return nil
}

// redactMany redacts those of several runs that hold the secret. Without selectors and expression, these are all runs.
func (a *app) redactMany(ctx context.Context, r *repo.Repository, f *redactFlags, selectors []string,
	ask repo.RedactRequest,
) error {
	var runs []*repo.Entry
	if !f.all {
		c, err := a.collect(ctx, r, f.experiment)
		if err != nil {
			return err
		}
		var missing []catalog.MissingKey
		runs, missing, err = c.SelectRedactable(ctx, selectors, f.where)
		a.warnMissing(missing...)
		if err != nil {
			return err
		}
	}
	r.Reading = a.countingProgress("searching runs")
	done, err := share.RedactRuns(ctx, r, runs, ask)
	if err != nil {
		return err
	}
	if f.json {
		err = a.printJSON(newRedactedJSON(done, ask.DryRun))
	} else {
		a.printFound(done, ask.DryRun)
		a.reportNotRedacted(done)
		a.reportRedacted(done, "", ask.DryRun)
	}
	if err == nil && len(done.Skipped) > 0 {
		err = quietError{exitFailed}
	}
	return err
}

// maxFound is the maximum number of runs to list of those that held a secret. A dry run lists all.
const maxFound = 20

// printFound lists where several runs held the secret.
func (a *app) printFound(done *share.Redaction, dry bool) {
	did, most := "redacted", maxFound
	if dry {
		did, most = "would redact", len(done.Found)
	}
	eachFirst(done.Found, most, func(found repo.FoundText) {
		a.print("%s %s: %s in %s", did, found.ID, plural(found.Places, "place"), fileList(found.Files))
	}, func(n int) { a.print("%s %d more runs", did, n) })
	if n := len(done.Runs) - len(done.Found); n > 0 {
		a.print("%s what %s with them", did, verb(n, "1 other run shares", fmt.Sprintf("%d other runs share", n)))
	}
	for _, name := range done.Experiments {
		a.print("%s %s", did, terminal.Clean(path.Join(repo.DirName, name)))
	}
	a.reportHolders(done)
	a.print("%s %d of %s", did, len(done.Found), plural(done.Searched, "run"))
}

// fileList names the first files in a sentence.
func fileList(files []string) string {
	const shown = 3
	names := make([]string, 0, shown)
	for _, name := range files[:min(len(files), shown)] {
		names = append(names, terminal.Clean(shortDigest(name)))
	}
	text := strings.Join(names, ", ")
	if more := len(files) - len(names); more > 0 {
		text += fmt.Sprintf(" and %s", verb(more, "1 more file", fmt.Sprintf("%d more files", more)))
	}
	return text
}

// shortDigest shortens the name of a shared file.
func shortDigest(name string) string {
	const kept = 12
	dir, base := path.Split(name)
	ext := path.Ext(base)
	if !repo.IsShared(name) || len(base)-len(ext) <= kept {
		return name
	}
	return dir + base[:kept] + "…" + ext
}

// reportNotRedacted lists the runs that could not be redacted, and those that are still running.
func (a *app) reportNotRedacted(done *share.Redaction) {
	eachFirst(done.Skipped, maxSkipped, func(d repo.Damage) {
		a.progress("runs: skipped run %s: %v", d.ID, d.Err)
	}, func(n int) { a.progress("runs: skipped %d more runs", n) })
	hints := 0
	for _, d := range done.Skipped {
		hint := (*repo.HintError)(nil)
		if errors.As(d.Err, &hint) && hints == 0 {
			hints++
			a.hint("%s", hint.Hint)
		}
	}
	eachFirst(done.Running, maxSkipped, func(id string) {
		a.warn("run %s is still running and holds the secret", id)
	}, func(n int) { a.warn("%d more runs are still running and hold the secret", n) })
	if len(done.Running) > 0 {
		a.hint("repeat when %s ended", verb(len(done.Running), "it has", "they have"))
	}
}

// reportRedacted prints where the secret still is after a redaction of the run with this id, or of several runs.
func (a *app) reportRedacted(done *share.Redaction, id string, dry bool) {
	eachFirst(done.NotRestorable, maxSkipped, func(other string) {
		a.warn("the source of %s can no longer be restored; its redacted patches do not apply to its base",
			format.IDRandom(other))
	}, func(n int) { a.warn("the sources of %d more runs can no longer be restored", n) })
	a.reportInTrash(done, id)
	for _, name := range done.Left {
		if path.Ext(name) == ".toml" {
			a.warn("%s holds the secret too; edit it", name)
			continue
		}
		a.warn("%s holds the secret too; remove it", name)
	}
	if dry || len(done.Runs) == 0 {
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
		a.hint("run 'runs commit' and 'runs push' to publish the redacted %s", verb(len(done.Runs), "run", "runs"))
	default:
		a.hint("run 'runs commit' to commit the redacted %s", verb(len(done.Runs), "run", "runs"))
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
	a.reportHolders(done)
}

// reportHolders names the runs that share a redacted file and hold the secret in files of their own.
func (a *app) reportHolders(done *share.Redaction) {
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
	if len(done.Holders) == 1 {
		a.hint("run 'runs redact %s PATTERN' to redact it", names[0])
		return
	}
	a.hint("run 'runs redact --all PATTERN' to redact all runs that hold it")
}

// reportInTrash names the removed runs that hold the secret too. redacted is the run that was asked for.
func (a *app) reportInTrash(done *share.Redaction, redacted string) {
	reported := map[string]bool{}
	var removed []string // their first folders
	for _, dir := range done.InTrash {
		id := filepath.Base(dir)
		switch {
		case format.CheckID(id) != nil || redacted == id:
			a.warn("%s in the trash holds the secret too; remove that folder", dir)
		case !reported[id]:
			reported[id] = true
			removed = append(removed, dir)
		}
	}
	eachFirst(removed, maxSkipped, func(dir string) {
		a.warn("the removed run %s holds the secret too", format.IDRandom(filepath.Base(dir)))
	}, func(n int) { a.warn("%d more removed runs hold the secret too", n) })
	switch {
	case len(removed) > 0 && redacted == "":
		a.hint("remove %s", verb(len(removed), removed[0], "their folders in the trash"))
	case len(removed) > 1:
		a.hint("run 'runs redact --all PATTERN' to redact them, or remove their folders in the trash")
	case len(removed) > 0:
		id := format.IDRandom(filepath.Base(removed[0]))
		a.hint("run 'runs redact %s PATTERN' to redact it, or remove %s", id, removed[0])
	}
}

type redactedJSON struct {
	Committed     bool              `json:"committed"`
	DryRun        bool              `json:"dry_run"`
	Experiments   []string          `json:"experiments"`
	Found         []foundJSON       `json:"found"`
	Holders       []string          `json:"holders"` // other runs that share a file and hold the secret in their own
	Left          []string          `json:"left"`
	NotRestorable []string          `json:"not_restorable"`
	Places        int               `json:"places"`
	Pushed        bool              `json:"pushed"`
	Removed       []string          `json:"removed"`
	Running       []string          `json:"running"`
	Runs          []redactedRunJSON `json:"runs"`
	Searched      int               `json:"searched"`
	Skipped       []damageJSON      `json:"skipped"`
	Trash         []string          `json:"trash"`
	What          string            `json:"what"`
}

// foundJSON says where a run held a secret.
type foundJSON struct {
	Files  []string `json:"files"`
	ID     string   `json:"id"`
	Places int      `json:"places"`
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
	found := make([]foundJSON, len(done.Found))
	for i, f := range done.Found {
		found[i] = foundJSON{f.Files, f.ID, f.Places}
	}
	return redactedJSON{
		Committed: done.Committed, DryRun: dry, Experiments: done.Experiments, Found: found, Holders: done.Holders,
		Left: done.Left, NotRestorable: done.NotRestorable, Places: done.Places, Pushed: done.Pushed, Removed: done.Removed,
		Running: done.Running, Runs: runs, Searched: done.Searched, Skipped: newDamageJSON(done.Skipped),
		Trash: done.InTrash, What: done.What,
	}
}
