// Package ignore decides which files Git ignores, exactly as Git does and without it: by the .gitignore of each folder,
// by info/exclude, and by the file of core.excludesFile. It does not know the index: what is tracked is never ignored,
// and its caller knows what is.
//
// Of the project's packages it imports only repo/git/pattern. Start with New. A walk of a working tree
// follows Matcher.Root and Folder.Enter; Matcher.Match answers for single paths.
package ignore

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/gitruns/runs/repo/git/pattern"
)

// FileName is the name of the file with the rules of a folder.
const FileName = ".gitignore"

// File is a file of rules that holds for the whole working tree.
type File struct {
	Name string // for messages
	Data []byte
}

// Options are what decides besides the files in the folders.
type Options struct {
	// Read returns the rules of a folder, or nil if it has none. The folder is relative to the root, with slashes, and
	// "" is the root. Reader makes one that reads the files on disk.
	Read func(folder string) ([]byte, error)
	// Global has the files that hold for the whole working tree. Of two that match, the later one decides, and the
	// files in the folders decide before them. Git's order is that of core.excludesFile, and then info/exclude.
	Global []File
	// Patterns decide before all files, like those of `git ls-files --exclude`.
	Patterns []string
	// FoldCase is core.ignoreCase.
	FoldCase bool
}

// Matcher holds the rules of a working tree. Match is for one goroutine at a time; the folders that Root leads to are
// immutable, so different goroutines may enter them at once if Options.Read allows it.
type Matcher struct {
	options  Options
	patterns *rules
	global   []*rules
	root     *Folder
	chain    []*Folder // the folders above the path that Match was last asked for
}

// Result is the rule that decides about a path. Its zero value means that no rule matches.
type Result struct {
	Ignored bool
	Source  string // the name of the file; relative to the root if it is in a folder
	Line    int
	Pattern string // as written, with its exclamation mark and final slash, without spaces at its end
}

// New prepares the rules of a working tree and reads those of its root.
func New(options Options) (*Matcher, error) {
	m := &Matcher{options: options, patterns: newRules("", options.FoldCase)}
	for i, text := range options.Patterns {
		m.patterns.add(rule{pattern.Parse(text, options.FoldCase), i + 1})
	}
	for _, f := range options.Global {
		if len(f.Data) > pattern.MaxFile {
			return nil, pattern.TooLarge(f.Name)
		}
		m.global = append(m.global, parseRules(f.Name, f.Data, options.FoldCase))
	}
	m.root = &Folder{matcher: m}
	var err error
	m.root.rules, err = m.read("")
	m.chain = []*Folder{m.root}
	return m, err
}

func (m *Matcher) read(dir string) (*rules, error) {
	data, err := m.options.Read(dir)
	if err == nil && len(data) > pattern.MaxFile {
		err = pattern.TooLarge(sourceIn(dir))
	}
	if err != nil || len(data) == 0 {
		return nil, err
	}
	return parseRules(sourceIn(dir), data, m.options.FoldCase), nil
}

// Folder is a folder of the working tree with the rules for what is in it.
type Folder struct {
	matcher  *Matcher
	parent   *Folder
	path     string // with a final slash; "" is the root
	depth    int
	rules    *rules  // nil if the folder has none
	excluded *Result // the rule by which the folder is ignored, and with it all that is in it
}

// Root returns the root of the working tree.
func (m *Matcher) Root() *Folder { return m.root }

// Enter returns a folder in this one. If it is ignored, its own rules are not read, because nothing in it can be
// included again.
func (f *Folder) Enter(name string) (*Folder, error) {
	if f.depth >= pattern.MaxDepth {
		return nil, fmt.Errorf("reading the ignore rules: the folder %s is deeper than %d folders", f.path, pattern.MaxDepth)
	}
	sub := &Folder{matcher: f.matcher, parent: f, path: f.path + name + "/", depth: f.depth + 1}
	if r := f.Match(name, true); r.Ignored {
		sub.excluded = &r
		return sub, nil
	}
	var err error
	sub.rules, err = f.matcher.read(strings.TrimSuffix(sub.path, "/"))
	return sub, err
}

// Ignored reports whether what has this name in the folder is ignored. A link is not a folder.
func (f *Folder) Ignored(name string, isDir bool) bool {
	if f.excluded != nil {
		return true
	}
	_, r := f.find(name, isDir)
	return r != nil && !r.Negated
}

// Match returns the rule that decides about what has this name in the folder.
func (f *Folder) Match(name string, isDir bool) Result {
	if f.excluded != nil {
		return *f.excluded
	}
	in, r := f.find(name, isDir)
	if r == nil {
		return Result{}
	}
	text := r.Text
	if r.Negated {
		text = "!" + text
	}
	if r.DirOnly {
		text += "/"
	}
	return Result{Ignored: !r.Negated, Source: in.source, Line: r.line, Pattern: text}
}

// find returns the rule that decides, or nil, and the file that it is in.
func (f *Folder) find(name string, isDir bool) (*rules, *rule) {
	path := f.path + name
	m := f.matcher
	if r := m.patterns.match(path, name, isDir); r != nil {
		return m.patterns, r
	}
	for at := f; at != nil; at = at.parent {
		if at.rules != nil {
			if r := at.rules.match(path[len(at.path):], name, isDir); r != nil {
				return at.rules, r
			}
		}
	}
	for i := len(m.global) - 1; i >= 0; i-- {
		if r := m.global[i].match(path, name, isDir); r != nil {
			return m.global[i], r
		}
	}
	return nil, nil
}

// Match returns the rule that decides about a path, which is relative to the root, with slashes. The folders above it
// need not exist. Paths of one folder that follow one another are fast.
func (m *Matcher) Match(path string, isDir bool) (Result, error) {
	parent, name := "", path
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		parent, name = path[:i+1], path[i+1:]
	}
	for !strings.HasPrefix(parent, m.chain[len(m.chain)-1].path) {
		m.chain = m.chain[:len(m.chain)-1]
	}
	at := m.chain[len(m.chain)-1]
	for at.path != parent {
		next, _, _ := strings.Cut(parent[len(at.path):], "/")
		sub, err := at.Enter(next)
		if err != nil {
			return Result{}, err
		}
		m.chain = append(m.chain, sub)
		at = sub
	}
	return at.Match(name, isDir), nil
}

// Reader returns a function for Options.Read that reads the files in the folders of a working tree. Like Git, it
// follows no link: a link has no rules.
func Reader(root string) func(string) ([]byte, error) {
	return func(dir string) ([]byte, error) {
		return pattern.ReadFile(filepath.Join(root, filepath.FromSlash(dir), FileName), false)
	}
}

// ReadFile reads a file of rules that holds for the whole working tree. It is nil if there is none.
func ReadFile(path string) (File, error) {
	data, err := pattern.ReadFile(path, true)
	return File{Name: path, Data: data}, err
}
