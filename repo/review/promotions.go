package review

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/gitruns/runs/diff"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/catalog"
	"github.com/gitruns/runs/repo/registry"
)

// Promotion is a change of what a stage or an alias of a model names.
type Promotion struct {
	Model, Kind, Name string // Kind is stage or alias
	Was, Now          *registry.Version
	By, Reason        string
	Compared          *diff.Metric // the runs of Was and Now in the metric; nil without one of them, or without the metric
	Problems          []Finding    // why it must not be merged
}

// Promotions returns what a branch changes in stages and aliases since its merge base. If metric is empty, the first
// that has a goal is compared, otherwise the first that both runs have.
func Promotions(ctx context.Context, c *catalog.Catalog, fork *repo.Fork, metric string) ([]Promotion, error) {
	r := c.Repository()
	models, _, err := registry.Open(r).Models(ctx)
	if err != nil {
		return nil, err
	}
	base, closed, err := registry.At(ctx, r, fork.MergeBase)
	if err != nil {
		return nil, err
	}
	defer closed()
	former, _, err := base.Models(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the models of %s: %w", fork.Base, err)
	}
	before := map[string]*registry.Model{}
	for _, m := range former {
		now := slices.IndexFunc(models, func(now *registry.Model) bool { return now.Name == m.Name })
		if now < 0 { // it was renamed, or removed
			now = slices.IndexFunc(models, func(now *registry.Model) bool { return shareVersion(now, m) })
		}
		if now < 0 {
			models, now = append(models, &registry.Model{Name: m.Name}), len(models)
		}
		before[models[now].Name] = m
	}
	var all []Promotion
	for _, m := range models {
		old := before[m.Name]
		if old == nil {
			old = &registry.Model{}
		}
		for _, of := range []struct {
			kind     string
			now, was map[string]*format.ModelPointer
		}{{"stage", m.Stages, old.Stages}, {"alias", m.Aliases, old.Aliases}} {
			names := slices.Sorted(maps.Keys(of.now))
			for name := range of.was {
				if of.now[name] == nil {
					names = append(names, name)
				}
			}
			for _, name := range names {
				p := Promotion{Model: m.Name, Kind: of.kind, Name: name}
				if was := of.was[name]; was != nil && len(was.Versions) > 0 {
					if p.Was = old.ByLetters(was.Versions[0].Random); p.Was == nil {
						p.Was = m.ByLetters(was.Versions[0].Random)
					}
				}
				if after := of.now[name]; after != nil {
					if was := of.was[name]; was != nil && slices.Equal(letters(was), letters(after)) && !rewritten(old, m, was) {
						continue
					}
					p.By, p.Reason = after.By, after.Reason
					if len(after.Versions) > 0 {
						if p.Now = m.ByLetters(after.Versions[0].Random); p.Now == nil {
							p.Problems = append(p.Problems, Finding{
								Kind: Unpromotable, Name: m.Name + "@" + after.Versions[0].String(), Err: errNoVersion,
							})
						}
					}
				}
				if p.Now != nil && p.Was != nil && p.Now.Random == p.Was.Random && rewritten(old, m, of.was[name]) {
					p.Problems = append(p.Problems, Finding{Kind: Unpromotable, Name: p.Now.String(), Err: errRewritten})
				}
				if err := p.judge(ctx, c, metric); err != nil {
					return nil, err
				}
				all = append(all, p)
			}
		}
	}
	return all, nil
}

// shareVersion reports whether two models have a version in common.
func shareVersion(a, b *registry.Model) bool {
	return slices.ContainsFunc(b.Versions, func(v *registry.Version) bool { return a.ByLetters(v.Random) != nil })
}

// rewritten reports whether the branch has changed or removed the file of a version that a pointer names: it is written
// once.
func rewritten(old, now *registry.Model, p *format.ModelPointer) bool {
	return slices.ContainsFunc(p.Versions, func(id format.ModelVersionID) bool {
		a, b := old.ByLetters(id.Random), now.ByLetters(id.Random)
		return a != nil && (b == nil || a.Run != b.Run || a.Path != b.Path || a.SHA256 != b.SHA256)
	})
}

var errRewritten = errors.New("the branch has changed the file of this version, which is written once")

var errNoVersion = errors.New("the model has no such version")

func letters(p *format.ModelPointer) []string {
	list := make([]string, len(p.Versions))
	for i, id := range p.Versions {
		list[i] = id.Random
	}
	return list
}

