package native

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zlib"
)

// Apply applies a patch to the entries. Each file must be exactly the one that the patch was made from, and become the
// one that it leads to: a patch names both by their ids.
func (s *Stage) Apply(patch []byte) error {
	p := &patchReader{lines: splitLines(patch)}
	for p.at < len(p.lines) {
		line := p.text()
		if !strings.HasPrefix(line, "diff --git ") {
			return p.errorf("%.60q is not the beginning of a file", line)
		}
		f, err := p.file()
		if err != nil {
			return err
		}
		if err := s.applyFile(p, f); err != nil {
			return err
		}
	}
	return nil
}

// patchReader reads a patch line by line.
type patchReader struct {
	lines [][]byte
	at    int
}

func (p *patchReader) errorf(format string, args ...any) error {
	return fmt.Errorf("the patch is not valid at line %d: %s", p.at+1, fmt.Sprintf(format, args...))
}

// text returns the current line without its line break, or an empty text at the end.
func (p *patchReader) text() string {
	if p.at == len(p.lines) {
		return ""
	}
	return strings.TrimSuffix(string(p.lines[p.at]), "\n")
}

// patchedFile is what precedes the changes of a file.
type patchedFile struct {
	path             string
	oldMode, newMode uint32 // 0: the file does not exist
	oldID, newID     ID
	hasIDs           bool
}

func (p *patchReader) file() (f patchedFile, err error) {
	f.path, err = samePath(strings.TrimPrefix(p.text(), "diff --git "))
	if err != nil {
		return f, p.errorf("%v", err)
	}
	if !validPath(f.path) {
		return f, p.errorf("the path %.100q leads out of the tree", f.path)
	}
	p.at++
	created, deleted := false, false
	for ; p.at < len(p.lines); p.at++ {
		line := p.text()
		key, value := "", ""
		for _, known := range []string{
			"old mode ", "new mode ", "new file mode ", "deleted file mode ", "index ", "--- ", "+++ ",
		} {
			if rest, ok := strings.CutPrefix(line, known); ok {
				key, value = known, rest
			}
		}
		switch key {
		case "old mode ", "deleted file mode ":
			if f.oldMode, err = parseMode(value); err != nil {
				return f, p.errorf("%v", err)
			}
			deleted = key == "deleted file mode "
		case "new mode ", "new file mode ":
			if f.newMode, err = parseMode(value); err != nil {
				return f, p.errorf("%v", err)
			}
			created = key == "new file mode "
		case "index ":
			ids, mode, hasMode := strings.Cut(value, " ")
			from, to, _ := strings.Cut(ids, "..")
			var ok, ok2 bool
			f.oldID, ok = ParseID(from)
			f.newID, ok2 = ParseID(to)
			if f.hasIDs = ok && ok2; !f.hasIDs {
				return f, p.errorf("%.100q are not two object ids", ids)
			}
			if hasMode {
				if f.oldMode, err = parseMode(mode); err != nil {
					return f, p.errorf("%v", err)
				}
				f.newMode = f.oldMode
			}
		case "--- ", "+++ ": // the names stand in the first line
		default:
			if line == "GIT binary patch" || strings.HasPrefix(line, "@@ ") || strings.HasPrefix(line, "diff --git ") {
				return f, p.checkModes(f, created, deleted)
			}
			return f, p.errorf("%.60q is unknown", line)
		}
	}
	return f, p.checkModes(f, created, deleted)
}

func (p *patchReader) checkModes(f patchedFile, created, deleted bool) error {
	if (f.oldMode == 0) != created || (f.newMode == 0) != deleted || f.oldMode == 0 && f.newMode == 0 {
		return p.errorf("the modes of %q do not fit", f.path)
	}
	return nil
}

func parseMode(text string) (uint32, error) {
	n, err := strconv.ParseUint(text, 8, 32)
	if err != nil || !validFileMode(uint32(n)) {
		return 0, fmt.Errorf("%.20q is not the mode of a file", text)
	}
	return uint32(n), nil
}

