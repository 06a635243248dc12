package native

import (
	"bytes"
	"strconv"
	"strings"
)

// cachedTree is what the index knows of a folder: the id of its tree, as long as no entry below it has changed.
type cachedTree struct {
	name  string
	count int // of entries; -1 if the id is not known
	id    ID
	below []*cachedTree
}

// parseCachedTrees reads the extension TREE of an index. It returns nil if there is none, or if it is damaged: Git can
// do without it.
func parseCachedTrees(data []byte) *cachedTree {
	if len(data) == 0 {
		return nil
	}
	root, rest, ok := parseCachedTree(data, 0)
	if !ok || len(rest) > 0 || root.name != "" {
		return nil
	}
	return root
}

func parseCachedTree(data []byte, depth int) (t *cachedTree, rest []byte, ok bool) {
	name, data, ok := bytes.Cut(data, []byte{0})
	line, data, ok2 := bytes.Cut(data, []byte{'\n'})
	first, second, ok3 := strings.Cut(string(line), " ")
	count, err := strconv.Atoi(first)
	n, err2 := strconv.Atoi(second)
	if !ok || !ok2 || !ok3 || err != nil || err2 != nil || count < -1 || n < 0 || depth > maxDepth {
		return nil, nil, false
	}
	t = &cachedTree{name: string(name), count: count}
	if count >= 0 {
		if len(data) < len(t.id) {
			return nil, nil, false
		}
		data = data[copy(t.id[:], data):]
	}
	for range n {
		var child *cachedTree
		if child, data, ok = parseCachedTree(data, depth+1); !ok || child.name == "" {
			return nil, nil, false
		}
		t.below = append(t.below, child)
	}
	return t, data, true
}

// invalidate forgets the ids of the folders above a path, and the folder of that name.
func (t *cachedTree) invalidate(path string) {
	for t != nil {
		t.count = -1
		name, rest, deeper := strings.Cut(path, "/")
		at := -1
		for i, child := range t.below {
			if child.name == name {
				at = i
				break
			}
		}
		if at < 0 {
			return
		}
		if !deeper {
			t.below = append(t.below[:at], t.below[at+1:]...)
			return
		}
		t, path = t.below[at], rest
	}
}

func (t *cachedTree) encode() []byte {
	if t == nil {
		return nil
	}
	var b bytes.Buffer
	t.write(&b)
	return b.Bytes()
}

func (t *cachedTree) write(b *bytes.Buffer) {
	b.WriteString(t.name)
	b.WriteByte(0)
	b.WriteString(strconv.Itoa(t.count) + " " + strconv.Itoa(len(t.below)) + "\n")
	if t.count >= 0 {
		b.Write(t.id[:])
	}
	for _, child := range t.below {
		child.write(b)
	}
}
