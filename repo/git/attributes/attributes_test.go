package attributes

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gitruns/runs/repo/git/gittest"
	"github.com/gitruns/runs/repo/git/pattern"
)

func TestMain(m *testing.M) { os.Exit(gittest.Main(m)) }

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// names are the attributes that are compared.
var names = []string{
	"text", "crlf", "eol", "filter", "ident", "working-tree-encoding", "binary", "diff", "merge", "export-ignore", "mine",
	"other", "m.1", "set",
}

func open(t testing.TB, r *gittest.Repository, global string, fold bool) *Matcher {
	t.Helper()
	o := Options{Read: Reader(r.Dir), FoldCase: fold}
	user, err := ReadFile(global)
	check(t, err)
	o.Global = []File{user}
	o.Info, err = ReadFile(r.Path(".git/info/attributes"))
	check(t, err)
	m, err := New(o)
	check(t, err)
	return m
}

// compare compares the attributes of paths with those that Git gives them.
func compare(t *testing.T, r *gittest.Repository, m *Matcher, paths []string) {
	t.Helper()
	cmd := exec.Command("git", append([]string{"check-attr", "--stdin", "-z"}, names...)...)
	cmd.Dir, cmd.Stdin = r.Dir, strings.NewReader(strings.Join(paths, "\x00")+"\x00")
	cmd.Env = append(os.Environ(), "GIT_ATTR_NOSYSTEM=1")
	out, err := cmd.Output()
	check(t, err)
	fields := strings.Split(string(out), "\x00")
	if len(fields) != 3*len(names)*len(paths)+1 {
		t.Fatalf("git check-attr gave %d fields for %d paths", len(fields), len(paths))
	}
	for _, path := range paths {
		values, err := m.Match(path, names...)
		check(t, err)
		failed := false
		for i, name := range names {
			if got, want := values[i].String(), fields[2]; path != fields[0] || name != fields[1] || got != want {
				t.Errorf("path %q, %s: got %q, want %q", path, name, got, want)
				failed = true
			}
			fields = fields[3:]
		}
		for at := filepath.Dir(r.Path(path)); failed && len(at) >= len(r.Dir); at = filepath.Dir(at) {
			data, _ := os.ReadFile(filepath.Join(at, FileName))
			t.Logf("%s: %q", at, data)
		}
	}
}

