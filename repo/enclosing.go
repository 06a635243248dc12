package repo

import "path/filepath"

// Enclosing identifies the active run that a process is started within, by the values of the environment variables
// RUNS_DIR and RUNS_ID.
type Enclosing struct {
	Dir string // its active folder; ignored if ID is not empty and is another run
	ID  string
}

// Open returns the enclosing run, or nil if there is none. If Dir is not used, it looks for ID in the repository that
// find opens.
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

// Variables returns the environment variables by which a program finds the run that it is started within.
func (a *Active) Variables() []string { return []string{"RUNS_ID=" + a.ID, "RUNS_DIR=" + a.Dir} }