// samePath returns the path in the first line of a file, which names it twice: a/PATH b/PATH.
func samePath(text string) (string, error) {
	if strings.HasPrefix(text, `"`) {
		end := closingQuote(text)
		if end > 0 && end+2 < len(text) && text[end+1] == ' ' {
			first, err := unquote(text[:end+1])
			second, err2 := unquote(text[end+2:])
			if err == nil && err2 == nil && strings.HasPrefix(first, "a/") && "b/"+first[2:] == second {
				return first[2:], nil
			}
		}
	} else if half := len(text) / 2; len(text)%2 == 1 && text[half] == ' ' {
		first, second := text[:half], text[half+1:]
		if strings.HasPrefix(first, "a/") && "b/"+first[2:] == second {
			return first[2:], nil
		}
	}
	return "", fmt.Errorf("%.100q does not name one file", text)
}

// validPath reports whether a path stays within a tree and out of Git's own folder.
func validPath(path string) bool {
	for part := range strings.SplitSeq(path, "/") {
		if part == "" || part == "." || part == ".." || strings.EqualFold(part, ".git") || strings.ContainsAny(part, "\x00") {
			return false
		}
		// What other file systems take for .git.
		lower := strings.ToLower(part)
		if strings.HasPrefix(lower, "git~1") || strings.HasPrefix(lower, ".git") &&
			strings.Trim(lower[4:], ". ") == "" || strings.HasPrefix(lower, ".git:") || strings.Contains(part, "\u200c") {
			return false
		}
	}
	return path != ""
}

func (s *Stage) applyFile(p *patchReader, f patchedFile) error {
	old, exists := s.find(f.path)
	switch {
	case exists && f.oldMode == 0:
		return fmt.Errorf("%q already exists", f.path)
	case !exists && f.oldMode != 0:
		return fmt.Errorf("%q does not exist", f.path)
	case exists && old.Mode != f.oldMode && !(old.Mode == 0o100664 && f.oldMode == 0o100644):
		return fmt.Errorf("%q has the mode %o, not %o", f.path, old.Mode, f.oldMode)
	}
	if !f.hasIDs { // only the mode changes
		if f.oldMode == 0 || f.newMode == 0 {
			return p.errorf("the ids of %q are missing", f.path)
		}
		s.Put(f.path, f.newMode, old.ID)
		return nil
	}
	if old.ID != f.oldID {
		return fmt.Errorf("%q is not the file that the patch was made from", f.path)
	}
	var before []byte
	var err error
	if exists {
		if before, err = s.repository.content(Entry{Mode: strconv.FormatUint(uint64(old.Mode), 8), ID: old.ID}); err != nil {
			return err
		}
	}
	after, err := p.changed(before)
	if err != nil {
		return err
	}
	if f.newMode == 0 {
		if len(after) > 0 || !f.newID.IsZero() {
			return fmt.Errorf("%q is removed, but something is left of it", f.path)
		}
		s.Remove(f.path)
		return nil
	}
	if f.newMode == 0o160000 {
		if string(after) != fmt.Sprintf("Subproject commit %s\n", f.newID) {
			return fmt.Errorf("%q does not become the submodule that the patch names", f.path)
		}
		s.Put(f.path, f.newMode, f.newID)
		return nil
	}
	if idOf(Blob, after) != f.newID {
		return fmt.Errorf("%q does not become the file that the patch names", f.path)
	}
	if _, err := s.repository.Write(Blob, after, zlib.NoCompression); err != nil {
		return err
	}
	s.Put(f.path, f.newMode, f.newID)
	return nil
}

// changed reads the changes of a file and returns what they make of it.
func (p *patchReader) changed(before []byte) ([]byte, error) {
	if p.text() == "GIT binary patch" {
		p.at++
		after, err := p.binary(before)
		if next := p.text(); err == nil && (strings.HasPrefix(next, "literal ") || strings.HasPrefix(next, "delta ")) {
			_, err = p.inflated() // what leads back
		}
		return after, err
	}
	from := splitLines(before)
	var out []byte
	at := 0
	for strings.HasPrefix(p.text(), "@@ ") {
		a, aCount, bCount, err := p.hunkHead()
		if err != nil {
			return nil, err
		}
		if a < at || a > len(from) {
			return nil, p.errorf("a change is outside the file")
		}
		for _, line := range from[at:a] {
			out = append(out, line...)
		}
		at = a
		for aCount > 0 || bCount > 0 {
			if p.at == len(p.lines) {
				return nil, p.errorf("a change ends too early")
			}
			line := p.lines[p.at]
			p.at++
			content := line[1:]
			if next := p.text(); strings.HasPrefix(next, `\ `) {
				content = bytes.TrimSuffix(content, []byte("\n"))
				p.at++
			}
			if line[0] != '+' {
				if at == len(from) || !bytes.Equal(from[at], content) {
					return nil, p.errorf("a line is not the one of the file")
				}
				at, aCount = at+1, aCount-1
			}
			if line[0] != '-' {
				bCount--
				out = append(out, content...)
			}
			if strings.IndexByte(" +-", line[0]) < 0 || aCount < 0 || bCount < 0 {
				return nil, p.errorf("a line does not belong to the change")
			}
		}
	}
	for _, line := range from[at:] {
		out = append(out, line...)
	}
	return out, nil
}

