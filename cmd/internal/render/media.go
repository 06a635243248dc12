package render

import (
	"fmt"
	"maps"
	"slices"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/format"
)

// media shows the artifacts that were logged under a key, one line per key. It returns the other artifacts.
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
			p.line("  … %d more keys", len(byKey)-most)
			break
		}
		p.line("  %s  %s", terminal.Clean(key), p.t.Paint(terminal.Dim, terminal.Clean(mediaText(byKey[key]))))
	}
	return others
}

// mediaText describes the artifacts of one key by their kind, number, steps, size and newest caption.
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
