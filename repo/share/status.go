package share

import (
	"context"
	"errors"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
)

// Uncommitted counts the runs with status finished that the branch of runs does not hold.
func Uncommitted(ctx context.Context, r *repo.Repository) (int, error) {
	if !r.InGit {
		return 0, nil
	}
	local, err := theBranch(ctx, r)
	if err != nil {
		return 0, err
	}
	trees, err := git.OpenTrees(ctx, r.Git)
	if err != nil {
		return 0, err
	}
	defer trees.Close()
	at, err := r.TreePath()
	if err != nil {
		return 0, err
	}
	known, err := readContents(trees, local.tip, at)
	if err != nil {
		return 0, err
	}
	ids, err := r.FinishedIDs()
	if err != nil {
		return 0, err
	}
	n := 0
	for _, id := range ids {
		if _, ok := known.runs[id]; ok || known.removed[id] {
			continue
		}
		if e, err := r.ReadFinished(id); err == nil && e.Status == format.Finished {
			n++
		}
	}
	return n, nil
}

// maxRemoteLines bounds what is passed on of a hook that talks.
const maxRemoteLines = 20

// RemoteLines is what the other side of a failed fetch or push said.
func RemoteLines(err error) []string {
	output := ""
	var rejected *git.Rejected
	var failed *git.Error
	switch {
	case errors.As(err, &rejected):
		output = rejected.Output
	case errors.As(err, &failed):
		output = failed.Output
	}
	return remoteLines(output)
}

func remoteLines(output string) []string {
	var lines []string
	for line := range strings.Lines(output) {
		if line = strings.TrimRight(line, " \r\n"); strings.HasPrefix(line, "remote: ") && len(lines) < maxRemoteLines {
			lines = append(lines, line)
		}
	}
	return lines
}
