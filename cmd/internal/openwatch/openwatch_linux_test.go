//go:build amd64 || arm64

package openwatch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gitruns/runs/cmd/internal/program"
)

// Roles make the test binary a process that runs a program, which a test may stop or kill. The value is the file for
// the paths that the program opens.
const (
	watchRole = "OPENWATCH_TEST_WATCH"
	plainRole = "OPENWATCH_TEST_PLAIN"
)

func TestMain(m *testing.M) {
	if status, ours := Main(os.Args[1:]); ours {
		os.Exit(status)
	}
	for _, role := range []string{watchRole, plainRole} {
		if log := os.Getenv(role); log != "" {
			_ = os.Unsetenv(role)
			os.Exit(runProgram(log, role == watchRole))
		}
	}
	os.Exit(m.Run())
}

// runProgram runs the program of the arguments, and returns its exit status.
func runProgram(log string, watch bool) int {
	f, err := os.OpenFile(log, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o666)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	o := program.Options{
		Args: os.Args[1:], Env: os.Environ(), Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
	}
	var w *Watcher
	if watch {
		w, err = New(Options{
			Opened:   func(o Open) { fmt.Fprintf(f, "%s\n", o.Path) },
			Ran:      func(path []byte) { fmt.Fprintf(f, "ran %s\n", path) },
			Missed:   func(what string) { fmt.Fprintf(f, "missed %s\n", what) },
			Warn:     func(err error) { fmt.Fprintf(f, "warned %v\n", err) },
			Removing: func() { fmt.Fprintln(f, "removing") },
			Log:      f, Lost: "lost", Variable: "ADDED=1",
		})
		if err != nil {
			fmt.Fprintf(f, "refused: %v\n", err)
			return 1
		}
		o.Wrapper = w
	}
	res, err := program.Run(context.Background(), o)
	if w != nil {
		if w.Outlived(100 * time.Millisecond) {
			fmt.Fprintln(f, "outlived")
		}
		w.Close()
		if w.Refused() != nil {
			fmt.Fprintf(f, "refused: %v\n", w.Refused())
		}
	}
	var start *program.StartError
	if errors.As(err, &start) {
		fmt.Fprintf(os.Stderr, "not started: %v\n", start)
		return start.Code
	}
	fmt.Fprintf(os.Stderr, "[%d %s]\n", res.ExitCode, res.Signal)
	return res.ExitCode
}

// process prepares a process that runs a program in a folder, and returns the file for the paths.
func process(t *testing.T, role, dir string, args ...string) (*exec.Cmd, string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(t.TempDir(), "log")
	cmd := exec.Command(self, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), role+"="+log)
	return cmd, log
}

// watched runs a program in a folder and returns its output and the paths below the folder that it opened, relative
// and sorted.
func watched(t *testing.T, dir string, args ...string) (output string, paths []string) {
	t.Helper()
	cmd, log := process(t, watchRole, dir, args...)
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	lines := logged(t, log)
	for _, line := range lines {
		if rest, ok := strings.CutPrefix(line, dir+"/"); ok && !slices.Contains(paths, rest) {
			paths = append(paths, rest)
		}
	}
	slices.Sort(paths)
	return string(out), paths
}

// logged returns the lines of a log. It skips the test if the program could not be watched.
func logged(t *testing.T, log string) []string {
	t.Helper()
	data, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	if _, why, refused := strings.Cut(string(data), "refused: "); refused {
		t.Skipf("this system does not allow it: %s", why)
	}
	return strings.FieldsFunc(string(data), func(r rune) bool { return r == '\n' || r == 0 })
}

