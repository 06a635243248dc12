package main

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gitruns/runs/cmd/internal/page"
)

// TestPages runs every block of code of the pages of help, of README.md and of the pages of python, as its mark says.
// docs/style.md describes the marks. 'go test ./cmd/runs -run TestPages/stores' runs one page.
func TestPages(t *testing.T) {
	for _, name := range []string{"git", "sh", "python3"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("the pages need %s, which is not installed", name)
		}
	}
	for name, text := range allPages(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			parts, err := page.Parse(text)
			if err != nil {
				t.Fatalf("%s:%v", name, err)
			}
			if err := checkMarks(parts); err != nil {
				t.Fatalf("%s:%v", name, err)
			}
			p := newProject(t)
			for _, part := range parts {
				if tool, ok := strings.CutPrefix(part.Mark, "needs "); ok && part.Kind == page.Comment {
					if !p.need(tool) {
						t.Skipf("%s:%d: %s is not installed: the rest of the page is not run", name, part.Line, tool)
					}
					continue
				}
				if err := p.try(part); err != nil {
					t.Fatalf("%s:%d: %v", name, part.Line, err)
				}
			}
		})
	}
}

// allPages returns the pages by the name of their topic, or by their path if they are no topic.
func allPages(t *testing.T) map[string]string {
	all := map[string]string{}
	for _, topic := range topics() {
		if topic.title == "" {
			t.Errorf("docs/%s.md does not begin with a heading", topic.name)
		}
		all[topic.name] = topic.text
	}
	for _, c := range commands {
		if _, ok := all[c.name]; ok {
			t.Errorf("docs/%s.md cannot be read with help: a command has its name", c.name)
		}
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(readme), "```") {
		all["README"] = string(readme)
	}
	client, err := filepath.Glob("../../python/docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range append(client, "../../python/README.md", "../../testdata/recipes/README.md") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimPrefix(filepath.ToSlash(path), "../../")] = string(text)
	}
	return all
}

// checkMarks returns an error that begins with a line's number if a block has no mark, or one that means nothing.
func checkMarks(parts []page.Part) error {
	ran := false
	for _, p := range parts {
		verb, arg, _ := strings.Cut(p.Mark, " ")
		arg = strings.TrimSpace(arg)
		var problem string
		switch {
		case p.Kind == page.Text:
			if line := p.Indented(); line > 0 {
				return fmt.Errorf("%d: code is indented: fence it and mark it", line)
			}
			continue
		case p.Kind == page.Comment && !slices.Contains([]string{"run", "file", "append", "needs"}, verb):
			continue // a remark
		case verb == "":
			problem = "the block has no mark"
		case verb == "run" && p.Kind == page.Code && p.Lang != "sh" && p.Lang != "python":
			problem = fmt.Sprintf("a block of %q cannot be run", p.Lang)
		case verb == "run":
			if _, err := strconv.Atoi(arg); arg != "" && err != nil {
				problem = fmt.Sprintf("%q is not an exit status", arg)
			}
			ran = true
		case verb == "output" && !ran:
			problem = "no block before this output was run"
		case verb == "output":
		case verb == "file" || verb == "append":
			if !filepath.IsLocal(arg) {
				problem = fmt.Sprintf("%s %q names no file of the project", verb, arg)
			}
		case verb == "needs" && arg != "":
		case verb == "skip":
			if len(strings.Fields(arg)) < 2 {
				problem = "skip gives no reason"
			}
		default:
			problem = fmt.Sprintf("%q is not a mark", p.Mark)
		}
		if problem != "" {
			return fmt.Errorf("%d: %s; see docs/style.md", p.Line, problem)
		}
	}
	return nil
}

// project is the folder in which a page is tried.
type project struct {
	dir string
	env []string
	out string // what the last block printed
}

// foreignVariable are variables that would let a page depend on the machine.
var foreignVariable = regexp.MustCompile(`^((RUNS|GIT|XDG|AWS)_|GITHUB_ACTIONS=|TF_BUILD=|TEAMCITY_)`)

