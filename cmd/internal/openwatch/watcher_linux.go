//go:build amd64 || arm64

package openwatch

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Watcher watches the files that the processes of one program open.
type Watcher struct {
	o        Options
	address  string // of socket, in the abstract namespace
	socket   int
	listener int
	memory   *shared
	alive    *os.File // the guard sees its end
	refused  error
	ended    atomic.Bool
	loop     loop
	mu       sync.Mutex // held while Opened is called
}

// New returns a Watcher, or an error if this system has no filters that report calls. The caller must close it.
func New(o Options) (*Watcher, error) {
	if err := checkKernel(); err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("creating a socket: %w", err)
	}
	w := &Watcher{o: o, address: "runs-opens-" + rand.Text(), socket: fd, listener: -1}
	if err = unix.Bind(fd, &unix.SockaddrUnix{Name: "@" + w.address}); err == nil {
		err = unix.Listen(fd, 8)
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("creating a socket: %w", err)
	}
	return w, nil
}

// checkKernel returns an error if the kernel lacks what the guard needs: to see that no process has the filter any more
// came with Linux 5.9.
func checkKernel() error {
	action := uint32(unix.SECCOMP_RET_USER_NOTIF)
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_GET_ACTION_AVAIL, 0, uintptr(unsafe.Pointer(&action)))
	if errno != 0 {
		return fmt.Errorf("%w (seccomp: %w)", ErrUnsupported, errno)
	}
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return err
	}
	release := unix.ByteSliceToString(name.Release[:])
	if !atLeast(release, 5, 9) {
		return fmt.Errorf("the kernel is %s, and Linux 5.9 or later is required", release)
	}
	return nil
}

// atLeast reports whether the release of a kernel is not older than a version.
func atLeast(release string, major, minor int) bool {
	first, rest, _ := strings.Cut(release, ".")
	end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(rest)
	}
	x, errX := strconv.Atoi(first)
	y, errY := strconv.Atoi(rest[:end])
	return errX == nil && errY == nil && (x > major || x == major && y >= minor)
}

// Wrap returns what to start instead of a program. It becomes the program once it is watched.
func (w *Watcher) Wrap(path string, args []string) (string, []string) {
	return self, append([]string{"runs", role, "begin", w.address, w.o.Variable, path}, args...)
}

const self = "/proc/self/exe"

// meetWithin is how long Began waits for the process to answer.
const meetWithin = 30 * time.Second

// Began waits until the process that Wrap has described has become the program. If it could not, the error is that of
// execve. If it was not possible to watch the program, see Refused.
func (w *Watcher) Began(pid int) error {
	fd, err := w.meet(pid)
	if err != nil {
		w.refused = err
		return nil
	}
	defer func() { _ = unix.Close(fd) }()
	_ = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO,
		&unix.Timeval{Sec: int64(meetWithin / time.Second)})
	w.refused = errors.New("it ended too soon")
	var p [9]byte
	rights := make([]byte, unix.CmsgSpace(4))
	for {
		n, extra, _, _, err := unix.Recvmsg(fd, p[:], rights, unix.MSG_CMSG_CLOEXEC)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if n <= 0 || err != nil { // it has become the program, or was killed
			return nil
		}
		reply := byte(msgGo)
		switch kind, value := unpack(p[:n]); kind {
		case msgProbe:
			if reply = msgFilter; !w.mayRead(pid, uintptr(value)) {
				reply = msgPlain
				w.refused = errors.New("this system does not let a process read the memory of its children")
			}
		case msgFailed:
			w.refused = fmt.Errorf("installing a filter: %w", syscall.Errno(value))
			if syscall.Errno(value) == unix.EBUSY {
				w.refused = errors.New("another program already watches its calls")
			}
		case msgWatched:
			w.refused = w.watch(pid, rights[:extra])
		case msgExec:
			return syscall.Errno(value)
		}
		if err := unix.Sendmsg(fd, pack(reply, 0), nil, nil, unix.MSG_NOSIGNAL); err != nil {
			return nil
		}
	}
}

