package web

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/view"
)

// branch commits the finished runs of a project to branches with these names.
func (p *testProject) branch(names ...string) {
	for _, id := range p.ids[:3] {
		p.git.Git("add", "-f", ".runs/"+format.IDDay(id)+"/"+id)
	}
	p.git.Git("commit", "-q", "-m", "runs")
	for _, name := range names {
		p.git.Git("branch", name)
	}
}

// The page shows any branch. Only some views of branches are held, and one that is in use stays open.
func TestViewsAreBounded(t *testing.T) {
	p := newProject(t)
	var names []string
	for i := range maxViews + 3 {
		names = append(names, fmt.Sprintf("b%d", i))
	}
	p.branch(names...)
	main, err := view.Open(t.Context(), p.Repository, view.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(main.Close)
	s := newViews(t.Context(), main)
	first, done, err := s.take(t.Context(), names[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names[1:] {
		_, release, err := s.take(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		release()
		if len(s.held) > maxViews {
			t.Errorf("%d views are held", len(s.held))
		}
	}
	if s.held[names[0]] != nil {
		t.Error("the view that was used least recently is still held")
	}
	if project, err := first.Project(t.Context()); err != nil || project.Runs != 3 || project.Revision != names[0] {
		t.Errorf("a view in use: %+v %v", project, err)
	}
	done()
	again, release, err := s.take(t.Context(), names[len(names)-1])
	if err != nil {
		t.Fatal(err)
	}
	release()
	if same, release, err := s.take(t.Context(), names[len(names)-1]); err != nil || same != again {
		t.Errorf("a view that is held was opened again: %v", err)
	} else {
		release()
	}
	if _, _, err := s.take(t.Context(), "nothing"); err == nil || s.held["nothing"] != nil {
		t.Errorf("a revision that does not exist: %v", err)
	}
	if v, release, err := s.take(t.Context(), ""); err != nil || v != main {
		t.Errorf("without a revision: %v", err)
	} else {
		release()
	}
	s.close()
	if len(s.held) > 0 {
		t.Error("views are held after the end")
	}
}

// Several requests may need the files of a run of a branch at once.
func TestRevisionsAreReadAtOnce(t *testing.T) {
	p := newProject(t)
	p.branch("other")
	s := serve(t, p.Repository, view.Options{}, Options{})
	var readers sync.WaitGroup
	for i := range 24 {
		readers.Go(func() {
			path := []string{
				"project.json", "runs.json", "run/" + p.ids[0] + ".json", "artifact/" + p.ids[0] + "/" + p.digest + ".bin",
				"values/" + p.ids[i%3] + ".json", "run/" + p.ids[i%3] + ".json",
			}[i%6]
			if status, body := s.get(path + "?rev=other"); status != 200 {
				t.Errorf("%s: %d %.200s", path, status, body)
			} else if strings.HasPrefix(path, "project") && !strings.Contains(body, `"revision":"other"`) {
				t.Errorf("%s: %.200s", path, body)
			}
		})
	}
	readers.Wait()
}
