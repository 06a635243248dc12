package main

import (
	"context"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/share"
)

func (a *app) verifyCommand() *cobra.Command {
	var asJSON, all, stores bool
	var experiment, read string
	cmd := &cobra.Command{
		Use:   "verify [RUN…] | --all [REV…] [flags]",
		Short: "Verify that runs match what was recorded",
		Long: `Verify runs: recompute every digest, compare the metrics with the summary in
run.toml, rebuild the source, and report what can be restored. Without RUN, verify
all finished runs, and check that Git tracks nothing in .runs that it must not.

    runs verify
    runs verify --all origin/main..HEAD

With --all, verify the history of the branch, or of REV, without a checkout: verify
every run that a commit added, and check that no run was changed later or removed
without a removal marker. Redactions are named. This also works in a bare
repository. In a pre-receive hook, reject a push that brings a damaged run:

    while read old new ref; do runs verify --all $old..$new || exit 1; done

With --stores, ask the artifact store whether it has an object of the right name and
size for every artifact that is not in Git. Add --read-data to read every byte back,
or --read-data=5% and --read-data=2/10 to read a sample or a part.

Exit status: 0 everything is as recorded; 1 something is damaged or missing; 2 wrong usage; 3 a selector names no run.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if all {
				if stores {
					return usagef("verify: --all and --stores cannot be combined")
				}
				if experiment != "" {
					return usagef("verify: --all and --experiment cannot be combined")
				}
				if cmd.Flags().Changed("read-data") {
					return usagef("verify: --all and --read-data cannot be combined")
				}
				return a.verifyHistory(cmd.Context(), args, asJSON)
			}
			var subset share.Subset
			if cmd.Flags().Changed("read-data") {
				if !stores {
					return usagef("verify: --read-data requires --stores")
				}
				var err error
				if subset, err = share.ParseSubset(read); err != nil {
					return usagef("verify: --read-data %q: %v", read, err)
				}
			}
			if stores {
				return a.verifyStores(cmd.Context(), args, experiment, subset, asJSON)
			}
			return a.verify(cmd.Context(), args, experiment, asJSON)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "verify the history of the branch, or of REV")
	cmd.Flags().BoolVar(&stores, "stores", false, "ask the artifact store for every artifact of the runs")
	cmd.Flags().StringVar(&read, "read-data", "", "with --stores, read objects back: all, or `SUBSET` such as 5% or 2/10")
	cmd.Flags().Lookup("read-data").NoOptDefVal = "100%"
	a.storeFlags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the verdicts as JSON")
	cmd.Flags().StringVarP(&experiment, "experiment", "e", "", "look only in `EXPERIMENT`")
	return cmd
}

func (a *app) verify(ctx context.Context, selectors []string, experiment string, asJSON bool) error {
	r, err := a.find(ctx)
	if err != nil {
		return err
	}
	if err := misspeltInCI(r); err != nil {
		return err
	}
	c, err := a.collect(ctx, r, experiment)
	if err != nil {
		return err
	}
	a.warnConflict(ctx, r, len(c.Damage()) > 0)
	progress := a.term.Progress("verifying")
	defer progress.Done()
	v, err := share.VerifyFinished(ctx, c, selectors, progress.Count)
	progress.Done()
	if err != nil {
		return err
	}
	verdicts := v.Verdicts
	for _, d := range v.Damaged {
		reason := terminal.Message(d.Err.Error())
		verdicts = append(verdicts, repo.Verdict{ID: d.ID, Problems: []string{reason}, Why: reason, Denied: d.Denied()})
	}
	if asJSON {
		err = a.printVerdicts(verdicts, v)
	} else {
		err = a.term.Page(ctx, func(w io.Writer) error { return a.writeVerdicts(w, verdicts, v) })
	}
	if err == nil && v.Bad() > 0 {
		err = quietError{exitFailed}
	}
	return err
}

// verdictJSON is the result of verifying a run.
type verdictJSON struct {
	Absent     []string `json:"absent"`
	ID         string   `json:"id"`
	OK         bool     `json:"ok"`
	Problems   []string `json:"problems"`
	Restorable bool     `json:"restorable"`
	// Uncommitted is set if a redaction of the run is not committed.
	Uncommitted bool            `json:"redaction_not_committed,omitempty"`
	Unknown     []referenceJSON `json:"unknown"`
	Inputs      string          `json:"inputs,omitempty"` // what is not known of the data that the run read
	Missing     []string        `json:"missing_data,omitempty"`
	Denied      bool            `json:"unreadable,omitempty"` // the problems are only files that the user may not read
	Why         string          `json:"why,omitempty"`
}

type referenceJSON struct {
	Key   string `json:"key"`
	Names string `json:"names"`
}

// strayJSON is a file that Git tracks but must not track.
type strayJSON struct {
	ID       *string  `json:"id"` // always null
	OK       bool     `json:"ok"` // always false
	Path     string   `json:"path"`
	Problems []string `json:"problems"`
}

func (a *app) printVerdicts(verdicts []repo.Verdict, found *share.Verification) error {
	waiting := map[string]bool{}
	for _, w := range found.Waiting {
		waiting[w.ID] = true
	}
	list := make([]any, 0, len(verdicts)+len(found.Strays))
	for _, v := range verdicts {
		unknown := make([]referenceJSON, len(v.Unknown))
		for i, r := range v.Unknown {
			unknown[i] = referenceJSON{r.Key, r.ID}
		}
		list = append(list, verdictJSON{
			Absent: v.Absent, Denied: v.Denied, ID: v.ID, OK: len(v.Problems) == 0, Problems: v.Problems,
			Restorable: v.Restorable,
			Inputs:     v.Inputs, Missing: missingNames(v.Missing),
			Uncommitted: waiting[v.ID], Unknown: unknown, Why: v.Why,
		})
	}
	for _, id := range found.Missing {
		list = append(list, verdictJSON{ID: id, Problems: []string{deletedFromTree}})
	}
	for _, name := range found.Files {
		list = append(list, strayJSON{Path: path.Join(repo.DirName, name), Problems: []string{fileDeleted(name)}})
	}
	for _, p := range found.Strays {
		list = append(list, strayJSON{Path: p.Path, Problems: []string{p.Reason}})
	}
	if found.History != nil {
		list = append(list, strayJSON{Path: repo.DirName, Problems: []string{historyUnread(found.History)}})
	}
	return a.printJSON(list)
}

// The words for what is wrong with a run or a file.
const (
	isDamaged    = "damaged"
	isMissing    = "missing"
	isUnreadable = "unreadable"
)

// maxNamed is the maximum number of missing runs to name.
const maxNamed = 50

// deletedFromTree is the problem of a run of HEAD that the working tree lacks.
const deletedFromTree = "it was deleted from the working tree; run 'git checkout HEAD -- .runs'"

// fileDeleted is the problem of another file of HEAD that the working tree lacks.
func fileDeleted(name string) string {
	return "it was deleted from the working tree; run '" + share.CheckOutMissing([]string{name}) + "'"
}

func historyUnread(err error) string {
	return "the history of the branch cannot be verified: " + terminal.Message(err.Error())
}

func (a *app) writeVerdicts(w io.Writer, verdicts []repo.Verdict, found *share.Verification) error {
	if len(verdicts)+len(found.Strays)+len(found.Missing)+len(found.Files) == 0 && found.History == nil {
		_, err := fmt.Fprintln(w, "no finished runs")
		return err
	}
	tb := terminal.Table{Columns: []terminal.Column{
		{Title: "run", Flexible: true, Name: true}, {Title: "files"}, {Title: "source", Flexible: true},
	}}
	damaged, denied, restorable, batches, away := 0, 0, 0, 0, 0
	for _, v := range verdicts {
		if format.IsBatchName(v.ID) {
			batches++
		}
		name := v.Name
		if name == "" && format.CheckID(v.ID) == nil {
			name = format.IDRandom(v.ID)
		} else if name == "" { // a batch that cannot be read
			name = v.ID
		}
		files := terminal.Cell{Text: "as recorded", Style: terminal.Green}
		if v.Denied {
			files = terminal.Cell{Text: "unreadable", Style: terminal.Red}
			denied++
		} else if len(v.Problems) > 0 {
			files = terminal.Cell{Text: "damaged", Style: terminal.Red}
			damaged++
		}
		source := terminal.Cell{Text: v.Why, Style: terminal.Yellow}
		switch {
		case v.Restorable && len(v.Missing) > 0:
			source = terminal.Cell{Text: "restorable, but " + missingText(v.Missing), Style: terminal.Yellow}
			away++
		case v.Restorable && v.Inputs != "":
			source = terminal.Cell{Text: "restorable, but " + v.Inputs, Style: terminal.Yellow}
		case v.Restorable:
			source = terminal.Cell{Text: "restorable", Style: terminal.Green}
			restorable++
		}
		tb.Rows = append(tb.Rows, []terminal.Cell{{Text: name}, files, source})
	}
	if len(tb.Rows) > 0 {
		if err := tb.Write(w, a.term); err != nil {
			return err
		}
	}
	problems := a.newProblemList(w)
	for _, v := range verdicts {
		for _, p := range v.Problems {
			word := isDamaged
			if v.Denied {
				word = isUnreadable
			}
			problems.add(word, "run", v.ID, "", p)
		}
		for _, ref := range v.Unknown {
			fmt.Fprintf(w, "%s: %s %s is not in this clone\n", v.ID, ref.Key, ref.ID)
		}
	}
	problems.rest()
	for i, r := range found.Waiting {
		if i == maxNamed {
			fmt.Fprintf(w, "… and %d more redactions not committed\n", len(found.Waiting)-i)
			break
		}
		fmt.Fprintln(w, redactionLine(r))
	}
	for i, id := range found.Missing {
		if i == maxNamed {
			fmt.Fprintf(w, "%s, and %d more\n", a.term.Paint(terminal.Red, isMissing), len(found.Missing)-i)
			break
		}
		a.writeProblem(w, isMissing, id, deletedFromTree)
	}
	for i, name := range found.Files {
		if i == maxNamed {
			fmt.Fprintf(w, "%s, and %d more: run '%s'\n", a.term.Paint(terminal.Red, isMissing), len(found.Files)-i,
				share.CheckOutMissing(found.Files))
			break
		}
		a.writeProblem(w, isMissing, path.Join(repo.DirName, name), fileDeleted(name))
	}
	for _, p := range found.Strays {
		reason := p.Reason
		if p.Runs != "" { // not an experiment file, which Git may track
			reason = "Git tracks it: " + reason
		}
		a.writeProblem(w, isDamaged, p.Path, reason)
	}
	if found.History != nil {
		a.writeProblem(w, isUnreadable, repo.DirName, historyUnread(found.History))
	}
	what := plural(len(verdicts)-batches+len(found.Missing), "run")
	if batches > 0 {
		what += fmt.Sprintf(" and %d %s", batches, verb(batches, "batch", "batches"))
	}
	others := ""
	if denied > 0 {
		others = fmt.Sprintf("%d unreadable, ", denied)
	}
	if n := len(found.Missing); n > 0 {
		others += fmt.Sprintf("%d missing, ", n)
	}
	if n := len(found.Files); n > 0 {
		others += plural(n, "other file") + " missing, "
	}
	if away > 0 {
		others += fmt.Sprintf("%d without all data on this machine, ", away)
	}
	_, err := fmt.Fprintf(w, "\n%s: %d damaged, %s%d fully restorable\n", what, damaged, others, restorable)
	return err
}

// missingText says which datasets are not on this machine.
func missingText(missing []repo.MissingDataset) string {
	text := missing[0].String()
	if n := len(missing) - 1; n > 0 {
		text += fmt.Sprintf(", and %s more", plural(n, "dataset"))
	}
	return text
}

func missingNames(missing []repo.MissingDataset) (names []string) {
	for _, m := range missing {
		names = append(names, m.Name)
	}
	return names
}

// writeProblem prints what is damaged, or what may not be read, and the reason, which is wrapped on a terminal.
func (a *app) writeProblem(w io.Writer, word, what, reason string) {
	if reason = terminal.Message(reason); a.term.OutIsTerminal() {
		reason = strings.ReplaceAll(wrap(reason, a.term.Width()-8), "\n", "\n        ")
	}
	fmt.Fprintf(w, "%s %s\n        %s\n", a.term.Paint(terminal.Red, word), terminal.Clean(what), reason)
}