// TestCases fixes the rules that one would get wrong, and that the generated comparison finds only by chance.
func TestCases(t *testing.T) {
	padded := func(line string, length int) string { return line + strings.Repeat(" ", length-len(line)) + "\n" }
	for _, c := range []struct {
		name   string
		files  map[string]string // info/attributes is "info", and that of the user "user"
		paths  []string
		expect string // of the first path, for what must not change with the version of Git
	}{
		{
			"binary is a macro",
			map[string]string{"": "*.bin binary\n*.txt binary text=auto\nb -binary\n*.c !text binary\n"},
			[]string{"a.bin", "a.txt", "b", "a.c"},
			"text=unset diff=unset merge=unset binary=set",
		},
		{
			"own macros", map[string]string{
				"": "[attr]mine text other\n" +
					"[attr]other -diff m.1=2\n[attr] set merge\n*.a mine\n*.b mine -other\n*.c -mine\n*.d set\n",
				"s": "[attr]mine filter=lfs\n*.a mine\n",
			}, []string{"x.a", "x.b", "x.c", "s/x.a", "x.d"}, "text=set diff=unset mine=set other=set m.1=2",
		},
		{
			"a macro that names itself, and one without attributes",
			map[string]string{"": "[attr]mine other\n[attr]other mine text\n[attr]binary\n* mine\nb binary\n"},
			[]string{"a", "b"},
			"mine=set other=set text=set",
		},
		{
			"which macro wins",
			map[string]string{
				"": "[attr]mine text\n[attr]mine -text\n* mine\n", "info": "[attr]mine text=auto\n",
				"user": "[attr]mine eol=lf\n",
			},
			[]string{"a"},
			"mine=set text=auto",
		},
		{
			"which file wins",
			map[string]string{
				"": "a text\nb text\nc text\nd/x text\n", "d": "x -text\n", "info": "a text=auto\n",
				"user": "b eol=lf text=auto\n",
			},
			[]string{"a", "b", "c", "d/x"},
			"text=auto",
		},
		{
			"unspecified",
			map[string]string{"": "* text eol=lf\n", "d": "* !text\n"},
			[]string{"d/x", "x"},
			"eol=lf",
		},
		{
			"the last on a line, and the last line",
			map[string]string{"": "a text -text\nb text\nb -text\nc binary text\nd text binary\n"},
			[]string{"a", "b", "c", "d"},
			"text=unset",
		},
		{
			"invalid lines",
			map[string]string{"": "a text -\na eol=lf +x\na filter= diff\n!a merge\n" +
				"[attr]!x text\n[attr] text\na --ident merge\n" +
				"[attr]\nb text=a=b\nb -eol=lf !ident=x =y\nb -diff=x !merge=y\n"},
			[]string{"a", "b"},
			"filter= diff=set",
		},
		{
			"quoted patterns",
			map[string]string{"": "\"a b\" text\n\"c\\td\"text\n\"\\303\\251\" eol=lf\n\"e text\n\"f\\q\" text\n" +
				"\"g\\\"h\" text\n\"i\\000j\" text\n\"\\400\" text\n\"[attr]mine x\" ident\nk mine\n"},
			[]string{"a b", "c\td", "é", "\"e", "f\\q", "\"f\\q\"", "g\"h", "i", "k"},
			"text=set",
		},
		{
			"line ends, a mark of the order of bytes, and zero bytes",
			map[string]string{"": "\ufeffa text\r\nb\teol=lf\r ident\r\n\r\n # x\n  c text\x00y\nd text"},
			[]string{"a", "b", "c", "d"},
			"text=set",
		},
		{
			"long lines are ignored",
			map[string]string{"": padded("aa text", 2047) + padded("b text", 2048) + padded(" c text", 2048) +
				padded("d text", 3000) + padded("e text\x00", 3000)},
			[]string{"aa", "b", "c", "d", "e"},
			"text=set",
		},
		{
			"folders",
			map[string]string{"": "d/ text\nd/* eol=lf\n/d/**/x ident\ne/** diff\nd text\n"},
			[]string{"d/x", "d/y/x", "e/f/g", "d"},
			"eol=lf ident=set",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := gittest.New(t)
			user := filepath.Join(r.Base, "user")
			r.Git("config", "core.attributesFile", user)
			for name, text := range c.files {
				switch name {
				case "info":
					r.Write(".git/info/attributes", text)
				case "user":
					check(t, os.WriteFile(user, []byte(text), 0o666))
				default:
					r.Write(strings.TrimPrefix(name+"/"+FileName, "/"), text)
				}
			}
			m := open(t, r, user, false)
			compare(t, r, m, c.paths)
			var got []string
			values, err := m.Match(c.paths[0], names...)
			check(t, err)
			for i, v := range values {
				if v.State != Unspecified {
					got = append(got, names[i]+"="+v.String())
				}
			}
			for _, want := range strings.Fields(c.expect) {
				if !strings.Contains(" "+strings.Join(got, " ")+" ", " "+want+" ") {
					t.Errorf("%s: got %v, want %s", c.paths[0], got, c.expect)
				}
			}
		})
	}
}

// attributeFile returns a file of attributes, and the patterns in it.
func attributeFile(g gittest.Generator) (text string, patterns []string) {
	var b strings.Builder
	if g.IntN(30) == 0 {
		b.WriteString("\ufeff")
	}
	attribute := func() string {
		return g.Pick("", "", "", "-", "!") + g.Pick(append([]string{"binary", "binary", "mine"}, names...)...) +
			g.Pick("", "", "", "=auto", "=lf", "=", "=a=b", "=é")
	}
	for range 1 + g.IntN(6) {
		pattern := g.Pattern()
		patterns = append(patterns, pattern)
		switch g.IntN(12) {
		case 0:
			b.WriteString("[attr]" + g.Pick("", " ") + g.Pick("mine", "other", "binary", "m.1"))
		case 1:
			b.WriteString("\"" + strings.NewReplacer(`\`, g.Pick(`\`, `\\`, `\134`), `"`, `\"`, "a", g.Pick("a",
				`\141`)).Replace(pattern) + g.Pick("\"", "\"", "\"", ""))
		default:
			b.WriteString(g.Pick("", "", "", "", " ", "!", "#", "\\") + strings.ReplaceAll(pattern, " ", g.Pick("\\ ", "?",
				" ")))
		}
		b.WriteString(g.Pick(" ", " ", "\t", "  ", "") + g.Join(4, g.Pick(" ", "\t", "  "), attribute))
		b.WriteString(g.Pick("", "", "", "", "", "", "", "", " ", " -", " a+b", "\x00 text", "\r"))
		b.WriteString(g.Pick("\n", "\n", "\n", "\n\n", "\r\n"))
	}
	return b.String(), patterns
}

// casesOfRepository is how many files share a repository, each in a folder of its own, because Git's start takes longer
// than its answer.
const casesOfRepository = 50

