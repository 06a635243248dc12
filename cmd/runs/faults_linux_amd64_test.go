package main

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gitruns/runs/cmd/internal/fault"
)

func init() {
	if err := fault.Main(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(125)
	}
}

// faultCase is a command that writes, tried with one of its system calls failing.
type faultCase struct {
	name    string
	prepare string   // a shell script that makes the project
	args    []string // of runs
	repeat  string   // a script that must succeed after the failure; empty is the command itself
	want    string   // a script that must succeed after the repetition
}

// points counts the points of the metric loss in all runs.
const points = `count() { for r in $(runs ls --json | tr ',' '\n' | sed -n 's/.*"id":"\([^"]*\)".*/\1/p'); do
runs metrics $r loss --csv 2>/dev/null | sed 1d; done | wc -l; }
`

// packed holds if each run is in one batch and nowhere else, and the user's work is as it was.
const packed = `test $(git ls-files .runs | grep -c /runs.toml) -eq 1 &&
test -z "$(git ls-files .runs | grep /run.toml; git status --porcelain .runs)" &&
test -z "$(ls -d .runs/2*/2*/run.toml 2>/dev/null)" &&
test "$(ls -d .runs/2*/batch-* | wc -l)" -eq 1 && test ! -e .git/runs/packing && runs verify --all &&
git diff --cached --name-only | grep staged &&
`

// redacted holds if no file and no commit has the secret of the third run any more, and the others are as they were.
const redacted = `! grep -rq abcdefgh3 .runs/2* && runs commit && ! git grep -q abcdefgh3 HEAD -- .runs &&
git grep -q abcdefgh1 HEAD -- .runs && test $(count) -eq 3 &&
test -z "$(ls -d .git/runs/redact-*/done/* .git/runs/redact-*/planned/* 2>/dev/null)" &&
`

