package native

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/zlib"
)

// Patch writes the patch that leads from one tree to another, as `git apply` takes it. It leaves out the paths for
// which skip returns true.
func (r *Repository) Patch(w io.Writer, from, to ID, skip func(path string) bool) error {
	out := bufio.NewWriterSize(w, 64<<10)
	enter := func(folder string) bool { return !skip(folder + "/") }
	err := r.Diff(from, to, enter, func(c Change) error {
		if skip(c.Path) {
			return nil
		}
		if c.From.Mode != "" && c.To.Mode != "" && fileType(c.From.Mode) != fileType(c.To.Mode) {
			if err := r.patchFile(out, Change{Path: c.Path, From: c.From}); err != nil {
				return err
			}
			c.From = Entry{}
		}
		return r.patchFile(out, c)
	})
	if flushErr := out.Flush(); err == nil {
		err = flushErr
	}
	return err
}

// fileType is the part of a mode that tells files, links and submodules apart.
func fileType(mode string) string {
	mode = strings.TrimLeft(mode, "0")
	return mode[:len(mode)-3]
}

// longMode returns a mode as Git prints it.
func longMode(mode string) string {
	mode = strings.TrimLeft(mode, "0")
	if mode == "100664" { // of old versions of Git
		mode = "100644"
	}
	return mode
}

func (r *Repository) patchFile(w *bufio.Writer, c Change) error {
	name, other := quotePath("a/"+c.Path), quotePath("b/"+c.Path)
	fmt.Fprintf(w, "diff --git %s %s\n", name, other)
	same := ""
	switch {
	case c.From.Mode == "":
		fmt.Fprintf(w, "new file mode %s\n", longMode(c.To.Mode))
		name = "/dev/null"
	case c.To.Mode == "":
		fmt.Fprintf(w, "deleted file mode %s\n", longMode(c.From.Mode))
		other = "/dev/null"
	case longMode(c.From.Mode) != longMode(c.To.Mode):
		fmt.Fprintf(w, "old mode %s\nnew mode %s\n", longMode(c.From.Mode), longMode(c.To.Mode))
	default:
		same = " " + longMode(c.From.Mode)
	}
	if c.From.ID == c.To.ID {
		return nil
	}
	fmt.Fprintf(w, "index %s..%s%s\n", c.From.ID, c.To.ID, same)
	before, err := r.content(c.From)
	if err != nil {
		return err
	}
	after, err := r.content(c.To)
	if err != nil {
		return err
	}
	if isBinary(before) || isBinary(after) {
		return binaryPatch(w, before, after)
	}
	hunks := compareLines(splitLines(before), splitLines(after))
	if len(hunks) == 0 { // a file without lines
		return nil
	}
	// A name with a space is followed by a tab, so that it is not taken for a time.
	tab := func(name string) string {
		if strings.Contains(name, " ") {
			return name + "\t"
		}
		return name
	}
	fmt.Fprintf(w, "--- %s\n+++ %s\n", tab(name), tab(other))
	writeHunks(w, splitLines(before), splitLines(after), hunks)
	return nil
}

// content returns what a patch shows of an entry.
func (r *Repository) content(e Entry) ([]byte, error) {
	switch {
	case e.Mode == "":
		return nil, nil
	case longMode(e.Mode) == "160000":
		return fmt.Appendf(nil, "Subproject commit %s\n", e.ID), nil
	}
	return r.Read(e.ID, Blob, maxInMemory)
}

// isBinary reports whether a file is shown as binary. Git looks only at the beginning, but takes both forms.
func isBinary(data []byte) bool { return bytes.IndexByte(data, 0) >= 0 }

// contextLines is how many lines that are the same surround a change.
const contextLines = 3

