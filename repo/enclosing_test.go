package repo

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/gitruns/runs/format"
)

func TestEnclosing(t *testing.T) {
	r, _, err := Setup(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for range 2 {
		a, err := r.Start(t.Context(), &format.Run{}, format.OwnerDetached)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, a.ID)
	}
	dir := func(id string) string { return filepath.Join(r.Dir, "active", id) }
	const unknown = "20261123-142530-k7qx2m9a"
	for _, c := range []struct {
		name string
		e    Enclosing
		want string
		err  error
		find bool
	}{
		{"nothing", Enclosing{}, "", nil, false},
		{"a folder", Enclosing{Dir: dir(ids[0])}, ids[0], nil, false},
		{"a folder and its id", Enclosing{dir(ids[0]), ids[0]}, ids[0], nil, false},
		{"an id", Enclosing{ID: ids[1]}, ids[1], nil, true},
		{"an id before a folder that is left from another run", Enclosing{dir(ids[0]), ids[1]}, ids[1], nil, true},
		{"an unknown id", Enclosing{ID: unknown}, "", ErrNotActive, true},
		{"an unknown folder", Enclosing{Dir: dir(unknown)}, "", ErrNotActive, false},
	} {
		found := false
		a, err := c.e.Open(func() (*Repository, error) { found = true; return r, nil })
		got := ""
		if a != nil && err == nil {
			got = a.ID
		}
		if got != c.want || !errors.Is(err, c.err) || found != c.find {
			t.Errorf("%s: %q, %v, looked for the repository: %v", c.name, got, err, found)
		}
	}
}
