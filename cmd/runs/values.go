package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/gitruns/runs/cmd/internal/render"
	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/query"
)

// values prints the non-numeric values of a run. It prints one short line per value, or complete values for CSV and
// JSON.
func (a *app) values(ctx context.Context, f *metricsFlags, e *repo.Entry, keys []string) error {
	if err := a.checkValueKeys(ctx, e, keys); err != nil {
		return err
	}
	return a.page(ctx, f, func(w io.Writer) error {
		out := &valueWriter{newRowWriter(w, f), a.term}
		if err := out.begin(); err != nil {
			return err
		}
		var key string
		var held *format.Value // with --last: the newest value of key so far
		_, err := e.EachValue(ctx, func(k string, v format.Value) error {
			switch {
			case len(keys) > 0 && !slices.Contains(keys, k):
				return nil
			case !f.last:
				return out.value(k, v)
			}
			if held != nil && k != key {
				if err := out.value(key, *held); err != nil {
					return err
				}
			}
			key, held = k, &v
			return nil
		})
		if err == nil && held != nil {
			err = out.value(key, *held)
		}
		if err != nil {
			return err
		}
		return out.end()
	})
}

// checkValueKeys returns an error if the values are not in this clone or if the run has no value for one of the keys.
func (a *app) checkValueKeys(ctx context.Context, e *repo.Entry, keys []string) error {
	has := map[string]bool{}
	enough := errors.New("the first value is enough") // without keys, whether there are values is all that matters
	here, err := e.EachValue(ctx, func(key string, _ format.Value) error {
		if has[key] = true; len(keys) == 0 {
			return enough
		}
		return nil
	})
	switch {
	case errors.Is(err, enough):
		return nil
	case err != nil:
		return err
	case !here:
		return &repo.HintError{
			Err: fmt.Errorf("reading the values of run %s: they are not in this clone", e.ID),
			Hint: "read them on the machine that recorded them, or add values.parquet to commit.include " +
				"in .runs/config.toml there",
		}
	}
	for _, key := range keys {
		if !has[key] {
			reason := fmt.Sprintf("run %s has no such value; its values: %s", e.ID, query.Names(has))
			return &query.NotFoundError{Selector: key, Reason: reason}
		}
	}
	return nil
}

// valueWriter writes values.
type valueWriter struct {
	rowWriter
	term *terminal.Terminal
}

func (o *valueWriter) begin() error {
	return o.rowWriter.begin(fmt.Sprintf("%10s  %-19s  %s\n", "STEP", "TIME", "KEY = VALUE"))
}

func (o *valueWriter) value(key string, v format.Value) error {
	t := time.UnixMicro(v.Time).UTC()
	switch {
	case o.f.json:
		return o.json(key, v.Step, t, func(b []byte) []byte { return append(b, visible(v.JSON)...) })
	case o.f.csv:
		return o.csvRow(key, v.Step, t, visible(v.JSON))
	}
	head := fmt.Sprintf("%10d  %s  ", v.Step, t.Local().Format(time.DateTime))
	_, err := fmt.Fprintf(o.w, "%s%s\n", head, o.term.Fold(terminal.Clean(key)+" = "+render.ValueText(v.JSON), len(head)))
	return err
}

// visible returns a JSON value on one line, in a form that is safe to show even if a stranger wrote it. It escapes
// control characters and marks that change the direction of text, which does not change the value.
func visible(value string) string {
	var b bytes.Buffer
	if json.Compact(&b, []byte(value)) != nil {
		return `""` // the reader rejects invalid JSON
	}
	text := b.String()
	if !strings.ContainsFunc(text, format.IsHidden) {
		return text
	}
	var out strings.Builder
	for _, r := range text {
		if format.IsHidden(r) { // hidden characters occur only in strings
			fmt.Fprintf(&out, `\u%04X`, r)
			continue
		}
		out.WriteRune(r)
	}
	return out.String()
}
