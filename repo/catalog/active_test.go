package catalog

import (
	"errors"
	"testing"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/query"
)

func TestOnlyActiveAndOpenActive(t *testing.T) {
	r := project(t, &format.Run{Name: "finished"})
	var none *query.NotFoundError
	if _, err := OnlyActive(r); !errors.As(err, &none) {
		t.Errorf("no active run: %v", err)
	}
	first := start(t, r, &format.Run{Name: "first"})
	if a, err := OnlyActive(r); err != nil || a.ID != first.ID {
		t.Errorf("one active run: %v", err)
	}
	start(t, r, &format.Run{Name: "second"})
	if _, err := OnlyActive(r); !errors.As(err, &none) {
		t.Errorf("two active runs: %v", err)
	}
	for _, c := range []struct {
		selector string
		opened   bool // a catalog
		want     func(error) bool
	}{
		{first.ID, false, func(err error) bool { return err == nil }},
		{"first", true, func(err error) bool { return err == nil }},
		{"finished", true, func(err error) bool { return errors.Is(err, repo.ErrFinished) }},
		{"nobody", true, func(err error) bool { return errors.As(err, &none) }},
		{"20261123-142530-k7qx2m9a", false, func(err error) bool { return errors.As(err, &none) }},
	} {
		a, of, err := OpenActive(t.Context(), r, c.selector, Options{})
		if !c.want(err) || (of != nil) != c.opened || err == nil && a.ID != first.ID {
			t.Errorf("%s: a catalog: %v, %v", c.selector, of != nil, err)
		}
		if of != nil {
			of.Close()
		}
	}
}

func TestMayChange(t *testing.T) {
	const id = "20261123-142530-k7qx2m9a"
	for _, c := range []struct {
		name, author, selector, who string
		want                        bool
	}{
		{"one's own run", "Ada", "last", "Ada", true},
		{"another's run", "Ada", "last", "Bob", false},
		{"another's run by its full id", "Ada", id, "Bob", true},
		{"a run without an author", "", "last", "Bob", true},
		{"by somebody unknown", "Ada", "last", "", true},
		{"of another revision", "Ada", "main:last", "Ada", false},
	} {
		e := &repo.Entry{Run: &format.Run{ID: id, Author: c.author}}
		if err := MayChange(e, c.selector, func() string { return c.who }); (err == nil) != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestSelectRemovable(t *testing.T) {
	r := project(t, &format.Run{Name: "a", Group: "g"}, &format.Run{Name: "b", Group: "g", Author: "Ada"})
	start(t, r, &format.Run{Name: "active", Group: "g"})
	c := open(t, r, Options{})
	nobody := func() string { return "" }
	for _, test := range []struct {
		selectors []string
		where     string
		want      string
	}{
		{[]string{"a", "group=g"}, "", "a active b "},
		{nil, "group = g", "b a "},
		{[]string{"b"}, "group = g", "b a "},
	} {
		entries, _, err := c.SelectRemovable(t.Context(), test.selectors, test.where, nobody)
		if err != nil || names(entries) != test.want {
			t.Errorf("%v and %q: %s, %v; want %s", test.selectors, test.where, names(entries), err, test.want)
		}
	}
	var none *query.NotFoundError
	if _, _, err := c.SelectRemovable(t.Context(), nil, "name = active", nobody); !errors.As(err, &none) {
		t.Errorf("active runs alone: %v", err)
	}
	if _, _, err := c.SelectRemovable(t.Context(), nil, "group = g", func() string { return "Bob" }); err == nil {
		t.Error("an expression takes another's run")
	}
}
