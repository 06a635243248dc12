package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/catalog"
	"github.com/gitruns/runs/repo/query"
	"github.com/gitruns/runs/repo/registry"
	"github.com/gitruns/runs/repo/share"
)

func (a *app) modelCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "model COMMAND",
		Short: "Register models, promote and load them",
		Long: `Register models, promote and load them. A version of a model names artifacts of a run
by their digests. Stages and aliases name versions. All are small files in
.runs/models, so a promotion is a change that a pull request reviews.

    runs model register last taxi
    runs model promote taxi@1 production --reason "beats the baseline" --commit
    runs model load taxi@production model/

A version is named by its number (taxi@4), by an alias (taxi@champion), by a stage
(taxi@production) or as taxi@latest. Each of these also names its run, as in
'runs diff taxi@production last'.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("model: unknown command %q", args[0])
			}
			return usagef("model: missing COMMAND")
		},
		RunE: func(*cobra.Command, []string) error { return nil },
	}
	for _, sub := range []*cobra.Command{
		a.modelLsCommand(), a.modelShowCommand(), a.modelRegisterCommand(), a.modelPromoteCommand(), a.modelAliasCommand(),
		a.modelUnaliasCommand(), a.modelArchiveCommand(), a.modelLoadCommand(), a.modelVerifyCommand(),
		a.modelWatchCommand(),
		a.modelNoteCommand(), a.modelTagCommand(), a.modelRenumberCommand(), a.modelRenameCommand(), a.modelRmCommand(),
	} {
		sub.DisableFlagsInUseLine = true
		if sub.Long = strings.TrimSpace(sub.Long); !strings.Contains(sub.Long, "Exit status") {
			sub.Long += "\n" + exitHelp
		}
		cmd.AddCommand(sub)
	}
	return cmd
}

// models opens the registry of the working tree, or of a revision.
func (a *app) models(ctx context.Context, rev string) (*repo.Repository, *registry.Registry, error) {
	r, err := a.find(ctx)
	if err != nil {
		return nil, nil, err
	}
	if err := r.TidyModels(ctx); err != nil {
		return nil, nil, err
	}
	if rev == "" {
		return r, registry.Open(r), nil
	}
	g, done, err := registry.At(ctx, r, rev)
	if err != nil {
		return nil, nil, err
	}
	a.cleanup = append(a.cleanup, done)
	return r, g, nil
}

// runOf finds the runs of versions.
func (a *app) runOf(r *repo.Repository) registry.FindRun {
	return func(ctx context.Context, id string) (*repo.Entry, error) {
		e, done, err := catalog.FindRun(ctx, r, id)
		if done != nil {
			a.cleanup = append(a.cleanup, done)
		}
		return e, err
	}
}

// modelError turns an error about a missing model into one with the next step and the status of a selector.
func modelError(err error) error {
	var none *registry.NoModelError
	if !errors.As(err, &none) {
		return err
	}
	hint := "run 'runs model ls' to list the models"
	if len(none.Near) > 0 {
		hint = fmt.Sprintf("did you mean %s?", none.Near[0])
	}
	return &query.NotFoundError{Reason: none.Error(), Hint: hint}
}

type modelVersionJSON struct {
	Aliases  []string          `json:"aliases"`
	Archived bool              `json:"archived"`
	Author   *string           `json:"author"`
	Bytes    int64             `json:"bytes"`
	Created  time.Time         `json:"created"`
	Exact    string            `json:"exact"` // a selector that stays right if the number is changed
	Files    int64             `json:"files"`
	Flavors  []string          `json:"flavors"`
	Model    string            `json:"model"`
	Note     *string           `json:"note"`
	Number   int64             `json:"number"`
	Path     *string           `json:"path"` // null: all artifacts of the run
	Run      string            `json:"run"`
	SHA256   string            `json:"sha256"` // of the manifest
	Stage    *string           `json:"stage"`
	Tags     map[string]string `json:"tags"`
}

func newModelVersionJSON(m *registry.Model, v *registry.Version) modelVersionJSON {
	j := modelVersionJSON{
		Author: orNull(v.Author), Bytes: v.Bytes, Created: v.Created, Exact: v.Exact(), Files: v.Files,
		Flavors: orEmpty(v.Flavors), Model: v.Model, Note: orNull(v.Note), Number: v.Number, Path: orNull(v.Path), Run: v.Run,
		SHA256: v.SHA256, Tags: map[string]string{}, Aliases: []string{},
	}
	maps.Copy(j.Tags, v.Tags)
	if m != nil {
		j.Aliases = orEmpty(m.AliasesOf(v))
		j.Archived = m.Archived[v.Random] != nil
		if stage := m.StageOf(v); stage != registry.ArchivedStage {
			j.Stage = orNull(stage)
		}
	}
	return j
}

type pointerJSON struct {
	By       *string   `json:"by"`
	Reason   *string   `json:"reason"`
	Time     time.Time `json:"time"`
	Versions []string  `json:"versions"` // as exact selectors
	Was      []string  `json:"was"`
}

type modelJSON struct {
	Aliases  map[string]pointerJSON `json:"aliases"`
	Author   *string                `json:"author"`
	Created  *time.Time             `json:"created"`
	Damaged  []string               `json:"damaged"` // files that cannot be read
	Name     string                 `json:"name"`
	Note     *string                `json:"note"`
	Stages   map[string]pointerJSON `json:"stages"`
	Tags     map[string]string      `json:"tags"`
	Versions []modelVersionJSON     `json:"versions"`
}

func newPointersJSON(m *registry.Model, all map[string]*format.ModelPointer) map[string]pointerJSON {
	list := make(map[string]pointerJSON, len(all))
	for name, p := range all {
		list[name] = pointerJSON{
			By: orNull(p.By), Reason: orNull(p.Reason), Time: p.Time, Versions: exactVersions(m, p.Versions),
			Was: exactVersions(m, p.Was),
		}
	}
	return list
}

func exactVersions(m *registry.Model, ids []format.ModelVersionID) []string {
	list := make([]string, len(ids))
	for i, id := range ids {
		list[i] = m.Name + "@" + id.String()
		if v := m.ByLetters(id.Random); v != nil {
			list[i] = v.Exact()
		}
	}
	return list
}

func newModelJSON(m *registry.Model) modelJSON {
	j := modelJSON{
		Aliases: newPointersJSON(m, m.Aliases), Author: orNull(m.Author), Damaged: []string{}, Name: m.Name,
		Note: orNull(m.Note), Stages: newPointersJSON(m, m.Stages), Tags: map[string]string{}, Versions: []modelVersionJSON{},
	}
	maps.Copy(j.Tags, m.Tags)
	if !m.Created.IsZero() {
		j.Created = &m.Created
	}
	for _, d := range m.Damaged {
		j.Damaged = append(j.Damaged, d.Path)
	}
	for _, v := range m.Versions {
		j.Versions = append(j.Versions, newModelVersionJSON(m, v))
	}
	return j
}

func (a *app) modelLsCommand() *cobra.Command {
	var rev string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "ls [flags]",
		Short: "List the models",
		Long: `List the models with their newest version, and the versions that stages and aliases
