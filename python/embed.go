// Package python embeds the Python client gitruns, so that runs can give it to a program whose Python does not have it.
// It imports no other package of the module. The client itself is in src/gitruns: start reading at __init__.py.
package python

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

//go:embed all:src/gitruns
var client embed.FS

// Files returns the content of each file of the client by its path in the folder that belongs on sys.path
// ("gitruns/__init__.py"). It leaves out compiled files, which may be in the source folder at the time of the build.
func Files() (map[string][]byte, error) {
	return below("src")
}

// ExecFiles is like Files, for what every program of exec finds: it notices the files that the program opens, and sends
// MLflow's calls to exec. It does not need the client, but has the modules that MLflow's store needs as a package of
// its own, and the one that notices files as gitruns_reads.py: a client that the program's Python has may be another
// version.
func ExecFiles() (map[string][]byte, error) {
	files, err := below("src/gitruns/_exec")
	if err != nil {
		return nil, err
	}
	modules, err := below("src/gitruns")
	if err != nil {
		return nil, err
	}
	files["gitruns_exec_client/__init__.py"] = nil
	for _, name := range []string{
		"_errors", "_journal", "_messages", "_mlflow_artifacts", "_mlflow_service", "_mlflow_store", "_spare",
	} {
		files["gitruns_exec_client/"+name+".py"] = modules[name+".py"]
	}
	files["gitruns_reads.py"] = modules["_reads.py"]
	return files, nil
}

func below(dir string) (map[string][]byte, error) {
	files := map[string][]byte{}
	src, err := fs.Sub(client, dir)
	if err != nil {
		return nil, fmt.Errorf("reading the embedded Python client: %w", err)
	}
	err = fs.WalkDir(src, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && entry.Name() == "__pycache__":
			return fs.SkipDir
		case entry.IsDir() || strings.HasSuffix(name, ".pyc"):
			return nil
		}
		files[name], err = fs.ReadFile(src, name)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the embedded Python client: %w", err)
	}
	return files, nil
}

// Digest returns a digest of the names and contents of files: 16 hexadecimal digits, equal on every machine.
func Digest(files map[string][]byte) string {
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	hash := sha256.New()
	for _, name := range names {
		fmt.Fprintf(hash, "%d %s %d\n", len(name), name, len(files[name]))
		hash.Write(files[name])
	}
	return hex.EncodeToString(hash.Sum(nil))[:16]
}
