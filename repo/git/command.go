package git

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/gitruns/runs/repo/git/gitconfig"
)

// Installed returns ErrNoGit unless Git can be run.
func Installed() error {
	if !installed() {
		return ErrNoGit
	}
	return nil
}

// Run runs Git in dir and returns its output. If Git fails, the error is an *Error with the reason that Git gave.
func Run(ctx context.Context, dir string, args ...string) ([]byte, error) {
	return command{dir: dir}.run(ctx, args...)
}

// command describes a call of Git: its folder, its standard input, and what is added to our own environment.
type command struct {
	dir   string
	env   []string
	stdin io.Reader
	// stderr receives the error output, even if the call succeeds. If it is nil, the output is discarded.
	stderr   *stderrBuffer
	heldLock *os.File // an open lock that Git inherits, so that it outlives us; may be nil
	anywhere bool     // use the repository of dir, whatever the environment says
	never    bool     // as if Git were not installed
}

// unsafeVariables are environment variables that change what Git's plumbing commands print or where they write.
var unsafeVariables = []string{
	"GIT_DIFF_OPTS=", "GIT_EXTERNAL_DIFF=", "GIT_LITERAL_PATHSPECS=", "GIT_GLOB_PATHSPECS=", "GIT_NOGLOB_PATHSPECS=",
	"GIT_ICASE_PATHSPECS=", "GIT_PREFIX=", "GIT_ATTR_SOURCE=", "GIT_DEFAULT_HASH=", "LC_ALL=",
}

func (c command) run(ctx context.Context, args ...string) ([]byte, error) {
	var stdout bytes.Buffer
	err := c.stream(ctx, &stdout, args...)
	return stdout.Bytes(), err
}

// stream runs Git and copies its output to stdout as it arrives.
func (c command) stream(ctx context.Context, stdout io.Writer, args ...string) error {
	cmd, err := c.process(ctx, args)
	if err != nil {
		return err
	}
	cmd.Stdin, cmd.Stdout = c.stdin, stdout
	stderr := c.stderr
	if stderr == nil {
		stderr = &stderrBuffer{}
	}
	cmd.Stderr = stderr
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		e := &Error{Command: subcommand(args), Message: stderr.message(), Output: stderr.String()}
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			e.Code = exit.ExitCode()
		}
		if e.Message == "" {
			e.Message = err.Error()
		}
		return e
	}
	return nil
}

// process prepares a call of Git without starting it.
func (c command) process(ctx context.Context, args []string) (*exec.Cmd, error) {
	path, err := exec.LookPath("git")
	if err != nil || c.never {
		return nil, ErrNoGit
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir = c.dir
	if c.heldLock != nil && runtime.GOOS != "windows" { // Windows processes cannot inherit the file
		cmd.ExtraFiles = []*os.File{c.heldLock}
	}
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool {
		return slices.ContainsFunc(unsafeVariables, func(prefix string) bool { return strings.HasPrefix(v, prefix) })
	})
	if c.anywhere {
		cmd.Env = WithoutRepository(cmd.Env)
	}
	// Reading must not take a lock that the user's own Git could collide with, and must not ask for a password.
	cmd.Env = append(append(cmd.Env, "GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0", "LC_ALL=C"), c.env...)
	return cmd, nil
}

// Error means that a call of Git failed.
type Error struct {
	Command string
	Code    int    // Git's exit status; 0 if it did not exit by itself
	Message string // the line of its error output that gives the reason
	Output  string // all of its error output, up to 64 KiB
	next    string // the next step, where we did it without Git
}

// Error names the command of Git if a user could have called it. The others are details of this program.
func (e *Error) Error() string {
	if slices.Contains(familiar, e.Command) {
		return "git " + e.Command + ": " + e.Message
	}
	return "git: " + e.Message
}

// familiar lists the commands of Git that users call themselves.
var familiar = []string{
	"add", "apply", "branch", "checkout", "clone", "commit", "fetch", "gc", "init", "lfs", "merge", "push", "restore",
	"worktree",
}

// IsTransient reports whether a call failed but may succeed if it is repeated: a `git gc` in another process removed
// the folder into which Git was about to write an object.
func IsTransient(err error) bool {
	var failed *Error
	return errors.As(err, &failed) && strings.Contains(failed.Output,
		"unable to create temporary file: No such file or directory")
}

