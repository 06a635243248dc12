package format

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"unicode/utf8"
)

// ErrBatchTooLarge is returned if runs do not fit into one batch.
var ErrBatchTooLarge = fmt.Errorf("a batch has at most %d runs, and no file with more than %d bytes", MaxBatchRuns,
	MaxBatchBytes)

// EncodeBatch returns the runs.toml of runs, which are sorted by id and of one day. The same runs give the same bytes.
func EncodeBatch(runs []BatchRun) ([]byte, error) {
	size := 64
	for i := range runs {
		size += len(runs[i].Record) + 512
	}
	if len(runs) > MaxBatchRuns || size > 2*MaxBatchBytes {
		return nil, ErrBatchTooLarge
	}
	b := append(make([]byte, 0, size), batchHead...)
	for i := range runs {
		b = appendBatchRun(b, &runs[i])
	}
	if len(b) > MaxBatchBytes {
		return nil, ErrBatchTooLarge
	}
	back, err := DecodeBatch(BatchRunsName, b)
	if err != nil {
		return nil, err
	}
	for i := range back {
		if !bytes.Equal(back[i].Record, runs[i].Record) || back[i].Points != runs[i].Points ||
			back[i].Values != runs[i].Values {
			return nil, fmt.Errorf("%s: run %s cannot be written", BatchRunsName, runs[i].ID)
		}
	}
	return b, nil
}

const batchHead = "schema = 1\n"

func appendBatchRun(b []byte, r *BatchRun) []byte {
	b = append(b, "\n[[run]]\n"...)
	b = appendPair(b, "id", r.ID)
	b = appendPair(b, "sha256", r.SHA256)
	if r.Points != "" {
		b = appendPair(b, "points", r.Points)
	}
	if r.Values != "" {
		b = appendPair(b, "values", r.Values)
	}
	b = append(b, "toml = "...)
	if literalText(r.Record) {
		b = append(b, literalQuotes+"\n"...)
		b = append(b, r.Record...)
		return append(b, literalQuotes+"\n"...)
	}
	return append(appendBasicText(b, string(r.Record)), '\n')
}

const literalQuotes = "'''"

// literalText reports whether a text can be a multi-line literal string that shows what it holds.
func literalText(text []byte) bool {
	if bytes.Contains(text, []byte(literalQuotes)) || bytes.HasSuffix(text, []byte("'")) {
		return false
	}
	for i := 0; i < len(text); {
		if i+8 <= len(text) && isShownASCII(binary.LittleEndian.Uint64(text[i:])) {
			i += 8
			continue
		}
		if c := text[i]; c < utf8.RuneSelf {
			if c < ' ' && c != '\n' && c != '\t' || c == 0x7f {
				return false
			}
			i++
			continue
		}
		r, n := utf8.DecodeRune(text[i:])
		if IsHidden(r) || r == utf8.RuneError && n == 1 {
			return false
		}
		i += n
	}
	return true
}

// isShownASCII reports whether each of eight bytes is printable ASCII or a newline. No sum carries into another byte.
func isShownASCII(eight uint64) bool {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	if eight&high != 0 || (eight+ones)&high != 0 { // not ASCII, or 0x7f
		return false
	}
	fromSpace := (eight + (0x80-' ')*ones) & high
	newline := ^((eight ^ '\n'*ones) + 0x7f*ones) & high
	return fromSpace|newline == high
}

// appendBasicText appends a multi-line basic string. Lines stay lines. It escapes what TOML does not allow, and what a
// reader would not see.
func appendBasicText(b []byte, text string) []byte {
	const hex = "0123456789ABCDEF"
	b = append(b, "\"\"\"\n"...)
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n' || r == '\t':
			b = append(b, byte(r))
		case r == '\r':
			b = append(b, `\r`...)
		case IsHidden(r):
			b = append(b, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, `"""`...)
}

// DecodeBatch reads a runs.toml strictly: ids that are sorted, unique and of one day, and records that have the digest
// next to them. It does not decode the records, whose bytes may be part of data. Every error is a *FileError or a
// *RequiresError. file is the name used in errors. DecodeBatch ignores keys that it does not know.
func DecodeBatch(file string, data []byte) ([]BatchRun, error) {
	runs, err := ScanBatch(file, data)
	for i := range runs {
		if reason := runs[i].differs(); reason != "" {
			return nil, &FileError{File: file, Line: lineOf(data, []string{fmt.Sprintf("run[%d]", i)}), Reason: reason}
		}
	}
	return runs, err
}

// ScanBatch is like DecodeBatch, but leaves it to the caller to verify the records that it uses: see Verify. A record
// that differs then does not hide the others.
func ScanBatch(file string, data []byte) ([]BatchRun, error) {
	if err := checkFile(file, data, MaxBatchBytes); err != nil {
		return nil, err
	}
	runs, ok := fastBatch(data)
	if !ok {
		var err error
		if runs, err = slowBatch(file, data); err != nil {
			return nil, err
		}
	}
	if len(runs) == 0 {
		return nil, &FileError{File: file, Reason: "it has no runs"}
	}
	for i := range runs {
		if reason := runs[i].check(runs[max(0, i-1)].ID, i > 0); reason != "" {
			return nil, &FileError{File: file, Line: lineOf(data, []string{fmt.Sprintf("run[%d]", i)}), Reason: reason}
		}
	}
	return runs, nil
}