name.

    runs model ls
    runs model ls --rev main`,
		Args: arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			_, g, err := a.models(ctx, rev)
			if err != nil {
				return err
			}
			models, damaged, err := g.Models(ctx)
			if err != nil {
				return err
			}
			for _, d := range damaged {
				a.warn("skipped a damaged model: %v", d.Err)
			}
			if asJSON {
				list := make([]modelJSON, len(models))
				for i, m := range models {
					list[i] = newModelJSON(m)
				}
				return a.printJSON(list)
			}
			if len(models) == 0 {
				a.progress("runs: no models")
				a.hint("run 'runs model register RUN NAME' to register one")
				return nil
			}
			return a.listModels(ctx, models)
		},
	}
	cmd.Flags().StringVar(&rev, "rev", "", "read the models of the Git revision `REV`")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the models as JSON")
	return cmd
}

func (a *app) listModels(ctx context.Context, models []*registry.Model) error {
	tb := terminal.Table{Columns: []terminal.Column{
		{Title: "model", Flexible: true, Name: true},
		{Title: "latest", Right: true},
		{Title: "stages", Flexible: true},
		{Title: "aliases", Flexible: true},
		{Title: "changed", Drop: true},
	}}
	for _, m := range models {
		latest := "-"
		if v := m.Latest(); v != nil {
			latest = fmt.Sprint(v.Number)
		}
		changed := "-"
		if !m.Updated.IsZero() {
			changed = terminal.Ago(time.Since(m.Updated))
		}
		name := terminal.Cell{Text: m.Name}
		if len(m.Damaged) > 0 || len(m.Doubled()) > 0 {
			name.Style = terminal.Yellow
		}
		tb.Rows = append(tb.Rows, []terminal.Cell{
			name, {Text: latest}, {Text: pointers(m, m.Stages)}, {Text: pointers(m, m.Aliases)}, {Text: changed},
		})
	}
	err := a.term.Page(ctx, func(w io.Writer) error { return tb.Write(w, a.term) })
	for _, m := range models {
		a.warnModel(m)
	}
	return err
}

// warnModel names what is wrong with the files of a model.
func (a *app) warnModel(m *registry.Model) {
	for _, d := range m.Damaged {
		if d.Conflict {
			a.warn("model %s: Git could not merge %s; decide by 'runs model promote' or 'runs model alias'", m.Name, d.Path)
			continue
		}
		a.warn("model %s: skipped a damaged file: %v", m.Name, d.Err)
	}
	if doubled := m.Doubled(); len(doubled) > 0 {
		a.warn("model %s has several versions with the number %d; run 'runs model renumber %s'", m.Name, doubled[0], m.Name)
	}
}

// pointers lists stages or aliases with the numbers of their versions.
func pointers(m *registry.Model, all map[string]*format.ModelPointer) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if len(all[name].Versions) > 0 {
			list = append(list, name+" "+numbers(m, all[name].Versions))
		}
	}
	if len(list) == 0 {
		return "-"
	}
	return strings.Join(list, ", ")
}

// numbers lists the numbers that versions have. A version that does not exist has a question mark.
func numbers(m *registry.Model, ids []format.ModelVersionID) string {
	var list []string
	for _, id := range ids {
		if v := m.ByLetters(id.Random); v != nil {
			list = append(list, fmt.Sprint(v.Number))
		} else {
			list = append(list, fmt.Sprintf("%d?", id.Number))
		}
	}
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, "+")
}

func (a *app) modelLoadCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "load MODEL@VERSION DIR [flags]",
		Short: "Write the files of a version to a folder",
		Long: `Write the files of a version to the new folder DIR, and verify each by its digest. Files
