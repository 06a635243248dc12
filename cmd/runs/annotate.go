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
	"github.com/gitruns/runs/repo/share"
)

func (a *app) tagCommand() *cobra.Command {
	var removed []string
	cmd := &cobra.Command{
		Use:               "tag RUN KEY[=VALUE]… | RUN -d KEY…",
		Short:             "Set or remove tags of a run",
		Long:              `Set or remove tags of a run, also of a finished one. A tag without a value is "yes".`,
		Args:              arguments(1, -1, "RUN"),
		ValidArgsFunction: a.completeRun,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 && len(removed) == 0 {
				return usagef("tag: a KEY[=VALUE] or -d KEY missing")
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
	cmd.Flags().StringArrayVarP(&removed, "delete", "d", nil, "remove the tag `KEY`; repeated")
	return cmd
}

func (a *app) nameCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "name RUN NAME",
		Short:             "Give a run a name",
		Long:              `Give a run a name, also a finished one. A name need not be unique: where several runs have it, it means the newest.`,
		Args:              arguments(2, 2, "RUN or NAME"),
		ValidArgsFunction: a.completeRun,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := format.CheckKey(args[1]); err != nil {
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
		Use:               "note RUN [TEXT]",
		Short:             "Say something about a run",
		Long:              `Say something about a run, also a finished one. Without TEXT an editor opens: RUNS_EDITOR, VISUAL or EDITOR.`,
		Args:              arguments(1, 2, "RUN"),
		ValidArgsFunction: a.completeRun,
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
					return nil, fmt.Errorf("noting: the text of run %s is not changed", e.ID)
				}
				if text == "" {
					return nil, usagef("note: the text is empty")
				}
				if err := format.CheckText(text); err != nil {
					return nil, usagef("note: %v", err)
				}
				return &format.Note{Text: text}, nil
			})
		},
	}
}

// annotate writes a note of the run that a selector names.
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

// author is git's identity of whoever runs this; empty where there is none.
func (a *app) author(ctx context.Context) string {
	name, _, err := capture.Author(ctx, a.dir)
	if err != nil {
		return ""
	}
	return name
}

// edit lets a person change a text in their editor.
func (a *app) edit(ctx context.Context, text string) (string, error) {
	editor := ""
	for _, name := range []string{"RUNS_EDITOR", "VISUAL", "EDITOR"} {
		if editor = os.Getenv(name); editor != "" {
			break
		}
	}
	if editor == "" {
		return "", &repo.HintError{Err: errors.New("opening an editor: EDITOR is not set"), Hint: "give the text on the command line"}
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
		Use:   "rm RUN… | -w EXPRESSION | --undo",
		Short: "Remove runs to the trash, or bring them back",
		Long: `Remove runs to .runs/trash, which is this machine's own. --undo brings back what the last rm removed. A run in progress
is refused.

A run that is committed leaves a mark in .runs/removed: 'runs commit' takes the run out and the mark in, and no pull or
merge brings it back. What was committed stays in git's history.`,
		ValidArgsFunction: a.completeRun,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			switch {
			case undo && (len(args) > 0 || where != "" || dry):
				return usagef("rm: --undo stands alone")
			case len(args) > 0 && where != "":
				return usagef("rm: RUN and -w exclude one another; an expression can name runs too: id = …")
			case !undo && len(args) == 0 && where == "":
				return usagef("rm: RUN, -w or --undo missing")
			}
			r, err := a.find(ctx)
			if err != nil {
				return err
			}
			if undo {
				ids, err := r.Restore()
				for _, id := range ids {
					a.print("restored %s", id)
				}
				return err
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
			committed, err := share.CommittedIDs(ctx, r)
			if err != nil {
				return fmt.Errorf("removing runs: %w", err)
			}
			if !dry {
				if err := r.Remove(entries, committed); err != nil {
					return err
				}
			}
			inGit := false
			for _, e := range entries {
				inGit = inGit || committed[e.ID]
				a.print("%s %s", map[bool]string{true: "would remove", false: "removed"}[dry], terminal.Clean(e.String()))
			}
			if inGit && !dry {
				a.progress("runs: 'runs commit' takes %s out of git; its history keeps what was committed", verb(len(entries), "it", "them"))
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&where, "where", "w", "", "runs that match `EXPRESSION`")
	cmd.Flags().StringVarP(&experiment, "experiment", "e", "", "runs of `EXPERIMENT`")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only say what would be removed")
	cmd.Flags().BoolVar(&undo, "undo", false, "bring back what the last rm removed")
	return cmd
}

func (a *app) goalCommand() *cobra.Command {
	var primary bool
	cmd := &cobra.Command{
		Use:   "goal METRIC min|max [--primary]",
		Short: "Say whether a small or a large value of a metric is better",
		Long: `Say whether a small or a large value of a metric is better. It is written to .runs/config.toml, whose comments stay.
With --primary it is also the metric that lists show.`,
		Args: arguments(2, 2, "METRIC or min|max"),
		RunE: func(cmd *cobra.Command, args []string) error {
			metric, goal := args[0], args[1]
			if err := format.CheckKey(metric); err != nil {
				return usagef("goal: %v", err)
			}
			if goal != format.GoalMin && goal != format.GoalMax {
				return usagef("goal: %q is neither min nor max", goal)
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
	cmd.Flags().BoolVar(&primary, "primary", false, "the metric is the project's primary one")
	return cmd
}
