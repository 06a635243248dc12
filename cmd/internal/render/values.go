package render

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// lookedAtValues is the largest file of values, in bytes, that is read to show a run.
const lookedAtValues = 64 << 20

// shownValue is the maximum length of a value, in characters.
const shownValue = 100

// values shows the last value of each key that has non-numeric values.
func (v Run) values(ctx context.Context, p *page, e *repo.Entry) {
	if n := e.ValuesBytes(); e.Active == nil && (n == 0 || n > lookedAtValues) {
		return // the list of files shows the size of a large file
	}
	type latest struct {
		format.Value
		count int
	}
	last := map[string]latest{}
	here, err := e.EachValue(ctx, func(key string, value format.Value) error {
		last[key] = latest{value, last[key].count + 1}
		return nil
	})
	if len(last) > 0 || err != nil || !here {
		p.title("values")
	}
	for _, key := range slices.Sorted(maps.Keys(last)) {
		value := last[key]
		at := fmt.Sprintf("step %d", value.Step)
		if value.count > 1 {
			at += fmt.Sprintf(", the last of %d", value.count)
		}
		head := "  " + terminal.Clean(key) + "  "
		text := p.t.Fold(ValueText(value.JSON)+"  "+at, terminal.Width(head))
		if before, whole := strings.CutSuffix(text, at); whole {
			text = before + p.t.Paint(terminal.Dim, at)
		}
		p.line("%s%s", head, text)
	}
	switch {
	case err != nil:
		p.line("  %s", p.t.Paint(terminal.Red, terminal.Clean(err.Error())))
	case !here:
		p.line("  %s", p.t.Paint(terminal.Dim, "on the machine that recorded them"))
	}
}

// ValueText summarizes a logged value in one short line: the start of a text, the shape of a histogram, or the JSON of
// any other value.
func ValueText(value string) string {
	if value == "null" {
		return "none"
	}
	var text string
	if strings.HasPrefix(value, `"`) && json.Unmarshal([]byte(value), &text) == nil {
		text = strings.TrimSpace(text)
		n := strings.Count(text, "\n")
		text, _, _ = strings.Cut(text, "\n")
		text = brief(text)
		switch n {
		case 0:
		case 1:
			text += " (1 more line)"
		default:
			text += fmt.Sprintf(" (%d more lines)", n)
		}
		return text
	}
	var h struct {
		Type   string    `json:"_type"`
		Bins   []float64 `json:"bins"`
		Values []float64 `json:"values"`
		NaN    float64   `json:"nan"`
		Inf    float64   `json:"inf"`
		NegInf float64   `json:"-inf"`
	}
	if strings.HasPrefix(value, "{") && json.Unmarshal([]byte(value), &h) == nil && h.Type == "histogram" &&
		len(h.Bins) == len(h.Values)+1 {
		total := 0.0
		for _, n := range h.Values {
			total += n
		}
		text := fmt.Sprintf("histogram of %s in %s from %s to %s", terminal.Number(total),
			terminal.Count(int64(len(h.Values)), "bin"), terminal.Number(h.Bins[0]), terminal.Number(h.Bins[len(h.Bins)-1]))
		for _, odd := range []struct {
			name string
			n    float64
		}{{"NaN", h.NaN}, {"inf", h.Inf}, {"-inf", h.NegInf}} {
			if odd.n > 0 {
				text += fmt.Sprintf(", %s %s", terminal.Number(odd.n), odd.name)
			}
		}
		return text
	}
	return brief(value)
}

// brief returns the beginning of a text, which can have a megabyte, as far as it is shown.
func brief(text string) string {
	const most = 16 * shownValue // bytes: one column can take several, also those of marks without a width
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return terminal.Truncate(terminal.Clean(text), shownValue)
}
