package repo

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/reads"
)

// outsideData returns the problem that a program, whose reads were not noticed, may have read files outside the project
// which its command names; empty if there are none. What the run has written or somebody has declared does not count.
// The paths are not in the problem, because the command has them.
func outsideData(run *format.Run, root string, places reads.Places, known map[string]string) string {
	n := 0
	seen := map[string]bool{}
	for i, word := range run.Command {
		paths := []string{word}
		if _, value, ok := strings.Cut(word, "="); ok {
			paths = append(paths, value)
		}
		if i > 0 {
			paths = append(paths, strings.FieldsFunc(word, isShellMark)...) // the text of sh -c
		}
		for _, path := range paths {
			path = outsidePath(run, root, places, path)
			if path == "" || seen[path] {
				continue
			}
			seen[path] = true
			if mayHaveRead(run, path, known) {
				n++
			}
		}
	}
	switch n {
	case 0:
		return ""
	case 1:
		return "it may have read the data outside the project that its command names"
	}
	return fmt.Sprintf("it may have read the data in %d places outside the project that its command names", n)
}

func isShellMark(c rune) bool { return strings.ContainsRune(" \t\n;|&<>()\"'`,", c) }

// outsidePath returns the absolute path that a word of a command has, if it is outside the project and the system.
func outsidePath(run *format.Run, root string, places reads.Places, word string) string {
	path := filepath.FromSlash(word)
	if rest, ok := strings.CutPrefix(filepath.ToSlash(path), "~/"); ok && places.Home != "" {
		path = filepath.Join(places.Home, filepath.FromSlash(rest))
	}
	switch {
	case filepath.IsAbs(path):
		path = filepath.Clean(path)
	case strings.HasPrefix(filepath.ToSlash(path), "../"):
		path = filepath.Join(root, filepath.FromSlash(run.Cwd), path)
	default:
		return ""
	}
	path, root = withoutLinks(path), withoutLinks(root)
	around := path == root || relativeTo(root, path) != "" || relativeTo(path, root) != ""
	if around || !places.MayBeDataset(path) || places.OfMachine(path) {
		return ""
	}
	return path
}

// mayHaveRead reports whether a program can have read a file or a folder as data that no dataset of the run has.
func mayHaveRead(run *format.Run, path string, known map[string]string) bool {
	info, err := os.Stat(path)
	if err != nil || !info.ModTime().Before(run.Started) {
		return false
	}
	for _, place := range known {
		if place = withoutLinks(place); place == path || strings.HasPrefix(place, path+string(filepath.Separator)) ||
			strings.HasPrefix(path, place+string(filepath.Separator)) {
			return false
		}
	}
	switch {
	case info.Mode().IsRegular():
		if info.Mode()&0o111 != 0 || info.Size() == 0 {
			return false
		}
	case info.IsDir():
		if entries, err := os.ReadDir(path); err != nil || len(entries) == 0 {
			return false
		}
	default:
		return false
	}
	for _, d := range run.Datasets { // the places of declared data outside the project are not in the record
		name := filepath.Base(path)
		if d.Path == "" && (d.Name == name || d.Name == strings.TrimSuffix(name, filepath.Ext(name)) ||
			info.Mode().IsRegular() && d.Bytes == info.Size()) {
			return false
		}
	}
	return true
}
