package gittest

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// SlowCommit is a `git commit` of the user that has read HEAD and the index and not yet taken the lock of the index.
type SlowCommit struct {
	t     testing.TB
	cmd   *exec.Cmd
	pipe  *os.File
	lines *bufio.Reader
	out   strings.Builder
}

// StartSlowCommit starts `git commit` and stops it between its reading of the index and its lock. For that, Git traces
// to a pipe that has room for one line: so it waits before each line until the one before it was read. If this version
// of Git traces nothing there, the test is skipped.
func (r *Repository) StartSlowCommit(message string) *SlowCommit {
	r.t.Helper()
	s := &SlowCommit{t: r.t}
	path := filepath.Join(r.Base, "trace")
	err := unix.Mkfifo(path, 0o600)
	if err == nil { // opened for both, so that neither end waits for the other
		s.pipe, err = os.OpenFile(path, os.O_RDWR, 0)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		_ = s.pipe.Close()
		_ = os.Remove(path)
	})
	room, err := unix.FcntlInt(s.pipe.Fd(), unix.F_SETPIPE_SZ, os.Getpagesize())
	if err != nil {
		r.t.Skipf("the size of a pipe cannot be set: %v", err)
	}
	s.lines = bufio.NewReaderSize(s.pipe, 2*room)
	s.cmd = exec.Command("git", "commit", "-q", "-m", message)
	s.cmd.Dir = r.Dir
	// The id of the session is in every line, which makes a line longer than half of the pipe.
	s.cmd.Env = append(os.Environ(), "GIT_TRACE2_EVENT="+path, "GIT_TRACE2_PARENT_SID="+strings.Repeat("x", room*5/8))
	s.cmd.Stdout, s.cmd.Stderr = &s.out, &s.out
	if err := s.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	for {
		line, err := s.lines.ReadString('\n')
		if err != nil {
			r.t.Fatal(err)
		}
		// The next line is of the number of entries, and Git waits before the one after it.
		if strings.Contains(line, `"key":"read/version"`) {
			return s
		}
		if strings.Contains(line, `"event":"exit"`) {
			_ = s.cmd.Wait()
			r.t.Skipf("git commit reads no index that it traces: %s", s.out.String())
		}
	}
}

// Finish lets the commit go on and returns what it printed, and how it ended.
func (s *SlowCommit) Finish() (string, error) {
	go func() {
		for {
			if _, err := s.lines.ReadString('\n'); err != nil {
				return // the pipe is closed
			}
		}
	}()
	err := s.cmd.Wait()
	return s.out.String(), err
}
