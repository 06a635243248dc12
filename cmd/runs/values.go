package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gitruns/runs/cmd/internal/render"
	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/query"
)

// values prints what was logged and is no number: JSON values as they were, one short line each for people.
func (a *app) values(ctx context.Context, f *metricsFlags, e *repo.Entry, keys []string) error {
	if err := a.checkValueKeys(ctx, e, keys); err != nil {
		return err
	}
	return a.page(ctx, f.json || f.csv, func(w io.Writer) error {
		out := &valueWriter{w: bufio.NewWriterSize(w, 64<<10), f: f}
		if err := out.begin(); err != nil {
			return err
		}
		var key string
		var held *format.Value // the newest of key, with --last
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

// checkValueKeys makes sure that the values are here, and that the run has those that are named.
func (a *app) checkValueKeys(ctx context.Context, e *repo.Entry, keys []string) error {
	has := map[string]bool{}
	here, err := e.EachValue(ctx, func(key string, _ format.Value) error {
		has[key] = true
		return nil
	})
	switch {
	case err != nil:
		return err
	case !here:
		return &repo.HintError{Err: fmt.Errorf("values of run %s: they are not here", e.ID), Hint: "large ones stay on the machine that recorded them; commit.include of .runs/config.toml commits them"}
	}
	for _, key := range keys {
		if !has[key] {
			all := slices.Sorted(maps.Keys(has))
			if len(all) > 10 {
				all = append(all[:10], "…")
			}
			if len(all) == 0 {
				all = []string{"none"}
			}
			return &query.NotFoundError{Selector: key, Reason: fmt.Sprintf("run %s has no such value; it has %s", e.ID, terminal.Clean(strings.Join(all, ", ")))}
		}
	}
	return nil
}

// valueWriter writes values as text, CSV or JSON, one by one.
type valueWriter struct {
	w    *bufio.Writer
	f    *metricsFlags
	csv  *csv.Writer
	some bool
	buf  []byte
}

func (o *valueWriter) begin() error {
	switch {
	case o.f.json:
		return o.w.WriteByte('[')
	case o.f.csv:
		o.csv = csv.NewWriter(o.w)
		return o.csv.Write([]string{"key", "step", "time", "value"})
	}
	_, err := fmt.Fprintf(o.w, "%10s  %-19s  %s\n", "STEP", "TIME", "KEY = VALUE")
	return err
}

func (o *valueWriter) value(key string, v format.Value) error {
	t := time.UnixMicro(v.Time).UTC()
	switch {
	case o.f.json:
		o.buf = o.buf[:0]
		if o.some {
			o.buf = append(o.buf, ',', '\n')
		}
		o.some = true
		o.buf = append(o.buf, `{"key":`...)
		o.buf = format.AppendJSON(o.buf, key)
		o.buf = append(o.buf, `,"step":`...)
		o.buf = strconv.AppendInt(o.buf, v.Step, 10)
		o.buf = append(o.buf, `,"time":`...)
		o.buf = format.AppendJSON(o.buf, t)
		o.buf = append(append(o.buf, `,"value":`...), visible(v.JSON)...)
		_, err := o.w.Write(append(o.buf, '}'))
		return err
	case o.f.csv:
		return o.csv.Write([]string{key, strconv.FormatInt(v.Step, 10), t.Format("2006-01-02T15:04:05.999999Z"), visible(v.JSON)})
	}
	_, err := fmt.Fprintf(o.w, "%10d  %s  %s = %s\n", v.Step, t.Local().Format(time.DateTime), terminal.Clean(key), render.ValueText(v.JSON))
	return err
}

// visible is JSON of a file that came from anywhere, on one line, with its control characters and marks that turn text
// escaped: the same value, whatever shows it.
func visible(value string) string {
	var b bytes.Buffer
	if json.Compact(&b, []byte(value)) != nil {
		return `""` // the reader lets none such through
	}
	text := b.String()
	if !strings.ContainsFunc(text, format.IsHidden) {
		return text
	}
	var out strings.Builder
	for _, r := range text {
		if format.IsHidden(r) { // only within a string
			fmt.Fprintf(&out, `\u%04X`, r)
			continue
		}
		out.WriteRune(r)
	}
	return out.String()
}

func (o *valueWriter) end() error {
	if o.csv != nil {
		o.csv.Flush()
		if err := o.csv.Error(); err != nil {
			return err
		}
	}
	if o.f.json {
		if _, err := o.w.WriteString("]\n"); err != nil {
			return err
		}
	}
	return o.w.Flush()
}