func newProject(t *testing.T) *project {
	root := t.TempDir()
	dir, home := filepath.Join(root, "project"), filepath.Join(root, "home")
	for _, dir := range []string{dir, home} {
		if err := os.Mkdir(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	config := "[user]\n\tname = Ada\n\temail = ada@example.org\n[init]\n\tdefaultBranch = main\n" +
		"[commit]\n\tgpgSign = false\n[advice]\n\tdetachedHead = false\n"
	if err := os.WriteFile(filepath.Join(home, ".gitconfig"), []byte(config), 0o666); err != nil {
		t.Fatal(err)
	}
	repository, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		return foreignVariable.MatchString(v)
	})
	env = append(
		env, "HOME="+home, "GIT_CONFIG_NOSYSTEM=1", "GIT_CEILING_DIRECTORIES="+root, "TZ=UTC", "LANG=C.UTF-8",
		"TESTDATA="+filepath.Join(repository, "testdata"), "PYTHONPATH="+filepath.Join(repository, "python", "src"),
		"PYTHONDONTWRITEBYTECODE=1", "PYTHONUNBUFFERED=1", // as on a terminal, which prints each line at once
	)
	return &project{dir: dir, env: env}
}

// need reports whether a program can be had. It finds runs-store where the tests are told that it is.
func (p *project) need(tool string) bool {
	if tool != "runs-store" {
		_, err := exec.LookPath(tool)
		return err == nil
	}
	program := os.Getenv(storeVariable)
	p.env = append(p.env, "PATH="+os.Getenv("PATH")+string(filepath.ListSeparator)+filepath.Dir(program))
	return program != ""
}

// try does what the mark of a part says.
func (p *project) try(part page.Part) error {
	verb, arg, _ := strings.Cut(part.Mark, " ")
	switch {
	case part.Kind == page.Text:
	case verb == "run":
		want, _ := strconv.Atoi(arg)
		return p.run(part, want)
	case verb == "file" || verb == "append":
		return p.write(filepath.Join(p.dir, filepath.FromSlash(arg)), part.Body, verb == "append")
	case verb == "output":
		return compareOutput(part.Body, p.out)
	}
	return nil
}

func (p *project) run(part page.Part, want int) error {
	cmd := exec.Command("sh", "-e", "-c", part.Body)
	if part.Lang == "python" {
		cmd = exec.Command("python3", "-c", part.Body)
	}
	cmd.Dir, cmd.Env = p.dir, p.env
	out, err := cmd.CombinedOutput()
	p.out = string(out)
	if got := cmd.ProcessState.ExitCode(); got != want {
		return fmt.Errorf("exit status %d, not %d (%v):\n%s\nprinted\n%s", got, want, err, part.Body, out)
	}
	return nil
}

func (p *project) write(path, body string, more bool) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	how := os.O_TRUNC
	if more {
		how = os.O_APPEND
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|how, 0o666)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(body); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}

// compareOutput compares what a page says that a block prints with what it printed: docs/style.md says how.
func compareOutput(want, got string) error {
	lines := slices.Collect(strings.Lines(got))
	anything := false // the line before was …
	for w := range strings.Lines(want) {
		w = settled(w)
		if w == "…" {
			anything = true
			continue
		}
		pattern := regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(w), "…", ".*") + "$")
		at := slices.IndexFunc(lines, func(line string) bool { return pattern.MatchString(settled(line)) })
		if at < 0 || at > 0 && !anything {
			return fmt.Errorf("the page shows\n%s\nbut the command printed\n%s\nfirst difference: %q", want, got, w)
		}
		lines, anything = lines[at+1:], false
	}
	if len(lines) > 0 && !anything {
		return fmt.Errorf("the page shows\n%s\nbut the command printed more:\n%s", want, strings.Join(lines, ""))
	}
	return nil
}

