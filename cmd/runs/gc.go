package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/share"
)

func (a *app) gcCommand() *cobra.Command {
	var ask share.GCRequest
	var asJSON, stores bool
	cmd := &cobra.Command{
		Use:   "gc [flags]",
		Short: "Remove shared files that no run needs",
		Long: `Remove shared files (patches, environments and dataset manifests) that no run refers
to any more. They are removed in a commit of their own on the default branch,
which leaves your staged and unstaged changes as they are. Git's history keeps them.
gc also removes duplicate copies of shared files in the Git folder, if the runs that
need them are committed.

    runs gc --dry-run
    runs gc

A file is kept if any run in this clone refers to it: a run in the working tree, on a
local or remote-tracking branch, in progress, or in the trash. Run 'git fetch'
first, because branches that were not fetched do not count. A file that was needed
in the last day is kept too. A run that 'runs rm' removed 30 days ago, and that is
not in .runs/trash any more, is removed for good.

With --stores --dry-run, list the objects of the artifact store that no run names on
any branch of this clone. Runs in other clones may need them, so gc removes nothing
from a store.`,
		Args: arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if stores {
				if !ask.DryRun {
					err := usagef("gc: --stores requires --dry-run")
					return &repo.HintError{Err: err, Hint: "delete the listed objects with the store's own tools"}
				}
				return a.gcStores(cmd.Context(), asJSON)
			}
			return a.gc(cmd.Context(), ask, asJSON)
		},
	}
	cmd.Flags().BoolVar(&ask.DryRun, "dry-run", false, "print what would be removed and remove nothing")
	cmd.Flags().BoolVar(&stores, "stores", false, "with --dry-run, list objects of the artifact store that no run names")
	a.storeFlags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what was removed as JSON")
	return cmd
}

type collectedJSON struct {
	Branch    string   `json:"branch"`
	Bytes     int64    `json:"bytes"`
	Commit    *string  `json:"commit"` // null if there is nothing to remove on the branch, or with --dry-run
	Copies    int      `json:"copies"`
	CopyBytes int64    `json:"copy_bytes"`
	DryRun    bool     `json:"dry_run"`
	Files     []string `json:"files"`
	Spared    int      `json:"spared"`
}

func (a *app) gc(ctx context.Context, ask share.GCRequest, asJSON bool) error {
	r, err := a.find(ctx)
	if err != nil {
		return err
	}
	progress := a.term.Progress("collecting shared files")
	defer progress.Done()
	progress.Stage("finding the files that runs need")
	if !ask.DryRun {
		a.tidyStore(ctx, r)
		r.ClearStaleCopies()
		n, err := r.ClearTrash()
		if err != nil {
			return fmt.Errorf("clearing the trash: %w", err)
		}
		if n > 0 {
			a.progress("runs: removed the last %s of %s, removed over 30 days ago", verb(n, "copy", "copies"), plural(n, "run"))
		}
	}
	done, err := share.GC(ctx, r, ask)
	progress.Done()
	if err != nil {
		return err
	}
	if asJSON {
		return a.printJSON(collectedJSON{
			Branch: done.Branch, Bytes: done.Bytes, Commit: orNull(done.Commit), Copies: done.Copies, CopyBytes: done.CopyBytes,
			DryRun: ask.DryRun, Files: done.Files, Spared: done.Recent,
		})
	}
	removed := "removed"
	if ask.DryRun {
		removed = "would remove"
		for _, name := range done.Files {
			a.print("%s", name)
		}
	}
	if n := len(done.Files); n > 0 {
		where := ""
		if done.Commit != "" {
			where = fmt.Sprintf(", in commit %s on %s", done.Commit[:10], terminal.Clean(done.Branch))
		}
		a.print("%s %s, %s%s", removed, plural(n, "shared file"), terminal.Bytes(done.Bytes), where)
	}
	if n := done.Copies; n > 0 {
		copies := fmt.Sprintf("%d duplicate %s", n, verb(n, "copy", "copies"))
		a.print("%s %s in the Git folder, %s", removed, copies, terminal.Bytes(done.CopyBytes))
	}
	if len(done.Files)+done.Copies == 0 {
		a.progress("runs: nothing to remove")
	}
	if n := done.Recent; n > 0 {
		a.progress("runs: kept %s that no run names: %s needed in the last day",
			plural(n, "file"), verb(n, "it was", "they were"))
	}
	return nil
}

// objectJSON is an object in an artifact store.
type objectJSON struct {
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// gcStores lists the objects in the artifact store that no run refers to.
func (a *app) gcStores(ctx context.Context, asJSON bool) error {
	r, err := a.find(ctx)
	if err != nil {
		return err
	}
	unnamed, err := share.UnreferencedObjects(ctx, r)
	if err != nil {
		return err
	}
	if asJSON {
		list := make([]objectJSON, len(unnamed))
		for i, o := range unnamed {
			list[i] = objectJSON{o.Size, o.Digest}
		}
		return a.printJSON(list)
	}
	total := int64(0)
	for _, o := range unnamed {
		total += o.Size
		a.print("%s  %s", o.Digest, terminal.Bytes(o.Size))
	}
	a.progress("runs: %s that no run names, %s", plural(len(unnamed), "object"), terminal.Bytes(total))
	return nil
}
