package main

import (
	"cmp"
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gitruns/runs/cmd/internal/render"
	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/catalog"
	"github.com/gitruns/runs/repo/csvlog"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/ingest"
	"github.com/gitruns/runs/repo/launch"
	"github.com/gitruns/runs/repo/query"
)

// words returns what may stand for a flag's value or an argument. args are the arguments before it, begun is what the
// user has typed of it. A description may follow a word after a tab.
type words func(s *shellRequest, args []string, begun string) []string

// shellRequest is a call for completion by a shell.
type shellRequest struct {
	*app
	cmd  *cobra.Command
	runs *catalog.Catalog // opened on first use; nil without runs
	read bool
}

// completes gives every flag and argument of every command its completion. It is called only if a shell asks, so that
// other calls do not pay for it.
func (a *app) completes(root *cobra.Command) {
	arguments, flags := argumentWords(), flagWords()
	for _, c := range root.Commands() {
		switch {
		case c.Name() == "model":
			of := modelWords()
			for _, sub := range c.Commands() {
				sub.ValidArgsFunction = a.shell(of[sub.Name()])
				a.completeFlags(sub, flags)
			}
		case c.Name() != "help":
			c.ValidArgs, c.ValidArgsFunction = nil, a.shell(arguments[c.Name()])
		}
		a.completeFlags(c, flags)
	}
}

// completeFlags gives the flags of a command their completions.
func (a *app) completeFlags(c *cobra.Command, flags map[string]words) {
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Value.Type() != "bool" {
			w, ok := flags[c.Name()+" --"+f.Name]
			if !ok {
				w = flags["--"+f.Name]
			}
			_ = c.RegisterFlagCompletionFunc(f.Name, a.shell(w))
		}
	})
}

// isCompletion reports whether a shell asks for completion.
func isCompletion(args []string) bool {
	return len(args) > 0 && strings.HasPrefix(args[0], cobra.ShellCompRequestCmd)
}

// shell adapts words to cobra. Without words, the shell offers files.
func (a *app) shell(w words) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		if w == nil {
			return nil, cobra.ShellCompDirectiveDefault
		}
		if a.prepare(cmd) != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		found := w(&shellRequest{app: a, cmd: cmd}, args, begun)
		if len(found) == 1 && found[0] == files {
			return nil, cobra.ShellCompDirectiveDefault
		}
		return offer(found, begun)
	}
}

// files asks the shell to offer files.
const files = "\x00files"

// offer keeps the words that go on from what was typed and that a terminal may show. A word that ends in "=" or "."
// goes on, so no space follows it.
func offer(all []string, begun string) ([]string, cobra.ShellCompDirective) {
	all = slices.DeleteFunc(all, func(w string) bool {
		plain := strings.ReplaceAll(w, "\t", "")
		return w == "" || !strings.HasPrefix(w, begun) || terminal.Clean(plain) != plain
	})
	slices.Sort(all)
	all = slices.Compact(all)
	directive := cobra.ShellCompDirectiveNoFileComp
	if len(all) > 0 && !slices.ContainsFunc(all, func(w string) bool { return !goesOn(w) }) {
		directive |= cobra.ShellCompDirectiveNoSpace
	}
	return all, directive
}

func goesOn(w string) bool {
	w, _, _ = strings.Cut(w, "\t")
	return strings.HasSuffix(w, "=") || strings.HasSuffix(w, ":")
}

// nothing is for values that only the user knows.
func nothing(*shellRequest, []string, string) []string { return nil }

// oneOf offers fixed words.
func oneOf(all ...string) words {
	return func(*shellRequest, []string, string) []string { return slices.Clone(all) }
}

// commaList completes the last of several words between commas.
func commaList(w words) words {
	return func(s *shellRequest, args []string, begun string) []string {
		before := begun[:strings.LastIndexByte(begun, ',')+1]
		all := w(s, args, begun[len(before):])
		for i := range all {
			all[i] = before + all[i]
		}
		return all
	}
}

// inOrder completes each argument by its own words, and all further ones by the last.
func inOrder(each ...words) words {
	return func(s *shellRequest, args []string, begun string) []string {
		return each[min(len(args), len(each)-1)](s, args, begun)
	}
}