// meet accepts the connection of the process.
func (w *Watcher) meet(pid int) (int, error) {
	deadline := time.Now().Add(meetWithin)
	for {
		ready := []unix.PollFd{{Fd: int32(w.socket), Events: unix.POLLIN}}
		n, err := unix.Poll(ready, 100)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return -1, err
		}
		if n > 0 {
			fd, _, err := unix.Accept4(w.socket, unix.SOCK_CLOEXEC)
			if err != nil {
				continue
			}
			peer, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
			if err == nil && int(peer.Pid) == pid {
				return fd, nil
			}
			_ = unix.Close(fd)
		}
		if time.Now().After(deadline) || hasEnded(pid) {
			return -1, errors.New("it did not answer")
		}
	}
}

// hasEnded reports whether a child has ended, and leaves its status to whoever waits for it.
func hasEnded(pid int) bool {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	return err != nil || info.Signo != 0
}

func (w *Watcher) mayRead(pid int, at uintptr) bool {
	var got [len(probe)]byte
	n, err := readMemory(pid, at, got[:])
	return err == nil && n == len(got) && got == probe
}

// watch begins to answer the calls that are reported by the descriptor that a message brought.
func (w *Watcher) watch(pid int, rights []byte) error {
	messages, err := unix.ParseSocketControlMessage(rights)
	if err != nil || len(messages) != 1 {
		return errors.New("the filter has no descriptor")
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return errors.New("the filter has no descriptor")
	}
	w.listener = fds[0]
	// The caller is woken on the processor of the program, since Linux 6.6.
	_, _, _ = unix.Syscall(unix.SYS_IOCTL, uintptr(w.listener), unix.SECCOMP_IOCTL_NOTIF_SET_FLAGS,
		unix.SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP)
	if w.memory, err = w.startGuard(); err != nil { // the filter is there, so that the calls must be answered
		w.o.Warn(fmt.Errorf("starting what lets the program open files when runs exec has ended: %w", err))
		w.memory = new(shared)
	}
	w.inherited(pid)
	// A thread that comes back from the kernel must find a free processor of the Go runtime: the program waits for it.
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 2)
	go w.answerAll() // ends with the last process of the program, or with this one
	return nil
}

// startGuard starts the guard. It is in a session of its own, so that it outlives this process and its terminal.
func (w *Watcher) startGuard() (*shared, error) {
	fd, err := unix.MemfdCreate("runs-opens", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), "memory")
	defer func() { _ = file.Close() }()
	if err := unix.Ftruncate(fd, int64(os.Getpagesize())); err != nil {
		return nil, err
	}
	memory, err := mapShared(fd)
	if err != nil {
		return nil, err
	}
	ended, alive, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() { _ = ended.Close() }()
	duplicate, err := unix.FcntlInt(uintptr(w.listener), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		_ = alive.Close()
		return nil, err
	}
	listener := os.NewFile(uintptr(duplicate), "listener")
	defer func() { _ = listener.Close() }()
	cmd := &exec.Cmd{
		Path: self, Args: []string{"runs", role, "guard", w.o.Lost}, Dir: "/", Env: []string{}, Stdin: ended,
		ExtraFiles: []*os.File{listener, file, w.o.Log}, SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	if err := cmd.Start(); err != nil {
		_ = alive.Close()
		return nil, err
	}
	go func() { _ = cmd.Wait() }() // ends with the guard, or with this process
	w.alive = alive
	return memory, nil
}

// Refused returns why the program is not watched, or nil if it is.
func (w *Watcher) Refused() error { return w.refused }

// Outlived reports whether a process of the program is left once the program has ended. It waits for their end for some
// time. Processes of this binary do not count, unless another one is left.
func (w *Watcher) Outlived(wait time.Duration) bool {
	for since := time.Now(); w.watchesAny(); time.Sleep(10 * time.Millisecond) {
		if time.Since(since) > wait {
			return w.isLeft()
		}
	}
	return false
}

