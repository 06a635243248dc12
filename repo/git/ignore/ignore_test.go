package ignore

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
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

// open makes the matcher of a working tree.
func open(t testing.TB, r *gittest.Repository, excludesFile string, fold bool) *Matcher {
	t.Helper()
	o := Options{Read: Reader(r.Dir), FoldCase: fold}
	for _, path := range []string{excludesFile, r.Path(".git/info/exclude")} {
		f, err := ReadFile(path)
		check(t, err)
		f.Name = strings.TrimPrefix(f.Name, r.Dir+"/")
		o.Global = append(o.Global, f)
	}
	m, err := New(o)
	check(t, err)
	return m
}

// question is a path that Git is asked for.
type question struct {
	path  string
	isDir bool
}

// compare asks Git and a matcher for paths, and reports where they differ.
func compare(t *testing.T, r *gittest.Repository, m *Matcher, questions []question) {
	t.Helper()
	var in strings.Builder
	for _, q := range questions {
		in.WriteString(q.path + "\x00")
	}
	cmd := exec.Command("git", "check-ignore", "--stdin", "-z", "-v", "-n")
	cmd.Dir, cmd.Stdin = r.Dir, strings.NewReader(in.String())
	out, err := cmd.Output()
	if err != nil && cmd.ProcessState.ExitCode() != 1 { // 1: none is ignored
		t.Fatalf("git check-ignore: %v", err)
	}
	fields := strings.Split(string(out), "\x00")
	if len(fields) != 4*len(questions)+1 {
		t.Fatalf("git check-ignore gave %d fields for %d paths", len(fields), len(questions))
	}
	for i, q := range questions {
		got, err := m.Match(q.path, q.isDir)
		check(t, err)
		line, _ := strconv.Atoi(fields[4*i+1])
		want := Result{Source: fields[4*i], Line: line, Pattern: fields[4*i+2]}
		want.Ignored = want.Line > 0 && !strings.HasPrefix(want.Pattern, "!")
		if got != want || q.path != fields[4*i+3] {
			t.Errorf("path %q (a folder: %v):\ngot  %+v\nwant %+v", q.path, q.isDir, got, want)
			for at := filepath.Dir(r.Path(q.path)); len(at) >= len(r.Dir); at = filepath.Dir(at) {
				data, _ := os.ReadFile(filepath.Join(at, FileName))
				t.Logf("%s: %q", at, data)
			}
		}
	}
}

