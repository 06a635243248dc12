package capture

import (
	"cmp"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gitruns/runs/format"
)

// limits are the limits of untracked files, in bytes.
type limits struct {
	file, total int64
	files       int
}

// untracked is a file that Git does not track.
type untracked struct {
	path string
	size int64
}

// chooser decides which untracked files are source. It only calls lstat on them.
type chooser struct {
	root     string
	exclude  *excluder
	limits   limits
	tracked  map[string]bool // folders with tracked files
	datasets []string        // paths of files and folders that are recorded as data
	written  Written         // may be nil
	omitted  []format.Omitted
}

// choose returns the files to record. It adds the others to omitted.
func (c *chooser) choose(paths []string) []string {
	excluded := map[string]*format.Omitted{}
	data := map[string]*format.Omitted{}
	count := func(m map[string]*format.Omitted, key, reason string, size int64) {
		if m[key] == nil {
			m[key] = &format.Omitted{Path: key, Reason: reason}
		}
		m[key].Bytes += size
		m[key].Count++
	}
	var left []untracked
	var outputs []untracked
	for _, path := range paths {
		info, err := os.Lstat(filepath.Join(c.root, filepath.FromSlash(path)))
		if err != nil {
			continue // deleted meanwhile
		}
		size := info.Size()
		if info.Mode()&fs.ModeSymlink != 0 {
			size = 0
		}
		if by := c.exclude.match(path); by != "" {
			count(excluded, by, format.OmittedExcluded, size)
			continue
		}
		if c.written != nil && c.written(path, info) {
			outputs = append(outputs, untracked{path, size})
			continue
		}
		if size > c.limits.file && !(isNotebook(path) && size <= maxNotebook) { // a notebook may shrink
			if set := c.dataset(path); set != "" {
				count(data, set, format.OmittedDataset, size)
				continue
			}
			c.omit(path, size, 0, format.OmittedLarge)
			continue
		}
		left = append(left, untracked{path, size})
	}
	c.omitWritten(outputs, left)
	kept := c.withinLimits(left)
	for _, m := range []map[string]*format.Omitted{data, excluded} {
		for _, o := range m {
			c.omitted = append(c.omitted, *o)
		}
	}
	return kept
}

// omitWritten omits what runs have written. The files of a folder are one entry if no other untracked file is in it.
func (c *chooser) omitWritten(files, others []untracked) {
	shared := map[string]bool{}
	for _, f := range others {
		shared[path.Dir(f.path)] = true
	}
	folders := map[string]*format.Omitted{}
	for _, f := range files {
		dir := path.Dir(f.path)
		if shared[dir] {
			c.omit(f.path, f.size, 0, format.OmittedWritten)
			continue
		}
		if folders[dir] == nil {
			folders[dir] = &format.Omitted{Path: path.Join(dir, "*"), Reason: format.OmittedWritten}
		}
		folders[dir].Bytes += f.size
		folders[dir].Count++
	}
	for _, o := range folders {
		c.omit(o.Path, o.Bytes, o.Count, o.Reason)
	}
}

func (c *chooser) dataset(path string) string {
	for _, d := range c.datasets {
		if path == d || strings.HasPrefix(path, d+"/") {
			return d
		}
	}
	return ""
}

func (c *chooser) omit(path string, bytes, count int64, reason string) {
	c.omitted = append(c.omitted, format.Omitted{Path: printable(path), Bytes: bytes, Count: count, Reason: reason})
}

// withinLimits omits whole folders, the largest first, until the rest is within the limits.
func (c *chooser) withinLimits(files []untracked) []string {
	root := &folder{}
	for _, f := range files {
		root.add(f.path, f)
	}
	for root.count > int64(c.limits.files) || root.bytes > c.limits.total {
		reason, weight := format.OmittedTotal, func(f *folder) int64 { return f.bytes }
		if root.count > int64(c.limits.files) {
			reason, weight = format.OmittedMany, func(f *folder) int64 { return f.count }
		}
		name, taken := root.heaviest(weight, c.tracked)
		if set := c.dataset(strings.TrimSuffix(strings.TrimSuffix(name, "*"), "/")); set != "" {
			reason = format.OmittedDataset
		}
		c.omit(name, taken.bytes, taken.count, reason)
		root.remove(taken)
	}
	var kept []string
	root.each(func(f untracked) { kept = append(kept, f.path) })
	slices.Sort(kept)
	return kept
}

