package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/query"
	"github.com/gitruns/runs/repo/share"
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
	root := a.command(named(args))
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
	var syntax *query.SyntaxError
	var none *query.NotFoundError
	var branch *share.BranchNameError
	switch {
	case errors.As(err, &hint):
		fmt.Fprintf(out, "      %s\n", terminal.Clean(hint.Hint))
	case errors.As(err, &branch):
		fmt.Fprintln(out, "      'git branch -a' lists the branches; 'git help check-ref-format' says what a name may be")
	case errors.Is(err, repo.ErrNoRepository):
		fmt.Fprintln(out, "      'runs init' sets up a repository; recording a run does so by itself")
	case errors.As(err, &usage), errors.As(err, &syntax):
		fmt.Fprintf(out, "      see '%s --help'\n", cmd.CommandPath())
	}
	switch {
	case errors.As(err, &usage), errors.As(err, &syntax), errors.As(err, &branch):
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

// command makes the root with one of its commands, or with all.
func (a *app) command(only string) *cobra.Command {
	var asked bool // for the version
	root := &cobra.Command{
		Use:   "runs",
		Short: "Record machine-learning experiments in git, as files, with no server",
		Long: `runs records machine-learning experiments in git, as files, with no server.

A run is TOML metadata and a Parquet file of metrics under .runs/, committed with the code.
Start with 'runs demo', or put 'runs exec --' before the command that trains.
` + exitHelp,
		SilenceErrors: true, SilenceUsage: true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("unknown command %q", args[0])
			}
			return nil
		},
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return a.prepare(cmd) },
		RunE: func(cmd *cobra.Command, _ []string) error {
			if asked {
				a.printVersion()
				return nil
			}
			return cmd.Help()
		},
	}
	root.Flags().BoolVar(&asked, "version", false, "print the version")
	root.PersistentFlags().StringVarP(&a.dir, "directory", "C", ".", "run as if started in `DIR`")
	root.PersistentFlags().BoolVar(&a.noColor, "no-color", false, "no colour")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usageError{flagError(cmd, err)} })
	root.SuggestionsMinimumDistance = 2
	help := root.HelpFunc()
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) { // wrapped when it is read, not at every start
		cmd.Long = wrap(cmd.Long, helpWidth)
		cmd.SetUsageTemplate(strings.ReplaceAll(cmd.UsageTemplate(), ".FlagUsages", fmt.Sprintf(".FlagUsagesWrapped %d", helpWidth)))
		help(cmd, args)
	})
	root.AddGroup(&cobra.Group{ID: "record", Title: "Record:"}, &cobra.Group{ID: "read", Title: "Read:"}, &cobra.Group{ID: "share", Title: "Share:"}, &cobra.Group{ID: "again", Title: "Bring back:"}, &cobra.Group{ID: "keep", Title: "Describe and keep:"})
	root.SetHelpCommand(a.helpCommand())
	for _, command := range commands {
		if only != "" && command.name != only {
			continue
		}
		root.AddCommand(complete(command.make(a), command.group))
	}
	if only == "" || only == "man" { // it asks for all commands: among them, it would refer to itself
		root.AddCommand(complete(a.manCommand(), ""))
	}
	return root
}

// complete adds to a command what all have.
func complete(c *cobra.Command, group string) *cobra.Command {
	c.GroupID = group
	c.DisableFlagsInUseLine = true
	if c.Long = strings.TrimSpace(c.Long); !strings.Contains(c.Long, "Exit status") {
		c.Long += "\n" + exitHelp
	}
	return c
}

