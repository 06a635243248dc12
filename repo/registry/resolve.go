package registry

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/query"
)

// latest is the alias that every model with a version has.
const latest = "latest"

// Resolve returns the version that a selector names:
//
//	taxi@4            the version with this number
//	taxi@4-k7qx       the version of this number whose letters begin so; the number may be that of its file
//	taxi@champion     the version with this alias
//	taxi@production   the only version in this stage
//	taxi@latest       the version with the largest number
//
// The error is a *query.NotFoundError if it names none, or several, and a *query.SyntaxError if it is not valid.
func (g *Registry) Resolve(ctx context.Context, selector string) (*Version, *Model, error) {
	name, which, err := SplitSelector(selector)
	if err != nil {
		return nil, nil, err
	}
	m, err := g.Model(ctx, name)
	var none *NoModelError
	if errors.As(err, &none) {
		reason := none.Error()
		if g.Rev != "" {
			reason += " in " + g.Rev
		}
		missing := &query.NotFoundError{Selector: selector, Reason: reason, Hint: "run 'runs model ls' to list the models"}
		if len(none.Near) > 0 {
			missing.Hint = fmt.Sprintf("did you mean %s@%s?", none.Near[0], which)
		}
		return nil, nil, missing
	}
	if err != nil {
		return nil, nil, fmt.Errorf("selecting %q: %w", selector, err)
	}
	v, err := m.Version(which)
	return v, m, err
}

// Cut splits MODEL@VERSION at the last "@". which is empty if text names a model alone.
func Cut(text string) (name, which string) {
	if i := strings.LastIndexByte(text, '@'); i > 0 {
		return text[:i], text[i+1:]
	}
	return text, ""
}

// SplitSelector is Cut for a text that must name a version. The error is a *query.SyntaxError.
func SplitSelector(selector string) (name, which string, err error) {
	if name, which = Cut(selector); which == "" {
		return "", "", &query.SyntaxError{Err: fmt.Errorf(
			"selector %q: expected MODEL@VERSION, MODEL@ALIAS or MODEL@STAGE, such as taxi@4", selector)}
	}
	if err := format.CheckModelName(name); err != nil {
		return "", "", &query.SyntaxError{Err: fmt.Errorf("selector %q: %w", selector, err)}
	}
	return name, which, nil
}

// Version returns the version that the part of a selector after the "@" names. The error is a *query.NotFoundError.
func (m *Model) Version(which string) (*Version, error) {
	fail := func(hint, reason string, args ...any) (*Version, error) {
		return nil, &query.NotFoundError{
			Selector: m.Name + "@" + which, Reason: fmt.Sprintf(reason, args...), Hint: hint,
		}
	}
	show := fmt.Sprintf("run 'runs model show %s' to list its versions", m.Name)
	digits, letters, exact := strings.Cut(which, "-")
	if number, err := strconv.ParseInt(digits, 10, 64); err == nil && number > 0 {
		var found []*Version
		for _, v := range m.Versions {
			if v.Number == number && strings.HasPrefix(v.Random, letters) {
				found = append(found, v)
			}
		}
		if len(found) == 0 && exact { // a pointer, or a message from before the number was changed
			for _, v := range m.Versions {
				if v.ModelVersionID.Number == number && strings.HasPrefix(v.Random, letters) {
					found = append(found, v)
				}
			}
		}
		switch len(found) {
		case 0:
			return fail(show, "model %s has no version %s", m.Name, which)
		case 1:
			return found[0], nil
		}
		return fail("run 'runs model renumber "+m.Name+"' to number them anew, or name one of them exactly",
			"several versions have this number: %s", exactly(found))
	}
	if which == latest {
		if v := m.Latest(); v != nil {
			if same := m.numbered(v.Number); len(same) > 1 {
				return fail("run 'runs model renumber "+m.Name+"' to number them anew", "several versions have the number %d: %s",
					v.Number, exactly(same))
			}
			return v, nil
		}
		return fail(show, "model %s has no version", m.Name)
	}
	for _, d := range m.Damaged {
		if path.Base(d.Path) != which+".toml" {
			continue
		}
		if d.Conflict {
			return fail(fmt.Sprintf("decide by 'runs model promote' or 'runs model alias', then run 'git add .runs/%s'", d.Path),
				"Git could not merge %s: both sides have changed it", d.Path)
		}
		return fail("run 'runs model verify "+m.Name+"' to see what is wrong", "%v", d.Err)
	}
	alias, stage := m.Aliases[which], m.Stages[which]
	switch {
	case alias != nil && stage != nil:
		return fail("rename one of them: run 'runs model unalias "+m.Name+" "+which+"'",
			"model %s has an alias and a stage of this name", m.Name)
	case alias != nil:
		if v := m.ByLetters(alias.Versions[0].Random); v != nil {
			return v, nil
		}
		return fail(show, "the alias names version %s, which does not exist", alias.Versions[0])
	case stage == nil:
		if near := m.nearLabel(which); near != "" {
			return fail("did you mean "+m.Name+"@"+near+"?", "model %s has no alias and no stage %q", m.Name, which)
		}
		return fail(show, "model %s has no alias and no stage %q", m.Name, which)
	}
	switch in := m.InStage(which); {
	case len(in) == 1:
		return in[0], nil
	case len(in) > 1:
		return fail("name one of them", "several versions are in this stage: %s", exactly(in))
	case len(stage.Versions) > 0:
		return fail(show, "the stage names version %s, which does not exist", stage.Versions[0])
	}
	return fail(show, "no version of model %s is in stage %s", m.Name, which)
}

// numbered returns the versions with a number.
func (m *Model) numbered(number int64) (found []*Version) {
	for _, v := range m.Versions {
		if v.Number == number {
			found = append(found, v)
		}
	}
	return found
}

// Doubled returns the numbers that several versions have, in order.
func (m *Model) Doubled() (numbers []int64) {
	for i := 1; i < len(m.Versions); i++ {
		if n := m.Versions[i].Number; n == m.Versions[i-1].Number && !slices.Contains(numbers, n) {
			numbers = append(numbers, n)
		}
	}
	return numbers
}

func exactly(versions []*Version) string {
	var list []string
	for _, v := range versions {
		list = append(list, v.Exact())
	}
	if len(list) > 5 {
		list = append(list[:5], fmt.Sprintf("and %d more", len(list)-5))
	}
	return strings.Join(list, ", ")
}

func (m *Model) nearLabel(label string) string {
	for _, other := range append(sortedKeys(m.Aliases), sortedKeys(m.Stages)...) {
		if isNear(label, other) {
			return other
		}
	}
	return ""
}

// IsSelector reports whether a text is a selector of a version of a model that exists. Any other text may name a run.
func (g *Registry) IsSelector(ctx context.Context, text string) bool {
	name, _, err := SplitSelector(text)
	if err != nil {
		return false
	}
	_, err = g.from.read(ctx, format.ModelFolder(name)+"/model.toml")
	return err == nil || !errors.Is(err, fs.ErrNotExist)
}