// TestCases fixes the rules that one would get wrong, and that the generated comparison finds only by chance.
func TestCases(t *testing.T) {
	type files map[string]string
	for _, c := range []struct {
		name         string
		rules        files
		exclude      string // info/exclude
		excludesFile string
		fold         bool
		folders      []string
		paths        []string
	}{
		{
			"negation",
			files{".gitignore": "*.log\n!keep.log\n\\!x\n!\n"},
			"", "", false, nil,
			[]string{"a.log", "keep.log", "d/keep.log", "!x"},
		},
		{
			"a file in an ignored folder stays ignored",
			files{".gitignore": "d\n!d/keep\n!keep\n", "d/.gitignore": "!keep\n"},
			"", "", false,
			[]string{"d"},
			[]string{"d", "d/keep", "d/e/keep", "keep"},
		},
		{
			"a folder that is included again",
			files{".gitignore": "/d/*\n!/d/e/\n/d/e/*\n!/d/e/f\n"},
			"", "", false,
			[]string{"d/e"},
			[]string{"d", "d/e", "d/e/f", "d/e/g", "d/h"},
		},
		{
			"folders only",
			files{".gitignore": "build/\n/x/\ny/z/\n"},
			"", "", false,
			[]string{"build", "a/build", "x", "y/z"},
			[]string{"build", "a/build", "b/build", "build/x", "x", "a/x", "y/z", "a/y/z"},
		},
		{
			"anchored by a slash",
			files{".gitignore": "/a\nb/c\nd/\n", "s/.gitignore": "/a\nb/c\n"},
			"", "", false,
			[]string{"s"},
			[]string{"a", "s/a", "s/t/a", "b/c", "x/b/c", "s/b/c", "s/x/b/c"},
		},
		{
			"two stars",
			files{".gitignore": "**/foo\nbar/**\na/**/b\nx**y\n/p**/q\nr/**/\ns***\n"},
			"", "", false,
			[]string{"bar", "r", "r/t"},
			[]string{
				"foo", "x/foo", "x/foo/y", "bar", "bar/x", "bar/x/y", "a/b", "a/x/b", "a/x/y/b", "ab", "xzy", "x/y", "pq", "p/q",
				"p/x/q", "px/q", "px/y/q", "r", "r/t", "r/u", "sx/y",
			},
		},
		{
			"sets",
			files{".gitignore": "[!a]x\n[^b]y\n[[:alpha:]]1\n[]-]2\n[a-c-e]3\n[[:none:]]4\n[x\n[\\]]5\n[!/]6\n" +
				"[[:upper:]-z]7\n[a\\-c]8\n"},
			"", "", false, nil,
			[]string{
				"ax", "bx", "/x", "ay", "by", "a1", "11", "]2", "-2", "a3", "-3", "d3", "e3", "a4", "[x", "]5", "a6", "q/6",
				"A7", "-7", "z7", "y7", "a8", "b8", "-8", "c8",
			},
		},
		{
			"question marks match bytes",
			files{".gitignore": "?\n??x\n"},
			"", "", false, nil,
			[]string{"a", "é", "éx", "abx"},
		},
		{
			"escapes and spaces",
			files{".gitignore": "\\#a\n#b\nc  \nd\\ \ne\\  \n\\\\f\ng\\\n  h\ni\t\n\\a\\*\nj\\\\  \n"},
			"", "", false, nil,
			[]string{
				"#a", "#b", "c", "c ", "d ", "d", "e ", "e  ", "\\f", "g\\", "g", "h", "  h", "i", "i\t", "a*", "ax", "j\\", "j\\ ",
			},
		},
		{
			"line ends, a mark of the order of bytes, and zero bytes",
			files{".gitignore": "\ufeffa\r\nb\r\n\r\n\nc\x00d\n\re\nf\r\r\nlast"},
			"", "", false, nil,
			[]string{"a", "b", "b\r", "c", "e", "\re", "f", "f\r", "last"},
		},
		{
			"precedence",
			files{".gitignore": "!a\nb\n", "d/.gitignore": "!b\n"},
			"a\n!c\ne\n", "c\n!e\nf\n", false,
			[]string{"d"},
			[]string{"a", "b", "c", "e", "f", "d/b", "d/a", "d/c"},
		},
		{
			"upper and lower case",
			files{".gitignore": "FOO\n*.Log\n/Bar/Baz\n[A]x\n[A-C]y\n\\Qz\n[[:upper:]]w\nV*v\n/U/*\n"},
			"", "", true, nil,
			[]string{
				"foo", "Foo", "a.LOG", "bar/baz", "BAR/BAZ", "ax", "Ax", "by", "By", "dy", "qz", "Qz", "aw", "Aw", "vxV", "u/a",
			},
		},
		{
			"one part of a path",
			files{".gitignore": "x/a*c\nx/a?d\nx/a[!b]e\nx/*/f\nx/**/g*/h*i/j\n"},
			"", "", false, nil,
			[]string{
				"x/abc", "x/a/c", "x/a/d", "x/a/e", "x/ace", "x/f", "x/a/f", "x/a/b/f", "x/g/hi/j", "x/g/g/g1/hii/j",
				"x/g/h/i/j", "x/y/g/hi/x/j",
			},
		},
		{"empty parts", files{".gitignore": "/\n//\n//a\na//b\n"}, "", "", false, []string{"a"}, []string{"a", "a/b"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := gittest.New(t)
			for name, text := range c.rules {
				r.Write(name, text)
			}
			r.Write(".git/info/exclude", c.exclude)
			excludesFile := filepath.Join(r.Base, "excludes")
			check(t, os.WriteFile(excludesFile, []byte(c.excludesFile), 0o666))
			r.Git("config", "core.excludesFile", excludesFile)
			r.Git("config", "core.ignoreCase", strconv.FormatBool(c.fold))
			for _, dir := range c.folders {
				check(t, os.MkdirAll(r.Path(dir), 0o777))
			}
			var questions []question
			for _, path := range c.paths {
				if path[0] == '/' {
					continue
				}
				info, err := os.Lstat(r.Path(path))
				questions = append(questions, question{path, err == nil && info.IsDir()})
			}
			compare(t, r, open(t, r, excludesFile, c.fold), questions)
		})
	}
}

// ruleFile returns a file of ignore rules, and the patterns in it.
func ruleFile(g gittest.Generator) (text string, patterns []string) {
	var b strings.Builder
	if g.IntN(30) == 0 {
		b.WriteString("\ufeff")
	}
	for range 1 + g.IntN(6) {
		patterns = append(patterns, g.Pattern())
		b.WriteString(g.Pick("", "", "", "", "!", "!", "!", "\\!", "#", "\\#", " "))
		b.WriteString(patterns[len(patterns)-1])
		b.WriteString(g.Pick("", "", "", "", "", " ", "  ", "\\ ", "\t", "\r", "\\", "\x00x"))
		b.WriteString(g.Pick("\n", "\n", "\n", "\n\n", "\r\n"))
	}
	if g.IntN(10) == 0 {
		b.WriteString(g.Pattern()) // without the end of a line
	}
	return b.String(), patterns
}

