package review

import (
	"errors"
	"testing"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/query"
)

func TestSelect(t *testing.T) {
	p := newProject(t, goals)
	first := p.add(format.Run{Name: "a", Group: "g"}, nil)
	p.add(format.Run{Name: "again", Group: "g", Reproduces: first}, nil)
	p.add(format.Run{Name: "b", Group: "g"}, nil)
	p.add(format.Run{Name: "c", Group: "g", Status: format.Failed}, nil)
	p.add(format.Run{Name: "d", Group: "broken", Status: format.Failed}, nil)
	p.add(format.Run{Name: "e", Group: "broken", Status: format.Crashed}, nil)
	c := p.open()
	for _, x := range []struct{ selector, title, names string }{
		{"group=g", "group=g", "b a"},
		{"a", "a", "a"},
		{"d", "d", "d"}, // a single run may be unsuccessful
		{"again", "again", "again"},
	} {
		s := p.side(c, x.selector)
		if s.Title() != x.title || names(s) != x.names || len(s.IDs()) != len(s.Entries) {
			t.Errorf("%s: %q with %s, want %q with %s", x.selector, s.Title(), names(s), x.title, x.names)
		}
	}
	for _, selector := range []string{"group=broken", "nowhere"} {
		var none *query.NotFoundError
		if _, err := Select(t.Context(), c, selector); !errors.As(err, &none) {
			t.Errorf("%s: %v", selector, err)
		}
	}
	if s, err := NewestFinished(c); err != nil || names(s) != "b" {
		t.Errorf("newest finished: %v, %v", s, err)
	}
}

func TestNewestFinishedOfNone(t *testing.T) {
	p := newProject(t, goals)
	p.add(format.Run{Status: format.Failed}, nil)
	var none *query.NotFoundError
	if _, err := NewestFinished(p.open()); !errors.As(err, &none) {
		t.Error(err)
	}
}

func TestPair(t *testing.T) {
	p := newProject(t, goals)
	p.add(format.Run{Name: "a", Experiment: "x"}, nil)
	p.add(format.Run{Name: "b", Experiment: "y"}, nil)
	p.add(format.Run{Name: "c", Experiment: "x"}, nil)
	c := p.open()
	for _, x := range []struct {
		selectors []string
		a, b      string
	}{
		{nil, "a", "c"},
		{[]string{"b"}, "b", "c"},
		{[]string{"c", "b"}, "c", "b"},
	} {
		a, b, err := Pair(t.Context(), c, x.selectors)
		if err != nil || names(a) != x.a || names(b) != x.b {
			t.Errorf("%v: %v and %v, %v", x.selectors, a, b, err)
		}
	}
	for _, selectors := range [][]string{{"nowhere"}, {"a", "nowhere"}, {"nowhere", "a"}} {
		if _, _, err := Pair(t.Context(), c, selectors); err == nil {
			t.Errorf("%v: no error", selectors)
		}
	}
}

// TestPairOfAChain: what a run resumes is a part of it, so there is nothing to compare it with.
func TestPairOfAChain(t *testing.T) {
	p := newProject(t, goals)
	first := p.add(format.Run{Name: "night"}, nil)
	_, _, err := Pair(t.Context(), p.open(), nil)
	var none *query.NotFoundError
	if want := "comparing night: its experiment has no earlier run"; !errors.As(err, &none) || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	p.add(format.Run{Name: "night", Resumes: first}, nil)
	_, _, err = Pair(t.Context(), p.open(), nil)
	want := "comparing night: its experiment has no earlier run except its own 2 parts"
	if !errors.As(err, &none) || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
