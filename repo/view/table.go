package view

import "context"

// Table is the list of runs by columns. All columns have the same length.
type Table struct {
	IDs     []string `json:"ids"`
	Names   []string `json:"names"`
	Status  []string `json:"status"`
	Started []int64  `json:"started"` // in ms since 1970 UTC
}

// Table returns the runs, newest first.
func (v *View) Table(context.Context) (*Table, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	t := &Table{IDs: []string{}, Names: []string{}, Status: []string{}, Started: []int64{}}
	for _, e := range v.entries {
		t.IDs = append(t.IDs, e.ID)
		t.Names = append(t.Names, e.Name)
		t.Status = append(t.Status, string(e.Status))
		t.Started = append(t.Started, e.Started.UnixMilli())
	}
	return t, nil
}
