package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var updateReleases = flag.Bool("update-releases", false, "write the answers of testdata/releases anew")

// releaseCommands are the reading commands that must succeed over the repository of each release. The answers of those
// with a name are recorded.
var releaseCommands = []struct{ name, command string }{
	{"ls.json", "ls --json"},
	{"ls.csv", "ls --csv --columns metrics.loss,metrics.loss.last,params.lr,params.opt.name,tags.k,summary.test/acc"},
	{"ls-where.json", "ls --json -w loss<0.4 --sort loss"},
	{"ls-branch.json", "ls --json --rev experiments name=apart"},
	{"show-base.json", "show base --json"},
	{"show-rich.toml", "show rich -e birds --toml"},
	{"show-many.json", "show many --json"},
	{"show-program.json", "show program --json"},
	{"show-program.log", "show program --log"},
	{"show-dirty.patch", "show dirty --source"},
	{"show-secret.json", "show secret --json"},
	{"show-apart.json", "show experiments:apart --json"},
	{"metrics-rich.csv", "metrics rich -e birds --csv"},
	{"metrics-chain.csv", "metrics night --csv"},
	{"values-rich.csv", "metrics rich -e birds --values --csv"},
	{"artifacts.json", "artifacts many --json"},
	{"verify.json", "verify --json"},
	{"", "ls --json --group-by replicates"},
	{"", "diff base program --json"}, // how runs and groups are judged may change
	{"", "diff base group=seeds --json"},
	{"", "check group=seeds --json"},
	{"", "review main --json"},
	{"", "status --json"},
	{"", "verify --all"},
	{"", "ls"},
	{"", "show rich -e birds"},
	{"", "plot night"},
}

// TestReleases: what any release has written, this version reads, and it answers as that release did. It may say more:
// a member of a JSON object that the recorded answer lacks is no difference.
func TestReleases(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	bundles, err := filepath.Glob("../../testdata/releases/*/repository.bundle")
	if err != nil || len(bundles) == 0 {
		t.Fatalf("%d releases, %v", len(bundles), err)
	}
	for _, bundle := range bundles {
		answers, err := filepath.Abs(filepath.Join(filepath.Dir(bundle), "answers"))
		if err != nil {
			t.Fatal(err)
		}
		t.Run(filepath.Base(filepath.Dir(bundle)), func(t *testing.T) {
			dir := cloneRelease(t, bundle)
			for _, c := range releaseCommands {
				got := answer(t, dir, "runs", strings.Fields(c.command)...)
				if c.name == "" {
					continue
				}
				file := filepath.Join(answers, c.name)
				if *updateReleases {
					if err := os.WriteFile(file, got, 0o666); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if d := differs(c.name, want, got); d != "" {
					t.Errorf("runs %s: %s", c.command, d)
				}
			}
			restoreRelease(t, dir)
		})
	}
}

// cloneRelease clones the repository of a release with all its branches, and checks out the branch of the review.
func cloneRelease(t *testing.T, bundle string) string {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	t.Setenv("TZ", "UTC")
	t.Setenv("PATH", filepath.Join(home, "bin")+string(filepath.ListSeparator)+os.Getenv("PATH"))
	bundle, err := filepath.Abs(bundle)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(home, "project")
	answer(t, home, "git", "clone", "-q", bundle, dir)
	answer(t, dir, "git", "branch", "-q", "experiments", "origin/experiments")
	answer(t, dir, "git", "checkout", "-q", "work")
	answer(t, dir, "git", "branch", "-q", "-f", "main", "origin/main")
	return dir
}

// restoreRelease restores the source of a run with uncommitted changes, whose tree runs checkout proves.
func restoreRelease(t *testing.T, dir string) {
	into := filepath.Join(t.TempDir(), "restored")
	answer(t, dir, "runs", "checkout", "dirty", into)
	data, err := os.ReadFile(filepath.Join(into, "train.sh"))
	if err != nil || !bytes.HasSuffix(data, []byte("# changed\n")) {
		t.Errorf("restored %q, %v", data, err)
	}
}

// answer returns what a command prints. The command must succeed.
func answer(t *testing.T, dir, program string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(program, args...)
	var out, problems bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &problems
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s%s", program, strings.Join(args, " "), err, &problems, &out)
	}
	return out.Bytes()
}

// differs returns how an answer differs from the recorded one, or "".
func differs(name string, want, got []byte) string {
	if filepath.Ext(name) != ".json" {
		if !bytes.Equal(want, got) {
			return fmt.Sprintf("got\n%s\nwant\n%s", got, want)
		}
		return ""
	}
	var x, y any
	if err := json.Unmarshal(want, &x); err != nil {
		return err.Error()
	}
	if err := json.Unmarshal(got, &y); err != nil {
		return err.Error()
	}
	return lacks("", x, y)
}

// lacks returns the first place where got does not have what want has, or "".
func lacks(at string, want, got any) string {
	switch want := want.(type) {
	case map[string]any:
		got, ok := got.(map[string]any)
		if !ok {
			return fmt.Sprintf("%s is not an object", at)
		}
		for key, value := range want {
			if _, ok := got[key]; !ok {
				return fmt.Sprintf("%s.%s is missing", at, key)
			}
			if d := lacks(at+"."+key, value, got[key]); d != "" {
				return d
			}
		}
		return ""
	case []any:
		got, ok := got.([]any)
		if !ok || len(got) != len(want) {
			return fmt.Sprintf("%s is %v, want %v", at, got, want)
		}
		for i := range want {
			if d := lacks(fmt.Sprintf("%s[%d]", at, i), want[i], got[i]); d != "" {
				return d
			}
		}
		return ""
	}
	if want != got {
		return fmt.Sprintf("%s is %v, want %v", at, got, want)
	}
	return ""
}

// TestReleaseComparison: an answer may gain members, and nothing else may change.
func TestReleaseComparison(t *testing.T) {
	want := `{"a":[{"b":1}],"c":null}`
	for got, same := range map[string]bool{
		`{"a":[{"b":1,"new":2}],"c":null,"d":[]}`: true, `{"a":[{"b":2}],"c":null}`: false, `{"a":[{"b":1}]}`: false,
		`{"a":[{"b":1},{}],"c":null}`: false, `{"a":{"b":1},"c":null}`: false, `[]`: false,
	} {
		if d := differs("x.json", []byte(want), []byte(got)); (d == "") != same {
			t.Errorf("%s: %q", got, d)
		}
	}
}
