package terminal

import (
	"io"
	"os"
)

// A job's log is more than text for some CI services: GitHub Actions runs a line that begins with "::", Azure Pipelines
// one that has "##vso[" or "##[" anywhere, TeamCity one that has "##teamcity[". GitHub's runner still reads "##[" too.
// The names, tags, params, notes and console output of a run come from whoever recorded it, so text from a run must
// not become a command that masks a line, adds a path or sets a variable of the job.

// underCI reports whether the output is read by a service that runs commands it finds there.
func underCI() bool {
	return os.Getenv("GITHUB_ACTIONS") != "" || os.Getenv("TF_BUILD") != "" || os.Getenv("TEAMCITY_VERSION") != ""
}

// inert copies text and puts a space into whatever a CI service would run. It needs no look at what comes next, so it
// never holds a byte back.
type inert struct {
	out   io.Writer
	line  bool // at the start of a line: nothing or spaces so far
	colon bool // the line begins with a colon
	marks int  // "#" so far, at most 2
	word  bool // letters after "##"
}

func newInert(out io.Writer) *inert { return &inert{out: out, line: true} }

func (w *inert) Write(p []byte) (int, error) {
	out := make([]byte, 0, len(p)+8)
	for _, c := range p {
		if w.colon && c == ':' || w.marks == 2 && c == '[' {
			out = append(out, ' ')
		}
		out = append(out, c)
		w.colon = w.line && c == ':'
		// Services skip any Unicode space at the start of a line, so every byte of a longer rune counts as one.
		space := c <= ' ' || c >= 0x80
		w.line = c == '\n' || c == '\r' || w.line && space
		switch letter := c|0x20 >= 'a' && c|0x20 <= 'z' || c == '-'; {
		case c == '#' && !w.word:
			w.marks = min(w.marks+1, 2)
		case c == '#':
			w.marks, w.word = 1, false
		case w.marks == 2 && letter:
			w.word = true
		default:
			w.marks, w.word = 0, false
		}
	}
	if _, err := w.out.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// escapedMarks copies JSON or TOML and writes the second of two "#" as \u0023. Both languages can have two in a row
// only inside a string, so the value stays the same. A line of either never begins with a colon.
type escapedMarks struct {
	out  io.Writer
	mark bool // the last byte was a "#"
}

func (w *escapedMarks) Write(p []byte) (int, error) {
	var out []byte
	from := 0
	for i, c := range p {
		if c == '#' && w.mark {
			out = append(append(out, p[from:i]...), `\u0023`...)
			from = i + 1
		}
		w.mark = c == '#'
	}
	if _, err := w.out.Write(append(out, p[from:]...)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Data returns where to write bytes that must arrive as they are, such as an artifact or a patch. Their writer cannot
// protect a CI job from what they contain.
func (t *Terminal) Data() io.Writer {
	if w, ok := t.Out.(*inert); ok {
		return w.out
	}
	return t.Out
}

// Structured returns where to write JSON and TOML, which stay valid and keep their values.
func (t *Terminal) Structured() io.Writer {
	if w, ok := t.Out.(*inert); ok {
		return &escapedMarks{out: w.out}
	}
	return t.Out
}

// Commands returns where to write commands for a CI service that are meant to be run.
func (t *Terminal) Commands() io.Writer {
	if w, ok := t.Err.(*inert); ok {
		return w.out
	}
	return t.Err
}
