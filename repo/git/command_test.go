package git

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

// TestError: a call that fails says which command, its exit status and Git's own reason.
func TestError(t *testing.T) {
	r, dirs := plain(t)
	_, err := Run(t.Context(), r.Dir, "-c", "x.y=z", "--no-pager", "cat-file", "-p", "absent")
	var failed *Error
	if !errors.As(err, &failed) || failed.Command != "cat-file" || failed.Code != 128 ||
		!strings.Contains(failed.Message, "absent") || strings.HasPrefix(failed.Message, "fatal") {
		t.Errorf("%+v", failed)
	}
	if _, err := Run(cancelled(t), r.Dir, "version"); !errors.Is(err, context.Canceled) {
		t.Errorf("a call that was cancelled: %v", err)
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := Run(t.Context(), r.Dir, "version"); !errors.Is(err, ErrNoGit) {
		t.Errorf("without Git: %v", err)
	}
	if _, err := ReadHead(t.Context(), r.Dir); !errors.Is(err, ErrNoGit) {
		t.Errorf("without Git: %v", err)
	}
	if err := InstallLFS(t.Context(), dirs); !errors.Is(err, ErrNoLFS) {
		t.Errorf("without Git LFS: %v", err)
	}
	if err := PushLFS(t.Context(), dirs, "origin", "HEAD"); !errors.Is(err, ErrNoLFS) {
		t.Errorf("without Git LFS: %v", err)
	}
	if err := Smudge(t.Context(), dirs, nil, "x", io.Discard); !errors.Is(err, ErrNoLFS) {
		t.Errorf("without Git LFS: %v", err)
	}
}

// TestMessage: the reason is the first line that says what is wrong; warnings and hints come before it.
func TestMessage(t *testing.T) {
	for output, want := range map[string]string{
		"":                              "",
		"fatal: no such thing\n":        "no such thing",
		"error: first\nfatal: second":   "first",
		"warning: x\nfatal: y\nhint: z": "y",
		"something else\nmore\n":        "something else",
		"\n  error: indented\r\n":       "indented",
	} {
		var b stderrBuffer
		_, _ = b.Write([]byte(output))
		equal(t, output, b.message(), want)
	}
	var b stderrBuffer
	for range 100 {
		n, err := b.Write(bytes.Repeat([]byte("x"), 1000))
		if n != 1000 || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
	}
	equal(t, "what is kept of a long output", b.Len(), 64<<10)
	equal(t, "transient",
		IsTransient(&Error{Output: "error: unable to create temporary file: No such file or directory\n"}), true)
	equal(t, "transient", IsTransient(&Error{Output: "error: disk full\n"}), false)
	equal(t, "transient", IsTransient(nil), false)
	for _, args := range [][]string{{"-c", "a=b", "-c", "c=d", "--no-pager", "log"}, {"log", "-1"}} {
		equal(t, "subcommand", subcommand(args), "log")
	}
	equal(t, "subcommand", subcommand([]string{"--version"}), "--version")
}

// TestUserEnvironment: variables of the user change neither what plumbing prints nor where it writes.
func TestUserEnvironment(t *testing.T) {
	r, dirs := plain(t)
	for name, value := range map[string]string{
		"GIT_DIFF_OPTS": "-u9", "GIT_EXTERNAL_DIFF": "false", "GIT_LITERAL_PATHSPECS": "1", "GIT_ICASE_PATHSPECS": "1",
		"GIT_PREFIX":       "src/",
		"GIT_DEFAULT_HASH": "sha256", "LC_ALL": "de_DE.UTF-8", "LANGUAGE": "de", "GIT_PAGER": "false", "GIT_TRACE2": "0",
	} {
		t.Setenv(name, value)
	}
	head, err := ReadHead(t.Context(), r.Dir)
	check(t, err)
	equal(t, "ReadHead", head, Head{Commit: r.Head, Branch: "main"})
	_, err = Commit(t.Context(), dirs, "absent")
	if !errors.Is(err, ErrNoRevision) {
		t.Errorf("Commit: %v", err)
	}
	var patch bytes.Buffer
	check(t, scratch(t, dirs).Difference(t.Context(), r.First, r.Head, &patch))
	equal(t, "the patch", strings.Contains(patch.String(), "+two\n"), true)
}

func TestConfig(t *testing.T) {
	r, _ := plain(t)
	r.Git("config", "runs.One", "1")
	r.Git("config", "--add", "runs.One", "two\nlines")
	r.Git("config", "runs.a.B", "x=y")
	values, err := Config(t.Context(), r.Dir, `^runs\.`)
	check(t, err)
	equal(t, "values", len(values), 2)
	equal(t, "the last value counts", values["runs.one"], "two\nlines")
	equal(t, "an equals sign", values["runs.a.b"], "x=y")
	values, err = Config(t.Context(), r.Dir, `^absent\.`)
	check(t, err)
	equal(t, "no value", len(values), 0)
}

// TestCoprocess: a process of Git that has ended says why.
func TestCoprocess(t *testing.T) {
	_, dirs := plain(t)
	p, err := dirs.command().start(t.Context(), "cat-file", "--no-such-option")
	check(t, err)
	_, err = p.out.ReadString('\n')
	var failed *Error
	if err := p.failed(err); !errors.As(err, &failed) || failed.Command != "cat-file" ||
		!strings.Contains(failed.Message, "no-such-option") {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	trees, err := OpenTrees(ctx, dirs)
	check(t, err)
	cancel()
	trees.Close() // does not wait for ever
	if _, err := trees.Blob(strings.Repeat("1", 40), 1); err == nil {
		t.Error("a process that has ended answers")
	}
}

func TestSleep(t *testing.T) {
	check(t, sleep(t.Context(), time.Microsecond))
	if err := sleep(cancelled(t), time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("sleep: %v", err)
	}
}
