package main

import (
	"context"
	"io"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/share"
)

// verifyStores asks the store for every object that the runs name.
func (a *app) verifyStores(ctx context.Context, r *repo.Repository, entries []*repo.Entry, asJSON bool) error {
	found, err := share.VerifyStore(ctx, r, entries)
	if err != nil {
		return err
	}
	if asJSON {
		list := []any{}
		for _, m := range found.Missing {
			list = append(list, map[string]any{"id": m.ID, "path": m.Path, "sha256": m.SHA256, "bytes": m.Bytes, "here": m.Here, "reason": m.Reason})
		}
		err = a.printJSON(map[string]any{"store": found.Store, "objects": int64(found.Objects), "missing": list})
	} else {
		err = a.term.Page(ctx, func(w io.Writer) error { return a.writeStoreCheck(w, found) })
	}
	if err == nil && len(found.Missing) > 0 {
		err = quietError{exitFailed}
	}
	return err
}

func (a *app) writeStoreCheck(w io.Writer, found *share.StoreCheck) error {
	if len(found.Missing) > 0 {
		tb := terminal.Table{Columns: []terminal.Column{{Title: "run"}, {Title: "artifact", Flexible: true}, {Title: "in the store"}, {Title: "here"}}}
		for _, m := range found.Missing {
			tb.Rows = append(tb.Rows, []terminal.Cell{{Text: m.ID}, {Text: m.Path}, {Text: m.Reason, Style: terminal.Red}, {Text: map[bool]string{true: "yes", false: "no"}[m.Here]}})
		}
		if err := tb.Write(w, a.term); err != nil {
			return err
		}
		if _, err := io.WriteString(w, "\n"); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, plural(found.Objects, "object")+" named by runs: "+plural(len(found.Missing), "artifact")+" not in the store\n")
	return err
}
