package format

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// PatchFile is a file that a Git patch changes.
type PatchFile struct {
	Path           string
	Old, New       string // blob ids; only zeros if that side has no such file
	OldMode        string // empty if the patch does not state it
	NewMode        string
	Added, Removed int64 // lines; -1 for a binary file
}

const (
	maxPatchLine  = 16 << 10 // bytes of a line that are examined
	maxPatchFiles = 500_000
)

// ReadPatch lists the files of a patch that `git diff-tree -p --binary --full-index --no-renames` wrote. A file that
// changes its type is listed twice. The format is described in https://git-scm.com/docs/diff-format.
func ReadPatch(r io.Reader) ([]PatchFile, error) {
	var files []PatchFile
	in := bufio.NewReaderSize(r, 64<<10)
	var at *PatchFile
	var old, added int64 // lines left in the hunk
	for number := 1; ; number++ {
		line, more, err := in.ReadLine()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		line = bytes.Clone(line[:min(len(line), maxPatchLine)])
		for more && err == nil {
			_, more, err = in.ReadLine()
		}
		text := string(line)
		switch {
		case at != nil && (old > 0 || added > 0):
			switch {
			case strings.HasPrefix(text, "+"):
				at.Added++
				added--
			case strings.HasPrefix(text, "-"):
				at.Removed++
				old--
			case !strings.HasPrefix(text, `\`):
				old--
				added--
			}
		case strings.HasPrefix(text, "diff --git "):
			path, ok := patchPath(strings.TrimPrefix(text, "diff --git "))
			if !ok {
				return nil, fmt.Errorf("line %d: %.100q does not name a file", number, text)
			}
			if len(files) == maxPatchFiles {
				return nil, fmt.Errorf("it changes more than %d files", maxPatchFiles)
			}
			files = append(files, PatchFile{Path: path})
			at = &files[len(files)-1]
		case at == nil:
		case strings.HasPrefix(text, "@@ "):
			if _, err := fmt.Sscanf(hunkCounts(text), "%d %d", &old, &added); err != nil || old < 0 || added < 0 {
				return nil, fmt.Errorf("line %d: %.100q is not a hunk header", number, text)
			}
		case text == "GIT binary patch":
			at.Added, at.Removed = -1, -1
		default:
			at.header(text)
		}
	}
}

// header reads an extended header line. It ignores the lines that are not needed.
func (f *PatchFile) header(text string) {
	for _, line := range []struct {
		prefix string
		mode   *string
	}{
		{"old mode ", &f.OldMode},
		{"deleted file mode ", &f.OldMode},
		{"new mode ", &f.NewMode},
		{"new file mode ", &f.NewMode},
	} {
		if mode, ok := strings.CutPrefix(text, line.prefix); ok {
			*line.mode = mode
			return
		}
	}
	if rest, ok := strings.CutPrefix(text, "index "); ok {
		ids, mode, _ := strings.Cut(rest, " ")
		f.Old, f.New, _ = strings.Cut(ids, "..")
		if mode != "" {
			f.OldMode, f.NewMode = mode, mode
		}
	}
}

// hunkCounts turns `@@ -1,2 +3,4 @@` into "2 4". A missing count is 1.
func hunkCounts(text string) string {
	fields := strings.Fields(text)
	if len(fields) < 4 {
		return ""
	}
	count := func(field string) string {
		if _, n, ok := strings.Cut(field, ","); ok {
			return n
		}
		return "1"
	}
	return count(fields[1]) + " " + count(fields[2])
}

// patchPath reads NAME from `a/NAME b/NAME`. Git may have quoted either part.
func patchPath(text string) (string, bool) {
	if strings.HasPrefix(text, `"`) {
		for i := 1; i < len(text); i++ {
			switch text[i] {
			case '\\':
				i++
			case '"':
				name, ok := unquoteC(text[1:i])
				path, found := strings.CutPrefix(name, "a/")
				return path, ok && found && path != ""
			}
		}
		return "", false
	}
	if len(text)%2 == 0 || len(text) < 7 {
		return "", false
	}
	half := len(text) / 2
	a, b := text[:half], text[half+1:]
	if text[half] != ' ' || !strings.HasPrefix(a, "a/") || !strings.HasPrefix(b, "b/") || a[2:] != b[2:] {
		return "", false
	}
	return a[2:], true
}

// unquoteC undoes Git's quoting of names: a backslash and a letter, or three octal digits.
func unquoteC(text string) (string, bool) {
	const letters, meant = `abtnvfr"\`, "\a\b\t\n\v\f\r\"\\"
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			b.WriteByte(text[i])
			continue
		}
		if i++; i >= len(text) {
			return "", false
		}
		if j := strings.IndexByte(letters, text[i]); j >= 0 {
			b.WriteByte(meant[j])
			continue
		}
		if i+2 >= len(text) {
			return "", false
		}
		v := 0
		for _, c := range []byte(text[i : i+3]) {
			if c < '0' || c > '7' {
				return "", false
			}
			v = v*8 + int(c-'0')
		}
		b.WriteByte(byte(v))
		i += 2
	}
	return b.String(), true
}
