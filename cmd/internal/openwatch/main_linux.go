//go:build amd64 || arm64

package openwatch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Main is the program's beginning or the guard, if the arguments are those that a Watcher has made. It must be called
// before anything else. ours reports whether they are, and status is then the exit status.
func Main(args []string) (status int, ours bool) {
	switch {
	case len(args) == 3 && args[0] == role && args[1] == "guard":
		guard(args[2])
		return 0, true
	case len(args) > 5 && args[0] == role && args[1] == "begin":
		runtime.LockOSThread()
		return begin(args[2], args[3], args[4], args[5:]), true
	}
	return 0, false
}

// probe is read from the memory of the program's beginning, to see whether that is allowed.
var probe = [8]byte{'r', 'e', 'a', 'd', 'a', 'b', 'l', 'e'}

// Messages between the program's beginning and the Watcher are one byte and a number.
const (
	msgProbe   = 'P' // where the probe is
	msgFilter  = 'F' // install the filter
	msgPlain   = 'N' // do not
	msgWatched = 'W' // the filter is installed; its descriptor comes with the message
	msgFailed  = 'E' // it could not be installed, with the error
	msgGo      = 'G' // become the program
	msgExec    = 'X' // that failed, with the error
)

func pack(kind byte, n uint64) []byte { return binary.LittleEndian.AppendUint64([]byte{kind}, n) }

func unpack(p []byte) (kind byte, n uint64) {
	if len(p) != 9 {
		return 0, 0
	}
	return p[0], binary.LittleEndian.Uint64(p[1:])
}

// begin installs the filter, if the Watcher at the address wants it, and becomes the program, which then gets the
// variable. It returns if it cannot.
func begin(address, variable, path string, args []string) int {
	const cannotRun = 126
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = unix.Connect(fd, &unix.SockaddrUnix{Name: "@" + address})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "runs: starting the program: reaching runs exec:", err)
		return cannotRun
	}
	ask := func(p []byte, rights []byte) byte {
		if err := unix.Sendmsg(fd, p, rights, nil, unix.MSG_NOSIGNAL); err != nil {
			return 0
		}
		return receive(fd)
	}
	env := os.Environ()
	answer := ask(pack(msgProbe, uint64(uintptr(unsafe.Pointer(&probe)))), nil)
	if answer == msgFilter {
		listener, err := install()
		if err != nil {
			answer = ask(pack(msgFailed, errnoOf(err)), nil)
		} else {
			answer = ask(pack(msgWatched, 0), unix.UnixRights(listener))
			if variable != "" {
				env = append(env, variable)
			}
		}
	} else if answer == msgPlain {
		answer = msgGo
	}
	if answer != msgGo { // runs was killed
		return cannotRun
	}
	err = syscall.Exec(path, args, env)
	_ = unix.Sendmsg(fd, pack(msgExec, errnoOf(err)), nil, nil, unix.MSG_NOSIGNAL)
	return cannotRun
}

// receive returns the kind of the next message, or 0 if there is none.
func receive(fd int) byte {
	var p [9]byte
	for {
		n, err := unix.Read(fd, p[:])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return 0
		}
		kind, _ := unpack(p[:n])
		return kind
	}
}

func errnoOf(err error) uint64 {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return uint64(errno)
	}
	return uint64(unix.EIO)
}

// install installs the filter in this thread, and returns the descriptor from which its reports are read. It gives up
// the right to gain privileges only if this process has none.
func install() (int, error) {
	code := filter()
	program := unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
	set := func(flags uintptr) (int, error) {
		fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags,
			uintptr(unsafe.Pointer(&program)))
		if errno != 0 {
			return -1, errno
		}
		return int(fd), nil
	}
	const flags = unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW
	best := uintptr(flags | unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV)
	fd, err := set(best)
	if errors.Is(err, unix.EINVAL) { // before Linux 5.19
		best = flags
		fd, err = set(best)
	}
	if errors.Is(err, unix.EACCES) {
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return -1, err
		}
		fd, err = set(best)
	}
	runtime.KeepAlive(code)
	return fd, err
}

// Descriptors of the guard. Standard input ends with the Watcher.
const (
	guardListener = 3
	guardMemory   = 4
	guardLog      = 5
)

// guardPeriod is how often the guard looks whether calls are answered. A call that waits for twice as long at most is
// answered by the guard. It is long enough for a Watcher on a busy machine, and short enough for a person who waits.
const guardPeriod = 500 * time.Millisecond

// guard answers calls if the Watcher does not: it is stopped, was killed, or has ended. It ends with the last process
// that has the filter.
func guard(lost string) {
	memory, err := mapShared(guardMemory)
	if err != nil {
		return
	}
	fds := []unix.PollFd{{Fd: guardListener}, {Fd: 0}}
	var own notification
	var alone bool   // the Watcher has ended
	var waiting bool // a call waited at the last look
	var until time.Time
	answered := uint64(0) // by the Watcher, at the last look
	instead := func(id uint64) {
		if answer(guardListener, id) == nil && lost != "" {
			_, _ = unix.Write(guardLog, []byte(lost+"\x00"))
			lost = ""
		}
	}
	for {
		takesOver := alone || time.Now().Before(until)
		fds[0].Events, fds[1].Events = 0, unix.POLLIN
		if takesOver {
			fds[0].Events = unix.POLLIN
		}
		if alone {
			fds[1].Fd = -1
		}
		n, err := unix.Poll(fds, int(guardPeriod/time.Millisecond))
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil || fds[0].Revents&(unix.POLLHUP|unix.POLLERR|unix.POLLNVAL) != 0:
			return
		case !alone && n > 0 && fds[1].Revents != 0:
			alone = true
			instead(memory.pending()) // for the Watcher, which was about to answer it
		case !alone && memory.answered() != answered:
			answered, until, waiting = memory.answered(), time.Time{}, false
		case takesOver && fds[0].Revents&unix.POLLIN != 0:
			if own.receive(guardListener) == nil {
				instead(own.ID)
			}
		case !takesOver && !waits(guardListener):
			waiting = false
		case !takesOver && waiting:
			instead(memory.pending())
			until, waiting = time.Now().Add(5*guardPeriod), false
		default:
			waiting = !takesOver
		}
	}
}

// waits reports whether a call has not been answered.
func waits(listener int) bool {
	ready := []unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN | unix.POLLOUT}}
	n, err := unix.Poll(ready, 0)
	return n > 0 && err == nil && ready[0].Revents&(unix.POLLIN|unix.POLLOUT) != 0
}
