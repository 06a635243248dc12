package native

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/gitruns/runs/repo/git/attributes"
	"github.com/gitruns/runs/repo/git/gitconfig"
)

// lineEnds is how the ends of lines of a file are converted.
type lineEnds byte

const (
	endsBinary lineEnds = iota // not at all
	endsText                   // all
	endsAuto                   // if the file looks like text
)

// conversion is what is done to a file when it is stored, and when it is checked out.
type conversion struct {
	ends lineEnds
	crlf bool // lines end in CR and LF in the working tree
	lfs  bool
}

// converter finds the conversions of files.
type converter struct {
	config     *gitconfig.Config
	attributes *attributes.Matcher
	auto       string // core.autocrlf: true, input or false
	eolCRLF    bool   // what text without the attribute eol ends in
	lfs        bool   // the filter of Git LFS is configured
}

func (r *Repository) newConverter(read func(folder string) ([]byte, error)) (*converter, error) {
	c := &converter{config: r.config, auto: "false"}
	var err error
	if c.attributes, err = r.newAttributes(read); err != nil {
		return nil, err
	}
	if e, ok := r.config.Last("core.autocrlf"); ok && strings.EqualFold(e.Value, "input") {
		c.auto = "input"
	} else if on, _, err := r.config.Bool("core.autocrlf"); err != nil {
		return nil, err
	} else if on {
		c.auto = "true"
	}
	eol, err := r.config.String("core.eol")
	if err != nil {
		return nil, err
	}
	c.eolCRLF = c.auto == "true" || c.auto != "input" && strings.EqualFold(eol, "crlf")
	c.lfs = c.configured("lfs", "clean", "process")
	return c, nil
}

// of returns the conversion of a file. The error is an *Unsupported if only git does it.
func (c *converter) of(path string) (conversion, error) {
	a, err := attrsOf(c.attributes, path)
	if err != nil {
		return conversion{}, err
	}
	refuse := func(what string) (conversion, error) {
		return conversion{}, &Unsupported{What: fmt.Sprintf("%q %s", path, what)}
	}
	if a.ident.State == attributes.Set {
		return refuse("has the attribute ident")
	}
	if e := a.encoding; e.State == attributes.Valued && e.Text != "" && !strings.EqualFold(e.Text, "utf-8") &&
		!strings.EqualFold(e.Text, "utf8") {
		return refuse("has the encoding " + e.Text)
	}
	conv := conversion{}
	if f := a.filter; f.State == attributes.Valued {
		switch {
		case f.Text == "lfs" && c.lfs:
			for _, e := range c.config.Entries() {
				if strings.HasPrefix(e.Key, "lfs.extension.") {
					return refuse("is stored through an extension of Git LFS")
				}
			}
			conv.lfs = true
		case c.configured(f.Text, "clean", "smudge", "process"):
			return refuse("is stored through the filter " + f.Text)
		}
	}
	conv.ends, conv.crlf = c.endsOf(a)
	return conv, nil
}

// configured reports whether a filter has one of some settings.
func (c *converter) configured(filter string, settings ...string) bool {
	for _, name := range settings {
		if _, ok := c.config.Last("filter." + filter + "." + name); ok {
			return true
		}
	}
	return false
}

// endsOf follows convert_attrs of Git's convert.c.
func (c *converter) endsOf(a attrs) (ends lineEnds, crlf bool) {
	known := true
	input := false // stored text ends in LF, and is checked out so
	text := a.text
	if text.State != attributes.Set && text.State != attributes.Unset && !isValue(text, "input", "auto") {
		text = a.crlf
	}
	switch {
	case text.State == attributes.Set:
		ends = endsText
	case text.State == attributes.Unset:
		return endsBinary, false
	case isValue(text, "input"):
		ends, input = endsText, true
	case isValue(text, "auto"):
		ends = endsAuto
	default:
		known = false
	}
	if isValue(a.eol, "lf", "crlf") {
		if !known {
			ends = endsText
		}
		return ends, a.eol.Text == "crlf"
	}
	if known {
		return ends, c.eolCRLF && !input
	}
	switch c.auto {
	case "true":
		return endsAuto, true
	case "input":
		return endsAuto, false
	}
	return endsBinary, false
}

