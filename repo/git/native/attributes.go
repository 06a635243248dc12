package native

import (
	"os"
	"path/filepath"
	"strconv"

	"github.com/gitruns/runs/repo/git/attributes"
)

// newAttributes returns the attributes of a working tree. read returns the file of a folder.
func (r *Repository) newAttributes(read func(folder string) ([]byte, error)) (*attributes.Matcher, error) {
	options := attributes.Options{Read: read}
	var global []string
	if off, err := strconv.ParseBool(os.Getenv("GIT_ATTR_NOSYSTEM")); err != nil || !off {
		global = append(global, filepath.FromSlash("/etc/gitattributes"))
	}
	file, err := r.userFile("core.attributesfile", "attributes")
	if err != nil {
		return nil, err
	}
	if file != "" {
		global = append(global, file)
	}
	for _, file := range global {
		f, err := attributes.ReadFile(file)
		if err != nil {
			return nil, err
		}
		options.Global = append(options.Global, f)
	}
	if options.Info, err = attributes.ReadFile(filepath.Join(r.Common, "info", "attributes")); err != nil {
		return nil, err
	}
	return attributes.New(options)
}

// attrs are the attributes of a file that change how it is stored.
type attrs struct{ text, crlf, eol, filter, ident, encoding attributes.Value }

func attrsOf(m *attributes.Matcher, path string) (a attrs, err error) {
	v, err := m.Match(path, "text", "crlf", "eol", "filter", "ident", "working-tree-encoding")
	if err != nil {
		return a, err
	}
	return attrs{v[0], v[1], v[2], v[3], v[4], v[5]}, nil
}

func isValue(v attributes.Value, texts ...string) bool {
	if v.State != attributes.Valued {
		return false
	}
	for _, text := range texts {
		if v.Text == text {
			return true
		}
	}
	return false
}

// FilterOf returns the filter that the attributes in the working tree give to a path, or an empty text.
func (r *Repository) FilterOf(path string) (string, error) {
	m, err := r.newAttributes(attributes.Reader(r.Root))
	if err != nil {
		return "", err
	}
	a, err := attrsOf(m, path)
	if err != nil || a.filter.State != attributes.Valued {
		return "", err
	}
	return a.filter.Text, nil
}

// Attributes returns attributes of files in the working tree, whether they exist or not.
func (r *Repository) Attributes(names, paths []string) ([][]attributes.Value, error) {
	m, err := r.newAttributes(attributes.Reader(r.Root))
	if err != nil {
		return nil, err
	}
	found := make([][]attributes.Value, len(paths))
	for i, path := range paths {
		if found[i], err = m.Match(path, names...); err != nil {
			return nil, err
		}
	}
	return found, nil
}
