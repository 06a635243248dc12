package transition

import (
	"bytes"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/secret"
)

// Replaced returns the texts that a redaction, which Check accepts, took out of a run: of its record, its files and its
// shared files. beside is another redaction of the same version: where both replaced a part of one text, what
// beside has left of the part, with its marks, is among them too. The longest come first.
func Replaced(old, now, beside *Version) ([]string, error) {
	r := replaced{texts: map[string]bool{}}
	was, is, err := readBoth(old, now)
	if err != nil {
		return nil, err
	}
	_, other, err := readBoth(old, beside)
	if err != nil {
		return nil, err
	}
	before, after, third := was.Table(), is.Table(), other.Table()
	for _, key := range []string{"redacted", "files"} {
		delete(before, key)
		delete(after, key)
		delete(third, key)
	}
	r.value(before, after, third)
	for _, name := range slices.Sorted(maps.Keys(old.Files)) {
		if id, ok := now.Files[name]; !ok || id == old.Files[name] || name == recordName || path.Ext(name) == ".parquet" {
			continue
		}
		read := []func(string) ([]byte, error){old.Read, now.Read, beside.Read}
		if err := r.file([]string{name, name, name}, read); err != nil {
			return nil, err
		}
	}
	shared := []func(string) ([]byte, error){old.Shared, now.Shared, beside.Shared}
	for _, names := range sharedNames([]*format.Run{was, is, other}) {
		if names[0] == names[1] {
			continue
		}
		if err := r.file(names, shared); err != nil {
			return nil, err
		}
	}
	texts := slices.Collect(maps.Keys(r.texts))
	slices.SortFunc(texts, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	return texts, nil
}

func readBoth(old, now *Version) (was, is *format.Run, err error) {
	for _, v := range []struct {
		from *Version
		to   **format.Run
	}{{old, &was}, {now, &is}} {
		data, err := v.from.Read(recordName)
		if err != nil {
			return nil, nil, err
		}
		if *v.to, err = format.DecodeRun(recordName, data); err != nil {
			return nil, nil, err
		}
	}
	return was, is, nil
}

// sharedNames returns the shared files of versions of one run that a redaction may replace, each with its name in every
// version.
func sharedNames(runs []*format.Run) (all [][]string) {
	first := runs[0]
	for _, run := range runs {
		if (run.Source == nil) != (first.Source == nil) || (run.Environment == nil) != (first.Environment == nil) ||
			run.Source != nil && len(run.Source.AllPatches()) != len(first.Source.AllPatches()) {
			return nil
		}
	}
	if first.Source != nil {
		for i := range first.Source.AllPatches() {
			var names []string
			for _, run := range runs {
				names = append(names, path.Join("sources", run.Source.AllPatches()[i]+".patch"))
			}
			all = append(all, names)
		}
	}
	if first.Environment != nil {
		var names []string
		for _, run := range runs {
			names = append(names, path.Join("environments", run.Environment.Digest+".toml"))
		}
		all = append(all, names)
	}
	return all
}

// replaced collects texts that were replaced.
type replaced struct{ texts map[string]bool }

// text compares three versions of one text: before, after, and after the other redaction.
func (r *replaced) text(was, is, other []byte) {
	if bytes.Equal(was, is) {
		return
	}
	beside := secret.Spans(was, other)
	for _, span := range secret.Spans(was, is) {
		r.texts[string(was[span.From:span.To])] = true
		at, cut := span.From, ""
		for _, gone := range beside {
			if gone.To > at && gone.From < span.To {
				cut += string(was[at:max(at, gone.From)]) + secret.Mark
				at = gone.To
			}
		}
		if cut != "" && cut != secret.Mark || cut != "" && at < span.To {
			r.texts[cut+string(was[min(at, span.To):span.To])] = true
		}
	}
}

// value compares values of a record.
func (r *replaced) value(was, is, other any) {
	switch old := was.(type) {
	case map[string]any:
		if now, ok := is.(map[string]any); ok {
			third, _ := other.(map[string]any)
			r.table(old, now, third)
		}
	case []any:
		now, _ := is.([]any)
		third, _ := other.([]any)
		for i := range min(len(old), len(now), len(third)) {
			r.value(old[i], now[i], third[i])
		}
	default:
		now, ok := is.(string)
		if !ok {
			return
		}
		text := []byte(fmt.Sprint(was))
		third, ok := other.(string)
		if !ok {
			third = string(text)
		}
		r.text(text, []byte(now), []byte(third))
	}
}

// table compares tables. A key that is gone has become one that came.
func (r *replaced) table(was, is, other map[string]any) {
	for key, value := range was {
		if now, ok := is[key]; ok {
			r.value(value, now, other[became(key, was, other)])
			continue
		}
		next, third := became(key, was, is), became(key, was, other)
		r.text([]byte(key), []byte(next), []byte(third))
		r.value(value, is[next], other[third])
	}
}

// became returns the key of a table that a key of the former table has become: itself, or a redaction of it.
func became(key string, was, is map[string]any) string {
	if _, ok := is[key]; ok {
		return key
	}
	for _, other := range slices.Sorted(maps.Keys(is)) {
		if _, had := was[other]; !had && secret.IsRedacted([]byte(key), []byte(other)) {
			return other
		}
	}
	return key
}

// file compares versions of a file line by line.
func (r *replaced) file(names []string, read []func(string) ([]byte, error)) error {
	lines := make([][][]byte, len(names))
	for i, name := range names {
		data, err := read[i](name)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		lines[i] = bytes.Split(data, []byte("\n"))
	}
	for i := range min(len(lines[0]), len(lines[1]), len(lines[2])) {
		r.text(lines[0][i], lines[1][i], lines[2][i])
	}
	return nil
}