// hunkHead reads a line `@@ -FROM,COUNT +TO,COUNT @@`. It returns the number of lines before the change, and how many
// lines of both files follow.
func (p *patchReader) hunkHead() (before, a, b int, err error) {
	line := p.text()
	ranges, _, ok := strings.Cut(strings.TrimPrefix(line, "@@ -"), " @@")
	from, to, ok2 := strings.Cut(ranges, " +")
	start, a, err := parseRange(from)
	_, b, err2 := parseRange(to)
	if !ok || !ok2 || err != nil || err2 != nil {
		return 0, 0, 0, p.errorf("%.60q does not say which lines change", line)
	}
	p.at++
	if a > 0 {
		start--
	}
	return start, a, b, nil
}

func parseRange(text string) (start, count int, err error) {
	first, second, two := strings.Cut(text, ",")
	count = 1
	if start, err = strconv.Atoi(first); err == nil && two {
		count, err = strconv.Atoi(second)
	}
	if start < 0 || count < 0 || start == 0 && count > 0 {
		err = errors.New("negative")
	}
	return start, count, err
}

func (p *patchReader) binary(before []byte) ([]byte, error) {
	kind, _, _ := strings.Cut(p.text(), " ")
	data, err := p.inflated()
	if err != nil || kind == "literal" {
		return data, err
	}
	after, err := applyDelta(before, data)
	if err != nil {
		return nil, p.errorf("%v", err)
	}
	return after, nil
}

// inflated reads `literal SIZE` or `delta SIZE` with the lines that follow it, up to an empty one.
func (p *patchReader) inflated() ([]byte, error) {
	kind, digits, _ := strings.Cut(p.text(), " ")
	size, err := strconv.ParseInt(digits, 10, 64)
	if kind != "literal" && kind != "delta" || err != nil || size < 0 || size > maxInMemory {
		return nil, p.errorf("%.60q is not the size of a binary change", p.text())
	}
	var packed []byte
	for p.at++; p.text() != ""; p.at++ {
		line := p.text()
		n := int(line[0]-'A') + 1
		if line[0] >= 'a' {
			n = int(line[0]-'a') + 27
		}
		part, err := decode85(line[1:])
		if err != nil || n < 1 || n > binaryLine || len(part) < n || len(part)-n > 3 {
			return nil, p.errorf("a line of a binary change is not valid")
		}
		packed = append(packed, part[:n]...)
	}
	p.at = min(p.at+1, len(p.lines))
	z, err := zlib.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, p.errorf("%v", err)
	}
	var b bytes.Buffer
	if _, err := io.Copy(&b, io.LimitReader(z, size+1)); err != nil {
		return nil, p.errorf("%v", err)
	}
	if int64(b.Len()) != size {
		return nil, p.errorf("a binary change has another size than it says")
	}
	return b.Bytes(), nil
}

func decode85(text string) ([]byte, error) {
	if len(text)%5 != 0 {
		return nil, errors.New("not base 85")
	}
	out := make([]byte, 0, len(text)/5*4)
	for i := 0; i < len(text); i += 5 {
		v := uint64(0)
		for _, c := range []byte(text[i : i+5]) {
			d := strings.IndexByte(alphabet85, c)
			if d < 0 {
				return nil, errors.New("not base 85")
			}
			v = v*85 + uint64(d)
		}
		if v > 1<<32-1 {
			return nil, errors.New("not base 85")
		}
		out = append(out, byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
	}
	return out, nil
}

// closingQuote returns where the text in quotes at the beginning of a line ends, or -1.
func closingQuote(line string) int {
	for i := 1; i < len(line); i++ {
		switch line[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}
