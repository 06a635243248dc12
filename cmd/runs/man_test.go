package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Every command and topic has a page that roff formats without a warning, and that is the same each time.
func TestManuals(t *testing.T) {
	all, err := manuals()
	if err != nil {
		t.Fatal(err)
	}
	again, err := manuals()
	if err != nil {
		t.Fatal(err)
	}
	request := regexp.MustCompile(`^\.(TH|SH|SS|PP|TP|IP|RS|RE|nf|fi|br)\b`)
	escape := regexp.MustCompile(`\\(e|-|&|\((aq|ga|ha|ti|bu|dq)|f[BR])`)
	dir := t.TempDir()
	pages := map[string]string{}
	for i, m := range all {
		if !bytes.Equal(m.text, again[i].text) {
			t.Errorf("%s: the page differs from call to call", m.name)
		}
		name := m.name + "." + m.section
		pages[name] = string(m.text)
		for _, section := range []string{"NAME", "DESCRIPTION"} {
			if !strings.Contains(pages[name], ".SH \""+section+"\"\n") {
				t.Errorf("%s has no section %s", name, section)
			}
		}
		for n, line := range strings.Split(pages[name], "\n") {
			if n == 0 {
				continue
			}
			if strings.HasPrefix(line, ".") && !request.MatchString(line) {
				t.Errorf("%s: an unknown request: %s", name, line)
			}
			if rest := escape.ReplaceAllString(line, ""); strings.Contains(rest, `\`) {
				t.Errorf("%s: an unknown escape: %s", name, line)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, name), m.text, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range commands {
		if hidden := c.make(&app{}).Hidden; hidden == (pages["runs-"+c.name+".1"] != "") {
			t.Errorf("%s: hidden is %v, and so is its page", c.name, hidden)
		}
	}
	for _, topic := range topics() {
		if pages["runs-"+strings.ReplaceAll(topic.name, "/", "-")+".7"] == "" {
			t.Errorf("the topic %s has no page", topic.name)
		}
	}
	for _, want := range []string{".SH \"OPTIONS\"\n", "\\fB\\-\\-code\\fR\n", ".SH \"EXIT STATUS\"\n"} {
		if page := pages["runs-diff.1"]; !strings.Contains(page, want) {
			t.Errorf("runs-diff.1 has no %q:\n%s", want, page)
		}
	}
	if _, err := exec.LookPath("groff"); err != nil {
		t.Skip("groff is not installed: the pages are not formatted")
	}
	for name := range pages {
		cmd := exec.Command("groff", "-k", "-Tutf8", "-P-c", "-P-b", "-P-u", "-mandoc", "-ww", filepath.Join(dir, name))
		var warnings bytes.Buffer
		cmd.Stderr = &warnings
		out, err := cmd.Output()
		if err != nil || warnings.Len() > 0 {
			t.Errorf("%s: %v: %s", name, err, warnings.String())
		}
		if !bytes.Contains(out, []byte("NAME")) {
			t.Errorf("%s: groff shows %.200q", name, out)
		}
	}
}

func TestSynopsis(t *testing.T) {
	root := (&app{}).command("")
	root.InitDefaultHelpCmd()
	for _, c := range root.Commands() {
		var want []string
		switch c.Name() {
		case "help":
			want = []string{"runs help [COMMAND | TOPIC]"}
		case "redact":
			want = []string{"runs redact (RUN… | -w EXPRESSION | --all) (PATTERN | --finds)"}
		case "verify":
			want = []string{"runs verify [RUN…]", "runs verify --all [REV…] [flags]"}
		default:
			continue
		}
		if got := synopsis(c); !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestExitStatus(t *testing.T) {
	all, err := manuals()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		if m.name == "runs" && !bytes.Contains(m.text, []byte(".TP\n\\fB2\\fR\nwrong usage\n")) {
			t.Errorf("the statuses are not listed:\n%s", m.text)
		}
		command := m.name != "runs-help" && bytes.Contains(m.text, []byte("\" \"1\" \"")) // a topic is in section 7
		if bytes.Contains(m.text, []byte(".SH \"EXIT STATUS\"")) != command {
			t.Errorf("%s: it lists exit statuses: %v, want %v", m.name, !command, command)
		}
	}
}
