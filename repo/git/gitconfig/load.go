package gitconfig

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"github.com/gitruns/runs/repo/git/pattern"
	"github.com/gitruns/runs/repo/regular"
)

// Bounds, above which reading is an error. Git has only that of the depth.
const (
	MaxFile     = 16 << 20 // bytes of a file
	MaxBytes    = 64 << 20 // bytes of all files
	MaxFiles    = 1000
	MaxSettings = 1 << 20
	maxDepth    = 10 // of files that include others
)

// Sources are where Load reads. The zero value is the configuration outside a repository.
type Sources struct {
	GitDir    string // the Git folder of the worktree; absolute, or empty outside a repository
	CommonDir string // the Git folder that all worktrees share
	// Getenv returns a variable of the environment. If it is nil, it is os.LookupEnv.
	Getenv func(name string) (string, bool)
}

// Load reads the configuration. A file that does not exist has no settings.
func Load(from Sources) (*Config, error) {
	l := newLoader(from)
	if err := l.load(l.visit); err != nil {
		return nil, err
	}
	return l.config, nil
}

// Parse returns the settings of the content of one file, such as .gitmodules, without the files that it includes. name
// is for messages.
func Parse(name string, data []byte) (*Config, error) {
	if len(data) > MaxFile {
		return nil, tooLarge(name)
	}
	l := newLoader(Sources{})
	err := parse(name, data, func(s setting) error {
		return l.visit(Entry{Key: s.key, Value: s.value, HasValue: s.hasValue, File: name, Line: s.line})
	})
	return l.config, err
}

func tooLarge(name string) error {
	return fmt.Errorf("reading the Git configuration of %s: it is larger than %d MiB", name, MaxFile>>20)
}

// loader reads files, and the files that they include.
type loader struct {
	from   Sources
	env    environment
	config *Config

	depth, files int
	bytes        int64

	// Whether a condition asks for the addresses of remotes: they are then read first, and all such conditions hold
	// meanwhile.
	collecting bool
	collected  bool
	urls       []string
}

func newLoader(from Sources) *loader {
	l := &loader{from: from, env: from.Getenv}
	if from.Getenv == nil {
		l.env = os.LookupEnv
	}
	l.config = &Config{home: l.env.home()}
	return l
}

func (l *loader) visit(e Entry) error {
	if len(l.config.entries) >= MaxSettings {
		return fmt.Errorf("reading the Git configuration of %s: there are more than %d settings", e.File, MaxSettings)
	}
	l.config.add(e)
	return nil
}

// load calls visit for all settings, in Git's order.
func (l *loader) load(visit func(Entry) error) error {
	if on, ok := parseBool(l.env.get("GIT_CONFIG_NOSYSTEM")); !ok {
		return fmt.Errorf("reading the Git configuration: GIT_CONFIG_NOSYSTEM is %q, which is neither true nor false",
			l.env.get("GIT_CONFIG_NOSYSTEM"))
	} else if path := l.systemFile(); !on && path != "" {
		if err := l.file(path, System, visit); err != nil {
			return err
		}
	}
	for _, path := range l.userFiles() {
		f, err := regular.Open(path)
		if errors.Is(err, fs.ErrPermission) { // as for Git, which may run as another user
			continue
		}
		if err == nil {
			_ = f.Close()
		}
		if err := l.file(path, Global, visit); err != nil {
			return err
		}
	}
	if l.from.GitDir != "" {
		local := filepath.Join(l.from.CommonDir, "config")
		if err := l.file(local, Local, visit); err != nil {
			return err
		}
		if own, err := l.ownWorktreeFile(local); err != nil {
			return err
		} else if own {
			if err := l.file(filepath.Join(l.from.GitDir, "config.worktree"), Worktree, visit); err != nil {
				return err
			}
		}
	}
	return l.environment(visit)
}

func (l *loader) systemFile() string {
	if path, set := l.env("GIT_CONFIG_SYSTEM"); set {
		return path
	}
	if runtime.GOOS == "windows" {
		if programs := l.env.get("ProgramFiles"); programs != "" {
			return filepath.Join(programs, "Git", "etc", "gitconfig")
		}
		return ""
	}
	return "/etc/gitconfig"
}

