package native

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// NoRevision means that a text names no object of the repository.
type NoRevision struct{ Name string }

func (e *NoRevision) Error() string { return e.Name + ": no such revision in this clone" }

// maxTags bounds how many tags refer to one another.
const maxTags = 64

// Peel follows tags, and a commit to its tree, until it finds an object of the kind.
func (r *Repository) Peel(id ID, kind Kind) (ID, error) {
	for range maxTags {
		found, size, err := r.Info(id)
		if err != nil {
			return ID{}, err
		}
		if found == kind {
			return id, nil
		}
		key := ""
		switch {
		case found == Tag:
			key = "object "
		case found == Commit && kind == Tree:
			key = "tree "
		default:
			return ID{}, &WrongKind{id, found, kind}
		}
		data, err := r.Read(id, found, min(size, maxCommitBytes))
		if err != nil {
			return ID{}, err
		}
		line, _, _ := bytes.Cut(data, []byte("\n"))
		next, ok := ParseID(strings.TrimPrefix(string(line), key))
		if !ok || !bytes.HasPrefix(line, []byte(key)) {
			return ID{}, &Damaged{"object " + id.String(), "its first line does not name an object"}
		}
		id = next
	}
	return ID{}, &Damaged{"tag " + id.String(), "too many tags refer to one another"}
}

// Resolve returns the object that a revision names, as gitrevisions defines it. The error is a *NoRevision if there is
// none, and an *Unsupported if the form is one that only git reads: names with @{, searches, ranges and the index.
func (r *Repository) Resolve(rev string) (ID, error) {
	if name, at, ok := cutPath(rev); ok {
		if name == "" && strings.HasPrefix(at, "/") {
			return ID{}, &Unsupported{What: fmt.Sprintf("%q searches the history", written(rev)), Revision: true}
		}
		if name == "" {
			return ID{}, &Unsupported{What: fmt.Sprintf("%q names the index", written(rev)), Revision: true}
		}
		id, err := r.Resolve(name)
		if err != nil {
			return ID{}, err
		}
		return r.atPath(id, at, rev)
	}
	base, suffix := rev, ""
	if i := strings.IndexAny(rev, "~^"); i >= 0 {
		base, suffix = rev[:i], rev[i:]
	}
	id, err := r.name(base)
	if err != nil {
		return ID{}, renamed(err, rev)
	}
	for suffix != "" {
		if id, suffix, err = r.step(id, suffix); err != nil {
			return ID{}, renamed(err, rev)
		}
	}
	return id, nil
}

// renamed returns an error about a part of a revision as one about all of it.
func renamed(err error, rev string) error {
	if none := (*NoRevision)(nil); errors.As(err, &none) {
		return &NoRevision{rev}
	}
	return err
}

// written returns a revision as a user wrote it, without the suffix that asks for its commit.
func written(rev string) string { return strings.TrimSuffix(rev, "^{commit}") }

// cutPath divides REV:PATH. A colon in braces belongs to the revision.
func cutPath(rev string) (name, path string, ok bool) {
	depth := 0
	for i := range len(rev) {
		switch {
		case rev[i] == '{':
			depth++
		case rev[i] == '}' && depth > 0:
			depth--
		case rev[i] == ':' && depth == 0:
			return rev[:i], rev[i+1:], true
		}
	}
	return "", "", false
}

func (r *Repository) atPath(id ID, path, rev string) (ID, error) {
	id, err := r.Peel(id, Tree)
	if err != nil {
		return ID{}, err
	}
	if path = strings.TrimSuffix(path, "/"); path == "" {
		return id, nil
	}
	if path == "." || strings.HasPrefix(path, "./") || strings.HasPrefix(path, "../") {
		return ID{}, &Unsupported{What: fmt.Sprintf("%q has a relative path", written(rev)), Revision: true}
	}
	e, ok, err := r.Find(id, path)
	if err == nil && !ok {
		err = &NoRevision{rev}
	}
	return e.ID, err
}

// name resolves a revision without suffixes.
func (r *Repository) name(name string) (ID, error) {
	if name == "@" {
		name = "HEAD"
	}
	switch {
	case name == "":
		return ID{}, &NoRevision{name}
	case strings.Contains(name, "@{"):
		return ID{}, &Unsupported{What: fmt.Sprintf("%q refers to the reflog or to an upstream", name), Revision: true}
	case strings.HasPrefix(name, ":") || strings.Contains(name, ".."):
		return ID{}, &NoRevision{name}
	}
	if id, ok := ParseID(strings.ToLower(name)); ok {
		return id, nil
	}
	for _, pattern := range []string{
		"%s", "refs/%s", "refs/tags/%s", "refs/heads/%s", "refs/remotes/%s",
		"refs/remotes/%s/HEAD",
	} {
		full := fmt.Sprintf(pattern, name)
		if pattern == "%s" && !strings.HasPrefix(name, "refs/") && !pseudoRef(name) {
			continue
		}
		ref, ok, err := r.ReadRef(full)
		if err != nil {
			return ID{}, err
		}
		if ok {
			return ref.ID, nil
		}
	}
	if i := strings.LastIndex(name, "-g"); i > 0 && isHex(name[i+2:]) { // the output of git describe
		return r.abbreviated(name[i+2:], name, Commit)
	}
	return r.abbreviated(name, name, 0)
}

