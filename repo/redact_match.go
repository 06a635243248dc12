package repo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/format/listsort"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/secret"
)

func kindOf(name string) secret.Kind {
	if path.Ext(name) == sharedSources.extension && IsShared(name) {
		return secret.Patch
	}
	return secret.Plain
}

// search collects the secrets of all files of a run as literals. A secret that is found in one file because of the name
// before it may be in another file without that name.
func (x *redaction) search(ctx context.Context, w *rewrite) error {
	for _, name := range slices.Sorted(maps.Keys(w.was)) {
		rules, err := x.searchFile(ctx, w, name, w.was[name])
		if err != nil {
			return err
		}
		x.note(w.run.ID, rules)
	}
	for _, name := range SharedNames(w.run) {
		rules, searched := x.rulesIn[name]
		if !searched {
			data, err := x.readShared(ctx, name)
			if err != nil {
				return err
			}
			if rules, err = x.searchFile(ctx, nil, name, data); err != nil {
				return err
			}
			x.rulesIn[name] = rules
		}
		x.note(w.run.ID, rules)
	}
	return nil
}

// note adds the rules that have found something in a run.
func (x *redaction) note(id string, rules []string) {
	for _, rule := range rules {
		if !slices.Contains(x.rulesIn[id], rule) {
			x.rulesIn[id] = append(x.rulesIn[id], rule)
		}
	}
}