// folder makes a folder with files.
func folder(t *testing.T, files ...string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name+"\n"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestShellIsWatched checks that the files of all processes of a shell are seen: by their working folder, by
// redirection, through pipelines and in the background.
func TestShellIsWatched(t *testing.T) {
	dir := folder(t, "a", "b", "sub/c", "sub/d", "e", "f", "g")
	out, paths := watched(t, dir, "sh", "-c", `cat a | cat - b | sort; cd sub; cat c ../e; read x < d; (cat ../f) & wait
		cat "$0"/g; cat missing; echo x > new; ls . > /dev/null`, dir)
	want := []string{"a", "b", "sub/../e", "sub/../f", "sub/c", "sub/d", "g", "sub/.", "sub/missing", "sub/new"}
	slices.Sort(want)
	if !slices.Equal(paths, want) {
		t.Errorf("seen: %q\nwant: %q\noutput: %s", paths, want, out)
	}
}

// TestProgramsAreSeen checks that each program that a process may become is reported, with its absolute path.
func TestProgramsAreSeen(t *testing.T) {
	dir := folder(t, "p", "sub/x")
	if err := os.WriteFile(filepath.Join(dir, "p"), []byte("#!/bin/sh\n"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, "p"), 0o777); err != nil {
		t.Fatal(err)
	}
	cmd, log := process(t, watchRole, dir, "sh", "-c", "./p; cd sub; ../p; PATH=$0:$PATH; exec p", dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	lines := logged(t, log)
	for _, want := range []string{"/./p", "/sub/../p", "/p"} {
		if !slices.Contains(lines, "ran "+dir+want) {
			t.Errorf("%s is not reported: %q", want, lines)
		}
	}
}

// TestRemovalIsToldBefore checks that files exist when it is reported that they may be removed or replaced, and that
// no process is left over of a program that ends its own.
func TestRemovalIsToldBefore(t *testing.T) {
	dir := folder(t, "a", "b", "c")
	cmd, log := process(t, watchRole, dir, "sh", "-c", "cat a; rm a; cat b; mv c b; mv b d; (sleep 0.01) & wait")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	lines := logged(t, log)
	a, b := slices.Index(lines, dir+"/a"), slices.Index(lines, dir+"/b")
	if !slices.Contains(lines, dir+"/d") {
		t.Errorf("the new name is not reported: %q", lines)
	}
	first := slices.Index(lines, "removing")
	if first < a || a < 0 || b < first || !slices.Contains(lines[b:], "removing") || slices.Contains(lines, "outlived") {
		t.Errorf("%q", lines)
	}
}

// TestInheritedFilesAreSeen checks that what the program has open from the start is seen, and not what it only writes.
func TestInheritedFilesAreSeen(t *testing.T) {
	dir := folder(t, "in", "other", "out")
	cmd, log := process(t, watchRole, dir, "true")
	in, err := os.Open(filepath.Join(dir, "in"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	other, err := os.Open(filepath.Join(dir, "other"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	cmd.Stdin, cmd.ExtraFiles = in, []*os.File{other}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	lines := logged(t, log)
	for _, name := range []string{"in", "other"} {
		if !slices.Contains(lines, filepath.Join(dir, name)) {
			t.Errorf("%s is not seen: %q", name, lines)
		}
	}
}

const opener = `
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
static void *inThread(void *name) { if (open(name, O_RDONLY) < 0) exit(9); return 0; }
int main(void) {
	int dir = open("sub", O_RDONLY | O_DIRECTORY);
	if (openat(dir, "at", O_RDONLY) < 0) return 1;
#ifdef SYS_open
	if (syscall(SYS_open, "old", O_RDONLY) < 0) return 2;
	if (syscall(SYS_creat, "made", 0666) < 0) return 3;
#endif
	struct { unsigned long long flags, mode, resolve; } how = { O_RDONLY, 0, 0 };
	if (syscall(437, dir, "at2", &how, sizeof how) < 0) return 4;
	pthread_t threads[20];
	static char names[20][10];
	for (int i = 0; i < 20; i++) {
		sprintf(names[i], "t%d", i);
		if (pthread_create(&threads[i], 0, inThread, names[i])) return 5;
	}
	for (int i = 0; i < 20; i++) pthread_join(threads[i], 0);
	if (!fork()) { chdir("sub"); exit(open("forked", O_RDONLY) < 0); }
	int status;
	wait(&status);
	if (status) return 6;
	if (!vfork()) { execlp("cat", "cat", "vforked", (char *)0); _exit(1); }
	wait(&status);
	if (status) return 7;
	if (open((char *)8, O_RDONLY) >= 0) return 8;
	return 0;
}
`

// TestEveryCallIsWatched checks each call that opens files, from threads and child processes, in programs that are
// linked to the C library and that contain it.
func TestEveryCallIsWatched(t *testing.T) {
	if _, err := exec.LookPath("cc"); err != nil {
		t.Skip("it needs a C compiler, which is not installed")
	}
	want := []string{"sub/at", "sub/at2", "sub/forked", "vforked"}
	for i := range 20 {
		want = append(want, fmt.Sprintf("t%d", i))
	}
	files := slices.Clone(want)
	if kindOfOpen() {
		want, files = append(want, "old", "made"), append(files, "old")
	}
	want = append(want, "sub") // a folder
	slices.Sort(want)
	for _, flag := range []string{"-O1", "-static"} {
		dir := folder(t, files...)
		source, binary := filepath.Join(t.TempDir(), "a.c"), filepath.Join(t.TempDir(), "a")
		if err := os.WriteFile(source, []byte(opener), 0o666); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("cc", "-w", flag, "-o", binary, source, "-pthread").CombinedOutput(); err != nil {
			t.Logf("cc %s: %v: %s", flag, err, out)
			continue
		}
		out, paths := watched(t, dir, binary)
		if !slices.Equal(paths, want) || !strings.Contains(out, "[0 ]") {
			t.Errorf("%s: seen: %q\nwant: %q\noutput: %s", flag, paths, want, out)
		}
	}
}

// kindOfOpen reports whether this architecture has the call open.
func kindOfOpen() bool {
	return slices.ContainsFunc(tables[0].calls, func(c call) bool { return c.kind == open })
}

// TestProgramIsUnchanged checks that a program does the same with the filter and without: output, exit status, signals,
// environment, descriptors, process group, limits, and the errors of starting it.
func TestProgramIsUnchanged(t *testing.T) {
	dir := folder(t, "a", "b")
	for name, text := range map[string]string{
		"no-interpreter": "#!/nonexistent/sh\n", "no-format": "\x01\x02\x03", "no-permission": "#!/bin/sh\n",
		"script": "#!/bin/sh\necho \"$0\" \"$@\"\n",
	} {
		mode := os.FileMode(0o755)
		if name == "no-permission" {
			mode = 0o644
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	shell := func(script string) []string { return []string{"sh", "-c", script} }
	numbers := regexp.MustCompile(`\d{3,}`)
	for _, args := range [][]string{
		shell("exit 7"), shell("kill -TERM $$"), shell("kill -SEGV $$"), shell("kill -KILL $$"),
		{"true"},
		{"false"},
		shell("env | grep -v ADDED | sort"), shell("pwd; umask; ulimit -n; ulimit -Hn; ulimit -s; nice"),
		shell("ls -l /proc/self/fd | sed 's/.*[0-9] \\([0-9]* ->\\)/\\1/; s/\\[.*//; /proc/d'"),
		shell("grep -E '^(Sig[^Q]|Shd|Cap|Groups|Uid|Gid|Umask|TracerPid)' /proc/self/status"),
		shell("read -r l < /proc/$$/stat; set -- $l; [ $1 = $5 ] && echo leads its group; [ $1 = $6 ] && echo session"),
		shell("tr '\\0' ' ' < /proc/$$/cmdline; readlink /proc/$$/exe"),
		shell("seq 1000 | sort -n | tail -1; seq 5 | head -2"), shell("cat; echo end"),
		shell("(exit 4) & wait $!; echo $?"), shell("trap 'echo got' USR1; kill -USR1 $$; echo end"),
		// Whether the shell tells of the signal depends on when it waits.
		shell("exec 2>/dev/null; sleep 10 & kill -STOP $!; kill -CONT $!; kill -TERM $!; wait $!; echo $?"),
		shell("cat a missing b"), shell("cat " + strings.Repeat("x", 5000)), shell("cat " + strings.Repeat("x/", 2500)),
		shell("timeout 0.1 sleep 5"), shell("echo x > a/b"), shell("echo x > /dev/full"),
		shell("cat < /dev/null > new; cat new"),
		{"./no-interpreter"},
		{"./no-format"},
		{"./no-permission"},
		{"./missing"},
		{"."},
		{"./script", "x", ""},
	} {
		run := func(role string) string {
			cmd, log := process(t, role, dir, args...)
			cmd.Stdin = strings.NewReader("input\n")
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			_ = cmd.Run()
			if role == watchRole {
				logged(t, log)
			}
			text := fmt.Sprintf("%s\n%s\n%d", stdout.String(), stderr.String(), cmd.ProcessState.ExitCode())
			return numbers.ReplaceAllStringFunc(text, func(n string) string {
				if len(n) >= 16 { // a mask, not a process
					return n
				}
				return "N"
			})
		}
		if plain, with := run(plainRole), run(watchRole); plain != with {
			t.Errorf("%q: without:\n%s\nwith:\n%s", args, plain, with)
		}
	}
}

// TestVariableIsAdded checks that a watched program learns that it is watched.
func TestVariableIsAdded(t *testing.T) {
	out, _ := watched(t, folder(t), "sh", "-c", `echo "added $ADDED"`)
	if !strings.HasPrefix(out, "added 1\n") {
		t.Errorf("output: %s", out)
	}
}

// begun starts a shell that waits for the file go and then reads a file after the other. It returns once it waits.
func begun(t *testing.T, dir string) (cmd *exec.Cmd, log string) {
	t.Helper()
	cmd, log = process(t, watchRole, dir, "sh", "-c",
		`echo $$ > began; until [ -e go ]; do sleep 0.02; done; for i in 1 2 3 4 5 6; do cat a >> read || exit 1; done
		(cat b >> read; mv read done) &`)
	cmd.Stdout, cmd.Stderr = nil, nil
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, func() bool {
		data, _ := os.ReadFile(filepath.Join(dir, "began"))
		text, _ := os.ReadFile(log)
		return len(data) > 0 || strings.Contains(string(text), "refused: ")
	})
	logged(t, log)
	return cmd, log
}

// until waits until a condition holds.
func until(t *testing.T, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it never held")
		}
	}
}

// wroteAll checks that the program of begun has read all files.
func wroteAll(t *testing.T, dir string) {
	t.Helper()
	done := filepath.Join(dir, "done")
	until(t, func() bool { _, err := os.Stat(done); return err == nil })
	if data, err := os.ReadFile(done); err != nil || string(data) != strings.Repeat("a\n", 6)+"b\n" {
		t.Errorf("read: %q, %v", data, err)
	}
}

func release(t *testing.T, dir string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "go"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
}

// TestProgramOutlivesItsWatcher checks that the program goes on if the process that watches it is killed, and that the
// log tells that files were opened unseen.
func TestProgramOutlivesItsWatcher(t *testing.T) {
	dir := folder(t, "a", "b")
	cmd, log := begun(t, dir)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	release(t, dir)
	wroteAll(t, dir)
	if lines := logged(t, log); !slices.Contains(lines, "lost") {
		t.Errorf("the log does not tell it: %q", lines)
	}
	noGuard(t, log)
}

// TestWatcherIsKilledWhileItAnswers kills the watching process at many moments while the program opens files without a
// pause: a call that it was about to answer must not wait for ever.
func TestWatcherIsKilledWhileItAnswers(t *testing.T) {
	dir := folder(t, "a")
	for i := range 8 {
		done := fmt.Sprintf("done%d", i)
		cmd, log := process(t, watchRole, dir, "sh", "-c",
			`echo > began; i=0; while [ $i -lt 3000 ]; do read x < a; i=$((i+1)); done; echo $i > "$0"`, done)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		until(t, func() bool {
			_, err := os.Stat(filepath.Join(dir, "began"))
			text, _ := os.ReadFile(log)
			return err == nil || strings.Contains(string(text), "refused: ")
		})
		time.Sleep(time.Duration(i*3) * time.Millisecond)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		logged(t, log)
		until(t, func() bool { data, _ := os.ReadFile(filepath.Join(dir, done)); return string(data) == "3000\n" })
		_ = os.Remove(filepath.Join(dir, "began"))
	}
}

// TestProgramGoesOnWhileItsWatcherIsStopped checks that the program does not wait for a stopped process.
func TestProgramGoesOnWhileItsWatcherIsStopped(t *testing.T) {
	dir := folder(t, "a", "b")
	cmd, log := begun(t, dir)
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	release(t, dir)
	wroteAll(t, dir)
	if err := cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the program ended with %v", err)
	}
	if lines := logged(t, log); !slices.Contains(lines, "lost") {
		t.Errorf("the log does not tell it: %q", lines)
	}
	noGuard(t, log)
}

// TestProcessesOutliveTheProgram checks that a process that the program left running can open files after the watching
// process has ended by itself.
func TestProcessesOutliveTheProgram(t *testing.T) {
	dir := folder(t, "a")
	cmd, log := process(t, watchRole, dir, "sh", "-c",
		`(until [ -e go ]; do sleep 0.02; done; cat a > left; mv left done) > /dev/null 2>&1 &`)
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(logged(t, log), "outlived") {
		t.Error("nothing tells that a process is left")
	}
	release(t, dir)
	until(t, func() bool { data, _ := os.ReadFile(filepath.Join(dir, "done")); return string(data) == "a\n" })
	noGuard(t, log)
}

// noGuard checks that the guard, which has the log open, ends.
func noGuard(t *testing.T, log string) {
	t.Helper()
	until(t, func() bool {
		links, _ := filepath.Glob("/proc/[0-9]*/fd/5")
		return !slices.ContainsFunc(links, func(link string) bool { to, _ := os.Readlink(link); return to == log })
	})
}

// TestDebuggersWork checks that a watched program can trace its own children, and itself has no tracer.
func TestDebuggersWork(t *testing.T) {
	if _, err := exec.LookPath("strace"); err != nil {
		t.Skip("it needs strace, which is not installed")
	}
	dir := folder(t, "a")
	out, paths := watched(t, dir, "strace", "-f", "-e", "trace=openat", "-o", "/dev/stderr", "cat", "a")
	if !slices.Contains(paths, "a") || !strings.Contains(out, `"a", O_RDONLY`) || !strings.Contains(out, "[0 ]") {
		t.Errorf("seen: %q, output: %s", paths, out)
	}
}

// TestWatchedWithinWatched checks that a program that watches others works within a watched one: there can be only one
// filter, so it runs its program without.
func TestWatchedWithinWatched(t *testing.T) {
	dir := folder(t, "a")
	inner := filepath.Join(t.TempDir(), "inner")
	cmd, log := process(t, watchRole, dir, "sh", "-c", `export `+watchRole+`="$1"; exec "$0" cat a`, os.Args[0], inner)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "a\n") {
		t.Errorf("%v: %s", err, out)
	}
	if lines := logged(t, log); !slices.Contains(lines, filepath.Join(dir, "a")) {
		t.Errorf("the outer one has not seen it: %q", lines)
	}
	data, err := os.ReadFile(inner)
	if err != nil || !strings.Contains(string(data), "another program already watches") {
		t.Errorf("the inner log: %q, %v", data, err)
	}
}

// TestOtherMountsAreReported checks that a process whose paths may mean other files is reported, and that one which has
// only left other namespaces is watched.
func TestOtherMountsAreReported(t *testing.T) {
	if err := exec.Command("unshare", "-m", "true").Run(); err != nil {
		t.Skipf("it needs unshare and the right to use it: %v", err)
	}
	dir := folder(t, "a", "b")
	cmd, log := process(t, watchRole, dir, "sh", "-c", "unshare -m cat a; unshare -u cat b")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	lines := logged(t, log)
	if slices.Contains(lines, filepath.Join(dir, "a")) || !slices.Contains(lines, filepath.Join(dir, "b")) ||
		!slices.Contains(lines, "missed "+errOtherRoot.Error()) {
		t.Errorf("seen: %q", lines)
	}
}

// TestOrdinaryUser checks that no rights are needed, and that they are given up then.
func TestOrdinaryUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("the other tests run as an ordinary user already")
	}
	dir := folder(t, "a")
	cmd, log := process(t, watchRole, dir, "sh", "-c", "cat a; grep -E 'NoNewPrivs|CapEff' /proc/self/status")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	self, err := os.Open(cmd.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = self.Close() }()
	cmd.Path = "/proc/self/fd/3" // the folder of the binary may be closed to others
	cmd.ExtraFiles = []*os.File{self}
	for path := dir; path != "/"; path = filepath.Dir(path) {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode()&0o005 != 0o005 {
			if err := os.Chmod(path, info.Mode()|0o005); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.Chmod(path, info.Mode()) })
		}
	}
	if err := os.WriteFile(log, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(log, 0o666), os.Chmod(filepath.Dir(log), 0o755)); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if lines := logged(t, log); !slices.Contains(lines, filepath.Join(dir, "a")) {
		t.Errorf("a is not seen: %q", lines)
	}
	if text := string(out); !strings.Contains(text, "a\n") || !strings.Contains(text, "NoNewPrivs:\t1") ||
		!strings.Contains(text, "CapEff:\t0000000000000000") {
		t.Errorf("output: %s", text)
	}
}