// Verify returns a *FileError unless the record has its digest. file is the name of the runs.toml.
func (r *BatchRun) Verify(file string) error {
	if reason := r.differs(); reason != "" {
		return &FileError{File: file, Reason: reason}
	}
	return nil
}

// differs returns a reason if the record does not have its digest.
func (r *BatchRun) differs() string {
	if sum := sha256.Sum256(r.Record); hex.EncodeToString(sum[:]) != r.SHA256 {
		return fmt.Sprintf("the record of run %s is not the one that was written: its digest differs", r.ID)
	}
	return ""
}

// check returns what is wrong with a run that follows the one with the id before.
func (r *BatchRun) check(before string, follows bool) string {
	if err := CheckID(r.ID); err != nil {
		return err.Error()
	}
	switch {
	case follows && r.ID == before:
		return fmt.Sprintf("run %s is in it twice", r.ID)
	case follows && r.ID < before:
		return fmt.Sprintf("run %s is not in order: the runs must be sorted by id", r.ID)
	case follows && IDDay(r.ID) != IDDay(before):
		return fmt.Sprintf("run %s is of another day than run %s", r.ID, before)
	case len(r.Record) > MaxRecordBytes:
		return fmt.Sprintf("the record of run %s has more than %d bytes", r.ID, MaxRecordBytes)
	}
	return ""
}

// fastBatch reads the form that EncodeBatch writes, with literal strings. It returns false for any other form.
func fastBatch(data []byte) (runs []BatchRun, ok bool) {
	rest, ok := bytes.CutPrefix(data, []byte(batchHead))
	if !ok {
		return nil, false
	}
	for len(rest) > 0 {
		var r BatchRun
		if rest, ok = r.read(rest); !ok || len(runs) == MaxBatchRuns {
			return nil, false
		}
		runs = append(runs, r)
	}
	return runs, true
}

func (r *BatchRun) read(b []byte) (rest []byte, ok bool) {
	if b, ok = bytes.CutPrefix(b, []byte("\n[[run]]\nid = \"")); !ok {
		return nil, false
	}
	if r.ID, b, ok = cutBare(b); !ok {
		return nil, false
	}
	if b, ok = bytes.CutPrefix(b, []byte("sha256 = \"")); !ok {
		return nil, false
	}
	if r.SHA256, b, ok = cutBare(b); !ok || !isHex(r.SHA256, false) {
		return nil, false
	}
	for _, key := range []struct {
		name string
		into *string
	}{{"points = \"", &r.Points}, {"values = \"", &r.Values}} {
		if after, has := bytes.CutPrefix(b, []byte(key.name)); has {
			if *key.into, b, ok = cutBare(after); !ok || !isHex(*key.into, false) {
				return nil, false
			}
		}
	}
	if b, ok = bytes.CutPrefix(b, []byte("toml = "+literalQuotes+"\n")); !ok {
		return nil, false
	}
	end := bytes.Index(b, []byte(literalQuotes))
	if end < 0 || !literalText(b[:end]) {
		return nil, false
	}
	r.Record = b[:end:end]
	return bytes.CutPrefix(b[end:], []byte(literalQuotes+"\n"))
}

// cutBare cuts a string of the bytes of bare keys, its quote and the newline.
func cutBare(b []byte) (text string, rest []byte, ok bool) {
	i := 0
	for i < len(b) && i < 64 && isBareByte(b[i]) {
		i++
	}
	rest, ok = bytes.CutPrefix(b[i:], []byte("\"\n"))
	return string(b[:i]), rest, ok
}

// slowBatch reads any TOML.
func slowBatch(file string, data []byte) ([]BatchRun, error) {
	m, err := parseTOML(file, data, MaxBatchBytes)
	if err != nil {
		return nil, err
	}
	t := table{&reader{file: file, data: data}, nil, m}
	schema, requires := t.integer("schema"), t.texts("requires")
	if names := missing(requires, forReading); len(names) > 0 && t.err == nil {
		return nil, requiresError(file, lineOf(data, t.at("requires")), "reading", names)
	}
	if schema < 1 {
		t.fail(t.at("schema"), "must be at least 1")
	}
	var runs []BatchRun
	t.each("run", func(s table) {
		if len(runs) == MaxBatchRuns {
			s.fail(t.at("run"), "more than %d runs", MaxBatchRuns)
			return
		}
		r := BatchRun{
			ID: s.id("id", true), SHA256: s.needDigest("sha256"), Points: s.digest("points"), Values: s.digest("values"),
		}
		text, ok := take[string](s, "toml", "a string")
		if !ok {
			s.fail(s.at("toml"), "missing")
		}
		r.Record = []byte(text)
		runs = append(runs, r)
	})
	return runs, t.err
}

// ErrBatchColumns is returned for a file of points or values that a batch cannot hold: it has columns that would be
// lost, or its rows are not sorted.
var ErrBatchColumns = errors.New("its rows do not fit into a batch")
