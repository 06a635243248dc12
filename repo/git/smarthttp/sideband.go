package smarthttp

import (
	"errors"
	"io"
	"strings"
)

// Bounds of what a server says while it works.
const (
	maxSaid  = 64 << 10 // bytes that are kept
	maxNoise = 64 << 20 // bytes of a whole transfer
	maxEmpty = 1 << 20  // lines without a content
)

// sideband reads the content of a stream in which the server also says what it does.
type sideband struct {
	in    *lines
	rest  []byte
	err   error
	said  strings.Builder
	noise int
	empty int
}

// Read implements io.Reader. The error is io.EOF only after the server has ended the stream.
func (s *sideband) Read(p []byte) (int, error) {
	for len(s.rest) == 0 {
		if s.err != nil {
			return 0, s.err
		}
		s.err = s.more()
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

func (s *sideband) more() error {
	content, flush, err := s.in.next()
	switch {
	case errors.Is(err, io.EOF):
		return badAnswer("it ends too early")
	case err != nil:
		return err
	case flush:
		return io.EOF
	case len(content) <= 1:
		if s.empty++; s.empty > maxEmpty {
			return badAnswer("it has more than %d empty lines", maxEmpty)
		}
		return nil
	}
	switch content[0] {
	case 1:
		s.rest = content[1:]
		return nil
	case 2:
		if s.noise += len(content); s.noise > maxNoise {
			return badAnswer("it has more than %d MiB of messages", maxNoise>>20)
		}
		if room := maxSaid - s.said.Len(); room > 0 {
			s.said.Write(content[1:min(len(content), room+1)])
		}
		return nil
	case 3:
		return &Error{
			Kind: Answer, Message: "remote error: " + clean(firstLine(string(content[1:])), maxSaidLine), Output: s.lines(),
		}
	}
	return badAnswer("it has a line of the unknown kind %d", content[0])
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}

// lines returns what the server said, in lines that begin with "remote: ". Of a line that was overwritten, it has what
// remained.
func (s *sideband) lines() string {
	var b strings.Builder
	for line := range strings.Lines(s.said.String()) {
		line = strings.TrimRight(line, "\r\n")
		if at := strings.LastIndexByte(line, '\r'); at >= 0 {
			line = line[at+1:]
		}
		if line = strings.TrimRight(clean(line, maxSaidLine), " "); line != "" {
			b.WriteString("remote: " + line + "\n")
		}
	}
	return b.String()
}
