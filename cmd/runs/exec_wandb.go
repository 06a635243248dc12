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
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/capture"
)

// wandbEnv returns environment variables that make Python programs import the shim as wandb. They also affect Python
// programs that the program starts. In PYTHONPATH, the shim comes first, so that it hides an installed wandb. The
// client and the user's own path follow.
func wandbEnv(pythonPath string, args []string) ([]string, error) {
	if flag := isolated(args); flag != "" {
		return nil, &repo.HintError{
			Err:  usagef("exec: --wandb cannot be combined with python %s, which ignores PYTHONPATH", flag),
			Hint: fmt.Sprintf("leave %s out, or write 'import gitruns as wandb'", flag),
		}
	}
	src, err := installClient()
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding the path of this program: %w", err)
	}
	path := []string{filepath.Join(src, "gitruns", "_shim"), src}
	for _, dir := range strings.Split(pythonPath, string(os.PathListSeparator)) {
		if pythonPath != "" && !slices.Contains(path[:2], dir) { // within another exec, they are already in the path
			path = append(path, dir)
		}
	}
	return []string{"PYTHONPATH=" + strings.Join(path, string(os.PathListSeparator)), "RUNS_BINARY=" + self}, nil
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

// installClient writes the Python client into the user's cache if it is not there yet. It returns the folder to add to
// sys.path.
func installClient() (src string, err error) {
	files, err := python.Files()
	if err != nil {
		return "", err
	}
	const hint = "set XDG_CACHE_HOME to a writable folder, " +
		"or run 'pip install gitruns' and write 'import gitruns as wandb'"
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", &repo.HintError{Err: fmt.Errorf("finding the user's cache folder for --wandb: %w", err), Hint: hint}
	}
	dir := filepath.Join(cache, "runs", "python-"+python.Digest(files))
	if strings.ContainsRune(dir, os.PathListSeparator) {
		err := fmt.Errorf("writing the Python client for --wandb: the user's cache folder %s contains a %q, which separates "+
			"the folders in PYTHONPATH", cache, os.PathListSeparator)
		return "", &repo.HintError{Err: err, Hint: hint}
	}
	if err = checkCache(cache); err == nil && !holds(dir, files) {
		err = writeClient(dir, files)
	}
	if err != nil {
		return "", &repo.HintError{Err: fmt.Errorf("writing the Python client for --wandb: %w", err), Hint: hint}
	}
	return dir, nil
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
	for name, data := range files {
		path := filepath.Join(tmp, "client", filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			return err
		}
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
