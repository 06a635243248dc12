package review

import (
	"testing"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// The second run with a name stands for the second one, whatever the order of the list.
func TestCounterpart(t *testing.T) {
	const first, second = "20261130-100825-nmggq3zh", "20261130-100836-aqs7myfb"
	entry := func(id, group, name string, second int) *repo.Entry {
		return &repo.Entry{Run: &format.Run{ID: id, Group: group, Name: name, Started: time.Unix(int64(second), 0)}}
	}
	a, b, c := entry("a", first, "x", 1), entry("b", first, "x", 2), entry("c", first, "y", 3)
	entries := []*repo.Entry{
		c, b, a, entry("d", second, "x", 12), entry("e", second, "x", 11), entry("f", "grid", "x", 0),
		entry("g", second, "z", 9),
	}
	for _, test := range []struct {
		of   *repo.Entry
		want string
	}{{a, "e"}, {b, "d"}, {c, ""}} {
		got := Counterpart(test.of, entries, second)
		if (got == nil) != (test.want == "") || got != nil && got.ID != test.want {
			t.Errorf("%s: %v, want %s", test.of.ID, got, test.want)
		}
	}
	for group, want := range map[string]bool{"": false, "grid": false, first: true} {
		if MadeBeside(&format.Run{Group: group}) != want {
			t.Errorf("group %q: not %t", group, want)
		}
	}
}
