package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/cmd/internal/render"
	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/query"
)

func (a *app) showCommand() *cobra.Command {
	var asJSON, asTOML, log, source, hidden, part bool
	var experiment string
	cmd := &cobra.Command{
		Use:   "show [RUN] [flags]",
		Short: "Show a run",
		Long: `Show a run: its params, metrics, values, source, environment and files. Without
RUN, show the newest.

    runs show
    runs show wide --log

--log prints its console output. --source prints its source as a patch from its
base commit, including changes that were not committed.

If the run resumes another, its metrics and values are those of both. --json and
--toml print only its own record, with later notes merged in.`,
		Args: arguments(0, 1, ""),
		RunE: func(cmd *cobra.Command, args []string) error {
			if b2i(asJSON)+b2i(asTOML)+b2i(log)+b2i(source) > 1 {
				return usagef("show: --json, --toml, --log and --source cannot be combined")
			}
			selector := "last"
			if len(args) == 1 {
				selector = args[0]
			}
			ctx := cmd.Context()
			r, err := a.find(ctx)
			if err != nil {
				return err
			}
			a.finishGone(ctx, r, nil)
			e, err := a.oneWhole(ctx, r, selector, experiment, part || asJSON || asTOML || log || source)
			if err != nil {
				return err
			}
			switch {
			case asJSON:
				return a.printJSON(listedRun{e.Run, e.Worktree()})
			case asTOML:
				data, err := format.EncodeRun(e.Run)
				if err != nil {
					return err
				}
				_, err = a.term.Structured().Write(data)
				return err
			case log:
				return a.showLog(ctx, e)
			case source:
				return a.showSource(ctx, e)
			}
			config, err := r.Config()
			if err != nil {
				return err
			}
			goal := config.GoalIn(e.Run)
			context := query.Context{Goal: goal, Now: time.Now()}
			view := render.Run{
				Context: context, Goal: goal, Curves: !asciiOnly(), Hidden: hidden, Title: r.ExperimentTitles(ctx)[e.Experiment],
			}
			view.Lacking = lacking(ctx, e)
			if e.Run.Environment != nil && e.Run.Environment.Digest != "" {
				// Leave out an environment that is not in this clone; verify reports it.
				view.Environment, _ = e.Repository().Environment(ctx, e.Run.Environment.Digest)
			}
			err = a.term.Page(ctx, func(w io.Writer) error { return view.Write(ctx, w, a.term, e) })
			if e.InCommit() {
				a.printInCommit(1)
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the record as JSON")
	cmd.Flags().BoolVar(&asTOML, "toml", false, "print the record as TOML")
	cmd.Flags().BoolVar(&source, "source", false, "print the source as a patch")
	cmd.Flags().BoolVar(&hidden, "hidden", false, "also show metrics that the program defined as hidden")
	cmd.Flags().BoolVar(&part, "part", false, "show only what RUN logged itself, without the runs that it resumes")
	cmd.Flags().BoolVar(&log, "log", false, "print the captured console output")
	cmd.Flags().StringVarP(&experiment, "experiment", "e", "", "look in `EXPERIMENT`")
	return cmd
}

// lacking returns the id of an earlier run of the chain that this clone does not have. It is empty if it has all.
func lacking(ctx context.Context, e *repo.Entry) string {
	before := e.Before()
	if before == "" {
		return ""
	}
	if _, err := e.Repository().Read(ctx, before); errors.Is(err, repo.ErrNotActive) {
		return before
	}
	return ""
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// showSource prints the patches one after another, in a form that 'git apply' accepts.
func (a *app) showSource(ctx context.Context, e *repo.Entry) error {
	s := e.Source
	switch {
	case s == nil || s.Tree == "":
		return fmt.Errorf("showing the source of run %s: it was not recorded: the run was outside Git, or Git failed", e.ID)
	case len(s.AllPatches()) == 0:
		a.printUnchanged(e)
		return nil
	}
	from := "an empty tree"
	if s.Base != "" {
		from = "commit " + s.Base[:12]
	}
	a.progress("runs: the source of %s as a patch of %s", e.Title(), from)
	each := func(w io.Writer) error {
		return e.Repository().EachPatch(ctx, e.Run, func(patch io.Reader) error { return a.writePatch(w, patch) })
	}
	if !a.term.OutIsTerminal() {
		return each(a.term.Data())
	}
	return a.term.Page(ctx, each)
}

// printUnchanged tells that a source is its commit, and what it lacks.
func (a *app) printUnchanged(e *repo.Entry) {
	s := e.Source
	if len(s.Omitted) == 0 {
		a.progress("runs: the source of %s is exactly commit %.12s", e.Title(), s.Commit)
		return
	}
	var left []string
	for _, o := range s.Omitted {
		left = append(left, o.Path+" ("+o.Reason+")")
	}
	a.progress("runs: the source of %s is commit %.12s, without %s", e.Title(), s.Commit, firstNames(left))
	a.hint("'runs show %s --toml' lists what was left out", format.IDRandom(e.ID))
}

// writePatch copies a patch. For a terminal it adds colors and removes control characters; otherwise it copies the
// bytes unchanged.
func (a *app) writePatch(w io.Writer, patch io.Reader) error {
	if !a.term.OutIsTerminal() {
		_, err := io.Copy(w, patch)
		return err
	}
	in := bufio.NewReader(patch)
	for {
		line, err := in.ReadString('\n')
		if line != "" {
			text := strings.TrimSuffix(terminal.CleanLines(line), "\n")
			style := terminal.Plain
			switch {
			case strings.HasPrefix(text, "diff --git "), strings.HasPrefix(text, "+++"), strings.HasPrefix(text, "---"),
				strings.HasPrefix(text, "index "):
				style = terminal.Bold
			case strings.HasPrefix(text, "@@"):
				style = terminal.Cyan
			case strings.HasPrefix(text, "+"):
				style = terminal.Green
			case strings.HasPrefix(text, "-"):
				style = terminal.Red
			}
			if _, err := io.WriteString(w, a.term.Paint(style, text)+"\n"); err != nil {
				return err
			}
		}
		if err != nil {
			return nil
		}
	}
}

func (a *app) showLog(ctx context.Context, e *repo.Entry) error {
	f, err := e.Output()
	if err != nil {
		return err
	}
	if f == nil {
		return &repo.HintError{
			Err:  fmt.Errorf("showing the output of run %s: it was not captured", e.ID),
			Hint: "record the program with 'runs exec'",
		}
	}
	defer func() { _ = f.Close() }()
	return a.term.Page(ctx, func(w io.Writer) error {
		in := bufio.NewReader(f)
		for {
			line, err := in.ReadString('\n')
			if _, err := io.WriteString(w, terminal.CleanLines(line)); err != nil {
				return err
			}
			if err != nil {
				return nil
			}
		}
	})
}