// stderrBuffer keeps the first 64 KiB of an error output.
type stderrBuffer struct{ bytes.Buffer }

func (t *stderrBuffer) Write(p []byte) (int, error) {
	if room := 64<<10 - t.Len(); room > 0 {
		t.Buffer.Write(p[:min(len(p), room)])
	}
	return len(p), nil
}

// message returns the first line that says what is wrong. It skips the warnings and hints before that line.
func (t *stderrBuffer) message() string {
	first := ""
	reason := "" // ends in a colon; the next line says what it is about
	for line := range strings.Lines(t.String()) {
		line = strings.TrimSpace(line)
		if reason != "" {
			return strings.TrimSpace(reason + " " + line)
		}
		for _, prefix := range []string{"fatal: ", "error: "} {
			text, ok := strings.CutPrefix(line, prefix)
			switch {
			case ok && strings.HasSuffix(text, ":"):
				reason = text
			case ok:
				return text
			}
		}
		if first == "" {
			first = line
		}
	}
	return cmp.Or(reason, first)
}

func subcommand(args []string) string {
	skip := false
	for _, arg := range args {
		switch {
		case skip:
			skip = false
		case arg == "-c":
			skip = true
		case !strings.HasPrefix(arg, "-"):
			return arg
		}
	}
	return strings.Join(args, " ")
}

// command prepares a call of Git in the working tree.
func (d Dirs) command() command {
	return command{dir: d.Root, env: d.env(), anywhere: d.Apart, never: d.native}
}

// env returns GIT_DIR and GIT_WORK_TREE with absolute paths if GIT_DIR is set, or if the repository is another one. Git
// runs in the root, where relative paths would mean something else.
func (d Dirs) env() []string {
	if os.Getenv("GIT_DIR") == "" && !d.Apart {
		return nil
	}
	return []string{"GIT_DIR=" + d.Git, "GIT_WORK_TREE=" + d.Root}
}

// exact prepares a call that reads objects as they were committed. It ignores replacement objects and does not fetch
// missing ones.
func (d Dirs) exact() command {
	c := d.command()
	c.env = append(slices.Clip(c.env), "GIT_NO_REPLACE_OBJECTS=1", "GIT_NO_LAZY_FETCH=1")
	return c
}

// network prepares a call that may ask a person for a password.
func (d Dirs) network() command {
	c := d.command()
	if prompt, set := os.LookupEnv("GIT_TERMINAL_PROMPT"); set {
		c.env = append(c.env, "GIT_TERMINAL_PROMPT="+prompt)
	} else {
		c.env = append(c.env, "GIT_TERMINAL_PROMPT=1")
	}
	return c
}

// Config returns the values of the configuration keys that match pattern, a regular expression as Git defines it. Keys
// are in lower case. If a key has several values, it returns the last one.
func Config(ctx context.Context, dir, pattern string) (map[string]string, error) {
	if installed() {
		return command{dir: dir}.config(ctx, pattern)
	}
	dirs, ok, err := Discover(dir)
	if err != nil {
		return nil, err
	}
	if ok {
		return files{dirs}.settings(ctx, pattern)
	}
	config, err := gitconfig.Load(gitconfig.Sources{})
	if err != nil {
		return nil, err
	}
	return matching(config, pattern)
}

// ConfigOf is like Config for the configuration of a repository.
func ConfigOf(ctx context.Context, dirs Dirs, pattern string) (map[string]string, error) {
	return dirs.refs().settings(ctx, pattern)
}

func (p program) settings(ctx context.Context, pattern string) (map[string]string, error) {
	return p.command().config(ctx, pattern)
}

func (c command) config(ctx context.Context, pattern string) (map[string]string, error) {
	out, err := c.run(ctx, "config", "-z", "--get-regexp", pattern)
	values := map[string]string{}
	for entry := range strings.SplitSeq(string(out), "\x00") {
		if key, value, ok := strings.Cut(entry, "\n"); ok {
			values[key] = value
		}
	}
	if len(values) == 0 && err != nil && !errors.Is(err, ErrNoGit) && ctx.Err() == nil {
		return values, nil // nothing matches: exit status 1
	}
	return values, err
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
