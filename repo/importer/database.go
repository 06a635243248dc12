package importer

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/sqlite"
)

// DatabaseError names the file of an error of a database. For changes that only SQLite can bring into the file, it adds
// the next step. program is the one that writes the database.
func DatabaseError(name, program string, err error) error {
	var journal *sqlite.JournalError
	if !errors.As(err, &journal) {
		return fmt.Errorf("%s: %w", filepath.Base(name), err)
	}
	return &repo.HintError{
		Err: fmt.Errorf("%s holds changes that are not in the database yet", filepath.Base(journal.Path)),
		Hint: fmt.Sprintf("stop %s, then run in its folder: "+
			`python3 -c "import sqlite3; sqlite3.connect('%s').execute('%s').fetchall()"`,
			program, filepath.Base(name), journal.Command),
	}
}
