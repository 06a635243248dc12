package main

import (
	"embed"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/cmd/internal/page"
	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/format/listsort"
	"github.com/gitruns/runs/repo"
)

// pages contains the help topics. A test runs their code blocks: see docs/style.md.
//
//go:embed docs
var pages embed.FS

func (a *app) helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND | TOPIC]",
		Short: "Show help for a command or a topic",
		Long: `Show the help of a command, or a page about a topic. Without an argument, list both.

    runs help diff
    runs help stores`,
		DisableFlagsInUseLine: true,
		PersistentPreRunE: func(*cobra.Command, []string) error { // must work in a folder that was removed
			a.term = terminal.System(a.noColor)
			return nil
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			var words []string
			for _, c := range cmd.Root().Commands() {
				if !c.Hidden {
					words = append(words, c.Name()+"\t"+c.Short)
				}
			}
			for _, t := range topics() {
				words = append(words, t.name+"\t"+t.title)
			}
			return offer(words, begun)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			if len(args) == 0 {
				if err := root.Help(); err != nil {
					return err
				}
				return a.listTopics()
			}
			if found, rest, err := root.Find(args); err == nil && found != root && len(rest) == 0 {
				found.InitDefaultHelpFlag()
				return found.Help()
			}
			name := strings.Join(args, "/")
			for _, t := range topics() {
				if t.name == name {
					return a.term.Page(cmd.Context(), func(w io.Writer) error { return a.writePage(w, t.text) })
				}
			}
			return a.unknownTopic(root, name)
		},
	}
}

// topic is a help page.
type topic struct {
	name  string // path below docs, without .md
	title string // the first heading
	text  string // Markdown
}

// topics returns the help pages, sorted by name.
func topics() []topic {
	var all []topic
	err := fs.WalkDir(pages, "docs", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".md") {
			return err
		}
		text, err := pages.ReadFile(path)
		name := strings.TrimSuffix(strings.TrimPrefix(path, "docs/"), ".md")
		all = append(all, topic{name, page.Title(string(text)), string(text)})
		return err
	})
	if err != nil {
		panic(err) // the pages are embedded in the program
	}
	listsort.Sort(all, func(x, y topic) int { return strings.Compare(x.name, y.name) })
	return all
}

func (a *app) listTopics() error {
	all := topics()
	width := 0
	for _, t := range all {
		width = max(width, len(t.name))
	}
	a.print("\nTopics:")
	for _, t := range all {
		a.print("  %-*s  %s", width, t.name, t.title)
	}
	a.print("\nUse \"runs help TOPIC\" to read the page about a topic.")
	return nil
}

// unknownTopic returns an error for an unknown command or topic. Its hint suggests commands and topics with similar
// names.
func (a *app) unknownTopic(root *cobra.Command, name string) error {
	var names []string
	for _, c := range root.Commands() {
		if !c.Hidden {
			names = append(names, c.Name())
		}
	}
	for _, t := range topics() {
		names = append(names, t.name)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	near := slices.DeleteFunc(names, func(n string) bool {
		return format.EditDistance(n, name) > max(1, len(name)/3) && !strings.HasPrefix(n, name)
	})
	err := usageError{fmt.Errorf("help: no command or topic %q", name)}
	if len(near) == 0 {
		return &repo.HintError{Err: err, Hint: "run 'runs help' to list both"}
	}
	return &repo.HintError{Err: err, Hint: "run 'runs help " + strings.Join(near, "' or 'runs help ") + "'"}
}

// writePage writes a page without the marks and comments for tests. On a terminal, headings are bold, and paragraphs
// use the width of the terminal, but at most 100 columns.
func (a *app) writePage(w io.Writer, text string) error {
	parts, err := page.Parse(text)
	if err != nil {
		return err
	}
	var b strings.Builder
	for _, p := range parts {
		switch {
		case p.Kind == page.Code:
			b.WriteString("```" + p.Lang + "\n" + p.Body + "```\n")
		case p.Kind == page.Text && a.term.OutIsTerminal():
			a.writeText(&b, p.Body)
		case p.Kind == page.Text:
			b.WriteString(p.Body)
		}
	}
	_, err = io.WriteString(w, b.String())
	return err
}

// writeText writes Markdown for a terminal.
func (a *app) writeText(b *strings.Builder, text string) {
	var paragraph strings.Builder
	flush := func() {
		if paragraph.Len() > 0 {
			b.WriteString(wrap(paragraph.String(), min(a.term.Width(), 100)) + "\n")
			paragraph.Reset()
		}
	}
	for line := range strings.Lines(text) {
		bare := strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, "#"):
			flush()
			b.WriteString(a.term.Paint(terminal.Bold, bare) + "\n")
		case bare == "" || strings.ContainsRune(" |-*>0123456789", rune(line[0])): // do not wrap lists and tables
			flush()
			b.WriteString(line)
		default:
			paragraph.WriteString(line)
		}
	}
	flush()
}