// argumentWords completes the arguments of commands. A command that is not listed takes files. It is a function,
// because building the map at every start would cost time.
func argumentWords() map[string]words {
	return map[string]words{
		"artifacts":  inOrder(selectors, artifacts, nothing),
		"check":      inOrder(selectors, nothing),
		"checkout":   inOrder(selectors, folders),
		"client":     oneOf("start", "join", "finish"),
		"commit":     selectors,
		"completion": inOrder(oneOf("bash", "zsh", "fish", "powershell"), nothing),
		"demo":       nothing,
		"diff":       inOrder(selectors, selectors, nothing),
		"exec":       inOrder(programs, folders),
		"export":     inOrder(oneOf("html"), selectors),
		"finish":     inOrder(activeRuns, nothing),
		"gc":         nothing,
		"goal":       inOrder(metrics, oneOf("min", "max"), nothing),
		"hook":       inOrder(oneOf("pre-commit"), nothing),
		"import":     importWords,
		"log":        metricsToLog,
		"ls":         selectors,
		"metrics":    inOrder(selectors, metricsOfRun),
		"model":      nothing,
		"mlflow":     oneOf("serve"),
		"name":       inOrder(selectors, nothing),
		"note":       inOrder(selectors, nothing),
		"pack":       nothing,
		"plot":       plotWords,
		"project":    inOrder(folders, nothing),
		"pull":       inOrder(remotes, branches, nothing),
		"push":       inOrder(remotes, nothing),
		"recover":    activeRuns,
		"redact":     selectors,
		"reproduce":  inOrder(selectors, nothing),
		"review":     inOrder(revisions, nothing),
		"rm":         selectors,
		"show":       inOrder(selectors, nothing),
		"start":      nothing,
		"status":     nothing,
		"tag":        inOrder(selectors, tagsToSet),
		"ui":         selectors,
		"verify":     verifyWords,
		"version":    nothing,
	}
}

// flagWords completes the values of flags: those of one command, or of all that have the flag. A flag that is not
// listed takes files.
func flagWords() map[string]words {
	return map[string]words{
		"--allow-host":        nothing,
		"--allow-store":       nothing,
		"--artifacts":         oneOf("lfs", "file:///", "s3://", "gs://", "azblob://"),
		"--baseline":          selectors,
		"--branch":            branches,
		"--columns":           commaList(keys),
		"--env":               oneOf("none", "check", "venv"),
		"--entry":             entryPoints,
		"--env-manager":       oneOf(managers...),
		"--every":             nothing,
		"project --param":     projectParams,
		"watch --dataset":     nothing,
		"watch --by":          nothing,
		"--version":           revisions,
		"exec --trace":        oneOf(format.Traces...),
		"--exit-code":         nothing,
		"--experiment":        experiments,
		"--fingerprint":       nothing,
		"--group":             groups,
		"--group-by":          commaList(groupKeys),
		"--host":              nothing,
		"--interval":          oneOf("1s", "5s", "30s"),
		"--key":               runKeys,
		"--label":             nothing,
		"--limit":             nothing,
		"--message":           nothing,
		"--metric":            metrics,
		"diff --metrics":      metrics,
		"export --metrics":    metrics,
		"--max-bytes":         oneOf("5MB", "25MB", "100MB"),
		"--name":              nothing,
		"--note":              nothing,
		"--only":              commaList(oneOf(render.DiffParts...)),
		"--param":             paramsToSet,
		"--parent":            selectors,
		"--reason":            nothing,
		"--resume":            runKeys,
		"--port":              nothing,
		"--rev":               revisions,
		"--rule":              nothing,
		"--run":               activeRuns,
		"--select-by":         metrics,
		"--value":             oneOf(format.CompareValues...),
		"import --run":        nothing,
		"import --metric":     columns,
		"import --tag":        columns,
		"import --without":    columns,
		"import --name":       columns,
		"import --key":        columns,
		"import --status":     columns,
		"import --started":    columns,
		"import --ended":      columns,
		"import --step":       columns,
		"import --time":       columns,
		"import --delimiter":  oneOf(",", ";", "tab"),
		"--silent":            oneOf("10m", "1h", "6h"),
		"--smooth":            nothing,
		"--sort":              keys,
		"--status":            oneOf("finished", "failed", "killed"),
		"--step":              nothing,
		"--tag":               tagsToSet,
		"tag --delete":        tagsOfRun,
		"--time":              nothing,
		"--to":                branches,
		"--tolerance":         nothing,
		"--where":             expressions,
		"export --with":       commaList(oneOf("source", "log", "machine")),
		"pack --older":        oneOf("7d", "30d", "90d"),
		"review --html":       folders,
		"--with":              commaList(oneOf("source", "log", "machine")),
		"--x":                 oneOf("step", "time", "relative"),
		"checkout --worktree": folders,
		"--in":                folders,
		"--directory":         folders,
	}
}

