package format

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gitruns/runs/format/listsort"
)

// Config is .runs/config.toml: the settings of a project.
type Config struct {
	Experiment string // of new runs, and the scope of selectors; empty is every experiment
	Primary    string // the metric that lists show and that decides comparisons
	Metrics    map[string]MetricConfig
	Replicates struct {
		Seeds []string // params that may differ among replicates, in addition to those that IsSeed knows
	}
	Console struct {
		MaxBytes int64 // of output.log
	}
	System struct {
		Enabled  bool
		Interval time.Duration // between two samples of the machine
		Points   int           // how many are kept per key of system.parquet
	}
	TensorBoard struct {
		Enabled bool // import event files that were written during a run
	}
	Source struct {
		Base     string   // a permanent ref; patches start where the work branched off from it
		MaxFile  int64    // bytes of one untracked file
		MaxTotal int64    // bytes of all untracked files
		MaxFiles int      // how many untracked files
		Exclude  []string // patterns of untracked files, as in .gitignore, after those of DefaultExclude
	}
	Datasets map[string]DatasetConfig // recorded with every run
	Data     DataConfig
	Compare  struct {
		Level    float64 // of the test between two groups of runs
		Value    string  // which value of a metric is compared: one of CompareValues; empty is by the run, or LastValue
		SelectBy string  // the metric whose best step counts; only for ValueAtBest
	}
	Checks      []Check
	Filters     []Filter // that 'runs ui' offers, in the order of the file
	Environment struct {
		Variables []string // patterns of names, in addition to those that are always recorded
	}
	Artifacts struct {
		MaxFile int64  // bytes of one artifact that goes into Git
		MaxRun  int64  // bytes of all artifacts of a run that go into Git
		Store   string // where the others go: empty, StoreLFS, or the URL of a store
		// StallTimeout is after how long without progress a transfer fails; 0 means never.
		StallTimeout time.Duration
	}
	Commit struct {
		Branch  string   // where runs are committed; empty is the branch that is checked out
		Auto    bool     // commit each run when it finishes
		Include []string // files of a run that otherwise stay on the machine that recorded it
		Batch   int      // a commit of more runs puts them into batches; 0 is never
	}
	Project ProjectConfig // how 'runs project' runs the project
	Secrets struct {
		Allow    []SecretAllow
		Gitleaks bool // also run gitleaks, if it is installed
	}
	Requires Requires     // see Readable and Writable
	Unknown  []UnknownKey // keys that have no effect, in the order of their lines
}

// maxValuesInGit is the size in bytes up to which a values.parquet goes into Git by default. It is the same as the
// default limit for all artifacts of a run.
const maxValuesInGit = 5_000_000

// LocalFile reports whether a file of a run stays on the machine that recorded it, unless commit.include names it.
func LocalFile(name string, bytes int64) bool {
	return name == "system.parquet" || name == ValuesName && bytes > maxValuesInGit || name == "output.log" ||
		strings.HasPrefix(name, "output-") && strings.HasSuffix(name, ".log")
}

// Keeps reports whether a file of a run goes into Git.
func (c *Config) Keeps(name string, bytes int64) bool {
	if !LocalFile(name, bytes) {
		return true
	}
	if strings.HasSuffix(name, ".log") {
		name = "output.log"
	}
	return slices.Contains(c.Commit.Include, name)
}

// DatasetConfig is the table [dataset.NAME] of config.toml.
type DatasetConfig struct {
	Path string // relative to the folder that contains .runs
	Hash string // HashContent or HashListing
	Role string
}

// DataConfig is the table [data] of config.toml: how the files that a program reads are noticed and recorded.
type DataConfig struct {
	Trace        string        // TraceAuto, TraceOff, RoadPython or RoadSyscalls
	Wait         time.Duration // how long a finish waits for hashes; after that, names and sizes count
	MaxAutoBytes int64         // of noticed data that is hashed; of what is beyond, names and sizes count
	GroupFrom    int           // from this number of read files on, those of a folder are one dataset
}

// The values of data.trace that are not a road.
const (
	TraceAuto = "auto" // RoadPython, for Python programs
	TraceOff  = "off"
)

// Traces are the values of data.trace.
var Traces = []string{TraceAuto, RoadPython, RoadSyscalls, TraceOff}

// The ways to identify a dataset.
const (
	HashContent = "content"
	HashListing = "listing" // only names and sizes
)

// MetricConfig is the table [metric.NAME] of config.toml.
type MetricConfig struct{ Goal string }

