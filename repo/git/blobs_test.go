package git

import (
	"strings"
	"testing"
)

// The ids are what `git hash-object --stdin` prints in a repository of either hash.
func TestBlobID(t *testing.T) {
	for _, c := range []struct{ name, text, sha1, sha256 string }{
		{"empty", "", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391", "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813"},
		{"a line", "hello\n", "ce013625030ba8dba906f756967f9e9ca394464a", "2cf8d83d9ee29543b34a87727421fdecb7e3f3a183d337639025de576db9ebb4"},
	} {
		for _, want := range []string{c.sha1, c.sha256} {
			like := strings.Repeat("1", len(want))
			if got, err := BlobID(like, int64(len(c.text)), strings.NewReader(c.text)); err != nil || got != want {
				t.Errorf("%s: %s, %v, want %s", c.name, got, err, want)
			}
		}
	}
}