func (l *loader) userFiles() []string {
	if path, set := l.env("GIT_CONFIG_GLOBAL"); set {
		return []string{path}
	}
	files := []string{InUserFolder("config", l.env)}
	if home := l.env.home(); home != "" {
		files = append(files, filepath.Join(home, ".gitconfig"))
	}
	return files
}

// ownWorktreeFile reports whether worktrees have a file of their own. As in Git, only the file of the repository
// itself decides, and no file that it includes.
func (l *loader) ownWorktreeFile(local string) (bool, error) {
	data, _, err := l.read(local)
	if err != nil {
		return false, err
	}
	c, err := Parse(local, data)
	if err != nil {
		return false, err
	}
	on, _, err := c.Bool("extensions.worktreeconfig")
	return on, err
}

// read returns the content of a file. exists is false if there is none.
func (l *loader) read(path string) (data []byte, exists bool, err error) {
	if path == "" || path == os.DevNull {
		return nil, false, nil
	}
	if l.files++; l.files > MaxFiles {
		return nil, false, fmt.Errorf("reading the Git configuration of %s: there are more than %d files", path, MaxFiles)
	}
	f, err := regular.Open(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("reading the Git configuration: %w", err)
	}
	data, err = io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, false, fmt.Errorf("reading the Git configuration: %w", err)
	}
	if len(data) > MaxFile {
		return nil, false, tooLarge(path)
	}
	if l.bytes += int64(len(data)); l.bytes > MaxBytes {
		return nil, false, fmt.Errorf("reading the Git configuration of %s: the files have more than %d MiB",
			path, MaxBytes>>20)
	}
	return data, true, nil
}

// file calls visit for the settings of a file and of those that it includes.
func (l *loader) file(path string, scope Scope, visit func(Entry) error) error {
	data, _, err := l.read(path)
	if err != nil {
		return err
	}
	return l.content(path, data, scope, visit)
}

func (l *loader) content(path string, data []byte, scope Scope, visit func(Entry) error) error {
	return parse(path, data, func(s setting) error {
		return l.setting(Entry{scope, s.key, s.value, s.hasValue, path, s.line}, visit)
	})
}

// setting calls visit for a setting, and then for those of the file that it includes.
func (l *loader) setting(e Entry, visit func(Entry) error) error {
	if err := visit(e); err != nil {
		return err
	}
	if e.Key == "include.path" {
		return l.include(e, visit)
	}
	condition, ok := strings.CutPrefix(e.Key, "includeif.")
	if !ok {
		return nil
	}
	condition, ok = strings.CutSuffix(condition, ".path")
	if !ok {
		return nil
	}
	if ok, err := l.holds(condition, e); !ok || err != nil {
		return err
	}
	if l.collecting {
		visit = forbidURLs
	}
	return l.include(e, visit)
}

func (l *loader) include(e Entry, visit func(Entry) error) error {
	if !e.HasValue {
		return e.invalid("it has no value")
	}
	path, err := expand(e.Value, l.config.home)
	if err != nil {
		return e.invalid(err.Error())
	}
	if !filepath.IsAbs(path) {
		if e.File == "" {
			return e.invalid(fmt.Sprintf("the path %q must be absolute, because no file includes it", path))
		}
		path = filepath.Dir(e.File) + string(filepath.Separator) + path
	}
	data, exists, err := l.read(path)
	if err != nil || !exists {
		return err
	}
	if l.depth >= maxDepth {
		return e.invalid(fmt.Sprintf("more than %d files include one another", maxDepth))
	}
	l.depth++
	defer func() { l.depth-- }()
	return l.content(path, data, e.Scope, visit)
}

// holds reports whether the condition of an include holds. One that is unknown does not.
func (l *loader) holds(condition string, e Entry) (bool, error) {
	kind, text, found := strings.Cut(condition, ":")
	switch {
	case !found:
	case kind == "gitdir":
		return l.inGitDir(text, e, false)
	case kind == "gitdir/i":
		return l.inGitDir(text, e, true)
	case kind == "onbranch":
		return l.onBranch(text), nil
	case kind == "hasconfig":
		if glob, ok := strings.CutPrefix(text, "remote.*.url:"); ok {
			return l.hasURL(glob)
		}
	}
	return false, nil
}