// searchFile collects the secrets of a file of a run, or of a shared file if w is nil. It returns the rules that found
// them.
func (x *redaction) searchFile(ctx context.Context, w *rewrite, name string, data []byte) (rules []string, err error) {
	finds, err := x.findings(ctx, w, name, data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	for _, f := range finds {
		rules = append(rules, f.Rule)
		if f.To == 0 {
			if f.Source != "" {
				name += ": " + f.Source
			}
			return nil, fmt.Errorf("%s: %s: %w", name, f.Rule, errPackedSecret)
		}
		text := string(data[f.From:f.To])
		if path.Ext(name) == ".toml" {
			text = unescape(text)
		}
		if (!strings.Contains(text, "\n") || name == RecordName) && !slices.Contains(x.literals, text) {
			x.literals = append(x.literals, text)
		}
	}
	return rules, nil
}

// findings returns the findings in a file that the request asks for. If it has no rule and no fingerprint, these are
// all findings that the configuration does not allow.
func (x *redaction) findings(ctx context.Context, w *rewrite, name string, data []byte) ([]secret.Find, error) {
	search := func() ([]secret.Find, error) {
		switch name {
		case format.ValuesName:
			v, err := x.values(w, data)
			if err != nil || v == nil {
				return nil, err
			}
			return searchValues(ctx, v)
		case MetricsName:
			m, err := x.points(w, data)
			if err != nil || m == nil {
				return nil, err
			}
			return searchLabels(ctx, m)
		}
		return secret.Search(ctx, bytes.NewReader(data), int64(len(data)), kindOf(name))
	}
	finds, err := search()
	return slices.DeleteFunc(finds, func(f secret.Find) bool {
		if x.ask.Rule != "" || x.ask.Fingerprint != "" {
			return x.ask.Rule != "" && x.ask.Rule != f.Rule || x.ask.Fingerprint != "" && x.ask.Fingerprint != f.Fingerprint
		}
		allows := func(a format.SecretAllow) bool { return a.Allows(f.Fingerprint, f.Rule, name, f.Source) }
		return slices.ContainsFunc(x.config.Secrets.Allow, allows)
	}), err
}

// points opens the points of a run, in its own file or in a batch. They are nil if the batch has no points.
func (x *redaction) points(w *rewrite, data []byte) (*format.Metrics, error) {
	if w == nil || w.batch == nil {
		return format.OpenMetrics(bytes.NewReader(data), int64(len(data)))
	}
	t, err := x.tablesOf(w.batch.Batch)
	if err != nil {
		return nil, err
	}
	return t.Input(w.run.ID, nil).Metrics()
}

// values is like points for values.
func (x *redaction) values(w *rewrite, data []byte) (*format.Values, error) {
	if w == nil || w.batch == nil {
		return format.OpenValues(bytes.NewReader(data), int64(len(data)))
	}
	t, err := x.tablesOf(w.batch.Batch)
	if err != nil {
		return nil, err
	}
	return t.Input(w.run.ID, nil).Values()
}

// tablesOf opens the tables of a batch. Those of one batch stay open: runs come in the order of their batches.
func (x *redaction) tablesOf(b *Batch) (*BatchTables, error) {
	at := path.Join(b.Day, b.Name)
	if t := x.tables[at]; t != nil {
		return t, nil
	}
	tables, err := x.repo.ReadBatchFiles(at)
	if err != nil {
		return nil, err
	}
	t, err := OpenBatchTables(tables)
	if err != nil {
		return nil, err
	}
	if len(x.tables) >= heldBatches {
		clear(x.tables)
	}
	x.tables[at] = t
	return t, nil
}

// unescape replaces the escapes of a TOML string.
func unescape(text string) string {
	if s, err := strconv.Unquote(`"` + text + `"`); err == nil {
		return s
	}
	return text
}

var (
	errPackedSecret = errors.New("it is in a binary file, which cannot be redacted; run 'runs rm' to remove the run")
	errParquet      = errors.New("it is in a Parquet file, which cannot be redacted; run 'runs rm' to remove the run")
	errPlace        = errors.New("it is in the name of a metric or an artifact, which cannot be redacted; " +
		"run 'runs rm' to remove the run")
)

// redactFile returns the new bytes of a file and the number of places that were replaced. If a binary file holds a
// secret, it returns an error, because the secret cannot be redacted.
// w is nil for a shared file.
func (x *redaction) redactFile(ctx context.Context, w *rewrite, name string, data []byte) ([]byte, int, error) {
	switch {
	case path.Ext(name) == ".parquet":
		return nil, 0, x.checkParquet(ctx, w, name, data)
	case path.Dir(name) == notesName:
		return x.redactNote(name, data)
	}
	kind := kindOf(name)
	spans, err := x.spans(ctx, w, name, data)
	if err != nil {
		return nil, 0, err
	}
	if kind == secret.Patch {
		err := secret.EachPacked(bytes.NewReader(data), func(file string, r io.Reader) error {
			part, err := io.ReadAll(io.LimitReader(r, git.MaxPatchBytes))
			if err == nil && len(x.matches(part)) > 0 {
				err = fmt.Errorf("%s: %w", file, errPackedSecret)
			}
			return err
		})
		if err != nil {
			return nil, 0, err
		}
	}
	if len(spans) == 0 {
		return nil, 0, nil
	}
	if !utf8.Valid(data) && strings.HasPrefix(name, artifactsName+"/") || bytes.IndexByte(data, 0) >= 0 {
		return nil, 0, errPackedSecret
	}
	out, err := secret.Replace(data, kind, spans)
	if err == nil && strings.HasPrefix(name, sharedEnvironments.folder+"/") {
		if _, bad := format.DecodeEnvironment(name, out); bad != nil {
			err = errors.New("replacing it would break the file; give a longer text")
		}
	}
	if err == nil && len(x.matches(out)) > 0 {
		err = errors.New("PATTERN also matches its replacement " + secret.Mark)
	}
	return out, len(spans), err
}

// spans returns the places of a file to replace.
func (x *redaction) spans(ctx context.Context, w *rewrite, name string, data []byte) ([]secret.Span, error) {
	spans := x.matches(data)
	if x.ask.Pattern == nil {
		finds, err := x.findings(ctx, w, name, data)
		if err != nil {
			return nil, err
		}
		for _, f := range finds {
			s := secret.Span{From: int(f.From), To: int(f.To)}
			if !slices.ContainsFunc(spans, func(o secret.Span) bool { return o.From <= s.From && s.To <= o.To }) {
				spans = append(spans, s)
			}
		}
	}
	return spans, nil
}

// matches returns the places that match the pattern or that hold a found secret, also if it is escaped as in JSON or
// TOML. They do not overlap.
func (x *redaction) matches(data []byte) []secret.Span { return aroundMarks(data, x.found(data)) }

// aroundMarks extends places to the marks of former redactions that they touch, and leaves out those that have nothing
// but marks: in a part of a mark, nobody could tell any more what was replaced.
func aroundMarks(data []byte, spans []secret.Span) []secret.Span {
	mark := []byte(secret.Mark)
	if len(spans) == 0 || !bytes.Contains(data, mark) {
		return spans
	}
	var all []secret.Span // with the marks
	for from := 0; ; {
		i := bytes.Index(data[from:], mark)
		if i < 0 {
			break
		}
		all = append(all, secret.Span{From: from + i, To: from + i + len(mark)})
		from += i + len(mark)
	}
	marks := len(all)
	all = append(all, spans...)
	order := make([]int, len(all))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return all[a].From - all[b].From })
	var joined []secret.Span
	var matched []bool // whether more than marks is in a place
	for _, i := range order {
		s, last := all[i], len(joined)-1
		if last < 0 || s.From >= joined[last].To {
			joined, matched = append(joined, s), append(matched, i >= marks)
			continue
		}
		joined[last].To = max(joined[last].To, s.To)
		matched[last] = matched[last] || i >= marks
	}
	var out []secret.Span
	for i, s := range joined {
		if matched[i] && len(bytes.ReplaceAll(data[s.From:s.To], mark, nil)) > 0 {
			out = append(out, s)
		}
	}
	return out
}

