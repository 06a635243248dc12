//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var (
	machineVariable = regexp.MustCompile(`^(GIT|RUNS|SSH)_|(?i)_proxy=`) // would let the tests depend on the machine
	leftover        = regexp.MustCompile(`^(index-|op|lock-|was-)`)      // a file of an operation in the Git folder
	lostRace        = regexp.MustCompile(`index\.lock|cannot lock ref|unable to create temporary file`)
)

// asked is the number in an environment variable, which makes a test larger than usual.
func asked(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil && n > 0 {
		return n
	}
	return otherwise
}

// team is a bare repository with clones of it.
type team struct {
	t    *testing.T
	dir  string
	bare string
	url  string
	env  []string
}

// transports are the ways to a bare repository.
var transports = []struct {
	name  string
	serve func(t *testing.T, m *team)
}{
	{"folder", func(_ *testing.T, m *team) { m.url = m.bare }},
	{"http", serveHTTP},
	{"ssh", serveSSH},
}

func newTeam(t *testing.T, serve func(*testing.T, *team)) *team {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	m := &team{t: t, dir: t.TempDir()}
	m.bare = filepath.Join(m.dir, "team.git")
	home := filepath.Join(m.dir, "home")
	if err := os.MkdirAll(home, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, v := range os.Environ() {
		if !machineVariable.MatchString(v) {
			m.env = append(m.env, v)
		}
	}
	m.env = append(
		m.env, "HOME="+home, "XDG_CONFIG_HOME="+home, "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"GIT_ASKPASS=true", "GIT_CEILING_DIRECTORIES="+filepath.Dir(m.dir),
	)
	config := "[user]\n\tname = Ada\n\temail = ada@example.org\n[init]\n\tdefaultBranch = main\n[gc]\n\tauto = 0\n"
	if err := os.WriteFile(filepath.Join(home, ".gitconfig"), []byte(config), 0o666); err != nil {
		t.Fatal(err)
	}
	m.must(m.dir, "git", "init", "-q", "--bare", m.bare)
	serve(t, m)
	first := filepath.Join(m.dir, "first")
	m.must(m.dir, "git", "init", "-q", first)
	m.write("first/train.py", "print('training')\n")
	m.write("first/model.py", "layers = 3\n")
	m.must(first, "runs", "init")
	m.must(first, "git", "add", ".")
	m.must(first, "git", "commit", "-q", "-m", "code")
	m.must(first, "git", "remote", "add", "origin", m.url)
	m.must(first, "git", "push", "-q", "-u", "origin", "main")
	return m
}

// serveHTTP is git's own server behind a password.
func serveHTTP(t *testing.T, m *team) {
	out, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		t.Fatal(err)
	}
	backend := filepath.Join(strings.TrimSpace(string(out)), "git-http-backend")
	if _, err := os.Stat(backend); err != nil {
		t.Skipf("Git has no HTTP server here: %v", err)
	}
	handler := &cgi.Handler{Path: backend, Root: "/", Stderr: &bytes.Buffer{}, Env: []string{
		"GIT_PROJECT_ROOT=" + m.dir, "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=ada", "HOME=" + filepath.Join(m.dir, "home"),
	}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name, password, _ := r.BasicAuth(); name != "ada" || password != "secret" {
			w.Header().Set("WWW-Authenticate", `Basic realm="runs"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		r.TransferEncoding = nil // a body in pieces is what a large push sends and what this handler refuses
		own := *handler
		own.Stderr = &bytes.Buffer{} // of this request alone
		own.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	m.url = strings.Replace(server.URL, "http://", "http://ada:secret@", 1) + "/team.git"
}

// serveSSH is an OpenSSH server for the user who runs the test.
func serveSSH(t *testing.T, m *team) {
	sshd := ""
	for _, path := range []string{"/usr/sbin/sshd", "/usr/local/sbin/sshd"} {
		if _, err := os.Stat(path); err == nil {
			sshd = path
		}
	}
	if _, err := exec.LookPath("ssh"); err != nil || sshd == "" {
		t.Skip("no SSH server: sshd is not installed")
	}
	me, err := user.Current()
	if err != nil {
		t.Skipf("no SSH server: %v", err)
	}
	if me.Uid == "0" {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Skipf("no SSH server: %v", err)
		}
	}
	at := filepath.Join(m.dir, "ssh")
	if err := os.MkdirAll(at, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"host", "id"} {
		m.must(at, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(at, key))
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	_ = listener.Close()
	config := fmt.Sprintf("Port %d\nListenAddress 127.0.0.1\nHostKey %s/host\n", port, at) +
		"AuthorizedKeysFile " + at + "/id.pub\nPidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n" +
		"MaxStartups 200\nMaxSessions 200\nAcceptEnv GIT_PROTOCOL\nKexAlgorithms curve25519-sha256\n"
	m.write("ssh/config", config)
	var log bytes.Buffer
	server := exec.Command(sshd, "-D", "-e", "-f", filepath.Join(at, "config"))
	server.Stderr = &log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	m.env = append(m.env, "GIT_SSH_COMMAND=ssh -F /dev/null -i "+at+"/id -o IdentitiesOnly=yes "+
		"-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o BatchMode=yes")
	m.url = fmt.Sprintf("ssh://%s@127.0.0.1:%d%s", me.Username, port, m.bare)
	var said string
	for range 50 {
		if said, err = m.call(m.dir, "git", "ls-remote", m.url); err == nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Skipf("no SSH server: this machine lets nobody in: %s\n%s", said, log.String())
}

func (m *team) call(dir string, args ...string) (string, error) {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir, cmd.Env = dir, m.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (m *team) must(dir string, args ...string) string {
	m.t.Helper()
	out, err := m.call(dir, args...)
	if err != nil {
		m.t.Fatalf("%v in %s: %v\n%s", args, filepath.Base(dir), err, out)
	}
	return out
}

func (m *team) write(name, text string) {
	m.t.Helper()
	if err := os.WriteFile(filepath.Join(m.dir, filepath.FromSlash(name)), []byte(text), 0o666); err != nil {
		m.t.Fatal(err)
	}
}

// clone makes a clone in which someone is at work: a staged change, an unstaged one, and an untracked file.
func (m *team) clone(name string) string {
	m.t.Helper()
	dir := filepath.Join(m.dir, name)
	m.must(m.dir, "git", "clone", "-q", m.url, dir)
	m.write(name+"/model.py", "layers = 4 # of "+name+"\n")
	m.must(dir, "git", "add", "model.py")
	m.write(name+"/train.py", "print('training of "+name+"')\n")
	m.write(name+"/own of "+name+".txt", "mine\n")
	return dir
}

// work is what a person has in hand there, which nothing of ours may change.
func (m *team) work(dir string) string {
	m.t.Helper()
	staged := m.must(dir, "git", "diff", "--cached")
	return m.must(dir, "git", "status", "--porcelain") + staged + m.must(dir, "git", "diff")
}

// logOne records a run and returns its id.
func (m *team) logOne(dir string, i int) (string, error) {
	cmd := exec.Command("runs", "log", "loss="+strconv.Itoa(i), "-p", "i="+strconv.Itoa(i))
	cmd.Dir, cmd.Env = dir, m.env
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
}

// checkBranch checks that the remote's branch has each of these runs once, added once, and that all of it is valid.
func (m *team) checkBranch(ids []string) {
	m.t.Helper()
	fresh := filepath.Join(m.dir, "fresh")
	m.must(m.dir, "git", "clone", "-q", m.url, fresh)
	added := map[string]int{}
	names := m.must(fresh, "git", "log", "--format=", "--name-only", "--diff-filter=A", "--no-renames", "-m",
		"--first-parent")
	for line := range strings.Lines(names) {
		if file := strings.TrimSpace(line); strings.HasSuffix(file, "/run.toml") {
			added[filepath.Base(filepath.Dir(file))]++
		}
	}
	there := map[string]int{}
	for line := range strings.Lines(m.must(fresh, "git", "ls-tree", "-r", "--name-only", "HEAD")) {
		if file := strings.TrimSpace(line); strings.HasSuffix(file, "/run.toml") {
			there[filepath.Base(filepath.Dir(file))]++
		}
	}
	for _, id := range ids {
		if there[id] != 1 || added[id] != 1 {
			m.t.Errorf("run %s is on the branch %d times, and was added %d times", id, there[id], added[id])
		}
	}
	if len(there) != len(ids) {
		m.t.Errorf("%d runs are on the branch, not %d", len(there), len(ids))
	}
	gone := m.must(fresh, "git", "log", "--format=", "--name-only", "--diff-filter=D", "--no-renames")
	if strings.TrimSpace(gone) != "" {
		m.t.Errorf("commits remove %s", gone)
	}
	m.must(fresh, "git", "fsck", "--strict")
	m.must(m.bare, "git", "fsck", "--strict")
	var verified []struct {
		ID string `json:"id"`
		OK bool   `json:"ok"`
	}
	cmd := exec.Command("runs", "verify", "--json")
	cmd.Dir, cmd.Env = fresh, m.env
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, &verified)
	}
	if err != nil {
		m.t.Fatalf("runs verify: %v\n%s", err, out)
	}
	if len(verified) != len(ids) {
		m.t.Errorf("%d runs were verified, not %d", len(verified), len(ids))
	}
	for _, v := range verified {
		if !v.OK {
			m.t.Errorf("run %s is not what it says", v.ID)
		}
	}
}

// checkLocks fails where a lock or a temporary file of ours is left. That of git's own maintenance, which a fetch
// begins, is git's to clear.
func (m *team) checkLocks(dir string) {
	m.t.Helper()
	err := filepath.WalkDir(filepath.Join(dir, ".git"), func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && !entry.IsDir() && strings.HasSuffix(path, ".lock") && entry.Name() != "maintenance.lock" {
			m.t.Errorf("%s is left", path)
		}
		return err
	})
	if err != nil {
		m.t.Error(err)
	}
	left, err := os.ReadDir(filepath.Join(dir, ".git", "runs"))
	if err != nil {
		m.t.Error(err)
	}
	for _, entry := range left {
		if leftover.MatchString(entry.Name()) {
			m.t.Errorf(".git/runs/%s is left", entry.Name())
		}
	}
}

// TestClonesPushAtOnce: several clones, in each of which someone is at work, record runs and push them to one branch
// at the same time. RUNS_PUSH_CLONES and RUNS_PUSH_RUNS ask for more of them.
func TestClonesPushAtOnce(t *testing.T) {
	clones, runs := asked("RUNS_PUSH_CLONES", 3), asked("RUNS_PUSH_RUNS", 4)
	for _, transport := range transports {
		t.Run(transport.name, func(t *testing.T) {
			m := newTeam(t, transport.serve)
			clones, runs := clones, runs
			if transport.name == "ssh" && os.Getenv("RUNS_PUSH_CLONES") == "" { // a second for each connection
				clones, runs = 2, 2
			}
			ids := make([][]string, clones)
			var wg sync.WaitGroup
			start := time.Now()
			dirs := make([]string, clones)
			before := make([]string, clones)
			for c := range clones {
				dirs[c] = m.clone("clone" + strconv.Itoa(c))
				before[c] = m.work(dirs[c])
			}
			for c := range clones {
				wg.Go(func() {
					for i := range runs {
						id, err := m.logOne(dirs[c], i)
						if err != nil {
							t.Errorf("clone %d, run %d: %v", c, i, err)
							return
						}
						ids[c] = append(ids[c], id)
						for _, command := range []string{"commit", "push"} {
							if out, err := m.call(dirs[c], "runs", command); err != nil {
								t.Errorf("clone %d, run %d: %s: %v\n%s", c, i, command, err, out)
								return
							}
						}
					}
				})
			}
			wg.Wait()
			took := time.Since(start)
			m.checkBranch(slices.Concat(ids...))
			tip := m.must(m.bare, "git", "rev-parse", "main")
			for c, dir := range dirs {
				m.must(dir, "runs", "pull")
				if after := m.work(dir); after != before[c] {
					t.Errorf("clone %d: the user's work was\n%sand is\n%s", c, before[c], after)
				}
				if got := m.must(dir, "git", "rev-parse", "HEAD"); got != tip {
					t.Errorf("clone %d is at %s, the remote at %s", c, got, tip)
				}
				m.must(dir, "git", "fsck", "--strict")
				m.checkLocks(dir)
			}
			t.Logf("%d clones x %d runs: %d on the branch, in %s",
				clones, runs, len(slices.Concat(ids...)), took.Round(time.Millisecond))
		})
	}
}

// shareKills is how many commands the test kills; RUNS_SHARE_KILLS asks for more.
const shareKills = 15

// TestKilledSharingIsRepeated kills commit, push and pull at random moments, half of the time with the processes of
// git that they started and half of the time without. The repository is valid, nobody's work is touched, git's own
// commit takes no run away, and the repeated command completes.
func TestKilledSharingIsRepeated(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	k := &killer{team: newTeam(t, serveHTTP), r: rand.New(rand.NewPCG(seed, 0)), took: map[string]time.Duration{}}
	k.dir, k.other = k.clone("clone"), k.clone("other")
	k.before = k.work(k.dir)
	killed := 0
	for i, kills := 0, asked("RUNS_SHARE_KILLS", shareKills); killed < kills && i < 20*kills; i++ {
		command := []string{"commit", "push", "pull"}[i%3]
		k.prepare(command, i)
		if k.took[command] == 0 {
			k.measure(command)
			continue
		}
		if k.kill(command, i/3%2 == 0) {
			killed++
		}
		k.check(command)
		if t.Failed() {
			t.Fatalf("kill %d of seed %d", killed, seed)
		}
	}
	k.must(k.dir, "runs", "commit")
	k.must(k.dir, "runs", "push")
	k.checkBranch(k.ids)
	t.Logf("%d random kills, %d runs, each on the branch once; whole: %v", killed, len(k.ids), k.took)
}

type killer struct {
	*team
	r      *rand.Rand
	dir    string // where commands are killed
	other  string // whose pushes make a replay necessary
	before string
	ids    []string
	took   map[string]time.Duration // of a command that is left alone
}

// prepare gives a command something to do.
func (k *killer) prepare(command string, i int) {
	k.t.Helper()
	log := func(dir string) {
		id, err := k.logOne(dir, i)
		if err != nil {
			k.t.Fatal(err)
		}
		k.ids = append(k.ids, id)
	}
	log(k.dir)
	if command != "commit" {
		k.must(k.dir, "runs", "commit")
		log(k.other)
		k.must(k.other, "runs", "commit")
		k.must(k.other, "runs", "push")
	}
}

func (k *killer) measure(command string) {
	k.t.Helper()
	start := time.Now()
	k.must(k.dir, "runs", command)
	k.took[command] = time.Since(start)
}

// kill starts a command and kills it, with all that it started or alone. It reports whether there was something to
// kill.
func (k *killer) kill(command string, all bool) bool {
	k.t.Helper()
	cmd := exec.Command("runs", command)
	cmd.Dir, cmd.Env = k.dir, k.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		k.t.Fatal(err)
	}
	time.Sleep(time.Duration(k.r.Int64N(int64(k.took[command]) * 5 / 4)))
	target := cmd.Process.Pid
	if all {
		target = -target
	}
	_ = syscall.Kill(target, syscall.SIGKILL)
	var exit *exec.ExitError
	err := cmd.Wait()
	return errors.As(err, &exit) && exit.ExitCode() == -1
}

// check looks at what a kill has left, and repeats the command.
func (k *killer) check(command string) {
	k.t.Helper()
	k.mayCommit("after the kill")
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		k.must(k.dir, "runs", "status")
		if _, err := os.Lstat(filepath.Join(k.dir, ".git", "index.lock")); err != nil {
			break
		}
		if time.Now().After(deadline) {
			k.t.Errorf("%s: index.lock is left", command)
			return
		}
	}
	k.mayCommit("after the next command")
	if got := k.work(k.dir); got != k.before {
		k.t.Errorf("%s: the user's work was\n%sand is\n%s", command, k.before, got)
	}
	// A fetch that is killed leaves commits without their trees, which nothing reaches; the repeated one brings them.
	k.must(k.dir, "git", "rev-list", "--objects", "--all", "--reflog", "--indexed-objects", "--quiet")
	if out, err := k.call(k.dir, "runs", command); err != nil {
		k.t.Errorf("%s, repeated: %v\n%s", command, err, out)
	}
	k.must(k.dir, "git", "fsck", "--strict")
	k.mayCommit("after the repeated command")
	if got := k.work(k.dir); got != k.before {
		k.t.Errorf("%s, repeated: the user's work was\n%sand is\n%s", command, k.before, got)
	}
	k.checkLocks(k.dir)
}

// mayCommit fails where git would commit and the commit would take runs away.
func (k *killer) mayCommit(when string) {
	k.t.Helper()
	if _, err := os.Lstat(filepath.Join(k.dir, ".git", "index.lock")); err == nil {
		return // git refuses
	}
	gone := k.must(k.dir, "git", "diff", "--cached", "--name-only", "--no-renames", "--diff-filter=D")
	if _, err := os.Lstat(filepath.Join(k.dir, ".git", "index.lock")); err != nil && gone != "" {
		k.t.Errorf("%s, a commit would remove %s", when, gone)
	}
}

// TestKilledWhileRefsMove kills at the most delicate moment, which a hook makes long: refs are locked, and then
// moved.
func TestKilledWhileRefsMove(t *testing.T) {
	for _, command := range []string{"commit", "pull"} {
		for _, all := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, git too: %v", command, all), func(t *testing.T) {
				k := &killer{team: newTeam(t, transports[0].serve)}
				k.dir, k.other = k.clone("clone"), k.clone("other")
				k.before = k.work(k.dir)
				k.prepare(command, 0)
				hook, begun := filepath.Join(k.dir, ".git", "hooks", "reference-transaction"), filepath.Join(k.dir, ".git", "begun")
				script := "#!/bin/sh\nif [ \"$1\" = prepared ] && [ ! -e '" + begun + "' ] && grep -q HEAD; then\n" +
					": >'" + begun + "'; sleep 1; fi\n"
				if err := os.WriteFile(hook, []byte(script), 0o777); err != nil {
					t.Fatal(err)
				}
				cmd := exec.Command("runs", command)
				cmd.Dir, cmd.Env = k.dir, k.env
				cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
					if _, err := os.Stat(begun); err == nil {
						break
					}
					if time.Now().After(deadline) {
						t.Fatal("no ref was ever about to move")
					}
				}
				target := cmd.Process.Pid
				if all {
					target = -target
				}
				_ = syscall.Kill(target, syscall.SIGKILL)
				_ = cmd.Wait()
				if all { // as if git had died between one ref and the next
					k.moveLastRef()
				}
				k.check(command)
				time.Sleep(time.Second) // what was left to go on has come to its end
				k.mayCommit("at the end")
				if got := k.work(k.dir); got != k.before {
					t.Errorf("the user's work was\n%sand is\n%s", k.before, got)
				}
				k.must(k.dir, "runs", "push")
				k.checkBranch(k.ids)
			})
		}
	}
}

// moveLastRef moves the last of the refs that an interrupted operation was about to move, where there are several.
func (k *killer) moveLastRef() {
	k.t.Helper()
	note, err := os.ReadFile(filepath.Join(k.dir, ".git", "runs", "op"))
	if err != nil {
		k.t.Fatal(err)
	}
	var moves [][]string
	for line := range strings.Lines(string(note)) {
		if fields := strings.Fields(line); len(fields) >= 3 && fields[0] == "moves" {
			moves = append(moves, fields)
		}
	}
	if len(moves) < 2 {
		return
	}
	last := moves[len(moves)-1]
	path := filepath.Join(k.dir, ".git", filepath.FromSlash(last[1]))
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		k.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(last[2]+"\n"), 0o666); err != nil {
		k.t.Fatal(err)
	}
}

// TestPushWithTheWrongPassword says what git says, asks nobody, and changes nothing.
func TestPushWithTheWrongPassword(t *testing.T) {
	m := newTeam(t, serveHTTP)
	dir := m.clone("clone")
	before := m.work(dir)
	if _, err := m.logOne(dir, 1); err != nil {
		t.Fatal(err)
	}
	m.must(dir, "runs", "commit")
	tip := m.must(dir, "git", "rev-parse", "HEAD")
	for _, url := range []string{
		strings.Replace(m.url, "secret", "guess", 1), strings.Replace(m.url, "ada:secret@", "", 1),
	} {
		m.must(dir, "git", "remote", "set-url", "origin", url)
		for _, command := range []string{"push", "pull"} {
			out, err := m.call(dir, "runs", command)
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != exitFailed {
				t.Errorf("%s: %v, not exit status 1", command, err)
			}
			reported := strings.Contains(out, "git fetch: ") && strings.Contains(out, "nothing was changed")
			if !reported || strings.Contains(out, "guess") {
				t.Errorf("%s says %q", command, out)
			}
		}
	}
	if got := m.work(dir); got != before {
		t.Errorf("the user's work was\n%sand is\n%s", before, got)
	}
	if got := m.must(dir, "git", "rev-parse", "HEAD"); got != tip {
		t.Errorf("the branch has moved to %s", got)
	}
}

// TestUserCommitsBesideCommits: someone adds and commits code while runs are committed in the same clone, and Git
// collects garbage in it.
func TestUserCommitsBesideCommits(t *testing.T) {
	m := newTeam(t, transports[0].serve)
	dir := m.clone("clone")
	before := m.must(dir, "git", "status", "--porcelain", "train.py", "own of clone.txt")
	rounds := asked("RUNS_PUSH_RUNS", 8)
	var ids []string
	var wg sync.WaitGroup
	done := make(chan struct{})
	wg.Go(func() {
		defer close(done)
		for i := range rounds {
			id, err := m.logOne(dir, i)
			if err != nil {
				t.Error(err)
				return
			}
			ids = append(ids, id)
			if out, err := m.call(dir, "runs", "commit"); err != nil {
				t.Errorf("runs commit: %v\n%s", err, out)
				return
			}
		}
	})
	commits := 0
	// patiently repeats what meets the index.lock of another process, a branch that has just moved, or a folder of
	// objects that git gc has just removed.
	patiently := func(args ...string) {
		for range 200 {
			out, err := m.call(dir, args...)
			if err == nil {
				return
			}
			if !lostRace.MatchString(out) {
				t.Errorf("%v: %v\n%s", args, err, out)
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
		t.Errorf("%v never had its turn", args)
	}
	wg.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(10 * time.Millisecond):
			}
			if out, err := m.call(dir, "git", "gc", "-q"); err != nil && !strings.Contains(out, "lock") {
				t.Errorf("git gc: %v\n%s", err, out)
			}
		}
	})
	for going := true; going && !t.Failed(); commits++ {
		name := fmt.Sprintf("code%d.py", commits)
		m.write("clone/"+name, "x = "+strconv.Itoa(commits)+"\n")
		patiently("git", "add", name)
		patiently("git", "status")
		patiently("git", "commit", "-q", "-m", name)
		select {
		case <-done:
			going = false
		default:
		}
	}
	wg.Wait()
	files := m.must(dir, "git", "ls-tree", "-r", "--name-only", "HEAD")
	for i := range commits {
		if got := m.must(dir, "git", "show", fmt.Sprintf("HEAD:code%d.py", i)); got != fmt.Sprintf("x = %d\n", i) {
			t.Errorf("code%d.py is %q", i, got)
		}
	}
	for _, id := range ids {
		if !strings.Contains(files, id+"/run.toml") {
			t.Errorf("run %s is not in the commit", id)
		}
	}
	gone := m.must(dir, "git", "log", "--format=%h", "--name-only", "--diff-filter=D", "--no-renames")
	if strings.TrimSpace(gone) != "" {
		t.Errorf("commits remove %s", gone)
	}
	if after := m.must(dir, "git", "status", "--porcelain", "train.py", "own of clone.txt"); after != before {
		t.Errorf("the rest was\n%sand is\n%s", before, after)
	}
	if left := m.must(dir, "git", "diff", "--cached", "--name-only"); left != "" {
		t.Errorf("%s is left in the index", left)
	}
	m.must(dir, "git", "fsck", "--strict")
	m.checkLocks(dir)
	t.Logf("%d commits of code beside %d of runs", commits, len(ids))
}
