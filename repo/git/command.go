package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// ErrNoGit says that the git binary is not on the PATH.
var ErrNoGit = errors.New("git is not installed")

// Run runs git in dir and returns what it prints. An error carries git's own first line.
func Run(ctx context.Context, dir string, args ...string) ([]byte, error) {
	path, err := exec.LookPath("git")
	if err != nil {
		return nil, ErrNoGit
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir = dir
	// A reading command takes no lock that a person's own git could stumble over, and asks nobody for a password.
	cmd.Env = append(os.Environ(), "GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0", "LC_ALL=C")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		line, _, _ := strings.Cut(strings.TrimSpace(stderr.String()), "\n")
		if line == "" {
			line = err.Error()
		}
		return stdout.Bytes(), fmt.Errorf("git %s: %s", subcommand(args), line)
	}
	return stdout.Bytes(), nil
}

func subcommand(args []string) string {
	for _, arg := range args {
		if !strings.HasPrefix(arg, "-") {
			return arg
		}
	}
	return strings.Join(args, " ")
}

// Config returns the values of the configuration keys that match pattern, a regular expression as git reads it; keys in
// lower case, the last value of each.
func Config(ctx context.Context, dir, pattern string) (map[string]string, error) {
	out, err := Run(ctx, dir, "config", "-z", "--get-regexp", pattern)
	values := map[string]string{}
	for entry := range strings.SplitSeq(string(out), "\x00") {
		if key, value, ok := strings.Cut(entry, "\n"); ok {
			values[key] = value
		}
	}
	if len(values) == 0 && err != nil && !errors.Is(err, ErrNoGit) && ctx.Err() == nil {
		return values, nil // nothing matches: git's exit status 1
	}
	return values, err
}

// Head is where a working tree stands.
type Head struct {
	Commit string // empty before the first commit
	Branch string // empty when detached
	Dirty  bool   // something outside .runs differs from Commit, untracked files included
}

// ReadHead asks git status, which neither takes a lock nor refreshes the index.
func ReadHead(ctx context.Context, root string) (Head, error) {
	out, err := Run(ctx, root, "--no-optional-locks", "status", "--porcelain=v2", "--branch", "-z",
		"--untracked-files=normal", "--ignore-submodules=none", "--", ".", ":(exclude,glob)**/.runs/**")
	if err != nil {
		return Head{}, err
	}
	var h Head
	for entry := range strings.SplitSeq(string(out), "\x00") {
		switch {
		case strings.HasPrefix(entry, "# branch.oid "):
			if oid := entry[len("# branch.oid "):]; oid != "(initial)" {
				h.Commit = oid
			}
		case strings.HasPrefix(entry, "# branch.head "):
			if name := entry[len("# branch.head "):]; name != "(detached)" {
				h.Branch = name
			}
		case entry != "" && entry[0] != '#':
			h.Dirty = true
		}
	}
	return h, nil
}

// RemoteWithoutCredentials returns a remote's URL as it may be committed.
func RemoteWithoutCredentials(url string) string {
	scheme, rest, ok := strings.Cut(url, "://")
	if !ok {
		return url // a path, or host:path with at most a user name
	}
	host, path, _ := strings.Cut(rest, "/")
	if at := strings.LastIndexByte(host, '@'); at >= 0 {
		host = host[at+1:]
	}
	if path, _, _ = strings.Cut(path, "?"); path == "" {
		return scheme + "://" + host
	}
	return scheme + "://" + host + "/" + path
}
