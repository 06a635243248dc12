package repo

import (
	"context"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/capture"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/reads"
)

// maxUntraced is how many ignored files and folders the record of an untraced run names.
const maxUntraced = 20

// notData are patterns of ignored files and folders that are not the data of a program. They are in addition to those
// of format.DefaultExclude, see notRead.
var notData = []string{
	"htmlcov/", "site/", "*.egg-info/", "*.o", "*.a", "*.pyo", "*.log", "*.tmp", "*.bak", "_version.py",
	"*.code-workspace", "Thumbs.db",
}

// programFolders are patterns of folders that only matter if there are programs in them.
var programFolders = []string{"build/", "dist/", "target/"}

// mayBeRead are those of format.DefaultExclude that a later program reads as its input.
var mayBeRead = []string{
	"outputs/", "multirun/", "checkpoints/", "lightning_logs/", "checkpoint-", "checkpoint_", "runs/",
}

// ignoredData starts to look for ignored files of the project that a program may have read, if nothing was noticed of
// it. The result is nil if there are none, or if something was noticed.
func (a *Active) ignoredData(ctx context.Context, run *format.Run) (wait func() *format.Trace) {
	none := func() *format.Trace { return nil }
	if !a.repo.InGit || run.Source == nil || run.Source.Tree == "" || run.Reproduces != "" ||
		a.begun && len(run.Command) == 0 {
		return none
	}
	reader := reads.Reader{Dir: a.readsDir()}
	if err := reader.Next(); err == nil && reader.Processes > 0 {
		return none
	}
	found := make(chan *format.Trace, 1)
	go func() { // ends with Git
		paths, err := git.IgnoredFiles(ctx, a.repo.Git, a.repo.ownFolder())
		if err != nil {
			found <- nil
			return
		}
		t := untraced(run, a.repo.TreeRoot(), paths)
		if outside := outsideData(run, a.repo.TreeRoot(), a.repo.places(), nil); outside != "" {
			if t == nil {
				t = &format.Trace{Road: format.RoadNone}
			}
			t.Problems = append(t.Problems, outside)
		}
		found <- t
	}()
	return func() *format.Trace { return <-found }
}

// untraced makes the trace of a run of which nothing was noticed. root is that of the project, and ignored are the
// files and folders that Git ignores there. What the source leaves out may have been read too.
func untraced(run *format.Run, root string, ignored []string) *format.Trace {
	written := notRead()
	skip, programs := capture.Matcher(append(written, notData...)), capture.Matcher(programFolders)
	t := &format.Trace{Road: format.RoadNone}
	add := func(path string) {
		switch path = capture.Printable(path); {
		case len(t.Ignored) > maxUntraced || slices.Contains(t.Ignored, path):
		case len(t.Ignored) == maxUntraced:
			t.Ignored = append(t.Ignored, "…")
		default:
			t.Ignored = append(t.Ignored, path)
		}
	}
	if run.Source != nil {
		for _, path := range run.Source.Rewritten() {
			add(path)
		}
	}
	for _, path := range ownPrograms(run, root, ignored) {
		add(path)
	}
	for _, path := range ignored {
		name := strings.TrimSuffix(path, "/")
		if hidden(name) || skip(name, name != path) ||
			programs(name, name != path) && !holdsProgram(filepath.Join(root, filepath.FromSlash(name))) {
			continue
		}
		add(path)
	}
	if run.Source != nil {
		for _, o := range run.Source.Omitted {
			switch {
			case o.Path == "…":
			case o.Reason == format.OmittedExcluded && !slices.Contains(written, o.Path) && !hidden(o.Path), // a pattern
				o.Reason == format.OmittedWritten && !hidden(o.Path):
				add(o.Path)
			}
		}
	}
	t.Withheld = hiddenWords(run, root, func(rel string) bool { return isIgnored(ignored, rel) })
	if slices.ContainsFunc(ignored, func(path string) bool { return hidesData(root, path) }) {
		t.Problems = append(t.Problems, "it may have read data in a hidden folder that is not in Git")
	}
	if len(t.Ignored)+len(t.Problems) == 0 && t.Withheld == 0 {
		return nil
	}
	return t
}

// hiddenWords returns how many words of the command name files of the project that must not be named, and that the
// source does not have.
func hiddenWords(run *format.Run, root string, ignored func(rel string) bool) (n int64) {
	for _, word := range run.Command {
		rel := commandPath(run, word)
		if rel == "" || !hidden(rel) || inRunFolder(rel) || !ignored(rel) {
			continue
		}
		if info, err := os.Stat(filepath.Join(root, filepath.FromSlash(rel))); err == nil && info.Mode().IsRegular() &&
			info.Mode()&0o111 == 0 {
			n++
		}
	}
	return n
}