// columns offers the columns of the CSV file that is to be imported.
func columns(s *shellRequest, args []string, _ string) []string {
	if len(args) == 0 {
		return nil
	}
	delimiter, _ := s.cmd.Flags().GetString("delimiter")
	names, _ := csvlog.Columns(s.path(args[len(args)-1]), delimiter)
	return names
}

// project returns the project that the arguments name, or nil.
func (s *shellRequest) project(args []string) *launch.Project {
	dir := s.dir
	if len(args) > 0 {
		dir = s.path(args[0])
	}
	config, err := repo.FolderConfig(dir)
	if err != nil {
		return nil
	}
	p, err := launch.Load(dir, config)
	if err != nil {
		return nil
	}
	return p
}

func entryPoints(s *shellRequest, args []string, _ string) []string {
	p := s.project(args)
	if p == nil {
		return nil
	}
	return slices.Collect(maps.Keys(p.Entries))
}

// projectParams offers the parameters of the entry point.
func projectParams(s *shellRequest, args []string, _ string) (names []string) {
	if p := s.project(args); p != nil {
		entry, _ := s.cmd.Flags().GetString("entry")
		for _, param := range p.Entries[entry].Parameters {
			names = append(names, param.Name+"=")
		}
	}
	return names
}

// all returns the runs, newest first. It reports no problems and changes nothing, because the user only pressed a key.
func (s *shellRequest) all() []*catalog.Row {
	if !s.read {
		s.read = true
		if r, err := repo.Find(s.dir); err == nil {
			s.open(catalog.Here(s.cmd.Context(), r))
		}
	}
	if s.runs == nil {
		return nil
	}
	return s.runs.Rows()
}

func (s *shellRequest) open(c *catalog.Catalog, err error) {
	if err == nil {
		s.runs = c
		s.cleanup = append(s.cleanup, c.Close)
	}
}

// git returns what f finds in the Git repository.
func (s *shellRequest) git(f func(context.Context, git.Dirs) ([]string, error)) []string {
	r, err := repo.Find(s.dir)
	if err != nil || !r.InGit {
		return nil
	}
	found, _ := f(s.cmd.Context(), r.Git)
	return found
}

// selectors completes names and ids of runs. After "best=" come metrics, after "group=" groups, after "last="
// experiments, and after a revision and ":" the runs there.
func selectors(s *shellRequest, args []string, begun string) []string {
	after := func(prefix string, found []string) []string {
		return prefixed(prefix, slices.DeleteFunc(found, func(w string) bool { return w == "" }), "")
	}
	if rev, rest, ok := strings.Cut(begun, ":"); ok && rev != "" {
		return after(rev+":", s.at(rev).selectors(args, rest))
	}
	switch word, _, _ := strings.Cut(begun, "="); word + "=" {
	case "best=":
		return after("best=", metrics(s, args, ""))
	case "group=":
		return after("group=", groups(s, args, ""))
	case "last=":
		return after("last=", experiments(s, args, ""))
	}
	return s.selectors(args, begun)
}

// at returns a request for the runs of a Git revision.
func (s *shellRequest) at(rev string) *shellRequest {
	other := &shellRequest{app: s.app, cmd: s.cmd, read: true}
	r, err := repo.Find(s.dir)
	if err != nil {
		return other
	}
	c, err := catalog.Of(s.cmd.Context(), r, catalog.Options{}, nil, nil)
	if err != nil {
		return other
	}
	s.cleanup = append(s.cleanup, c.Close)
	other.open(c.At(s.cmd.Context(), rev))
	return other
}

