package smarthttp

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/gitruns/runs/repo/git/native"
)

// agent is how the programs name themselves to a server.
const agent = "agent=git/runs"

// Update moves a ref of the server. Old is what the server has, or zero.
type Update struct {
	Ref      string
	Old, New native.ID
}

// Report is what became of a push.
type Report struct {
	Refused map[string]string // the server's reason, by the ref
	Said    string            // what the server said, in lines that begin with "remote: "
}

// Push moves refs of the server, for which it gets a pack. pack writes it, or nothing if the server has all objects.
func (s *Session) Push(refs *Refs, shallow []native.ID, updates []Update, pack func(io.Writer) error) (*Report, error) {
	if _, ok := refs.can["report-status"]; !ok {
		return nil, badAnswer("it cannot report what became of a push")
	}
	words := []string{"report-status", agent}
	_, banded := refs.can["side-band-64k"]
	if banded {
		words = append(words, "side-band-64k")
	}
	if _, ok := refs.can["object-format"]; ok {
		words = append(words, "object-format=sha1")
	}
	answer, err := s.call(ReceivePack, func(w io.Writer) error {
		for _, id := range shallow {
			if err := writeLine(w, "shallow "+id.String()); err != nil {
				return err
			}
		}
		for i, u := range updates {
			line := fmt.Sprintf("%s %s %s", u.Old, u.New, u.Ref)
			if i == 0 {
				line += "\x00 " + strings.Join(words, " ")
			}
			if err := writeLine(w, line); err != nil {
				return err
			}
		}
		if err := writeFlush(w); err != nil {
			return err
		}
		return pack(w)
	})
	if err != nil {
		return nil, err
	}
	var body io.Reader = answer
	said := func() string { return "" }
	if banded {
		band := &sideband{in: newLines(answer)}
		body, said = band, band.lines
	}
	report, err := readReport(body, updates)
	if err == nil {
		_, err = io.Copy(io.Discard, io.LimitReader(body, maxReport)) // what else the server says
	}
	if failed := (*Error)(nil); errors.As(err, &failed) && failed.Output == "" {
		failed.Output = said()
	}
	if err != nil {
		return nil, s.explain(err)
	}
	report.Said = said()
	return report, nil
}

// maxReport is the largest report of a server in bytes.
const maxReport = 16 << 20

// readReport reads what became of the updates. A ref that the server does not name is refused.
func readReport(r io.Reader, updates []Update) (*Report, error) {
	in := newLines(io.LimitReader(r, maxReport))
	line, flush, err := in.text()
	if err != nil {
		return nil, err
	}
	unpacked, ok := strings.CutPrefix(line, "unpack ")
	if !ok || flush {
		return nil, badAnswer("it does not report whether the objects arrived")
	}
	report := &Report{Refused: map[string]string{}}
	for _, u := range updates {
		report.Refused[u.Ref] = "the server did not report what became of it"
	}
	for {
		line, flush, err := in.text()
		if err != nil {
			return nil, err
		}
		if flush {
			break
		}
		verb, rest, _ := strings.Cut(line, " ")
		ref, reason, _ := strings.Cut(rest, " ")
		if _, ours := report.Refused[ref]; !ours && (verb == "ok" || verb == "ng") {
			continue // not asked for, or reported before
		}
		switch verb {
		case "ok":
			delete(report.Refused, ref)
		case "ng":
			if report.Refused[ref] = clean(reason, maxSaidLine); reason == "" {
				report.Refused[ref] = "failed"
			}
		case "option":
		default:
			return nil, badAnswer("%.100q is not a line of a report", line)
		}
	}
	if unpacked != "ok" {
		for _, u := range updates {
			report.Refused[u.Ref] = "unpacker error: " + clean(unpacked, maxSaidLine)
		}
	}
	return report, nil
}
