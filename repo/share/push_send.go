package share

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
)

// send pushes the tip, and the base commits of its runs that no remote has.
func (p *pusher) send(ctx context.Context, tip string) error {
	bases, err := p.bases(ctx, tip)
	if err != nil {
		return err
	}
	var specs []git.Refspec
	for _, base := range bases {
		specs = append(specs, git.Refspec{From: git.BaseRef(base), To: git.BaseRef(base)})
	}
	if len(specs) > 0 {
		if _, err := git.Push(ctx, p.repo.Git, p.up.Remote, specs...); err != nil {
			var rejected *git.Rejected
			if !errors.As(err, &rejected) {
				return err
			}
			p.done.Warnings = append(p.done.Warnings, fmt.Sprintf("the remote refused %s, the base commit of runs: %s",
				rejected.Ref, rejected.Reason))
		} else {
			p.done.Bases = len(specs)
		}
	}
	said, err := git.Push(ctx, p.repo.Git, p.up.Remote, git.Refspec{From: tip, To: p.up.Ref})
	p.done.RemoteOutput = remoteLines(said)
	return err
}

// eachRecord calls visit with the record of each run that a push adds. With only, it leaves out those whose bytes have
// none of these words. It also leaves out records that cannot be read: verify reports them.
func (p *pusher) eachRecord(ctx context.Context, only []string, visit func(*format.Run) error) error {
	for _, id := range p.done.Runs {
		if err := ctx.Err(); err != nil {
			return err
		}
		files, err := p.after.run(id)
		if err != nil {
			continue
		}
		data, err := files[repo.RecordName].read(p.trees, format.MaxRecordBytes)
		if err != nil || len(only) > 0 && !slices.ContainsFunc(only, func(word string) bool {
			return bytes.Contains(data, []byte(word))
		}) {
			continue
		}
		run, err := format.DecodeRun(path.Join(runPath(id), repo.RecordName), data)
		if err != nil || run.ID != id {
			continue
		}
		if err := visit(run); err != nil {
			return err
		}
	}
	return nil
}

// bases returns the base commits of new runs that only this clone keeps and that the tip does not contain.
func (p *pusher) bases(ctx context.Context, tip string) ([]string, error) {
	kept, err := git.KeptBases(ctx, p.repo.Git)
	if err != nil || len(kept) == 0 {
		return nil, err
	}
	wanted := map[string]bool{}
	if err := p.eachRecord(ctx, slices.Collect(maps.Keys(kept)), func(run *format.Run) error {
		if run.Source != nil && kept[run.Source.Base] {
			wanted[run.Source.Base] = true
		}
		return nil
	}); err != nil {
		return nil, err
	}
	var bases []string
	for base := range wanted {
		there, err := git.IsAncestor(ctx, p.repo.Git, base, tip)
		if err != nil {
			return nil, err
		}
		if !there {
			bases = append(bases, base)
		}
	}
	slices.Sort(bases)
	return bases, nil
}
