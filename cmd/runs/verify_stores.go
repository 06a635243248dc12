package main

import (
	"context"
	"fmt"
	"io"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/repo/share"
)

type storeCheckJSON struct {
	Missing []missingJSON `json:"missing"`
	Objects int           `json:"objects"`
	Read    int           `json:"read"` // objects that were read back
	Store   string        `json:"store"`
}

// missingJSON is an artifact that is not in the artifact store.
type missingJSON struct {
	Bytes  int64  `json:"bytes"`
	Here   bool   `json:"here"`
	ID     string `json:"id"`
	Path   string `json:"path"`
	Reason string `json:"reason"`
	SHA256 string `json:"sha256"`
}

// verifyStores asks the artifact store for every object that the runs refer to, and reads a subset of them back.
func (a *app) verifyStores(
	ctx context.Context, selectors []string, experiment string, read share.Subset, asJSON bool,
) error {
	r, err := a.find(ctx)
	if err != nil {
		return err
	}
	c, err := a.collect(ctx, r, experiment)
	if err != nil {
		return err
	}
	entries, err := share.FinishedRuns(ctx, c, selectors)
	if err != nil {
		return err
	}
	progress := a.term.Progress("reading the artifact store")
	defer progress.Done()
	found, failed := share.VerifyStore(ctx, r, entries, read, progress.Bytes)
	progress.Done()
	if found == nil {
		return failed
	}
	if asJSON {
		list := make([]missingJSON, len(found.Missing))
		for i, m := range found.Missing {
			list[i] = missingJSON{m.Bytes, m.Here, m.ID, m.Path, m.Reason, m.SHA256}
		}
		err = a.printJSON(storeCheckJSON{list, found.Objects, found.Read, found.Store})
	} else {
		err = a.term.Page(ctx, func(w io.Writer) error { return a.writeStoreCheck(w, found) })
	}
	if err == nil && failed != nil {
		return failed
	}
	if err == nil && len(found.Missing) > 0 {
		err = quietError{exitFailed}
	}
	return err
}

func (a *app) writeStoreCheck(w io.Writer, found *share.StoreCheck) error {
	if len(found.Missing) > 0 {
		tb := terminal.Table{Columns: []terminal.Column{
			{Title: "run"}, {Title: "artifact", Flexible: true, Name: true}, {Title: "in the store"}, {Title: "this machine"},
		}}
		for _, m := range found.Missing {
			here := map[bool]string{true: "yes", false: "no"}[m.Here]
			tb.Rows = append(tb.Rows, []terminal.Cell{
				{Text: m.ID}, {Text: m.Path}, {Text: m.Reason, Style: terminal.Red}, {Text: here},
			})
		}
		if err := tb.Write(w, a.term); err != nil {
			return err
		}
		if _, err := io.WriteString(w, "\n"); err != nil {
			return err
		}
	}
	how := "only names and sizes were checked"
	if found.Read > 0 {
		how = fmt.Sprintf("%d %s read back", found.Read, verb(found.Read, "was", "were"))
	}
	damaged := 0
	for _, m := range found.Missing {
		if m.Reason != "missing" {
			damaged++
		}
	}
	text := plural(len(found.Missing)-damaged, "artifact") + " not in the store"
	if damaged > 0 {
		text += ", " + plural(damaged, "artifact") + " damaged in it"
	}
	_, err := fmt.Fprintf(w, "%s named by runs: %s; %s\n", plural(found.Objects, "object"), text, how)
	return err
}
