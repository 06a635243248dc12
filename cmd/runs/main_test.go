package main

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/gitruns/runs/cmd/internal/githttp"
	"github.com/gitruns/runs/cmd/internal/openwatch"
	"github.com/gitruns/runs/cmd/internal/program"
	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/repo/git/gittest"
	"github.com/gitruns/runs/repo/launch"
	"github.com/gitruns/runs/repo/lock"
)

// hermetic runs tests in an environment that does not depend on the user or the machine.
type hermetic struct{ m *testing.M }

func (i hermetic) Run() int {
	_, done, err := gittest.Isolate()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer done()
	return i.m.Run()
}

func TestMain(m *testing.M) {
	testscript.Main(hermetic{m}, map[string]func(){
		"runs": func() {
			if serves() {
				return
			}
			lock.RemovesOpen = lock.RemovesOpen && os.Getenv("RUNS_TEST_KEEPS_OPEN") == ""
			os.Exit(run(context.Background(), os.Args[1:]))
		},
		"runs-https": func() {
			if err := githttp.Serve(context.Background(), os.Stdin, os.Stdout); err != nil {
				log.Fatal(err)
			}
		},
		"measure": measureCommand,
	})
}

// TestScripts runs the scripts of testdata/script with the real program: one file per feature, with its failure
// cases.
func TestScripts(t *testing.T) {
	for _, name := range []string{"git", "python3"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("the scripts need %s, which is not installed", name)
		}
	}
	data, err := filepath.Abs("../../testdata")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			home := filepath.Join(e.WorkDir, ".home")
			if err := os.MkdirAll(home, 0o777); err != nil {
				return err
			}
			config := "[user]\n\tname = Ada\n\temail = ada@example.org\n[init]\n\tdefaultBranch = main\n" +
				"[commit]\n\tgpgSign = false\n"
			if err := os.WriteFile(filepath.Join(home, ".gitconfig"), []byte(config), 0o666); err != nil {
				return err
			}
			path, err := pathWithout(e.Getenv("PATH"), "runs-store", filepath.Join(e.WorkDir, ".bin"))
			if err != nil {
				return err
			}
			e.Setenv("PATH", path) // the command store adds it
			e.Setenv("HOME", home)
			e.Setenv("GIT_CONFIG_NOSYSTEM", "1")
			e.Setenv("GIT_CEILING_DIRECTORIES", filepath.Dir(e.WorkDir))
			e.Setenv("TZ", "UTC")
			e.Setenv("TESTDATA", data) // of the repository: files that other programs wrote
			e.Setenv("LANG", "C.UTF-8")
			return nil
		},
		Condition: condition,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"capture": captureCmd,
			"await":   awaitCmd,
			"count":   countCmd,
			"edit":    editCmd,
			"golden":  goldenCmd,
			"host":    hostCmd,
			"signal":  signalCmd,
			"store":   storeCmd,
		},
	})
}

// pathWithout returns a PATH on which there is no program of that name. A folder that has it is replaced by one of
// links to its other programs, in made.
func pathWithout(path, name, made string) (string, error) {
	folders := filepath.SplitList(path)
	for i, folder := range folders {
		if _, err := os.Lstat(filepath.Join(folder, name)); err != nil {
			continue
		}
		links := filepath.Join(made, strconv.Itoa(i))
		if err := os.MkdirAll(links, 0o777); err != nil {
			return "", err
		}
		entries, err := os.ReadDir(folder)
		if err != nil {
			return "", err
		}
		for _, entry := range entries {
			if entry.Name() == name {
				continue
			}
			if err := os.Symlink(filepath.Join(folder, entry.Name()), filepath.Join(links, entry.Name())); err != nil {
				return "", err
			}
		}
		folders[i] = links
	}
	return strings.Join(folders, string(filepath.ListSeparator)), nil
}

// captureCmd sets a variable to the first match of a regular expression in the last output: capture NAME REGEXP.
func captureCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: capture NAME REGEXP")
	}
	m := regexp.MustCompile("(?m)" + args[1]).FindStringSubmatch(ts.ReadFile("stdout"))
	if m == nil {
		ts.Fatalf("no match of %s in %q", args[1], ts.ReadFile("stdout"))
	}
	ts.Setenv(args[0], m[len(m)-1])
}

