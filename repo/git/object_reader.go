package git

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// batchReader is an objectReader that keeps a process of Git running.
type batchReader struct {
	cat   *coprocess
	asked []string // asked for, but not read yet
}

func (p program) reader(ctx context.Context, exact bool) (objectReader, error) {
	c := p.command()
	if exact {
		c = p.exact()
	}
	cat, err := c.start(ctx, "cat-file", "--batch")
	if err != nil {
		return nil, err
	}
	return &batchReader{cat: cat}, nil
}

func (b *batchReader) close() { b.cat.close() }

func (b *batchReader) idBytes() int { return b.cat.idBytes }

func (b *batchReader) ask(name, kind string, limit int64) (size int64, content io.Reader, err error) {
	if err := b.request(name); err != nil {
		return 0, nil, err
	}
	size, found, err := b.answer()
	if errors.Is(err, ErrNoObject) {
		return 0, nil, fmt.Errorf("object %s %w", name, ErrNoObject)
	}
	if err != nil {
		return 0, nil, err
	}
	if found == kind && size <= limit {
		return size, answered{b.cat}, nil
	}
	if _, err := io.CopyN(io.Discard, b.cat.out, size+1); err != nil {
		return size, nil, b.cat.failed(err)
	}
	if found != kind {
		return size, nil, fmt.Errorf("object %s is a %s, not a %s", name, found, kind)
	}
	return size, nil, fmt.Errorf("object %s has %d bytes, the limit is %d", name, size, limit)
}

// answered reads what a process prints. Its errors say why the process no longer answers.
type answered struct{ cat *coprocess }

func (a answered) Read(p []byte) (int, error) {
	n, err := a.cat.out.Read(p)
	if err != nil {
		err = a.cat.failed(err)
	}
	return n, err
}

// end skips the line break that follows the content.
func (b *batchReader) end() error {
	if _, err := b.cat.out.Discard(1); err != nil {
		return b.cat.failed(err)
	}
	return nil
}

// answer reads the line that precedes the content of an object.
func (b *batchReader) answer() (size int64, kind string, err error) {
	head, err := b.cat.out.ReadString('\n')
	if err != nil {
		return 0, "", b.cat.failed(err)
	}
	fields := strings.Fields(head)
	if len(fields) != 3 {
		return 0, "", ErrNoObject
	}
	size, err = strconv.ParseInt(fields[2], 10, 64)
	if err != nil || size < 0 {
		return 0, "", fmt.Errorf("git: its answer about an object has an unexpected line %q", head)
	}
	b.cat.idBytes = len(fields[0]) / 2
	return size, fields[1], nil
}

// request writes the request for an object, unless ahead has just done so.
func (b *batchReader) request(name string) error {
	if len(b.asked) > 0 && b.asked[0] == name {
		b.asked = b.asked[1:]
		return nil
	}
	for len(b.asked) > 0 { // something else is read first: give up what was asked for
		size, _, err := b.answer()
		if err == nil {
			_, err = io.CopyN(io.Discard, b.cat.out, size+1)
		}
		if err != nil && !errors.Is(err, ErrNoObject) {
			return b.cat.failed(err)
		}
		b.asked = b.asked[1:]
	}
	return b.send(name)
}

func (b *batchReader) send(text string) error {
	if _, err := io.WriteString(b.cat.in, text+"\n"); err != nil {
		return b.cat.failed(err)
	}
	return nil
}

func (b *batchReader) ahead(names []string) error {
	if len(b.asked) > 0 {
		return nil
	}
	if err := b.send(strings.Join(names, "\n")); err != nil {
		return err
	}
	b.asked = names
	return nil
}
