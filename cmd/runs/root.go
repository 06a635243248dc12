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

	"github.com/gitruns/runs/cmd/internal/openwatch"
	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/catalog"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/query"
	"github.com/gitruns/runs/repo/share"
)

// The exit statuses, which the help of every command lists.
const (
	exitFailed      = 1
	exitUsage       = 2
	exitNoRun       = 3
	exitInterrupted = 130
)

const exitHelp = `
Exit status: 0 done; 1 failed; 2 wrong usage; 3 a selector names no run, or several; 130 interrupted.`

const allExitHelp = `
Exit status: 0 done; 1 failed; 2 wrong usage; 3 a selector names no run, or several; 4 a comparison found a difference,
or a rule of a check does not hold; 130 interrupted.`

// app holds what the commands share. Creating one is cheap, because everything is set up on first use.
type app struct {
	term    *terminal.Terminal
	args    []string // of the program
	dir     string   // the -C flag
	gone    error    // the working folder was removed, and dir is relative to it
	noColor bool
	// allowStore is the URL of --allow-store.
	allowStore string
	status     int      // exit status of a successful command; exec sets it to that of its program
	cleanup    []func() // called at the end of the command
	settings   bool     // whether warnSettings has warned
}

// usageError reports wrong usage of the command line. The program then exits with exitUsage.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// run runs the program and returns its exit status.
func run(ctx context.Context, args []string) int {
	if status, ours := openwatch.Main(args); ours {
		return status
	}
	a := &app{}
	a.args = args
	name := named(args)
	if name != "log" {
		boundGarbage()
	}
	root := a.command(name)
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

// report prints an error on one line and its hint, if any, on a second line. It returns the exit status.
func (a *app) report(cmd *cobra.Command, err error) int {
	out := io.Writer(os.Stderr)
	if a.term != nil {
		out = a.term.Err
	}
	if errors.Is(err, context.Canceled) {
		fmt.Fprintln(out, "runs: interrupted")
		if interrupted := (interruptedError{}); errors.As(err, &interrupted) {
			return interrupted.status
		}
		return exitInterrupted
	}
	var quiet quietError
	if errors.As(err, &quiet) {
		return quiet.status
	}
	fmt.Fprintf(out, "runs: %s\n", terminal.Message(firstLine(err.Error())))
	var hint *repo.HintError
	var usage usageError
	var syntax *query.SyntaxError
	var none *query.NotFoundError
	var goal *query.GoalError
	var branch *share.BranchNameError
	var absent *git.AbsentError
	var failed *git.Error
	errors.As(err, &failed)
	switch {
	case git.Inconclusive(err) && failed.Hint() != "": // another hint was made for an answer that Git did not give
		fmt.Fprintf(out, "      %s\n", terminal.Clean(failed.Hint()))
	case errors.As(err, &hint):
		fmt.Fprintf(out, "      %s\n", terminal.Message(hint.Hint))
	case errors.As(err, &branch):
		fmt.Fprintln(out, "      run 'git branch -a' to list the branches, or 'git help check-ref-format' for the rules")
	case errors.As(err, &goal):
		fmt.Fprintf(out, "      run 'runs goal %s min' or 'runs goal %[1]s max'\n", terminal.Clean(goal.Metric))
	case errors.As(err, &none) && none.Hint != "":
		fmt.Fprintf(out, "      %s\n", terminal.Clean(none.Hint))
	case errors.Is(err, repo.ErrNoRepository):
		fmt.Fprintln(out, "      run 'runs init', or record a run, which also creates the folder")
	case failed != nil && failed.Hint() != "":
		fmt.Fprintf(out, "      %s\n", terminal.Clean(failed.Hint()))
	case errors.As(err, &absent):
		fmt.Fprintln(out, "      repeat the command where the remote can be reached ('git remote -v')")
	case errors.Is(err, git.ErrNoGit):
		fmt.Fprintln(out, "      repeat the command where git is installed, such as outside the container")
	case errors.Is(err, git.ErrNoObject):
		fmt.Fprintln(out, "      run 'git fsck' to see what is missing, or 'git fetch' if this clone is partial")
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

// quietError ends the program with a status. The cause has already been reported.
type quietError struct{ status int }

func (e quietError) Error() string { return fmt.Sprintf("exit status %d", e.status) }

// command creates the root command. If only is empty, it adds all commands, otherwise just the command of that name.
func (a *app) command(only string) *cobra.Command {
	var showVersion bool
	root := &cobra.Command{
		Use:   "runs",
		Short: "Record machine-learning experiments in Git, as files, without a server",
		Long: `runs records machine-learning experiments in Git, as files, without a server.

A run is a TOML record and a Parquet file of metrics under .runs/. Commit and
push it with your code. To see an example, run 'runs demo'. To record your own
program, put 'runs exec --' in front of its command.
` + allExitHelp,
		SilenceErrors: true, SilenceUsage: true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args)
			}
			return nil
		},
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return a.prepare(cmd) },
		RunE: func(cmd *cobra.Command, _ []string) error {
			if showVersion {
				a.printVersion()
				return nil
			}
			return cmd.Help()
		},
	}
	root.Flags().BoolVar(&showVersion, "version", false, "print the version")
	root.PersistentFlags().StringVarP(&a.dir, "directory", "C", ".", "run as if started in `DIR`")
	root.PersistentFlags().BoolVar(&a.noColor, "no-color", false, "do not use colors")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		if words := a.unparsed(cmd); len(words) > 0 { // the flag belongs to a command that does not exist
			return unknownCommand(cmd, words)
		}
		return usageError{flagError(cmd, err)}
	})
	help := root.HelpFunc()
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) { // wraps only when needed: starting must be fast
		cmd.Long = wrap(cmd.Long, helpWidth)
		cmd.SetUsageTemplate(strings.ReplaceAll(cmd.UsageTemplate(), ".FlagUsages", fmt.Sprintf(".FlagUsagesWrapped %d",
			helpWidth)))
		help(cmd, args)
	})
	root.AddGroup(
		&cobra.Group{ID: "record", Title: "Record:"}, &cobra.Group{ID: "inspect", Title: "Inspect:"},
		&cobra.Group{ID: "share", Title: "Share:"}, &cobra.Group{ID: "restore", Title: "Restore and verify:"},
		&cobra.Group{ID: "annotate", Title: "Annotate and clean up:"}, &cobra.Group{ID: "other", Title: "Other:"},
	)
	root.SetHelpCommand(a.helpCommand())
	root.SetHelpCommandGroupID("other")
	root.CompletionOptions.DisableDefaultCmd = true
	for _, command := range commands {
		if only != "" && command.name != only {
			continue
		}
		root.AddCommand(complete(command.make(a), command.group))
	}
	if isCompletion(a.args) {
		a.completes(root)
	}
	if only == "" || only == "man" { // commands cannot contain man, which uses commands itself
		root.AddCommand(complete(a.manCommand(), "other"))
	}
	return root
}

