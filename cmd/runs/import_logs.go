package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/importer"
	"github.com/gitruns/runs/repo/ingest"
	"github.com/gitruns/runs/repo/share"
)

// importLogs converts the logs of another tracker to runs.
func (a *app) importLogs(ctx context.Context, tracker *ingest.Tracker, ask importer.Request, asJSON bool) error {
	check := importer.CheckFolder
	if tracker.File {
		check = importer.CheckPath
	}
	if err := check(ask.Path); err != nil {
		return fmt.Errorf("importing %s: %w", repo.Relative(a.dir, ask.Path), importHint(err))
	}
	var done *importer.Imported
	err := a.importInto(ctx, ask.DryRun, func(r *repo.Repository, progress func(done, total int)) (err error) {
		ask.Progress = progress
		if done, err = tracker.Import(ctx, r, ask); err != nil {
			err = fmt.Errorf("importing %s: %w", repo.Relative(a.dir, ask.Path), err)
		}
		return err
	})
	if err != nil {
		return err
	}
	a.warnAll(done.Warnings)
	if n := len(done.Empty); n > 0 {
		a.progress("runs: skipped %s without %s: %s", plural(n, "log"), tracker.Content, firstNames(done.Empty))
	}
	for _, name := range done.InProgress {
		a.progress("runs: skipped %s: it has not ended and changed within the last minute; import it when it has ended", name)
	}
	if len(done.LeftOut) > 0 {
		parts := make([]string, len(done.LeftOut))
		for i, l := range done.LeftOut {
			parts[i] = plural(int(l.Count), terminal.Clean(l.What))
		}
		a.progress("runs: left out: %s", strings.Join(parts, ", "))
	}
	a.reportSkipped(&share.Imported{From: ask.Path, Removed: done.Removed, Refused: done.Refused})
	if asJSON {
		err = a.printJSON(importedLogsJSON{
			importedJSON: importedJSON{
				Bytes: done.Bytes, DryRun: ask.DryRun, Files: done.Files, From: ask.Path, Here: done.Present,
				InProgress: done.InProgress, Kind: tracker.Kind, Refused: newDamageJSON(done.Refused),
				Removed: done.Removed, Runs: done.Runs,
			},
			Empty: done.Empty, LeftOut: newLeftOutJSON(done.LeftOut), Logs: newLogsJSON(done.Logs),
			Models: orEmpty(done.Models), Points: done.Points, Versions: orEmpty(done.Versions),
		})
	} else {
		if ask.DryRun {
			for _, l := range done.Logs {
				a.print("%s  %s", l.ID, terminal.Clean(strings.Join(slices.Compact([]string{l.Log, l.Name}), "  ")))
			}
		}
		if ask.DryRun {
			for _, version := range done.Versions {
				a.print("%s", terminal.Clean(version))
			}
		}
		a.reportImported(&share.Imported{
			From: ask.Path, Runs: done.Runs, Present: done.Present, Files: done.Files, Bytes: done.Bytes,
		}, ask.DryRun, registryParts(done)...)
	}
	if err == nil && len(done.Refused) > 0 {
		err = quietError{exitFailed}
	}
	return err
}

// registryParts counts what an import added to the registry of models.
func registryParts(done *importer.Imported) (parts []string) {
	if n := len(done.Models); n > 0 {
		parts = append(parts, plural(n, "model"))
	}
	if n := len(done.Versions); n > 0 {
		parts = append(parts, plural(n, "model version"))
	}
	return parts
}

// firstNames joins the first names of a list.
func firstNames(names []string) string {
	const most = 5
	if len(names) > most {
		return strings.Join(names[:most], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}

type importedLogsJSON struct {
	importedJSON
	Empty    []string      `json:"empty"`
	LeftOut  []leftOutJSON `json:"left_out"`
	Logs     []logJSON     `json:"logs"`
	Models   []string      `json:"models"`
	Points   int64         `json:"points"`
	Versions []string      `json:"versions"`
}

type leftOutJSON struct {
	Count int64  `json:"count"`
	What  string `json:"what"`
}

func newLeftOutJSON(left []importer.LeftOut) []leftOutJSON {
	list := make([]leftOutJSON, len(left))
	for i, l := range left {
		list[i] = leftOutJSON{l.Count, l.What}
	}
	return list
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