// commands are all there are, by the group that help shows them in.
var commands = []struct {
	group, name string
	make        func(*app) *cobra.Command
}{
	{"record", "init", (*app).initCommand},
	{"record", "exec", (*app).execCommand},
	{"record", "start", (*app).startCommand},
	{"record", "log", (*app).logCommand},
	{"record", "finish", (*app).finishCommand},
	{"record", "recover", (*app).recoverCommand},
	{"read", "ls", (*app).lsCommand},
	{"read", "show", (*app).showCommand},
	{"read", "metrics", (*app).metricsCommand},
	{"read", "plot", (*app).plotCommand},
	{"read", "diff", (*app).diffCommand},
	{"read", "review", (*app).reviewCommand},
	{"read", "check", (*app).checkCommand},
	{"read", "status", (*app).statusCommand},
	{"read", "textconv", (*app).textconvCommand},
	{"share", "commit", (*app).commitCommand},
	{"share", "push", (*app).pushCommand},
	{"share", "pull", (*app).pullCommand},
	{"share", "import", (*app).importCommand},
	{"share", "hook", (*app).hookCommand},
	{"record", "client", (*app).clientCommand},
	{"again", "artifacts", (*app).artifactsCommand},
	{"again", "checkout", (*app).checkoutCommand},
	{"again", "reproduce", (*app).reproduceCommand},
	{"again", "verify", (*app).verifyCommand},
	{"keep", "tag", (*app).tagCommand},
	{"keep", "note", (*app).noteCommand},
	{"keep", "name", (*app).nameCommand},
	{"keep", "goal", (*app).goalCommand},
	{"keep", "rm", (*app).rmCommand},
	{"keep", "gc", (*app).gcCommand},
	{"keep", "redact", (*app).redactCommand},
	{"", "demo", (*app).demoCommand},
	{"", "version", (*app).versionCommand},
}

// kinds says of the types of flags what their values are.
var kinds = map[string]string{
	"int": "not a whole number", "int64": "not a whole number", "float64": "not a number", "bool": "neither true nor false", "duration": "not a length of time, like 10s",
}

// flagError says in our words that the value of a flag is of the wrong kind.
func flagError(cmd *cobra.Command, err error) error {
	var invalid *pflag.InvalidValueError
	if !errors.As(err, &invalid) {
		return err
	}
	flag := invalid.GetFlag()
	kind, ok := kinds[flag.Value.Type()]
	if !ok {
		return err
	}
	name := "--" + flag.Name
	if flag.Shorthand != "" {
		name = "-" + flag.Shorthand
	}
	return fmt.Errorf("%s: %s %q is %s", cmd.Name(), name, invalid.GetValue(), kind)
}

// named is the command that the arguments call, so that a call need not make all the others; empty where that is not plain.
func named(args []string) string {
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case arg == "-C" || arg == "--directory":
			i++
			continue
		case arg == "--no-color" || strings.HasPrefix(arg, "-C") || strings.HasPrefix(arg, "--directory="):
			continue
		}
		for _, c := range commands {
			if c.name == arg {
				return arg
			}
		}
		return ""
	}
	return ""
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

// errFolderGone says that somebody has removed the folder that a process works in.
var errFolderGone = errors.New("the working folder does not exist any more")

// prepare runs before every command.
func (a *app) prepare(cmd *cobra.Command) error {
	a.term = terminal.System(a.noColor)
	dir, err := filepath.Abs(a.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return &repo.HintError{Err: errFolderGone, Hint: "change to one that exists"}
	}
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
func (a *app) find(ctx context.Context) (*repo.Repository, error) {
	r, err := repo.Find(a.dir)
	if err == nil {
		a.settle(ctx, r)
	}
	return r, err
}

// settle completes or undoes a commit or push that was killed.
func (a *app) settle(ctx context.Context, r *repo.Repository) {
	if err := share.CompleteOrRollBack(ctx, r); err != nil {
		a.progress("runs: completing an interrupted commit: %v", err)
	}
}

// setup opens the repository for recording; a new one is said in one line.
func (a *app) setup(ctx context.Context) (*repo.Repository, error) {
	r, made, err := repo.Setup(a.dir)
	if err != nil {
		return nil, err
	}
	a.settle(ctx, r)
	if made {
		a.progress("runs: set up %s", repo.Relative(a.dir, r.Dir))
		a.warnOutsideGit(r)
		a.warnGitProblems(ctx, r)
	}
	return r, nil
}

// progress writes one line to stderr.
func (a *app) progress(format string, args ...any) {
	fmt.Fprintln(a.term.Err, terminal.Clean(fmt.Sprintf(format, args...)))
}

// warn writes one line to stderr: what happened, and its consequence.
func (a *app) warn(format string, args ...any) {
	a.progress("runs: warning: "+format, args...)
}

// hint writes the next step, on a line below the one that it is about.
func (a *app) hint(format string, args ...any) {
	a.progress("      "+format, args...)
}

// warnAll writes one line for each warning of a step that succeeded.
func (a *app) warnAll(warnings []string) {
	for _, w := range warnings {
		a.progress("runs: %s", w)
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
