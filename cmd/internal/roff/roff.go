// Package roff writes manual pages with the man macros of roff. It converts the plain text of command help and the
// Markdown of the documentation. It knows nothing of runs, and of commands only their texts.
package roff

import (
	"strings"

	"github.com/gitruns/runs/cmd/internal/page"
)

// Page is a manual page that is being written. The output depends only on the input.
type Page struct{ b strings.Builder }

// New starts a page with the given name in a section of the manual. source is the program with its version, manual the
// title of the manual.
func New(name, section, source, manual string) *Page {
	p := &Page{}
	p.b.WriteString(".\\\" -*- coding: utf-8 -*-\n")
	p.macro("TH", strings.ToUpper(name), section, "", source, manual)
	return p
}

// Bytes returns the page.
func (p *Page) Bytes() []byte { return []byte(p.b.String()) }

// Section starts a section.
func (p *Page) Section(title string) { p.macro("SH", strings.ToUpper(title)) }

// Name writes the NAME section, which apropos reads. what describes the page in one line.
func (p *Page) Name(name, what string) {
	p.Section("Name")
	p.line(Escape(name) + " \\- " + Escape(what))
}

// Text writes paragraphs. Indented lines are code.
func (p *Page) Text(text string) {
	code, blank := false, true
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \n")
		indented := strings.HasPrefix(line, "    ")
		switch {
		case line == "":
			blank = true
			continue
		case indented && !code:
			p.open()
			code = true
		case !indented && code:
			p.close()
			p.macro("PP")
			code = false
		case blank && code:
			p.b.WriteString("\n")
		case blank:
			p.macro("PP")
		}
		blank = false
		if indented {
			line = line[4:]
		}
		p.line(Escape(line))
	}
	if code {
		p.close()
	}
}

// Item writes a term in bold, followed by its meaning.
func (p *Page) Item(term, meaning string) {
	p.macro("TP")
	p.line("\\fB" + Escape(term) + "\\fR")
	p.line(Escape(meaning))
}

// Markdown writes the headings, paragraphs, lists, tables and code of a page, without its title.
func (p *Page) Markdown(parts []page.Part) {
	titled := false
	for _, part := range parts {
		switch part.Kind {
		case page.Code:
			p.open()
			for line := range strings.Lines(part.Body) {
				p.line(Escape(strings.TrimRight(line, "\n")))
			}
			p.close()
		case page.Text:
			titled = p.markdown(part.Body, titled) || titled
		}
	}
}

// markdown writes lines of Markdown. It skips the title, which the heading of the page already shows. titled says
// whether the title was skipped before, and the result whether it is skipped now.
func (p *Page) markdown(text string, titled bool) bool {
	list := false
	var table, paragraph []string
	flush := func() {
		if len(table) > 0 {
			p.table(table)
		}
		if len(paragraph) > 0 {
			p.line(inline(strings.Join(paragraph, " ")))
		}
		table, paragraph = nil, nil
	}
	blank := true
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \n")
		bare := strings.TrimSpace(line)
		level := len(line) - len(strings.TrimLeft(line, "#"))
		bullet, item, isItem := cutItem(bare)
		switch {
		case bare == "":
			flush()
		case strings.HasPrefix(line, "|"):
			table = append(table, line)
		case level == 1 && !titled:
			titled = true
		case level > 0:
			flush()
			name := "SS"
			if level == 2 {
				name = "SH"
			}
			p.macro(name, bare[level+1:])
			list = false
		case isItem:
			flush()
			p.macro("IP", bullet, "4")
			paragraph = append(paragraph, item)
			list = true
		default:
			if blank && !(list && strings.HasPrefix(line, " ")) {
				p.macro("PP")
				list = false
			}
			paragraph = append(paragraph, bare)
		}
		blank = bare == ""
	}
	flush()
	return titled
}

// cutItem removes the list mark from a line and returns the mark as roff shows it.
func cutItem(line string) (bullet, item string, ok bool) {
	for _, mark := range []string{"- ", "* "} {
		if item, ok := strings.CutPrefix(line, mark); ok {
			return `\(bu`, item, true
		}
	}
	number, item, ok := strings.Cut(line, ". ")
	if !ok || number == "" || strings.Trim(number, "0123456789") != "" {
		return "", "", false
	}
	return number + ".", item, true
}

// table writes each row as an item, because most tables are too wide for a terminal. In a table with more than two
// columns, each cell after the first is preceded by the title of its column.
func (p *Page) table(lines []string) {
	var titles []string
	for _, line := range lines {
		if strings.Trim(line, "|-: ") == "" {
			continue
		}
		row := cells(line)
		if titles == nil {
			titles = row
			continue
		}
		p.macro("TP")
		p.line(`\fB` + strings.NewReplacer(`\fB`, "", `\fR`, "").Replace(inline(row[0])) + `\fR`)
		for i, cell := range row[1:] {
			if len(row) > 2 && cell != "" && i+1 < len(titles) {
				cell = titles[i+1] + ": " + cell
			}
			if i > 0 && cell != "" {
				p.macro("br")
			}
			if cell != "" {
				p.line(inline(cell))
			}
		}
	}
}

// cells splits a table row into cells. A bar in a cell is written \|.
func cells(line string) []string {
	const bar = "\x00"
	line = strings.ReplaceAll(line, `\|`, bar)
	parts := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
	for i, part := range parts {
		parts[i] = strings.TrimSpace(strings.ReplaceAll(part, bar, "|"))
	}
	return parts
}

// inline sets code and bold text in bold, and replaces a link with its label.
func inline(text string) string {
	at := strings.IndexAny(text, "`*[")
	if at < 0 {
		return Escape(text)
	}
	before, rest := Escape(text[:at]), text[at:]
	for _, mark := range []string{"`", "**"} {
		if inner, ok := strings.CutPrefix(rest, mark); ok {
			if inner, after, ok := strings.Cut(inner, mark); ok && inner != "" {
				return before + `\fB` + Escape(inner) + `\fR` + inline(after)
			}
		}
	}
	if label, after, ok := cutLink(rest); ok {
		return before + inline(label) + inline(after)
	}
	return before + Escape(rest[:1]) + inline(rest[1:])
}

// cutLink parses a link at the start of text. It returns the label and the rest of the text.
func cutLink(text string) (label, after string, ok bool) {
	if !strings.HasPrefix(text, "[") {
		return "", "", false
	}
	label, rest, ok := strings.Cut(text[1:], "](")
	if !ok || strings.Contains(label, "[") {
		return "", "", false
	}
	_, after, ok = strings.Cut(rest, ")")
	return label, after, ok
}

// Escape escapes text so that roff shows it unchanged.
func Escape(text string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`).Replace(text)
}

// line writes a line of text. It escapes a line that looks like a request.
func (p *Page) line(text string) {
	if strings.HasPrefix(text, ".") {
		text = `\&` + text
	}
	p.b.WriteString(text + "\n")
}

func (p *Page) open() { p.b.WriteString(".PP\n.RS 4\n.nf\n") }

func (p *Page) close() { p.b.WriteString(".fi\n.RE\n") }

// macro writes a request with quoted arguments.
func (p *Page) macro(name string, args ...string) {
	p.b.WriteString("." + name)
	for _, arg := range args {
		if !strings.HasPrefix(arg, `\(`) {
			arg = Escape(arg)
		}
		p.b.WriteString(` "` + strings.ReplaceAll(arg, `"`, `\(dq`) + `"`)
	}
	p.b.WriteString("\n")
}
