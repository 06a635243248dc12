package secret

import (
	"bufio"
	"bytes"
)

// IsRedacted reports whether now is the text was in which parts, none of them empty, are replaced with Mark.
func IsRedacted(was, now []byte) bool {
	first, rest, marked := bytes.Cut(now, []byte(Mark))
	if !marked {
		return bytes.Equal(was, now)
	}
	was, ok := bytes.CutPrefix(was, first)
	for ok {
		part, more, marked := bytes.Cut(rest, []byte(Mark))
		if !marked {
			return len(was) > len(part) && bytes.HasSuffix(was, part)
		}
		// The leftmost place leaves the most for the parts that follow.
		at := -1
		if len(was) > 0 {
			at = bytes.Index(was[1:], part)
		}
		if ok = at >= 0; ok {
			was, rest = was[1+at+len(part):], more
		}
	}
	return false
}

// Spans returns the parts of was that Mark replaces in now, which IsRedacted accepts. If several choices make the same
// text, it takes the leftmost one.
func Spans(was, now []byte) []Span {
	first, rest, marked := bytes.Cut(now, []byte(Mark))
	at := len(first)
	if !bytes.HasPrefix(was, first) {
		return nil
	}
	var spans []Span
	for marked {
		var text []byte
		if text, rest, marked = bytes.Cut(rest, []byte(Mark)); !marked {
			if end := len(was) - len(text); end > at {
				spans = append(spans, Span{at, end})
			}
			break
		}
		if at == len(was) {
			break
		}
		next := bytes.Index(was[at+1:], text)
		if next < 0 {
			break
		}
		spans = append(spans, Span{at, at + 1 + next})
		at += 1 + next + len(text)
	}
	return spans
}

// IsReplaced reports whether Replace can make now from was: lines stay lines, and what differs is replaced with Mark.
// In a patch, the first character of a line and the lines outside hunks stay.
func IsReplaced(was, now []byte, kind Kind) bool {
	if bytes.IndexByte(was, 0) >= 0 {
		return bytes.Equal(was, now)
	}
	p := &patchWalk{from: bufio.NewReader(bytes.NewReader(was))}
	for len(was) > 0 || len(now) > 0 {
		old, oldRest, oldEnds := bytes.Cut(was, []byte("\n"))
		line, rest, ends := bytes.Cut(now, []byte("\n"))
		if oldEnds != ends {
			return false
		}
		was, now = oldRest, rest
		if kind == Patch {
			head, err := p.next()
			if err != nil {
				return false
			}
			if p.follow(head) == 0 {
				if !bytes.Equal(old, line) {
					return false
				}
				continue
			}
			if len(old) > 0 {
				if len(line) == 0 || old[0] != line[0] {
					return false
				}
				old, line = old[1:], line[1:]
			}
		}
		if !IsRedacted(old, line) {
			return false
		}
	}
	return true
}
