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

// lookedAtValues bounds the file of values that is read for a look at a run, in bytes.
const lookedAtValues = 64 << 20

// shownValue is how much of a value is shown, in characters.
const shownValue = 100

// values shows the last value of each key that is no number.
func (v Run) values(ctx context.Context, p *page, e *repo.Entry) {
	if n := e.ValuesBytes(); e.Active == nil && (n == 0 || n > lookedAtValues) {
		return // of what is too long, its size stands among the files
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

// ValueText is a logged value as one short line for people: the beginning of a text, the shape of a histogram, else JSON.
func ValueText(value string) string {
	if value == "null" {
		return "none"
	}
	var text string
	if json.Unmarshal([]byte(value), &text) == nil {
		lines := strings.Split(strings.TrimSpace(text), "\n")
		text = terminal.Truncate(terminal.Clean(lines[0]), shownValue)
		switch n := len(lines) - 1; n {
		case 0:
		case 1:
			text += " (1 line more)"
		default:
			text += fmt.Sprintf(" (%d lines more)", n)
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
	if json.Unmarshal([]byte(value), &h) == nil && h.Type == "histogram" && len(h.Bins) == len(h.Values)+1 {
		total := 0.0
		for _, n := range h.Values {
			total += n
		}
		text := fmt.Sprintf("histogram of %s in %s from %s to %s", terminal.Number(total), terminal.Count(int64(len(h.Values)), "bin"), terminal.Number(h.Bins[0]), terminal.Number(h.Bins[len(h.Bins)-1]))
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
	return terminal.Truncate(terminal.Clean(value), shownValue)
}

// summary shows what the program said of the whole run.
func (v Run) summary(p *page, r *format.Run) {
	if len(r.Summary) == 0 {
		return
	}
	p.title("summary")
	for _, key := range slices.Sorted(maps.Keys(r.Summary)) {
		p.line("  %s = %s", terminal.Clean(key), terminal.Truncate(terminal.Clean(format.TOMLString(r.Summary[key])), shownValue))
	}
}

// media shows the artifacts that were logged under a key, one line a key, and returns the others.
func media(p *page, artifacts []format.Artifact) (others []format.Artifact) {
	byKey := map[string][]format.Artifact{}
	for _, a := range artifacts {
		if a.Key == "" {
			others = append(others, a)
			continue
		}
		byKey[a.Key] = append(byKey[a.Key], a)
	}
	if len(byKey) == 0 {
		return others
	}
	p.title("media")
	const most = 50
	for i, key := range slices.Sorted(maps.Keys(byKey)) {
		if i == most {
			p.line("  … %d keys more", len(byKey)-most)
			break
		}
		p.line("  %s  %s", terminal.Clean(key), p.t.Paint(terminal.Dim, terminal.Clean(mediaText(byKey[key]))))
	}
	return others
}

// mediaText is what was logged under one key: how many, of which kind, when, how large, and the newest caption.
func mediaText(list []format.Artifact) string {
	var first, last *format.Artifact
	total := int64(0)
	for i := range list {
		a := &list[i]
		total += a.Bytes
		if a.Step == nil {
			continue
		}
		if first == nil || *a.Step < *first.Step {
			first = a
		}
		if last == nil || *a.Step >= *last.Step {
			last = a
		}
	}
	kind := list[0].Kind
	if kind == "" {
		kind = "file"
	}
	text := kind
	if len(list) > 1 {
		text += fmt.Sprintf(" × %d", len(list))
	}
	switch {
	case first == nil:
	case *first.Step == *last.Step:
		text += fmt.Sprintf(", step %d", *first.Step)
	default:
		text += fmt.Sprintf(", steps %d to %d", *first.Step, *last.Step)
	}
	text += ", " + terminal.Bytes(total)
	caption := list[len(list)-1].Caption
	if last != nil {
		caption = last.Caption
	}
	if caption != "" {
		text += ", " + terminal.Truncate(caption, shownValue/2)
	}
	return text
}
