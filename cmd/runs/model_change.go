package main

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/registry"
	"github.com/gitruns/runs/repo/share"
)

// modelFlags are the flags of the commands that change the registry.
type modelFlags struct {
	reason, message string
	commit, json    bool
}

func (f *modelFlags) add(cmd *cobra.Command, reason bool) {
	if reason {
		cmd.Flags().StringVar(&f.reason, "reason", "", "record `TEXT` as the reason")
	}
	cmd.Flags().BoolVar(&f.commit, "commit", false, "commit the change at once, with the runs that it needs")
	cmd.Flags().StringVarP(&f.message, "message", "m", "", "with --commit, use `TEXT` as the commit message")
	cmd.Flags().BoolVar(&f.json, "json", false, "print the result as JSON")
}

// withReason adds the reason to the summary of a commit.
func withReason(doing, reason string) string {
	if reason == "" {
		return doing
	}
	return doing + ": " + reason
}

func (f *modelFlags) check(command string) error {
	if f.message != "" && !f.commit {
		return usagef("model %s: --message requires --commit", command)
	}
	return nil
}

// changedModel reports a change of the registry, and commits it on demand. runs are those of the versions that it
// names.
func (a *app) changedModel(ctx context.Context, r *repo.Repository, f *modelFlags, done *registry.Change, runs []string,
	result any, doing, text string,
) error {
	for _, name := range done.Restored {
		a.warn("restored %s, which the working tree had lost", path.Join(repo.DirName, name))
	}
	var commits []*share.Committed
	if f.commit && len(done.Files()) > 0 {
		var err error
		commits, err = share.CommitModels(ctx, r, done.Files(), runs, doing, f.message)
		var secrets *share.SecretsError
		if errors.As(err, &secrets) {
			return a.reportFindings(secrets.Findings, f.json, err)
		}
		if err != nil {
			return err
		}
	}
	if f.json {
		list := []string{}
		for _, c := range commits {
			if c.Commit != "" {
				list = append(list, c.Commit)
			}
		}
		return a.printJSON(map[string]any{
			"commits": list, "removed": orEmpty(done.Removed), "result": result, "written": orEmpty(done.Written),
		})
	}
	if len(done.Same) > 0 && done.Empty() && !strings.HasPrefix(text, "already") {
		text = "already done: " + text
	}
	a.print("%s", terminal.Clean(text))
	for _, c := range commits {
		a.warnAll(c.Warnings)
		a.warnRefused(c.Refused)
		if !c.Empty() {
			a.reportCommitted(r, c)
		}
	}
	if !f.commit && !done.Empty() && r.InGit {
		a.progress("runs: not committed yet: run 'runs commit' for runs and versions, then commit .runs/models, or give " +
			"--commit")
	}
	return nil
}

func (a *app) modelRegisterCommand() *cobra.Command {
	var f modelFlags
	var note string
	var tags []string
	var again bool
	cmd := &cobra.Command{
		Use:   "register RUN[:PATH] MODEL [flags]",
		Short: "Register artifacts of a run as a version",
		Long: `Register artifacts of a finished run as the next version of a model. PATH is a file or
folder of the artifacts. Without PATH, it is the run's only folder with a file
MLmodel, or its only artifact.

    runs model register last taxi
    runs model register k7qx:model.bin taxi --note "more trees"

If the version exists, nothing is changed; --again registers it again.`,
		Args: arguments(2, 2, "RUN or MODEL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if err := f.check("register"); err != nil {
				return err
			}
			if err := format.CheckModelName(args[1]); err != nil {
				return usagef("model register: %v", err)
			}
			if err := format.CheckText(note); err != nil {
				return usagef("model register: --note: %v", err)
			}
			parsed, err := parseTags(tags)
			if err != nil {
				return err
			}
			r, g, err := a.models(ctx, "")
			if err != nil {
				return err
			}
			c, err := a.modelContent(ctx, r, args[0])
			if err != nil {
				return err
			}
			v, done, err := g.Register(ctx, args[1], c, registry.Registration{Note: note, Tags: parsed, Again: again})
			if err != nil {
				return err
			}
			did := "registered"
			if done.Empty() {
				did = "already registered:"
			}
			m, err := g.Model(ctx, args[1])
			if err != nil {
				return err
			}
			return a.changedModel(ctx, r, &f, done, []string{v.Run}, newModelVersionJSON(m, v), "register "+v.String(),
				fmt.Sprintf("%s %s: %s of run %s, %s",
					did, v, orAll(v.Path), format.IDRandom(v.Run), filesAndBytes(int(v.Files), v.Bytes)))
		},
	}
	f.add(cmd, false)
	cmd.Flags().StringVar(&note, "note", "", "describe the version")
	cmd.Flags().StringArrayVarP(&tags, "tag", "t", nil, "tag the version with `KEY=VALUE` (repeatable)")
	cmd.Flags().BoolVar(&again, "again", false, "register the artifacts although they are a version already")
	return cmd
}

