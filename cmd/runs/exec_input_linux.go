package main

import (
	"encoding/binary"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// pipeWatch sees whether pipes are read. The kernel tells of each that something was read from.
type pipeWatch struct {
	fd    int // of inotify; -1 if there is nothing to watch
	stdin int // the watch of standard input
}

// watchPipes watches standard input and the arguments, if they are pipes.
func watchPipes(dir string, args []string) *pipeWatch {
	w := &pipeWatch{fd: -1, stdin: -1}
	if info, err := os.Stdin.Stat(); err == nil && info.Mode()&(os.ModeNamedPipe|os.ModeSocket) != 0 {
		w.stdin = w.add("/proc/self/fd/0")
	}
	for _, arg := range args {
		if !filepath.IsAbs(arg) {
			arg = filepath.Join(dir, arg)
		}
		if info, err := os.Stat(arg); err == nil && info.Mode()&os.ModeNamedPipe != 0 {
			w.add(arg)
		}
	}
	return w
}

// add watches a path, and returns the number of the watch, or -1.
func (w *pipeWatch) add(path string) int {
	var err error
	if w.fd < 0 {
		if w.fd, err = unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK); err != nil {
			w.fd = -1
			return -1
		}
	}
	n, err := unix.InotifyAddWatch(w.fd, path, unix.IN_ACCESS)
	if err != nil {
		return -1
	}
	return n
}

// end reports which pipes were read.
func (w *pipeWatch) end() (stdin, other bool) {
	if w.fd < 0 {
		return false, false
	}
	defer func() { _ = unix.Close(w.fd) }()
	buf := make([]byte, 64<<10)
	n, err := unix.Read(w.fd, buf)
	if err != nil {
		return false, false
	}
	for at := 0; at+unix.SizeofInotifyEvent <= n; {
		if int(int32(binary.NativeEndian.Uint32(buf[at:]))) == w.stdin {
			stdin = true
		} else {
			other = true
		}
		at += unix.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(buf[at+12:]))
	}
	return stdin, other
}
