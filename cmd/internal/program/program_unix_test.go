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

// outcome is the result of a program with its output.
type outcome struct {
	Result
	out, err, log string
}

// buffer keeps output. It calls ready, if that is not nil, once the output contains "ready".
type buffer struct {
	mu    sync.Mutex
	b     bytes.Buffer
	ready func()
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, err := b.b.Write(p)
	if b.ready != nil && bytes.Contains(b.b.Bytes(), []byte("ready")) {
		b.ready()
	}
	return n, err
}

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

// options run a program with files as its console.
func options(t *testing.T, args ...string) Options {
	t.Helper()
	return Options{
		Args: args, Dir: t.TempDir(), Env: os.Environ(),
		Stdin: tempFile(t, ""), Stdout: tempFile(t, ""), Stderr: tempFile(t, ""),
	}
}

// runScript runs a program with pipes for its console.
func runScript(t *testing.T, stdin string, args ...string) outcome {
	t.Helper()
	var log buffer
	o := options(t, args...)
	o.Stdin, o.Log = tempFile(t, stdin), &log
	res, err := Run(t.Context(), o)
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
	return outcome{res, read(o.Stdout), read(o.Stderr), log.String()}
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
		if got.ExitCode != c.code || got.Signal != c.signal || got.out != c.out || got.err != c.err ||
			c.logs != "" && got.log != c.logs {
			t.Errorf("%s: %+v", c.script, got)
		}
		if time.Since(start) > 20*time.Second {
			t.Errorf("%s: waited for a process that the program left running", c.script)
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
		_, err := Run(t.Context(), options(t, c.name))
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
	o := options(t, "sh", "-c", "while :; do echo x; done")
	o.Stdout = pw
	res, err := Run(t.Context(), o)
	if err != nil || res.Signal != "SIGPIPE" && res.ExitCode == 0 {
		t.Errorf("%+v, %v", res, err)
	}
}

func TestCancelledContextEndsTheProgram(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	o := options(t, "sleep", "60")
	o.Started = func(int) { cancel() }
	res, err := Run(ctx, o)
	if err != nil || res.Signal != "SIGTERM" {
		t.Errorf("%+v, %v", res, err)
	}
}

func TestSignalsArePassedOn(t *testing.T) {
	const loop = "; echo ready; while :; do sleep 0.05; done"
	term, interrupt := syscall.SIGTERM, syscall.SIGINT
	for _, c := range []struct {
		name, script     string
		send             []syscall.Signal
		code, interrupts int
		signal, received string
	}{
		{"term", "trap 'echo bye; exit 5' TERM" + loop, []syscall.Signal{term}, 5, 0, "", "SIGTERM"},
		{"one interrupt asks", "trap 'exit 6' INT" + loop, []syscall.Signal{interrupt}, 6, 1, "", "SIGINT"},
		{"two kill", "trap '' INT" + loop, []syscall.Signal{interrupt, interrupt}, 137, 2, "SIGKILL", "SIGINT"},
		{"usr1 does not ask for an end", "trap 'exit 8' USR1" + loop, []syscall.Signal{syscall.SIGUSR1}, 8, 0, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			ready := make(chan struct{})
			log := buffer{ready: sync.OnceFunc(func() { close(ready) })}
			go func() {
				select {
				case <-ready:
				case <-ctx.Done():
					return
				}
				for _, s := range c.send {
					_ = syscall.Kill(os.Getpid(), s)
					time.Sleep(200 * time.Millisecond) // two signals of a kind at once are one
				}
			}()
			o := options(t, "sh", "-c", c.script)
			o.Log = &log
			res, err := Run(ctx, o)
			if err != nil || res.ExitCode != c.code || res.Signal != c.signal || res.Received != c.received ||
				res.Interrupts != c.interrupts {
				t.Errorf("%+v, %v", res, err)
			}
		})
	}
}

// onTerminal runs a script with a pseudo-terminal of the test as our terminal. It returns the log, and the settings of
// the terminal before and after.
func onTerminal(
	t *testing.T, script string, use func(keys *os.File, screen *buffer),
) (res Result, output string, before, after *unix.Termios) {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = master.Close(), slave.Close() }()
	if err := pty.Setsize(master, &pty.Winsize{Rows: 33, Cols: 77}); err != nil {
		t.Fatal(err)
	}
	before, err = unix.IoctlGetTermios(int(slave.Fd()), getTermios)
	if err != nil {
		t.Fatal(err)
	}
	var screen, log buffer
	var reading sync.WaitGroup
	reading.Go(func() { _, _ = io.Copy(&screen, master) })
	var using sync.WaitGroup
	using.Go(func() { use(master, &screen) })
	o := options(t, "sh", "-c", script)
	o.Stdin, o.Stdout, o.Stderr, o.Log = slave, slave, slave, &log
	res, err = Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	using.Wait()
	after, err = unix.IoctlGetTermios(int(slave.Fd()), getTermios)
	if err != nil {
		t.Fatal(err)
	}
	_ = slave.Close()
	reading.Wait()
	return res, log.String(), before, after
}

func TestTerminal(t *testing.T) {
	const script = `test -t 0 && test -t 1 && test -t 2 && stty size; printf '\033[1mx\033[0m'; (sleep 30 &) ; exit 4`
	res, log, before, after := onTerminal(t, script, func(*os.File, *buffer) {})
	if res.ExitCode != 4 || !strings.Contains(log, "33 77") || !strings.Contains(log, "\x1b[1mx") {
		t.Errorf("%+v %q", res, log)
	}
	if *before != *after {
		t.Error("the settings of the terminal are changed")
	}
}
