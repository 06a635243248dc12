package share

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/transition"
)

// joining redacts runs, which both sides of a merge have redacted, once more: of HEAD's version, which the working tree
// has, goes what the other side took out.
type joining struct {
	repo   *repo.Repository
	trees  *git.Trees
	at     string
	tree   string                         // the runs that are staged
	theirs map[string]*transition.Version // what must lead to the result
	ids    []string
	texts  map[string][]string // that the other side took out, by run
	joined map[string]repo.JoinedRedaction
}

// readJoining reads what the other side has taken out of runs. If one of them was not redacted on both sides, or
// misses at the base, the error is a *ConflictError.
func readJoining(r *repo.Repository, trees *git.Trees, in *git.Incoming, head, at string, ids []string,
) (*joining, error) {
	j := &joining{
		repo: r, trees: trees, at: at, ids: ids, theirs: map[string]*transition.Version{}, texts: map[string][]string{},
		joined: map[string]repo.JoinedRedaction{},
	}
	if len(ids) > 0 && in.Base == "" {
		return nil, &ConflictError{ID: ids[0], File: repo.RecordName}
	}
	for _, id := range ids {
		if err := j.read(trees, in, head, id); err != nil {
			var refused *transition.Refused
			if errors.As(err, &refused) {
				err = &ConflictError{ID: id, File: repo.RecordName}
			}
			return nil, err
		}
	}
	return j, nil
}

func (j *joining) read(trees *git.Trees, in *git.Incoming, head, id string) error {
	base, err := versionIn(trees, in.Base, j.at, id)
	if err != nil {
		return err
	}
	ours, err := versionIn(trees, head, j.at, id)
	if err != nil {
		return err
	}
	theirs, err := versionIn(trees, in.Commit, j.at, id)
	if err != nil {
		return err
	}
	if base == nil || ours == nil || theirs == nil {
		return &transition.Refused{Reason: transition.Unmarked}
	}
	if _, err := transition.Check(base, withNotesOf(base, ours), false); err != nil {
		return err
	}
	if _, err := transition.Check(base, withNotesOf(base, theirs), false); err != nil {
		return err
	}
	if j.texts[id], err = transition.Replaced(base, theirs, ours); err != nil {
		return err
	}
	j.theirs[id] = theirs
	record, err := theirs.Read(repo.RecordName)
	if err != nil {
		return err
	}
	run, err := format.DecodeRun(repo.RecordName, record)
	if err != nil {
		return err
	}
	own, err := ours.Read(repo.RecordName)
	if err != nil {
		return err
	}
	here, err := format.DecodeRun(repo.RecordName, own)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(record)
	joined := repo.JoinedRedaction{Was: hex.EncodeToString(sum[:])}
	for _, entry := range run.Redacted {
		same := func(other format.Redaction) bool { return other.Was == entry.Was && other.Time.Equal(entry.Time) }
		if !slices.ContainsFunc(here.Redacted, same) {
			joined.Entries = append(joined.Entries, entry)
		}
	}
	j.joined[id] = joined
	return nil
}

// join redacts the runs in the working tree and stages the result. tree has what is staged. It returns an error if the
// result does not follow from the other side's version.
func (j *joining) join(ctx context.Context, tree string) error {
	j.tree = tree
	done := map[string]bool{}
	for _, id := range j.ids {
		if done[id] {
			continue
		}
		var words []string
		for _, text := range j.texts[id] {
			words = append(words, regexp.QuoteMeta(text))
		}
		if len(words) == 0 {
			words = append(words, `\z\A.`) // matches nothing
		}
		pattern, err := regexp.Compile(strings.Join(words, "|"))
		if err != nil {
			return err
		}
		redacted, err := j.repo.Redact(ctx, id, repo.RedactRequest{Pattern: pattern, Joined: j.joined})
		if errors.Is(err, repo.ErrNothingToRedact) { // the redaction of another run has taken it out
			continue
		}
		if err != nil {
			return err
		}
		if err := j.stage(ctx, redacted); err != nil {
			return err
		}
		for _, run := range redacted.Runs {
			if len(j.texts[run.ID]) == 0 || containsAll(j.texts[id], j.texts[run.ID]) {
				done[run.ID] = true
			}
			delete(j.joined, run.ID)
		}
	}
	for _, id := range j.ids {
		now, err := versionIn(j.trees, j.tree, j.at, id)
		if err != nil {
			return err
		}
		if now == nil {
			return fmt.Errorf("run %s is gone", id)
		}
		if _, err := transition.Check(j.theirs[id], withNotesOf(j.theirs[id], now), false); err != nil {
			return fmt.Errorf("the two redactions of run %s cannot be joined: %w", id, err)
		}
	}
	return nil
}

// containsAll reports whether a list has all texts of another one.
func containsAll(list, of []string) bool {
	return !slices.ContainsFunc(of, func(text string) bool { return !slices.Contains(list, text) })
}

// stage puts the files that a redaction has changed into the index.
func (j *joining) stage(ctx context.Context, redacted *repo.Redacted) error {
	folders := map[string]bool{}
	names := map[string]bool{}
	for _, run := range redacted.Runs {
		day := format.IDDay(run.ID)
		folders[day] = true
		e, err := j.repo.ReadFinished(run.ID)
		if errors.Is(err, fs.ErrNotExist) { // it was removed, and its copy in the trash was redacted
			continue
		}
		if err != nil {
			return err
		}
		for _, name := range append(repo.SharedNames(e.Run), run.Files...) {
			names[name] = true
		}
		if b := e.Batch(); b != nil {
			at := path.Join(b.Day, b.Name)
			if err := j.each(at, func(name string) { names[name] = true }); err != nil {
				return err
			}
		}
	}
	for _, name := range redacted.Removed {
		names[name] = true
	}
	store, err := git.OpenFileIDs(ctx, j.repo.Git, true)
	if err != nil {
		return err
	}
	defer store.Close()
	var edits []git.Edit
	for day := range folders { // batches that were written anew
		entries, err := git.Tracked(ctx, j.repo.Git, path.Join(j.at, day))
		if err != nil {
			return err
		}
		for _, e := range entries {
			name := strings.TrimPrefix(e.Path, j.at+"/")
			if p := placeOf(e.Path); p.kind == ofBatch && !j.there(name) {
				edits = append(edits, git.Edit{Path: e.Path})
			}
		}
	}
	for name := range names {
		full := path.Join(j.at, name)
		if !j.there(name) {
			tracked, err := git.Tracked(ctx, j.repo.Git, full)
			if err != nil {
				return err
			}
			if len(tracked) > 0 {
				edits = append(edits, git.Edit{Path: full})
			}
			continue
		}
		if err := store.Ask(full); err != nil {
			return err
		}
		id, err := store.Next()
		if err != nil {
			return err
		}
		edits = append(edits, git.Edit{Path: full, Mode: "100644", ID: id})
	}
	if j.tree, err = j.trees.Edit(j.tree, edits); err != nil {
		return err
	}
	return git.Settle(ctx, j.repo.Git, edits, format.RandomLetters(8))
}

func (j *joining) there(name string) bool {
	_, err := os.Lstat(filepath.Join(j.repo.Dir, filepath.FromSlash(name)))
	return err == nil
}

// each calls visit with the files below a folder of .runs.
func (j *joining) each(folder string, visit func(name string)) error {
	root := filepath.Join(j.repo.Dir, filepath.FromSlash(folder))
	return filepath.WalkDir(root, func(file string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			rel, relErr := filepath.Rel(j.repo.Dir, file)
			err = relErr
			visit(filepath.ToSlash(rel))
		}
		return err
	})
}