// maxTitles is how many runs are offered before something was typed. Nobody reads more.
const maxTitles = 1000

func (s *shellRequest) selectors(args []string, begun string) []string {
	var found []string
	offer := func(word, about string) {
		if strings.HasPrefix(word, begun) {
			found = append(found, word+about)
		}
	}
	for _, r := range s.all() {
		if begun == "" && len(found) == maxTitles {
			break
		}
		if title := r.Title(); strings.HasPrefix(title, begun) && !slices.Contains(args, title) {
			offer(title, "\t"+string(r.Status()))
		}
		if len(begun) >= 4 { // as long as a prefix must be
			offer(r.ID(), "")
			offer(format.IDRandom(r.ID()), "")
		}
	}
	if begun != "" && len(s.all()) > 0 {
		found = append(found, "last\tthe newest run", "best=\tthe best run by a metric", "group=\tthe runs of a group")
	}
	return found
}

// activeRuns completes runs in progress.
func activeRuns(s *shellRequest, _ []string, begun string) []string {
	var found []string
	for _, r := range s.all() {
		if r.Status() == format.Running {
			found = append(found, r.Title())
			if begun != "" {
				found = append(found, format.IDRandom(r.ID()))
			}
		}
	}
	return found
}

// each collects what f returns for each run, once.
func (s *shellRequest) each(f func(*catalog.Row) string) []string {
	var found []string
	seen := map[string]bool{}
	for _, r := range s.all() {
		if word := f(r); !seen[word] {
			seen[word] = true
			found = append(found, word)
		}
	}
	return found
}

func experiments(s *shellRequest, _ []string, _ string) []string {
	names := s.each((*catalog.Row).Experiment)
	if len(names) == 0 {
		return nil
	}
	titles := s.runs.ExperimentTitles()
	for i, name := range names {
		names[i] = cmp.Or(titles[name], name)
	}
	return names
}

func groups(s *shellRequest, _ []string, _ string) []string { return s.each((*catalog.Row).Group) }

func runKeys(s *shellRequest, _ []string, _ string) []string { return s.each((*catalog.Row).Key) }

// names returns the names of the keys that runs have.
func (s *shellRequest) names() query.KeyNames {
	if s.all() == nil {
		return query.KeyNames{}
	}
	return s.runs.KeyNames()
}

func metrics(s *shellRequest, _ []string, _ string) []string {
	names := s.names()
	return append(names.Metrics, names.Numbers...)
}

// metricsToLog completes the metrics of the run in progress, otherwise of all runs.
func metricsToLog(s *shellRequest, args []string, begun string) []string {
	found := metrics(s, args, begun)
	for i := range found {
		found[i] += "="
	}
	return append(found, "-\tread lines from stdin")
}

func paramsToSet(s *shellRequest, _ []string, begun string) []string {
	if strings.Contains(begun, "=") {
		return nil
	}
	return prefixed("", s.names().Params, "=")
}

// tagsToSet completes keys of tags, and after "=" the values that runs have.
func tagsToSet(s *shellRequest, _ []string, begun string) []string {
	found := s.names().Tags
	for _, key := range found {
		if strings.HasPrefix(begun, key+"=") {
			found = append(found, s.each(func(r *catalog.Row) string {
				value, ok := r.Tag(key)
				if !ok {
					return ""
				}
				return key + "=" + value
			})...)
		}
	}
	return found
}

// run returns the record of the run that the first argument names.
func (s *shellRequest) run(args []string) *format.Run {
	if len(args) == 0 {
		return nil
	}
	all := s.all()
	at := slices.IndexFunc(all, func(r *catalog.Row) bool {
		return r.Title() == args[0] || r.ID() == args[0] || format.IDRandom(r.ID()) == args[0]
	})
	switch {
	case at >= 0:
	case args[0] == "last" && len(all) > 0:
		at = 0
	default:
		return nil
	}
	entries, err := s.runs.Load(all[at : at+1])
	if err != nil || len(entries) == 0 {
		return nil
	}
	return entries[0].Run
}

