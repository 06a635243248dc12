package native

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/gitruns/runs/repo/git/ignore"
)

// Ignored returns which of some paths the rules ignore, whether they are tracked or not. A path that is a folder on
// disk counts as one.
func (r *Repository) Ignored(paths []string) (map[string]bool, error) {
	if err := r.CheckWorktree(); err != nil {
		return nil, err
	}
	matcher, err := r.ignoreMatcher()
	if err != nil {
		return nil, err
	}
	ignored := map[string]bool{}
	for _, path := range paths {
		info, err := os.Lstat(filepath.Join(r.Root, filepath.FromSlash(path)))
		found, matchErr := matcher.Match(path, err == nil && info.IsDir())
		if matchErr != nil {
			return nil, matchErr
		}
		if found.Ignored {
			ignored[path] = true
		}
	}
	return ignored, nil
}

// IgnoredFiles lists what is ignored in the working tree, sorted within its folders. A folder that is ignored as a
// whole is listed with a slash at its end, and not what is in it. The folder except is not looked at.
func (r *Repository) IgnoredFiles(index *Index, except string) ([]string, error) {
	if err := r.CheckWorktree(); err != nil {
		return nil, err
	}
	matcher, err := r.ignoreMatcher()
	if err != nil {
		return nil, err
	}
	l := &ignoredList{watcher: watcher{repository: r, look: Look{Index: index}}, except: except}
	err = l.walk("", matcher.Root())
	return l.paths, err
}

type ignoredList struct {
	watcher
	except string
	paths  []string
}

// walk lists what is ignored in a folder. rules is nil if the folder is ignored and has tracked files.
func (l *ignoredList) walk(prefix string, rules *ignore.Folder) error {
	entries, err := os.ReadDir(l.at(prefix))
	if os.IsNotExist(err) || os.IsPermission(err) { // Git goes on, with a warning
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking at the working tree: %w", err)
	}
	for _, e := range entries {
		name := e.Name()
		path := prefix + name
		switch at := l.entry(path); {
		case name == ".git" || path == l.except || at != nil: // a file, or a submodule
		case !e.IsDir():
			if rules == nil || rules.Ignored(name, false) {
				l.paths = append(l.paths, path)
			}
		case rules == nil || rules.Ignored(name, true):
			if !l.hasBelow(path) {
				l.paths = append(l.paths, path+"/")
			} else if err := l.walk(path+"/", nil); err != nil {
				return err
			}
		case !l.hasBelow(path) && isRepository(l.at(path)):
		default:
			below, err := rules.Enter(name)
			if err != nil {
				return err
			}
			if err := l.walk(path+"/", below); err != nil {
				return err
			}
		}
	}
	return nil
}
