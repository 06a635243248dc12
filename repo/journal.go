package repo

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/lock"
	"github.com/gitruns/runs/repo/regular"
)

// Journal is an open journal of a run in progress. It is for one goroutine.
type Journal struct {
	f   *os.File
	run *Active
	buf []byte
}

// maxShared is the maximum number of journals that command-line calls share. If all are in use, OpenShared returns an
// error.
const maxShared = 256

// OpenJournal opens a journal that only this process writes to.
func (a *Active) OpenJournal() (*Journal, error) { return a.openOwn(journalPrefix) }

// OpenSystemJournal opens a journal for machine samples, which are kept apart from the metrics.
func (a *Active) OpenSystemJournal() (*Journal, error) { return a.openOwn(systemPrefix) }

func (a *Active) openOwn(prefix string) (*Journal, error) {
	name := fmt.Sprintf("%s%s-%d-%s.jsonl", prefix, thisHost(), os.Getpid(), format.RandomLetters(4))
	j, err := a.openJournal(name, os.O_EXCL)
	if err != nil {
		return nil, fmt.Errorf("opening a journal of run %s: %w", a.ID, err)
	}
	return j, nil
}

// OpenShared opens the first free journal that command-line calls on this machine share, so that 100,000 calls leave
// only a few files.
func (a *Active) OpenShared() (*Journal, error) {
	for n := 0; n < maxShared; n++ {
		j, err := a.openJournal(fmt.Sprintf("%s%s-cli%d.jsonl", journalPrefix, thisHost(), n), 0)
		if errors.Is(err, errTaken) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("opening a journal of run %s: %w", a.ID, err)
		}
		return j, nil
	}
	return nil, fmt.Errorf(
		"opening a journal of run %s: all %d are in use; repeat the command",
		a.ID,
		maxShared,
	)
}

// AppendShared appends lines to a journal that command-line calls share. Lines without a time get the current time. If
// a finish would set a line aside because it is not valid, AppendShared returns an error and appends nothing.
func (a *Active) AppendShared(lines ...*format.Line) error {
	for _, l := range lines {
		if err := format.CheckLine(l); err != nil {
			return fmt.Errorf("recording in run %s: %w", a.ID, err)
		}
	}
	j, err := a.OpenShared()
	if err != nil {
		return err
	}
	err = j.AppendNow(lines...)
	return errors.Join(err, j.Close())
}

var errTaken = errors.New("the journal is in use")

// openJournal opens and locks a journal. It makes sure that a finish will still read it: the run is not finished, and
// the locked file still has its name.
func (a *Active) openJournal(name string, flags int) (*Journal, error) {
	path := filepath.Join(a.Dir, name)
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() { // a link could lead out of the run
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	f, err := regular.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE|flags, 0o666)
	if errors.Is(err, fs.ErrNotExist) {
		if err := a.check(); err != nil {
			return nil, err
		}
	}
	if err != nil {
		return nil, err
	}
	locked, err := lock.Try(f)
	if err == nil && !locked {
		err = errTaken
	}
	if err == nil {
		err = a.check()
	}
	if err == nil && !lock.Linked(f) {
		err = errTaken
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return &Journal{f: f, run: a}, nil
}

// AppendNow is like Append, but first sets the current time in lines without a time.
func (j *Journal) AppendNow(lines ...*format.Line) error {
	for _, l := range lines {
		if l.Time == 0 {
			l.Time = time.Now().UnixMicro()
		}
	}
	return j.Append(lines...)
}

// Append writes the lines with one write call. When it returns nil, they survive the death of this process. If the
// disk is full, it leaves no part of them in the file.
func (j *Journal) Append(lines ...*format.Line) error {
	j.buf = j.buf[:0]
	size, err := j.f.Seek(0, io.SeekEnd)
	if err == nil && size > 0 {
		var last [1]byte
		if _, err = j.f.ReadAt(last[:], size-1); err == nil && last[0] != '\n' {
			j.buf = append(j.buf, '\n') // a writer died in the middle of a line
		}
	}
	if err != nil {
		return fmt.Errorf("recording in run %s: %w", j.run.ID, err)
	}
	for _, l := range lines {
		j.buf = format.AppendLine(j.buf, l)
	}
	if _, err := j.f.Write(j.buf); err != nil {
		_ = j.f.Truncate(size)
		err = fmt.Errorf("recording in run %s: %w", j.run.ID, err)
		if errors.Is(err, syscall.ENOSPC) {
			err = withHint(err, "free some space and repeat; what was recorded before is kept")
		}
		return err
	}
	return nil
}

// Close ends the journal, so that a finish need not wait for it.
func (j *Journal) Close() error {
	if strings.Contains(filepath.Base(j.f.Name()), "-cli") {
		return j.f.Close()
	}
	err := j.Append(&format.Line{Time: now().UnixMicro(), Event: format.EventEnd})
	if closeErr := j.f.Close(); err == nil {
		err = closeErr
	}
	return err
}

// journalFile is a journal as a finish or a reader finds it.
type journalFile struct {
	name, path string
	size       int64
	first      int64 // time of its first valid line, in µs; orders the journals
}

// writer returns the host and the process id in the journal's name: journal-<host>-<pid>-<letters>.jsonl. pid is 0 for
// journals that many processes share and for names that do not say.
func (f journalFile) writer() (host string, pid int) {
	parts := strings.Split(strings.TrimSuffix(f.name, ".jsonl"), "-")
	if len(parts) < 3 {
		return "", 0
	}
	pid, err := strconv.Atoi(parts[2])
	if err != nil || pid < 0 {
		pid = 0
	}
	return parts[1], pid
}

// shared reports whether the journal is one that command-line calls of a machine share.
func (f journalFile) shared() bool {
	_, rest, _ := strings.Cut(strings.TrimPrefix(f.name, journalPrefix), "-")
	return strings.HasPrefix(rest, "cli")
}

// namedAsJournal reports whether name, in the folder of a run, is that of a journal for metrics or for machine
// samples.
func namedAsJournal(name string) bool {
	return strings.HasPrefix(name, journalPrefix) || strings.HasPrefix(name, systemPrefix)
}

// isJournal reports whether an entry of a run's folder is read as a journal.
func isJournal(entry fs.DirEntry) bool {
	return namedAsJournal(entry.Name()) && strings.HasSuffix(entry.Name(), ".jsonl") && entry.Type().IsRegular()
}

func (a *Active) journals(prefix string) ([]journalFile, error) {
	entries, err := os.ReadDir(a.Dir)
	if err != nil {
		return nil, err
	}
	var files []journalFile
	for _, entry := range entries {
		name := entry.Name()
		if !strings.HasPrefix(name, prefix) || !isJournal(entry) {
			continue
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		files = append(files, journalFile{name: name, path: filepath.Join(a.Dir, name), size: info.Size()})
	}
	return files, nil
}
