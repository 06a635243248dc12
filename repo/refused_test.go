package repo

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRefusedRecord: that a large record was refused is remembered for its bytes: mended, it is read at once.
func TestRefusedRecord(t *testing.T) {
	r, _ := worktreeProject(t)
	id := recordIn(t, r)
	file := filepath.Join(r.RunDir(id), RecordName)
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	large := append(good[:len(good):len(good)], "\n# "+strings.Repeat("x", largeRecord)+"\n"...)
	for _, c := range []struct {
		data string
		bad  bool
	}{
		{string(large), false},
		{string(large) + "status = 3\n", true},
		{string(large) + "status = 3\n", true},
		{string(large), false},
		{string(good), false},
	} {
		if err := os.WriteFile(file, []byte(c.data), 0o666); err != nil {
			t.Fatal(err)
		}
		run, err := r.readFinished(id)
		if (err != nil) != c.bad || err == nil && run.ID != id {
			t.Errorf("a record of %d bytes: %v", len(c.data), err)
		}
	}
}
