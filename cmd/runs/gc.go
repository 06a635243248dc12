package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/repo/share"
)

func (a *app) gcCommand() *cobra.Command {
	var ask share.GCRequest
	var asJSON, stores bool
	cmd := &cobra.Command{
		Use:   "gc [flags]",
		Short: "Remove shared files that no run names",
		Long: `Remove the files that runs share, patches of sources, environments and manifests of data, when no run names them any more:
in a commit of its own on the default branch, and second copies in the git folder that committed runs no longer need. The
commit is made beside your index, like those of 'runs commit'; git's history keeps what it takes out.

A run counts wherever this clone has it: in the working tree, on any local or remote-tracking branch, in progress, in
.runs/trash. A branch that was not fetched is not seen: 'git fetch' first. What was needed in the last day stays too, for a
run that is about to appear.

With --stores --dry-run, name the objects of the store that no run names, on any branch of this clone or of its remotes as
they were last fetched, in the working tree or in the trash. Other clones may have runs that are not pushed: nothing is
removed from a store here.`,
		Args: arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if stores {
				if !ask.DryRun {
					return usagef("gc: --stores only names objects: give --dry-run, and remove them with the store's own tools")
				}
				return a.gcStores(cmd.Context(), asJSON)
			}
			return a.gc(cmd.Context(), ask, asJSON)
		},
	}
	cmd.Flags().BoolVar(&ask.DryRun, "dry-run", false, "only say what would be removed")
	cmd.Flags().BoolVar(&stores, "stores", false, "with --dry-run: name the objects of the store that no run names")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what was removed as JSON")
	return cmd
}

type collectedJSON struct {
	Branch    string   `json:"branch"`
	Bytes     int64    `json:"bytes"`
	Commit    *string  `json:"commit"` // null if the branch holds nothing to remove, or with --dry-run
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
	progress.Stage("reading what runs name")
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
	verb := map[bool]string{true: "would remove", false: "removed"}[ask.DryRun]
	if ask.DryRun {
		for _, name := range done.Files {
			a.print("%s", name)
		}
	}
	if n := len(done.Files); n > 0 {
		where := ""
		if done.Commit != "" {
			where = fmt.Sprintf(", in commit %s on %s", done.Commit[:10], terminal.Clean(done.Branch))
		}
		a.print("%s %s, %s%s", verb, plural(n, "shared file"), terminal.Bytes(done.Bytes), where)
	}
	if n := done.Copies; n > 0 {
		a.print("%s %s in the git folder, %s", verb, map[bool]string{true: "1 second copy", false: fmt.Sprintf("%d second copies", n)}[n == 1], terminal.Bytes(done.CopyBytes))
	}
	if len(done.Files)+done.Copies == 0 {
		a.progress("runs: no shared file is without a run")
	}
	if n := done.Recent; n > 0 {
		a.progress("runs: %s that no run names %s needed in the last day and %s", plural(n, "file"), map[bool]string{true: "was", false: "were"}[n == 1], map[bool]string{true: "stays", false: "stay"}[n == 1])
	}
	return nil
}

// objectJSON is an object of an artifact store.
type objectJSON struct {
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// gcStores names the objects of the store that no run names.
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
