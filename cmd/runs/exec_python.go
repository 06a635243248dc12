package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/gitruns/runs/python"
	"github.com/gitruns/runs/repo/capture"
)

// pythonPathOf returns PYTHONPATH in an environment that is added to that of this process.
func pythonPathOf(env []string) string {
	for _, v := range slices.Backward(env) {
		if value, ok := strings.CutPrefix(v, "PYTHONPATH="); ok {
			return value
		}
	}
	return os.Getenv("PYTHONPATH")
}

// pythonPath returns the environment variables that make Python look into folders before those of PYTHONPATH, which is
// given, and that keep these folders out of records.
func pythonPath(given string, first []string) []string {
	const separator = string(os.PathListSeparator)
	path, added := slices.Clone(first), slices.Clone(first)
	for _, dir := range strings.Split(given, separator) {
		if given != "" && !slices.Contains(first, dir) { // within another exec, they are already in the path
			path = append(path, dir)
		}
	}
	for _, dir := range filepath.SplitList(os.Getenv(capture.AddedPath)) {
		if !slices.Contains(added, dir) {
			added = append(added, dir)
		}
	}
	return []string{
		"PYTHONPATH=" + strings.Join(path, separator), capture.AddedPath + "=" + strings.Join(added, separator),
	}
}

// isolated returns the flag that makes the Python in args ignore its environment: -I, -E, or "" if there is none.
func isolated(args []string) string {
	at := slices.IndexFunc(args, func(arg string) bool {
		return capture.IsPython(strings.ToLower(filepath.FromSlash(arg)))
	})
	if at < 0 {
		return ""
	}
	rest := args[at+1:]
	for i := 0; i < len(rest); i++ {
		arg := rest[i]
		if arg == "--check-hash-based-pycs" {
			i++
			continue
		}
		if len(arg) < 2 || arg[0] != '-' || arg == "--" {
			return "" // the name of the script
		}
		if strings.HasPrefix(arg, "--") {
			continue
		}
	flags:
		for at, flag := range arg[1:] {
			switch flag {
			case 'I', 'E':
				return "-" + string(flag)
			case 'c', 'm': // all later arguments belong to the program
				return ""
			case 'W', 'X':
				if at+2 == len(arg) {
					i++
				}
				break flags
			}
		}
	}
	return ""
}

// installPython writes files for Python into a folder of the user's cache if they are not there yet. It returns the
// folder, whose name is kind and a digest of the files.
func installPython(kind string, files map[string][]byte) (dir string, err error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding the user's cache folder: %w", err)
	}
	dir = filepath.Join(cache, "runs", kind+python.Digest(files))
	if strings.ContainsRune(dir, os.PathListSeparator) {
		return "", fmt.Errorf("the user's cache folder %s contains a %q, which separates the folders in PYTHONPATH",
			cache, os.PathListSeparator)
	}
	if err = checkCache(cache); err == nil && !holds(dir, files) {
		err = writeClient(dir, files)
	}
	return dir, err
}

// checkCache creates the folder named runs in the user's cache. It returns an error if other users could place code
// there that Python would run.
func checkCache(cache string) error {
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return err
	}
	if info, err := os.Stat(cache); err != nil { // the user may have replaced the cache with a link
		return err
	} else if !isPrivate(info) {
		return fmt.Errorf("other users can write to %s", cache)
	}
	ours := filepath.Join(cache, "runs")
	if err := os.Mkdir(ours, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Lstat(ours)
	switch {
	case err != nil:
		return err
	case !info.IsDir() || !isOwn(info):
		return fmt.Errorf("%s is not a folder that this user owns", ours)
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o022 != 0:
		return os.Chmod(ours, 0o700)
	}
	return nil
}

// writeClient replaces dir with a folder that contains the files. Other processes see either the old or the new folder.
func writeClient(dir string, files map[string][]byte) error {
	parent := filepath.Dir(dir)
	tmp, err := os.MkdirTemp(parent, ".new-*") // MkdirTemp uses mode 0700
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	if err := writeFiles(filepath.Join(tmp, "client"), files); err != nil {
		return err
	}
	if err := os.Rename(dir, filepath.Join(tmp, "before")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(filepath.Join(tmp, "client"), dir); err != nil && !holds(dir,
		files) { // another exec may have written it first
		return err
	}
	return nil
}

func writeFiles(dir string, files map[string][]byte) error {
	for name, data := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// holds reports whether dir contains exactly the files, apart from what Python compiled from them, and whether only
// this user can read it.
func holds(dir string, files map[string][]byte) bool {
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() || runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return false
	}
	compiled := "__pycache__" + string(filepath.Separator)
	seen := 0
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if !isOwn(info) {
			return fs.ErrInvalid
		}
		if entry.IsDir() {
			return nil
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if strings.Contains(rel, compiled) && entry.Type().IsRegular() {
			return nil
		}
		want, ok := files[filepath.ToSlash(rel)]
		if !ok || !entry.Type().IsRegular() {
			return fs.ErrInvalid
		}
		got, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if !bytes.Equal(got, want) {
			return fs.ErrInvalid
		}
		seen++
		return nil
	})
	return err == nil && seen == len(files)
}