// complete sets what all commands have in common.
func complete(c *cobra.Command, group string) *cobra.Command {
	c.GroupID, c.Aliases = group, aliasesOf(c.Name())
	c.DisableFlagsInUseLine = true
	if c.Long = strings.TrimSpace(c.Long); !strings.Contains(c.Long, "Exit status") {
		c.Long += "\n" + exitHelp
	}
	return c
}

// commands lists all commands with their groups in the help.
var commands = []struct {
	group, name string
	make        func(*app) *cobra.Command
}{
	{"record", "init", (*app).initCommand},
	{"record", "exec", (*app).execCommand},
	{"record", "project", (*app).projectCommand},
	{"record", "start", (*app).startCommand},
	{"record", "log", (*app).logCommand},
	{"record", "finish", (*app).finishCommand},
	{"record", "recover", (*app).recoverCommand},
	{"inspect", "ls", (*app).lsCommand},
	{"inspect", "show", (*app).showCommand},
	{"inspect", "metrics", (*app).metricsCommand},
	{"inspect", "plot", (*app).plotCommand},
	{"inspect", "ui", (*app).uiCommand},
	{"inspect", "diff", (*app).diffCommand},
	{"inspect", "review", (*app).reviewCommand},
	{"inspect", "check", (*app).checkCommand},
	{"inspect", "status", (*app).statusCommand},
	{"inspect", "textconv", (*app).textconvCommand},
	{"share", "commit", (*app).commitCommand},
	{"share", "pack", (*app).packCommand},
	{"share", "push", (*app).pushCommand},
	{"share", "pull", (*app).pullCommand},
	{"share", "import", (*app).importCommand},
	{"share", "export", (*app).exportCommand},
	{"share", "hook", (*app).hookCommand},
	{"record", "client", (*app).clientCommand},
	{"record", "mlflow", (*app).mlflowCommand},
	{"restore", "artifacts", (*app).artifactsCommand},
	{"restore", "checkout", (*app).checkoutCommand},
	{"restore", "reproduce", (*app).reproduceCommand},
	{"restore", "verify", (*app).verifyCommand},
	{"share", "model", (*app).modelCommand},
	{"annotate", "tag", (*app).tagCommand},
	{"annotate", "note", (*app).noteCommand},
	{"annotate", "name", (*app).nameCommand},
	{"annotate", "goal", (*app).goalCommand},
	{"annotate", "rm", (*app).rmCommand},
	{"annotate", "gc", (*app).gcCommand},
	{"annotate", "redact", (*app).redactCommand},
	{"other", "demo", (*app).demoCommand},
	{"other", "completion", (*app).completionCommand},
	{"other", "version", (*app).versionCommand},
}

