package render

import (
	"html"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/gitruns/runs/cmd/internal/terminal"
)

func FuzzEscape(f *testing.F) {
	f.Add("<script>|@all `x` *y* [z](u) #1 $a$\n\x1b[31m")
	f.Add("see www.evil.example")
	for _, text := range liveTexts {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, got := range []string{Escape(text), strings.TrimSuffix(strings.TrimPrefix(Code(text), "<code>"), "</code>")} {
			bare := strings.NewReplacer("&#", "", ";", "", split, "").Replace(got)
			if strings.ContainsAny(bare, "<>|@`*_[]()#$~\\!\"'{}\n\x1b") {
				t.Errorf("%q became %q", text, got)
			}
			back := html.UnescapeString(strings.ReplaceAll(got, split, ""))
			if back != terminal.Clean(text) && !strings.ContainsRune(text, 0xfffd) {
				t.Errorf("%q reads as %q, not %q", text, back, terminal.Clean(text))
			}
			checkInert(t, got)
		}
	})
}

// liveTexts are texts that GitHub, GitLab or Gitea turn into a link, a mention or a reference.
var liveTexts = []string{
	"see www.evil.example", "WWW.evil.example/x", "https://evil.example", "ftp://evil.example", "a@evil.example",
	"mailto:a@evil.example", "xmpp:a@evil.example/r", "a.b+c@evil.example", "www.1.2", "@octocat", "x/@octocat",
	"#1", "octo/repo#1", "GH-1", "octo/repo@0123456789abcdef", "c11e2b4", "!12", "$3", "%4", "~label", "&5", "^alert#6",
	":smile:", "w@x", "w@w.example w@w.example", "0123456789012345678901234567890123456789",
}

// A forge reads source text, or text nodes after it has decoded references and before it drops any tag.
var (
	liveSource = regexp.MustCompile(`(?i)www\.|://`)
	liveNode   = regexp.MustCompile(`(?i)[a-z0-9._+-]@[a-z0-9]`)
)

func checkInert(t *testing.T, got string) {
	t.Helper()
	if liveSource.MatchString(got) {
		t.Errorf("%q has a live address", got)
	}
	for node := range strings.SplitSeq(got, split) {
		if text := html.UnescapeString(node); liveNode.MatchString(text) {
			t.Errorf("%q has a live address: %q", got, text)
		}
	}
}

// Outside code, a forge also links mentions, issues, commits and whole URLs in text nodes.
func TestEscapeOutsideCode(t *testing.T) {
	live := regexp.MustCompile(`(?i)@[a-z0-9]|#\d|\b[a-z]+-\d|[!$%~&^]\w|\b[0-9a-f]{7,40}\b|://|:\w+:`)
	for _, text := range liveTexts {
		for node := range strings.SplitSeq(Escape("before "+text+" after"), split) {
			if plain := html.UnescapeString(node); live.MatchString(plain) {
				t.Errorf("%q has a live part: %q", text, plain)
			}
		}
	}
	if got := Escape("0.21298, 71.4%"); got != "0.21298, 71.4&#37;" {
		t.Errorf("a number became %q", got)
	}
}

// GitHub's own Markdown library makes no link of any of the texts. This needs Python with cmarkgfm, in
// RUNS_TEST_PYTHON.
func TestEscapeByGitHubsLibrary(t *testing.T) {
	python := os.Getenv("RUNS_TEST_PYTHON")
	if python == "" || exec.Command(python, "-c", "import cmarkgfm").Run() != nil {
		t.Skip("RUNS_TEST_PYTHON has no cmarkgfm")
	}
	var b strings.Builder
	for _, text := range liveTexts {
		b.WriteString("| a | b |\n|---|---|\n| " + Code(text) + " | " + Escape(text) + " |\n\n" + Escape(text) + "\n\n")
	}
	cmd := exec.Command(python, "-c",
		"import cmarkgfm, sys; print(cmarkgfm.github_flavored_markdown_to_html(sys.stdin.read()))")
	cmd.Stdin = strings.NewReader(b.String())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if strings.Contains(string(out), "<a ") || !strings.Contains(string(out), "<table>") {
		t.Errorf("%s", out)
	}
}
