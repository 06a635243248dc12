package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// logStream records the given lines, then each line from stdin as it arrives. It returns when stdin ends.
func (a *app) logStream(ctx context.Context, active *repo.Active, first []*format.Line) (err error) {
	j, err := active.OpenJournal()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	if len(first) > 0 {
		if err := j.AppendNow(first...); err != nil {
			return err
		}
	}
	lines := make(chan []byte)
	failed := make(chan error, 1)
	go func() { // runs until stdin or the process ends, because a read from a terminal cannot be canceled
		defer close(lines)
		in := bufio.NewReaderSize(a.term.In, 64<<10)
		for {
			text, err := readLine(in)
			if len(text) > 0 {
				select {
				case lines <- text:
				case <-ctx.Done():
					return
				}
			}
			if err != nil {
				if !errors.Is(err, io.EOF) {
					failed <- err
				}
				return
			}
		}
	}()
	room, err := active.Room(ctx)
	if err != nil {
		return err
	}
	var parser format.JournalParser
	number, bad, cut := 0, 0, 0
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case text, ok := <-lines:
			if !ok {
				select {
				case err := <-failed:
					return fmt.Errorf("reading stdin: %w", err)
				default:
				}
				if cut > 0 {
					return fmt.Errorf("reading stdin: %s %s not recorded, or not completely", plural(bad+cut, "line"),
						verb(bad+cut, "was", "were"))
				}
				if bad > 0 {
					return fmt.Errorf("reading stdin: %s %s not recorded", plural(bad, "line"), verb(bad, "was", "were"))
				}
				return nil
			}
			number++
			l, err := streamLine(&parser, text)
			if err != nil {
				bad++
				a.warn("stdin:%d: %v; the line was not recorded", number, err)
				continue
			}
			if l == nil {
				continue
			}
			if parts := room.Fit(l); len(parts) > 0 {
				cut++
				a.warn("stdin:%d: %s; this part was not recorded", number, strings.Join(parts, "; "))
			}
			if err := j.Append(l); err != nil {
				return err
			}
		}
	}
}

// readLine reads a line with its newline. If the line is too long, readLine returns only a part of it, which no parser
// accepts.
func readLine(in *bufio.Reader) ([]byte, error) {
	var text []byte
	for {
		part, err := in.ReadSlice('\n')
		if len(text)+len(part) <= format.MaxLineBytes+1 {
			text = append(text, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return text, err
		}
	}
}

// streamLine parses a journal line or words of the form KEY=NUMBER, where step=N sets the step. It returns nil for a
// blank line.
func streamLine(parser *format.JournalParser, text []byte) (*format.Line, error) {
	text = bytes.TrimSpace(text)
	if len(text) == 0 {
		return nil, nil
	}
	l := &format.Line{}
	if text[0] == '{' {
		if err := parser.Parse(text, l); err != nil {
			return nil, err
		}
		if l.Event == format.EventEnd {
			l.Event = "" // the other journal ended, but this one has not
		}
		return l, nil
	}
	l.Time = time.Now().UnixMicro()
	for _, word := range strings.Fields(string(text)) {
		key, value, err := format.ParseMetric(word)
		if err != nil {
			return nil, fmt.Errorf("metric %q: %w", word, err)
		}
		if key == "step" && value == float64(int64(value)) {
			l.HasStep, l.Step = true, int64(value)
			continue
		}
		l.Metrics = append(l.Metrics, format.MetricValue{Key: key, Value: value})
	}
	return l, nil
}
