package main

import (
	"regexp"
	"strings"
	"testing"
)

// markup matches what makes markup or code of text in a page: text of a run must become text nodes only.
var markup = regexp.MustCompile(
	`innerHTML|outerHTML|insertAdjacentHTML|dangerouslySetInnerHTML|document\s*\.\s*write|\beval\b|\bnew Function\b|` +
		`createContextualFragment|DOMParser|setHTMLUnsafe|srcdoc|javascript:|\bset(Timeout|Interval)\(\s*["'` + "`" + `]`,
)

// TestPageHasOnlyText checks that the sources of the page contain none of these words.
func TestPageHasOnlyText(t *testing.T) {
	files := append(sources(t, ".ts", "cmd/internal/web/src"), sources(t, ".tsx", "cmd/internal/web/src")...)
	for _, file := range files {
		for n, line := range strings.Split(string(read(t, file)), "\n") {
			if word := markup.FindString(line); word != "" {
				t.Errorf("%s:%d: %s: put text into text nodes", file, n+1, word)
			}
		}
	}
	if len(files) < 20 {
		t.Errorf("only %d files were checked", len(files))
	}
	for _, text := range []string{
		"e.innerHTML = x", "document.write(x)", "eval(x)", "<p dangerouslySetInnerHTML={x} />", `setTimeout("x", 1)`,
	} {
		if !markup.MatchString(text) {
			t.Errorf("%s is not found", text)
		}
	}
}
