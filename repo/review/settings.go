package review

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// guards are the settings that decide what runs publish, where they send it, which rules hold and what counts as
// better. A reviewer must know about a branch that changes one of them.
var guards = []struct {
	name  string
	value func(*format.Config) any
}{
	{"secrets.gitleaks", func(c *format.Config) any { return c.Secrets.Gitleaks }},
	{"artifacts.store", func(c *format.Config) any { return c.Artifacts.Store }},
	{"commit.branch", func(c *format.Config) any { return c.Commit.Branch }},
	{"commit.include", func(c *format.Config) any { return slices.Sorted(slices.Values(c.Commit.Include)) }},
	{"environment.variables", func(c *format.Config) any { return slices.Sorted(slices.Values(c.Environment.Variables)) }},
	{"check", func(c *format.Config) any { return c.Checks }},
	{"compare", func(c *format.Config) any { return c.Compare }},
	{"replicates.seeds", func(c *format.Config) any { return slices.Sorted(slices.Values(c.Replicates.Seeds)) }},
	{"primary", func(c *format.Config) any { return c.Primary }},
	{"metric", func(c *format.Config) any { return maps.Clone(c.Metrics) }},
}

// SettingChanges returns a finding for each entry that the checked-out branch added to the allow-list of secrets, and
// for each setting of guards that it changed, compared with the commit where it diverged from its base. If the earlier
// settings cannot be read, the finding says so. The only error is that of the context.
func SettingChanges(ctx context.Context, r *repo.Repository, fork *repo.Fork) ([]Finding, error) {
	now, err := r.Config()
	if err != nil {
		return []Finding{{Kind: SettingsUncompared, Err: err}}, nil
	}
	before, err := r.ConfigAt(ctx, fork.MergeBase)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return []Finding{{Kind: SettingsUncompared, Err: err}}, nil
	}
	var findings []Finding
	for _, a := range now.Secrets.Allow {
		if !slices.Contains(before.Secrets.Allow, a) {
			findings = append(findings, Finding{Kind: AllowsSecrets, Name: a.Scope(), Reason: a.Reason})
		}
	}
	for _, g := range guards {
		if !reflect.DeepEqual(g.value(before), g.value(now)) {
			findings = append(findings, Finding{Kind: SettingChanged, Name: g.name})
		}
	}
	return findings, nil
}

// BranchSettingChanges returns the SettingChanges since the default branch of the remote. Where no such branch is
// known, or the project is not in Git, there are none.
func BranchSettingChanges(ctx context.Context, r *repo.Repository) ([]Finding, error) {
	if !r.InGit {
		return nil, nil
	}
	fork, err := r.Fork(ctx, "")
	switch {
	case errors.Is(err, repo.ErrNoBase):
		return nil, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return []Finding{{Kind: SettingsUncompared, Err: err}}, nil
	}
	return SettingChanges(ctx, r, fork)
}