// watchesAny reports whether a process has the filter.
func (w *Watcher) watchesAny() bool {
	if w.listener < 0 || w.refused != nil {
		return false
	}
	state := []unix.PollFd{{Fd: int32(w.listener)}}
	_, err := unix.Poll(state, 0)
	return err == nil && state[0].Revents&unix.POLLHUP == 0
}

// isLeft reports whether one of the processes that still have the filter runs another binary, and is not only kept
// until its parent asks for its status. The kernel does not tell which processes have a filter, but how many filters
// each has.
func (w *Watcher) isLeft() bool {
	own, err := os.Stat(self)
	before := filters("/proc/self")
	entries, errDir := os.ReadDir("/proc")
	if err != nil || errDir != nil || before < 0 {
		return true
	}
	for _, entry := range entries {
		dir := "/proc/" + entry.Name()
		if filters(dir) <= before {
			continue
		}
		if exe, err := os.Stat(dir + "/exe"); err != nil || !os.SameFile(exe, own) {
			return true
		}
	}
	return false
}

// filters returns how many filters a process has, or -1 if that is not known or it has ended.
func filters(dir string) int {
	status, err := os.ReadFile(dir + "/status")
	if err != nil {
		return -1
	}
	n := -1
	for line := range strings.Lines(string(status)) {
		key, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		if key == "State" && strings.HasPrefix(value, "Z") {
			return -1
		}
		if count, err := strconv.Atoi(value); key == "Seccomp_filters" && err == nil {
			n = count
		}
	}
	return n
}

// Close ends the calls of Opened. Processes that the program left running are not hindered.
func (w *Watcher) Close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended.Store(true)
	_ = unix.Close(w.socket)
}

// shared is the memory that the Watcher and the guard share. The kernel writes the call that is being answered into it,
// so that the guard knows it in any case.
type shared struct {
	current notification
	count   uint64
}

func mapShared(fd int) (*shared, error) {
	p, err := unix.Mmap(fd, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return nil, err
	}
	return (*shared)(unsafe.Pointer(&p[0])), nil
}

// pending returns the call that the Watcher received last.
func (s *shared) pending() uint64 { return atomic.LoadUint64(&s.current.ID) }

// answered returns how many calls the Watcher has answered.
func (s *shared) answered() uint64 { return atomic.LoadUint64(&s.count) }

// notification is a call that a thread is about to make: struct seccomp_notif of the kernel.
type notification struct {
	ID     uint64
	PID    uint32 // of the thread
	Flags  uint32
	Number uint32
	Arch   uint32
	At     uint64
	Args   [6]uint64
}

// receive waits for the next call.
func (n *notification) receive(listener int) error {
	*n = notification{}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(listener), unix.SECCOMP_IOCTL_NOTIF_RECV,
		uintptr(unsafe.Pointer(n)))
	if errno != 0 {
		return errno
	}
	return nil
}

// answer lets a call go on. It returns ENOENT if the thread does not wait for it any more.
func answer(listener int, id uint64) error {
	response := struct {
		id    uint64
		value int64
		errno int32
		flags uint32
	}{id: id, flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(listener), unix.SECCOMP_IOCTL_NOTIF_SEND,
		uintptr(unsafe.Pointer(&response)))
	if errno != 0 {
		return errno
	}
	return nil
}

// loop is the state of answerAll.
type loop struct {
	path   []byte
	cwd    []byte
	link   []byte
	moved  bool // a process may have another root or other mounts
	mounts string
}

