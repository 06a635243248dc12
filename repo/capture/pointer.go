package capture

import (
	"strconv"
	"strings"

	"github.com/gitruns/runs/format"
)

// pointer is the content of a pointer file, which Git LFS stores in place of a large file.
type pointer struct {
	sha256 string
	bytes  int64
}

// pointerHead is the first line of a pointer.
const pointerHead = "version https://git-lfs.github.com/spec/v1\n"

// maxPointer is the largest size of a pointer, in bytes.
const maxPointer = 1024

// parsePointer reads an LFS pointer (see https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md).
func parsePointer(data []byte) (pointer, bool) {
	text, ok := strings.CutPrefix(string(data), pointerHead)
	if !ok {
		return pointer{}, false
	}
	p := pointer{bytes: -1}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimRight(line, "\n"), " ")
		switch key {
		case "oid":
			p.sha256, _ = strings.CutPrefix(value, "sha256:")
		case "size":
			if n, err := strconv.ParseInt(value, 10, 64); err == nil {
				p.bytes = n
			}
		}
	}
	return p, format.IsDigest(p.sha256) && p.bytes >= 0
}

// Pointer returns the digest and the size of the content that a Git LFS pointer refers to.
func Pointer(data []byte) (digest string, size int64, ok bool) {
	p, ok := parsePointer(data)
	return p.sha256, p.bytes, ok
}
