package registry

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// Problem is what is wrong with a model.
type Problem struct {
	Model  string
	Path   string // in .runs; empty if no single file is wrong
	Reason string
	Hint   string // the next step; may be empty
}

func (p Problem) Error() string {
	if p.Path == "" {
		return fmt.Sprintf("model %s: %s", p.Model, p.Reason)
	}
	return fmt.Sprintf("%s: %s", p.Path, p.Reason)
}

// FindRun returns a run with its earlier parts by its id.
type FindRun func(ctx context.Context, id string) (*repo.Entry, error)

// VerifyFiles returns what is wrong with the files of a model, without a look at runs: those that cannot be read,
// numbers that several versions have, and pointers to versions that do not exist.
func (m *Model) VerifyFiles() (problems []Problem) {
	for _, d := range m.Damaged {
		p := Problem{
			Model: m.Name, Path: d.Path, Reason: strings.TrimPrefix(d.Err.Error(), d.Path+": "),
			Hint: "run 'git log -- .runs/" + d.Path + "' to find the commit that changed it",
		}
		if d.Conflict {
			p.Reason = "Git could not merge it: both sides have changed it"
			p.Hint = fmt.Sprintf("decide by 'runs model promote' or 'runs model alias', then run 'git add .runs/%s'", d.Path)
		}
		problems = append(problems, p)
	}
	for _, number := range m.Doubled() {
		problems = append(problems, Problem{
			Model:  m.Name,
			Reason: fmt.Sprintf("several versions have the number %d: %s", number, exactly(m.numbered(number))),
			Hint:   "run 'runs model renumber " + m.Name + "' to number them anew",
		})
	}
	for _, name := range sortedKeys(m.Stages) {
		problems = append(problems, m.dangling(format.ModelStages, name, m.Stages[name])...)
		if m.Aliases[name] != nil {
			problems = append(problems, Problem{
				Model: m.Name, Reason: fmt.Sprintf("an alias and a stage have the name %s", name),
				Hint: fmt.Sprintf("run 'runs model unalias %s %s'", m.Name, name),
			})
		}
	}
	for _, name := range sortedKeys(m.Aliases) {
		problems = append(problems, m.dangling(format.ModelAliases, name, m.Aliases[name])...)
	}
	return problems
}

// Verify returns what is wrong with a model: files that cannot be read, numbers that several versions have, pointers to
// versions that do not exist, and versions whose run is missing or does not have the bytes that the version names. It
// compares the digests of the record; the caller verifies the bytes of the run.
// more, which may be nil, returns what else is wrong with the content of a version.
func (m *Model) Verify(ctx context.Context, find FindRun, more func(*Version, *Content) []Problem) (
	problems []Problem, err error,
) {
	problems = m.VerifyFiles()
	for _, v := range m.Versions {
		c, err := v.Content(ctx, find)
		if ctx.Err() != nil {
			return problems, ctx.Err()
		}
		switch {
		case err != nil:
			problems = append(problems, Problem{
				Model: m.Name, Path: v.File(), Reason: fmt.Sprintf("version %s: %v", v, err), Hint: hintOf(err),
			})
		case more != nil:
			problems = append(problems, more(v, c)...)
		}
	}
	return problems, nil
}

func (m *Model) dangling(kind format.ModelPointerKind, name string, p *format.ModelPointer) (problems []Problem) {
	for _, id := range p.Versions {
		if m.ByLetters(id.Random) == nil {
			problems = append(problems, Problem{
				Model: m.Name, Path: path.Join(m.folder(), string(kind), name+".toml"),
				Reason: fmt.Sprintf("it names version %s, which does not exist", id),
				Hint: fmt.Sprintf("run 'git log -- .runs/%s/versions/%s.toml' to find the commit that removed it", m.folder(),
					id),
			})
		}
	}
	return problems
}

// Content returns the artifacts of the version, whose digests are those of its file.
func (v *Version) Content(ctx context.Context, find FindRun) (*Content, error) {
	e, err := find(ctx, v.Run)
	if err != nil {
		return nil, err
	}
	all, err := e.AllArtifacts()
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", v.Run, err)
	}
	c := NewContent(v.Run, v.Path, below(all, v.Path))
	c.Part = e
	if c.Files == 0 {
		return nil, fmt.Errorf("run %s has no artifact %s", v.Run, v.Path)
	}
	if c.SHA256 != v.SHA256 || c.Bytes != v.Bytes || c.Files != v.Files {
		return nil, fmt.Errorf("the artifacts of run %s have the digest %.12s, and the version names %.12s", v.Run, c.SHA256,
			v.SHA256)
	}
	return c, nil
}

func hintOf(err error) string {
	var hint *repo.HintError
	if errors.As(err, &hint) {
		return hint.Hint
	}
	return ""
}
