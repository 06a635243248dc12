package gitconfig

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gitruns/runs/repo/git/gittest"
)

func TestMain(m *testing.M) { os.Exit(gittest.Main(m)) }

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// world is a repository with a linked worktree, and a user with files of configuration.
type world struct {
	r    *gittest.Repository
	dir  string // where Git runs
	from Sources
	env  map[string]string
}

func newWorld(t testing.TB, linked bool) *world {
	t.Helper()
	r := gittest.New(t)
	w := &world{r: r, dir: r.Dir}
	w.from = Sources{GitDir: r.Path(".git"), CommonDir: r.Path(".git")}
	if linked {
		r.Commit("first", nil)
		w.dir = filepath.Join(r.Base, "linked")
		r.Git("worktree", "add", "-q", "-b", "topic/one", w.dir)
		w.from.GitDir = r.Path(".git/worktrees/linked")
	}
	home := filepath.Join(r.Base, "home")
	w.env = map[string]string{
		"HOME": home, "USERPROFILE": home, "GIT_CONFIG_SYSTEM": filepath.Join(r.Base, "system"), "PATH": os.Getenv("PATH"),
		"LC_ALL": "C", "SYSTEMROOT": os.Getenv("SYSTEMROOT"),
	}
	w.from.Getenv = func(name string) (string, bool) {
		value, ok := w.env[name]
		return value, ok
	}
	return w
}

// write writes a file relative to the folder that contains all of the world.
func (w *world) write(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(w.r.Base, filepath.FromSlash(name))
	check(t, os.MkdirAll(filepath.Dir(path), 0o777))
	check(t, os.WriteFile(path, []byte(text), 0o666))
	return path
}

// git returns what Git lists. ok is false if it refuses the configuration.
func (w *world) git(args ...string) (list string, why string, ok bool) {
	cmd := exec.Command("git", append([]string{"config", "--list", "-z"}, args...)...)
	cmd.Dir = w.dir
	for name, value := range w.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	return string(out), stderr.String(), err == nil
}

func listed(entries []Entry, scopes bool) string {
	var b strings.Builder
	for _, e := range entries {
		if scopes {
			b.WriteString(string(e.Scope) + "\x00")
		}
		b.WriteString(e.Key)
		if e.HasValue {
			b.WriteString("\n" + e.Value)
		}
		b.WriteByte(0)
	}
	return b.String()
}