var faultCases = []faultCase{
	{name: "init", args: []string{"init"}, want: "runs log loss=1 && runs verify"},
	{
		name: "log", args: []string{"log", "loss=1", "-d", "data", "-a", "train.py", "--name", "logged"},
		prepare: "runs init", want: `runs show logged --json | grep '"finished"'`,
	},
	{
		name: "start", args: []string{"start", "begun"}, prepare: "runs init",
		want: `runs log --run begun loss=1; runs ls | grep begun`,
	},
	{
		name: "log in a run", args: []string{"log", "--run", "active", "loss=2", "-a", "train.py"},
		prepare: "runs init; runs start active; runs log --run active loss=1",
		want:    points + `runs finish active; test $(count) -ge 2 && test ! -e .runs/2*/*/aside.jsonl`,
	},
	{
		name: "exec", args: []string{"exec", "--name", "ran", "--", "sh", "-c", "echo out; runs log loss=1"},
		prepare: "runs init", repeat: "runs ls --json && runs exec --name ran -- sh -c 'echo out; runs log loss=1'",
		want: points + `test $(count) -ge 1 && runs show ran --json | grep '"finished"'`,
	},
	{
		name: "finish", args: []string{"finish", "active"},
		prepare: "runs init; runs start active; for i in 1 2 3; do runs log --run active loss=$i -a train.py; done",
		repeat:  `runs finish active || runs show active --json | grep '"finished"'`,
		want:    points + `runs ls && test $(count) -eq 3 && test -z "$(ls .runs/active | grep '^2')"`,
	},
	{
		name: "recover", args: []string{"ls"},
		prepare: `runs init; runs exec -- sh -c 'for i in 1 2 3; do runs log loss=$i; done
kill -9 $(sed -n "s/^pid = //p" $RUNS_DIR/owner-*[0-9].toml); exec >/dev/null 2>&1'; sleep 0.1`,
		want: points + `test $(count) -eq 3`,
	},
	{
		name: "commit", args: []string{"commit"},
		prepare: "runs init; git add -A; git commit -qm a; runs log loss=1 -d data; echo 1 >staged; git add staged",
		want:    `git diff --cached --name-only | grep staged && git ls-files .runs | grep run.toml`,
	},
	{
		name: "second commit", args: []string{"commit"},
		prepare: "runs init; runs log loss=1; runs commit; runs log loss=2; runs rm last~1; runs note last text",
		want:    `test -z "$(runs status | grep -i uncommitted)"`,
	},
	{
		name: "commit in batches", args: []string{"commit"},
		prepare: `runs init; printf '[commit]\nbatch = 2\n' >>.runs/config.toml; git add -f .runs/config.toml
git commit -qm a; for i in 1 2 3; do runs log loss=$i -a train.py; done; echo 1 >staged; git add staged`,
		repeat: "runs commit && runs pack", // a run that could not be read is skipped, and then too few are left for a batch
		want:   points + packed + "test $(count) -eq 3",
	},
	{
		name: "pack", args: []string{"pack"},
		prepare: `runs init; for i in 1 2 3; do runs log loss=$i -a train.py; done; runs commit; runs pack
for i in 4 5; do runs log loss=$i -a train.py; done; runs commit; runs note last text; runs commit
echo 1 >staged; git add staged`,
		want: points + packed + "test $(count) -eq 5 && runs show last | grep text",
	},
	{
		name: "annotate", args: []string{"note", "last", "text"},
		prepare: "runs init; runs log loss=1; runs commit", repeat: "runs note last text || runs show last | grep text",
		want: `runs show last | grep text`,
	},
	{
		name: "rm", args: []string{"rm", "kept"}, prepare: "runs init; runs log loss=1 --name kept; runs commit",
		repeat: "runs rm kept || test -e .runs/trash", // without its marker only if it was killed between the two
		want:   points + "runs rm --undo; runs ls; test $(count) -eq 1",
	},
	{
		name: "redact", args: []string{"redact", "last", "abcdefgh"},
		prepare: "runs init; runs log loss=1 -p token=abcdefgh", repeat: "true", want: points + "test $(count) -eq 1",
	},
	{
		name: "redact in a batch", args: []string{"redact", "last", "abcdefgh3"},
		prepare: `runs init; printf '[commit]\nbatch = 2\n' >>.runs/config.toml; git add -f .runs/config.toml
git commit -qm a; for i in 1 2 3; do runs log loss=$i -p token=abcdefgh$i --note "abcdefgh$i"; done; runs commit
runs tag last x=abcdefgh3; runs commit; echo 1 >staged; git add staged`,
		repeat: "runs status; runs redact last abcdefgh3 || ! grep -rq abcdefgh3 .runs/2*",
		want:   points + redacted + packed + "true",
	},
	{
		name: "redact all", args: []string{"redact", "--all", "abcdefgh"},
		prepare: `runs init; printf '[commit]\nbatch = 2\n' >>.runs/config.toml; git add -f .runs/config.toml
git commit -qm a; for i in 1 2 3; do runs log loss=$i -p token=abcdefgh$i --note "abcdefgh$i"; done; runs commit
runs log loss=4 -p token=abcdefgh4; runs log loss=5 -p token=abcdefgh5; runs rm last; mkdir .runs/experiments
printf 'schema = 1\nexperiment = "sweep"\n\n[tags]\nk = "abcdefgh6"\n' >.runs/experiments/928295810464758698.toml`,
		repeat: "runs status; runs redact --all abcdefgh || ! grep -rq abcdefgh .runs .git/runs",
		want: points + `! grep -rq abcdefgh .runs .git/runs && runs commit && ! git grep -q abcdefgh HEAD -- .runs &&
test -z "$(ls -d .git/runs/redact-*/done/* .git/runs/redact-*/planned/* 2>/dev/null)" && test $(count) -eq 4 &&
runs verify --all && runs rm --undo && test $(count) -eq 5 && grep '"\[redacted\]6"' .runs/experiments/*.toml`,
	},
	{
		name: "redact a shared file", args: []string{"redact", "last", "hunter2word"},
		prepare: `runs init; git add -A; git commit -qm a; echo 'print("hunter2word")' >train.py
runs log loss=1 --name one; runs log loss=2 --name two; runs commit; echo 1 >staged; git add staged`,
		repeat: "runs status; runs redact last hunter2word || ! grep -rq hunter2word .runs/2* .runs/sources",
		want: points + `! grep -rq hunter2word .runs/2* .runs/sources && runs commit &&
! git grep -q hunter2word HEAD -- .runs && test $(count) -eq 2 && test -z "$(git status --porcelain .runs)" &&
runs verify --all && git diff --cached --name-only | grep staged`,
	},
	{
		name: "rm --undo", args: []string{"rm", "--undo"},
		prepare: `runs init; runs log loss=1 --name kept; runs commit; runs log loss=2 --name free; runs rm kept free`,
		repeat:  "runs rm --undo || true", want: points + `runs ls; test $(count) -eq 2`,
	},
	{
		name: "push", args: []string{"push"},
		prepare: `git init -q --bare ../remote; runs init; git add -A; git commit -qm a; git remote add origin ../remote
git push -q -u origin HEAD; runs log loss=1`,
		repeat: "runs commit; runs push", want: "git ls-tree -r --name-only @{u} | grep run.toml",
	},
	{
		name: "pull", args: []string{"pull"},
		prepare: `git init -q --bare ../remote; runs init; git add -A; git commit -qm a; git remote add origin ../remote
git push -q -u origin HEAD; git clone -q ../remote ../other; cd ../other; runs log loss=1; runs commit; runs push
cd ../p; echo mine >mine; runs log loss=2`,
		want: points + `test $(count) -eq 2 && grep mine mine`,
	},
	{
		name: "gc", args: []string{"gc"}, prepare: "runs init; runs log loss=1; runs commit; runs log loss=2",
		want: points + "test $(count) -eq 2",
	},
}

