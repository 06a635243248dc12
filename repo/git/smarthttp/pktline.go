package smarthttp

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// maxLine is the largest packet line of the protocol, with the four digits of its length.
const maxLine = 65520

// badAnswer returns an error about what a server sent.
func badAnswer(format string, args ...any) error {
	return &Error{Kind: Answer, Message: "the server's answer is damaged: " + fmt.Sprintf(format, args...)}
}

// lines reads packet lines.
type lines struct {
	in     *bufio.Reader
	buffer [maxLine]byte
}

func newLines(r io.Reader) *lines { return &lines{in: bufio.NewReaderSize(r, maxLine)} }

// next returns the content of the next line, which is valid until the next call. flush reports a line that ends a list.
// The error is io.EOF if nothing follows.
func (l *lines) next() (content []byte, flush bool, err error) {
	var digits [4]byte
	if _, err := io.ReadFull(l.in, digits[:]); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = badAnswer("it ends in the middle of a line")
		}
		return nil, false, err
	}
	n, err := strconv.ParseUint(string(digits[:]), 16, 32)
	switch {
	case err != nil:
		return nil, false, badAnswer("%q is not the length of a line", digits[:])
	case n == 0:
		return nil, true, nil
	case n < 4 || n > maxLine:
		return nil, false, badAnswer("a line has the length %d", n)
	}
	content = l.buffer[:n-4]
	if _, err := io.ReadFull(l.in, content); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = badAnswer("it ends in the middle of a line")
		}
		return nil, false, err
	}
	return content, false, nil
}

// text is like next, for a line of text. It returns an error if the server reports one.
func (l *lines) text() (line string, flush bool, err error) {
	content, flush, err := l.next()
	if errors.Is(err, io.EOF) {
		err = badAnswer("it ends too early")
	}
	if err != nil || flush {
		return "", flush, err
	}
	line = strings.TrimSuffix(string(content), "\n")
	if said, ok := strings.CutPrefix(line, "ERR "); ok {
		return "", false, &Error{Kind: Answer, Message: "remote error: " + clean(said, maxSaidLine)}
	}
	return line, false, nil
}

// writeLine writes a packet line.
func writeLine(w io.Writer, line string) error {
	if len(line)+4 > maxLine {
		return fmt.Errorf("a line of the protocol has %d bytes", len(line))
	}
	_, err := fmt.Fprintf(w, "%04x%s", len(line)+4, line)
	return err
}

func writeFlush(w io.Writer) error {
	_, err := io.WriteString(w, "0000")
	return err
}

// maxSaidLine is how much of one line of a server's text is kept.
const maxSaidLine = 1000

// clean makes one line of a server's text harmless to print, and at most limit bytes long.
func clean(text string, limit int) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "") + " ..."
	}
	return text
}