// flagKinds describes the values that flags accept, by the type of the flag.
var flagKinds = map[string]string{
	"int": "a whole number", "int64": "a whole number", "float64": "a number", "bool": "true or false",
	"duration": "a duration such as 10s",
}

// flagError rewrites the error for an invalid flag value in the style of other usage errors.
func flagError(cmd *cobra.Command, err error) error {
	var invalid *pflag.InvalidValueError
	if !errors.As(err, &invalid) {
		return unknownFlag(cmd, err)
	}
	flag := invalid.GetFlag()
	kind, ok := flagKinds[flag.Value.Type()]
	if !ok {
		return err
	}
	name := "--" + flag.Name
	if flag.Shorthand != "" {
		name = "-" + flag.Shorthand
	}
	return fmt.Errorf("%s: %s must be %s, got %q", cmd.Name(), name, kind, invalid.GetValue())
}

// named returns the name of the command in args, so that only this command must be created. It returns "" if it does
// not find the name.
func named(args []string) string {
	if rest := fromCommand(args); len(rest) > 0 {
		return calledBy(rest[0])
	}
	return ""
}

// fromCommand returns args without the flags that may come before the name of a command.
func fromCommand(args []string) []string {
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case arg == "-C" || arg == "--directory":
			i++
			continue
		case arg == "--no-color" || strings.HasPrefix(arg, "-C") || strings.HasPrefix(arg, "--directory="):
			continue
		}
		return args[i:]
	}
	return nil
}

// unparsed returns the words from an unknown command on, if cmd is the root and the arguments name one.
func (a *app) unparsed(cmd *cobra.Command) []string {
	words := fromCommand(a.args)
	if cmd.HasParent() || len(words) == 0 || strings.HasPrefix(words[0], "-") {
		return nil
	}
	return words
}

const helpWidth = 80

// wrap breaks paragraphs into lines of at most width columns. It keeps indented lines.
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

// errFolderGone reports that the working folder was removed.
var errFolderGone = errors.New("the working folder no longer exists")

// prepare runs before every command.
func (a *app) prepare(cmd *cobra.Command) error {
	a.term = terminal.System(a.noColor)
	dir, err := filepath.Abs(a.dir)
	if errors.Is(err, fs.ErrNotExist) {
		a.gone = &repo.HintError{Err: errFolderGone, Hint: "change to a folder that exists"}
		if cmd.Name() == "log" && os.Getenv("RUNS_DIR") != "" { // the folder of the run may be elsewhere
			return nil
		}
		return a.gone
	}
	if err != nil {
		return fmt.Errorf("finding the folder %s: %w", a.dir, err)
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return fmt.Errorf("changing to %s: there is no such folder", a.dir)
	}
	a.dir = dir
	switch cmd.Name() {
	case "exec": // forwards signals to its program
	case "log": // calls lengthy itself
	default:
		cmd.SetContext(interruptible(cmd.Context()))
	}
	return nil
}

// interruptible returns a context that Ctrl-C cancels.
func interruptible(ctx context.Context) context.Context {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	return ctx
}

// arguments returns a check that the number of arguments is between least and most. A negative most means no limit.
// what describes the arguments that may be missing.
func arguments(least, most int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		name := strings.TrimPrefix(cmd.CommandPath(), "runs ")
		switch {
		case len(args) < least:
			return usagef("%s: missing %s", name, what)
		case most >= 0 && len(args) > most:
			return usagef("%s: unexpected argument %q", name, args[most])
		}
		return nil
	}
}

// disabled reports whether recording is turned off in the environment. Recording commands then succeed without
// recording anything.
func disabled() bool { return os.Getenv("RUNS_MODE") == "disabled" }

// find opens the repository for reading.
func (a *app) find(ctx context.Context) (*repo.Repository, error) {
	if a.gone != nil {
		return nil, a.gone
	}
	r, err := repo.Find(a.dir)
	if err == nil {
		r.Gate = a.storeGate()
		r.Reading = a.countingProgress("reading runs")
		a.watchFetches(r)
		a.completeInterrupted(ctx, r)
	}
	if errors.Is(err, repo.ErrNoRepository) {
		if project, failed := share.DeletedProject(ctx, a.dir); failed == nil && project != "" {
			err = &repo.HintError{
				Err:  err,
				Hint: "run 'git checkout HEAD -- .runs' for what HEAD has, or 'runs recover --lost' for what it lacks",
			}
		}
	}
	return r, err
}

