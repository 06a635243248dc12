package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/share"
	"github.com/gitruns/runs/repo/tensorboard"
)

// tensorBoardKind is what import calls a folder of event files.
const tensorBoardKind = "tensorboard"

// importKinds are the kinds of what import reads.
func importKinds() []string { return append(slices.Clone(share.ImportKinds), tensorBoardKind) }

// importTensorBoard makes runs of logs of TensorBoard.
func (a *app) importTensorBoard(ctx context.Context, ask tensorboard.ImportRequest, asJSON bool) error {
	if err := tensorboard.CheckFolder(ask.Path); err != nil {
		return fmt.Errorf("importing %s: %w", repo.Relative(a.dir, ask.Path), importHint(err))
	}
	var done *tensorboard.Imported
	err := a.takeIn(ctx, ask.DryRun, func(r *repo.Repository, tell func(done, total int)) (err error) {
		ask.Tell = tell
		done, err = tensorboard.Import(ctx, r, ask)
		return err
	})
	if err != nil {
		return err
	}
	for _, w := range done.Warnings {
		a.say("runs: %s", w)
	}
	if done.Empty > 0 {
		a.say("runs: left out: %s without a point, text, image or param", plural(done.Empty, "log"))
	}
	a.sayLeftOut(&share.Imported{From: ask.Path, Removed: done.Removed, Refused: done.Refused})
	if asJSON {
		err = a.printJSON(map[string]any{
			"kind": tensorBoardKind, "from": ask.Path, "runs": append([]string{}, done.Runs...), "here": append([]string{}, done.Here...),
			"notes": int64(0), "removed": append([]string{}, done.Removed...), "in_progress": []string{},
			"refused": damageJSON(done.Refused), "files": int64(done.Files), "bytes": done.Bytes, "points": done.Points, "dry_run": ask.DryRun,
		})
	} else {
		a.sayImported(&share.Imported{From: ask.Path, Runs: done.Runs, Here: done.Here, Files: done.Files, Bytes: done.Bytes}, ask.DryRun)
	}
	if err == nil && len(done.Refused) > 0 {
		err = quietError{exitFailed}
	}
	return err
}
