package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestLFSServer pushes an artifact to the server of Git LFS over HTTP and fetches it in another clone.
// RUNS_TEST_LFSSERVER names the server's binary.
func TestLFSServer(t *testing.T) {
	server := os.Getenv("RUNS_TEST_LFSSERVER")
	if server == "" {
		t.Skip("RUNS_TEST_LFSSERVER is not set to lfstest-gitserver: Git LFS over HTTP is not tested")
	}
	if _, err := exec.LookPath("git-lfs"); err != nil {
		t.Skip("git-lfs is not installed: Git LFS over HTTP is not tested")
	}
	dir := t.TempDir()
	at := func(names ...string) string { return filepath.Join(append([]string{dir}, names...)...) }
	env := append(os.Environ(), "HOME="+dir, "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "GIT_LFS_SKIP_SMUDGE=1")
	for _, name := range []string{
		"DIR", "URL", "SSL_URL", "CLIENT_CERT_URL", "CERT", "CLIENT_CERT", "CLIENT_KEY", "CLIENT_KEY_ENCRYPTED",
	} {
		env = append(env, "LFSTEST_"+name+"="+at("server", name))
	}
	run := func(in string, args ...string) string {
		t.Helper()
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir, cmd.Env = in, env
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	if err := os.MkdirAll(at("server", "DIR"), 0o777); err != nil {
		t.Fatal(err)
	}
	config := "[user]\n\tname = Ada\n\temail = ada@example.org\n[init]\n\tdefaultBranch = main\n" +
		"[credential]\n\thelper = store\n"
	if err := os.WriteFile(at(".gitconfig"), []byte(config), 0o666); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(server)
	cmd.Env = env
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = cmd.Process.Kill(), cmd.Wait() })
	url := ""
	for deadline := time.Now().Add(20 * time.Second); url == ""; time.Sleep(50 * time.Millisecond) {
		data, _ := os.ReadFile(at("server", "URL"))
		if url = strings.TrimSpace(string(data)); url == "" && time.Now().After(deadline) {
			t.Fatal("the server does not print its address")
		}
	}
	url = strings.Replace(url, "://", "://user:pass@", 1) + "/r.git"
	if err := os.WriteFile(at(".git-credentials"), []byte(strings.TrimSuffix(url, "/r.git")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run(dir, "git", "init", "-q", "--bare", at("server", "DIR", "r.git"))
	run(at("server", "DIR", "r.git"), "git", "config", "http.receivepack", "true")
	run(dir, "git", "clone", "-q", url, "a")
	a := at("a")
	run(a, "runs", "init", "--artifacts", "lfs")
	run(a, "git", "add", "-A", ".runs")
	run(a, "git", "commit", "-q", "-m", "start")
	run(a, "git", "push", "-q", "-u", "origin", "HEAD:main")
	want := strings.Repeat("0123456789abcdef", 200_000)
	if err := os.WriteFile(at("model.bin"), []byte(want), 0o666); err != nil {
		t.Fatal(err)
	}
	run(a, "runs", "log", "--name", "big", "rmse=1", "-a", at("model.bin"))
	run(a, "runs", "commit")
	if out := run(a, "runs", "push"); !strings.Contains(out, "pushed 1 run") {
		t.Errorf("push says %q", out)
	}
	run(dir, "git", "clone", "-q", url, "b")
	if out := run(at("b"), "runs", "artifacts", "big"); !strings.Contains(out, "in Git LFS") {
		t.Errorf("artifacts says %q", out)
	}
	run(at("b"), "runs", "artifacts", "big", "model.bin", "-o", "got.bin")
	got, err := os.ReadFile(at("b", "got.bin"))
	if err != nil || string(got) != want {
		t.Errorf("%d bytes came, %v", len(got), err)
	}
}
