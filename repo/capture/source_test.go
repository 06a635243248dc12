package capture

import (
	"strconv"
	"testing"

	"github.com/gitruns/runs/format"
)

// TestBoundOmitted: a list that is too long keeps what a restored run misses, and its rest says whether it misses that.
func TestBoundOmitted(t *testing.T) {
	for _, c := range []struct {
		harmful, harmless int
		missing           string
		entries           int
	}{
		{0, 150, "", 99},
		{3, 150, "3 files were left out", 99},
		{150, 20, "150 files were left out", 100},
		{150, 0, "150 files were left out", 99},
		{100, 0, "100 files were left out", 100},
	} {
		captured := &Captured{Source: format.Source{Tree: "x"}}
		for i := range c.harmless {
			captured.omit(format.Omitted{Path: "n" + strconv.Itoa(i), Bytes: 1, Reason: format.OmittedOutputs})
		}
		for i := range c.harmful {
			captured.omit(format.Omitted{Path: "f" + strconv.Itoa(i), Bytes: 1, Reason: format.OmittedLarge})
		}
		captured.boundOmitted()
		list := captured.Source.Omitted
		bytes := int64(0)
		for _, o := range list {
			bytes += o.Bytes
		}
		if len(list) != c.entries || bytes != int64(c.harmful+c.harmless) {
			t.Errorf("%d and %d: %d entries with %d bytes", c.harmful, c.harmless, len(list), bytes)
		}
		if got := captured.Source.Missing(); got != c.missing {
			t.Errorf("%d and %d: %q, want %q", c.harmful, c.harmless, got, c.missing)
		}
	}
}
