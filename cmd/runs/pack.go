package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/share"
)

func (a *app) packCommand() *cobra.Command {
	var ask share.PackRequest
	var older string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "pack [flags]",
		Short: "Move committed runs into batches",
		Long: `Move committed runs into batches, by one commit on the runs branch. A batch is one
folder of two to four files with the runs of a day. A run in a batch is listed,
read, verified and annotated like any other.

    runs pack --older 30d --dry-run
    runs pack --older 30d

Each batch is read back and compared with the runs before their own files are
removed. Small batches of a day are joined, and runs that 'runs rm' removed are
dropped from their batches. Annotations stay where they are, and so does what is
not committed. Git's history keeps the former files.

If a merge, rebase, cherry-pick or stash has left conflicts in .runs, pack settles
them instead, in the index and the working tree: what one side has redacted or
removed stays so. Then conclude with 'git commit' or 'git rebase --continue'.

A run with a file of more than 32 MiB, or with artifacts in Git LFS, keeps its
folder. Older versions of runs cannot read batches: .runs/config.toml then says
that they must be upgraded.`,
		Args: arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if older != "" {
				var ok bool
				if ask.Older, ok = parseAge(older); !ok {
					return usagef("pack: --older must be a duration such as 30d or 12h, got %q", older)
				}
			}
			return a.pack(cmd.Context(), ask, asJSON)
		},
	}
	cmd.Flags().StringVar(&older, "older", "", "pack only runs that started longer than `DURATION` ago")
	cmd.Flags().BoolVar(&ask.DryRun, "dry-run", false, "print what would be packed and change nothing")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what was packed as JSON")
	return cmd
}

// parseAge parses a number of days, such as 30d, or a duration.
func parseAge(text string) (time.Duration, bool) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.Atoi(days)
		return time.Duration(n) * 24 * time.Hour, err == nil && n >= 0 && n <= 36500
	}
	d, err := time.ParseDuration(text)
	return d, err == nil && d >= 0
}

type packedJSON struct {
	Batches     int      `json:"batches"`
	Branch      string   `json:"branch"`
	Commit      *string  `json:"commit"` // null if there is nothing to pack, or with --dry-run
	DryRun      bool     `json:"dry_run"`
	Dropped     []string `json:"dropped"`
	FilesAfter  int      `json:"files_after"`
	FilesBefore int      `json:"files_before"`
	Moved       int      `json:"moved"` // runs that had a folder of their own
	Runs        int      `json:"runs"`
	Settled     []string `json:"settled"`
}

func (a *app) pack(ctx context.Context, ask share.PackRequest, asJSON bool) error {
	r, err := a.find(ctx)
	if err != nil {
		return err
	}
	progress := a.term.Progress("packing runs")
	defer progress.Done()
	done, err := share.Pack(ctx, r, ask)
	progress.Done()
	if err != nil {
		return err
	}
	a.warnAll(done.Warnings)
	if done.Merge != nil {
		return a.reportSettled(done.Merge, ask.DryRun, asJSON)
	}
	if asJSON {
		return a.printJSON(packedJSON{
			Batches: len(done.Batches), Branch: done.Branch, Commit: orNull(done.Commit), DryRun: ask.DryRun,
			Dropped: orEmpty(done.Dropped), FilesAfter: done.After, FilesBefore: done.Before, Moved: done.Moved, Runs: done.Runs,
			Settled: orEmpty(done.Settled),
		})
	}
	switch {
	case ask.DryRun && done.Runs+len(done.Dropped) > 0:
		a.print("would %s", describePacked(done, false))
	case done.Commit == "":
		a.print("nothing to pack")
	default:
		files := ""
		if done.After != done.Before {
			files = fmt.Sprintf(": %s instead of %s", plural(done.After, "file"), plural(done.Before, "file"))
		}
		a.print("%s in %.10s%s", describePacked(done, true), done.Commit, files)
		a.printFirst(done.Settled, "settled runs", func(id string) {
			a.print("settled run %s: its redacted version stays", id)
		})
	}
	return nil
}

// settledJSON is printed if a pack settled the conflicts of a merge.
type settledJSON struct {
	Conflicts int  `json:"conflicts"` // files in a conflict that do not belong to runs
	DryRun    bool `json:"dry_run"`
	Files     int  `json:"files"` // that were replaced
	// Joined lists the runs that both sides had redacted.
	Joined []string `json:"joined"`
}

func (a *app) reportSettled(done *share.SettledMerge, dry, asJSON bool) error {
	if asJSON {
		return a.printJSON(settledJSON{Conflicts: done.Rest, DryRun: dry, Files: done.Files, Joined: done.Joined})
	}
	if dry {
		a.print("would settle the conflicts in .runs")
		return nil
	}
	a.print("settled the conflicts in .runs: %s", plural(done.Files, "file"))
	for _, id := range done.Joined {
		a.print("both redactions of run %s are in it", format.IDRandom(id))
	}
	next, _, _ := strings.Cut(done.End, " or ")
	if done.Rest > 0 {
		a.progress("runs: %s of your own still %s a conflict: run 'git status'", plural(done.Rest, "file"),
			verb(done.Rest, "has", "have"))
	} else {
		a.progress("runs: run %s to conclude", next)
	}
	return nil
}

// describePacked says what a pack did, or what it would do.
func describePacked(done *share.Packed, past bool) string {
	verbs := map[string]string{"pack": "packed", "join": "joined", "drop": "dropped", "rewrite": "rewrote"}
	say := func(verb, what string) string {
		if past {
			verb = verbs[verb]
		}
		return verb + " " + what
	}
	var parts []string
	into := " into " + batchCount(len(done.Batches))
	if done.Moved > 0 {
		parts = append(parts, say("pack", plural(done.Moved, "run")+into))
	} else if done.Joined > 0 && len(done.Batches) == 0 {
		parts = append(parts, say("drop", "repeated "+batchCount(done.Joined)))
	} else if done.Joined > 0 {
		parts = append(parts, say("join", batchCount(done.Joined)+into))
	}
	if n := len(done.Dropped); n > 0 {
		parts = append(parts, say("drop", plural(n, "removed run")))
	}
	if len(parts) == 0 {
		parts = append(parts, say("rewrite", batchCount(len(done.Batches))))
	}
	return strings.Join(parts, ", ")
}

// orEmpty returns a list that is not null in JSON.
func orEmpty(list []string) []string { return append([]string{}, list...) }

func batchCount(n int) string {
	if n == 1 {
		return "1 batch"
	}
	return strconv.Itoa(n) + " batches"
}