// awaitCmd waits until a file matches a regular expression: await FILE REGEXP.
func awaitCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await FILE REGEXP")
	}
	re := regexp.MustCompile("(?m)" + args[1])
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		matches, _ := filepath.Glob(ts.MkAbs(args[0]))
		for _, name := range matches {
			if data, err := os.ReadFile(name); err == nil && re.Match(data) {
				return
			}
		}
	}
	ts.Fatalf("%s never matched %s", args[0], args[1])
}

// countCmd checks how many paths match a pattern: count N PATTERN.
func countCmd(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: count N PATTERN")
	}
	matches, err := filepath.Glob(ts.MkAbs(args[1]))
	ts.Check(err)
	if (strconv.Itoa(len(matches)) == args[0]) == neg {
		ts.Fatalf("%s: %d matches: %s", args[1], len(matches), strings.Join(matches, " "))
	}
}

// editCmd replaces a text in the only file that matches a pattern: edit PATTERN OLD NEW.
func editCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: edit PATTERN OLD NEW")
	}
	matches, err := filepath.Glob(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(matches) != 1 {
		ts.Fatalf("%s: %d files", args[0], len(matches))
	}
	data, err := os.ReadFile(matches[0])
	ts.Check(err)
	edited := strings.ReplaceAll(string(data), args[1], args[2])
	if edited == string(data) {
		ts.Fatalf("%s does not contain %q", matches[0], args[1])
	}
	ts.Check(os.WriteFile(matches[0], []byte(edited), 0o666))
}

// hostCmd serves the repositories in a folder over HTTP until the script ends, and sets HOST to the URL: host FOLDER.
func hostCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: host FOLDER")
	}
	handler, err := gittest.Host(ts.MkAbs(args[0]))
	ts.Check(err)
	server := httptest.NewServer(handler)
	ts.Defer(server.Close)
	ts.Setenv("HOST", server.URL)
}

// storeVariable names a built runs-store. It is a module of its own, so that these tests build without the libraries
// of the stores.
const storeVariable = "RUNS_TEST_STORE"

// condition determines the conditions [store]: a built runs-store is named, and [syscalls]: this system lets a process
// watch the system calls of others.
func condition(cond string) (bool, error) {
	switch cond {
	case "store":
		return os.Getenv(storeVariable) != "", nil
	case "syscalls":
		return maySeeCalls(), nil
	}
	return false, fmt.Errorf("unknown condition %q", cond)
}

// maySeeCalls tries to watch a program.
var maySeeCalls = sync.OnceValue(func() bool {
	w, err := openwatch.New(openwatch.Options{Opened: func(openwatch.Open) {}, Missed: func(string) {}, Log: os.Stderr})
	if err != nil {
		return false
	}
	defer w.Close()
	_, err = program.Run(context.Background(), program.Options{Args: []string{"true"}, Env: os.Environ(), Wrapper: w})
	return err == nil && w.Refused() == nil
})

// storeCmd puts runs-store on PATH.
func storeCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: store")
	}
	program := os.Getenv(storeVariable)
	if info, err := os.Stat(program); err != nil || !info.Mode().IsRegular() || !filepath.IsAbs(program) {
		ts.Fatalf("%s must be the absolute path of a built runs-store, got %q (%v)", storeVariable, program, err)
	}
	ts.Setenv("PATH", ts.Getenv("PATH")+string(filepath.ListSeparator)+filepath.Dir(program))
}