// casesOfRepository is how many rule files share a repository, each in a folder of its own, because Git's start takes
// longer than its answer.
const casesOfRepository = 50

// TestAgainstGit compares the decisions about generated paths under generated rules. RUNS_TEST_IGNORE_FILES is the
// number of rule files.
func TestAgainstGit(t *testing.T) {
	g := gittest.NewGenerator(t)
	files := 0
	for want := gittest.Count(t, "RUNS_TEST_IGNORE_FILES", 300); files < want && !t.Failed(); {
		r := gittest.New(t)
		fold := g.IntN(4) == 0
		r.Write(".git/config", fmt.Sprintf("[core]\n\tbare = false\n\tignoreCase = %v\n\texcludesFile = %s\n", fold,
			filepath.Join(r.Base, "excludes")))
		write := func(path string) (patterns []string) {
			text, patterns := ruleFile(g)
			check(t, os.MkdirAll(filepath.Dir(path), 0o777))
			check(t, os.WriteFile(path, []byte(text), 0o666))
			files++
			return patterns
		}
		if g.IntN(3) == 0 { // rules for all cases, some of which ignore whole cases
			write(r.Path(FileName))
			write(r.Path(".git/info/exclude"))
			write(filepath.Join(r.Base, "excludes"))
		}
		var questions []question
		for n := range casesOfRepository {
			questions = append(questions, makeCase(t, g, r, fmt.Sprintf("case%d", n), write)...)
		}
		m := open(t, r, filepath.Join(r.Base, "excludes"), fold)
		compare(t, r, m, questions)
		compareUntracked(t, r, m)
		check(t, os.RemoveAll(r.Dir))
	}
	t.Logf("%d files of rules", files)
}

// makeCase makes a folder with rules, in its folders too, and with files. It returns paths in it, of which some exist.
func makeCase(t *testing.T, g gittest.Generator, r *gittest.Repository, dir string,
	write func(path string) (patterns []string),
) []question {
	t.Helper()
	patterns := write(r.Path(dir + "/" + FileName))
	var paths []string
	for range 20 {
		path := g.FilePath(4)
		if g.IntN(3) > 0 {
			path = g.Matching(patterns[g.IntN(len(patterns))])
		}
		if g.IntN(4) == 0 {
			path = g.FileName() + "/" + path
		}
		paths = append(paths, dir+"/"+path)
	}
	var questions []question
	for i, path := range paths {
		if i >= 6 { // the others do not exist, unless by chance
			questions = append(questions, question{path: path})
			continue
		}
		if os.MkdirAll(filepath.Dir(r.Path(path)), 0o777) != nil {
			continue // a file is in the way
		}
		if g.IntN(3) == 0 {
			_ = os.Mkdir(r.Path(path), 0o777)
		} else if _, err := os.Lstat(r.Path(path)); err != nil {
			check(t, os.WriteFile(r.Path(path), nil, 0o666))
		}
		if below := filepath.Dir(path); g.IntN(4) == 0 && below != dir {
			write(r.Path(below + "/" + FileName))
		}
		for ; len(path) > len(dir); path = filepath.Dir(path) {
			questions = append(questions, question{path: path})
		}
	}
	for i := range questions {
		info, err := os.Lstat(r.Path(questions[i].path))
		questions[i].isDir = err == nil && info.IsDir()
	}
	return questions
}

// compareUntracked compares the files that Git finds with those of a walk.
func compareUntracked(t *testing.T, r *gittest.Repository, m *Matcher) {
	t.Helper()
	cmd := exec.Command("git", "ls-files", "-z", "-o", "--exclude-standard")
	cmd.Dir = r.Dir
	out, err := cmd.Output()
	check(t, err)
	got, want := []string{}, strings.Split(string(out), "\x00")
	want = want[:len(want)-1]
	walk(t, r.Dir, "", m.Root(), func(path string) { got = append(got, path) })
	slices.Sort(got)
	slices.Sort(want)
	for _, path := range slices.Concat(got, want) {
		if slices.Contains(got, path) != slices.Contains(want, path) {
			t.Errorf("the untracked file %q: found by the walk is %v", path, slices.Contains(got, path))
		}
	}
}