func isHex(text string) bool {
	return len(text) >= minAbbreviation && len(text) <= 40 && strings.Trim(strings.ToLower(text), "0123456789abcdef") == ""
}

// minAbbreviation is the smallest number of digits that names an object.
const minAbbreviation = 4

// abbreviated finds the object whose id begins with some digits. Git prefers a commit if a name is ambiguous and a
// commit is asked for; this refuses the name instead, unless only one commit has it.
func (r *Repository) abbreviated(digits, name string, kind Kind) (ID, error) {
	digits = strings.ToLower(digits)
	if !isHex(digits) {
		return ID{}, &NoRevision{name}
	}
	found, err := r.withPrefix(digits)
	if err != nil {
		return ID{}, err
	}
	if len(found) > 1 {
		if kind == 0 {
			kind = Commit
		}
		var of []ID
		for id := range found {
			if is, _, err := r.Info(id); err == nil && is == kind {
				of = append(of, id)
			}
		}
		if len(of) != 1 {
			return ID{}, fmt.Errorf("%s is ambiguous: %d objects have ids that begin so", name, len(found))
		}
		return of[0], nil
	}
	for id := range found {
		return id, nil
	}
	return ID{}, &NoRevision{name}
}

func (r *Repository) withPrefix(digits string) (map[ID]bool, error) {
	found := map[ID]bool{}
	for _, dir := range r.folders {
		entries, _ := os.ReadDir(filepath.Join(dir, digits[:2]))
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), digits[2:]) {
				if id, ok := ParseID(digits[:2] + e.Name()); ok {
					found[id] = true
				}
			}
		}
	}
	packs, err := r.packList(true)
	if err != nil {
		return nil, err
	}
	even := digits[:len(digits)&^1]
	prefix, err := hex.DecodeString(even)
	if err != nil {
		return nil, err
	}
	for _, p := range packs {
		if err := p.load(); err != nil {
			return nil, err
		}
		i, ok, err := p.search(prefix, 0, p.fan[255])
		for ; err == nil && ok && i < p.fan[255]; i++ {
			var id ID
			if id, err = p.idAt(i); err != nil || !bytes.HasPrefix(id[:], prefix) {
				break
			}
			if strings.HasPrefix(id.String(), digits) {
				found[id] = true
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// step follows one suffix of a revision: ~2, ^, ^2, ^{commit}, ^{}.
func (r *Repository) step(id ID, suffix string) (ID, string, error) {
	first, rest := suffix[0], suffix[1:]
	if first == '^' && strings.HasPrefix(rest, "{") {
		word, rest, ok := strings.Cut(rest[1:], "}")
		if !ok {
			return ID{}, "", &NoRevision{suffix}
		}
		switch kind, known := parseKind(word); {
		case known:
			id, err := r.Peel(id, kind)
			return id, rest, err
		case word == "object":
			_, _, err := r.Info(id)
			return id, rest, err
		case word == "":
			id, err := r.peelTags(id)
			return id, rest, err
		}
		return ID{}, "", &Unsupported{What: fmt.Sprintf("%q searches the history", "^{"+word+"}"), Revision: true}
	}
	n := 0
	for n < len(rest) && rest[n] >= '0' && rest[n] <= '9' {
		n++
	}
	count := 1
	if n > 0 {
		var err error
		if count, err = strconv.Atoi(rest[:n]); err != nil {
			return ID{}, "", &NoRevision{suffix}
		}
	}
	rest = rest[n:]
	if rest != "" && rest[0] != '~' && rest[0] != '^' {
		return ID{}, "", &NoRevision{suffix}
	}
	id, err := r.Peel(id, Commit)
	if err != nil {
		return ID{}, "", err
	}
	if first == '^' {
		if count == 0 {
			return id, rest, nil
		}
		c, err := r.Commit(id)
		if err == nil && len(c.Parents) < count {
			err = &NoRevision{suffix}
		}
		if err != nil {
			return ID{}, "", err
		}
		return c.Parents[count-1], rest, nil
	}
	for ; count > 0; count-- {
		c, err := r.Commit(id)
		if err == nil && len(c.Parents) == 0 {
			err = &NoRevision{suffix}
		}
		if err != nil {
			return ID{}, "", err
		}
		id = c.Parents[0]
	}
	return id, rest, nil
}

func (r *Repository) peelTags(id ID) (ID, error) {
	kind, _, err := r.Info(id)
	if err != nil || kind != Tag {
		return id, err
	}
	for _, kind := range []Kind{Commit, Tree, Blob} {
		if to, err := r.Peel(id, kind); err == nil {
			return to, nil
		}
	}
	return ID{}, &NoRevision{id.String()}
}