func writeHunks(w *bufio.Writer, from, to [][]byte, hunks []hunk) {
	for len(hunks) > 0 {
		n := 1
		for n < len(hunks) && hunks[n].a-hunks[n-1].aEnd <= 2*contextLines {
			n++
		}
		group := hunks[:n]
		hunks = hunks[n:]
		a := max(0, group[0].a-contextLines)
		b := group[0].b - (group[0].a - a)
		aEnd := min(len(from), group[n-1].aEnd+contextLines)
		bEnd := group[n-1].bEnd + (aEnd - group[n-1].aEnd)
		fmt.Fprintf(w, "@@ -%s +%s @@\n", lineRange(a, aEnd), lineRange(b, bEnd))
		at := a
		for _, h := range group {
			writeLines(w, ' ', from[at:h.a])
			writeLines(w, '-', from[h.a:h.aEnd])
			writeLines(w, '+', to[h.b:h.bEnd])
			at = h.aEnd
		}
		writeLines(w, ' ', from[at:aEnd])
	}
}

func lineRange(from, to int) string {
	switch to - from {
	case 0:
		return fmt.Sprintf("%d,0", from)
	case 1:
		return fmt.Sprintf("%d", from+1)
	}
	return fmt.Sprintf("%d,%d", from+1, to-from)
}

func writeLines(w *bufio.Writer, sign byte, lines [][]byte) {
	for _, line := range lines {
		_ = w.WriteByte(sign)
		_, _ = w.Write(line)
		if line[len(line)-1] != '\n' {
			_, _ = w.WriteString("\n\\ No newline at end of file\n")
		}
	}
}

func binaryPatch(w *bufio.Writer, before, after []byte) error {
	_, _ = w.WriteString("GIT binary patch\n")
	for _, data := range [][]byte{after, before} {
		if err := binaryHunk(w, data); err != nil {
			return err
		}
	}
	return nil
}

// binaryLine is how many bytes a line of a binary patch stands for.
const binaryLine = 52

func binaryHunk(w *bufio.Writer, data []byte) error {
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	if _, err := z.Write(data); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	fmt.Fprintf(w, "literal %d\n", len(data))
	for rest := packed.Bytes(); len(rest) > 0; {
		n := min(len(rest), binaryLine)
		size := byte('A' + n - 1)
		if n > 26 {
			size = byte('a' + n - 27)
		}
		_ = w.WriteByte(size)
		_, _ = w.Write(encode85(rest[:n]))
		_ = w.WriteByte('\n')
		rest = rest[n:]
	}
	return w.WriteByte('\n')
}

const alphabet85 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"

func encode85(data []byte) []byte {
	var out []byte
	for len(data) > 0 {
		var word [4]byte
		n := copy(word[:], data)
		data = data[n:]
		v := uint32(word[0])<<24 | uint32(word[1])<<16 | uint32(word[2])<<8 | uint32(word[3])
		var digits [5]byte
		for i := 4; i >= 0; i-- {
			digits[i] = alphabet85[v%85]
			v /= 85
		}
		out = append(out, digits[:]...)
	}
	return out
}

// quotePath returns a path as Git prints it in a patch: in quotes if it has a byte that is not plain text.
func quotePath(path string) string {
	plain := true
	for i := range len(path) {
		if c := path[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' {
			plain = false
			break
		}
	}
	if plain {
		return path
	}
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(path) {
		c := path[i]
		if at := strings.IndexByte("\a\b\f\n\r\t\v\\\"", c); at >= 0 {
			b.WriteByte('\\')
			b.WriteByte(`abfnrtv\"`[at])
			continue
		}
		if c < 0x20 || c >= 0x7f {
			fmt.Fprintf(&b, "\\%03o", c)
			continue
		}
		b.WriteByte(c)
	}
	b.WriteByte('"')
	return b.String()
}

// CountLines returns how many lines a change adds and removes. Both are -1 for a binary file.
func (r *Repository) CountLines(c Change) (added, removed int64, err error) {
	before, err := r.content(c.From)
	if err != nil {
		return 0, 0, err
	}
	after, err := r.content(c.To)
	if err != nil {
		return 0, 0, err
	}
	if binaryHead(before) || binaryHead(after) {
		return -1, -1, nil
	}
	for _, h := range compareLines(splitLines(before), splitLines(after)) {
		removed += int64(h.aEnd - h.a)
		added += int64(h.bEnd - h.b)
	}
	return added, removed, nil
}

// binaryHead reports whether Git counts no lines of a file.
func binaryHead(data []byte) bool { return bytes.IndexByte(data[:min(len(data), 8000)], 0) >= 0 }