// textStats counts the bytes of a file, as Git does to tell text from other data.
type textStats struct {
	zero, loneCR, loneLF, crlf, printable, other int
}

func statsOf(data []byte) textStats {
	var s textStats
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case c == '\r':
			if i+1 < len(data) && data[i+1] == '\n' {
				s.crlf++
				i++
			} else {
				s.loneCR++
			}
		case c == '\n':
			s.loneLF++
		case c == 0x7f:
			s.other++
		case c >= 0x20 || c == '\b' || c == '\t' || c == 0x1b || c == '\f':
			s.printable++
		case c == 0:
			s.zero++
			s.other++
		default:
			s.other++
		}
	}
	if len(data) > 0 && data[len(data)-1] == 0x1a { // the end of a file of DOS
		s.other--
	}
	return s
}

func (s textStats) binary() bool {
	return s.loneCR > 0 || s.zero > 0 || s.printable>>7 < s.other
}

// clean returns what Git stores for the content of a file. staged returns the content that the index has, which decides
// about the ends of lines; it may be called or not.
func (c conversion) clean(data []byte, staged func() ([]byte, error)) ([]byte, error) {
	if c.lfs {
		data = pointerTo(data)
	}
	if c.ends == endsBinary || bytes.IndexByte(data, '\r') < 0 {
		return data, nil
	}
	stats := statsOf(data)
	if stats.crlf == 0 {
		return data, nil
	}
	if c.ends == endsAuto {
		if stats.binary() {
			return data, nil
		}
		old, err := staged()
		if err != nil {
			return nil, err
		}
		if bytes.IndexByte(old, '\r') >= 0 {
			if stats := statsOf(old); !stats.binary() && stats.crlf > 0 {
				return data, nil
			}
		}
	}
	return bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")), nil
}

// smudge returns what Git writes to the working tree for a stored file. It leaves pointers of Git LFS as they are.
func (c conversion) smudge(data []byte) []byte {
	if c.ends == endsBinary || !c.crlf || len(data) == 0 {
		return data
	}
	stats := statsOf(data)
	if stats.loneLF == 0 || c.ends == endsAuto && (stats.crlf > 0 || stats.binary()) {
		return data
	}
	out := make([]byte, 0, len(data)+stats.loneLF)
	for i, b := range data {
		if b == '\n' && (i == 0 || data[i-1] != '\r') {
			out = append(out, '\r')
		}
		out = append(out, b)
	}
	return out
}

// pointerHead begins a pointer of Git LFS.
const pointerHead = "version https://git-lfs.github.com/spec/v1\n"

// maxPointerBytes is the size of the largest pointer of Git LFS.
const maxPointerBytes = 1024

// pointerTo returns the pointer that Git LFS stores for a file. A file that is a pointer or empty stays as it is.
func pointerTo(data []byte) []byte {
	if len(data) == 0 || isPointer(data) {
		return data
	}
	sum := sha256.Sum256(data)
	return fmt.Appendf(nil, "%soid sha256:%s\nsize %d\n", pointerHead, hex.EncodeToString(sum[:]), len(data))
}

func isPointer(data []byte) bool {
	if len(data) >= maxPointerBytes || !bytes.HasPrefix(data, []byte(pointerHead)) {
		return false
	}
	lines := strings.Split(strings.TrimSuffix(string(data[len(pointerHead):]), "\n"), "\n")
	if len(lines) != 2 {
		return false
	}
	oid, ok := strings.CutPrefix(lines[0], "oid sha256:")
	size, ok2 := strings.CutPrefix(lines[1], "size ")
	n, err := strconv.ParseInt(size, 10, 64)
	return ok && ok2 && err == nil && n >= 0 && len(oid) == 64 && strings.Trim(oid, "0123456789abcdef") == ""
}