// errnos are the errors that a call may give. A kill comes first.
var errnos = map[string][]syscall.Errno{
	"openat": {syscall.EMFILE, syscall.EIO, syscall.ENOSPC, syscall.EROFS}, "getdents": {syscall.EIO},
	"write": {syscall.ENOSPC, syscall.EIO}, "fsync": {syscall.EIO, syscall.ENOSPC}, "truncate": {syscall.EIO},
	"rename": {syscall.EIO, syscall.ENOSPC, syscall.EROFS}, "link": {syscall.EIO, syscall.ENOSPC, syscall.EPERM},
	"unlink": {syscall.EIO, syscall.EROFS}, "mkdir": {syscall.ENOSPC, syscall.EROFS}, "flock": {syscall.EIO},
	"utimens": {syscall.EROFS},
}

// faultTrial tries cases in a folder.
type faultTrial struct {
	t   *testing.T
	top string
	env []string
	bin string

	path string // for the commands that fail: without git; empty for the usual one
}

// withoutGit hides the git program from the commands that fail.
func (f *faultTrial) withoutGit() {
	f.t.Helper()
	f.path = filepath.Join(f.top, "bin")
	if err := os.Mkdir(f.path, 0o777); err != nil {
		f.t.Fatal(err)
	}
	for _, name := range []string{"runs", "sh"} {
		program, err := exec.LookPath(name)
		if err == nil {
			err = os.Symlink(program, filepath.Join(f.path, name))
		}
		if err != nil {
			f.t.Fatal(err)
		}
	}
}

func newFaultTrial(t *testing.T) *faultTrial {
	t.Helper()
	r := newRecorder(t)
	bin, err := exec.LookPath("runs")
	if err != nil {
		t.Fatal(err)
	}
	f := &faultTrial{t: t, top: t.TempDir(), bin: bin}
	home := filepath.Join(f.top, "home")
	config := "[user]\n\tname = Ada\n\temail = ada@example.org\n[init]\n\tdefaultBranch = main\n[gc]\n\tauto = 0\n" +
		"[core]\n\tfsync = none\n"
	if err := errors.Join(os.MkdirAll(home, 0o777),
		os.WriteFile(filepath.Join(home, ".gitconfig"), []byte(config), 0o666)); err != nil {
		t.Fatal(err)
	}
	f.env = append(r.env, "HOME="+home, "XDG_CONFIG_HOME="+home, "GIT_CEILING_DIRECTORIES="+f.top)
	return f
}

// sh runs a script in the project of a trial and returns its output.
func (f *faultTrial) sh(dir, script string) (string, error) {
	cmd := exec.Command("sh", "-c", script)
	cmd.Dir, cmd.Env = filepath.Join(dir, "p"), append(f.env, "TMPDIR="+filepath.Join(dir, "tmp"))
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// template makes the project of a case once.
func (f *faultTrial) template(c faultCase) string {
	f.t.Helper()
	dir := filepath.Join(f.top, strings.ReplaceAll(c.name, " ", "-"))
	for _, d := range []string{"p/data", "tmp"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o777); err != nil {
			f.t.Fatal(err)
		}
	}
	out, err := f.sh(dir, `git init -q . && echo 1 >data/a && echo 2 >data/b && echo 'print(1)' >train.py &&
git add -A && git commit -qm x && echo 'print(2)' >train.py`)
	if err != nil {
		f.t.Fatalf("%s: %v\n%s", c.name, err, out)
	}
	_, _ = f.sh(dir, c.prepare)
	return dir
}