func orAll(path string) string {
	if path == "" {
		return "all artifacts"
	}
	return path
}

// modelContent returns what RUN:PATH names. The whole text may be a selector with a colon of its own.
func (a *app) modelContent(ctx context.Context, r *repo.Repository, text string) (*registry.Content, error) {
	e, err := a.oneWhole(ctx, r, text, "", false)
	if err == nil {
		return registry.ContentOf(e, "")
	}
	selector, at, ok := cutLast(text, ":")
	if !ok || at == "" || selector == "" {
		return nil, err
	}
	e, runErr := a.oneWhole(ctx, r, selector, "", false)
	if runErr != nil {
		return nil, runErr
	}
	at = strings.TrimSuffix(at, "/")
	if err := format.CheckPath(at); err != nil {
		return nil, usagef("model register: %v", err)
	}
	return registry.ContentOf(e, at)
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

func (a *app) modelPromoteCommand() *cobra.Command {
	var f modelFlags
	var p registry.Promotion
	cmd := &cobra.Command{
		Use:   "promote MODEL@VERSION STAGE [flags]",
		Short: "Put a version into a stage",
		Long: `Put a version into a stage, such as staging or production, in place of the version that
was in it. The version leaves its former stage. The stage none takes it out of its
stage and out of the archive.

    runs model promote taxi@4 production --reason "0.3 better on the holdout"
    runs model promote taxi@4 staging --commit

The change is a file in .runs/models. Commit it as code, on a branch that others
review, or give --commit.`,
		Args: arguments(2, 2, "MODEL@VERSION or STAGE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if err := f.check("promote"); err != nil {
				return err
			}
			if p.Beside && p.Archive {
				return usagef("model promote: --beside and --archive cannot be combined")
			}
			r, g, err := a.models(ctx, "")
			if err != nil {
				return err
			}
			p.Reason = f.reason
			var v *registry.Version
			var done *registry.Change
			text := "promoted %s to " + args[1]
			switch {
			case strings.EqualFold(args[1], registry.ArchivedStage):
				return usagef("model promote: %q is not a stage; run 'runs model archive %s'", args[1], args[0])
			case strings.EqualFold(args[1], "none"):
				if p.Beside || p.Archive {
					return usagef("model promote: --beside and --archive cannot be combined with the stage none")
				}
				text = "%s is in no stage"
				v, done, err = g.Unstage(ctx, args[0], f.reason)
			default:
				if err := format.CheckModelLabel("stage", args[1]); err != nil {
					return usagef("model promote: %v", err)
				}
				v, done, err = g.Promote(ctx, args[0], args[1], p)
			}
			if err != nil {
				return modelError(err)
			}
			return a.changedVersion(ctx, r, g, &f, done, v, withReason(fmt.Sprintf("promote %s to %s", v, args[1]), f.reason),
				fmt.Sprintf(text, v))
		},
	}
	f.add(cmd, true)
	cmd.Flags().BoolVar(&p.Beside, "beside", false, "keep the versions that are in the stage")
	cmd.Flags().BoolVar(&p.Archive, "archive", false, "archive the versions that leave the stage")
	return cmd
}

// changedVersion reports a change of a version, as it is now.
func (a *app) changedVersion(ctx context.Context, r *repo.Repository, g *registry.Registry, f *modelFlags,
	done *registry.Change, v *registry.Version, doing, text string,
) error {
	m, err := g.Model(ctx, v.Model)
	if err != nil {
		return err
	}
	return a.changedModel(ctx, r, f, done, []string{v.Run}, newModelVersionJSON(m, v), doing, text)
}

func (a *app) modelAliasCommand() *cobra.Command {
	var f modelFlags
	cmd := &cobra.Command{
		Use:   "alias MODEL@VERSION ALIAS [flags]",
		Short: "Let an alias name a version",
		Long: `Let an alias name a version, in place of the version that it named.

    runs model alias taxi@4 champion`,
		Args: arguments(2, 2, "MODEL@VERSION or ALIAS"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if err := f.check("alias"); err != nil {
				return err
			}
			if err := format.CheckModelLabel("alias", args[1]); err != nil {
				return usagef("model alias: %v", err)
			}
			r, g, err := a.models(ctx, "")
			if err != nil {
				return err
			}
			v, done, err := g.Alias(ctx, args[0], args[1], f.reason)
			if err != nil {
				return err
			}
			return a.changedVersion(ctx, r, g, &f, done, v, withReason(fmt.Sprintf("let %s name %s", args[1], v), f.reason),
				fmt.Sprintf("%s@%s is now %s", v.Model, args[1], v))
		},
	}
	f.add(cmd, true)
	return cmd
}