// InitialConfig is the config.toml that `runs init` writes. The bytes are the same everywhere, so that two clones make
// the same commit.
const InitialConfig = `# Settings of runs for this project. Each line that is commented out shows the default.

# experiment = ""             # experiment of new runs, and where selectors look
# primary = ""                # metric that lists show; 'runs goal METRIC min --primary' sets it

# [metric.rmse]
# goal = "min"                # or "max"; by default, the name of the metric decides

# [replicates]
# seeds = []                  # params that may differ among replicates, in addition to seed, data_seed, rng, ...

# [console]
# max_bytes = 10_000_000      # size of output.log; the middle of a longer log is removed

# [system]
# enabled = true              # sample CPU, memory, disk and GPU under 'runs exec'
# interval = "15s"
# points = 500                # samples kept per key

# [tensorboard]
# enabled = true              # import TensorBoard's event files that a program writes under 'runs exec'

# [source]                    # untracked files that are recorded with the code
# base = ""                   # a ref that stays, like "origin/main"; by default, the remote's default branch
# max_file = "1 MB"
# max_total = "10 MB"
# max_files = 2000
# exclude = []                # patterns as in .gitignore, after built-in ones like "wandb/"; "!*.npy" undoes one

# [dataset.train]             # recorded with every run
# path = "data/train.csv"     # relative to the folder that contains .runs
# hash = "content"            # or "listing": only names and sizes
# role = "training"

# [data]                      # files that a program reads and that are not source
# trace = "auto"              # notice them: "auto", "python", "syscalls" or "off"
# wait = "30s"                # how long the end of a run waits for their hashes
# max_auto_bytes = "50 GB"    # of more than this, only names and sizes are recorded
# group_from = 10             # so many files of a folder are one dataset

# [compare]
# level = 0.05                # groups differ if chance explains the difference with a lower probability
# value = ""                  # compared of each run: "last", "best", "at-best"; by default, as defined, else "last"
# select_by = ""              # for "at-best": the metric at whose best step the others are read, like "val_loss"

# [[check]]                   # a rule of 'runs check' (repeatable)
# metric = "rmse"
# baseline = "main:best(rmse)"
# max_regression = "1%"       # or a number; the check fails if the metric is worse by more
# min_runs = 1                # seeds that the run's group must have
# require = ["restorable"]    # of every run: clean, restorable, same_data, current
# paths = ["src"]             # what "current" compares

# [project]                   # for 'runs project'; a file MLproject says the same
# python_env = "python_env.yaml"
# conda_env = ""
# [project.entry.main]
# command = "python train.py {lr}"
# [project.entry.main.parameters]
# lr = 0.1                    # a default; or {type = "float"}, if a value must be given

# [filters]                   # of 'runs ui': names and expressions as for 'runs ls -w'
# good = "metrics.rmse < 0.8 and status = finished"

# [commit]
# branch = ""                 # where runs are committed, like "runs"; by default, the branch that is checked out
# auto = false                # commit each run when it finishes
# batch = 20                  # a commit of more runs than this puts them into batches; 0 is never
# include = []                # also commit "output.log" and "system.parquet", which otherwise stay on their machine

# [[secrets.allow]]           # a false positive of the secret search (repeatable); every key that is given must match
# reason = "an example"       # required
# fingerprint = "0123456789abcdef"  # as 'runs commit' shows it
# path = "docs/**"            # of a file under .runs, or of the file that a patch changes
# rule = "jwt"

# [secrets]
# gitleaks = true             # also run gitleaks, if it is installed

# [artifacts]                 # larger artifacts go to the store, not into Git
# max_inline = "1 MB"         # size of one artifact
# max_inline_run = "5 MB"     # size of all artifacts of a run
# store = ""                  # "git-lfs", or a URL like "s3://bucket/prefix" or "file:///shared/runs"
# stall_timeout = "60s"       # a transfer that makes no progress for this long fails; "0s" is never

# [environment]
# variables = []              # more names to record, like "MY_*"
`

