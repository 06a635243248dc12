package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/gitruns/runs/python"
	"github.com/gitruns/runs/repo"
)

// wandbEnv is what makes `import wandb` of the program give gitruns: the shim before all else on Python's path, the client
// behind it, then what the user has there; and this program as the one that records.
func (a *app) wandbEnv(args []string) ([]string, error) {
	if flag := ignoresPath(args); flag != "" {
		return nil, usagef("exec: --wandb cannot work with %s, with which Python ignores PYTHONPATH; leave that flag out", flag)
	}
	if !startsPython(args[0]) {
		a.say("runs: %s is no Python as it seems; --wandb works in the Python programs that it starts", filepath.Base(args[0]))
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program: %w", err)
	}
	client, err := unpackClient()
	if err != nil {
		return nil, err
	}
	folders := []string{filepath.Join(client, "gitruns", "_shim"), client}
	if own := os.Getenv("PYTHONPATH"); own != "" {
		folders = append(folders, own)
	}
	return []string{"PYTHONPATH=" + strings.Join(folders, string(os.PathListSeparator)), "RUNS_BINARY=" + self}, nil
}

// unpackClient is the folder, in the user's cache and named by its digest, that holds the embedded client. What lies there
// already is compared with it, and replaced where it differs.
func unpackClient() (string, error) {
	files, digest, err := clientFiles()
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", &repo.HintError{Err: fmt.Errorf("finding a folder for the Python client: %w", err), Hint: "set HOME, or XDG_CACHE_HOME, to a folder that you can write"}
	}
	parent := filepath.Join(cache, "runs", "python")
	dir := filepath.Join(parent, digest)
	if sameClient(dir, files) {
		return dir, nil
	}
	fail := func(err error) (string, error) {
		return "", &repo.HintError{Err: fmt.Errorf("unpacking the Python client into %s: %w", parent, err), Hint: "set XDG_CACHE_HOME to a folder that you can write, or 'pip install gitruns' and import gitruns"}
	}
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return fail(err)
	}
	fresh, err := os.MkdirTemp(parent, "new-")
	if err != nil {
		return fail(err)
	}
	defer func() { _ = os.RemoveAll(fresh) }()
	for name, data := range files {
		file := filepath.Join(fresh, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return fail(err)
		}
		if err := os.WriteFile(file, data, 0o600); err != nil {
			return fail(err)
		}
	}
	if os.Rename(fresh, dir) == nil || sameClient(dir, files) { // another process may have been first
		return dir, nil
	}
	aside := fresh + "-old"
	if err := os.Rename(dir, aside); err != nil {
		return fail(err)
	}
	defer func() { _ = os.RemoveAll(aside) }()
	if err := os.Rename(fresh, dir); err != nil && !sameClient(dir, files) {
		return fail(err)
	}
	return dir, nil
}

// clientFiles are the embedded files by their path below the folder, and a digest of them all.
func clientFiles() (map[string][]byte, string, error) {
	files, sum := map[string][]byte{}, sha256.New()
	err := fs.WalkDir(python.Source, "src", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := python.Source.ReadFile(name)
		if err != nil {
			return err
		}
		name = strings.TrimPrefix(name, "src/")
		files[name] = data
		fmt.Fprintf(sum, "%s\x00%d\x00", name, len(data))
		sum.Write(data)
		return nil
	})
	return files, hex.EncodeToString(sum.Sum(nil)[:16]), err
}

// sameClient reports whether a folder holds these files and nothing else but what Python compiled of them.
func sameClient(dir string, files map[string][]byte) bool {
	seen := 0
	err := filepath.WalkDir(dir, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if entry.Name() == "__pycache__" {
				return fs.SkipDir
			}
			return nil
		}
		rel, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		want, ok := files[filepath.ToSlash(rel)]
		if info, err := entry.Info(); !ok || err != nil || !info.Mode().IsRegular() || info.Size() != int64(len(want)) {
			return errDiffers
		}
		if have, err := os.ReadFile(file); err != nil || !bytes.Equal(have, want) {
			return errDiffers
		}
		seen++
		return nil
	})
	return err == nil && seen == len(files)
}

var errDiffers = errors.New("not the client of this program")

var pythonName = regexp.MustCompile(`^(python|pypy)[0-9.]*[tdw]*(\.exe)?$`)

// ignoresPath is the flag of a call of Python with which it ignores PYTHONPATH, or empty.
func ignoresPath(args []string) string {
	if !pythonName.MatchString(strings.ToLower(filepath.Base(args[0]))) {
		return ""
	}
	for i := 1; i < len(args); i++ {
		arg := args[i]
		if len(arg) < 2 || arg[0] != '-' {
			return ""
		}
		if strings.HasPrefix(arg, "--") {
			if arg == "--check-hash-based-pycs" {
				i++
			}
			continue
		}
	flags:
		for j, c := range arg[1:] {
			switch c {
			case 'I', 'E':
				return arg
			case 'c', 'm':
				return ""
			case 'W', 'X': // with a value
				if j == len(arg)-2 {
					i++
				}
				break flags
			}
		}
	}
	return ""
}

// startsPython reports whether a command is Python, or a script whose first line names it.
func startsPython(name string) bool {
	if pythonName.MatchString(strings.ToLower(filepath.Base(name))) {
		return true
	}
	file, err := exec.LookPath(name)
	if err != nil {
		return true // the start says what is wrong
	}
	f, err := os.Open(file)
	if err != nil {
		return true
	}
	defer func() { _ = f.Close() }()
	head := make([]byte, 256)
	n, _ := f.Read(head)
	line, _, _ := bytes.Cut(head[:n], []byte("\n"))
	if !bytes.HasPrefix(line, []byte("#!")) {
		return path.Ext(filepath.ToSlash(name)) == ".py"
	}
	return bytes.Contains(line, []byte("python")) || bytes.Contains(head[:n], []byte("python")) // the second line names a long path
}
