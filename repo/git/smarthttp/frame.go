package smarthttp

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Program is the name of the program that makes the HTTP requests.
const Program = "runs-https"

// Version is the version of the protocol between the two programs. A program with another version is refused.
const Version = 1

// The services of a server.
const (
	UploadPack  = "git-upload-pack"  // to fetch
	ReceivePack = "git-receive-pack" // to push
)

// Hello is the first message to the program. It answers with a Reply.
type Hello struct {
	Version   int    `json:"version"`
	URL       string `json:"url"` // of the repository
	GitDir    string `json:"git_dir"`
	CommonDir string `json:"common_dir"`
	Remote    string `json:"remote,omitempty"` // the name of the remote, for its settings
}

// The operations of requests.
const (
	OpDiscover = "discover" // ask which refs the server has
	OpCall     = "call"     // send the body that follows to the service, and return its answer
)

// Request is a message to the program. The Reply is followed by the body of the answer.
type Request struct {
	Op      string `json:"op"`
	Service string `json:"service"`
}

// Reply is a message from the program.
type Reply struct {
	Version int    `json:"version,omitempty"` // set in the reply to Hello
	Error   *Error `json:"error,omitempty"`
}

// Kind is the class of an error.
type Kind string

// The kinds of errors.
const (
	Unauthorized Kind = "unauthorized" // credentials are missing, wrong, or lack a permission
	NotFound     Kind = "not-found"    // there is no such repository
	Network      Kind = "network"      // no connection, or it failed
	Setting      Kind = "setting"      // a setting of Git that the program does not support
	Answer       Kind = "answer"       // the server did not answer as a Git server does
)

// Error is an error of a transfer, with a message for people.
type Error struct {
	Kind    Kind   `json:"kind"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`   // the next step
	Output  string `json:"output,omitempty"` // what the server said, in lines
}

func (e *Error) Error() string { return e.Message }

// The kinds of frames. A frame is its kind, the length of its content as a big-endian number of four bytes, and the
// content.
const (
	frameMessage = 'M' // JSON
	frameData    = 'D' // a part of a body
	frameEnd     = 'E' // the end of a body
)

// maxFrame is the largest content of a frame in bytes.
const maxFrame = 64 << 10

var errFrame = errors.New("the two programs do not understand each other")

// Wire sends and receives frames. It is not safe for concurrent use of one direction.
type Wire struct {
	in  *bufio.Reader
	out *bufio.Writer
}

// NewWire returns a wire over two streams.
func NewWire(in io.Reader, out io.Writer) *Wire {
	return &Wire{bufio.NewReaderSize(in, maxFrame), bufio.NewWriterSize(out, maxFrame)}
}

func (w *Wire) send(kind byte, content []byte) error {
	var head [5]byte
	head[0] = kind
	binary.BigEndian.PutUint32(head[1:], uint32(len(content)))
	if _, err := w.out.Write(head[:]); err != nil {
		return err
	}
	_, err := w.out.Write(content)
	return err
}

func (w *Wire) receive(buffer []byte) (kind byte, content []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(w.in, head[:]); errors.Is(err, io.ErrUnexpectedEOF) {
		return 0, nil, errFrame
	} else if err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n > maxFrame {
		return 0, nil, errFrame
	}
	if cap(buffer) < int(n) {
		buffer = make([]byte, n)
	}
	content = buffer[:n]
	if _, err := io.ReadFull(w.in, content); err != nil {
		return 0, nil, errFrame
	}
	return head[0], content, nil
}

// SendMessage sends a message and everything before it.
func (w *Wire) SendMessage(message any) error {
	data, err := json.Marshal(message)
	if err != nil {
		return err
	}
	if len(data) > maxFrame {
		return errFrame
	}
	if err := w.send(frameMessage, data); err != nil {
		return err
	}
	return w.out.Flush()
}

// ReceiveMessage receives a message. The error is io.EOF if the other side has ended.
func (w *Wire) ReceiveMessage(message any) error {
	kind, data, err := w.receive(nil)
	switch {
	case err != nil:
		return err
	case kind != frameMessage:
		return errFrame
	}
	if err := json.Unmarshal(data, message); err != nil {
		return fmt.Errorf("%w: %w", errFrame, err)
	}
	return nil
}

// BodyWriter writes a body, which Close ends.
type BodyWriter struct{ wire *Wire }

// SendBody returns a writer for a body.
func (w *Wire) SendBody() *BodyWriter { return &BodyWriter{w} }

func (b *BodyWriter) Write(p []byte) (int, error) {
	for n := 0; n < len(p); {
		part := p[n:min(len(p), n+maxFrame)]
		if err := b.wire.send(frameData, part); err != nil {
			return n, err
		}
		n += len(part)
	}
	return len(p), nil
}

// Close ends the body.
func (b *BodyWriter) Close() error {
	if err := b.wire.send(frameEnd, nil); err != nil {
		return err
	}
	return b.wire.out.Flush()
}

// Flush sends what is written so far.
func (b *BodyWriter) Flush() error { return b.wire.out.Flush() }

// BodyReader reads a body.
type BodyReader struct {
	wire   *Wire
	buffer []byte
	rest   []byte
	err    error
}

// ReceiveBody returns a reader for a body. Its error is an *Error if the other side sends one in place of the rest.
func (w *Wire) ReceiveBody() *BodyReader { return &BodyReader{wire: w} }

func (b *BodyReader) Read(p []byte) (int, error) {
	for len(b.rest) == 0 {
		if b.err != nil {
			return 0, b.err
		}
		if b.buffer == nil {
			b.buffer = make([]byte, maxFrame)
		}
		kind, content, err := b.wire.receive(b.buffer)
		switch {
		case errors.Is(err, io.EOF):
			b.err = errFrame
		case err != nil:
			b.err = err
		case kind == frameData:
			b.rest = content
		case kind == frameEnd:
			b.err = io.EOF
		case kind == frameMessage:
			var reply Reply
			b.err = errFrame
			if json.Unmarshal(content, &reply) == nil && reply.Error != nil {
				b.err = reply.Error
			}
		default:
			b.err = errFrame
		}
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}
