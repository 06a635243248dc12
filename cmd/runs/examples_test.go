package main

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/gitruns/runs/cmd/internal/page"
)

// Examples of the help and of the pages mean the same in bash and in zsh: no shell takes a part of them for syntax.
func TestExamplesInShells(t *testing.T) {
	examples := map[string]string{}
	root := (&app{}).command("")
	for _, c := range append(root.Commands(), root) {
		for line := range strings.Lines(c.Long) {
			if example := strings.TrimSpace(line); strings.HasPrefix(line, "    runs ") {
				examples[example] = "the help of " + c.Name()
			}
		}
	}
	for _, topic := range topics() {
		parts, err := page.Parse(topic.text)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range parts {
			if p.Kind != page.Code || p.Lang != "sh" {
				continue
			}
			for line := range strings.Lines(p.Body) {
				if strings.HasPrefix(line, "runs ") && !strings.HasSuffix(strings.TrimSpace(line), "\\") {
					examples[strings.TrimSpace(line)] = "the page " + topic.name
				}
			}
		}
	}
	if len(examples) < 100 {
		t.Fatalf("only %d examples were found", len(examples))
	}
	for example, where := range examples {
		for _, shell := range []string{"bash", "zsh"} {
			if _, err := exec.LookPath(shell); err != nil || strings.Count(example, "'")%2 == 1 {
				continue
			}
			if out, err := exec.Command(shell, "-n", "-c", example).CombinedOutput(); err != nil {
				t.Errorf("%s: %s does not parse %q: %s", where, shell, example, out)
			}
		}
		if bad := globs(example); bad != "" {
			t.Errorf("%s: a shell expands the %s in %q", where, bad, example)
		}
	}
}

// globs returns the first character outside quotes and comments that bash or zsh expands in an argument.
func globs(example string) string {
	var quote rune
	word := true // at the beginning of a word
	for _, r := range example {
		switch {
		case quote != 0:
			if r == quote {
				quote = 0
			}
		case r == '\'' || r == '"':
			quote = r
		case r == '#' && word:
			return ""
		case strings.ContainsRune("()[]?*^", r), r == '=' && word:
			return string(r)
		}
		word = r == ' '
	}
	return ""
}
