// Package sqlitetest makes SQLite databases for tests.
package sqlitetest

import (
	"os/exec"
	"testing"
)

// Script runs statements in a database with Python's SQLite. After a statement that is DIE, the process ends without
// closing the database. It skips the test if python3 is not installed.
func Script(t testing.TB, path string, statements ...string) {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed")
	}
	program := "import sqlite3, sys, os\ndb = sqlite3.connect(sys.argv[1], isolation_level=None)\n" +
		"for s in sys.argv[2:]:\n    os._exit(0) if s == 'DIE' else db.execute(s).fetchall()\ndb.close()\n"
	out, err := exec.Command(python, append([]string{"-c", program, path}, statements...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("python3: %v\n%s", err, out)
	}
}
