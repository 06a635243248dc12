package repo

import (
	"cmp"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/regular"
)

// lastPrefix begins the names of the files of last words: last-<host>-<pid>.json. Each process that keeps a run open
// has one, which is created at its full size. On a full disk, the process can still say in it how it ended.
const lastPrefix = "last-"

func lastName(host string, pid int) string { return fmt.Sprintf("%s%s-%d.json", lastPrefix, host, pid) }

// reserveLast creates the file of last words of a process in the folder of its run. A file of an earlier process with
// that pid keeps what it says.
func reserveLast(dir, host string, pid int) error {
	path := filepath.Join(dir, lastName(host, pid))
	if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() && info.Size() == format.LastWordsBytes {
		return nil
	}
	if err := regularOrMissing(path); err != nil {
		return err
	}
	f, err := regular.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	_, err = f.Write(new(format.LastWords).Encode()) // written, not only truncated: a hole reserves nothing
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		_ = os.Remove(path)
	}
	return err
}

// KeepLastWords writes down how the program of the run ended, so that a finish that fails or is killed can be repeated
// with the status of the program. It needs no space on the disk if this process started or joined the run.
func (a *Active) KeepLastWords(end Finish) error {
	w := &format.LastWords{
		LostRows: end.LostRows, Status: cmp.Or(end.Status, format.Finished), ExitCode: end.ExitCode, Signal: end.Signal,
		EndReason: end.EndReason, Ended: cmp.Or(end.Ended, now()).UnixMicro(),
	}
	path := filepath.Join(a.Dir, lastName(thisHost(), os.Getpid()))
	if err := regularOrMissing(path); err != nil {
		return err
	}
	f, err := regular.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	if info, statErr := f.Stat(); statErr == nil && w.LostRows == 0 && info.Size() == format.LastWordsBytes {
		data := make([]byte, format.LastWordsBytes)
		if _, err := f.ReadAt(data, 0); err == nil {
			if before, err := format.DecodeLastWords(data); err == nil {
				w.LostRows = before.LostRows
			}
		}
	}
	_, err = f.WriteAt(w.Encode(), 0)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}

func regularOrMissing(path string) error {
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", path)
	}
	return nil
}

// lastWords reads the files of last words. lost is the sum of the rows that processes could not write. end is how the
// run ended, according to the newest file that says so, or nil.
func (a *Active) lastWords() (lost map[string]int64, end *format.LastWords, warnings []string, err error) {
	entries, err := os.ReadDir(a.Dir)
	if err != nil {
		return nil, nil, nil, err
	}
	lost = map[string]int64{}
	for _, entry := range entries {
		name := entry.Name()
		if !strings.HasPrefix(name, lastPrefix) || !strings.HasSuffix(name, ".json") {
			continue
		}
		data, err := readBounded(filepath.Join(a.Dir, name), format.LastWordsBytes)
		var w *format.LastWords
		if err == nil {
			w, err = format.DecodeLastWords(data)
		}
		if err == nil && w.Status != "" {
			err = Finish{Status: w.Status, ExitCode: w.ExitCode}.Check()
		}
		if err != nil {
			warnings = append(warnings, fmt.Sprintf("%s was not read: %v", name, err))
			continue
		}
		if w.LostRows > 0 {
			lost[name] = w.LostRows
		}
		if w.Status != "" && (end == nil || w.Ended > end.Ended) {
			end = w
		}
	}
	return lost, end, warnings, nil
}

// hear adds what the processes of the run said last to end, which is how the finisher says that the run ends. A
// recovery does not know how the program ended, so the program's own words replace what it says.
func (a *Active) hear(end *Finish) (warnings []string, err error) {
	lost, said, warnings, err := a.lastWords()
	if err != nil {
		return nil, err
	}
	if own := lastName(thisHost(), end.PID); end.PID > 0 && lost[own] > 0 {
		end.LostRows = max(end.LostRows, lost[own]) // the same rows, counted in two places
		delete(lost, own)
	}
	for _, n := range lost {
		end.LostRows = min(end.LostRows, math.MaxInt64-n) + n
	}
	if said == nil || !end.recovered {
		return warnings, nil
	}
	end.Status, end.ExitCode, end.Signal, end.EndReason = said.Status, said.ExitCode, said.Signal, said.EndReason
	if said.Ended > 0 {
		end.Ended = fromMicro(said.Ended)
	}
	return warnings, nil
}