func tagsOfRun(s *shellRequest, args []string, begun string) []string {
	if r := s.run(args); r != nil {
		return slices.Collect(maps.Keys(r.Tags))
	}
	return tagsToSet(s, args, begun)
}

func metricsOfRun(s *shellRequest, args []string, begun string) []string {
	if r := s.run(args); r != nil {
		return slices.Collect(maps.Keys(r.AllMetrics()))
	}
	return metrics(s, args, begun)
}

func artifacts(s *shellRequest, args []string, _ string) []string {
	r := s.run(args)
	if r == nil {
		return nil
	}
	var found []string
	for _, a := range r.Artifacts {
		found = append(found, a.Path+"\t"+terminal.Bytes(a.Bytes))
	}
	return found
}

// prefixed returns words with something before and after each.
func prefixed(before string, words []string, after string) []string {
	found := make([]string, len(words))
	for i, word := range words {
		found[i] = before + word + after
	}
	return found
}

// attributes are what each run has besides metrics, params, summary and tags.
var attributes = []string{
	"author", "branch", "commit", "dirty", "duration", "ended", "experiment", "group", "id", "key", "name", "note",
	"parent", "python", "started", "status",
}

// keys completes what runs can be sorted by and lists can show.
func keys(s *shellRequest, _ []string, _ string) []string {
	names := s.names()
	found := slices.Concat(names.Metrics, names.Numbers, prefixed("summary.", names.Summaries, ""),
		prefixed("params.", names.Params, ""), prefixed("tags.", names.Tags, ""))
	return append(found, attributes...)
}

func groupKeys(s *shellRequest, args []string, begun string) []string {
	return append(keys(s, args, begun), "replicates\truns that are equal but for the seed")
}

// expressions completes the last word of an expression.
func expressions(s *shellRequest, args []string, begun string) []string {
	before := begun[:strings.LastIndexAny(begun, " (")+1]
	found := keys(s, args, begun)
	for i, key := range found {
		found[i] = before + key
	}
	return found
}

func plotWords(s *shellRequest, args []string, begun string) []string {
	found := selectors(s, args, begun)
	if len(args) > 0 {
		found = append(found, metrics(s, args, begun)...)
	}
	return found
}

func branches(s *shellRequest, _ []string, _ string) []string {
	return s.git(func(ctx context.Context, dirs git.Dirs) ([]string, error) {
		found, err := git.NewestBranches(ctx, dirs, 100, false)
		var names []string
		for _, b := range found {
			names = append(names, b.Name)
		}
		return names, err
	})
}

func revisions(s *shellRequest, _ []string, _ string) []string {
	return s.git(func(ctx context.Context, dirs git.Dirs) ([]string, error) {
		names := []string{"HEAD"}
		found, err := git.NewestBranches(ctx, dirs, 200, true)
		for _, b := range found {
			names = append(names, b.Name)
		}
		return names, err
	})
}

func remotes(s *shellRequest, _ []string, _ string) []string { return s.git(git.Remotes) }

func verifyWords(s *shellRequest, args []string, begun string) []string {
	if f := s.cmd.Flags().Lookup("all"); f != nil && f.Changed {
		return revisions(s, args, begun)
	}
	return selectors(s, args, begun)
}

// importWords offers the kinds and, because the kind may be left out, folders.
func importWords(_ *shellRequest, args []string, begun string) []string {
	if len(args) > 0 || begun == "" || strings.ContainsAny(begun, "/.~") {
		return []string{files}
	}
	var found []string
	for _, kind := range ingest.Kinds() {
		if strings.HasPrefix(kind, begun) {
			found = append(found, kind)
		}
	}
	if len(found) == 0 {
		return []string{files}
	}
	return found
}

func folders(*shellRequest, []string, string) []string { return []string{files} }

// maxPrograms bounds the programs that are offered.
const maxPrograms = 200

// programs completes the program of exec from the PATH, or from files if a path is being typed.
func programs(_ *shellRequest, _ []string, begun string) []string {
	if begun == "" || strings.ContainsAny(begun, "/.~") {
		return []string{files}
	}
	var found []string
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), begun) && len(found) < maxPrograms {
				found = append(found, e.Name())
			}
		}
	}
	if len(found) == 0 {
		return []string{files}
	}
	return found
}