// answerAll answers all calls. After the program has ended, it does so for processes that it left running.
func (w *Watcher) answerAll() {
	runtime.LockOSThread()
	l := &w.loop
	l.path, l.link = make([]byte, 0, 3*maxPath), make([]byte, maxPath)
	l.mounts, _ = os.Readlink("/proc/self/ns/mnt")
	n := &w.memory.current
	for {
		err := n.receive(w.listener)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ENOENT): // the thread was killed, or no process has the filter any more
			ready := []unix.PollFd{{Fd: int32(w.listener), Events: unix.POLLIN}}
			if _, err := unix.Poll(ready, 0); err == nil && ready[0].Revents&unix.POLLHUP != 0 {
				return
			}
			continue
		case err != nil:
			return
		}
		kind, _ := kindOf(n.Arch, n.Number)
		flags, problem := 0, error(nil)
		switch {
		case w.ended.Load():
		case kind == removal:
			w.removes()
		default:
			if kind == rename || kind == renameat {
				w.removes()
			}
			flags, problem = l.look(n, kind)
		}
		err = answer(w.listener, n.ID)
		atomic.AddUint64(&w.memory.count, 1)
		if err == nil { // otherwise the thread may be another one
			w.tell(kind, flags, problem)
		}
	}
}

// What a call opens is not a file, or it is one that this process cannot see.
var (
	errNoFile    = errors.New("it is not a file")
	errOtherRoot = errors.New("a process with another root or other mounts")
)

// look determines what a call opens, and leaves the path in l.path.
func (l *loop) look(n *notification, k kind) (flags int, err error) {
	folder, at := int32(unix.AT_FDCWD), uintptr(0)
	switch k {
	case openat:
		folder, at, flags = int32(n.Args[0]), uintptr(n.Args[1]), int(int32(n.Args[2]))
	case openat2:
		folder, at = int32(n.Args[0]), uintptr(n.Args[1])
		var how [8]byte
		if _, err := readMemory(int(n.PID), uintptr(n.Args[2]), how[:]); err != nil {
			return 0, err
		}
		flags = int(binary.LittleEndian.Uint64(how[:]))
	case open:
		at, flags = uintptr(n.Args[0]), int(int32(n.Args[1]))
	case execve:
		at = uintptr(n.Args[0])
	case execveat:
		folder, at = int32(n.Args[0]), uintptr(n.Args[1])
	case rename: // the new path is written
		at, flags = uintptr(n.Args[1]), unix.O_WRONLY
	case renameat:
		folder, at, flags = int32(n.Args[2]), uintptr(n.Args[3]), unix.O_WRONLY
	case creat:
		at, flags = uintptr(n.Args[0]), unix.O_CREAT|unix.O_WRONLY|unix.O_TRUNC
	case clone, moved:
		l.moved = true
		return 0, nil
	default:
		return 0, nil
	}
	if flags&unix.O_PATH != 0 || flags&unix.O_DIRECTORY != 0 && ofGit(n.PID) {
		return flags, errNoFile
	}
	if l.moved && !l.sameRoot(n.PID) {
		return flags, errOtherRoot
	}
	path, err := readText(int(n.PID), at, l.path[2*maxPath:3*maxPath])
	if err != nil {
		return flags, err
	}
	l.path = l.path[:0]
	if len(path) == 0 {
		return flags, errNoFile
	}
	if path[0] != '/' {
		size, err := l.folder(n.PID, folder)
		if err != nil {
			return flags, err
		}
		l.path = append(append(l.path, l.link[:size]...), '/')
	}
	l.path = append(l.path, path...)
	return flags, nil
}

// folder leaves the path of a folder of a thread in l.link, and returns its length.
func (l *loop) folder(thread uint32, folder int32) (int, error) {
	l.cwd = strconv.AppendUint(append(l.cwd[:0], "/proc/"...), uint64(thread), 10)
	if folder == unix.AT_FDCWD {
		l.cwd = append(l.cwd, "/cwd\x00"...)
	} else {
		l.cwd = append(strconv.AppendInt(append(l.cwd, "/fd/"...), int64(folder), 10), 0)
	}
	here := unix.AT_FDCWD
	size, _, errno := unix.Syscall6(unix.SYS_READLINKAT, uintptr(here), uintptr(unsafe.Pointer(&l.cwd[0])),
		uintptr(unsafe.Pointer(&l.link[0])), uintptr(len(l.link)), 0, 0)
	switch {
	case errno != 0:
		return 0, errno
	case size == 0 || l.link[0] != '/':
		return 0, errNoFile
	}
	return int(size), nil
}

