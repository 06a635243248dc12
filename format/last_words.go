package format

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// LastWordsBytes is the size of a file of last words, whatever it says.
const LastWordsBytes = 4096

// LastWords is a file last-<host>-<pid>.json of an active run. It is created with its full size when a process joins
// the run, so that what it has to say at its end needs no space on the disk.
type LastWords struct {
	LostRows  int64  // rows and values that the process could not write
	Status    Status // how the run ends; empty if the process does not decide it or has not ended
	ExitCode  *int64 // of the program; nil if it is not known
	Signal    string
	EndReason string
	Ended     int64 // when the program ended, in µs since 1970 UTC; 0 if it is not known
}

// Empty reports whether the process said nothing.
func (w *LastWords) Empty() bool { return *w == LastWords{} }

// Encode returns the bytes of the file, always LastWordsBytes of them. Texts that do not fit are left out.
func (w *LastWords) Encode() []byte {
	data := w.json(true)
	if len(data) >= LastWordsBytes {
		data = w.json(false)
	}
	data = append(data, bytes.Repeat([]byte{' '}, LastWordsBytes-1-len(data))...)
	return append(data, '\n')
}

func (w *LastWords) json(texts bool) []byte {
	if w.Empty() {
		return nil
	}
	var o object
	o.addText("status", string(w.Status))
	if w.ExitCode != nil {
		o.add("exit_code", *w.ExitCode)
	}
	if texts {
		o.addText("signal", w.Signal)
		o.addText("end_reason", w.EndReason)
	}
	data := strconv.AppendInt([]byte(`{"lost_rows":`), w.LostRows, 10)
	if w.Ended > 0 {
		data = appendSeconds(append(data, `,"ended":`...), w.Ended)
	}
	for _, f := range o {
		data = append(appendQuoted(append(data, ','), f.key), ':')
		data = AppendJSON(data, f.value)
	}
	return append(data, '}')
}

// DecodeLastWords reads a file of last words. Unknown keys are ignored.
func DecodeLastWords(data []byte) (*LastWords, error) {
	w := &LastWords{}
	if len(data) > LastWordsBytes {
		return nil, fmt.Errorf("it is larger than %d bytes", LastWordsBytes)
	}
	if data = bytes.TrimSpace(data); len(data) == 0 {
		return w, nil
	}
	p := JournalParser{}
	p.scan.Reset(data, MaxDepth)
	if err := p.scan.Object(func(key string) error { return p.lastWord(key, w) }); err != nil {
		return nil, err
	}
	if err := p.scan.End(); err != nil {
		return nil, err
	}
	switch {
	case w.LostRows < 0:
		return nil, errors.New("lost_rows is negative")
	case w.Status != "" && !slices.Contains([]Status{Finished, Failed, Killed, Crashed}, w.Status):
		return nil, fmt.Errorf("the status is %q", w.Status)
	}
	return w, nil
}

func (p *JournalParser) lastWord(key string, w *LastWords) error {
	switch key {
	case "lost_rows":
		return p.integer(&w.LostRows)
	case "status":
		return p.text((*string)(&w.Status))
	case "exit_code":
		w.ExitCode = new(int64)
		return p.integer(w.ExitCode)
	case "signal":
		return p.text(&w.Signal)
	case "end_reason":
		return p.text(&w.EndReason)
	case "ended":
		return p.time(&w.Ended)
	}
	return p.skip()
}