// DefaultExclude are patterns, as in .gitignore, of files that training programs write. Untracked files that match are
// not recorded as source; only their number and size are recorded.
var DefaultExclude = []string{
	"outputs/", "multirun/", "wandb/", "mlruns/", "mlartifacts/", "lightning_logs/", "tb_logs/", "checkpoints/",
	"checkpoint-[0-9]*/", "checkpoint_[0-9]*/", "trainer_state.json", "training_args.bin", "pytorch_model*.bin",
	"mlflow.db", "swanlog/", "slurm-*.out", "slurm-*.err", "nohup.out", "*.log",
	"runs/detect/", "runs/segment/", "runs/classify/", "runs/pose/", "runs/obb/", "runs/train/", "catboost_info/", ".aim/",
	".neptune/", ".ipynb_checkpoints/", "__pycache__/", ".venv/", "venv/", "node_modules/",
	".pytest_cache/", ".mypy_cache/", ".ruff_cache/", ".tox/", ".eggs/", "*.egg-info/", ".DS_Store",
	"*.pyc", "*.pt", "*.pth", "*.ckpt", "*.safetensors", "*.npy", "*.npz", "*.h5", "*.hdf5", "*.pkl", "*.joblib", "*.onnx",
	"*.pb", "*.tfrecord", "*.tflite", "*.gguf", "*.msgpack", "*.orbax", "events.out.tfevents.*", "*.swp", "*~",
	"core.[0-9]*",
}

// DefaultConfig returns the settings of a project without a config.toml.
func DefaultConfig() *Config {
	c := &Config{}
	c.Console.MaxBytes = 10_000_000
	c.System.Enabled, c.System.Interval, c.System.Points = true, 15*time.Second, 500
	c.TensorBoard.Enabled = true
	c.Source.MaxFile, c.Source.MaxTotal, c.Source.MaxFiles = 1_000_000, 10_000_000, 2000
	c.Data = DataConfig{Trace: TraceAuto, Wait: 30 * time.Second, MaxAutoBytes: 50_000_000_000, GroupFrom: 10}
	c.Compare.Level = 0.05
	c.Secrets.Gitleaks = true
	c.Commit.Batch = 20
	c.Artifacts.MaxFile, c.Artifacts.MaxRun = 1_000_000, 5_000_000
	c.Artifacts.StallTimeout = time.Minute
	return c
}

// configKeys returns all keys of config.toml. In them, NAME is a placeholder for the name of a metric or dataset.
func configKeys() []string {
	return []string{
		"experiment", "primary", "metric.NAME.goal", "replicates.seeds", "console.max_bytes",
		"system.enabled", "system.interval", "system.points", "tensorboard.enabled",
		"source.base", "source.max_file", "source.max_total", "source.max_files", "source.exclude",
		"dataset.NAME.path", "dataset.NAME.hash", "dataset.NAME.role", "environment.variables",
		"data.trace", "data.wait", "data.max_auto_bytes", "data.group_from",
		"compare.level", "compare.value", "compare.select_by", "filters.NAME",
		"commit.branch", "commit.auto", "commit.include", "commit.batch",
		"artifacts.max_inline", "artifacts.max_inline_run", "artifacts.stall_timeout", "artifacts.store",
		"secrets.allow.reason", "secrets.allow.fingerprint", "secrets.allow.path", "secrets.allow.rule", "secrets.gitleaks",
		"project.python_env", "project.conda_env", "project.entry.NAME.command", "project.entry.NAME.parameters.NAME",
		"check.metric", "check.baseline", "check.max_regression", "check.min_runs", "check.require", "check.paths",
	}
}

// GoalIn returns a function that returns the goal of a metric. This is the configured goal, or otherwise the goal in
// the first run that defines the metric, or otherwise the goal that the metric's name suggests. The function remembers
// its results and is not safe for concurrent use.
func (c *Config) GoalIn(runs ...*Run) func(metric string) string {
	var defining []*Run
	for _, r := range runs {
		if len(r.Defined) > 0 {
			defining = append(defining, r)
		}
	}
	if len(defining) == 0 {
		return c.Goal
	}
	known := map[string]string{}
	return func(metric string) string {
		goal, ok := known[metric]
		if !ok {
			goal = c.goalOf(metric, defining)
			known[metric] = goal
		}
		return goal
	}
}

func (c *Config) goalOf(metric string, defining []*Run) string {
	if m, ok := c.Metrics[metric]; ok && m.Goal != "" {
		return m.Goal
	}
	for _, r := range defining {
		if d, ok := r.Definition(metric); ok && d.Goal != "" {
			return d.Goal
		}
	}
	return GoalByName(metric)
}

// Goal returns the goal of a metric: the configured one, or otherwise the one that its name suggests.
func (c *Config) Goal(metric string) string {
	if m, ok := c.Metrics[metric]; ok && m.Goal != "" {
		return m.Goal
	}
	return GoalByName(metric)
}