// sameRoot reports whether a thread has the root and the mounts of this process.
func (l *loop) sameRoot(thread uint32) bool {
	dir := "/proc/" + strconv.Itoa(int(thread))
	mounts, err := os.Readlink(dir + "/ns/mnt")
	if err != nil || mounts != l.mounts {
		return false
	}
	own, err := os.Readlink("/proc/self/root")
	if err != nil {
		return false
	}
	root, err := os.Readlink(dir + "/root")
	return err == nil && root == own
}

// removes reports a call that may remove files, before it goes on.
func (w *Watcher) removes() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.ended.Load() && w.o.Removing != nil {
		w.o.Removing()
	}
}

// tell reports a call that is going on.
func (w *Watcher) tell(k kind, flags int, problem error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.ended.Load() || k == clone || k == moved || k == removal:
	case k == ring:
		w.o.Missed("io_uring")
	case errors.Is(problem, errNoFile) || errors.Is(problem, unix.EFAULT) || errors.Is(problem, unix.ENOENT) ||
		errors.Is(problem, unix.EBADF): // such calls fail
	case errors.Is(problem, errOtherRoot):
		w.o.Missed(problem.Error())
	case problem != nil:
		w.o.Missed("a process whose memory cannot be read")
	case k == execve || k == execveat:
		if w.o.Ran != nil {
			w.o.Ran(w.loop.path)
		}
	default:
		w.o.Opened(Open{w.loop.path, flags})
	}
}

// inherited reports the files that the program has open from the start.
func (w *Watcher) inherited(pid int) {
	dir := fmt.Sprintf("/proc/%d", pid)
	entries, err := os.ReadDir(dir + "/fd")
	if err != nil {
		return
	}
	for _, entry := range entries {
		path, err := os.Readlink(dir + "/fd/" + entry.Name())
		if err != nil || path[0] != '/' {
			continue
		}
		var st unix.Stat_t
		if err := unix.Stat(path, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
			continue
		}
		info, err := os.ReadFile(dir + "/fdinfo/" + entry.Name())
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(info)) {
			if text, ok := strings.CutPrefix(line, "flags:"); ok {
				flags, err := strconv.ParseInt(strings.TrimSpace(text), 8, 64)
				if err == nil && flags&unix.O_CLOEXEC == 0 {
					w.o.Opened(Open{[]byte(path), int(flags) &^ (unix.O_CREAT | unix.O_TRUNC)})
				}
			}
		}
	}
}

const maxPath = 4096

// readText reads a text from the memory of a thread up to its zero byte, into buf.
func readText(thread int, at uintptr, buf []byte) ([]byte, error) {
	page := uintptr(os.Getpagesize())
	size := 0
	for size < len(buf) {
		rest := min(page-(at+uintptr(size))%page, uintptr(len(buf)-size))
		n, err := readMemory(thread, at+uintptr(size), buf[size:size+int(rest)])
		if err != nil {
			return nil, err
		}
		for i, b := range buf[size : size+n] {
			if b == 0 {
				return buf[:size+i], nil
			}
		}
		size += n
		if n == 0 {
			break
		}
	}
	return nil, unix.EFAULT // longer than a path may be
}

// readMemory reads from the memory of a process.
func readMemory(pid int, at uintptr, buf []byte) (int, error) {
	local := []unix.Iovec{{Base: &buf[0]}}
	local[0].SetLen(len(buf))
	return unix.ProcessVMReadv(pid, local, []unix.RemoteIovec{{Base: at, Len: len(buf)}}, 0)
}
