package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gitruns/runs/cmd/internal/render"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/format/listsort"
	"github.com/gitruns/runs/repo"
)

// aliases lists other names of commands: what people type who come from Git, GitHub's gh, MLflow, W&B or DVC.
var aliases = []struct{ command, words string }{
	{
		"ls",
		"list",
	},
	{"show", "view info describe"},
	{"diff", "compare"},
	{"reproduce", "rerun repro"},
	{"rm", "delete remove"},
	{"exec", "run"},
	{"finish", "end stop"},
	{"plot", "chart graph"},
	{"name", "rename"},
	{"checkout", "restore"},
	{"log", "record"},
	{"metrics", "points"},
	{"note", "comment"},
	{"hook", "hooks"},
	{"artifacts", "artifact"},
}

// aliasesOf returns the other names of a command.
func aliasesOf(command string) []string {
	for _, a := range aliases {
		if a.command == command {
			return strings.Fields(a.words)
		}
	}
	return nil
}

// calledBy returns the command with this name or alias, or "" if there is none.
func calledBy(word string) string {
	for _, c := range commands {
		if c.name == word || slices.Contains(aliasesOf(c.name), word) {
			return c.name
		}
	}
	return ""
}

// habits says what to run instead of a command that other tools have. The words of a line mean the same.
var habits = []struct{ words, step string }{
	{"search find query filter grep select where", "run 'runs ls -w EXPRESSION'"},
	{"sort top best leaderboard rank", "run 'runs ls --sort METRIC', or 'runs show best=METRIC'"},
	{
		"experiments experiment exp exps projects",
		"run 'runs ls --group-by experiment', or 'runs ls -e EXPERIMENT'",
	},
	{"runs history reflog jobs queue", "run 'runs ls'"},
	{"group groups", "run 'runs ls --group-by group'"},
	{"params param parameters hparams summary environment env freeze", "run 'runs show RUN'"},
	{"config settings configure set get", "edit .runs/config.toml; 'runs help config' describes it"},
	{"tags label labels annotate", "run 'runs tag RUN KEY=VALUE', or 'runs ls --group-by tags.KEY'"},
	{"mv move", "run 'runs name RUN NAME'"},
	{
		"log-metric log_metric log-param log_param log-params log-batch",
		"run 'runs log KEY=NUMBER' or 'runs log -p KEY=VALUE'",
	},
	{"set-tag set_tag delete-tag", "run 'runs tag RUN KEY=VALUE' or 'runs tag RUN -d KEY'"},
	{"start-run start_run begin", "run 'runs start', or put 'runs exec --' in front of the program"},
	{"end-run end_run close done", "run 'runs finish'"},
	{"notes edit update", "run 'runs note RUN TEXT', 'runs name RUN NAME' or 'runs tag RUN KEY=VALUE'"},
	{"logs output console tail cat stdout", "run 'runs show RUN --log'"},
	{"watch follow top", "run 'runs plot --follow', or 'runs status'"},
	{
		"server serve dashboard board web open browse gui launch",
		"run 'runs ui' to look at runs in a browser, or 'runs ls' in the terminal",
	},
	{"login logout auth signup", "there is no account: 'runs push' uses your Git remote"},
	{
		"sync upload publish share",
		"run 'runs commit' and 'runs push', or 'runs import PATH' for another tracker's files",
	},
	{"fetch download clone", "run 'runs pull' for runs, or 'runs artifacts RUN -o DIR/' for their artifacts"},
	{"add stage track", "record with 'runs exec -- COMMAND', then run 'runs commit'"},
	{"dump save to-csv", "run 'runs ls --csv', 'runs ls --json' or 'runs metrics RUN --csv'"},
	{"undo undelete untrash", "run 'runs rm --undo' to bring back removed runs"},
	{
		"branch switch merge rebase stash reset revert remote cherry-pick bisect blame worktree submodule",
		"that is a command of Git: run 'git help'",
	},
	{"sweep sweeps agent grid tune hpo optimize", "run 'runs help guide/sweeps'"},
	{"model models register registry", "run 'runs artifacts RUN'; 'runs help guide/keep' describes artifacts"},
	{
		"data dataset datasets input inputs",
		"record data with 'runs exec -d PATH -- COMMAND'; see 'runs help guide/data'",
	},
	{"kill cancel abort terminate", "run 'runs finish RUN --status killed' if its program has ended"},
	{"resume continue retry requeue", "run 'runs exec --resume KEY -- COMMAND'"},
	{"doctor fsck validate audit", "run 'runs verify'"},
	{"clean prune cleanup", "run 'runs gc'"},
	{"count stats ps", "run 'runs status'"},
	{"docs man-pages topics manual tutorial quickstart guide", "run 'runs help guide'"},
	{"report pr compare-branches", "run 'runs review'"},
	{"install setup create new", "run 'runs init'"},
	{
		"wandb mlflow tensorboard dvc aim neptune comet convert migrate",
		"run 'runs import PATH' for its files; see 'runs help guide/import'",
	},
	{"parent children nested tree", "run 'runs ls --columns parent'"},
	{"pause offline online off on disabled enabled enable disable", "set RUNS_MODE=disabled to record nothing"},
}