// compare compares the configuration of a world with the one that Git reads. It returns whether Git takes it.
func (w *world) compare(t testing.TB) bool {
	t.Helper()
	want, why, ok := w.git("--show-scope")
	c, err := Load(w.from)
	if (err == nil) != ok {
		t.Errorf("Git takes it: %v (%s)\nwe: %v", ok, why, err)
	} else if ok {
		if got := listed(c.Entries(), true); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
	return ok
}

// TestFiles fixes what one file means.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	w := &world{dir: dir, env: map[string]string{"PATH": os.Getenv("PATH"), "HOME": dir}}
	for i, text := range []string{
		"", "[a]\n", "[a]b", "[a]b=c", "[a]\n\tb = c\n\td\n", "[A \"B.c\"]\nDe-1 = F\n", "[A.B]\nc=1\n", "[a]b=1\n[a]b=2\n",
		"[a]\nb = \"x ; y\" # z\n", "[a]\nb = x ; y\n", "[a]\nb = x\\\n  y\n", "[a]\nb = \\\"\\\\\\t\\n\\b|\n",
		"[a]\nb = \"x\\\ny\"\n", "[a]\r\nb = c\r\nd\r\n[e \"f\"]\r\ng=\r\n", "\ufeff[a]\nb=c\n", "\xef\xbb[a]\nb=c\n",
		"[a]\nb = x  y   \n", "[a]\nb = \"x  \"  \n", "[a]\nb = \"\" x\n", "[a]\nb = x \"\" \n", "[a]\nb=x\\", "[a]\nb=\\",
		"[]\na=b\n", "[ \"\"]\na=b\n", "[ \"c\"]a=b\n", "[a] b = c # d\n", "[a][b]c=d\n", "[a \"b\\\"c\\\\d\\e\"]\nf=g\n",
		"[a\t\"b\"]c=d\n", "[a.b \"C\"]d=e\n",
		"a=b\n", "; [a]\n# b\n[c]d\n", "[a]\nb = c;d\n", "[a]\n b c\n", "[a]\n1b=c\n", "[a]\n-b=c\n", "[a]\nb_c=d\n",
		"[a_b]\nc=d\n",
		"[a\n", "[a", "[a \"b\nc\"]\n", "[a \"b\"", "[a \"b\" ]\nc=d\n", "[a b]\n", "[ a]\nb=c\n", "[a \"b\\",
		"[a \"b\\\nc\"]\n",
		"[a]\nb=\"c\n", "[a]\nb=\\x\n", "[a]\nb=c\n=d\n", "[a]\nb\v=c\n", "[a]\nb=\vc\v\n", "[.a]\nb=c\n", "[a.]\nb=c\n",
		"[a]\nb = \xff\xc3\n", "[a \"\"]\nb=c\n", "[a]b#c\n", "[a]b #c\n", "[a]\nb=c\\\r\nd\n", "\r[a]\rb=c\n",
		"[include]\npath = missing\n[INCLUDE]path\n",
	} {
		path := filepath.Join(dir, fmt.Sprint(i))
		check(t, os.WriteFile(path, []byte(text), 0o666))
		w.compareFile(t, path)
	}
	if _, err := Parse("x", []byte("[a]\nb=\x00\n")); err == nil || !strings.Contains(err.Error(), "zero byte") {
		t.Errorf("a zero byte: %v", err)
	}
	if _, err := Parse("x", make([]byte, MaxFile+1)); err == nil || !strings.Contains(err.Error(), "larger than 16 MiB") {
		t.Errorf("a large file: %v", err)
	}
	if _, err := Parse("x", []byte("[a]\n"+strings.Repeat("b\n", MaxSettings+1))); err == nil ||
		!strings.Contains(err.Error(), "more than 1048576 settings") {
		t.Errorf("many settings: %v", err)
	}
	for text, want := range map[string]string{
		"[a]\nb=\"c\n\nd": "line 2: its value", "[a]\n\n1=": "line 3: its name", "\n[a": "line 2: its section heading",
		"[a]\nb=c\\\nd\n[e f]": "line 4: its section",
	} {
		if _, err := Parse("x", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func (w *world) compareFile(t testing.TB, path string) bool {
	t.Helper()
	want, why, ok := w.git("--file", path)
	data, err := os.ReadFile(path)
	check(t, err)
	c, err := Parse(path, data)
	if (err == nil) != ok {
		t.Errorf("%q: Git takes it: %v (%s)\nwe: %v", data, ok, why, err)
	} else if ok {
		if got := listed(c.Entries(), false); got != want {
			t.Errorf("%q:\ngot  %q\nwant %q", data, got, want)
		}
	}
	return ok
}

// generate returns a file of configuration. faults is how often one line of a hundred is invalid.
func generate(g gittest.Generator, faults int, includes func() string) string {
	var b strings.Builder
	end := func() { b.WriteString(g.Pick("\n", "\n", "\n", "\n\n", "\r\n", " \n", "\n\t", " # c\n", ";x\n")) }
	word := func() string {
		return g.Join(3, "", func() string { return g.Pick("a", "B", "c-", "d", "path", "url", "e1") })
	}
	if g.IntN(20) == 0 {
		b.WriteString("\ufeff")
	}
	for range 1 + g.IntN(4) {
		if g.IntN(4) == 0 {
			b.WriteString(includes())
		}
		switch g.IntN(4) {
		case 0:
			fmt.Fprintf(&b, "[%s]", g.Pick("core", "A", "Remote.Origin", "x.y", "b-1"))
		case 1:
			fmt.Fprintf(&b, "[%s%s\"%s\"]", g.Pick("remote", "A", "x.Y"), g.Pick(" ", "  ", "\t"), g.Join(4, "", func() string {
				return g.Pick("o", "B", ".", " ", "\\\"", "\\\\", "\\n", "]", "[", "é", "\t", "#", "'")
			}))
		default:
			fmt.Fprintf(&b, "[%s]", word())
		}
		end()
		for range g.IntN(4) {
			b.WriteString(g.Pick("", "", "\t", "  ") + "k" + word())
			switch g.IntN(6) {
			case 0:
				b.WriteString(g.Pick("", " "))
			default:
				b.WriteString(g.Pick("=", " = ", "  =", "=  ") + g.Join(6, "", func() string {
					return g.Pick("a", "B", " ", "  ", "1", "\"x y\"", "\"\"", "\"  \"", "\\\"", "\\\\", "\\n", "\\t", "\\b", "\\\n",
						"\\\n  ", "\\\r\n", "#", ";", "\"#\"", "\";a\\\nb\"", "=", "é", "\xff", "[", "]", ".", "/", "~", "\x01")
				}))
			}
			end()
		}
		if g.IntN(100) < faults {
			b.WriteString(g.Pick("[", "]", "[a b]", "x.y=1", "1a", "b=\\q", "\"", "b=\"x", "=", "[a \"b]", "\\", "_",
				"[a]x y=1"))
			end()
		}
	}
	return b.String()
}

// TestGeneratedFiles compares single files, also invalid ones, with Git. RUNS_TEST_CONFIG_FILES is their number.
func TestGeneratedFiles(t *testing.T) {
	g := gittest.NewGenerator(t)
	dir := t.TempDir()
	w := &world{dir: dir, env: map[string]string{"PATH": os.Getenv("PATH"), "HOME": dir}}
	path := filepath.Join(dir, "config")
	valid, files := 0, gittest.Count(t, "RUNS_TEST_CONFIG_FILES", 150)
	for range files {
		check(t, os.WriteFile(path, []byte(generate(g, 25, func() string { return "" })), 0o666))
		if w.compareFile(t, path) {
			valid++
		}
		if t.Failed() {
			break
		}
	}
	t.Logf("%d files, %d valid", files, valid)
}

// TestGenerated compares the whole configuration, with includes, conditions and variables, with Git.
// RUNS_TEST_CONFIG_FILES is the number of files.
func TestGenerated(t *testing.T) {
	g := gittest.NewGenerator(t)
	worlds := []*world{newWorld(t, false), newWorld(t, true)}
	for _, w := range worlds { // as Git does
		if data, err := os.ReadFile(filepath.Join(w.from.CommonDir, "config")); err == nil {
			w.write(t, "own", string(data))
		}
	}
	taken, files := 0, 0
	for want := gittest.Count(t, "RUNS_TEST_CONFIG_FILES", 150); files < want && !t.Failed(); {
		w := worlds[g.IntN(len(worlds))]
		base := w.r.Base
		includes := func() string {
			target := g.Pick("inc1", "inc2", "sub/inc3", "missing")
			path := g.Pick(base+"/"+target, "../"+target, target, "~/"+target)
			switch g.IntN(6) {
			case 0:
				return "[include]path=" + path + "\n"
			case 1:
				return fmt.Sprintf("[includeIf \"onbranch:%s\"]path=%s\n", g.Pick("main", "topic/", "topic/*", "**", "*", "top*",
					"main/", "TOPIC/one", "t?pic/one"), path)
			case 2:
				return fmt.Sprintf("[includeIf \"hasconfig:remote.*.url:%s\"]path=%s\n", g.Pick("https://*/**", "**", "x", "*/y",
					"https://h/*"), path)
			case 3:
				return fmt.Sprintf("[includeIf \"%s\"]path=%s\n", g.Pick("", "x", "gitdir", "gitdir:", "GITDIR:/", "onbranch",
					"hasconfig:x.y:z"), path)
			}
			return fmt.Sprintf("[includeIf \"gitdir%s:%s\"]path=%s\n", g.Pick("", "", "/i"), g.Pick(base+"/",
				base+"/project/.git",
				"project/", "PROJECT/", "project/**", "./", "../", "./project/", "~/", "**/.git", "*/.git", ".git",
				"project/.git/worktrees/", "linked", "/", "~/x/", strings.ToUpper(base)+"/", base+"/*/.git"), path)
		}
		none := func() string { return "" }
		w.clear(t)
		for _, name := range []string{"system", "home/.gitconfig", "home/.config/git/config", "xdg/git/config", "global"} {
			if g.IntN(3) == 0 {
				w.write(t, name, generate(g, 1, includes))
				files++
			}
		}
		for i, name := range []string{"inc1", "inc2", "sub/inc3", "home/inc1"} {
			if g.IntN(3) > 0 {
				within := none // an include that includes itself is refused, so only the first includes others
				if i == 0 && g.IntN(3) == 0 {
					within = func() string { return "[include]path=" + g.Pick("inc2", "sub/inc3", "inc1") + "\n" }
				}
				w.write(t, name, generate(g, 1, within))
				files++
			}
		}
		own, err := os.ReadFile(filepath.Join(base, "own"))
		check(t, err)
		if g.IntN(2) == 0 {
			own = append(own, "[extensions]\nworktreeConfig = true\n"...)
		}
		if g.IntN(2) == 0 {
			own = append(own, "[remote \"origin\"]\nurl = https://h/p\n"...)
		}
		check(t, os.WriteFile(filepath.Join(w.from.CommonDir, "config"),
			append(own, generate(g, 1, includes)...), 0o666))
		check(t, os.WriteFile(filepath.Join(w.from.GitDir, "config.worktree"), []byte(generate(g, 1, includes)), 0o666))
		files += 2
		w.variables(g)
		if w.compare(t) {
			taken++
		}
	}
	t.Logf("%d files, %d times taken by Git", files, taken)
}

// clear removes the files of an earlier round.
func (w *world) clear(t testing.TB) {
	t.Helper()
	for _, name := range []string{"system", "home", "xdg", "global", "inc1", "inc2", "sub"} {
		check(t, os.RemoveAll(filepath.Join(w.r.Base, name)))
	}
}

// variables sets the variables that Git reads.
func (w *world) variables(g gittest.Generator) {
	for name := range w.env {
		if strings.HasPrefix(name, "GIT_CONFIG") && name != "GIT_CONFIG_SYSTEM" || name == "XDG_CONFIG_HOME" {
			delete(w.env, name)
		}
	}
	maybe := func(name string, values ...string) {
		if g.IntN(4) == 0 {
			w.env[name] = g.Pick(values...)
		}
	}
	base := w.r.Base
	maybe("GIT_CONFIG_NOSYSTEM", "1", "0", "true", "", "no")
	maybe("GIT_CONFIG_GLOBAL", filepath.Join(base, "global"), "", os.DevNull, filepath.Join(base, "missing"))
	maybe("XDG_CONFIG_HOME", filepath.Join(base, "xdg"), "")
	maybe("GIT_CONFIG_COUNT", "0", "1", "2", "2", "2", "", " 1", "x")
	maybe("GIT_CONFIG_PARAMETERS", `'a.b=c'`, `'a.b'='c'`, `'a.b'=`, `'a.b'`, `'a.b=c' 'D.e'='f'`, `'a.X Y.b'='it'\''s'`,
		`'include.path'='`+base+`/inc1'`, `'a.b=c`, `a.b=c`, `'a b=c'`, `'a.b'='c'x`, `'a.b' = 'c'`, ` 'a.b=c'`, `'a.b=c'  `,
		`'a.b'='x'\!'y'`, `'=c'`, `'include.path'='inc1'`, `'a.b'='c'	'a.c'`)
	for i := range 2 {
		w.env[fmt.Sprintf("GIT_CONFIG_KEY_%d", i)] = g.Pick("a.b", "A.B.C", "a.b c.D", "include.path", "x.y", "x.1", "x",
			".x",
			"a..b")
		w.env[fmt.Sprintf("GIT_CONFIG_VALUE_%d", i)] = g.Pick(base+"/inc2", base+"/sub/inc3", base+"/missing")
	}
}

// TestIncludes: files that include one another, which Git refuses at the same depth, and what it does not bound.
func TestIncludes(t *testing.T) {
	w := newWorld(t, false)
	for depth, want := range map[int]bool{10: true, 11: false} {
		w.write(t, "home/.gitconfig", "[include]path=1\n[a]b=c\n")
		for i := 1; i <= depth; i++ {
			w.write(t, fmt.Sprintf("home/%d", i), fmt.Sprintf("[include]path=%d\n[a]b%d\n", i+1, i))
		}
		check(t, os.RemoveAll(filepath.Join(w.r.Base, "home", fmt.Sprint(depth+1))))
		if got := w.compare(t); got != want {
			t.Errorf("%d files include one another: Git takes it: %v", depth, got)
		}
	}
	w.write(t, "home/.gitconfig", "[include]path=.gitconfig\npath=.gitconfig\n")
	if w.compare(t) {
		t.Error("Git takes a file that includes itself")
	}
	for i := range 9 {
		w.write(t, fmt.Sprintf("home/%d", i), strings.Repeat(fmt.Sprintf("[include]path=%d\n", i+1), 10))
	}
	w.write(t, "home/9", "")
	w.write(t, "home/.gitconfig", "[include]path=0\n")
	if _, err := Load(w.from); err == nil || !strings.Contains(err.Error(), "more than 1000 files") {
		t.Errorf("a billion includes: %v", err)
	}
	w.write(t, "home/.gitconfig", "[include]path=~nobody/x\n")
	if _, err := Load(w.from); err == nil || !strings.Contains(err.Error(), "home folder of another user") {
		t.Errorf("the home of another user: %v", err)
	}
}

// TestConditionOnAddresses: a file that is included because of a remote's address must not set one.
func TestConditionOnAddresses(t *testing.T) {
	w := newWorld(t, false)
	w.r.Git("remote", "add", "origin", "https://example.org/x")
	w.write(t, "home/inc", "[remote \"b\"]url=c\n")
	w.write(t, "home/.gitconfig", "[includeIf \"hasconfig:remote.*.url:https://**\"]path=inc\n")
	if w.compare(t) {
		t.Error("Git takes the address")
	}
	w.write(t, "home/inc", "[remote \"b\"]pushurl=c\n")
	if !w.compare(t) {
		t.Error("Git refuses the other key")
	}
}

// TestConditions: conditions on a repository that is reached by a link, and on a branch that stands for
// another.
func TestConditions(t *testing.T) {
	w := newWorld(t, false)
	if err := os.Symlink(w.r.Dir, filepath.Join(w.r.Base, "link")); err != nil {
		t.Skip(err)
	}
	w.write(t, "home/inc", "[a]b=c\n")
	w.r.Commit("first", nil)
	w.r.Git("symbolic-ref", "refs/heads/other", "refs/heads/main")
	w.r.Git("symbolic-ref", "HEAD", "refs/heads/other")
	for condition, want := range map[string]bool{
		"gitdir:project/": true, "gitdir:link/": false, "gitdir": false, "gitdir:": true, "onbranch": false,
		"onbranch:main": true, "onbranch:other": false,
	} {
		w.write(t, "home/.gitconfig", "[includeIf \""+condition+"\"]path=inc\n")
		w.compare(t)
		c, err := Load(w.from)
		check(t, err)
		if _, ok := c.Last("a.b"); ok != want {
			t.Errorf("%s holds: %v", condition, ok)
		}
	}
	w.from.GitDir = filepath.Join(w.r.Base, "link", ".git")
	w.write(t, "home/.gitconfig", "[includeIf \"gitdir:link/\"]path=inc\n")
	c, err := Load(w.from)
	check(t, err)
	if _, ok := c.Last("a.b"); !ok {
		t.Error("the name of the link is not tried")
	}
}

// TestValues compares the types of values with Git's.
func TestValues(t *testing.T) {
	w := newWorld(t, false)
	home := w.env["HOME"]
	for _, text := range []string{
		"", "true", "YES", "on", "false", "No", "off", "1", "0", "2k", "-1", "+3", "0x1F", "010", "08", "1M", "1g", "3G",
		"1kk", "0b1",
		"0o7", "1_0", "x", " 5", "5 ", "99999999999999999999", "9223372036854775807", "8589934592g", "0x", "k", "-", "0xfk",
		"0_1", "\t7",
	} {
		for _, kind := range []string{"bool", "int"} {
			cmd := exec.Command("git", "-c", "a.b="+text, "config", "--type="+kind, "a.b")
			cmd.Dir = w.dir
			out, err := cmd.Output()
			e := Entry{Key: "a.b", Value: text, HasValue: true}
			var got string
			var ours error
			if kind == "bool" {
				var value bool
				value, ours = e.Bool()
				got = fmt.Sprintln(value)
			} else {
				var value int64
				value, ours = e.Int()
				got = fmt.Sprintln(value)
			}
			if (err == nil) != (ours == nil) || err == nil && got != string(out) {
				t.Errorf("%q as %s: got %q, %v, want %q, %v", text, kind, got, ours, out, err)
			}
		}
	}
	w.write(t, "home/.gitconfig", "[a]p=~/x\nq=/x\nr=~\nempty\n[b]t\nf=false\nn=2k\n")
	c, err := Load(w.from)
	check(t, err)
	for key, want := range map[string]string{"a.p": home + "/x", "a.q": "/x", "a.r": home} {
		if got, set, err := c.Path(key); got != want || !set || err != nil {
			t.Errorf("%s: %q, %v, %v", key, got, set, err)
		}
	}
	if _, _, err := c.Path("a.empty"); err == nil || !strings.Contains(err.Error(), "reading a.empty in the Git") {
		t.Errorf("a path without a value: %v", err)
	}
	if value, set, err := c.Bool("b.t"); !value || !set || err != nil {
		t.Errorf("a name without a value: %v, %v, %v", value, set, err)
	}
	if value, set, err := c.Int("b.n"); value != 2048 || !set || err != nil {
		t.Errorf("2k: %v, %v, %v", value, set, err)
	}
	if _, set, err := c.Int("b.none"); set || err != nil {
		t.Errorf("a missing key: %v, %v", set, err)
	}
	if got := c.All("b.f"); len(got) != 1 || got[0].Line != 6 || got[0].Scope != Global {
		t.Errorf("all: %+v", got)
	}
}

// TestOutside: outside a repository there are the settings of the user and the system.
func TestOutside(t *testing.T) {
	w := newWorld(t, false)
	w.dir, w.from.GitDir, w.from.CommonDir = w.r.Base, "", ""
	w.write(t, "home/.gitconfig", "[includeIf \"gitdir:/\"]path=inc\n[includeIf \"onbranch:**\"]path=inc\n[a]b=c\n")
	w.write(t, "home/inc", "[c]d\n")
	w.write(t, "system", "[s]t=u\n")
	if !w.compare(t) {
		t.Error("Git refuses it")
	}
	got, want := InUserFolder("ignore", w.from.Getenv), filepath.Join(w.r.Base, "home/.config/git/ignore")
	if got != want {
		t.Errorf("the user's folder: %s", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("[a \"b\\\"\"]\nc = \"d\\\ne\" ; f\n[include]path=x\n"))
	f.Add([]byte("\ufeff[a]\r\nb\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("x", data)
		if err != nil {
			return
		}
		for _, e := range c.Entries() {
			if strings.ContainsRune(e.Key+e.Value, 0) || e.Line < 1 || !e.HasValue && e.Value != "" {
				t.Fatalf("%+v", e)
			}
		}
		for _, e := range c.Entries() {
			_, _ = e.Bool()
			_, _ = e.Int()
		}
	})
}

func FuzzParameters(f *testing.F) {
	f.Add(`'a.b'='c' 'd.e=f' 'g.h'=`)
	f.Fuzz(func(t *testing.T, text string) {
		for rest, n := text, 0; rest != ""; n++ {
			_, _, _, after, ok := parameter(rest)
			if !ok {
				return
			}
			if len(after) >= len(rest) {
				t.Fatalf("%q is left of %q", after, rest)
			}
			rest = after
		}
	})
}
