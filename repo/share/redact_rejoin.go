package share

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/transition"
)

// rejoin is a redaction that is not committed, of a run that the branch has since in another redaction: a pull has
// brought it. Neither follows from the other, so the texts go from the branch's version too.
type rejoin struct {
	pending repo.PendingRedaction
	texts   []string
}

// diverged returns what a pending redaction took out of its run if the branch has the run in another redaction of the
// same version. ok is false otherwise.
func (k *keeping) diverged(ctx context.Context, p repo.PendingRedaction) (texts []string, ok bool, err error) {
	record, err := p.Record()
	if err != nil || record == nil || p.Base() == "" || k.local.tip == "" || !k.local.checkedOut {
		return nil, false, err
	}
	run, err := format.DecodeRun(repo.RecordName, record)
	if err != nil {
		return nil, false, nil // it is reported where it is applied
	}
	head, err := versionIn(k.trees, k.local.tip, k.at, p.ID)
	if err != nil || head == nil {
		return nil, false, onlyBroken(err)
	}
	there, err := head.Read(repo.RecordName)
	if err != nil || string(there) == string(record) || repo.Precedes(there, run) {
		return nil, false, onlyBroken(err)
	}
	base, err := versionIn(k.trees, p.Base(), k.at, p.ID)
	if err != nil || base == nil {
		return nil, false, onlyBroken(err)
	}
	former, err := base.Read(repo.RecordName)
	if err != nil || !repo.Precedes(former, run) {
		return nil, false, onlyBroken(err)
	}
	if change, err := transition.Check(base, withNotesOf(base, head), false); err != nil ||
		change.Kind != transition.Redacted {
		return nil, false, onlyBroken(err)
	}
	texts, err = transition.Replaced(base, k.pendingVersion(ctx, p, base), head)
	return texts, err == nil && len(texts) > 0, onlyBroken(err)
}

// onlyBroken returns err if reading from Git failed. Anything else is reported elsewhere.
func onlyBroken(err error) error {
	if isBroken(err) {
		return err
	}
	return nil
}

// pendingVersion returns a run as a pending redaction has made it from a version.
func (k *keeping) pendingVersion(ctx context.Context, p repo.PendingRedaction, base *transition.Version,
) *transition.Version {
	now := *base
	now.Files = maps.Clone(base.Files)
	changed := map[string]bool{}
	for _, name := range p.Files() {
		now.Files[name] += " redacted"
		changed[name] = true
	}
	now.Read = func(name string) ([]byte, error) {
		if changed[name] {
			return p.Read(name)
		}
		return base.Read(name)
	}
	now.Shared = func(name string) ([]byte, error) {
		if data, err := base.Shared(name); err == nil {
			return data, nil
		}
		return k.repo.ReadShared(ctx, name, repo.SharedLimit(name))
	}
	return &now
}

// redact applies the redaction to the version of the branch, which the working tree has beside the batch that the
// redaction has written. The caller does not hold LockRedactions.
func (j rejoin) redact(ctx context.Context, r *repo.Repository, tip string) (bool, error) {
	fail := func(err error) (bool, error) {
		return false, fmt.Errorf("applying the redaction of run %s to what others have redacted: %w", j.pending.ID, err)
	}
	at, err := r.TreePath()
	if err != nil {
		return fail(err)
	}
	if name := j.pending.Batch(); name != "" && len(r.BatchesOf(j.pending.ID)) > 1 {
		tracked, err := git.Tracked(ctx, r.Git, path.Join(at, name))
		if err != nil {
			return fail(err)
		}
		if len(tracked) == 0 {
			if err := r.RemoveBatch(name); err != nil {
				return fail(err)
			}
		}
	}
	pattern, err := anyOf(j.texts)
	if err != nil {
		return fail(err)
	}
	_, err = r.Redact(ctx, j.pending.ID, repo.RedactRequest{Pattern: pattern})
	if errors.Is(err, repo.ErrNothingToRedact) { // the others have taken out the same
		return false, repo.ForgetRedactions(j.pending)
	}
	if err == nil {
		err = j.pending.SetBase(tip)
	}
	if err != nil {
		return fail(err)
	}
	return true, nil
}

// anyOf returns a pattern that matches each of some texts.
func anyOf(texts []string) (*regexp.Regexp, error) {
	words := make([]string, len(texts))
	for i, text := range texts {
		words[i] = regexp.QuoteMeta(text)
	}
	return regexp.Compile(strings.Join(words, "|"))
}
