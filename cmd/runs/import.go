package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/importer"
	"github.com/gitruns/runs/repo/share"
)

func (a *app) importCommand() *cobra.Command {
	var ask share.ImportRequest
	var asJSON bool
	var experiment string
	cmd := &cobra.Command{
		Use:   "import [KIND] PATH [flags]",
		Short: "Take over runs from a copied folder",
		Long: `Take over the finished runs that lie in PATH, each once, with their notes and the files that they share. KIND says what
PATH is; left out, it is guessed. runs is a .runs folder that was copied from a machine without git or network, or the folder that
holds it, or the folder of one run in it. tensorboard is a folder of event files: each folder in it that has some is a run. wandb
is a folder of W&B, or one above it, with the .wandb file of each run, offline or not.

    rsync -a cluster:project/.runs/ from-cluster/
    runs import from-cluster
    runs commit

Everything is checked before it is taken: names, sizes, digests. A run that is not what it says is named and left out; so is
one that has another record here, which was finished twice. Of a run that is here already, new notes are taken. Interrupted
or repeated, it does what is left. PATH is only read.

Left out with a word: runs that are in progress there, and runs that were removed here, which --run brings back. What was
removed there is not removed here.

Exit status: 0 done; 1 failed, or a run was left out because of what it is; 2 wrong usage; 130 interrupted.`,
		Args: arguments(1, 2, "PATH"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 2 {
				if ask.Kind = args[0]; !slices.Contains(importKinds(), ask.Kind) {
					return usagef("import: %q is no kind; the kinds are: %s", ask.Kind, strings.Join(importKinds(), ", "))
				}
			}
			ask.Path = args[len(args)-1]
			if !filepath.IsAbs(ask.Path) {
				ask.Path = filepath.Join(a.dir, ask.Path)
			}
			for _, kind := range logKinds {
				if ask.Kind == kind.name || ask.Kind == "" && share.CheckImport(ask.Path) != nil && kind.found(cmd.Context(), ask.Path) {
					return a.importLogs(cmd.Context(), kind, importer.Request{Path: ask.Path, Experiment: experiment, IDs: ask.IDs, DryRun: ask.DryRun}, asJSON)
				}
			}
			for _, id := range ask.IDs {
				if format.CheckID(id) != nil {
					return usagef("import: --run %q is no full id of a run", id)
				}
			}
			if experiment != "" {
				return usagef("import: --experiment is for logs of other trackers; runs have theirs")
			}
			return a.importRuns(cmd.Context(), ask, asJSON)
		},
	}
	cmd.Flags().StringArrayVar(&ask.IDs, "run", nil, "only the run with this `ID`, also when it was removed here; of other trackers, their id or the log's name too; repeated")
	cmd.Flags().StringVarP(&experiment, "experiment", "e", "", "`EXPERIMENT` of the runs made of logs of other trackers")
	cmd.Flags().BoolVar(&ask.DryRun, "dry-run", false, "check everything and say what would be taken")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what was taken as JSON")
	return cmd
}

// importedJSON is the answer of every importer. Those of logs add logs, empty and points.
type importedJSON struct {
	Bytes      int64        `json:"bytes"`
	DryRun     bool         `json:"dry_run"`
	Files      int          `json:"files"`
	From       string       `json:"from"`
	Here       []string     `json:"here"`
	InProgress []string     `json:"in_progress"`
	Kind       string       `json:"kind"`
	Notes      int          `json:"notes"`
	Refused    []damageJSON `json:"refused"`
	Removed    []string     `json:"removed"`
	Runs       []string     `json:"runs"`
}

func (a *app) importRuns(ctx context.Context, ask share.ImportRequest, asJSON bool) error {
	if err := share.CheckImport(ask.Path); err != nil {
		return fmt.Errorf("importing %s: %w", repo.Relative(a.dir, ask.Path), importHint(err))
	}
	var done *share.Imported
	err := a.takeIn(ctx, ask.DryRun, func(r *repo.Repository, tell func(done, total int)) (err error) {
		ask.Progress = tell
		done, err = share.Import(ctx, r, ask)
		return err
	})
	if err != nil {
		return err
	}
	a.sayLeftOut(done)
	if asJSON {
		err = a.printJSON(importedJSON{
			Bytes: done.Bytes, DryRun: ask.DryRun, Files: done.Files, From: done.From, Here: done.Present, InProgress: done.InProgress,
			Kind: done.Kind, Notes: done.Notes, Refused: newDamageJSON(done.Refused), Removed: done.Removed, Runs: done.Runs,
		})
	} else {
		a.sayImported(done, ask.DryRun)
	}
	if err == nil && len(done.Refused) > 0 {
		err = quietError{exitFailed}
	}
	return err
}

// takeIn opens the repository that an import goes to, set up unless it is a dry run, and shows what take tells of its progress.
func (a *app) takeIn(ctx context.Context, dry bool, take func(r *repo.Repository, tell func(done, total int)) error) error {
	open := a.setup
	if dry {
		open = a.find
	}
	r, err := open(ctx)
	if dry && errors.Is(err, repo.ErrNoRepository) { // nothing is here, and nothing is made
		r, err = repo.OpenCopy(filepath.Join(a.dir, repo.DirName)), nil
	}
	if err != nil {
		return err
	}
	progress := a.term.Progress("importing runs")
	defer progress.Done()
	return take(r, func(done, total int) { progress.Count(int64(done), int64(total)) })
}

func importHint(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return errors.New("there is no such folder")
	}
	if !errors.Is(err, share.ErrUnknownKind) {
		return err
	}
	return &repo.HintError{Err: err, Hint: "the kinds are: " + strings.Join(importKinds(), ", ") + " (a .runs folder, the folder that holds it, or a run's folder in its day; a folder of event files; a folder wandb)"}
}

// sayLeftOut names what was not taken, and what brings it.
func (a *app) sayLeftOut(done *share.Imported) {
	for _, d := range done.Refused {
		a.progress("runs: left out: %v", d.Err)
	}
	for _, id := range done.InProgress {
		a.progress("runs: left out: run %s is in progress there", id)
	}
	if len(done.InProgress) > 0 {
		a.progress("      where its process is gone: RUNS_REPO=%s runs recover ID --force, and import again", shellQuote(repo.Relative(a.dir, done.From)))
	}
	switch n := len(done.Removed); {
	case n == 1:
		a.progress("runs: left out: run %s was removed here; --run %s brings it back", done.Removed[0], done.Removed[0])
	case n > 1:
		a.progress("runs: left out: %d runs were removed here; --run ID brings one back: %s", n, strings.Join(done.Removed, ", "))
	}
}

func (a *app) sayImported(done *share.Imported, dry bool) {
	var parts []string
	if n := len(done.Runs); n > 0 {
		parts = append(parts, plural(n, "run"))
	}
	if done.Notes > 0 {
		parts = append(parts, plural(done.Notes, "note"))
	}
	here := ""
	if n := len(done.Present); n > 0 {
		here = fmt.Sprintf("; %d here already", n)
	}
	if len(parts) == 0 {
		a.progress("runs: nothing new in %s%s", repo.Relative(a.dir, done.From), here)
		return
	}
	verb := "imported"
	if dry {
		verb = "would import"
	}
	a.print("%s %s, %s%s", verb, strings.Join(parts, " and "), filesAndBytes(done.Files, done.Bytes), here)
	if len(done.Runs) > 0 && !dry {
		a.progress("runs: 'runs commit' commits finished ones")
	}
}