// DecodeConfig reads a config.toml. It notes unknown keys in Unknown. It does not check whether this version
// understands what the file requires; see Readable and Writable.
func DecodeConfig(file string, data []byte) (*Config, error) {
	m, err := parseTOML(file, data, MaxConfigBytes)
	if err != nil {
		return nil, err
	}
	t := table{&reader{file: file, data: data}, nil, m}
	c := DefaultConfig()
	c.Experiment, c.Primary = t.optional("experiment"), t.optional("primary")
	if s, ok := t.sub("metric"); ok {
		c.Metrics = map[string]MetricConfig{}
		for _, name := range slices.Sorted(maps.Keys(s.m)) {
			metric, ok := s.sub(name)
			if !ok {
				break
			}
			goal := metric.text("goal")
			if goal != "" && goal != GoalMin && goal != GoalMax {
				metric.fail(metric.at("goal"), "%q is neither min nor max", goal)
			}
			c.Metrics[name] = MetricConfig{Goal: goal}
			metric.ignoreUnknown()
		}
	}
	if s, ok := t.sub("replicates"); ok {
		c.Replicates.Seeds = s.texts("seeds")
		s.ignoreUnknown()
	}
	if s, ok := t.sub("console"); ok {
		if s.has("max_bytes") {
			c.Console.MaxBytes = s.bytes("max_bytes", 4096, 1<<32)
		}
		s.ignoreUnknown()
	}
	if s, ok := t.sub("system"); ok {
		if s.has("enabled") {
			c.System.Enabled = s.boolean("enabled")
		}
		if s.has("interval") {
			c.System.Interval = s.duration("interval", time.Second, 24*time.Hour)
		}
		if s.has("points") {
			c.System.Points = int(s.between("points", 2, 1_000_000))
		}
		s.ignoreUnknown()
	}
	if s, ok := t.sub("tensorboard"); ok {
		if s.has("enabled") {
			c.TensorBoard.Enabled = s.boolean("enabled")
		}
		s.ignoreUnknown()
	}
	if s, ok := t.sub("source"); ok {
		c.readSource(s)
	}
	if s, ok := t.sub("dataset"); ok {
		c.readDatasets(s)
	}
	if s, ok := t.sub("data"); ok {
		c.readData(s)
	}
	if s, ok := t.sub("compare"); ok {
		c.readCompare(s)
	}
	t.each("check", func(s table) {
		if check, ok := readCheck(s); ok {
			c.Checks = append(c.Checks, check)
		}
	})
	if s, ok := t.sub("filters"); ok {
		c.Filters = readFilters(s)
	}
	if s, ok := t.sub("commit"); ok {
		c.readCommit(s)
	}
	if s, ok := t.sub("secrets"); ok {
		s.each("allow", func(a table) {
			if entry, ok := readAllow(a); ok {
				c.Secrets.Allow = append(c.Secrets.Allow, entry)
			}
		})
		if s.has("gitleaks") {
			c.Secrets.Gitleaks = s.boolean("gitleaks")
		}
		s.ignoreUnknown()
	}
	if s, ok := t.sub("artifacts"); ok {
		c.readArtifacts(s)
	}
	if s, ok := t.sub("environment"); ok {
		c.readEnvironment(s)
	}
	if s, ok := t.sub("project"); ok {
		c.readProject(s)
	}
	if t.has("requires") {
		c.Requires = Requires{t.texts("requires"), file, lineOf(data, []string{"requires"})}
	}
	t.ignoreUnknown()
	if t.err != nil {
		return nil, t.err
	}
	listsort.Stable(t.unknown, func(a, b UnknownKey) int { return a.Line - b.Line })
	c.Unknown = t.unknown
	return c, nil
}

// isBranchName reports whether b is allowed as the name of a branch. It is stricter than Git.
func isBranchName(b string) bool {
	return !strings.HasPrefix(b, "-") && !strings.HasPrefix(b, "refs/") &&
		!slices.Contains([]string{"HEAD", "@", "refs"}, b) &&
		!strings.ContainsAny(b, " ~^:?*[\\\x7f") && !strings.Contains(b, "..") && CheckPath(b) == nil
}

