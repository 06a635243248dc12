package terminal

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"unicode"
)

func TestInert(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"a::b\n", "a::b\n"},
		{"::set-output name=x::y\n", ": :set-output name=x::y\n"},
		{"x\n \t::debug::x", "x\n \t: :debug::x"},
		{"x\r::debug::x", "x\r: :debug::x"},
		{"\u00a0\u3000::debug::x", "\u00a0\u3000: :debug::x"},
		{": ::x", ": ::x"},
		{"a ##[add-mask]x", "a ## [add-mask]x"},
		{"###[x]", "### [x]"},
		{"##vso[task.setvariable]", "##vso [task.setvariable]"},
		{"##team#city[", "##team#city["},
		{"##vso##vso[x", "##vso##vso [x"},
		{"# [x] ## [y] #[z]", "# [x] ## [y] #[z]"},
	} {
		var whole, bytewise bytes.Buffer
		if n, err := newInert(&whole).Write([]byte(c.in)); n != len(c.in) || err != nil {
			t.Errorf("%q: %d bytes, %v", c.in, n, err)
		}
		w := newInert(&bytewise)
		for i := range len(c.in) {
			if _, err := w.Write([]byte{c.in[i]}); err != nil {
				t.Fatal(err)
			}
		}
		if whole.String() != c.want || bytewise.String() != c.want {
			t.Errorf("%q: %q and bytewise %q, want %q", c.in, whole.String(), bytewise.String(), c.want)
		}
	}
}

// runsCommand reports whether a CI service finds a command in a log. GitHub's runner skips any space before "::".
func runsCommand(log string) bool {
	for line := range strings.FieldsFuncSeq(log, func(r rune) bool { return r == '\n' || r == '\r' }) {
		if strings.HasPrefix(strings.TrimLeftFunc(line, unicode.IsSpace), "::") || strings.Contains(line, "##[") ||
			strings.Contains(line, "##vso[") || strings.Contains(line, "##teamcity[") {
			return true
		}
	}
	return false
}

func FuzzInert(f *testing.F) {
	f.Add("::error::x", 3)
	f.Add("\u2003##vso[x]", 5)
	f.Fuzz(func(t *testing.T, s string, at int) {
		var out bytes.Buffer
		w := newInert(&out)
		at = max(0, min(at, len(s)))
		for _, part := range []string{s[:at], s[at:]} {
			if _, err := w.Write([]byte(part)); err != nil {
				t.Fatal(err)
			}
		}
		if runsCommand(out.String()) {
			t.Errorf("%q became %q", s, out.String())
		}
	})
}

// JSON keeps its value, and no service finds a command in it.
func FuzzEscapedMarks(f *testing.F) {
	f.Add("##[x] ##vso[y] ###", 4)
	f.Fuzz(func(t *testing.T, s string, at int) {
		value, err := json.Marshal([]string{strings.ToValidUTF8(s, ""), "::x"})
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		w := &escapedMarks{out: &out}
		at = max(0, min(at, len(value)))
		for _, part := range [][]byte{value[:at], value[at:]} {
			if _, err := w.Write(part); err != nil {
				t.Fatal(err)
			}
		}
		var back []string
		if err := json.Unmarshal(out.Bytes(), &back); err != nil || back[0] != strings.ToValidUTF8(s, "") ||
			runsCommand(out.String()) {
			t.Errorf("%q became %s: %v", s, out.String(), err)
		}
	})
}

// Only a CI job changes its output, and each kind of output has its way around.
func TestSystemUnderCI(t *testing.T) {
	for _, name := range []string{"GITHUB_ACTIONS", "TF_BUILD", "TEAMCITY_VERSION"} {
		t.Setenv(name, "")
	}
	if _, changed := System(true).Out.(*inert); changed {
		t.Error("output is changed outside a CI job")
	}
	t.Setenv("GITHUB_ACTIONS", "true")
	var raw bytes.Buffer
	term := &Terminal{Out: newInert(&raw), Err: newInert(&raw)}
	for _, w := range []io.Writer{term.Out, term.Err, term.Structured(), term.Data(), term.Commands()} {
		if _, err := w.Write([]byte("::a ##[\n")); err != nil {
			t.Fatal(err)
		}
	}
	want := ": :a ## [\n: :a ## [\n" + `::a #\u0023[` + "\n::a ##[\n::a ##[\n"
	if raw.String() != want {
		t.Errorf("%q, want %q", raw.String(), want)
	}
	if _, changed := System(true).Out.(*inert); !changed {
		t.Error("output is not changed in a CI job")
	}
}
