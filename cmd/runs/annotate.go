package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/capture"
	"github.com/gitruns/runs/repo/catalog"
	"github.com/gitruns/runs/repo/registry"
	"github.com/gitruns/runs/repo/share"
)

func (a *app) tagCommand() *cobra.Command {
	var removed []string
	cmd := &cobra.Command{
		Use:   "tag RUN KEY[=VALUE]… | RUN -d KEY…",
		Short: "Set or remove tags of a run",
		Long: `Set or remove tags of a run, which may be finished. A tag without a value is
"yes".

    runs tag wide baseline reviewer=ada
    runs tag wide -d baseline`,
		Args: arguments(1, -1, "RUN"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 && len(removed) == 0 {
				return usagef("tag: missing KEY[=VALUE] or -d KEY")
			}
			n := &format.Note{}
			var err error
			if n.Tags, err = parseTags(args[1:]); err != nil {
				return err
			}
			for _, key := range removed {
				if err := format.CheckKey(key); err != nil {
					return usagef("tag %q: %v", key, err)
				}
			}
			n.Removed = removed
			return a.annotate(cmd.Context(), args[0], func(e *repo.Entry) (*format.Note, error) {
				for _, key := range removed {
					if _, ok := e.Tags[key]; !ok {
						return nil, fmt.Errorf("removing tag %q: run %s does not have it", key, e.ID)
					}
				}
				return n, nil
			})
		},
	}
	cmd.Flags().StringArrayVarP(&removed, "delete", "d", nil, "remove the tag `KEY` (repeatable)")
	return cmd
}

func (a *app) nameCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "name RUN NAME",
		Short: "Give a run a name",
		Long: `Give a run a name. The run may be finished. If several runs have
the same name, the name refers to the newest.

    runs name last wide`,
		Args: arguments(2, 2, "RUN or NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := format.CheckNamed("name", args[1]); err != nil {
				return usagef("name: %v", err)
			}
			return a.annotate(cmd.Context(), args[0], func(*repo.Entry) (*format.Note, error) {
				return &format.Note{Name: args[1]}, nil
			})
		},
	}
}

func (a *app) noteCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "note RUN [TEXT]",
		Short: "Add a note to a run",
		Long: `Add a note to a run, or replace its note. The run may be finished. Without TEXT,
edit the note with RUNS_EDITOR, VISUAL or EDITOR.

    runs note wide "the learning rate is too high"`,
		Args: arguments(1, 2, "RUN"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return a.annotate(ctx, args[0], func(e *repo.Entry) (*format.Note, error) {
				text := ""
				if len(args) == 2 {
					text = args[1]
				} else {
					var err error
					if text, err = a.edit(ctx, e.Note); err != nil {
						return nil, err
					}
				}
				if text == e.Note {
					return nil, fmt.Errorf("adding a note to run %s: the text is unchanged", e.ID)
				}
				if text == "" {
					return nil, usagef("note: TEXT must not be empty")
				}
				if err := format.CheckText(text); err != nil {
					return nil, usagef("note: %v", err)
				}
				return &format.Note{Text: text}, nil
			})
		},
	}
}

// annotate writes an annotation file for the run that the selector matches.
func (a *app) annotate(ctx context.Context, selector string, write func(*repo.Entry) (*format.Note, error)) error {
	r, err := a.find(ctx)
	if err != nil {
		return err
	}
	e, err := a.oneRun(ctx, r, selector, "")
	if err != nil {
		return err
	}
	if err := a.mayChange(ctx, e, selector); err != nil {
		return err
	}
	n, err := write(e)
	if err != nil {
		return err
	}
	n.Author = a.author(ctx)
	return e.Annotate(n)
}

// author returns the Git identity of this user, or "" if there is none.
func (a *app) author(ctx context.Context) string {
	name, _, err := capture.Author(ctx, a.dir)
	if err != nil {
		return ""
	}
	return name
}

