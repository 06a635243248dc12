package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// A Tab in a real shell completes each line to the words after it. No package for completion is loaded.
func TestCompletionInShells(t *testing.T) {
	lines := []struct{ typed, want string }{
		{"runs show wi", "<runs><show><wide>"},
		{"runs ls group=b", "<runs><ls><group=big>"},
		{"runs show best=lo", "<runs><show><best=loss>"},
		{"runs show main:nar", "<runs><show><main:narrow>"},
		{"runs ls --sort=lo", "<runs><ls><--sort=loss>"},
		{"runs ls --columns params.lr,los", "<runs><ls><--columns><params.lr,loss>"},
		{"runs ls --rev mai", "<runs><ls><--rev><main>"},
		{"runs goal loss ma", "<runs><goal><loss><max>"},
		{"runs reproduce wide --env ven", "<runs><reproduce><wide><--env><venv>"},
		{"runs project . --env-manager ve", "<runs><project><.><--env-manager><venv>"},
		{"runs diff --only=met", "<runs><diff><--only=metrics>"},
		{"runs stat", "<runs><status>"},
	}
	for _, shell := range []string{"bash", "zsh", "fish"} {
		t.Run(shell, func(t *testing.T) {
			for _, name := range []string{shell, "git", "python3"} {
				if _, err := exec.LookPath(name); err != nil {
					t.Skipf("%s is not installed", name)
				}
			}
			t.Parallel()
			p := typedProject(t)
			script, err := filepath.Abs("testdata/complete.py")
			if err != nil {
				t.Fatal(err)
			}
			args := []string{script, shell}
			for _, l := range lines {
				args = append(args, l.typed)
			}
			cmd := exec.Command("python3", args...)
			cmd.Dir, cmd.Env = p.dir, p.env
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			got := strings.Split(strings.TrimSpace(string(out)), "\n")
			if len(got) != len(lines) {
				t.Fatalf("%s", out)
			}
			for i, l := range lines {
				if got[i] != l.want {
					t.Errorf("%q became %s, want %s", l.typed, got[i], l.want)
				}
			}
		})
	}
}

// What the program offers, without a shell.
func TestCompletionWords(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	p := typedProject(t)
	if err := os.WriteFile(filepath.Join(p.dir, "results.csv"), []byte("lr;loss\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ typed, want string }{
		{"show|", "narrow wide"},
		{"diff|narrow|", "wide"},
		{"goal|", "acc loss"},
		{"goal|acc|", "max min"},
		{"tag|wide|go", "good"},
		{"tag|wide|good=", "good=yes"},
		{"ls|-e|", "exp exp2"},
		{"ls|--group-by|rep", "replicates"},
		{"ls|--group-by|params.lr,exp", "params.lr,experiment"},
		{"ls|--sort|tags.", "tags.good"},
		{"ls|-w|loss < 1 and (params.l", "loss < 1 and (params.lr"},
		{"log|", "acc= loss="},
		{"start|-p|", "lr="},
		{"commit|--group|", "big"},
		{"commit|--to|", "main"},
		{"review|", "HEAD main"},
		{"metrics|wide|", "acc loss"},
		{"artifacts|wide|", "model.bin"},
		{"show|best=", "best=acc best=loss"},
		{"ls|last=", "last=exp last=exp2"},
		{"plot|wide|--x|", "relative step time"},
		{"import|wan", "wandb"},
		{"import|csv|results.csv|--metric|lo", "loss"},
		{"help|guide/s", "guide/share guide/sweeps"},
		{"completion|", "bash fish powershell zsh"},
		{"hook|", "pre-commit"},
		{"init|--artifacts|l", "lfs"},
		{"finish|--status|", "failed finished killed"},
		{"view|wi", "wide"},
		{"push|", "origin"},
	} {
		args := append([]string{cobra.ShellCompNoDescRequestCmd}, strings.Split(c.typed, "|")...)
		cmd := exec.Command("runs", args...)
		cmd.Dir, cmd.Env = p.dir, p.env
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v", c.typed, err)
		}
		got := map[string]bool{}
		for line := range strings.Lines(string(out)) {
			got[strings.TrimSpace(line)] = true
		}
		for _, w := range strings.Split(c.want, " ") {
			if strings.Contains(c.typed, "< 1") {
				w = c.want
			}
			if !got[w] {
				t.Errorf("%s: %q is not offered: %s", c.typed, w, out)
			}
		}
	}
}

// Every flag with a value and every command has its completion, and the tables name none that does not exist.
func TestEverythingCompletes(t *testing.T) {
	takesFiles := []string{"-a", "--artifact", "--dataset", "--output", "--params", "--read-data"}
	known := map[string]bool{}
	check := func(c *cobra.Command) {
		c.Flags().VisitAll(func(f *pflag.Flag) {
			known["--"+f.Name], known[c.Name()+" --"+f.Name] = true, true
			_, own := flagWords()[c.Name()+" --"+f.Name]
			_, all := flagWords()["--"+f.Name]
			files := strings.Contains(strings.Join(takesFiles, " ")+" ", "--"+f.Name+" ")
			if f.Value.Type() != "bool" && !own && !all && !files {
				t.Errorf("%s --%s: its value has no completion", c.Name(), f.Name)
			}
		})
	}
	root := (&app{}).command("")
	for _, c := range root.Commands() {
		known[c.Name()] = true
		if _, ok := argumentWords()[c.Name()]; !ok && c.Name() != "help" && c.Name() != "man" && c.Name() != "init" &&
			c.Name() != "textconv" {
			t.Errorf("%s: its arguments have no completion", c.Name())
		}
		all := []*cobra.Command{c}
		if c.Name() == "model" {
			all = append(all, c.Commands()...)
		}
		for _, sub := range all[1:] {
			if modelWords()[sub.Name()] == nil {
				t.Errorf("%s: its arguments have no completion", sub.CommandPath())
			}
		}
		for _, c := range all {
			check(c)
		}
	}
	for name := range argumentWords() {
		if !known[name] {
			t.Errorf("argumentWords names %s, which is not a command", name)
		}
	}
	for name := range flagWords() {
		if !known[name] && name != "--directory" {
			t.Errorf("flagWords names %s, which is not a flag", name)
		}
	}
}
