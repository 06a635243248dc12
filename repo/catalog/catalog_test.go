package catalog

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/query"
)

// project is a repository of finished runs outside Git, oldest first.
func project(t *testing.T, runs ...*format.Run) *repo.Repository {
	t.Helper()
	r, _, err := repo.Setup(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for i, run := range runs {
		run.Started = time.Date(2026, 11, 23, 14, i, 0, 0, time.UTC)
		run.ID = format.NewID(run.Started)
		a, err := r.StartImported(t.Context(), run, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.Finish(t.Context(), repo.Finish{Status: format.Finished}); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func open(t testing.TB, r *repo.Repository, o Options) *Catalog {
	t.Helper()
	c, err := Open(t.Context(), r, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func names(entries []*repo.Entry) string {
	text := ""
	for _, e := range entries {
		text += e.Name + " "
	}
	return text
}

func TestSelect(t *testing.T) {
	r := project(t, &format.Run{Name: "a", Experiment: "x"}, &format.Run{Name: "b", Experiment: "y", Group: "g"},
		&format.Run{Name: "c", Experiment: "x", Group: "g"})
	for _, c := range []struct {
		experiment, selector, want string
	}{
		{"", "last", "c "},
		{"y", "last", "b "},
		{"", "last=y", "b "},
		{"", "group=g", "c b "},
		{"x", "group=g", "c "},
		{"", "a", "a "},
	} {
		entries, of, err := open(t, r, Options{Experiment: c.experiment}).Select(t.Context(), c.selector)
		if err != nil || names(entries) != c.want || of == nil {
			t.Errorf("%q in %q: %s, %v; want %s", c.selector, c.experiment, names(entries), err, c.want)
		}
	}
}

func TestSelectErrors(t *testing.T) {
	c := open(t, project(t, &format.Run{Name: "a", Group: "g"}, &format.Run{Name: "b", Group: "g"}), Options{})
	for _, selector := range []string{"", "best=", "last~x"} {
		var syntax *query.SyntaxError
		if _, _, err := c.Select(t.Context(), selector); !errors.As(err, &syntax) {
			t.Errorf("selector %q: %v", selector, err)
		}
	}
	var syntax *query.SyntaxError
	if _, _, err := c.Match(c.Entries(), "lr <"); !errors.As(err, &syntax) {
		t.Errorf("expression: %v", err)
	}
	var none *query.NotFoundError
	if _, _, err := c.Select(t.Context(), "nobody"); !errors.As(err, &none) {
		t.Errorf("nobody: %v", err)
	}
	if _, _, err := c.One(t.Context(), "group=g"); !errors.As(err, &none) {
		t.Errorf("several: %v", err)
	}
}

func TestMatchNamesMissingKeys(t *testing.T) {
	c := open(t, project(t, &format.Run{Name: "a", Params: map[string]any{"rate": 0.1}}), Options{})
	for _, test := range []struct {
		where, matching, missing string
	}{
		{"rate = 0.1", "a ", ""},
		{"ratee = 0.1", "", "ratee"},
		{"ratee", "", "ratee"}, // like a key that exists
		{"zzzzz", "", ""},      // whether a key exists may be asked of any key
		{"zzzzz = 1", "", "zzzzz"},
	} {
		entries, missing, err := c.Match(append([]*repo.Entry{}, c.Entries()...), test.where)
		got := ""
		for _, m := range missing {
			got += m.Key
		}
		if err != nil || names(entries) != test.matching || got != test.missing {
			t.Errorf("%s: %s, missing %q, %v", test.where, names(entries), got, err)
		}
	}
}

func TestReadOne(t *testing.T) {
	r := project(t, &format.Run{Name: "a"})
	id := open(t, r, Options{}).Entries()[0].ID
	e, of, err := ReadOne(t.Context(), r, id, Options{})
	if err != nil || of != nil || e.Name != "a" {
		t.Errorf("by its id: %v, a catalog %v, %v", e, of != nil, err)
	}
	e, of, err = ReadOne(t.Context(), r, "a", Options{})
	if err != nil || of == nil || e.Name != "a" {
		t.Fatalf("by its name: %v, a catalog %v, %v", e, of != nil, err)
	}
	of.Close()
	var none *query.NotFoundError
	if _, of, err = ReadOne(t.Context(), r, "20261123-142530-k7qx2m9a", Options{}); !errors.As(err, &none) || of != nil {
		t.Errorf("an unknown id: a catalog %v, %v", of != nil, err)
	}
}

func TestDamageIsAValue(t *testing.T) {
	r := project(t, &format.Run{Name: "a"}, &format.Run{Name: "b"})
	c := open(t, r, Options{})
	damaged := c.Entries()[0]
	write(t, filepath.Join(damaged.Dir, repo.RecordName), "schema = ")
	c = open(t, r, Options{})
	if names(c.Entries()) != "a " || len(c.Damage()) != 1 || c.Damage()[0].ID != damaged.ID || len(c.AllDamage()) != 1 {
		t.Errorf("%s, damaged %v", names(c.Entries()), c.Damage())
	}
}

func TestAtNoRevision(t *testing.T) {
	c := open(t, project(t, &format.Run{Name: "a"}), Options{})
	if _, err := c.At(context.Background(), "HEAD"); err == nil {
		t.Error("a revision outside Git")
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}
