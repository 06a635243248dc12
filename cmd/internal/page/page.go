// Package page parses the Markdown pages of the documentation. A page consists of text, comments and code blocks. The
// mark of a code block says what a test does with it. The package knows nothing of runs.
package page

import (
	"fmt"
	"strings"
)

// Kind is the kind of a part of a page.
type Kind int

// The kinds of parts.
const (
	Text    Kind = iota // lines of Markdown
	Code                // a fenced block
	Comment             // an HTML comment that occupies whole lines
)

// Part is a range of lines of a page.
type Part struct {
	Kind Kind
	Line int    // number of its first line, from 1
	Lang string // of code: the first word after the fence
	Mark string // of code: the rest of the fence line; of a comment: its first line
	Body string // the lines with their newlines, without fences and comment brackets
}

const fence, opening, closing = "```", "<!--", "-->"

// Parse splits a page into its parts, in order. It returns an error with the line number if a fence or comment is never
// closed.
func Parse(text string) ([]Part, error) {
	var parts []Part
	open := Part{Kind: Text, Line: 1}
	next := func(p Part) {
		if open.Kind != Text || open.Body != "" {
			parts = append(parts, open)
		}
		open = p
	}
	n := 0
	for line := range strings.Lines(text) {
		n++
		bare := strings.TrimSpace(line)
		switch {
		case open.Kind == Code && bare == fence:
			next(Part{Kind: Text, Line: n + 1})
		case open.Kind == Comment && bare == closing:
			next(Part{Kind: Text, Line: n + 1})
		case open.Kind != Text:
			open.Body += line
		case strings.HasPrefix(line, fence):
			lang, mark, _ := strings.Cut(strings.TrimPrefix(bare, fence), " ")
			next(Part{Kind: Code, Line: n, Lang: lang, Mark: strings.TrimSpace(mark)})
		case strings.HasPrefix(line, opening):
			mark, closed := strings.CutSuffix(strings.TrimPrefix(bare, opening), closing)
			next(Part{Kind: Comment, Line: n, Mark: strings.TrimSpace(mark)})
			if closed {
				next(Part{Kind: Text, Line: n + 1})
			}
		default:
			open.Body += line
		}
	}
	if open.Kind != Text {
		return nil, fmt.Errorf("line %d: the block that starts here is never closed", open.Line)
	}
	next(Part{})
	return parts, nil
}

// Title returns the first heading of a page. It is empty if the page does not start with a heading.
func Title(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	title, ok := strings.CutPrefix(line, "# ")
	if !ok {
		return ""
	}
	return title
}

// Indented returns the page's number of the first line that Markdown takes for code only because it is indented, or 0
// if there is none. Indented lines of a list do not count.
func (p Part) Indented() int {
	n, blank, list := p.Line-1, true, false
	for line := range strings.Lines(p.Body) {
		n++
		bare := strings.TrimSpace(line)
		if blank && strings.HasPrefix(line, "    ") && bare != "" && !list {
			return n
		}
		if blank = bare == ""; !blank && !strings.HasPrefix(line, " ") {
			list = isItem(bare)
		}
	}
	return 0
}

func isItem(line string) bool {
	digits := strings.TrimLeft(line, "0123456789")
	isNumber := len(digits) < len(line) && strings.HasPrefix(digits, ". ")
	return isNumber || strings.HasPrefix(line, "- ") || strings.HasPrefix(line, "* ")
}