func (a *app) modelUnaliasCommand() *cobra.Command {
	var f modelFlags
	cmd := &cobra.Command{
		Use:   "unalias MODEL ALIAS [flags]",
		Short: "Remove an alias",
		Long: `Remove an alias of a model. The version stays.

    runs model unalias taxi champion`,
		Args: arguments(2, 2, "MODEL or ALIAS"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if err := f.check("unalias"); err != nil {
				return err
			}
			r, g, err := a.models(ctx, "")
			if err != nil {
				return err
			}
			done, err := g.Unalias(ctx, args[0], args[1])
			if err != nil {
				return modelError(err)
			}
			return a.changedModel(ctx, r, &f, done, nil, args[0]+"@"+args[1],
				"remove the alias "+args[0]+"@"+args[1], "removed the alias "+args[0]+"@"+args[1])
		},
	}
	f.add(cmd, false)
	return cmd
}

func (a *app) modelArchiveCommand() *cobra.Command {
	var f modelFlags
	cmd := &cobra.Command{
		Use:   "archive MODEL@VERSION [flags]",
		Short: "Mark a version as archived",
		Long: `Mark a version as archived and take it out of its stage. Its files stay. A promotion
undoes this.

    runs model archive taxi@3 --reason "leaks the target"`,
		Args: arguments(1, 1, "MODEL@VERSION"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if err := f.check("archive"); err != nil {
				return err
			}
			r, g, err := a.models(ctx, "")
			if err != nil {
				return err
			}
			v, done, err := g.Archive(ctx, args[0], f.reason)
			if err != nil {
				return err
			}
			return a.changedVersion(ctx, r, g, &f, done, v, withReason(fmt.Sprintf("archive %s", v), f.reason),
				fmt.Sprintf("archived %s", v))
		},
	}
	f.add(cmd, true)
	return cmd
}

// annotateModel adds a note to MODEL or MODEL@VERSION.
func (a *app) annotateModel(ctx context.Context, f *modelFlags, target string, n *format.ModelNote, doing, text string,
) error {
	r, g, err := a.models(ctx, "")
	if err != nil {
		return err
	}
	name, which := registry.Cut(target)
	done, err := g.Annotate(ctx, name, which, n)
	if err != nil {
		return modelError(err)
	}
	return a.changedModel(ctx, r, f, done, nil, target, doing+" "+target, text+" "+target)
}

func (a *app) modelNoteCommand() *cobra.Command {
	var f modelFlags
	cmd := &cobra.Command{
		Use:   "note MODEL[@VERSION] TEXT [flags]",
		Short: "Describe a model or a version",
		Long: `Describe a model or a version, in place of its description. An empty TEXT removes it.

    runs model note taxi "predicts the fare of a ride"`,
		Args: arguments(2, 2, "MODEL or TEXT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check("note"); err != nil {
				return err
			}
			if err := format.CheckText(args[1]); err != nil {
				return usagef("model note: %v", err)
			}
			return a.annotateModel(cmd.Context(), &f, args[0], &format.ModelNote{Text: args[1], Cleared: args[1] == ""},
				"describe", "described")
		},
	}
	f.add(cmd, false)
	return cmd
}

func (a *app) modelTagCommand() *cobra.Command {
	var f modelFlags
	var removed []string
	cmd := &cobra.Command{
		Use:   "tag MODEL[@VERSION] KEY[=VALUE]… | MODEL[@VERSION] -d KEY…",
		Short: "Set or remove tags of a model or a version",
		Long: `Set or remove tags of a model or a version. A tag without a value is "yes".

    runs model tag taxi@4 reviewer=ada
    runs model tag taxi -d team`,
		Args: arguments(1, -1, "MODEL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check("tag"); err != nil {
				return err
			}
			if len(args) == 1 && len(removed) == 0 {
				return usagef("model tag: missing KEY[=VALUE] or -d KEY")
			}
			tags, err := parseTags(args[1:])
			if err != nil {
				return err
			}
			for _, key := range removed {
				if err := format.CheckKey(key); err != nil {
					return usagef("model tag %q: %v", key, err)
				}
			}
			return a.annotateModel(cmd.Context(), &f, args[0], &format.ModelNote{Tags: tags, Removed: removed}, "tag", "tagged")
		},
	}
	f.add(cmd, false)
	cmd.Flags().StringArrayVarP(&removed, "delete", "d", nil, "remove the tag `KEY` (repeatable)")
	return cmd
}

