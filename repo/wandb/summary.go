package wandb

import (
	"maps"
	"strings"

	"github.com/gitruns/runs/format"
)

// summaryRecord applies a change of the summary.
func (r *reading) summaryRecord(data []byte) error {
	if err := eachItem(data, 2, &r.item, func(it *item) error {
		delete(r.summary, key(it.path))
		return nil
	}); err != nil {
		return err
	}
	return eachItem(data, 1, &r.item, func(it *item) error {
		if len(it.path) == 0 || len(it.path) > maxDepth || strings.HasPrefix(it.path[0], "_") {
			return nil
		}
		v, err := parseJSON(it.json)
		if err != nil {
			r.skip("values that are not JSON", "")
			return nil
		}
		r.setNested(it.path, v, 0)
		return nil
	})
}

func (r *reading) setNested(path []string, v any, depth int) {
	if m, ok := v.(map[string]any); ok && depth < maxDepth && m["_type"] == nil {
		for name, item := range m {
			r.setNested(append(path[:len(path):len(path)], name), item, depth+1)
		}
		return
	}
	r.summary[key(path)] = v
}

// setSummary imports what the program itself put into the summary. It skips the last values of the history, what
// define_metric computes, and parts of values with files.
func (r *reading) setSummary() error {
	l := format.Line{Time: r.last, Summary: map[string]any{}}
	for k, v := range r.summary {
		if last, ok := r.latest[k]; ok && format.EqualValue(last, v) || v == nil || r.ofHistory(k) {
			continue
		}
		l.Summary[k] = v
	}
	if len(l.Summary) == 0 {
		return nil
	}
	if format.CheckParams(maps.Clone(l.Summary)) != nil {
		r.skip("summaries that a record cannot hold", "")
		return nil
	}
	r.hasContent = true
	return r.out.Line(&l)
}

// ofHistory reports whether a key of the summary, such as loss.min or image.path, belongs to a key of the history.
func (r *reading) ofHistory(k string) bool {
	for i := len(k) - 1; i > 0; i-- {
		if k[i] != '.' {
			continue
		}
		last, ok := r.latest[k[:i]]
		if !ok {
			continue
		}
		if _, composite := last.(map[string]any); composite || isSummaryWord(k[i+1:]) {
			return true
		}
	}
	return false
}

// isSummaryWord reports whether define_metric has a kind of summary with this name.
func isSummaryWord(word string) bool {
	for _, w := range summaryFields {
		if w == word {
			return true
		}
	}
	return false
}