// try runs the command once in a copy of the template, with the call number fail failing.
func (f *faultTrial) try(
	c faultCase, template string, fail int, errno syscall.Errno, lasts bool,
) (fault.Result, string) {
	f.t.Helper()
	dir := template + "-copy"
	if out, err := exec.Command("sh", "-c", `rm -rf "$1" && cp -a "$0" "$1"`, template, dir).CombinedOutput(); err != nil {
		f.t.Fatalf("%v: %s", err, out)
	}
	env := append(slices.Clip(f.env), "TMPDIR="+filepath.Join(dir, "tmp"))
	if f.path != "" {
		env = slices.DeleteFunc(env, func(v string) bool { return strings.HasPrefix(v, "PATH=") })
		env = append(env, "PATH="+f.path)
	}
	var out bytes.Buffer
	res, err := fault.Run(fault.Request{
		Args: append([]string{f.bin}, c.args...), Dir: filepath.Join(dir, "p"),
		Env: env, Within: dir, Fail: fail, Errno: errno, Lasts: lasts,
		Output: &out,
	})
	if errors.Is(err, fault.ErrNotAllowed) {
		f.t.Skip(err)
	}
	if err != nil {
		f.t.Fatalf("%s: %v\n%s", c.name, err, out.String())
	}
	return res, out.String()
}

// sound checks a project after a failure, and after the repetition of the command.
func (f *faultTrial) sound(c faultCase, dir string, res fault.Result, said string) (problems []string) {
	wrong := func(what, out string, err error) {
		problems = append(problems, fmt.Sprintf("%s: %v: %s", what, err, out))
	}
	if res.ExitCode != 0 && !strings.Contains(said, "runs: ") && res.ExitCode < 128 {
		wrong("nothing is said about the failure", said, nil)
	}
	if strings.Contains(said, "panic") || strings.Contains(said, "goroutine ") {
		wrong("it panics", said, nil)
	}
	locked := false
	if _, err := os.Lstat(filepath.Join(dir, "p", ".git", "index.lock")); err == nil && res.ExitCode < 128 {
		locked = true
		if res.ExitCode == 0 || !strings.Contains(said, "index.lock") {
			wrong("the index stays locked", said, nil)
		}
	}
	inGit := `test ! -d .runs || runs verify; code=$?; git fsck --strict --no-dangling 2>&1 || exit 9; exit $code`
	if out, err := f.sh(dir, `test ! -d .runs || runs ls`); err != nil {
		wrong("ls after the failure", out, err)
	}
	if out, err := f.sh(dir, inGit); err != nil && c.name != "init" {
		// Killed between moving the run and writing its marker, rm is as a deletion by hand.
		if c.name != "rm" || res.ExitCode < 128 || !strings.Contains(out, ": 0 damaged, 1 missing") {
			wrong("verify and fsck after the failure", out, err)
		}
	}
	repeat := c.repeat
	if repeat == "" {
		repeat = "runs '" + strings.Join(c.args, "' '") + "'"
	}
	if out, err := f.sh(dir, repeat); err != nil {
		wrong("the repetition", out, err)
	}
	if out, err := f.sh(dir, c.want); err != nil {
		wrong("what must hold after the repetition", out, err)
	}
	if out, err := f.sh(dir, inGit); err != nil {
		wrong("verify and fsck after the repetition", out, err)
	}
	_ = locked
	return problems
}

// TestFaults runs each command that writes with one of its calls failing, or killed before it. Afterwards nothing
// half-written is seen, everything verifies, and a repetition works. Without a failure, no command does with an open
// file what Windows refuses. RUNS_FAULTS asks for a number of faults, RUNS_FAULT_KILLS for one of kills;
// RUNS_FAULT_CASE names one case, RUNS_FAULT_SEED a seed. With RUNS_FAULT_NATIVE, the commands find no git program.
func TestFaults(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	f := newFaultTrial(t)
	seed := uint64(asked("RUNS_FAULT_SEED", int(time.Now().UnixNano()&0x7fffffff)))
	r := rand.New(rand.NewPCG(seed, 0))
	faults, kills := asked("RUNS_FAULTS", 30), asked("RUNS_FAULT_KILLS", 15)
	templates, calls := map[string]string{}, map[string][]fault.Call{}
	cases := faultCases
	if only := os.Getenv("RUNS_FAULT_CASE"); only != "" {
		cases = nil
		for _, c := range faultCases {
			if c.name == only {
				cases = append(cases, c)
			}
		}
	}
	if os.Getenv("RUNS_FAULT_NATIVE") != "" {
		f.withoutGit()
		cases = slices.DeleteFunc(slices.Clone(cases), func(c faultCase) bool { // which need git
			return slices.Contains([]string{"push", "pull", "gc"}, c.name)
		})
	}
	total := 0
	for _, c := range cases {
		templates[c.name] = f.template(c)
		usual := f.env
		f.env = append(slices.Clip(f.env), "RUNS_TEST_KEEPS_OPEN=1") // a system that removes no open file
		res, said := f.try(c, templates[c.name], 0, 0, false)
		f.env = usual
		if res.ExitCode != 0 || len(res.Calls) == 0 {
			t.Fatalf("%s without a fault: exit status %d, %d calls: %s", c.name, res.ExitCode, len(res.Calls), said)
		}
		for _, call := range res.Refused {
			t.Errorf("%s: Windows would refuse to %v, because the file is open, or open for reading only", c.name, call)
		}
		calls[c.name] = res.Calls
		total += len(res.Calls)
	}
	failed, hit, ended := 0, 0, 0
	for n := 0; n < faults+kills; n++ {
		c := cases[n%len(cases)]
		fail := 1 + r.IntN(len(calls[c.name]))
		errno, lasts := syscall.Errno(0), r.IntN(4) == 0
		if n < faults {
			all := errnos[calls[c.name][fail-1].Name]
			errno = all[r.IntN(len(all))]
		}
		res, said := f.try(c, templates[c.name], fail, errno, lasts && errno != 0)
		if res.Failed == nil {
			continue
		}
		if errno == 0 {
			ended++
		} else {
			hit++
		}
		for _, problem := range f.sound(c, templates[c.name]+"-copy", res, said) {
			failed++
			t.Errorf("%s, call %d (%v), %v, lasting %v, exit status %d: %s\nit said: %s", c.name, fail, *res.Failed, errno,
				lasts, res.ExitCode, problem, said)
		}
	}
	t.Logf("seed %d: %d faults and %d kills at %d calls of %d commands, %d problems", seed, hit, ended, total, len(cases),
		failed)
}

