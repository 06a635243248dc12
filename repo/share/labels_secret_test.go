package share

import (
	"bytes"
	"strings"
	"testing"

	"github.com/gitruns/runs/format"
)

// A commit searches the labels of points for secrets, of which the record says nothing.
func TestSecretInLabels(t *testing.T) {
	token := "ghp_" + strings.Repeat("aB3dE6gH9", 4)
	var file bytes.Buffer
	s := format.NewPointSorter(t.TempDir())
	for i, model := range []string{"m-1", token, "m-2"} {
		l, err := format.NewLabels(map[string]any{"model": model})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Add("loss", format.Point{Step: int64(i), Labels: l}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.WriteParquet(&file); err != nil {
		t.Fatal(err)
	}
	name := "2026-11-25/20261125-033041-747d1vby/" + format.MetricsName
	finds, err := searchContent(t.Context(), name, bytes.NewReader(file.Bytes()), int64(file.Len()))
	if err != nil || len(finds) != 1 || finds[0].Rule != "github-token" || finds[0].Line != 2 {
		t.Errorf("%+v, %v", finds, err)
	}
}
