package repo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/regular"
)

// MaxSearchedOutside is how many bytes are searched at the start of a file that is not in Git.
const MaxSearchedOutside = 64 << 20

// checkOutside searches the artifacts of a run that are not in Git. They cannot be redacted, because their digests
// are their names, on this machine and in the store. If one holds the secret, checkOutside returns an error.
func (x *redaction) checkOutside(ctx context.Context, e *Entry) error {
	artifacts, err := e.AllArtifacts()
	if err != nil {
		return err
	}
	for _, a := range artifacts {
		file := ""
		if a.Where != "" {
			file = x.repo.Stored(a.SHA256, a.Bytes)
		}
		if file == "" {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		data, err := readStart(file)
		if err != nil {
			return fmt.Errorf("artifact %s: %w", a.Path, err)
		}
		holds := len(x.matches(data)) > 0
		if !holds && x.ask.Pattern == nil {
			finds, err := x.findings(ctx, nil, path.Join(format.IDDay(e.ID), e.ID, artifactsName, a.Path), data)
			if err != nil {
				return fmt.Errorf("artifact %s: %w", a.Path, err)
			}
			holds = len(finds) > 0
		}
		if holds {
			err := fmt.Errorf(
				"artifact %s holds the secret outside Git, where it cannot be redacted; nothing was changed", a.Path)
			return withHint(err, "run 'runs rm %s', remove %s and that object from the store, and rotate the secret",
				format.IDRandom(e.ID), Relative(x.repo.Root, file))
		}
	}
	return nil
}

// readStart reads the first MaxSearchedOutside bytes of a regular file.
func readStart(file string) ([]byte, error) {
	info, err := os.Lstat(file)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	f, err := regular.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, MaxSearchedOutside))
}

// searchTrash lists the removed runs that also hold the secret, and their artifacts outside Git that hold it. A dry run
// leaves those out that would be redacted.
func (x *redaction) searchTrash() error {
	folders := x.repo.allTrash()
	if store := x.repo.commonDir(); store != "" {
		folders = append(folders, filepath.Join(store, trashName)) // finishers leave files there too
	}
	for _, runs := range x.repo.others() {
		folders = append(folders, filepath.Join(runs, trashName))
	}
	for _, trash := range folders {
		err := x.eachHolder(trash, func(file string) {
			parts := strings.Split(Relative(trash, file), "/") // batch/run/file
			if filepath.Base(trash) == trashName && len(parts) > 3 && isWorktreeID(parts[0]) {
				return // a folder of its own
			}
			dir := filepath.Join(trash, filepath.Join(parts[:min(2, len(parts)-1)]...))
			if !x.ask.DryRun || !x.wouldRedact(dir) {
				add(&x.done.InTrash, Relative(x.repo.Root, dir))
			}
		})
		if err != nil {
			return err
		}
	}
	for _, a := range x.repo.TrashedArtifacts() {
		file := ""
		if a.Where != "" {
			file = x.repo.Stored(a.SHA256, a.Bytes)
		}
		if file == "" {
			continue
		}
		data, err := readStart(file)
		if err != nil {
			return err
		}
		if len(x.matches(data)) > 0 {
			add(&x.done.Left, Relative(x.repo.Root, file))
		}
	}
	return nil
}

// wouldRedact reports whether a folder of the trash has the run as it was before this redaction.
func (x *redaction) wouldRedact(dir string) bool {
	id := filepath.Base(dir)
	if !x.asked[id] { // one that shares a file may hold the secret elsewhere too
		return false
	}
	data, err := readBounded(filepath.Join(dir, RecordName), format.MaxRecordBytes)
	return err == nil && string(data) == string(x.runs[id].old)
}

// searchSharers lists the other runs that were changed and that hold the secret in files of their own. A removed run is
// among those in the trash.
func (x *redaction) searchSharers(ctx context.Context) error {
	for _, id := range slices.Sorted(maps.Keys(x.runs)) {
		w := x.runs[id]
		if x.asked[id] || w.trash != "" {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		holds := len(x.matches(w.old)) > 0
		if !holds {
			files, err := x.ownFiles(w, x.entry(w))
			if err != nil { // what cannot be read is reported by verify
				continue
			}
			for name, data := range files {
				holds = holds || path.Ext(name) != ".parquet" && len(x.matches(data)) > 0
			}
		}
		if holds {
			x.done.Holders = append(x.done.Holders, id)
		}
	}
	return nil
}

// searchActive lists leftover active folders of the runs that hold the secret, and of all redacted runs the runs in
// progress that hold it.
func (x *redaction) searchActive() error {
	if x.all {
		if err := x.searchRunning(); err != nil {
			return err
		}
	}
	for _, id := range slices.Sorted(maps.Keys(x.runs)) {
		for _, name := range []string{id, newPrefix + id} {
			dir := filepath.Join(x.repo.active, name)
			err := x.eachHolder(dir, func(string) { add(&x.done.Left, Relative(x.repo.Root, dir)) })
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// searchRunning lists the runs in progress that hold the secret.
func (x *redaction) searchRunning() error {
	actives, err := x.repo.Actives()
	if err != nil {
		return err
	}
	for _, a := range append(actives, x.repo.OtherActives()...) {
		if x.runs[a.ID] != nil { // it is finished; a leftover folder
			continue
		}
		if err := x.eachHolder(a.Dir, func(string) { add(&x.done.Running, a.ID) }); err != nil {
			return err
		}
	}
	return nil
}

// eachHolder calls visit with the files under a folder that hold the secret.
func (x *redaction) eachHolder(dir string, visit func(file string)) error {
	err := filepath.WalkDir(dir, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		data, err := readStart(file)
		if err == nil && len(x.matches(data)) > 0 {
			visit(file)
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func add(list *[]string, name string) {
	if !slices.Contains(*list, name) {
		*list = append(*list, name)
	}
}