// TestAgainstGit compares the attributes of generated paths. RUNS_TEST_ATTRIBUTE_FILES is the number of files.
func TestAgainstGit(t *testing.T) {
	g := gittest.NewGenerator(t)
	files, given := 0, 0
	for want := gittest.Count(t, "RUNS_TEST_ATTRIBUTE_FILES", 300); files < want && !t.Failed(); {
		r := gittest.New(t)
		fold := g.IntN(4) == 0
		user := filepath.Join(r.Base, "user")
		r.Write(".git/config", fmt.Sprintf("[core]\n\tbare = false\n\tignoreCase = %v\n\tattributesFile = %s\n", fold, user))
		write := func(path string) (patterns []string) {
			text, patterns := attributeFile(g)
			if os.MkdirAll(filepath.Dir(path), 0o777) == nil {
				check(t, os.WriteFile(path, []byte(text), 0o666))
			}
			files++
			return patterns
		}
		for _, path := range []string{r.Path(FileName), r.Path(".git/info/attributes"), user} {
			if g.IntN(2) == 0 {
				write(path)
			}
		}
		var paths []string
		for n := range casesOfRepository {
			dir := fmt.Sprintf("case%d", n)
			patterns := write(r.Path(dir + "/" + FileName))
			for range 15 {
				path := g.FilePath(4)
				if g.IntN(4) > 0 {
					path = g.Matching(patterns[g.IntN(len(patterns))])
				}
				if g.IntN(4) == 0 {
					path = g.FileName() + "/" + path
				}
				path = dir + "/" + path
				if below := filepath.Dir(path); g.IntN(15) == 0 && below != dir {
					write(r.Path(below + "/" + FileName))
				}
				paths = append(paths, path)
			}
		}
		m := open(t, r, user, fold)
		compare(t, r, m, paths)
		for _, path := range paths {
			values, err := m.Match(path, names...)
			check(t, err)
			for _, v := range values {
				if v.State != Unspecified {
					given++
				}
			}
		}
		check(t, os.RemoveAll(r.Dir))
	}
	t.Logf("%d files, which gave %d attributes", files, given)
}

// TestBounds: what is too large or too deep is an error.
func TestBounds(t *testing.T) {
	of := func(text string) Options {
		return Options{Read: func(string) ([]byte, error) { return []byte(text), nil }}
	}
	var many strings.Builder
	for i := range MaxNames {
		fmt.Fprintf(&many, "* a%d\n", i)
	}
	for text, want := range map[string]string{
		strings.Repeat("#", pattern.MaxFile+1): "larger than 16 MiB", many.String(): "more than 10000 different attributes",
	} {
		if _, err := New(of(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
	m, err := New(of("* a\n"))
	check(t, err)
	if _, err := m.Match(strings.Repeat("a/", pattern.MaxDepth+1)+"b",
		"a"); err == nil || !strings.Contains(err.Error(), "deeper") {
		t.Errorf("a deep path: %v", err)
	}
	dir := t.TempDir()
	check(t, os.Mkdir(filepath.Join(dir, FileName), 0o777))
	if data, err := Reader(dir)(""); data != nil || err != nil {
		t.Errorf("a folder: %q, %v", data, err)
	}
	if err := os.Symlink(FileName, filepath.Join(dir, "link")); err == nil {
		check(t, os.Remove(filepath.Join(dir, FileName)))
		check(t, os.WriteFile(filepath.Join(dir, "rules"), []byte("x\n"), 0o666))
		check(t, os.Symlink("rules", filepath.Join(dir, FileName)))
		if data, err := Reader(dir)(""); data != nil || err != nil {
			t.Errorf("a link: %q, %v", data, err)
		}
		if f, err := ReadFile(filepath.Join(dir, FileName)); string(f.Data) != "x\n" || err != nil {
			t.Errorf("a link of the user: %q, %v", f.Data, err)
		}
	}
}

func FuzzMatch(f *testing.F) {
	f.Add([]byte("[attr]a b -c\n\"x\\141\" a !d=e\n* binary\n"), "y/xa")
	f.Fuzz(func(t *testing.T, data []byte, path string) {
		m, err := New(Options{
			Read:   func(string) ([]byte, error) { return data, nil },
			Global: []File{{"global", data}}, Info: File{"info", data}, FoldCase: len(path)%2 == 0,
		})
		if err != nil {
			return // too many attributes
		}
		got, err := m.Match(path, names...)
		if err != nil {
			return // it is too deep
		}
		again, err := m.Match(path, names...)
		if err != nil || fmt.Sprint(got) != fmt.Sprint(again) {
			t.Fatalf("%q: %v and then %v, %v", path, got, again, err)
		}
	})
}