// found is matches without regard to former redactions.
func (x *redaction) found(data []byte) []secret.Span {
	var spans []secret.Span
	if x.ask.Pattern != nil {
		for _, at := range x.ask.Pattern.FindAllIndex(data, -1) {
			if at[0] < at[1] {
				spans = append(spans, secret.Span{From: at[0], To: at[1]})
			}
		}
		return spans
	}
	for _, text := range x.literals {
		forms := []string{text}
		if quoted, err := json.Marshal(text); err == nil && string(quoted[1:len(quoted)-1]) != text {
			forms = append(forms, string(quoted[1:len(quoted)-1]))
		}
		for _, form := range forms {
			for from := 0; ; {
				i := bytes.Index(data[from:], []byte(form))
				if i < 0 {
					break
				}
				s := secret.Span{From: from + i, To: from + i + len(form)}
				overlaps := func(o secret.Span) bool { return s.From < o.To && o.From < s.To }
				if !slices.ContainsFunc(spans, overlaps) {
					spans = append(spans, s)
				}
				from = s.To
			}
		}
	}
	return spans
}

// replaceText redacts a text of a record or a note, and adds the number of its places to n.
func (x *redaction) replaceText(n *int) func(s string) string {
	return func(s string) string {
		spans := x.matches([]byte(s))
		if len(spans) == 0 {
			return s
		}
		listsort.Sort(spans, func(a, b secret.Span) int { return a.From - b.From })
		var b strings.Builder
		at := 0
		for _, sp := range spans {
			b.WriteString(s[at:sp.From] + secret.Mark)
			at = sp.To
		}
		*n += len(spans)
		return b.String() + s[at:]
	}
}

func (x *redaction) redactNote(name string, data []byte) ([]byte, int, error) {
	note, err := format.DecodeNote(name, data)
	if err != nil {
		return nil, 0, err
	}
	n := 0
	note.RedactTexts(x.replaceText(&n))
	if n == 0 {
		return nil, 0, nil
	}
	out, err := format.EncodeNote(note)
	return out, n, err
}

// redactRecord redacts the record, and returns the number of places.
func (x *redaction) redactRecord(w *rewrite) (n int, err error) {
	w.run.RedactTexts(x.replaceText(&n))
	for key := range w.run.Metrics {
		if len(x.matches([]byte(key))) > 0 {
			return 0, errPlace
		}
	}
	for _, a := range w.run.Artifacts {
		if len(x.matches([]byte(a.Path))) > 0 {
			return 0, errPlace
		}
	}
	for _, d := range w.run.Defined {
		if len(x.matches([]byte(d.Name))) > 0 || len(x.matches([]byte(d.StepMetric))) > 0 {
			return 0, errPlace
		}
	}
	for name := range w.run.Files {
		if len(x.matches([]byte(name))) > 0 {
			return 0, errPlace
		}
	}
	return n, nil
}

// checkParquet searches the texts of a Parquet file. It leaves out the keys of metrics, because the record holds them
// too.
func (x *redaction) checkParquet(ctx context.Context, w *rewrite, name string, data []byte) error {
	switch {
	case name == format.ArtifactsName:
		artifacts, err := format.DecodeArtifacts(data)
		if err != nil {
			return err
		}
		for _, a := range artifacts {
			if len(x.matches([]byte(a.Path+" "+a.Key+" "+a.Caption))) > 0 {
				return errParquet
			}
		}
	case name == MetricsName:
		m, err := x.points(w, data)
		if err != nil || m == nil {
			return err
		}
		sets, err := m.LabelSets(ctx)
		if err != nil {
			return err
		}
		for _, l := range sets {
			if len(x.matches([]byte(labelLine(l)))) > 0 || len(x.matches([]byte(l.Text()))) > 0 {
				return errParquet
			}
		}
	case name == format.ValuesName:
		v, err := x.values(w, data)
		if err != nil || v == nil {
			return err
		}
		return v.Each(ctx, func(key string, value format.Value) error {
			if len(x.matches([]byte(key))) > 0 || len(x.matches([]byte(value.JSON))) > 0 {
				return errParquet
			}
			return nil
		})
	case strings.HasPrefix(name, sharedDatasets.folder+"/"):
		entries, err := format.DecodeManifest(data)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if len(x.matches([]byte(e.Path))) > 0 {
				return errParquet
			}
		}
	}
	return nil
}
