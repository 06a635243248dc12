package share

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/transition"
)

// runCommit is a commit that changes only runs.
type runCommit struct {
	*git.CommitObject
	id       string
	edits    []git.Edit
	redacted map[string]bool // runs that it redacts; a key is the .runs folder followed by the id
	placed   *placements
}

// codeCommitError means that a commit does not only change runs.
type codeCommitError struct {
	id, subject, path string
	reason            string // why a change of a run is not one of ours; may be empty
	parent            string // what it is compared with; may be empty
	twice             bool   // it leaves a run in two versions
}

func (e *codeCommitError) Error() string {
	text := fmt.Sprintf("commit %.10s (%s) changes %s", e.id, e.subject, e.path)
	if e.reason != "" {
		text += ": " + e.reason
	}
	return text
}

// readRunCommit reads a commit that base lacks. base may be empty. If the commit makes a change that our commands do
// not make, the error is a *codeCommitError. For a merge that changes nothing, it returns nil.
func readRunCommit(ctx context.Context, dirs git.Dirs, trees *git.Trees, base, id string) (*runCommit, error) {
	c, err := trees.Commit(id)
	if err != nil {
		return nil, err
	}
	subject, _, _ := strings.Cut(c.Message, "\n")
	parent := ""
	switch len(c.Parents) {
	case 0:
	case 1:
		parent = c.Parents[0]
	default:
		if parent, err = mergedOnto(ctx, dirs, base, c.Parents); err != nil {
			return nil, err
		}
	}
	edits, err := git.Differences(ctx, dirs, parent, id)
	if err != nil {
		return nil, err
	}
	redacted, placed, wrong, err := checkEdits(trees, parent, id, edits)
	if err != nil {
		return nil, err
	}
	if wrong != nil {
		wrong.id, wrong.subject = id, subject
		return nil, wrong
	}
	if len(c.Parents) > 1 {
		return nil, nil
	}
	return &runCommit{c, id, edits, redacted, placed}, nil
}

// checkEdits checks the changes that lead from parent to a commit. It returns the runs that they redact, and the first
// change that our commands do not make, or nil.
func checkEdits(trees *git.Trees, parent, commit string, edits []git.Edit) (redacted map[string]bool,
	placed *placements, wrong *codeCommitError, err error,
) {
	marked := map[string]bool{}
	for _, e := range edits {
		if p := placeOf(e.Path); p.kind == ofMark && e.ID != "" {
			marked[p.at+p.mark] = true
		}
	}
	redacted, reasons, err := redactedBy(trees, parent, commit, edits)
	if err != nil {
		return nil, nil, nil, err
	}
	if placed, err = placementsOf(trees, parent, commit, edits); err != nil {
		return nil, nil, nil, err
	}
	twice := false
	for key, change := range placed.runs {
		twice = twice || errors.Is(change.err, errTwoVersions)
		if change.err == nil && change.Kind == transition.Redacted {
			redacted[key] = true
		}
	}
	for _, e := range edits {
		p := placeOf(e.Path)
		reason, ok := placed.allows(p, e, marked)
		if ok || reason == "" && isOurs(trees, parent, e, p, marked, redacted) {
			continue
		}
		if reason == "" {
			reason = reasons[p.at+p.run]
		}
		return redacted, placed, &codeCommitError{path: e.Path, reason: reason, parent: parent, twice: twice}, nil
	}
	return redacted, placed, nil, nil
}

// wrongSince returns the first change between two commits that our commands do not make with runs, or nil. It looks at
// nothing else.
func wrongSince(ctx context.Context, dirs git.Dirs, trees *git.Trees, from, to string) (*codeCommitError, error) {
	edits, err := git.Differences(ctx, dirs, from, to)
	if err != nil {
		return nil, err
	}
	edits = slices.DeleteFunc(edits, func(e git.Edit) bool { return !ofRuns(placeOf(e.Path)) })
	_, _, wrong, err := checkEdits(trees, from, to, edits)
	return wrong, err
}

// mergedOnto returns the parent that a merge is compared with: the one that base already contains, otherwise the first.
// The comparison detects a merge with `-s ours` that undoes code of base.
func mergedOnto(ctx context.Context, dirs git.Dirs, base string, parents []string) (string, error) {
	if base == "" {
		return parents[0], nil
	}
	for _, parent := range parents {
		if there, err := git.IsAncestor(ctx, dirs, parent, base); err != nil || there {
			return parent, err
		}
	}
	return parents[0], nil
}

// isOurs reports whether our commands can make a change. They add runs, notes and shared files and do not change them
// later, except for the runs that they redact. When they remove a run, they add its marker. They add and change the
// files of experiments. They add and remove files of the registry of models, and change its pointers.
func isOurs(trees *git.Trees, parent string, e git.Edit, p place, marked, redacted map[string]bool) bool {
	if p.kind == notOurs || e.ID != "" && !strings.HasPrefix(e.Mode, "100") {
		return false
	}
	if e.ID == "" {
		return p.kind == ofMark || p.kind == ofShared || p.kind == ofModel || p.kind == ofRun && marked[p.at+p.run]
	}
	if parent == "" {
		return true
	}
	was, there, err := trees.Find(parent, e.Path)
	if err == nil && there && p.kind == ofSetup && p.name == configName {
		return addsBatches(trees, was.ID, e.ID)
	}
	return err == nil && (!there || p.kind == ofExperiment || p.kind == ofModel && mayChange(p.name) ||
		p.kind == ofRun && redacted[p.at+p.run])
}

// restores reports whether the commit restores a removed run.
func (c *runCommit) restores(at place) bool {
	for _, e := range c.edits {
		if e.ID == "" && e.Path == path.Join(at.at, repo.RemovedName, at.run) {
			return true
		}
	}
	return false
}