func (a *app) modelRenumberCommand() *cobra.Command {
	var f modelFlags
	cmd := &cobra.Command{
		Use:   "renumber MODEL [flags]",
		Short: "Number doubled versions anew",
		Long: `Give each version that shares its number with an older one the next free number. Two
clones that register at once may give out the same number. Stages and aliases stay
right, because they name versions by their letters.

    runs model renumber taxi`,
		Args: arguments(1, 1, "MODEL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if err := f.check("renumber"); err != nil {
				return err
			}
			r, g, err := a.models(ctx, "")
			if err != nil {
				return err
			}
			changed, done, err := g.Renumber(ctx, args[0])
			if err != nil {
				return modelError(err)
			}
			list := make([]string, len(changed))
			var lines []string
			for i, c := range changed {
				list[i] = c.Version.Exact()
				v := c.Version
				lines = append(lines, fmt.Sprintf("%s is now %s (run %s)", v.ID(), v, format.IDRandom(v.Run)))
			}
			if len(lines) == 0 {
				lines = append(lines, fmt.Sprintf("no two versions of model %s share a number", args[0]))
			}
			if !f.json {
				for _, line := range lines[:len(lines)-1] {
					a.print("%s", terminal.Clean(line))
				}
			}
			return a.changedModel(ctx, r, &f, done, nil, list, "renumber "+args[0], lines[len(lines)-1])
		},
	}
	f.add(cmd, false)
	return cmd
}

func (a *app) modelRenameCommand() *cobra.Command {
	var f modelFlags
	cmd := &cobra.Command{
		Use:   "rename MODEL NAME [flags]",
		Short: "Rename a model",
		Long: `Give a model another name. The old name keeps leading to it, also for versions that
others register under the old name meanwhile.

    runs model rename taxi fares`,
		Args: arguments(2, 2, "MODEL or NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if err := f.check("rename"); err != nil {
				return err
			}
			if err := format.CheckModelName(args[1]); err != nil {
				return usagef("model rename: %v", err)
			}
			r, g, err := a.models(ctx, "")
			if err != nil {
				return err
			}
			done, err := g.Rename(ctx, args[0], args[1])
			if err != nil {
				return modelError(err)
			}
			return a.changedModel(ctx, r, &f, done, nil, args[1], fmt.Sprintf("rename model %s to %s", args[0], args[1]),
				fmt.Sprintf("renamed model %s to %s", args[0], args[1]))
		},
	}
	f.add(cmd, false)
	return cmd
}

func (a *app) modelRmCommand() *cobra.Command {
	var f modelFlags
	var force bool
	cmd := &cobra.Command{
		Use:   "rm MODEL[@VERSION] [flags]",
		Short: "Remove a version, or a model",
		Long: `Remove a version, or a model with all its versions. The runs and their artifacts stay.
If a stage or an alias names the version, --force is needed, and removes it from them.

    runs model rm taxi@2`,
		Args: arguments(1, 1, "MODEL[@VERSION]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if err := f.check("rm"); err != nil {
				return err
			}
			r, g, err := a.models(ctx, "")
			if err != nil {
				return err
			}
			var done *registry.Change
			var text string
			if strings.LastIndexByte(args[0], '@') > 0 {
				var v *registry.Version
				if v, done, err = g.Remove(ctx, args[0], force); err == nil {
					text = fmt.Sprintf("removed %s (run %s stays)", v, format.IDRandom(v.Run))
				}
			} else {
				var m *registry.Model
				if m, done, err = g.RemoveModel(ctx, args[0], force); err == nil {
					text = fmt.Sprintf("removed model %s with %s (the runs stay)", m.Name, plural(len(m.Versions), "version"))
				}
			}
			var used *registry.InUseError
			if errors.As(err, &used) {
				return &repo.HintError{Err: err, Hint: "promote another version first, or give --force to remove it from them too"}
			}
			if err != nil {
				return modelError(err)
			}
			return a.changedModel(ctx, r, &f, done, nil, args[0], "remove "+args[0], text)
		},
	}
	f.add(cmd, false)
	cmd.Flags().BoolVar(&force, "force", false, "also remove stages and aliases of the version")
	return cmd
}
