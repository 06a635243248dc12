package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/share"
)

func (a *app) verifyCommand() *cobra.Command {
	var asJSON, all, stores bool
	var experiment string
	cmd := &cobra.Command{
		Use:   "verify [RUN…] | --all [REV…] [flags]",
		Short: "Prove that runs are what was recorded",
		Long: `Compute every digest of the runs anew, their files, artifacts, patches, manifests and environments, compare metrics with
what run.toml sums up, rebuild their source trees, and say what of each run can be restored. Without RUN, all finished
runs, and that nothing lies in .runs that git must not carry.

With --all, verify the whole history of the branch, or of the revisions named, without a checkout: every run that a commit
ever added, that none was changed afterwards or vanished without a mark, the files that runs share, and that nothing lies
in .runs that must not. OLD..NEW and ^OLD leave out what OLD has. It works in a bare repository too, with every .runs folder
there; in a pre-receive or update hook of a server:

    while read old new ref; do runs verify --all $old..$new || exit 1; done

With --stores, ask the store for every artifact that the runs name and git does not have.

Exit status: 0 all is as recorded; 1 something is damaged or missing; 2 wrong usage; 3 a selector names no run.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if all {
				if stores {
					return usagef("verify: --all and --stores exclude one another")
				}
				if experiment != "" {
					return usagef("verify: --all verifies every experiment")
				}
				return a.verifyHistory(cmd.Context(), args, asJSON)
			}
			return a.verify(cmd.Context(), args, experiment, stores, asJSON)
		},
		ValidArgsFunction: a.completeRun,
	}
	cmd.Flags().BoolVar(&all, "all", false, "verify the whole history of the branch, or of REV")
	cmd.Flags().BoolVar(&stores, "stores", false, "ask the store for every artifact that the runs name")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the verdicts as JSON")
	cmd.Flags().StringVarP(&experiment, "experiment", "e", "", "look in `EXPERIMENT`")
	return cmd
}

func (a *app) verify(ctx context.Context, selectors []string, experiment string, stores, asJSON bool) error {
	r, err := a.find(ctx)
	if err != nil {
		return err
	}
	c, err := a.collect(ctx, r, experiment)
	if err != nil {
		return err
	}
	entries := c.Entries()
	if len(selectors) > 0 {
		entries = nil
		for _, selector := range selectors {
			more, _, err := c.Select(ctx, selector)
			if err != nil {
				return err
			}
			entries = append(entries, more...)
		}
	}
	entries = slices.DeleteFunc(slices.Clone(entries), func(e *repo.Entry) bool { return e.Active != nil })
	if stores {
		return a.verifyStores(ctx, r, entries, asJSON)
	}
	known := map[string]bool{}
	for _, run := range c.Runs() {
		known[run.ID] = true
	}
	for _, d := range c.Damage() {
		known[d.ID] = true
	}
	verifier := repo.NewVerifier()
	verdicts := make([]repo.Verdict, len(entries))
	bad := 0
	progress := a.term.Progress("verifying")
	defer progress.Done()
	for i, e := range entries {
		if verdicts[i], err = verifier.Verify(ctx, e); err != nil {
			return err
		}
		if len(verdicts[i].Problems) > 0 {
			bad++
		}
		verdicts[i].Unknown = slices.DeleteFunc(repo.References(e.Run), func(ref repo.Reference) bool { return known[ref.ID] })
		progress.Count(int64(i+1), int64(len(entries)))
	}
	progress.Done()
	var strays []share.Problem
	if len(selectors) == 0 {
		for _, d := range c.Damage() {
			reason := terminal.Clean(d.Err.Error())
			verdicts = append(verdicts, repo.Verdict{ID: d.ID, Problems: []string{reason}, Why: reason})
		}
		if strays, err = share.Strays(ctx, r); err != nil {
			return err
		}
		bad += len(c.Damage()) + len(strays)
	}
	if asJSON {
		err = a.printVerdicts(verdicts, strays)
	} else {
		err = a.term.Page(ctx, func(w io.Writer) error { return a.writeVerdicts(w, verdicts, strays) })
	}
	if err != nil {
		return err
	}
	if bad > 0 {
		return quietError{exitFailed}
	}
	return nil
}

// verdictJSON is the verdict on a run.
type verdictJSON struct {
	Absent     []string        `json:"absent"`
	ID         string          `json:"id"`
	OK         bool            `json:"ok"`
	Problems   []string        `json:"problems"`
	Restorable bool            `json:"restorable"`
	Unknown    []referenceJSON `json:"unknown"`
	Why        string          `json:"why,omitempty"`
}

type referenceJSON struct {
	Key   string `json:"key"`
	Names string `json:"names"`
}

// strayJSON is a file that Git tracks and must not.
type strayJSON struct {
	ID       *string  `json:"id"` // null
	OK       bool     `json:"ok"` // false
	Path     string   `json:"path"`
	Problems []string `json:"problems"`
}

func (a *app) printVerdicts(verdicts []repo.Verdict, strays []share.Problem) error {
	list := make([]any, 0, len(verdicts)+len(strays))
	for _, v := range verdicts {
		unknown := make([]referenceJSON, len(v.Unknown))
		for i, r := range v.Unknown {
			unknown[i] = referenceJSON{r.Key, r.ID}
		}
		list = append(list, verdictJSON{
			Absent: v.Absent, ID: v.ID, OK: len(v.Problems) == 0, Problems: v.Problems, Restorable: v.Restorable,
			Unknown: unknown, Why: v.Why,
		})
	}
	for _, p := range strays {
		list = append(list, strayJSON{Path: p.Path, Problems: []string{p.Reason}})
	}
	return a.printJSON(list)
}

func (a *app) writeVerdicts(w io.Writer, verdicts []repo.Verdict, strays []share.Problem) error {
	if len(verdicts)+len(strays) == 0 {
		_, err := fmt.Fprintln(w, "no finished runs")
		return err
	}
	tb := terminal.Table{Columns: []terminal.Column{{Title: "run", Flexible: true}, {Title: "files"}, {Title: "source", Flexible: true}}}
	damaged, restorable := 0, 0
	for _, v := range verdicts {
		name := v.Name
		if name == "" {
			name = format.IDRandom(v.ID)
		}
		files := terminal.Cell{Text: "as recorded", Style: terminal.Green}
		if len(v.Problems) > 0 {
			files = terminal.Cell{Text: "damaged", Style: terminal.Red}
			damaged++
		}
		source := terminal.Cell{Text: v.Why, Style: terminal.Yellow}
		if v.Restorable {
			source = terminal.Cell{Text: "restorable", Style: terminal.Green}
			restorable++
		}
		tb.Rows = append(tb.Rows, []terminal.Cell{{Text: name}, files, source})
	}
	if err := tb.Write(w, a.term); err != nil {
		return err
	}
	for _, v := range verdicts {
		for _, p := range v.Problems {
			a.writeProblem(w, v.ID, p)
		}
		for _, ref := range v.Unknown {
			fmt.Fprintf(w, "%s: %s %s is not here\n", v.ID, ref.Key, ref.ID)
		}
	}
	for _, p := range strays {
		a.writeProblem(w, p.Path, "git carries it: "+p.Reason)
	}
	_, err := fmt.Fprintf(w, "\n%s: %d damaged, %d fully restorable\n", plural(len(verdicts), "run"), damaged, restorable)
	return err
}

// writeProblem says what is wrong with what; on a terminal it is wrapped.
func (a *app) writeProblem(w io.Writer, what, reason string) {
	if reason = terminal.Clean(reason); a.term.OutIsTerminal() {
		reason = strings.ReplaceAll(wrap(reason, a.term.Width()-8), "\n", "\n        ")
	}
	fmt.Fprintf(w, "%s %s\n        %s\n", a.term.Paint(terminal.Red, "damaged"), terminal.Clean(what), reason)
}