func (c *Config) readSource(s table) {
	c.Source.Base = s.optional("base")
	if strings.HasPrefix(c.Source.Base, "-") {
		s.fail(s.at("base"), "%q is not a ref", c.Source.Base)
	}
	if s.has("max_file") {
		c.Source.MaxFile = s.bytes("max_file", 0, 1<<30)
	}
	if s.has("max_total") {
		c.Source.MaxTotal = s.bytes("max_total", 0, 1<<30)
	}
	if s.has("max_files") {
		c.Source.MaxFiles = int(s.between("max_files", 0, 1_000_000))
	}
	c.Source.Exclude = s.texts("exclude")
	s.ignoreUnknown()
}

func (c *Config) readCommit(s table) {
	c.Commit.Branch = s.optional("branch")
	if b := c.Commit.Branch; b != "" && !isBranchName(b) {
		s.fail(s.at("branch"), "%q is not a branch name", b)
	}
	if s.has("auto") {
		c.Commit.Auto = s.boolean("auto")
	}
	if s.has("batch") {
		c.Commit.Batch = int(s.between("batch", 0, 1_000_000))
	}
	c.Commit.Include = s.texts("include")
	for _, name := range c.Commit.Include {
		if name != "output.log" && name != "system.parquet" && name != ValuesName {
			s.fail(s.at("include"), "%q is not one of output.log, system.parquet, values.parquet", name)
		}
	}
	s.ignoreUnknown()
}

// The largest sizes that may be set for artifacts in Git. The large hosting services refuse a file of 100 MB, even if
// a later commit deletes it.
const (
	maxInlineBytes    = 50 << 20
	maxInlineRunBytes = 1 << 30
)

func (c *Config) readArtifacts(s table) {
	if s.has("max_inline") {
		c.Artifacts.MaxFile = s.bytes("max_inline", 0, maxInlineBytes)
	}
	if s.has("stall_timeout") {
		c.Artifacts.StallTimeout = s.duration("stall_timeout", 0, 24*time.Hour)
	}
	if s.has("max_inline_run") {
		c.Artifacts.MaxRun = s.bytes("max_inline_run", 0, maxInlineRunBytes)
	}
	c.Artifacts.Store = s.optional("store")
	if c.Artifacts.Store != "" {
		if err := CheckStore(c.Artifacts.Store); err != nil {
			s.fail(s.at("store"), "%v", err)
		}
	}
	s.ignoreUnknown()
}

// minLiteral is how many characters a pattern of variables must have before its first wildcard. A shorter pattern
// would record variables that nobody intended, and a pull request can change the settings.
const minLiteral = 3

