package repo

import (
	"bytes"
	"context"
	"io"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/secret"
)

// SearchLabels searches the labels of the points in a metrics.parquet of size bytes, whose digest the caller has
// verified. The Line of a finding is the number of the different labels, counted from 1.
func SearchLabels(ctx context.Context, r io.ReaderAt, size int64) ([]secret.Find, error) {
	m, err := format.OpenMetrics(r, size)
	if err != nil {
		return nil, err
	}
	return searchLabels(ctx, m)
}

func searchLabels(ctx context.Context, m *format.Metrics) ([]secret.Find, error) {
	sets, err := m.LabelSets(ctx)
	if err != nil || len(sets) == 0 {
		return nil, err
	}
	var text bytes.Buffer
	for _, l := range sets {
		text.WriteString(labelLine(l) + "\n")
	}
	finds, err := secret.Search(ctx, bytes.NewReader(text.Bytes()), int64(text.Len()), secret.Plain)
	for i := range finds {
		finds[i].Column, finds[i].From, finds[i].To = 0, 0, 0
	}
	return finds, err
}

// labelLine returns labels on one line, as they were logged.
func labelLine(l format.Labels) string {
	return string(bytes.ReplaceAll([]byte(l.Text()), []byte("\n"), []byte(" ")))
}