// signalCmd sends a signal to the process whose pid is in the only file that matches a pattern: signal TERM|KILL
// PATTERN.
func signalCmd(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]os.Signal{"TERM": syscall.SIGTERM, "KILL": syscall.SIGKILL}
	if neg || len(args) != 2 || signals[args[0]] == nil {
		ts.Fatalf("usage: signal TERM|KILL PATTERN")
	}
	matches, err := filepath.Glob(ts.MkAbs(args[1]))
	ts.Check(err)
	if len(matches) != 1 {
		ts.Fatalf("%s: %d files", args[1], len(matches))
	}
	m := regexp.MustCompile(`(?m)^pid = (\d+)$`).FindStringSubmatch(ts.ReadFile(matches[0]))
	if m == nil {
		ts.Fatalf("%s has no pid", matches[0])
	}
	pid, err := strconv.Atoi(m[1])
	ts.Check(err)
	process, err := os.FindProcess(pid)
	ts.Check(err)
	ts.Check(process.Signal(signals[args[0]]))
}

func TestShellQuote(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"/a/b-c_1.2", "/a/b-c_1.2"}, {"a b", "'a b'"}, {"it's", `'it'\''s'`}, {"", "''"}, {"$x", "'$x'"},
	} {
		if got := launch.Quote(c.in); got != c.want {
			t.Errorf("%q: %s, want %s", c.in, got, c.want)
		}
	}
}

// maxHelpLines bounds the text of a help page before its usage.
const maxHelpLines = 25

// TestEveryCommandHasHelp checks the help page of each command: its summary, an example, the exit statuses, its
// length and its width of at most 80 columns.
func TestEveryCommandHasHelp(t *testing.T) {
	a := &app{}
	all := a.command("").Commands()
	if len(all) != len(commands)+1 { // and man
		t.Errorf("%d commands, not %d", len(all), len(commands)+1)
	}
	root := a.command("")
	root.InitDefaultHelpCmd()
	for _, c := range append(root.Commands(), root) {
		if c.Name() != "help" && c != root {
			if only := a.command(c.Name()).Commands(); len(only) != 1 || only[0].Name() != c.Name() {
				t.Errorf("%s is not made by its name", c.Name())
			}
			if !strings.Contains(c.Long, "Exit status") {
				t.Errorf("%s: the help lists no exit statuses", c.Name())
			}
		}
		if strings.HasSuffix(c.Short, ".") || strings.Contains(c.Short, ":") || len(c.Short) > 72 {
			t.Errorf("%s: the summary %q is too long, or has a full stop or colon", c.Name(), c.Short)
		}
		var out bytes.Buffer
		c.SetOut(&out)
		c.InitDefaultHelpFlag()
		if err := c.Help(); err != nil {
			t.Fatal(err)
		}
		text, _, ok := strings.Cut(out.String(), "\nUsage:\n")
		if !ok || !strings.Contains(out.String(), "\n  -h, --help ") {
			t.Errorf("%s: the help has no usage or no flags: %s", c.Name(), out.String())
		}
		if c != root && !strings.Contains(text, "\n    ") {
			t.Errorf("%s: the help has no example", c.Name())
		}
		if n := strings.Count(text, "\n"); n > maxHelpLines {
			t.Errorf("%s: the help has %d lines before the usage", c.Name(), n)
		}
		for line := range strings.Lines(out.String()) {
			if n := terminal.Width(strings.TrimSuffix(line, "\n")); n > 80 {
				t.Errorf("%s: %d columns: %s", c.Name(), n, line)
			}
		}
	}
}

func TestNamed(t *testing.T) {
	for _, c := range []struct {
		args string
		want string
	}{
		{"log x=1", "log"},
		{"-C dir log", "log"},
		{"-Cdir --no-color show log", "show"},
		{"--directory log ls", "ls"},
		{"--directory=log ls", "ls"},
		{"", ""},
		{"help log", ""},
		{"--help", ""},
		{"lg", ""},
		{"__complete log", ""},
		{"-C log", ""},
		{"completion bash", "completion"},
	} {
		if got := named(strings.Fields(c.args)); got != c.want {
			t.Errorf("%s: %q, want %q", c.args, got, c.want)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"one two three", "one two\nthree"},
		{"a\nb", "a b"},
		{"a\n\nb", "a\n\nb"},
		{"a\n\n    code stays as it is\n\nb c", "a\n\n    code stays as it is\n\nb c"},
		{"toolongaword x", "toolongaword\nx"},
	} {
		if got := wrap(c.in, 7); got != c.want {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
	}
}