// TestFilterSelects checks which calls the filter reports, by running its code.
func TestFilterSelects(t *testing.T) {
	code := filter()
	native, other := tables[0].arch, tables[1].arch
	for _, c := range []struct {
		what   string
		arch   uint32
		number uint32
		args   [6]uint64
		want   uint32
	}{
		{"openat", native, unix.SYS_OPENAT, [6]uint64{}, unix.SECCOMP_RET_USER_NOTIF},
		{"openat of a folder", native, unix.SYS_OPENAT, [6]uint64{2: unix.O_DIRECTORY}, unix.SECCOMP_RET_USER_NOTIF},
		{"openat by name", native, unix.SYS_OPENAT, [6]uint64{2: unix.O_PATH}, unix.SECCOMP_RET_ALLOW},
		{"openat2", native, unix.SYS_OPENAT2, [6]uint64{}, unix.SECCOMP_RET_USER_NOTIF},
		{"read", native, unix.SYS_READ, [6]uint64{}, unix.SECCOMP_RET_ALLOW},
		{"execve", native, unix.SYS_EXECVE, [6]uint64{}, unix.SECCOMP_RET_USER_NOTIF},
		{"clone", native, unix.SYS_CLONE, [6]uint64{0: unix.CLONE_VM}, unix.SECCOMP_RET_ALLOW},
		{"clone with mounts", native, unix.SYS_CLONE, [6]uint64{0: unix.CLONE_NEWNS}, unix.SECCOMP_RET_USER_NOTIF},
		{"io_uring_setup", native, unix.SYS_IO_URING_SETUP, [6]uint64{}, unix.SECCOMP_RET_USER_NOTIF},
		{"open of 32 bits", other, 5, [6]uint64{}, unix.SECCOMP_RET_USER_NOTIF},
		{"read of 32 bits", other, 3, [6]uint64{}, unix.SECCOMP_RET_ALLOW},
		{"another architecture", 1, unix.SYS_OPENAT, [6]uint64{}, unix.SECCOMP_RET_ALLOW},
	} {
		if got := evaluate(t, code, c.arch, c.number, c.args); got != c.want {
			t.Errorf("%s: %#x, want %#x", c.what, got, c.want)
		}
	}
	for _, table := range tables {
		for _, c := range table.calls {
			args := [6]uint64{}
			if c.kind == clone {
				args[0] = unix.CLONE_NEWNS
			}
			if got := evaluate(t, code, table.arch, c.number, args); got != unix.SECCOMP_RET_USER_NOTIF {
				t.Errorf("call %d of %#x is not reported", c.number, table.arch)
			}
		}
	}
}