// unknownCommand returns the error for a word that is not a command. Its hint says what to run instead.
func unknownCommand(root *cobra.Command, args []string) error {
	word := args[0]
	err := usagef("unknown command %q", word)
	hint := func(text string) error { return &repo.HintError{Err: err, Hint: text} }
	for _, h := range habits {
		if slices.Contains(strings.Fields(h.words), strings.ToLower(word)) {
			return hint(h.step)
		}
	}
	if strings.HasPrefix(word, "python") || strings.HasSuffix(word, ".py") || strings.ContainsAny(word, "/") {
		return hint("put the program after 'runs exec --': runs exec -- " + render.ShellWords(args))
	}
	near := nearest(word, commandNames(root))
	for i, name := range near {
		near[i] = cmp.Or(calledBy(name), name)
	}
	if near = slices.Compact(near); len(near) > 0 {
		return hint("run 'runs " + strings.Join(near, "' or 'runs ") + "'")
	}
	for _, h := range habits {
		if len(nearest(word, strings.Fields(h.words))) > 0 && len(word) > 3 {
			return hint(h.step)
		}
	}
	return hint("run 'runs help' to list the commands, or 'runs show " + word + "' if it is a run")
}

// commandNames returns the names and aliases that a user may have meant.
func commandNames(root *cobra.Command) []string {
	var names []string
	for _, c := range root.Commands() {
		if !c.Hidden {
			names = append(append(names, c.Name()), c.Aliases...)
		}
	}
	return names
}

// nearest returns up to three of the words that differ from a typed one by no more than a slip of the fingers: a third
// of its letters, or all that is missing at its end.
func nearest(typed string, words []string) []string {
	typed = strings.ToLower(typed)
	limit := max(1, len(typed)/3)
	type candidate struct {
		word     string
		distance int
	}
	var near []candidate
	for _, w := range words {
		d := format.EditDistance(w, typed)
		if d <= limit || len(typed) >= 2 && strings.HasPrefix(w, typed) {
			near = append(near, candidate{w, min(d, limit)})
		}
	}
	listsort.Sort(near, func(x, y candidate) int {
		if x.distance != y.distance {
			return x.distance - y.distance
		}
		return strings.Compare(x.word, y.word)
	})
	var found []string
	for _, c := range near[:min(len(near), 3)] {
		found = append(found, c.word)
	}
	return found
}

// flagHabits lists flags of other tools and what ours is called, for commands that have it.
var flagHabits = []struct{ words, flag string }{
	{"filter query search expr condition", "where"},
	{"order-by order sort-by", "sort"},
	{"entry-point entrypoint", "entry"},
	{"param-list parameter parameters", "param"},
	{"max-results max count last", "limit"},
	{"experiment-id experiment-name project exp", "experiment"},
	{"format output", "json"},
	{"oneline fields cols select", "columns"},
	{"run-name title", "name"},
	{"set hparam hparams", "param"},
	{"config", "params"},
	{"message description", "note"},
	{"all", "all-branches"},
	{"groupby group_by", "group-by"},
	{"data input deps", "dataset"},
	{"stat name-only only-show", "only"},
	{"cached", "code"},
	{"branch", "rev"},
	{"f", "follow"},
	{"v V", "version"},
	{"tail logs output-log", "log"},
	{"patch", "source"},
	{"md", "markdown"},
	{"undelete restore", "undo"},
	{"run-id id", "run"},
}

// unknownFlag adds to the error for an unknown flag which one was probably meant.
func unknownFlag(cmd *cobra.Command, err error) error {
	var missing *pflag.NotExistError
	if !errors.As(err, &missing) {
		return err
	}
	name := missing.GetSpecifiedName()
	shown := "--" + name
	if missing.GetSpecifiedShortnames() != "" {
		shown = "-" + name
	}
	failed := usagef("%s: unknown flag %s", cmd.Name(), shown)
	if !cmd.HasParent() {
		failed = usagef("unknown flag %s", shown)
	}
	if cmd.Name() == "log" && slices.Contains([]string{"oneline", "graph", "all", "stat", "n"}, name) { // as in git log
		return &repo.HintError{Err: failed, Hint: "run 'runs ls' to list runs, or see 'runs log --help' to record one"}
	}
	if cmd.Name() == "export" && slices.Contains(tableFormats, name) {
		return &repo.HintError{Err: failed, Hint: tableHint}
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	near := nearest(name, names)
	if len(name) == 1 { // a letter is near everything
		near = nil
	}
	for _, h := range flagHabits {
		if slices.Contains(strings.Fields(h.words), name) && cmd.Flags().Lookup(h.flag) != nil {
			near = []string{h.flag}
		}
	}
	if len(near) == 0 {
		return failed
	}
	return &repo.HintError{Err: failed, Hint: fmt.Sprintf("did you mean --%s? see '%s --help'",
		strings.Join(near, " or --"), cmd.CommandPath())}
}
