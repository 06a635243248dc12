package repo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
)

// keptLeft returns the folder in the trash for files that a finish could not record. It is next to the folders of
// removed runs.
func (a *Active) keptLeft(batch string) string {
	return filepath.Join(a.repo.trashDir(), batch, a.ID+"-left")
}

// ownNames and ownPrefixes are the names that this program gives to entries of the folder of an active run.
var (
	ownNames = []string{
		RecordName, configName, sidecarName, lockName, artifactsName, filesName, notesName, stagedName, outputName,
		earlierName, toldName, tracebackName,
	}
	ownPrefixes = []string{
		".", ownerPrefix, lastPrefix, outputName + ".", "output-", donePrefix, consumed, restPrefix, leftPrefix,
	}
)

// DeletedName is the file by which a program that writes a journal of its own sees that the run was deleted.
const DeletedName = ".deleted"

// MarkDeleted says whether the run is deleted, for the programs that write to it.
func (a *Active) MarkDeleted(deleted bool) error {
	at := filepath.Join(a.Dir, DeletedName)
	if deleted == a.MarkedDeleted() {
		return nil
	}
	if deleted {
		return writeFile(at, nil)
	}
	return os.Remove(at)
}

// MarkedDeleted reports whether the run was marked as deleted.
func (a *Active) MarkedDeleted() bool { return exists(filepath.Join(a.Dir, DeletedName)) }

// stagedName is the folder of files that a client is writing.
const stagedName = "staged"

// tracebackName is the file that a client writes before it records it as an artifact.
const tracebackName = "traceback.txt"

// isStray reports whether an entry of the folder of an active run is neither a journal nor an entry of this program. It
// may be the only copy of something that a program has written.
func isStray(entry fs.DirEntry) bool {
	name := entry.Name()
	return !isJournal(entry) && !slices.Contains(ownNames, name) &&
		!slices.ContainsFunc(ownPrefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// planLeft records that a file in the run's folder did not go into the finished run, so that no clearing removes it.
func (a *Active) planLeft(b *finished, nonce string) error {
	entries, err := os.ReadDir(a.Dir)
	if err != nil {
		return err
	}
	var odd []string
	for _, entry := range entries {
		name := entry.Name()
		if !isStray(entry) {
			continue
		}
		switch {
		case namedAsJournal(name):
			odd = append(odd, fmt.Sprintf("%q was not read: it has the name of a journal but is not one", name))
		case strings.HasSuffix(name, ".jsonl"):
			odd = append(odd, fmt.Sprintf("%q was not read: a journal is named journal-HOST-PID-LETTERS.jsonl", name))
		default:
			odd = append(odd, fmt.Sprintf("%q was not recorded: only files below %s/ are", name, filesName))
		}
		b.left = b.left || entry.Type().IsRegular() || entry.IsDir()
	}
	b.warnings = append(b.warnings, odd[:min(len(odd), maxNamed)]...)
	if n := len(odd) - maxNamed; n > 0 {
		b.warnings = append(b.warnings, fmt.Sprintf("%d more entries of the run's folder were not recorded", n))
	}
	if !b.left {
		return nil
	}
	batch := batchName()
	b.warnings = append(b.warnings, fmt.Sprintf("the files that could not be recorded are kept in %s", a.keptLeft(batch)))
	return writeFile(filepath.Join(a.Dir, leftPrefix+nonce), []byte(batch))
}

// keepLeft moves the files that a finish could not record to the trash. If it is killed, a repeated call continues.
func (a *Active) keepLeft() error {
	entries, err := os.ReadDir(a.Dir)
	if err != nil {
		return err
	}
	var plan string
	var left []string
	for _, entry := range entries {
		name := entry.Name()
		switch {
		case strings.HasPrefix(name, leftPrefix):
			plan = name
		case isStray(entry) && (entry.Type().IsRegular() || entry.IsDir()):
			left = append(left, name)
		}
	}
	if plan != "" {
		left = append(left, filesName, artifactsName)
	}
	if len(left) == 0 {
		return nil
	}
	batch := batchName()
	if data, err := readBounded(filepath.Join(a.Dir, plan), 100); err == nil && format.CheckPath(string(data)) == nil {
		batch = filepath.Base(string(data))
	}
	if err := makeBatch(filepath.Join(a.repo.trashDir(), batch)); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	to := a.keptLeft(batch)
	if err := os.MkdirAll(to, 0o777); err != nil {
		return err
	}
	for _, name := range left {
		if err := os.Rename(filepath.Join(a.Dir, name), filepath.Join(to, name)); err != nil &&
			!errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if plan == "" {
		return nil
	}
	return os.Remove(filepath.Join(a.Dir, plan))
}
