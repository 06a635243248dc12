package share

import (
	"fmt"
	"path"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
)

// ModelConflictError means that a commit of ours and the remote have both changed what a stage or an alias of a model
// names. A person has to decide.
type ModelConflictError struct {
	File         string // in the tree
	What         string // stage production of model taxi
	Ours, Theirs string // what each side made of it
}

func (e *ModelConflictError) Error() string {
	return fmt.Sprintf("both sides have changed %s: %s here, and %s on the remote", e.What, e.Ours, e.Theirs)
}

// modelOnTip returns the change of a file of the registry on a tip that has another one, or none. If the tip's is the
// one that the commit has changed, the change is made there too.
func (p *replayer) modelOnTip(c *runCommit, e git.Edit, there git.TreeEntry, exists bool) ([]git.Edit, error) {
	var was git.TreeEntry
	if len(c.Parents) > 0 {
		var err error
		if was, _, err = p.trees.Find(c.Parents[0], e.Path); err != nil {
			return nil, err
		}
	}
	switch {
	case exists && there.ID == e.ID, !exists && e.ID == "":
		return nil, nil
	case there.ID == was.ID: // both are empty if the commit adds the file and the tip lacks it
		return []git.Edit{e}, nil
	}
	conflict := &ModelConflictError{
		File: e.Path, What: modelFileName(placeOf(e.Path).name), Ours: p.modelState(e.Path, e.ID),
		Theirs: p.modelState(e.Path, there.ID),
	}
	return nil, &repo.HintError{
		Err: conflict,
		Hint: "run 'git pull --no-rebase', decide by 'runs model promote' or 'runs model alias', and 'git add " + e.Path +
			"'",
	}
}

// modelFileName describes a file of the registry for messages.
func modelFileName(name string) string {
	parts := strings.Split(name, "/")
	model, stem := parts[1], strings.TrimSuffix(path.Base(name), ".toml")
	if len(parts) == 3 {
		return "the name of model " + model
	}
	kind := map[string]string{
		string(format.ModelStages): "stage", string(format.ModelAliases): "alias",
		string(format.ModelArchived): "archived version", "versions": "version", "notes": "note",
	}[parts[2]]
	return fmt.Sprintf("%s %s of model %s", kind, stem, model)
}

// modelState says what a pointer names.
func (p *replayer) modelState(file, id string) string {
	if id == "" {
		return "removed"
	}
	kind := format.ModelFileKind(placeOf(file).name)
	if data, err := p.trees.Blob(id, format.MaxModelBytes); err == nil {
		if pointer, err := format.DecodeModelPointer(format.ModelPointerKind(kind), file, data); err == nil {
			var list []string
			for _, v := range pointer.Versions {
				list = append(list, v.String())
			}
			text := "no version"
			if len(list) > 0 {
				text = strings.Join(list, "+")
			}
			if pointer.By != "" {
				text += " by " + pointer.By
			}
			return text
		}
	}
	return "changed"
}
