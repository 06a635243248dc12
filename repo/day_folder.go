package repo

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gitruns/runs/format"
)

// The index notices that a run changed by the time of the folder of its day, which changes when an entry of that folder
// is added, removed or renamed. A change of a file within the folder of a run does not do that by itself. So whatever
// changes the record or the notes of a finished run goes through the functions of this file: their last step renames a
// file out of the folder of the day or into it, so that the file and the time change in one step, and no kill comes
// between them.

// moveIntoRun moves a file to a path in the folder of a finished run. It replaces a file that exists there. The folder
// of the path must exist.
func moveIntoRun(from, runDir, name string) error {
	tmp := dayTemporary(runDir)
	if err := moveFile(from, tmp); err != nil {
		return err
	}
	if err := os.Rename(tmp, filepath.Join(runDir, name)); err != nil {
		_ = os.Remove(tmp)
		return err
	}
	return nil
}

// writeIntoRun is like moveIntoRun, for a file that write makes. The file is not synced.
func writeIntoRun(runDir, name string, write func(tmp string) error) error {
	tmp := dayTemporary(runDir)
	defer func() { _ = os.Remove(tmp) }() // also if it is a link to the file that exists: renaming it does nothing
	if err := write(tmp); err != nil {
		return err
	}
	return os.Rename(tmp, filepath.Join(runDir, name))
}

// RemoveFromRun removes a file from the folder of a finished run. It is not an error if the file does not exist.
func RemoveFromRun(runDir, name string) error {
	tmp := dayTemporary(runDir)
	err := os.Rename(filepath.Join(runDir, filepath.FromSlash(name)), tmp)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return os.Remove(tmp)
}

// dayTemporary returns a new name in the folder of the day of a run. What a killed process leaves there, ClearStale
// removes.
func dayTemporary(runDir string) string {
	return filepath.Join(filepath.Dir(runDir), newPrefix+format.RandomLetters(8))
}