// inRunFolder reports whether a path is one of Git or of runs.
func inRunFolder(rel string) bool {
	return strings.HasPrefix(rel, ".git/") || strings.HasPrefix(rel, ".runs/")
}

// hidesData reports whether an ignored path is a hidden folder in which a file has the ending of data. Installed
// packages do not count.
func hidesData(root, path string) (holds bool) {
	if !strings.HasSuffix(path, "/") || !hidden(strings.TrimSuffix(path, "/")) || inRunFolder(path) {
		return false
	}
	looked := 0
	_ = filepath.WalkDir(filepath.Join(root, filepath.FromSlash(path)), func(file string, d fs.DirEntry, err error) error {
		looked++
		switch {
		case err != nil:
		case d.IsDir() && (slices.Contains(packageFolders, d.Name()) || exists(filepath.Join(file, "pyvenv.cfg")) ||
			exists(filepath.Join(file, "conda-meta"))):
			return filepath.SkipDir
		case d.Type().IsRegular():
			holds = reads.EndsAsData(file) && filepath.Ext(file) != ".pth"
		}
		if holds || looked > maxLookedAt {
			return filepath.SkipAll
		}
		return nil
	})
	return holds
}

// packageFolders are folders of installed packages.
var packageFolders = []string{"site-packages", "dist-packages", "node_modules"}

// ownPrograms returns the words of the command that name ignored files of the project, such as the program itself.
func ownPrograms(run *format.Run, root string, ignored []string) (found []string) {
	for _, word := range run.Command {
		rel := commandPath(run, word)
		if rel == "" || hidden(rel) || !isIgnored(ignored, rel) {
			continue
		}
		if info, err := os.Stat(filepath.Join(root, filepath.FromSlash(rel))); err == nil && info.Mode().IsRegular() {
			found = append(found, rel)
		}
	}
	return found
}

// commandPath returns the path below the root that a word of the command may be, or "".
func commandPath(run *format.Run, word string) string {
	rel := path.Clean(filepath.ToSlash(word))
	if inside, ok := strings.CutPrefix(rel, "{project}/"); ok {
		return inside
	}
	if rel = path.Join(run.Cwd, rel); path.IsAbs(rel) {
		return ""
	}
	return rel
}

// isIgnored reports whether a path is among the files and folders that Git ignores, or in one of them.
func isIgnored(ignored []string, rel string) bool {
	return slices.ContainsFunc(ignored, func(of string) bool {
		return rel == of || strings.HasSuffix(of, "/") && strings.HasPrefix(rel, of)
	})
}

// maxLookedAt is in how many files of a folder a program is looked for.
const maxLookedAt = 2000

// holdsProgram reports whether there is a file in a folder that can be run or loaded, or perhaps one that was not
// looked at.
func holdsProgram(dir string) bool {
	n, found := 0, false
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil
		}
		n++
		found = n > maxLookedAt || slices.Contains(programEndings, filepath.Ext(path))
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			found = true
		}
		if found {
			return filepath.SkipAll
		}
		return nil
	})
	return found
}

// programEndings are endings of files that programs are made of, or that they load.
var programEndings = []string{".exe", ".dll", ".so", ".dylib", ".jar", ".class"}

// notRead returns the default patterns of files and folders that programs write and hardly ever read.
func notRead() []string {
	var patterns []string
	for _, p := range format.DefaultExclude {
		folder := strings.HasSuffix(p, "/") || strings.HasPrefix(p, "*.pyc") || strings.HasPrefix(p, "*.log") ||
			slices.Contains(leftovers, p)
		if folder && !slices.ContainsFunc(mayBeRead, func(begin string) bool { return strings.HasPrefix(p, begin) }) {
			patterns = append(patterns, p)
		}
	}
	return patterns
}

// writtenPatterns returns the patterns of files and folders that are not the input of a program as a rule.
func writtenPatterns() []string {
	patterns := append(slices.Clone(notData), programFolders...)
	for _, p := range format.DefaultExclude {
		if strings.HasSuffix(p, "/") || slices.Contains(notRead(), p) {
			patterns = append(patterns, p)
		}
	}
	return patterns
}

// leftovers are files of format.DefaultExclude that are never input.
var leftovers = []string{
	"slurm-*.out", "slurm-*.err", "nohup.out", "mlflow.db", "events.out.tfevents.*", "*.swp", "*~", "core.[0-9]*",
	".DS_Store", "trainer_state.json", "training_args.bin",
}

// hidden reports whether a path must not be named.
func hidden(path string) bool {
	for part := range strings.SplitSeq(path, "/") {
		if strings.HasPrefix(part, ".") || reads.Secret(part, true) {
			return true
		}
	}
	return false
}