var settledPatterns = []struct{ pattern, text string }{
	{`\b\d{8}-\d{6}-[0-9a-hjkmnp-tv-z]{8}\b`, "ID"},
	{`\b\d{8}-\d{6}\.\d{6}-[0-9a-z]{4}\b`, "STAMP"},
	{`\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?Z?`, "TIME"},
	{`\b[0-9a-f]{7,64}\b`, "ID"},        // a digest; the random part of an id may look like one
	{`\b[0-9a-hjkmnp-tv-z]{8}\b`, "ID"}, // the random part of an id, and words of the same letters
	{`\bjust now\b|\b\d+ (s|sec|min|h|d|days?|hours?|weeks?) ago\b`, "AGE"},
	{`\b\d[\d.,]*( ?(B|kB|MB|GB|KiB|MiB|GiB|ms|s|min|h)\b)?`, "N"},
	{`[▁▂▃▄▅▆▇█⠀-⣿]+`, "▂"},
	{`[ \t]+`, " "},
}

// settled is a line without what differs from call to call.
func settled(line string) string {
	for _, p := range settledPatterns {
		line = regexp.MustCompile(p.pattern).ReplaceAllString(line, p.text)
	}
	return strings.TrimSpace(line)
}

func TestCheckMarks(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"# A\n\n```sh run\nx\n```\n\n```text output\nx\n```\n\n```toml file a/b\n```\n", ""},
		{"<!-- a remark -->\n<!-- run\n-->\n", ""},
		{"```sh skip needs a bucket\n```\n", ""},
		{"```python run 1\n```\n", ""},
		{"a\n\n```sh\n```\n", "3: the block has no mark"},
		{"```\n```\n", "1: the block has no mark"},
		{"a\n\n    runs ls\n", "3: code is indented"},
		{"```toml run\n```\n", `a block of "toml" cannot be run`},
		{"```sh run x\n```\n", `"x" is not an exit status`},
		{"```text output\n```\n", "no block before this output was run"},
		{"```toml file ../x\n```\n", "names no file of the project"},
		{"```toml file\n```\n", "names no file of the project"},
		{"```sh skip later\n```\n", "skip gives no reason"},
		{"```sh nonsense\n```\n", `"nonsense" is not a mark`},
	} {
		parts, err := page.Parse(c.text)
		if err != nil {
			t.Fatal(err)
		}
		err = checkMarks(parts)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%q: %v, want %q", c.text, err, c.want)
		}
	}
}

func TestCompareOutput(t *testing.T) {
	for _, c := range []struct {
		want, got string
		ok        bool
	}{
		{"a\nb\n", "a\nb\n", true},
		{"a\nb\n", "a\n", false},
		{"a\n", "a\nb\n", false},
		{"b\n", "a\nb\n", false},
		{"…\nb\n", "a\nb\n", true},
		{"a\n…\n", "a\nb\nc\n", true},
		{"a … c\n", "a b b c\n", true},
		{"a … c\n", "a b b d\n", false},
		{"committed ef7f60b399: 4 runs, 26.0 kB on main\n", "committed 0123456789: 2 runs, 1.5 kB on main\n", true},
		{"committed ef7f60b399: 4 runs\n", "committed 0123456789: 1 run\n", false},
		{"started = 2026-11-29T15:32:19.998646Z\n", "started = 2026-11-30T01:02:03Z\n", true},
		{"recorded pjggts6j\n", "recorded f1fd25b5\n", true},
		{"run 20261123-142530-k7qx2m9a  just now\n", "run 20270101-000000-0a1b2c3d    3 min ago\n", true},
	} {
		if err := compareOutput(c.want, c.got); (err == nil) != c.ok {
			t.Errorf("%q for %q: %v", c.want, c.got, err)
		}
	}
}

// TestPageLinks holds the relative links of pages and READMEs to files that exist.
func TestPageLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)
	var files []string
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && path != "../.." {
			if name := entry.Name(); strings.HasPrefix(name, ".") || name == "testdata" && path != "../../testdata" {
				return fs.SkipDir
			}
		}
		if strings.HasSuffix(path, ".md") {
			files = append(files, path)
		}
		return err
	})
	if err != nil || len(files) < 4 {
		t.Fatalf("%d pages: %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(file), filepath.FromSlash(m[1]))); err != nil {
				t.Errorf("%s links to %s, which does not exist", file, m[1])
			}
		}
	}
}
