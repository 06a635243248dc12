package git

import (
	"slices"
	"strings"
	"testing"
)

const (
	commitA = "1111111111111111111111111111111111111111"
	blobA   = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	blobB   = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	none    = "0000000000000000000000000000000000000000"
)

func readAll(text string) ([]CommittedChange, error) {
	var got []CommittedChange
	err := readChanges(strings.NewReader(text), func(c CommittedChange) error {
		got = append(got, c)
		return nil
	})
	return got, err
}

func TestReadChanges(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     []CommittedChange
		fails    bool
	}{
		{name: "nothing"},
		{
			name: "added, changed, removed",
			in: commitA + "\x00:000000 100644 " + none + " " + blobA + " A\x00a\nb\x00:100644 120000 " + blobA + " " + blobB +
				" T\x00c\x00" +
				":100644 000000 " + blobA + " " + none + " D\x00d e\x00",
			want: []CommittedChange{
				{Commit: commitA, Path: "a\nb", Mode: "100644", ID: blobA},
				{Commit: commitA, Path: "c", Mode: "120000", ID: blobB},
				{Commit: commitA, Path: "d e"},
			},
		},
		{
			name: "a merge",
			in:   commitA + "\x00::000000 100644 100755 " + none + " " + blobA + " " + blobB + " AM\x00x\x00",
			want: []CommittedChange{{Commit: commitA, Path: "x", Mode: "100755", ID: blobB}},
		},
		{name: "no commit", in: ":000000 100644 " + none + " " + blobA + " A\x00a\x00", fails: true},
		{name: "torn", in: commitA + "\x00:000000 100644 " + none + " " + blobA + " A\x00a", fails: true},
		{name: "no path", in: commitA + "\x00:000000 100644 " + none + " " + blobA + " A\x00", fails: true},
		{name: "too few words", in: commitA + "\x00:000000 100644 " + blobA + " A\x00a\x00", fails: true},
		{name: "no id", in: "main\x00", fails: true},
	} {
		got, err := readAll(c.in)
		if (err != nil) != c.fails || !slices.Equal(got, c.want) {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
}

// FuzzReadChanges: whatever git prints of a hostile history, nothing panics and every change has a commit and a path.
func FuzzReadChanges(f *testing.F) {
	f.Add(commitA + "\x00:000000 100644 " + none + " " + blobA + " A\x00a\x00")
	f.Add(commitA + "\x00::000000 100644 100755 " + none + " " + blobA + " " + blobB + " AM\x00x\x00")
	f.Add(none + "\x00: 1   \x000\x00")
	f.Fuzz(func(t *testing.T, text string) {
		got, _ := readAll(text)
		for _, c := range got {
			if c.Commit == "" || c.Path == "" || (c.Mode == "") != (c.ID == "") {
				t.Errorf("%+v", c)
			}
		}
	})
}
