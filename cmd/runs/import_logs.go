package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/importer"
	"github.com/gitruns/runs/repo/share"
	"github.com/gitruns/runs/repo/tensorboard"
	"github.com/gitruns/runs/repo/wandb"
)

// logKind is a tracker whose logs import reads.
type logKind struct {
	name  string
	what  string // that says something, of a log
	found func(ctx context.Context, path string) bool
	take  func(ctx context.Context, r *repo.Repository, q importer.Request) (*importer.Imported, error)
}

var logKinds = []logKind{
	{"tensorboard", "a point, text, image or param", tensorboard.Found, tensorboard.Import},
	{"wandb", "a run", wandb.Found, wandb.Import},
}

// importKinds are the kinds of what import reads.
func importKinds() []string {
	kinds := append([]string{}, share.ImportKinds...)
	for _, k := range logKinds {
		kinds = append(kinds, k.name)
	}
	return kinds
}

// importLogs makes runs of the logs of another tracker.
func (a *app) importLogs(ctx context.Context, kind logKind, ask importer.Request, asJSON bool) error {
	if err := importer.CheckFolder(ask.Path); err != nil {
		return fmt.Errorf("importing %s: %w", repo.Relative(a.dir, ask.Path), importHint(err))
	}
	var done *importer.Imported
	err := a.takeIn(ctx, ask.DryRun, func(r *repo.Repository, tell func(done, total int)) (err error) {
		ask.Progress = tell
		if done, err = kind.take(ctx, r, ask); err != nil {
			err = fmt.Errorf("importing %s: %w", repo.Relative(a.dir, ask.Path), err)
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, w := range done.Warnings {
		a.progress("runs: %s", w)
	}
	if n := len(done.Empty); n > 0 {
		a.progress("runs: skipped %s without %s: %s", plural(n, "log"), kind.what, firstNames(done.Empty))
	}
	for _, name := range done.InProgress {
		a.progress("runs: skipped %s: it has no end and changed within the last minute; import it again when it has ended", name)
	}
	a.sayLeftOut(&share.Imported{From: ask.Path, Removed: done.Removed, Refused: done.Refused})
	if asJSON {
		err = a.printJSON(importedLogsJSON{
			importedJSON: importedJSON{
				Bytes: done.Bytes, DryRun: ask.DryRun, Files: done.Files, From: ask.Path, Here: done.Present, InProgress: done.InProgress,
				Kind: kind.name, Refused: newDamageJSON(done.Refused), Removed: done.Removed, Runs: done.Runs,
			},
			Empty: done.Empty, Logs: newLogsJSON(done.Logs), Points: done.Points,
		})
	} else {
		if ask.DryRun {
			for _, l := range done.Logs {
				a.print("%s  %s", l.ID, terminal.Clean(strings.Join(slices.Compact([]string{l.Log, l.Name}), "  ")))
			}
		}
		a.sayImported(&share.Imported{From: ask.Path, Runs: done.Runs, Present: done.Present, Files: done.Files, Bytes: done.Bytes}, ask.DryRun)
	}
	if err == nil && len(done.Refused) > 0 {
		err = quietError{exitFailed}
	}
	return err
}

// firstNames is the beginning of a list.
func firstNames(names []string) string {
	const most = 5
	if len(names) > most {
		return strings.Join(names[:most], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}

type importedLogsJSON struct {
	importedJSON
	Empty  []string  `json:"empty"`
	Logs   []logJSON `json:"logs"`
	Points int64     `json:"points"`
}

type logJSON struct {
	ID   string `json:"id"`
	Key  string `json:"key"`
	Log  string `json:"log"`
	Name string `json:"name"`
}

func newLogsJSON(logs []importer.ImportedLog) []logJSON {
	list := make([]logJSON, len(logs))
	for i, l := range logs {
		list[i] = logJSON{l.ID, l.Key, l.Log, l.Name}
	}
	return list
}