// edit opens text in the user's editor and returns the changed text.
func (a *app) edit(ctx context.Context, text string) (string, error) {
	editor := ""
	for _, name := range []string{"RUNS_EDITOR", "VISUAL", "EDITOR"} {
		if editor = os.Getenv(name); editor != "" {
			break
		}
	}
	if editor == "" {
		return "", &repo.HintError{
			Err:  errors.New("opening an editor: EDITOR is not set"),
			Hint: "give the text as an argument",
		}
	}
	dir, err := os.MkdirTemp("", "runs-note-")
	if err != nil {
		return "", fmt.Errorf("opening an editor: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	file := filepath.Join(dir, "note.txt")
	if err := os.WriteFile(file, []byte(text+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("opening an editor: %w", err)
	}
	words := strings.Fields(editor)
	cmd := exec.CommandContext(ctx, words[0], append(words[1:], file)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("editing with %s: %w", words[0], err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("editing with %s: %w", words[0], err)
	}
	return strings.TrimSpace(string(data)), nil
}

func (a *app) rmCommand() *cobra.Command {
	var where, experiment string
	var dry, undo bool
	cmd := &cobra.Command{
		Use:   "rm RUN… | -w EXPRESSION | --undo [RUN…]",
		Short: "Remove runs, or restore removed ones",
		Long: `Move runs to .runs/trash, which is never committed. The Git folder keeps a copy for
30 days, also if 'git clean -fdx' deletes it. A run in progress cannot be removed.

    runs rm wide
    runs rm -w "status = failed and started < '30d ago'"
    runs rm --undo

--undo restores the runs that the last rm in this worktree removed, or each RUN,
whichever worktree removed it. 'runs ls --removed' lists them. To take a secret out
of a removed run, use 'runs redact'.

A committed run leaves a removal marker in .runs/removed. 'runs commit' then
removes the run from the branch and adds the marker, so that no pull or merge
brings the run back. Git's history still contains the run.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			switch {
			case undo && (where != "" || dry):
				return usagef("rm: --undo cannot be combined with -w or --dry-run")
			case len(args) > 0 && where != "":
				return &repo.HintError{
					Err: usagef("rm: RUN and -w cannot be combined"), Hint: "use -w 'id = …' to name runs in an expression",
				}
			case !undo && len(args) == 0 && where == "":
				return usagef("rm: missing RUN, -w or --undo")
			}
			r, err := a.find(ctx)
			if err != nil {
				return err
			}
			if undo {
				return a.restoreRemoved(r, args)
			}
			c, err := a.collect(ctx, r, experiment)
			if err != nil {
				return err
			}
			entries, missing, err := c.SelectRemovable(ctx, args, where, func() string { return a.author(ctx) })
			a.warnMissing(missing...)
			if err != nil {
				return err
			}
			ids := map[string]bool{}
			for _, e := range entries {
				ids[e.ID] = true
			}
			if err := registry.Open(r).RefuseRemoval(ctx, ids); err != nil {
				return fmt.Errorf("removing runs: %w", err)
			}
			committed, err := share.CommittedIDs(ctx, r)
			if err != nil {
				return fmt.Errorf("removing runs: %w", err)
			}
			if !dry {
				if err := r.Remove(ctx, entries, committed); err != nil {
					return err
				}
			}
			inGit := false
			did := map[bool]string{true: "would remove", false: "removed"}[dry]
			most := maxListedRemovals
			if dry {
				most = len(entries)
			}
			for _, e := range entries {
				inGit = inGit || committed[e.ID]
			}
			eachFirst(entries, most, func(e *repo.Entry) { a.print("%s %s", did, terminal.Clean(e.String())) },
				func(n int) { a.print("%s %d more runs", did, n) })
			if inGit && !dry {
				a.hint("run 'runs commit' to remove %s from the branch; Git's history still has %[1]s", verb(len(entries), "it",
					"them"))
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&where, "where", "w", "", "remove runs that match `EXPRESSION`")
	cmd.Flags().StringVarP(&experiment, "experiment", "e", "", "look in `EXPERIMENT`")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only list what would be removed")
	cmd.Flags().BoolVar(&undo, "undo", false, "restore what the last rm removed, or RUN")
	return cmd
}

// maxListedRemovals is the maximum number of removed or restored runs to list. A dry run lists all.
const maxListedRemovals = 20

// restoreRemoved implements rm --undo.
func (a *app) restoreRemoved(r *repo.Repository, selectors []string) error {
	if len(selectors) == 0 {
		ids, err := r.Restore()
		eachFirst(ids, maxListedRemovals, func(id string) { a.print("restored %s", id) },
			func(n int) { a.print("restored %d more runs", n) })
		return err
	}
	var named []repo.Trashed
	for _, selector := range selectors {
		t, err := catalog.Removed(r, selector)
		if err != nil {
			return err
		}
		named = append(named, *t)
	}
	for _, t := range named {
		if err := r.RestoreRun(t.ID); err != nil {
			return err
		}
		if t.By != nil && !t.By.Gone {
			a.print("restored %s, which worktree %s had removed", t.ID, terminal.Clean(t.By.Name()))
			continue
		}
		a.print("restored %s", t.ID)
	}
	return nil
}

// goalWord returns min or max for the other words that people use. Any other word stays as it is.
func goalWord(word string) string {
	switch strings.ToLower(word) {
	case "minimize", "minimise", "minimum", "lower", "down", "small", "smaller":
		return format.GoalMin
	case "maximize", "maximise", "maximum", "higher", "up", "large", "larger":
		return format.GoalMax
	}
	return word
}

func (a *app) goalCommand() *cobra.Command {
	var primary bool
	cmd := &cobra.Command{
		Use:   "goal METRIC min|max [--primary]",
		Short: "Set which direction of a metric is better",
		Long: `Set the goal of a metric: min if smaller values are better, max if larger ones
are. The goal is written to .runs/config.toml, which keeps its comments.

    runs goal rmse min --primary

With --primary, the metric also becomes the one that lists show.`,
		Args: arguments(2, 2, "METRIC or min|max"),
		RunE: func(cmd *cobra.Command, args []string) error {
			metric, goal := args[0], goalWord(args[1])
			if err := format.CheckKey(metric); err != nil {
				return usagef("goal: %v", err)
			}
			if goal != format.GoalMin && goal != format.GoalMax {
				return usagef("goal: the goal must be min or max, got %q", goal)
			}
			r, err := a.setup(cmd.Context())
			if err != nil {
				return err
			}
			if err := r.Configure([]string{"metric", metric, "goal"}, goal); err != nil {
				return err
			}
			if primary {
				if err := r.Configure([]string{"primary"}, metric); err != nil {
					return err
				}
			}
			c, err := a.collect(cmd.Context(), r, "")
			if err == nil {
				a.warnMissingKey(c, "metrics."+metric)
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&primary, "primary", false, "make the metric the primary one")
	return cmd
}
