package smarthttp

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/gitruns/runs/repo/git/native"
)

// Bounds of the search for what both sides have.
const (
	firstHaves = 32      // commits in the first request
	mostHaves  = 1 << 14 // commits that a request adds
	inVain     = 256     // commits that the server does not have, after one that it has
)

// Fetch asks the server for all that a commit refers to and that is not reachable from the commits of haves, which this
// side has, the newest first. It calls receive with the pack. shallow are the commits whose parents this side lacks. It
// returns what the server said.
func (s *Session) Fetch(
	refs *Refs, want native.ID, shallow []native.ID, haves iter.Seq2[native.ID, error], receive func(io.Reader) error,
) (said string, err error) {
	for _, need := range []string{"multi_ack_detailed", "side-band-64k"} {
		if _, ok := refs.can[need]; !ok {
			return "", badAnswer("it does not have %s, as old versions of Git", need)
		}
	}
	if _, ok := refs.can["shallow"]; !ok && len(shallow) > 0 {
		return "", badAnswer("it does not allow a shallow clone to fetch")
	}
	words := []string{"multi_ack_detailed", "side-band-64k", "ofs-delta", agent}
	if _, ok := refs.can["object-format"]; ok {
		words = append(words, "object-format=sha1")
	}
	ask := func(common []native.ID, last string) (io.Reader, error) {
		return s.call(UploadPack, func(w io.Writer) error {
			if err := writeLine(w, fmt.Sprintf("want %s %s\n", want, strings.Join(words, " "))); err != nil {
				return err
			}
			for _, id := range shallow {
				if err := writeLine(w, "shallow "+id.String()+"\n"); err != nil {
					return err
				}
			}
			if err := writeFlush(w); err != nil {
				return err
			}
			for _, id := range common {
				if err := writeLine(w, "have "+id.String()+"\n"); err != nil {
					return err
				}
			}
			_, err := io.WriteString(w, last)
			return err
		})
	}
	common, err := negotiate(haves, func(sent []native.ID) (*acks, error) {
		answer, err := ask(sent, "0000")
		if err != nil {
			return nil, err
		}
		acked, err := readAcks(newLines(answer))
		return acked, s.explain(err)
	})
	if err != nil {
		return "", err
	}
	answer, err := ask(common, "0009done\n")
	if err != nil {
		return "", err
	}
	in := newLines(answer)
	if _, err := readAcks(in); err != nil {
		return "", s.explain(err)
	}
	band := &sideband{in: in}
	err = receive(band)
	if err == nil {
		_, err = io.Copy(io.Discard, band) // what the server says after the pack
	}
	if failed := (*Error)(nil); errors.As(err, &failed) && failed.Output == "" {
		failed.Output = band.lines()
	}
	return band.lines(), s.explain(err)
}

// negotiate tells the server which commits this side has until both know what they have in common. It returns that.
func negotiate(haves iter.Seq2[native.ID, error], ask func([]native.ID) (*acks, error)) ([]native.ID, error) {
	next, stop := iter.Pull2(haves)
	defer stop()
	var common []native.ID
	known := map[native.ID]bool{}
	vain, size := 0, firstHaves
	for {
		var fresh []native.ID
		for len(fresh) < size {
			id, err, ok := next()
			if err != nil {
				return nil, err
			}
			if !ok {
				break
			}
			fresh = append(fresh, id)
		}
		if len(fresh) == 0 {
			return common, nil
		}
		answer, err := ask(append(common[:len(common):len(common)], fresh...))
		if err != nil {
			return nil, err
		}
		vain += len(fresh)
		mine := map[native.ID]bool{}
		for _, id := range fresh {
			mine[id] = true
		}
		for _, id := range answer.common {
			if mine[id] && !known[id] { // a server cannot make us say more than we have
				known[id], vain = true, 0
				common = append(common, id)
			}
		}
		if answer.ready || len(common) > 0 && vain >= inVain {
			return common, nil
		}
		size = min(2*size, mostHaves)
	}
}

// acks are the commits that a server has too.
type acks struct {
	common []native.ID
	ready  bool // the server knows enough
}

// readAcks reads which commits a server has.
func readAcks(in *lines) (*acks, error) {
	a := &acks{}
	for n := 0; ; n++ {
		line, flush, err := in.text()
		switch {
		case err != nil:
			return nil, err
		case flush || n > 1<<20:
			return nil, badAnswer("it does not say what both sides have")
		case line == "NAK":
			return a, nil
		}
		words := strings.Split(line, " ")
		if words[0] != "ACK" || len(words) < 2 || len(words) > 3 {
			return nil, badAnswer("%.100q is not about a commit", line)
		}
		id, ok := native.ParseID(words[1])
		if !ok {
			return nil, badAnswer("%.100q is not about a commit", line)
		}
		a.common = append(a.common, id)
		if len(words) == 2 {
			return a, nil
		}
		switch words[2] {
		case "ready":
			a.ready = true
		case "common", "continue":
		default:
			return nil, badAnswer("%.100q is not about a commit", line)
		}
	}
}