// packKills is how many moments the test kills at, of each command; RUNS_FAULT_PACK asks for more.
const packKills = 8

// TestKilledBetweenWrites kills a commit that makes a batch, pack, and redactions of committed runs between their
// writes: no run is lost, no secret stays, and the command can be repeated.
func TestKilledBetweenWrites(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	f := newFaultTrial(t)
	for _, name := range []string{"commit in batches", "pack", "redact all", "redact a shared file", "rm --undo"} {
		if only := os.Getenv("RUNS_FAULT_CASE"); only != "" && only != name {
			continue
		}
		c := faultCases[slices.IndexFunc(faultCases, func(c faultCase) bool { return c.name == name })]
		template := f.template(c)
		whole, said := f.try(c, template, 0, 0, false)
		if whole.ExitCode != 0 {
			t.Fatalf("%s: %s", name, said)
		}
		var writes []int // the calls before which the command is killed
		for i, call := range whole.Calls {
			if call.Name != "openat" && call.Name != "getdents" && call.Name != "fsync" {
				writes = append(writes, i+1)
			}
		}
		kills := min(asked("RUNS_FAULT_PACK", packKills), len(writes))
		for i := range kills {
			fail := writes[i*len(writes)/kills]
			res, said := f.try(c, template, fail, 0, false)
			if res.Failed == nil {
				continue
			}
			for _, problem := range f.sound(c, template+"-copy", res, said) {
				t.Errorf("%s, killed before call %d (%v): %s", name, fail, *res.Failed, problem)
			}
		}
		t.Logf("%s: killed before %d of %d writes", name, kills, len(writes))
	}
}

// TestLockThatStays: if Git's lock can never be removed at the end of a commit, the command fails, names the lock and
// says what to do, and the next command removes it. If the removal fails once, it is tried again.
func TestLockThatStays(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	f := newFaultTrial(t)
	c := faultCases[slices.IndexFunc(faultCases, func(c faultCase) bool { return c.name == "commit" })]
	template := f.template(c)
	lock := fault.Call{Name: "unlink", Path: "p/.git/index.lock"}
	all, _ := f.try(c, template, 0, 0, false)
	fail := 1 + slices.Index(all.Calls, lock)
	if fail == 0 {
		t.Fatalf("the lock is not removed: %v", all.Calls)
	}
	at := filepath.Join(template+"-copy", lock.Path)
	once, said := f.try(c, template, fail, syscall.EIO, false)
	if _, err := os.Lstat(at); err == nil || once.ExitCode != 0 || once.Failed == nil || *once.Failed != lock {
		t.Errorf("after one failure, %v, the exit status is %d: %s", once.Failed, once.ExitCode, said)
	}
	ever, said := f.try(c, template, fail, syscall.EIO, true)
	if _, err := os.Lstat(at); err != nil || ever.ExitCode != exitFailed ||
		!strings.Contains(said, "the commit is complete, but the lock") || !strings.Contains(said, "index.lock") ||
		!strings.Contains(said, "run 'runs status' to remove it") {
		t.Errorf("the exit status is %d: %s", ever.ExitCode, said)
	}
	if out, err := f.sh(template+"-copy", "runs status && git commit -qm mine && git fsck --strict"); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