// countingProgress returns a function that shows how many of many runs are done, under a title.
func (a *app) countingProgress(title string) func(done, total int) {
	var shown *terminal.Progress
	return func(done, total int) {
		if shown == nil {
			shown = a.term.Progress(title)
		}
		shown.Count(int64(done), int64(total))
		if done >= total {
			shown.Done()
			shown = nil
		}
	}
}

// watchFetches reports when the repository fetches what a partial clone lacks, and closes it at the end of the command.
func (a *app) watchFetches(r *repo.Repository) {
	a.cleanup = append(a.cleanup, r.Close)
	if !a.term.ErrIsTerminal() {
		return
	}
	notice := git.FetchNotice(func(files int) {
		a.progress("runs: fetching %s of runs that this partial clone lacks…", plural(files, "file"))
	})
	r.Git.OnFetch = &notice
}

// reportInCommit says how many of the runs are not in the working tree because of a sparse checkout.
func (a *app) reportInCommit(rows []*catalog.Row) {
	n := 0
	for _, row := range rows {
		if e := row.Entry(); e != nil && e.InCommit() {
			n++
		}
	}
	if n > 0 {
		a.printInCommit(n)
	}
}

func (a *app) printInCommit(n int) {
	a.progress("runs: %s read from HEAD, because %s not checked out", plural(n, "run"), verb(n, "it is", "they are"))
}

// completeInterrupted completes or rolls back a commit, push or pull that was killed, and keeps redactions that are not
// committed from being undone by Git.
func (a *app) completeInterrupted(ctx context.Context, r *repo.Repository) {
	if err := share.CompleteOrRollBack(ctx, r); err != nil {
		a.warn("completing an interrupted operation: %v", err)
	}
	kept, err := share.KeepRedactions(ctx, r)
	if err != nil {
		a.warn("%v", err)
	}
	warnFirst := func(ids []string, text, more string) {
		eachFirst(ids, maxListedRedactions, func(id string) { a.warn(text, format.IDRandom(id)) },
			func(n int) { a.warn(more, n) })
	}
	warnFirst(kept.Again, "Git had brought back the former bytes of run %s; its redaction was applied again",
		"Git had brought back the former bytes of %d more runs; their redactions were applied again")
	warnFirst(kept.Back, "Git had deleted the redacted batch of run %s; it is in the working tree again",
		"Git had deleted the redacted batches of %d more runs; they are in the working tree again")
	if len(kept.Again)+len(kept.Back) > 0 {
		a.hint("run 'runs commit' to commit the redaction")
	}
}

// setup opens the repository for recording. If there is none, it creates one and prints where.
func (a *app) setup(ctx context.Context) (*repo.Repository, error) {
	if a.gone != nil {
		return nil, a.gone
	}
	r, made, err := repo.Setup(a.dir)
	if err != nil {
		return nil, err
	}
	a.watchFetches(r)
	a.completeInterrupted(ctx, r)
	if made {
		a.progress("runs: set up %s", repo.Relative(a.dir, r.Dir))
		a.warnOutsideGit(r)
		a.warnGitProblems(ctx, r)
	}
	return r, nil
}

// progress writes one line to stderr.
func (a *app) progress(format string, args ...any) {
	fmt.Fprintln(a.term.Err, terminal.Message(fmt.Sprintf(format, args...)))
}

// warn prints a warning to stderr in one line. If an error among args comes from Git, Git's next step follows it.
func (a *app) warn(format string, args ...any) {
	for i, arg := range args {
		if err, ok := arg.(error); ok {
			args[i] = git.WithHint(err)
		}
	}
	a.progress("runs: warning: "+format, args...)
}

// hint prints the next step to stderr, below the line that it belongs to.
func (a *app) hint(format string, args ...any) {
	a.progress("      "+format, args...)
}

// warnAll prints one line per warning.
func (a *app) warnAll(warnings []string) {
	for _, w := range warnings {
		a.warn("%s", w)
	}
}

func (a *app) print(format string, args ...any) {
	fmt.Fprintf(a.term.Out, format+"\n", args...)
}

// printJSON prints a value as JSON.
func (a *app) printJSON(value any) error {
	_, err := a.term.Structured().Write(append(format.AppendJSON(nil, value), '\n'))
	return err
}
