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

// search collects the secrets of all files as literals. A secret that is found in one file because of the name before
// it may be in another file without that name.
func (x *redaction) search(ctx context.Context, own, shared map[string][]byte) error {
	x.rules = map[string]bool{}
	for _, files := range []map[string][]byte{own, shared} {
		for _, name := range slices.Sorted(maps.Keys(files)) {
			finds, err := x.findings(ctx, name, files[name])
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			for _, f := range finds {
				x.rules[f.Rule] = true
				if f.To == 0 {
					if f.Source != "" {
						name += ": " + f.Source
					}
					return fmt.Errorf("%s: %s: %w", name, f.Rule, errPackedSecret)
				}
				text := string(files[name][f.From:f.To])
				if path.Ext(name) == ".toml" {
					text = unescape(text)
				}
				if !strings.Contains(text, "\n") && !slices.Contains(x.literals, text) {
					x.literals = append(x.literals, text)
				}
				if strings.Contains(text, "\n") && name == RecordName {
					x.literals = append(x.literals, text)
				}
			}
		}
	}
	slices.SortFunc(x.literals, func(a, b string) int { return len(b) - len(a) })
	if len(x.rules) == 0 {
		return ErrNothingToRedact
	}
	return nil
}

// findings returns the findings in a file that the request asks for. If it has no rule and no fingerprint, these are
// all findings that the configuration does not allow.
func (x *redaction) findings(ctx context.Context, name string, data []byte) ([]secret.Find, error) {
	search := func() ([]secret.Find, error) {
		if name == format.ValuesName {
			return SearchValues(ctx, bytes.NewReader(data), int64(len(data)))
		}
		if name == MetricsName {
			return SearchLabels(ctx, bytes.NewReader(data), int64(len(data)))
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
func (x *redaction) redactFile(ctx context.Context, name string, data []byte) ([]byte, int, error) {
	switch {
	case path.Ext(name) == ".parquet":
		return nil, 0, x.checkParquet(ctx, name, data)
	case path.Dir(name) == notesName:
		return x.redactNote(name, data)
	}
	kind := kindOf(name)
	spans, err := x.spans(ctx, name, data)
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
func (x *redaction) spans(ctx context.Context, name string, data []byte) ([]secret.Span, error) {
	spans := x.matches(data)
	if x.ask.Pattern == nil {
		finds, err := x.findings(ctx, name, data)
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

// replaceText redacts a text of a record or a note.
func (x *redaction) replaceText(s string) string {
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
	x.done.Places += len(spans)
	return b.String() + s[at:]
}

func (x *redaction) redactNote(name string, data []byte) ([]byte, int, error) {
	note, err := format.DecodeNote(name, data)
	if err != nil {
		return nil, 0, err
	}
	before := x.done.Places
	note.RedactTexts(x.replaceText)
	n := x.done.Places - before
	x.done.Places = before
	if n == 0 {
		return nil, 0, nil
	}
	out, err := format.EncodeNote(note)
	return out, n, err
}

func (x *redaction) redactRecord(w *rewrite) error {
	w.run.RedactTexts(x.replaceText)
	for key := range w.run.Metrics {
		if len(x.matches([]byte(key))) > 0 {
			return errPlace
		}
	}
	for _, a := range w.run.Artifacts {
		if len(x.matches([]byte(a.Path))) > 0 {
			return errPlace
		}
	}
	for _, d := range w.run.Defined {
		if len(x.matches([]byte(d.Name))) > 0 || len(x.matches([]byte(d.StepMetric))) > 0 {
			return errPlace
		}
	}
	for name := range w.run.Files {
		if len(x.matches([]byte(name))) > 0 {
			return errPlace
		}
	}
	return nil
}

// checkParquet searches the texts of a Parquet file. It leaves out the keys of metrics, because the record holds them
// too.
func (x *redaction) checkParquet(ctx context.Context, name string, data []byte) error {
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
		m, err := format.OpenMetrics(bytes.NewReader(data), int64(len(data)))
		if err != nil {
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
		v, err := format.OpenValues(bytes.NewReader(data), int64(len(data)))
		if err != nil {
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
