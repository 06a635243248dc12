package view

import (
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/catalog"
)

// rowReader makes entries of rows for a part of a table. It keeps none of them, so that the records of a long table are
// not in memory.
type rowReader struct {
	view *View // whose lock it takes
	of   *catalog.Catalog
}

// columns returns entries, in the order of rows, with what the first part of a page shows. Those that were not read
// have a record that is made of columns. That of a run that cannot be read has its id only.
func (s *rowReader) columns(rows []*catalog.Row) ([]*repo.Entry, error) {
	s.view.mu.Lock()
	defer s.view.mu.Unlock()
	runs, err := s.of.Project(rows, nil)
	if err != nil {
		return nil, err
	}
	entries := make([]*repo.Entry, len(rows))
	for i, r := range rows {
		found := len(runs) > 0 && runs[0].ID == r.ID()
		switch e := r.Entry(); {
		case e != nil:
			entries[i] = e
		case found:
			entries[i] = &repo.Entry{Run: runs[0]}
		default:
			entries[i] = &repo.Entry{Run: &format.Run{ID: r.ID()}}
		}
		if found {
			runs = runs[1:]
		}
	}
	return entries, nil
}

// whole returns entries, in the order of rows, with the whole records. That of a run that cannot be read has its id
// only.
func (s *rowReader) whole(rows []*catalog.Row) ([]*repo.Entry, error) {
	s.view.mu.Lock()
	defer s.view.mu.Unlock()
	read, err := s.of.LoadOnce(rows)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]*repo.Entry, len(read))
	for _, e := range read {
		byID[e.ID] = e
	}
	entries := make([]*repo.Entry, len(rows))
	for i, r := range rows {
		if entries[i] = byID[r.ID()]; entries[i] == nil {
			entries[i] = &repo.Entry{Run: &format.Run{ID: r.ID()}}
		}
	}
	return entries, nil
}