func (c *Config) readEnvironment(s table) {
	c.Environment.Variables = s.texts("variables")
	for _, pattern := range c.Environment.Variables {
		if literal := strings.IndexAny(pattern, `*?[\`); literal >= 0 && literal < minLiteral {
			s.fail(s.at("variables"),
				"%q matches too much: a pattern must begin with at least %d characters of the name, like \"MY_*\"",
				pattern, minLiteral)
		}
	}
	s.ignoreUnknown()
}

func (c *Config) readDatasets(s table) {
	c.Datasets = map[string]DatasetConfig{}
	for _, name := range slices.Sorted(maps.Keys(s.m)) {
		if err := CheckKey(name); err != nil {
			s.fail(s.at(name), "%v", err)
		}
		item, ok := s.sub(name)
		if !ok {
			break
		}
		d := DatasetConfig{Path: item.needText("path"), Hash: item.text("hash"), Role: item.text("role")}
		switch d.Hash {
		case "":
			d.Hash = HashContent
		case HashContent, HashListing:
		default:
			item.fail(item.at("hash"), "%q is neither content nor listing", d.Hash)
		}
		c.Datasets[name] = d
		item.ignoreUnknown()
	}
}

func (c *Config) readData(s table) {
	if s.has("trace") {
		if c.Data.Trace = s.text("trace"); !slices.Contains(Traces, c.Data.Trace) {
			s.fail(s.at("trace"), "%q is not one of %s", c.Data.Trace, strings.Join(Traces, ", "))
		}
	}
	if s.has("wait") {
		c.Data.Wait = s.duration("wait", 0, 24*time.Hour)
	}
	if s.has("max_auto_bytes") {
		c.Data.MaxAutoBytes = s.bytes("max_auto_bytes", 0, 1<<60)
	}
	if s.has("group_from") {
		c.Data.GroupFrom = int(s.between("group_from", 2, 1_000_000))
	}
	s.ignoreUnknown()
}

// Filter is an entry of the table [filters] of config.toml: an expression under a name.
type Filter struct {
	Name  string
	Where string // as for 'runs ls -w'; whoever uses it finds out whether it is valid
}

func readFilters(s table) []Filter {
	line := map[string]int{}
	for name := range s.m {
		line[name] = lineOf(s.data, s.at(name))
	}
	names := slices.SortedFunc(maps.Keys(s.m), func(a, b string) int {
		return cmp.Or(line[a]-line[b], strings.Compare(a, b))
	})
	var filters []Filter
	for _, name := range names {
		if err := CheckKey(name); err != nil {
			s.fail(s.at(name), "%v", err)
		}
		filters = append(filters, Filter{name, s.text(name)})
	}
	return filters
}

// optional takes a text that may be empty.
func (t table) optional(key string) string {
	s, _ := take[string](t, key, "a string")
	return s
}

// between takes an integer from least to most.
func (t table) between(key string, least, most int64) int64 {
	v := t.integer(key)
	if v < least || v > most {
		t.fail(t.at(key), "must be between %d and %d, got %d", least, most, v)
	}
	return v
}

// bytes takes a size: an integer, or a text like "10 MB" or "64 KiB".
func (t table) bytes(key string, least, most int64) int64 {
	if s, ok := t.m[key].(string); ok {
		n, err := ParseBytes(s)
		if err != nil {
			t.fail(t.at(key), "%v", err)
		}
		t.m[key] = n
	}
	return t.between(key, least, most)
}

// ParseBytes parses a size and returns it in bytes: "10 MB" (powers of 1000), "64 KiB" (powers of 1024).
func ParseBytes(s string) (int64, error) {
	text := strings.TrimSpace(s)
	digits := strings.TrimRight(text, "BKMGTibkmgt ")
	unit := strings.ToUpper(strings.TrimSpace(text[len(digits):]))
	factor := int64(1)
	base := int64(1000)
	if strings.HasSuffix(unit, "IB") {
		base = 1024
	}
	switch strings.TrimSuffix(strings.TrimSuffix(unit, "B"), "I") {
	case "":
	case "K":
		factor = base
	case "M":
		factor = base * base
	case "G":
		factor = base * base * base
	case "T":
		factor = base * base * base * base
	default:
		return 0, fmt.Errorf("%q is not a size, like \"10 MB\"", s)
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 || n > (1<<62)/factor {
		return 0, fmt.Errorf("%q is not a size, like \"10 MB\"", s)
	}
	return n * factor, nil
}

func (t table) duration(key string, least, most time.Duration) time.Duration {
	s := t.text(key)
	d, err := time.ParseDuration(s)
	switch {
	case err != nil:
		t.fail(t.at(key), "%q is not a duration, like \"15s\" or \"2m\"", s)
	case d < least || d > most:
		t.fail(t.at(key), "must be between %s and %s, got %s", least, most, s)
	}
	return d
}

// ignoreUnknown notes the keys that were not taken.
func (t table) ignoreUnknown() {
	for _, key := range slices.Sorted(maps.Keys(t.m)) {
		path := t.at(key)
		unknown := UnknownKey{File: t.file, Line: lineOf(t.data, path), Key: dotted(path)}
		prefix := configPrefix(t.path)
		for _, k := range configKeys() {
			if rest, ok := strings.CutPrefix(k, prefix); ok {
				first, _, _ := strings.Cut(rest, ".")
				unknown.Known = append(unknown.Known, first)
			}
		}
		unknown.Known = slices.Compact(unknown.Known)
		if len(t.path) == 0 {
			unknown.Known = append(unknown.Known, "requires")
		}
		unknown.Near = nearest(key, unknown.Known)
		t.unknown = append(t.unknown, unknown)
	}
	clear(t.m)
}

// configPrefix returns the path of a table in the form that configKeys uses.
func configPrefix(path []string) string {
	var b strings.Builder
	for i, key := range path {
		if i == 1 && (path[0] == "metric" || path[0] == "dataset") {
			key = "NAME"
		}
		name, _, _ := strings.Cut(key, "[") // the number of a [[table]]
		b.WriteString(name + ".")
	}
	return b.String()
}

// nearest returns the candidate that is most similar to word, or "" if every candidate differs from it by more than
// two letters and by more than a third of its length.
func nearest(word string, candidates []string) string {
	best, least := "", 1+max(2, len(word)/3)
	for _, c := range candidates {
		if d := EditDistance(word, c); d < least {
			best, least = c, d
		}
	}
	return best
}
