package repo

import (
	"context"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/capture"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/reads"
)

// maxUntraced is how many ignored files and folders the record of an untraced run names.
const maxUntraced = 20

// notData are patterns of ignored files and folders that are not the data of a program. Those that only a program
// writes are in format.DefaultExclude.
var notData = []string{
	"build/", "dist/", "target/", "htmlcov/", "site/", "*.egg-info/", "*.so", "*.o", "*.a", "*.exe", "*.dll", "*.dylib",
	"*.pyo", "*.class", "*.log", "*.tmp", "*.bak", "_version.py", "*.code-workspace", "Thumbs.db",
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
		paths, err := git.IgnoredFiles(ctx, a.repo.Git)
		if err != nil {
			found <- nil
			return
		}
		found <- untraced(append(run.Source.Rewritten(), paths...))
	}()
	return func() *format.Trace { return <-found }
}

// untraced makes the trace of a run of which nothing was noticed. paths are the ignored files and folders.
func untraced(paths []string) *format.Trace {
	skip := capture.Matcher(append(folderPatterns(), notData...))
	t := &format.Trace{Road: format.RoadNone}
	for _, path := range paths {
		name := strings.TrimSuffix(path, "/")
		if hidden(name) || skip(name, name != path) {
			continue
		}
		if len(t.Ignored) == maxUntraced {
			t.Ignored = append(t.Ignored, "…")
			break
		}
		t.Ignored = append(t.Ignored, capture.Printable(path))
	}
	if len(t.Ignored) == 0 {
		return nil
	}
	return t
}

// folderPatterns returns the default patterns of folders that programs write.
func folderPatterns() []string {
	var patterns []string
	for _, p := range format.DefaultExclude {
		if strings.HasSuffix(p, "/") || strings.HasPrefix(p, "*.pyc") || strings.HasPrefix(p, "*.log") {
			patterns = append(patterns, p)
		}
	}
	return patterns
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