// judge compares the runs of both versions, and finds what is wrong with the new one. The only errors are those of the
// context.
func (p *Promotion) judge(ctx context.Context, c *catalog.Catalog, metric string) error {
	if p.Now == nil {
		return nil
	}
	wrong := func(err error) {
		p.Problems = append(p.Problems, Finding{Kind: Unpromotable, Name: p.Now.String(), Err: err})
	}
	now, err := Select(ctx, c, p.Now.Run)
	if err != nil {
		wrong(fmt.Errorf("its run %s is not in this clone", p.Now.Run))
		return ctx.Err()
	}
	if err := judgeVersion(ctx, c, p.Now, now.Entries[0]); err != nil {
		wrong(err)
	}
	if found := notRestorable(now.Entries[0]); found.Kind != None {
		p.Problems = append(p.Problems, found)
	}
	if p.Was == nil {
		return ctx.Err()
	}
	was, err := Select(ctx, c, p.Was.Run)
	if err != nil {
		return ctx.Err()
	}
	comparison, err := CompareRecords(ctx, was, now, Options{All: true})
	if err != nil {
		return ctx.Err()
	}
	for i := range comparison.Metrics {
		m := &comparison.Metrics[i]
		first := p.Compared == nil || p.Compared.Goal == "" && m.Goal != ""
		if m.Key == metric || metric == "" && m.A != nil && m.B != nil && first {
			p.Compared = m
		}
	}
	return ctx.Err()
}

// judgeVersion returns why a version must not be promoted: its run does not have its bytes, no commit has the run, or
// the bytes are on one machine only.
func judgeVersion(ctx context.Context, c *catalog.Catalog, v *registry.Version, e *repo.Entry) error {
	content, err := v.Content(ctx, func(context.Context, string) (*repo.Entry, error) { return e, nil })
	if err != nil {
		return err
	}
	if committed, err := isCommitted(ctx, c.Repository(), v.Run); err != nil || !committed {
		if err == nil {
			err = fmt.Errorf("its run %s is not committed, so others cannot get it", v.Run)
		}
		return err
	}
	for _, a := range content.Artifacts {
		if a.Where == format.WhereLocal && c.Config().Artifacts.Store == "" {
			return fmt.Errorf("its artifact %s is only on the machine that recorded it, and no artifact store is configured",
				a.Path)
		}
	}
	return nil
}

// isCommitted reports whether the commit that is checked out, or the runs branch, has a run.
func isCommitted(ctx context.Context, r *repo.Repository, id string) (bool, error) {
	revs := []string{"HEAD"}
	if _, commit, err := r.RunsBranch(ctx); err == nil && commit != "" {
		revs = append(revs, commit)
	}
	for _, rev := range revs {
		ids, err := r.IDsAt(ctx, rev)
		if err != nil || slices.Contains(ids, id) {
			return err == nil, err
		}
	}
	return false, nil
}

// checkModel checks the version that the branch puts into a stage against the one that was in it at the merge base.
func checkModel(ctx context.Context, c *catalog.Catalog, rule format.Check) ([]Outcome, error) {
	name := rule.Model + "@" + rule.Stage
	m, err := registry.Open(c.Repository()).Model(ctx, rule.Model)
	if err == nil {
		rule.Model = m.Name // it may have been renamed
	}
	var none *registry.NoModelError
	if err != nil && !errors.As(err, &none) {
		return []Outcome{{Rule: name, Finding: Finding{Kind: StageUncertain, Err: err}}}, ctx.Err()
	}
	if err == nil {
		if problems := m.VerifyFiles(); len(problems) > 0 {
			return []Outcome{{Rule: name, Finding: Finding{Kind: StageUncertain, Err: problems[0]}}}, nil
		}
	}
	fork, err := c.Repository().Fork(ctx, "")
	if err != nil {
		return []Outcome{{Rule: name, Finding: Finding{Kind: StageUncertain, Err: err}}}, ctx.Err()
	}
	all, err := Promotions(ctx, c, fork, "")
	if err != nil {
		return []Outcome{{Rule: name, Finding: Finding{Kind: StageUncertain, Err: err}}}, ctx.Err()
	}
	i := slices.IndexFunc(all, func(p Promotion) bool {
		return p.Model == rule.Model && p.Kind == "stage" && p.Name == rule.Stage
	})
	if i >= 0 && all[i].Now == nil && len(all[i].Problems) == 0 {
		return []Outcome{{Rule: name, Finding: Finding{Kind: Demoted}}}, nil
	}
	if i < 0 {
		return []Outcome{{Rule: name, OK: true, Finding: Finding{Kind: NoPromotion}}}, nil
	}
	p := all[i]
	var outcomes []Outcome
	for _, found := range p.Problems {
		outcomes = append(outcomes, Outcome{Rule: name, Finding: found})
	}
	if len(outcomes) > 0 {
		return outcomes, nil
	}
	subject, err := Select(ctx, c, p.Now.Run)
	if err != nil {
		return nil, err
	}
	rule.Model, rule.Stage = "", ""
	if p.Was != nil {
		rule.Baseline = p.Was.Run
	} else {
		rule.Require = slices.DeleteFunc(slices.Clone(rule.Require), func(name string) bool { return name == "same_data" })
		outcomes = append(outcomes, Outcome{Rule: name, OK: true, Finding: Finding{Kind: Promoted, Name: p.Now.String()}})
	}
	more, err := checkRule(ctx, c, subject, rule)
	for _, o := range more {
		o.Rule = name + " " + o.Rule
		outcomes = append(outcomes, o)
	}
	if len(outcomes) == 0 {
		outcomes = []Outcome{{Rule: name, OK: true, Finding: Finding{Kind: Promoted, Name: p.Now.String()}}}
	}
	return outcomes, err
}
