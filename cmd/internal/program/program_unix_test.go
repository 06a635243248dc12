//go:build !windows

package program

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// outcome runs a shell script with pipes for its console.
type outcome struct {
	Result
	out, err, log string
}

type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) { b.mu.Lock(); defer b.mu.Unlock(); return b.b.Write(p) }

func (b *buffer) String() string { b.mu.Lock(); defer b.mu.Unlock(); return b.b.String() }

func tempFile(t *testing.T, content string) *os.File {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(content); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func runScript(t *testing.T, stdin string, args ...string) outcome {
	t.Helper()
	out, errs := tempFile(t, ""), tempFile(t, "")
	var log buffer
	res, err := Run(t.Context(), Options{Args: args, Dir: t.TempDir(), Env: os.Environ(), Stdin: tempFile(t, stdin), Stdout: out, Stderr: errs, Log: &log})
	if err != nil {
		t.Fatal(err)
	}
	read := func(f *os.File) string {
		data, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	return outcome{res, read(out), read(errs), log.String()}
}

func TestOutcomes(t *testing.T) {
	for _, c := range []struct {
		script         string
		code           int
		signal         string
		out, err, logs string
	}{
		{"exit 3", 3, "", "", "", ""},
		{"echo a; echo b >&2; exit 0", 0, "", "a\n", "b\n", ""},
		{"kill -9 $$", 137, "SIGKILL", "", "", ""},
		{"kill -TERM $$", 143, "SIGTERM", "", "", ""},
		{"cat", 0, "", "input", "", "input"},
		{`test -t 1 || echo pipe; printf '\033[1m'`, 0, "", "pipe\n\x1b[1m", "", "pipe\n\x1b[1m"},
		{"(sleep 30; echo late) & echo early", 0, "", "early\n", "", "early\n"},
		{"trap 'exit 7' USR1; kill -USR1 $$; sleep 1", 7, "", "", "", ""},
	} {
		start := time.Now()
		got := runScript(t, "input", "sh", "-c", c.script)
		if got.ExitCode != c.code || got.Signal != c.signal || got.out != c.out || got.err != c.err || c.logs != "" && got.log != c.logs {
			t.Errorf("%s: %+v", c.script, got)
		}
		if time.Since(start) > 20*time.Second {
			t.Errorf("%s: what was left running was waited for", c.script)
		}
	}
}

func TestArgumentsAreExact(t *testing.T) {
	args := []string{"a b", "", "$HOME", "*", "\xff\xfe", "new\nline", "--x=\"y\""}
	got := runScript(t, "", append([]string{"sh", "-c", `for a in "$@"; do printf '%s\001' "$a"; done`, "sh"}, args...)...)
	if want := strings.Join(args, "\x01") + "\x01"; got.out != want {
		t.Errorf("%q, want %q", got.out, want)
	}
}

func TestLargeOutput(t *testing.T) {
	got := runScript(t, "", "sh", "-c", "head -c 20000000 /dev/zero | tr '\\0' x")
	if len(got.out) != 20_000_000 || len(got.log) != 20_000_000 {
		t.Errorf("%d bytes out, %d in the log", len(got.out), len(got.log))
	}
}

func TestCannotStart(t *testing.T) {
	script := tempFile(t, "#!/bin/sh\n")
	for _, c := range []struct {
		name string
		code int
	}{{"no-such-program", 127}, {"./no/such", 127}, {script.Name(), 126}} {
		_, err := Run(t.Context(), Options{Args: []string{c.name}, Dir: t.TempDir(), Stdin: tempFile(t, ""), Stdout: tempFile(t, ""), Stderr: tempFile(t, "")})
		var start *StartError
		if !errors.As(err, &start) || start.Code != c.code {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestClosedOutputEndsTheProgram(t *testing.T) {
	pr, pw, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = pr.Close()
	res, err := Run(t.Context(), Options{Args: []string{"sh", "-c", "while :; do echo x; done"}, Dir: t.TempDir(), Env: os.Environ(), Stdin: tempFile(t, ""), Stdout: pw, Stderr: tempFile(t, "")})
	if err != nil || res.Signal != "SIGPIPE" && res.ExitCode == 0 {
		t.Errorf("%+v, %v", res, err)
	}
}

func TestCancelledContextEndsTheProgram(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	res, err := Run(ctx, Options{
		Args: []string{"sleep", "60"}, Dir: t.TempDir(), Env: os.Environ(), Stdin: tempFile(t, ""), Stdout: tempFile(t, ""), Stderr: tempFile(t, ""),
		Started: func(int) { cancel() },
	})
	if err != nil || res.Signal != "SIGTERM" {
		t.Errorf("%+v, %v", res, err)
	}
}

// wait polls until ok holds.
func wait(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

func TestSignalsArePassedOn(t *testing.T) {
	for _, c := range []struct {
		name, script     string
		send             []syscall.Signal
		code, interrupts int
		signal, received string
	}{
		{"term", "trap 'echo bye; exit 5' TERM; echo ready; while :; do sleep 0.05; done", []syscall.Signal{syscall.SIGTERM}, 5, 0, "", "SIGTERM"},
		{"one interrupt asks", "trap 'exit 6' INT; echo ready; while :; do sleep 0.05; done", []syscall.Signal{syscall.SIGINT}, 6, 1, "", "SIGINT"},
		{"two kill", "trap '' INT; echo ready; while :; do sleep 0.05; done", []syscall.Signal{syscall.SIGINT, syscall.SIGINT}, 137, 2, "SIGKILL", "SIGINT"},
		{"usr1 asks for no end", "trap 'exit 8' USR1; echo ready; while :; do sleep 0.05; done", []syscall.Signal{syscall.SIGUSR1}, 8, 0, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log buffer
			go func() {
				wait(t, "the program is ready", func() bool { return strings.Contains(log.String(), "ready") })
				for _, s := range c.send {
					_ = syscall.Kill(os.Getpid(), s)
					time.Sleep(200 * time.Millisecond) // two signals of a kind at once are one
				}
			}()
			res, err := Run(t.Context(), Options{Args: []string{"sh", "-c", c.script}, Dir: t.TempDir(), Env: os.Environ(), Stdin: tempFile(t, ""), Stdout: tempFile(t, ""), Stderr: tempFile(t, ""), Log: &log})
			if err != nil || res.ExitCode != c.code || res.Signal != c.signal || res.Received != c.received || res.Interrupts != c.interrupts {
				t.Errorf("%+v, %v", res, err)
			}
		})
	}
}

// onTerminal runs a script with a pseudo-terminal of the test's as our terminal.
func onTerminal(t *testing.T, script string, use func(keys *os.File, screen *buffer)) (Result, string, *unix.Termios, *unix.Termios) {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = master.Close(), slave.Close() }()
	if err := pty.Setsize(master, &pty.Winsize{Rows: 33, Cols: 77}); err != nil {
		t.Fatal(err)
	}
	before, err := unix.IoctlGetTermios(int(slave.Fd()), getTermios)
	if err != nil {
		t.Fatal(err)
	}
	var screen, log buffer
	var reading sync.WaitGroup
	reading.Go(func() { _, _ = io.Copy(&screen, master) })
	var using sync.WaitGroup
	using.Go(func() { use(master, &screen) })
	res, err := Run(t.Context(), Options{Args: []string{"sh", "-c", script}, Dir: t.TempDir(), Env: os.Environ(), Stdin: slave, Stdout: slave, Stderr: slave, Log: &log})
	if err != nil {
		t.Fatal(err)
	}
	using.Wait()
	after, err := unix.IoctlGetTermios(int(slave.Fd()), getTermios)
	if err != nil {
		t.Fatal(err)
	}
	_ = slave.Close()
	reading.Wait()
	return res, log.String(), before, after
}

func TestTerminal(t *testing.T) {
	res, log, before, after := onTerminal(t, `test -t 0 && test -t 1 && test -t 2 && stty size; printf '\033[1mx\033[0m'; (sleep 30 &) ; exit 4`, func(*os.File, *buffer) {})
	if res.ExitCode != 4 || !strings.Contains(log, "33 77") || !strings.Contains(log, "\x1b[1mx") {
		t.Errorf("%+v %q", res, log)
	}
	if *before != *after {
		t.Error("the terminal is left otherwise than it was")
	}
}