// evaluate runs the code of a filter.
func evaluate(t *testing.T, code []unix.SockFilter, arch, number uint32, args [6]uint64) uint32 {
	t.Helper()
	value := uint32(0)
	for at := 0; at < len(code); at++ {
		holds := false
		switch in := code[at]; in.Code {
		case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
			switch in.K {
			case atNumber:
				value = number
			case atArch:
				value = arch
			default:
				value = uint32(args[(in.K-atArgs)/8])
			}
			continue
		case unix.BPF_RET | unix.BPF_K:
			return in.K
		case unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K:
			holds = value == in.K
		case unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K:
			holds = value&in.K != 0
		default:
			t.Fatalf("unknown instruction %#x", in.Code)
		}
		if holds {
			at += int(code[at].Jt)
		} else {
			at += int(code[at].Jf)
		}
	}
	t.Fatal("the filter has no end")
	return 0
}

// TestKernelVersions checks which kernels are recent enough.
func TestKernelVersions(t *testing.T) {
	for release, want := range map[string]bool{
		"5.9.0": true, "5.10.0-8-amd64": true, "5.8.18": false, "4.18.0-305.el8": false, "6.1": true, "10.0-rc1": true,
		"": false, "x.y": false, "5": false, "5.": false, "5.9-rc1": true,
	} {
		if got := atLeast(release, 5, 9); got != want {
			t.Errorf("%q: %v", release, got)
		}
	}
}