// folder is a folder of untracked files, with the totals of everything in it.
type folder struct {
	name     string // relative to the root; "" is the root
	parent   *folder
	children map[string]*folder
	files    []untracked
	bytes    int64
	count    int64
}

func (f *folder) add(rest string, file untracked) {
	f.bytes += file.size
	f.count++
	first, below, ok := strings.Cut(rest, "/")
	if !ok {
		f.files = append(f.files, file)
		return
	}
	child := f.children[first]
	if child == nil {
		child = &folder{name: file.path[:len(file.path)-len(below)-1], parent: f}
		if f.children == nil {
			f.children = map[string]*folder{}
		}
		f.children[first] = child
	}
	child.add(below, file)
}

// heaviest descends as long as one subfolder has at least half of the weight. It returns what to omit there: the
// folder, as "a/b/", or only its untracked files, as "a/b/*", if the folder also has tracked files.
func (f *folder) heaviest(weight func(*folder) int64, tracked map[string]bool) (string, *folder) {
	for {
		var most *folder
		for _, child := range f.children {
			if most == nil || cmp.Or(
				cmp.Compare(weight(child), weight(most)), strings.Compare(most.name, child.name),
			) > 0 {
				most = child
			}
		}
		own := &folder{parent: f, files: f.files, count: int64(len(f.files))}
		for _, file := range f.files {
			own.bytes += file.size
		}
		switch {
		case most != nil && (2*weight(most) >= weight(f) || tracked[f.name] && weight(most) >= weight(own)):
			f = most
		case tracked[f.name]:
			return join(f.name, "*"), own
		default:
			return f.name + "/", f
		}
	}
}

func join(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}

// remove subtracts what heaviest returned from the totals of all parent folders.
func (f *folder) remove(taken *folder) {
	for at := taken.parent; at != nil; at = at.parent {
		at.bytes -= taken.bytes
		at.count -= taken.count
	}
	if taken.name == "" {
		taken.parent.files = nil
		return
	}
	delete(taken.parent.children, taken.name[strings.LastIndexByte(taken.name, '/')+1:])
}

func (f *folder) each(visit func(untracked)) {
	for _, file := range f.files {
		visit(file)
	}
	for _, child := range f.children {
		child.each(visit)
	}
}

// Printable returns a path in a form that a record can hold.
func Printable(path string) string { return printable(path) }

// printable returns a path in a form that a record can hold: if it is not plain text, it is quoted as Git does.
func printable(path string) string {
	odd := !utf8.ValidString(path) || strings.HasPrefix(path, `"`) // which begins a quoted path
	odd = odd || strings.ContainsFunc(path, func(r rune) bool { return r < ' ' || r == 0x7f })
	if !odd && format.CheckText(path) == nil {
		return path
	}
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(path) {
		switch c := path[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c >= 0x7f:
			b.WriteString(`\` + octal(c))
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func octal(c byte) string {
	s := strconv.FormatUint(uint64(c), 8)
	return strings.Repeat("0", 3-len(s)) + s
}

// FileName returns the path that Printable has made printable. It is false for a text that Printable cannot have made.
func FileName(printed string) (string, bool) {
	rest, quoted := strings.CutPrefix(printed, `"`)
	if !quoted {
		return printed, printed != ""
	}
	rest, quoted = strings.CutSuffix(rest, `"`)
	if !quoted {
		return printed, true // a name with a quote, which needs no quoting
	}
	var b strings.Builder
	for rest != "" {
		c := rest[0]
		switch {
		case c != '\\':
			b.WriteByte(c)
			rest = rest[1:]
		case len(rest) > 1 && (rest[1] == '"' || rest[1] == '\\'):
			b.WriteByte(rest[1])
			rest = rest[2:]
		default:
			if len(rest) < 4 {
				return "", false
			}
			n, err := strconv.ParseUint(rest[1:4], 8, 8)
			if err != nil {
				return "", false
			}
			b.WriteByte(byte(n))
			rest = rest[4:]
		}
	}
	return b.String(), b.Len() > 0
}