func walk(t testing.TB, root, dir string, in *Folder, found func(path string)) {
	entries, err := os.ReadDir(filepath.Join(root, dir))
	check(t, err)
	for _, e := range entries {
		path := strings.TrimPrefix(dir+"/"+e.Name(), "/")
		if path == ".git" || in.Ignored(e.Name(), e.IsDir()) {
			continue
		}
		if !e.IsDir() {
			found(path)
			continue
		}
		sub, err := in.Enter(e.Name())
		check(t, err)
		walk(t, root, path, sub, found)
	}
}

// TestReader: what is in the place of a file of rules and is none.
func TestReader(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) { check(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666)) }
	mkdir := func(name string) { check(t, os.Mkdir(filepath.Join(dir, name), 0o777)) }
	write("rules", "a\n")
	mkdir("link")
	if err := os.Symlink("../rules", filepath.Join(dir, "link", FileName)); err != nil {
		t.Skip(err)
	}
	mkdir("folder")
	mkdir("folder/" + FileName)
	mkdir("large")
	write("large/"+FileName, "")
	check(t, os.Truncate(filepath.Join(dir, "large", FileName), pattern.MaxFile+1))
	for _, name := range []string{"", "link", "folder", "rules", "missing"} {
		if data, err := Reader(dir)(name); data != nil || err != nil {
			t.Errorf("%q: got %q, %v", name, data, err)
		}
	}
	if _, err := Reader(dir)("large"); err == nil || !strings.Contains(err.Error(), "larger than 16 MiB") {
		t.Errorf("a large file: %v", err)
	}
	check(t, os.Symlink("rules", filepath.Join(dir, "excludes")))
	if f, err := ReadFile(filepath.Join(dir, "excludes")); string(f.Data) != "a\n" || err != nil {
		t.Errorf("a link outside the working tree: got %q, %v", f.Data, err)
	}
}

// TestPatternsDecideFirst: patterns from the options win over all files.
func TestPatternsDecideFirst(t *testing.T) {
	m, err := New(Options{
		Read:     func(string) ([]byte, error) { return []byte("!.runs\nb\n"), nil },
		Patterns: []string{".runs", "!b"},
	})
	check(t, err)
	for path, want := range map[string]bool{".runs": true, "a/.runs/x": true, "b": false, "c/b": false} {
		if got, err := m.Match(path, false); got.Ignored != want || err != nil {
			t.Errorf("%s: %+v, %v", path, got, err)
		}
	}
}

// TestFailingRead: an error of the reader stops the walk.
func TestFailingRead(t *testing.T) {
	m, err := New(Options{Read: func(dir string) ([]byte, error) {
		if dir == "a" {
			return nil, fs.ErrPermission
		}
		return bytes.Repeat([]byte("#"), len(dir)*pattern.MaxFile), nil
	}})
	check(t, err)
	if _, err := m.Match("a/b", false); err != fs.ErrPermission {
		t.Errorf("an unreadable file: %v", err)
	}
	if _, err := m.Match("bb/b", false); err == nil || !strings.Contains(err.Error(), "bb/.gitignore") {
		t.Errorf("a large file: %v", err)
	}
}

// FuzzMatch finds rules and paths that take long or make the matcher fail.
func FuzzMatch(f *testing.F) {
	f.Add([]byte("**/a*b*c\n!x/**\n[!a-\\]]/\n"), "a/b/abc", true)
	f.Add([]byte("[[:alpha:]-z]*\\\n"), "aB/ ", false)
	f.Fuzz(func(t *testing.T, data []byte, path string, isDir bool) {
		m, err := New(Options{
			Read:     func(string) ([]byte, error) { return data, nil },
			Global:   []File{{"global", data}},
			FoldCase: isDir,
		})
		check(t, err)
		got, err := m.Match(path, isDir)
		if err != nil {
			return // it is too deep
		}
		again, err := m.Match(path, isDir)
		if got != again || err != nil {
			t.Fatalf("%q: %+v and then %+v, %v", path, got, again, err)
		}
	})
}

// BenchmarkWalk decides about 100,000 paths by the rules of a usual project of Python.
func BenchmarkWalk(b *testing.B) {
	var rules strings.Builder
	for i := range 150 {
		fmt.Fprintf(&rules, "/name%d/\n*.ext%d\nfile%d\npart%d-*-[0-9]*.txt\n", i, i, i, i)
	}
	for b.Loop() {
		m, err := New(Options{Read: func(dir string) ([]byte, error) {
			if dir == "" {
				return []byte(rules.String()), nil
			}
			return nil, nil
		}})
		check(b, err)
		for d := range 100 {
			dir, err := m.Root().Enter(fmt.Sprintf("folder%d", d))
			check(b, err)
			for f := range 1000 {
				if dir.Ignored(fmt.Sprintf("module%d.py", f), false) {
					b.Fatal("ignored")
				}
			}
		}
	}
}
