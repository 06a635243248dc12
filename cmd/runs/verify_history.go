package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/repo/share"
)

// verifyHistory verifies the runs in commits. It works in projects and in bare repositories.
func (a *app) verifyHistory(ctx context.Context, revs []string, asJSON bool) error {
	for _, rev := range revs {
		if strings.Trim(rev, "^") == "" {
			return usagef("verify: REV must not be empty, got %q", rev)
		}
	}
	dirs, at, err := share.FindHistory(ctx, a.dir)
	if err != nil {
		return err
	}
	progress := a.term.Progress("verifying")
	defer progress.Done()
	h, err := share.VerifyHistory(ctx, dirs, share.HistoryRequest{At: at, Revs: revs, Progress: progress.Count})
	progress.Done()
	if err != nil {
		return err
	}
	if asJSON {
		err = a.printJSON(newHistoryJSON(h))
	} else {
		err = a.term.Page(ctx, func(w io.Writer) error { return a.writeHistory(w, h) })
	}
	if err == nil && len(h.Problems) > 0 {
		err = quietError{exitFailed}
	}
	return err
}

type historyJSON struct {
	Commits   int                    `json:"commits"`
	Folders   []string               `json:"folders"`
	OK        bool                   `json:"ok"`
	Partial   bool                   `json:"partial"`
	Problems  []historyProblemJSON   `json:"problems"`
	Redacted  []historyRedactionJSON `json:"redacted"`
	Runs      int                    `json:"runs"`
	Shallow   bool                   `json:"shallow"`
	Shared    int                    `json:"shared"`
	Tips      []string               `json:"tips"`
	Unchecked int                    `json:"unchecked"`
	Unknown   []historyReferenceJSON `json:"unknown"`
	Without   []string               `json:"without"`
}

type historyProblemJSON struct {
	Commit *string `json:"commit"`
	ID     *string `json:"id"`
	Path   *string `json:"path"`
	Reason string  `json:"reason"`
	Runs   string  `json:"runs"`
}

type historyRedactionJSON struct {
	Commit string   `json:"commit"`
	Files  []string `json:"files"`
	ID     string   `json:"id"`
	Runs   string   `json:"runs"`
}

type historyReferenceJSON struct {
	ID    string `json:"id"`
	Key   string `json:"key"`
	Names string `json:"names"`
}

func newHistoryJSON(h *share.History) historyJSON {
	problems := make([]historyProblemJSON, len(h.Problems))
	for i, p := range h.Problems {
		problems[i] = historyProblemJSON{orNull(p.Commit), orNull(p.ID), orNull(p.Path), p.Reason, p.Runs}
	}
	redacted := make([]historyRedactionJSON, len(h.Redacted))
	for i, r := range h.Redacted {
		redacted[i] = historyRedactionJSON{r.Commit, r.Files, r.ID, r.Runs}
	}
	unknown := make([]historyReferenceJSON, len(h.Unknown))
	for i, r := range h.Unknown {
		unknown[i] = historyReferenceJSON{r.ID, r.Key, r.Names}
	}
	return historyJSON{
		Commits: h.Commits, Folders: h.Folders, OK: len(h.Problems) == 0, Partial: h.Partial, Problems: problems,
		Redacted: redacted, Runs: h.Runs, Shallow: h.Shallow, Shared: h.Shared, Tips: h.Tips, Unchecked: h.Unchecked,
		Unknown: unknown, Without: h.Without,
	}
}

// shownReferences is the maximum number of references to unknown runs to list.
const shownReferences = 5

func (a *app) writeHistory(w io.Writer, h *share.History) error {
	problems := a.newProblemList(w)
	for _, p := range h.Problems {
		noun, what, where := "run", "run "+p.ID, ""
		if p.ID == "" {
			noun, what = "file", p.Path
		} else if len(h.Folders) > 1 {
			where = " of " + p.Runs
		}
		if p.Commit != "" {
			where += fmt.Sprintf(", in %.10s", p.Commit)
		}
		problems.add(isDamaged, noun, what, where, p.Reason)
	}
	problems.rest()
	inCommit := map[string]int{}
	for _, r := range h.Redacted {
		if inCommit[r.Commit]++; inCommit[r.Commit] > maxSame {
			continue
		}
		what := "run " + r.ID
		if len(h.Folders) > 1 {
			what += " of " + terminal.Clean(r.Runs)
		}
		fmt.Fprintf(w, "redacted %s, in %.10s: %s\n", what, r.Commit, terminal.Clean(strings.Join(r.Files, ", ")))
	}
	for _, commit := range slices.Sorted(maps.Keys(inCommit)) {
		if n := inCommit[commit] - maxSame; n > 0 {
			fmt.Fprintf(w, "redacted %s, in %.10s; use --json to list all\n", plural(n, "more run"), commit)
		}
	}
	for i, r := range h.Unknown {
		if i == shownReferences {
			fmt.Fprintf(w, "and %d more references to runs that are not in this history\n", len(h.Unknown)-i)
			break
		}
		fmt.Fprintf(w, "run %s: %s is not in this history:\n        %s\n", r.ID, r.Key, r.Names)
	}
	if h.Shallow {
		fmt.Fprintln(w, "the clone is shallow: older commits were not verified")
	}
	verdict := a.term.Paint(terminal.Green, "all as recorded")
	if h.Unchecked > 0 {
		skipped := verb(h.Unchecked, "1 run or file was", fmt.Sprintf("%d runs or files were", h.Unchecked))
		fmt.Fprintf(w, "the clone is partial: %s not verified\n", skipped)
		fmt.Fprintln(w, "run 'git fetch --refetch --no-filter' to fetch what is missing")
		verdict = a.term.Paint(terminal.Yellow, "what is in this clone is as recorded")
	}
	if n := len(h.Problems); n > 0 {
		verdict = a.term.Paint(terminal.Red, plural(n, "problem"))
	}
	_, err := fmt.Fprintf(w, "%s, %s, %s: %s\n",
		plural(h.Commits, "commit"), plural(h.Runs, "run"), plural(h.Shared, "shared file"), verdict)
	return err
}