// inGitDir reports whether the Git folder matches an expression, as it is written or without links.
func (l *loader) inGitDir(text string, e Entry, fold bool) (bool, error) {
	if l.from.GitDir == "" {
		return false, nil
	}
	home := l.config.home
	if at, err := filepath.EvalSymlinks(home); err == nil {
		home = at
	}
	expression, err := expand(text, home)
	switch {
	case err != nil && home == "":
		expression = text // Git takes it as it is
	case err != nil:
		return false, e.invalid(err.Error())
	}
	expression = filepath.ToSlash(expression)
	prefix := "" // what is compared as it is
	switch {
	case strings.HasPrefix(expression, "./"):
		if e.File == "" {
			return false, e.invalid("its condition must be absolute, because no file includes it")
		}
		at, err := filepath.EvalSymlinks(e.File)
		if err != nil {
			return false, e.invalid(err.Error())
		}
		prefix = filepath.ToSlash(filepath.Dir(at))
		if prefix != "/" {
			prefix += "/"
		}
		expression = expression[len("./"):]
	case !filepath.IsAbs(filepath.FromSlash(expression)):
		expression = "**/" + expression
	}
	if strings.HasSuffix(expression, "/") || expression == "" && prefix != "" {
		expression += "**"
	}
	glob := pattern.CompileGlob(expression, fold)
	real, err := filepath.EvalSymlinks(l.from.GitDir)
	if err != nil {
		return false, e.invalid(err.Error())
	}
	for _, path := range []string{real, l.from.GitDir} {
		path = filepath.ToSlash(path)
		if len(path) < len(prefix) {
			continue
		}
		begin := path[:len(prefix)]
		if (begin == prefix || fold && foldASCII(begin) == foldASCII(prefix)) && glob.Match(path[len(prefix):]) {
			return true, nil
		}
	}
	return false, nil
}

// onBranch reports whether the branch that is checked out matches an expression.
func (l *loader) onBranch(text string) bool {
	if l.from.GitDir == "" {
		return false
	}
	ref, path := "", filepath.Join(l.from.GitDir, "HEAD")
	for range 5 { // a branch may stand for another one
		next, err := os.Readlink(path) // an old form
		if err != nil {
			data, _, err := l.read(path)
			line, symbolic := strings.CutPrefix(string(data), "ref:")
			if err != nil || !symbolic {
				break
			}
			next = strings.Trim(line, " \t\r\n")
		}
		if !filepath.IsLocal(filepath.FromSlash(next)) {
			return false
		}
		ref, path = next, filepath.Join(l.from.CommonDir, filepath.FromSlash(next))
	}
	branch, ok := strings.CutPrefix(ref, "refs/heads/")
	if strings.HasSuffix(text, "/") {
		text += "**"
	}
	return ok && pattern.CompileGlob(text, false).Match(branch)
}

// hasURL reports whether the address of a remote matches an expression.
func (l *loader) hasURL(text string) (bool, error) {
	if l.collecting {
		return true, nil
	}
	if !l.collected {
		l.collecting = true
		depth := l.depth
		l.depth = 0
		err := l.load(func(e Entry) error {
			if isURL(e.Key) {
				l.urls = append(l.urls, e.Value)
			}
			return nil
		})
		l.collecting, l.depth = false, depth
		if err != nil {
			return false, err
		}
		l.collected = true
	}
	glob := pattern.CompileGlob(text, false)
	for _, url := range l.urls {
		if glob.Match(url) {
			return true, nil
		}
	}
	return false, nil
}

// isURL reports whether a key is the address of a remote.
func isURL(key string) bool {
	return strings.HasPrefix(key, "remote.") && strings.HasSuffix(key, ".url") && len(key) >= len("remote..url")
}

// forbidURLs refuses addresses of remotes in a file whose inclusion depends on them.
func forbidURLs(e Entry) error {
	if isURL(e.Key) {
		return e.invalid("a file that is included by a condition must not set the address of a remote, if another " +
			"condition asks for it")
	}
	return nil
}