that are not on this machine are fetched from the artifact store.

    runs model load taxi@production model/

DIR appears whole or not at all. If the model is one file, DIR holds that file.`,
		Args: arguments(2, 2, "MODEL@VERSION or DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			r, g, err := a.models(ctx, "")
			if err != nil {
				return err
			}
			v, m, err := g.Resolve(ctx, args[0])
			if err != nil {
				return err
			}
			progress := a.term.Progress("fetching " + v.String())
			defer progress.Done()
			dir := filepath.Clean(a.path(args[1]))
			c, err := share.LoadModel(ctx, r, v, a.runOf(r), dir, progress.Bytes)
			progress.Done()
			if err != nil {
				return err
			}
			if asJSON {
				return a.printJSON(newModelVersionJSON(m, v))
			}
			a.print("loaded %s into %s: %s, %s, verified", terminal.Clean(v.String()), terminal.Clean(repo.Relative(a.dir, dir)),
				plural(int(c.Files), "file"), terminal.Bytes(c.Bytes))
			return nil
		},
	}
	a.storeFlags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the version as JSON")
	return cmd
}

func (a *app) modelVerifyCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "verify [MODEL] [flags]",
		Short: "Verify versions, stages and aliases",
		Long: `Verify a model, or all models: that each file can be read, that no two versions share a
number, that stages and aliases name versions that exist, and that the run of each
version is here and has the bytes that the version names.

    runs model verify
    runs model verify taxi

Bytes that are only in the artifact store are compared by their recorded digest;
'runs verify --stores' asks the store.

Exit status: 0 all is well; 1 something is wrong, or failed; 2 wrong usage;
3 no model has this name; 130 interrupted.`,
		Args: arguments(0, 1, ""),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			r, g, err := a.models(ctx, "")
			if err != nil {
				return err
			}
			var problems []registry.Problem
			var models []*registry.Model
			if len(args) == 1 {
				m, err := g.Model(ctx, args[0])
				if err != nil {
					return modelError(err)
				}
				models = append(models, m)
			} else {
				var damaged []registry.Damage
				if models, damaged, err = g.Models(ctx); err != nil {
					return err
				}
				for _, d := range damaged {
					problems = append(problems, registry.Problem{Path: d.Path, Reason: d.Err.Error()})
				}
			}
			versions := 0
			for _, m := range models {
				versions += len(m.Versions)
				found, err := share.VerifyModel(ctx, r, m, a.runOf(r))
				if err != nil {
					return err
				}
				problems = append(problems, found...)
			}
			return a.reportModels(problems, len(models), versions, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the result as JSON")
	return cmd
}

type modelProblemJSON struct {
	Hint   *string `json:"hint"`
	Model  *string `json:"model"`
	Path   *string `json:"path"` // relative to .runs
	Reason string  `json:"reason"`
}

func (a *app) reportModels(problems []registry.Problem, models, versions int, asJSON bool) error {
	if asJSON {
		list := make([]modelProblemJSON, len(problems))
		for i, p := range problems {
			list[i] = modelProblemJSON{orNull(p.Hint), orNull(p.Model), orNull(p.Path), p.Reason}
		}
		if err := a.printJSON(map[string]any{"models": models, "problems": list, "versions": versions}); err != nil {
			return err
		}
	} else {
		for _, p := range problems {
			a.print("%s", terminal.Clean(p.Error()))
			if p.Hint != "" {
				a.hint("%s", terminal.Clean(p.Hint))
			}
		}
		if len(problems) == 0 {
			a.print("verified %s with %s", plural(models, "model"), plural(versions, "version"))
		}
	}
	if len(problems) > 0 {
		return quietError{exitFailed}
	}
	return nil
}
