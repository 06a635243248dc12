package smarthttp

import (
	"io"
	"strings"

	"github.com/gitruns/runs/repo/git/native"
)

// Bounds of a list of refs.
const (
	maxRefs     = 1 << 20
	maxRefBytes = 256 << 20
)

// Refs is what a server has.
type Refs struct {
	IDs  map[string]native.ID // by name, with HEAD
	Head string               // the ref that HEAD refers to; empty if the server does not say it
	// More are objects of the server that no ref of this list refers to, such as those of repositories it borrows from.
	More []native.ID

	can map[string]string // the capabilities of the server
}

// readRefs reads the list of refs with which a service answers.
func readRefs(r io.Reader, service string) (*Refs, error) {
	in := newLines(r)
	line, _, err := in.text()
	if err != nil {
		return nil, err
	}
	if line != "# service="+service {
		return nil, badAnswer("it does not begin with the name of the service")
	}
	_, flush, err := in.text()
	if err == nil && !flush {
		err = badAnswer("the name of the service is not the only line of its part")
	}
	if err != nil {
		return nil, err
	}
	refs := &Refs{IDs: map[string]native.ID{}}
	bytes := 0
	for n := 0; ; n++ {
		line, flush, err := in.text()
		if err != nil {
			return nil, err
		}
		if flush {
			break
		}
		if bytes += len(line); n > maxRefs || bytes > maxRefBytes {
			return nil, badAnswer("it lists more than %d refs", maxRefs)
		}
		if n == 0 && line == "version 1" {
			n--
			continue
		}
		if err := refs.add(line, n == 0); err != nil {
			return nil, err
		}
	}
	if refs.can == nil { // a server without a commit, of an old version
		refs.can = map[string]string{}
	}
	if format := refs.can["object-format"]; format != "" && format != "sha1" {
		return nil, &native.Unsupported{What: "the server's repository has object ids of " + clean(format, 20)}
	}
	return refs, nil
}

// add adds a line of the list. The first one also has the capabilities.
func (refs *Refs) add(line string, first bool) error {
	if first {
		var can string
		line, can, _ = strings.Cut(line, "\x00")
		refs.can = map[string]string{}
		for word := range strings.FieldsSeq(can) {
			key, value, _ := strings.Cut(word, "=")
			if target, ok := strings.CutPrefix(value, "HEAD:"); ok && key == "symref" {
				if native.ValidRef(target) {
					refs.Head = target
				}
			}
			refs.can[key] = value
		}
	}
	if strings.HasPrefix(line, "shallow ") { // a server that lacks a part of its history
		return nil
	}
	digits, name, ok := strings.Cut(line, " ")
	id, valid := native.ParseID(digits)
	if len(digits) == 64 {
		return &native.Unsupported{What: "the server's repository has object ids of sha256"}
	}
	if !ok || !valid {
		return badAnswer("%.100q is not a ref", line)
	}
	switch {
	case name == "capabilities^{}": // the server has no ref
	case id.IsZero():
		return badAnswer("%.100q has no object", name)
	case name == ".have":
		refs.More = append(refs.More, id)
	case strings.HasSuffix(name, "^{}"): // what a tag refers to
		refs.More = append(refs.More, id)
	case name == "HEAD" || native.ValidRef(name):
		if _, twice := refs.IDs[name]; twice {
			return badAnswer("it lists %.100q twice", name)
		}
		refs.IDs[name] = id
	}
	// A name that Git does not allow is left out, as by Git.
	return nil
}
