package repo

import "path/filepath"

// Enclosing names the active run that a process is started within, as the environment variables RUNS_DIR and RUNS_ID
// do.
type Enclosing struct {
	Dir string // its active folder; counts only if it is the folder of ID, or if ID is empty
	ID  string
}

// Open returns the run that is named, nil if none is. find opens the repository that is looked in if only an id counts.
func (e Enclosing) Open(find func() (*Repository, error)) (*Active, error) {
	switch {
	case e.Dir != "" && (e.ID == "" || e.ID == filepath.Base(e.Dir)):
		return OpenDir(e.Dir)
	case e.ID == "":
		return nil, nil
	}
	r, err := find()
	if err != nil {
		return nil, err
	}
	return r.Open(e.ID)
}

// Variables are the environment variables by which a program finds the run that it is started within.
func (a *Active) Variables() []string { return []string{"RUNS_ID=" + a.ID, "RUNS_DIR=" + a.Dir} }
