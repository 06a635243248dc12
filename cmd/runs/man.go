package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gitruns/runs/cmd/internal/page"
	"github.com/gitruns/runs/cmd/internal/roff"
	"github.com/gitruns/runs/repo"
)

func (a *app) manCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "Write the manual pages",
		Long: `Write the manual pages to DIR: one for each command, in man1, and one for each topic
of 'runs help', in man7. The same version always writes the same bytes.

    runs man ~/.local/share/man
    man runs-diff`,
		Args: arguments(1, 1, "DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			manuals, err := manuals()
			if err != nil {
				return err
			}
			dir := a.path(args[0])
			for _, m := range manuals {
				name := filepath.Join(dir, "man"+m.section, m.name+"."+m.section)
				if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
					return fmt.Errorf("writing manual pages: %w", err)
				}
				if err := os.WriteFile(name, m.text, 0o666); err != nil {
					return fmt.Errorf("writing manual pages: %w", err)
				}
			}
			a.print("wrote %s to %s", plural(len(manuals), "manual page"), repo.Relative(a.dir, dir))
			return nil
		},
	}
}

// manual is a manual page.
type manual struct {
	name, section string
	text          []byte
}

const manualTitle = "runs manual"

// manuals returns manual pages for all commands and topics.
func manuals() ([]manual, error) {
	root := (&app{}).command("")
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	all := []manual{{"runs", "1", rootManual(root)}}
	for _, c := range root.Commands() {
		if !c.Hidden {
			all = append(all, manual{"runs-" + c.Name(), "1", commandManual(c)})
		}
	}
	for _, t := range topics() {
		parts, err := page.Parse(t.text)
		if err != nil {
			return nil, fmt.Errorf("the page %s: %w", t.name, err)
		}
		name := "runs-" + strings.ReplaceAll(t.name, "/", "-")
		p := newManual(name, "7", t.title)
		p.Section("Description")
		p.Markdown(parts)
		all = append(all, manual{name, "7", p.Bytes()})
	}
	return all, nil
}

func newManual(name, section, what string) *roff.Page {
	p := roff.New(name, section, "runs "+version, manualTitle)
	p.Name(name, what)
	return p
}

// exitTitle starts the paragraph about exit statuses in a help text.
const exitTitle = "Exit status: "

// beginManual writes the start of the manual page of a command.
func beginManual(c *cobra.Command, name string) *roff.Page {
	p := newManual(name, "1", c.Short)
	p.Section("Synopsis")
	for _, form := range synopsis(c) {
		p.Text(form)
	}
	return p
}

// synopsis returns the ways to call a command. In the usage line they are separated by bars outside brackets.
func synopsis(c *cobra.Command) []string {
	if !c.HasParent() {
		return []string{"runs COMMAND [flags]"}
	}
	forms := strings.Split(c.Use, " | ")
	for i, form := range forms {
		if strings.Count(form, "[") != strings.Count(form, "]") || strings.Count(form, "(") != strings.Count(form, ")") {
			return []string{"runs " + c.Use}
		}
		if !strings.HasPrefix(form, c.Name()) {
			form = c.Name() + " " + form
		}
		forms[i] = "runs " + form
	}
	return forms
}

func describe(p *roff.Page, c *cobra.Command) {
	text, status, _ := strings.Cut(cmp.Or(c.Long, c.Short), exitTitle)
	p.Section("Description")
	p.Text(text)
	if c.HasAvailableLocalFlags() || c.HasAvailableInheritedFlags() {
		p.Section("Options")
		c.NonInheritedFlags().VisitAll(func(f *pflag.Flag) { option(p, f) })
		c.InheritedFlags().VisitAll(func(f *pflag.Flag) { option(p, f) })
	}
	if status != "" {
		p.Section("Exit status")
		exitStatus(p, strings.Join(strings.Fields(status), " "))
	}
}

// exitStatus writes exit statuses. It writes them as a list if each of them starts with its number.
func exitStatus(p *roff.Page, status string) {
	list := strings.Split(strings.TrimSuffix(status, "."), "; ")
	for _, s := range list {
		if s[0] < '0' || s[0] > '9' {
			p.Text(status)
			return
		}
	}
	for _, s := range list {
		code, meaning, _ := strings.Cut(s, " ")
		p.Item(code, meaning)
	}
}

func option(p *roff.Page, f *pflag.Flag) {
	if f.Hidden || f.Name == "help" {
		return
	}
	value, usage := pflag.UnquoteUsage(f)
	term := "--" + f.Name
	if f.Shorthand != "" {
		term = "-" + f.Shorthand + ", " + term
	}
	if value != "" {
		term += " " + value
	}
	p.Item(term, usage)
}

func rootManual(root *cobra.Command) []byte {
	p := beginManual(root, "runs")
	describe(p, root)
	p.Section("Commands")
	for _, c := range root.Commands() {
		if !c.Hidden {
			p.Item("runs-"+c.Name()+"(1)", c.Short)
		}
	}
	p.Section("Topics")
	for _, t := range topics() {
		p.Item("runs-"+strings.ReplaceAll(t.name, "/", "-")+"(7)", t.title)
	}
	return p.Bytes()
}

func commandManual(c *cobra.Command) []byte {
	p := beginManual(c, "runs-"+c.Name())
	describe(p, c)
	if subcommands := c.Commands(); len(subcommands) > 0 {
		p.Section("Commands")
		for _, sub := range subcommands {
			p.Item(sub.CommandPath(), sub.Short)
		}
	}
	p.Section("See also")
	p.Text("runs(1)")
	return p.Bytes()
}
