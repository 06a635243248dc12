package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/query"
)

// Exit statuses, as every command's help says them.
const (
	exitFailed      = 1
	exitUsage       = 2
	exitNoRun       = 3
	exitInterrupted = 130
)

const exitHelp = `
Exit status: 0 done; 1 failed; 2 wrong usage; 3 a selector names no run, or several; 130 interrupted.`

// app is what commands share. Nothing in it costs anything before it is asked for.
type app struct {
	term    *terminal.Terminal
	dir     string // -C
	noColor bool
	status  int // exit status of a command that succeeded in failing: exec
	cleanup []func()
}

// usageError is a call that the command line does not allow: exit status 2.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// run is the whole program: it returns the exit status.
func run(ctx context.Context, args []string) int {
	a := &app{}
	root := a.command()
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	for _, clean := range a.cleanup {
		clean()
	}
	if err == nil {
		return a.status
	}
	return a.report(cmd, err)
}

// report writes an error as one line, and the next step on a second where there is one.
func (a *app) report(cmd *cobra.Command, err error) int {
	out := io.Writer(os.Stderr)
	if a.term != nil {
		out = a.term.Err
	}
	if errors.Is(err, context.Canceled) {
		fmt.Fprintln(out, "runs: interrupted")
		return exitInterrupted
	}
	var quiet quietError
	if errors.As(err, &quiet) {
		return quiet.status
	}
	fmt.Fprintf(out, "runs: %s\n", terminal.Clean(firstLine(err.Error())))
	var hint *repo.HintError
	var usage usageError
	var none *query.NotFoundError
	switch {
	case errors.As(err, &hint):
		fmt.Fprintf(out, "      %s\n", terminal.Clean(hint.Hint))
	case errors.Is(err, repo.ErrNoRepository):
		fmt.Fprintln(out, "      'runs init' sets up a repository; recording a run does so by itself")
	case errors.As(err, &usage):
		fmt.Fprintf(out, "      see '%s --help'\n", cmd.CommandPath())
	}
	switch {
	case errors.As(err, &usage):
		return exitUsage
	case errors.As(err, &none):
		return exitNoRun
	}
	return exitFailed
}

func firstLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}

// quietError ends with a status when everything has been said.
type quietError struct{ status int }

func (e quietError) Error() string { return fmt.Sprintf("exit status %d", e.status) }

func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use:   "runs",
		Short: "Record machine-learning experiments in git, as files, with no server",
		Long: wrap(`runs records machine-learning experiments in git, as files, with no server.

A run is TOML metadata and a Parquet file of metrics under .runs/, committed with the code.
Start with 'runs demo', or put 'runs exec --' before the command that trains.
`+exitHelp, helpWidth),
		SilenceErrors: true, SilenceUsage: true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("unknown command %q", args[0])
			}
			return nil
		},
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return a.prepare(cmd) },
		Run:               func(cmd *cobra.Command, _ []string) { _ = cmd.Help() },
	}
	root.PersistentFlags().StringVarP(&a.dir, "directory", "C", ".", "run as if started in `DIR`")
	root.PersistentFlags().BoolVar(&a.noColor, "no-color", false, "no colour")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.SuggestionsMinimumDistance = 2
	root.AddGroup(&cobra.Group{ID: "record", Title: "Record:"}, &cobra.Group{ID: "read", Title: "Read:"}, &cobra.Group{ID: "again", Title: "Bring back:"}, &cobra.Group{ID: "keep", Title: "Describe and keep:"})
	for _, g := range []struct {
		id       string
		commands []*cobra.Command
	}{
		{"record", []*cobra.Command{a.initCommand(), a.execCommand(), a.startCommand(), a.logCommand(), a.finishCommand(), a.recoverCommand()}},
		{"read", []*cobra.Command{a.lsCommand(), a.showCommand(), a.metricsCommand(), a.plotCommand(), a.diffCommand(), a.reviewCommand(), a.checkCommand(), a.statusCommand(), a.textconvCommand()}},
		{"again", []*cobra.Command{a.checkoutCommand(), a.reproduceCommand(), a.verifyCommand()}},
		{"keep", []*cobra.Command{a.tagCommand(), a.noteCommand(), a.nameCommand(), a.goalCommand(), a.rmCommand()}},
		{"", []*cobra.Command{a.demoCommand(), a.versionCommand()}},
	} {
		for _, c := range g.commands {
			c.GroupID = g.id
			c.DisableFlagsInUseLine = true
			if c.Long = strings.TrimSpace(c.Long); !strings.Contains(c.Long, "Exit status") {
				c.Long += "\n" + exitHelp
			}
			c.Long = wrap(c.Long, helpWidth)
			root.AddCommand(c)
		}
	}
	return root
}

const helpWidth = 80

// wrap breaks paragraphs at width columns; lines that are indented stay as they are.
func wrap(text string, width int) string {
	var b strings.Builder
	column := 0
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 0 || line[0] == ' ' {
			if column > 0 {
				b.WriteByte('\n')
			}
			column = 0
			b.WriteString(strings.TrimRight(line, " \n") + "\n")
			continue
		}
		for _, word := range words {
			n := utf8.RuneCountInString(word)
			switch {
			case column == 0:
			case column+1+n > width:
				b.WriteByte('\n')
				column = 0
			default:
				b.WriteByte(' ')
				column++
			}
			b.WriteString(word)
			column += n
		}
	}
	return strings.TrimRight(b.String(), "\n")
}

// prepare runs before every command.
func (a *app) prepare(cmd *cobra.Command) error {
	a.term = terminal.System(a.noColor)
	dir, err := filepath.Abs(a.dir)
	if err != nil {
		return fmt.Errorf("finding the folder %s: %w", a.dir, err)
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return fmt.Errorf("changing to %s: no such folder", a.dir)
	}
	a.dir = dir
	if cmd.Name() != "exec" { // which passes signals on to its program
		ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
		context.AfterFunc(ctx, stop) // a second Ctrl-C ends at once
		cmd.SetContext(ctx)
	}
	return nil
}

// arguments makes a check of the number of arguments that is wrong usage when it fails.
func arguments(least, most int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return usagef("%s: %s missing", cmd.CommandPath(), what)
		case most >= 0 && len(args) > most:
			return usagef("%s: unexpected argument %q", cmd.CommandPath(), args[most])
		}
		return nil
	}
}

// disabled reports whether the environment turns recording off: recording commands then succeed without a trace.
func disabled() bool { return os.Getenv("RUNS_MODE") == "disabled" }

// find opens the repository for reading.
func (a *app) find() (*repo.Repository, error) { return repo.Find(a.dir) }

// setup opens the repository for recording; a new one is said in one line.
func (a *app) setup(ctx context.Context) (*repo.Repository, error) {
	r, made, err := repo.Setup(a.dir)
	if err != nil {
		return nil, err
	}
	if made {
		a.say("runs: set up %s", repo.Relative(a.dir, r.Dir))
		a.sayGitProblems(ctx, r)
	}
	return r, nil
}

// say writes one line to stderr.
func (a *app) say(format string, args ...any) {
	fmt.Fprintln(a.term.Err, terminal.Clean(fmt.Sprintf(format, args...)))
}

func (a *app) warn(warnings []string) {
	for _, w := range warnings {
		a.say("runs: %s", w)
	}
}

func (a *app) print(format string, args ...any) {
	fmt.Fprintf(a.term.Out, format+"\n", args...)
}

// printJSON writes one JSON value.
func (a *app) printJSON(value any) error {
	_, err := a.term.Out.Write(append(format.AppendJSON(nil, value), '\n'))
	return err
}
