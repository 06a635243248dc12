package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"

	"github.com/gitruns/runs/cmd/internal/web"
	"github.com/gitruns/runs/repo"
)

// exportTarget is where an export goes: a file, a folder or, if both are empty, stdout.
type exportTarget struct{ file, folder string }

// exportTo tells a file from a folder by how the user names it, or by what exists. flag is the command and its flag.
func (a *app) exportTo(flag, typed string) (*exportTarget, error) {
	if typed == "-" {
		return &exportTarget{}, nil
	}
	path := filepath.Clean(a.path(typed))
	info, err := os.Stat(path)
	exists := err == nil
	folder := exists && info.IsDir()
	switch extension := strings.ToLower(filepath.Ext(typed)); {
	case folder:
		return &exportTarget{folder: path}, nil
	case typed != "" && os.IsPathSeparator(typed[len(typed)-1]):
		if exists {
			return nil, &repo.HintError{
				Err:  fmt.Errorf("writing into the folder %s: it is a file", typed),
				Hint: "name a folder with -o DIR/, or a file with -o FILE.html",
			}
		}
		return &exportTarget{folder: path}, nil
	case extension == ".html" || extension == ".htm":
		return &exportTarget{file: path}, nil
	}
	return nil, usagef("%s must end in .html, or in / for a folder, got %q", flag, typed)
}

// page returns the file that a browser opens; empty for stdout.
func (t *exportTarget) page() string {
	if t.folder != "" {
		return filepath.Join(t.folder, "index.html")
	}
	return t.file
}

// mayReplace returns an error if the page would replace a file that is not an export.
func (t *exportTarget) mayReplace(force bool) error {
	page := t.page()
	if page == "" {
		return nil
	}
	info, err := os.Stat(page)
	switch {
	case err != nil:
		return nil // writing reports anything but a missing file
	case info.IsDir():
		return &repo.HintError{
			Err: fmt.Errorf("writing %s: it is a folder", page), Hint: "name another file with -o",
		}
	case force || info.Mode().IsRegular() && (info.Size() == 0 || isExport(page)):
		return nil
	}
	return &repo.HintError{
		Err:  fmt.Errorf("writing %s: it exists and is not an export of runs", page),
		Hint: "name another file with -o, or add --force to replace it",
	}
}

func isExport(page string) bool {
	f, err := os.Open(page)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	start := make([]byte, 1024)
	n, _ := io.ReadFull(f, start)
	return strings.Contains(string(start[:n]), web.ExportMark)
}

// dataFolder matches the names of the folders that web.Export.Folder makes.
var dataFolder = func() *regexp.Regexp {
	return regexp.MustCompile("^" + web.ExportFolder + "[0-9a-f]{16}$")
}

// writeFolder writes the files of an export. The page, which is the last, then uses the new files, and those of the
// export that it replaces are removed. Other files in the folder stay.
func (t *exportTarget) writeFolder(files []web.File) (err error) {
	fail := func(err error) error { return notWritten(t.folder, err) }
	if err := os.MkdirAll(t.folder, 0o777); err != nil {
		return fail(err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(t.folder) // only if it is empty, so it was made for nothing
		}
	}()
	tmp, err := os.MkdirTemp(t.folder, "runs-new-*")
	if err != nil {
		return fail(err)
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	data, page := files[:len(files)-1], files[len(files)-1]
	name, _, _ := strings.Cut(data[0].Path, "/")
	for _, f := range data {
		if err := os.WriteFile(filepath.Join(tmp, filepath.Base(f.Path)), f.Body, 0o644); err != nil {
			return fail(err)
		}
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return fail(err)
	}
	// What already has the name should have the same content, but a copy may have broken off, or somebody else made it.
	if err := os.RemoveAll(filepath.Join(t.folder, name)); err != nil {
		return fail(err)
	}
	if err := os.Rename(tmp, filepath.Join(t.folder, name)); err != nil {
		return fail(err)
	}
	if err := writeWhole(filepath.Join(t.folder, page.Path), page.Body); err != nil {
		return err
	}
	return t.removeOthers(name)
}

// removeOthers removes the data of earlier exports.
func (t *exportTarget) removeOthers(name string) error {
	entries, err := os.ReadDir(t.folder)
	if err != nil {
		return fmt.Errorf("removing the data of earlier exports: %w", err)
	}
	ours := dataFolder()
	var errs []error
	for _, e := range entries {
		old := filepath.Join(t.folder, e.Name())
		if !e.IsDir() || e.Name() == name || !ours.MatchString(e.Name()) {
			continue
		}
		if _, err := os.Stat(filepath.Join(old, "index.bin")); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		errs = append(errs, os.RemoveAll(old))
	}
	return errors.Join(errs...)
}

// notWritten is the error for a file or folder that cannot be written. The names of temporary files stay out of it.
func notWritten(path string, err error) error {
	var why *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &why):
		err = why.Err
	case errors.As(err, &link):
		err = link.Err
	}
	hint := "name another place with -o"
	if errors.Is(err, syscall.ENOSPC) {
		hint = "free some space, or " + hint
	}
	return &repo.HintError{Err: fmt.Errorf("writing %s: %w", path, err), Hint: hint}
}

// writeWhole replaces a file at once, or leaves it as it is. It makes missing folders.
func writeWhole(path string, body []byte) error {
	fail := func(err error) error { return notWritten(path, err) }
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return fail(err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), "runs-new-*")
	if err != nil {
		return fail(err)
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	_, err = tmp.Write(body)
	if err == nil {
		err = tmp.Chmod(0o644)
	}
	if closed := tmp.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return fail(err)
	}
	return nil
}
