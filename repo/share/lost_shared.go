package share

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
)

// lostShared returns the shared files that runs of a commit name, that the commit lacks, and that its history had. A
// merge loses such a file without a conflict, if one side has taken it away, for example by a redaction of all its
// runs, and the other side has recorded a run that names it. It reads records only if shared files went since it looked
// last. Runs for which but returns true do not count; but may be nil.
func lostShared(ctx context.Context, r *repo.Repository, trees *git.Trees, commit, at string, but func(id string) bool,
) (map[string]neededFile, error) {
	if commit == "" {
		return nil, nil
	}
	whole, err := wholeCommits(ctx, r, commit)
	if err != nil || slices.Contains(whole, commit) {
		return nil, err
	}
	var folders []string
	for _, folder := range repo.SharedFolders() {
		folders = append(folders, path.Join(at, folder))
	}
	gone, err := git.DeletedFiles(ctx, r.Git, commit, whole, folders)
	if err != nil {
		return nil, err
	}
	deleted := map[string]string{}
	for name, blob := range gone {
		if name = strings.TrimPrefix(name, at+"/"); repo.IsShared(name) {
			deleted[name] = blob
		}
	}
	if len(deleted) == 0 {
		rememberWhole(r, commit)
		return nil, nil
	}
	known, err := readSnapshot(trees, commit, at)
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(deleted, func(name, _ string) bool { return known.shared[name] != "" })
	lost, err := known.naming(ctx, deleted, but)
	if err == nil && len(lost) == 0 && but == nil {
		rememberWhole(r, commit)
	}
	return lost, err
}

// naming returns those of some files that runs of the snapshot name, each with its blob and the first of these runs. It
// looks into a record only if its bytes have a digest of one.
func (c *snapshot) naming(ctx context.Context, files map[string]string, but func(id string) bool,
) (map[string]neededFile, error) {
	needed := map[string]neededFile{}
	if len(files) == 0 {
		return needed, nil
	}
	var digests [][]byte
	for name := range files {
		base := path.Base(name)
		digests = append(digests, []byte(strings.TrimSuffix(base, path.Ext(base))))
	}
	names := func(data []byte) bool {
		return slices.ContainsFunc(digests, func(digest []byte) bool { return bytes.Contains(data, digest) })
	}
	holds := map[*heldBatch]bool{}
	for _, b := range c.batches {
		data, err := c.trees.Blob(b.files[format.BatchRunsName].ID, format.MaxBatchBytes)
		if isBroken(err) {
			return nil, err
		}
		holds[b] = err == nil && names(data)
	}
	for _, id := range slices.Sorted(maps.Keys(c.runs)) {
		if c.removed[id] || but != nil && but(id) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		in := c.in[id]
		if len(in) > 0 && !slices.ContainsFunc(in, func(b *heldBatch) bool { return holds[b] }) {
			continue
		}
		own, err := c.run(id)
		if isBroken(err) {
			return nil, err
		}
		if _, ok := own[repo.RecordName]; !ok || err != nil {
			continue // verify reports it
		}
		data, err := own[repo.RecordName].read(c.trees, format.MaxRecordBytes)
		if isBroken(err) {
			return nil, err
		}
		if err != nil || !names(data) {
			continue
		}
		for _, name := range repo.NamedIn(data) {
			if blob := files[name]; blob != "" && needed[name].run == "" {
				needed[name] = neededFile{blob, id}
			}
		}
	}
	return needed, nil
}

// mend adds the shared files that the base lost to the plan, and puts them into the working tree.
func (p *plan) mend(ctx context.Context, trees *git.Trees, base string) error {
	lost, err := lostShared(ctx, p.repo, trees, base, p.at, nil)
	if err == nil && len(lost) > 0 && len(p.Redacted)+len(p.Removed) > 0 {
		changed := func(id string) bool { return slices.Contains(p.Redacted, id) || slices.Contains(p.Removed, id) }
		lost, err = lostShared(ctx, p.repo, trees, base, p.at, changed)
	}
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(lost)) {
		if p.known.shared[name] != "" {
			continue // a run of the plan brings it
		}
		_, err := p.repo.StoreShared(name, func(w io.Writer) error {
			data, err := trees.Blob(lost[name].blob, maxBlobBytes)
			if err == nil {
				_, err = w.Write(data)
			}
			return err
		})
		var size int64
		if err == nil {
			size, err = p.repo.PlaceShared(ctx, name)
		}
		if err != nil {
			return fmt.Errorf("bringing back %s: %w", path.Join(p.at, name), err)
		}
		p.known.shared[name] = placedHere
		p.paths = append(p.paths, name)
		p.Mended = append(p.Mended, name)
		p.Files++
		p.Bytes += size
	}
	return nil
}

// lostProblems returns what lostShared found as problems of the runs that name the files.
func lostProblems(ctx context.Context, r *repo.Repository, commit, at string) ([]Problem, error) {
	trees, err := git.OpenTrees(ctx, r.Git)
	if err != nil {
		return nil, err
	}
	defer trees.Close()
	lost, err := lostShared(ctx, r, trees, commit, at, nil)
	var problems []Problem
	for _, name := range slices.Sorted(maps.Keys(lost)) {
		problems = append(problems, Problem{
			Runs: at, ID: lost[name].run,
			Reason: fmt.Sprintf("the branch has lost %s, which the run names; run 'runs commit' to bring it back", name),
		})
	}
	return problems, err
}

// wholeFile holds the commits up to which lostShared found nothing, like soundFile.
func wholeFile(r *repo.Repository) string { return commitsFile(r, "whole-") }

// wholeCommits returns commits in the history of a commit, possibly itself, that lack no shared file.
func wholeCommits(ctx context.Context, r *repo.Repository, commit string) ([]string, error) {
	var whole []string
	for _, known := range readCommits(r, "whole-") {
		is, err := git.IsAncestor(ctx, r.Git, known, commit)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err == nil && is {
			whole = append(whole, known)
		}
	}
	return whole, nil
}

// maxWhole is how many commits wholeFile has: those of the branches that were checked out last.
const maxWhole = 8

// rememberWhole adds a commit to wholeFile. If that fails, the next call looks at more commits.
func rememberWhole(r *repo.Repository, commit string) {
	commits := []string{commit}
	for _, known := range readCommits(r, "whole-") {
		if known != commit && len(commits) < maxWhole {
			commits = append(commits, known)
		}
	}
	writeCommits(wholeFile(r), commits)
	writeCommits(commonFile(r, "whole-"), commits)
}
