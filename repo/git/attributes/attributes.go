// Package attributes finds the attributes that Git gives to files, exactly as Git does and without it: by the
// .gitattributes of each folder, by info/attributes, and by the files of the user and the system, with their macros.
//
// Of the project's packages it imports only repo/git/pattern. Start with New and Matcher.Match.
package attributes

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/gitruns/runs/repo/git/pattern"
)

// FileName is the name of the file with the attributes of a folder.
const FileName = ".gitattributes"

// MaxNames is the number of different attributes above which reading is an error.
const MaxNames = 10_000

// State says what is known of an attribute of a file.
type State uint8

// The states of an attribute.
const (
	Unspecified State = iota
	Set
	Unset
	Valued // it has a value
)

// Value is an attribute of a file.
type Value struct {
	State State
	Text  string // of state Valued
}

// String returns what `git check-attr` prints.
func (v Value) String() string {
	switch v.State {
	case Unspecified:
		return "unspecified"
	case Set:
		return "set"
	case Unset:
		return "unset"
	}
	return v.Text
}

// File is a file of attributes that holds for the whole working tree.
type File struct {
	Name string // for messages
	Data []byte
}

// Options are where attributes come from.
type Options struct {
	// Read returns the attributes of a folder, or nil if it has none. The folder is relative to the root, with slashes,
	// and "" is the root. Reader makes one that reads the files on disk.
	Read func(folder string) ([]byte, error)
	// Global has the files that the folders' own win over: that of the system, and then that of core.attributesFile.
	Global []File
	// Info is info/attributes, which wins over the folders' own.
	Info File
	// FoldCase is core.ignoreCase.
	FoldCase bool
}

// Matcher holds the attributes of a working tree. It is for one goroutine at a time.
type Matcher struct {
	options Options
	names   map[string]int
	global  []*rules // from the one that wins least
	info    *rules
	macros  map[int]*rule
	chain   []folder // the folders above the path that Match was last asked for
	found   []Value
	stamp   []int // the call of Match in which the attribute of this number was found
	call    int
}

// folder is a folder with its own attributes, which may be nil.
type folder struct {
	path  string // with a final slash; "" is the root
	rules *rules
}

// New prepares the attributes of a working tree and reads those of its root.
func New(options Options) (*Matcher, error) {
	m := &Matcher{options: options, names: map[string]int{}, macros: map[int]*rule{}}
	files := append([]File{{"", []byte("[attr]binary -diff -merge -text\n")}}, options.Global...)
	for _, f := range files {
		r, err := m.parse(f.Name, f.Data, true)
		if err != nil {
			return nil, err
		}
		m.global = append(m.global, r)
	}
	root, err := m.folder("")
	if err == nil {
		m.chain = []folder{root}
		m.info, err = m.parse(options.Info.Name, options.Info.Data, true)
	}
	return m, err
}

func (m *Matcher) folder(path string) (folder, error) {
	name := strings.TrimSuffix(path, "/")
	data, err := m.options.Read(name)
	if err != nil || len(data) == 0 {
		return folder{path: path}, err
	}
	r, err := m.parse(path+FileName, data, path == "")
	return folder{path, r}, err
}

// Match returns the attributes of a file in the order of their names. The path is relative to the root, with slashes,
// and need not exist. Paths of one folder that follow one another are fast.
func (m *Matcher) Match(path string, names ...string) ([]Value, error) {
	if err := m.enter(path); err != nil {
		return nil, err
	}
	if n := len(m.names); len(m.found) < n {
		m.found, m.stamp = make([]Value, n), make([]int, n)
		m.call = 0
	}
	m.call++
	name := path[strings.LastIndexByte(path, '/')+1:]
	m.apply(m.info, path, name)
	for i := len(m.chain) - 1; i >= 0; i-- {
		m.apply(m.chain[i].rules, path[len(m.chain[i].path):], name)
	}
	for i := len(m.global) - 1; i >= 0; i-- {
		m.apply(m.global[i], path, name)
	}
	values := make([]Value, len(names))
	for i, name := range names {
		if n, ok := m.names[name]; ok && m.stamp[n] == m.call {
			values[i] = m.found[n]
		}
	}
	return values, nil
}

// enter reads the attributes of the folders above a path.
func (m *Matcher) enter(path string) error {
	parent := path[:strings.LastIndexByte(path, '/')+1]
	for !strings.HasPrefix(parent, m.chain[len(m.chain)-1].path) {
		m.chain = m.chain[:len(m.chain)-1]
	}
	for {
		at := m.chain[len(m.chain)-1].path
		if at == parent {
			return nil
		}
		if len(m.chain) > pattern.MaxDepth {
			return fmt.Errorf("reading Git attributes: the folder %s is deeper than %d folders", at, pattern.MaxDepth)
		}
		next, _, _ := strings.Cut(parent[len(at):], "/")
		sub, err := m.folder(at + next + "/")
		if err != nil {
			return err
		}
		m.chain = append(m.chain, sub)
	}
}

// apply sets the attributes that the rules of a file give to a path and that are not found yet. The last rule comes
// first. path is relative to the folder of the file.
func (m *Matcher) apply(r *rules, path, name string) {
	if r == nil {
		return
	}
	for i := len(r.list) - 1; i >= 0; i-- {
		if r.list[i].pattern.Match(path, name) {
			m.set(&r.list[i])
		}
	}
}

func (m *Matcher) set(r *rule) {
	for i := len(r.settings) - 1; i >= 0; i-- {
		s := r.settings[i]
		if m.stamp[s.name] == m.call {
			continue
		}
		m.stamp[s.name], m.found[s.name] = m.call, s.value
		if macro := m.macros[s.name]; macro != nil && s.value.State == Set {
			m.set(macro)
		}
	}
}

// Reader returns a function for Options.Read that reads the files in the folders of a working tree. Like Git, it
// follows no link: a link has no attributes.
func Reader(root string) func(string) ([]byte, error) {
	return func(folder string) ([]byte, error) {
		return pattern.ReadFile(filepath.Join(root, filepath.FromSlash(folder), FileName), false)
	}
}

// ReadFile reads a file of attributes that holds for the whole working tree. It is empty if it does not exist.
func ReadFile(path string) (File, error) {
	data, err := pattern.ReadFile(path, true)
	return File{Name: path, Data: data}, err
}
