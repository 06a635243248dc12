// Package fault runs a program of which one system call fails, for tests. A filter in the kernel stops the program at
// the calls that change or open files, so that all others run at full speed. Nothing but tests may import it. Start
// reading at Run.
package fault

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Call is one call that the program made on a file of the folder.
type Call struct {
	Name string // openat, write, ...
	Path string // as the program gave it, or of the file that is open
}

func (c Call) String() string { return c.Name + " " + c.Path }

// Request describes a run of a program.
type Request struct {
	Args   []string // Args[0] is the path of the program
	Dir    string
	Env    []string
	Within string        // only calls on files in this folder count
	Fail   int           // which of these calls fails, from 1; 0 is none
	Lasts  bool          // all later calls of that name on that file fail too
	Errno  syscall.Errno // how it fails; 0 kills the program before the call
	Output *bytes.Buffer

	Children bool // calls of the programs that it starts, such as git, count too
}

// Result is what happened.
type Result struct {
	ExitCode int
	Calls    []Call
	Failed   *Call // nil if the program ended before

	// Refused are the calls that Windows would refuse: that sync a file which is open for reading only, and that remove
	// or rename a file or folder which the program has open.
	Refused []Call
}

// roleVariable makes a test binary the program that installs the filter and then becomes the program under test.
const roleVariable = "FAULT_EXEC"

// Main must be called first by a test binary that uses Run. In the role of the filtered program it returns only if it
// cannot become that program: the binary must then end.
func Main() error {
	if os.Getenv(roleVariable) == "" {
		return nil
	}
	runtime.LockOSThread()
	return fmt.Errorf("becoming the program under test: %w", becomeFiltered())
}

func becomeFiltered() error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // the number of the call
	}
	for n := range names {
		filter = append(
			filter, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: uint32(n), Jt: 0, Jf: 1},
			unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_TRACE},
		)
	}
	filter = append(filter, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW})
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0)
	if err != nil {
		return fmt.Errorf("installing the filter: %w", err)
	}
	runtime.KeepAlive(filter)
	env := []string{}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, roleVariable+"=") {
			env = append(env, v)
		}
	}
	return syscall.Exec(os.Args[1], os.Args[1:], env)
}

// names are the calls that count, by their number. The value says where the path or the descriptor is.
var names = map[uint64]struct {
	name       string
	path       int // index of the argument that is a path; -1 is none
	descriptor int // index of the argument that is a descriptor; -1 is none
}{
	unix.SYS_OPENAT: {"openat", 1, 0}, unix.SYS_OPEN: {"open", 0, -1},
	unix.SYS_WRITE: {"write", -1, 0}, unix.SYS_PWRITE64: {"write", -1, 0}, unix.SYS_COPY_FILE_RANGE: {"write", -1, 2},
	unix.SYS_FSYNC: {"fsync", -1, 0}, unix.SYS_FDATASYNC: {"fsync", -1, 0}, unix.SYS_FTRUNCATE: {"truncate", -1, 0},
	unix.SYS_RENAMEAT: {"rename", 1, 0}, unix.SYS_RENAMEAT2: {"rename", 1, 0}, unix.SYS_RENAME: {"rename", 0, -1},
	unix.SYS_LINKAT: {"link", 3, 2}, unix.SYS_LINK: {"link", 1, -1},
	unix.SYS_UNLINKAT: {"unlink", 1, 0}, unix.SYS_UNLINK: {"unlink", 0, -1}, unix.SYS_RMDIR: {"unlink", 0, -1},
	unix.SYS_MKDIRAT: {"mkdir", 1, 0}, unix.SYS_MKDIR: {"mkdir", 0, -1},
	unix.SYS_FLOCK: {"flock", -1, 0}, unix.SYS_UTIMENSAT: {"utimens", 1, 0}, unix.SYS_GETDENTS64: {"getdents", -1, 0},
}

// ErrNotAllowed says that this system does not let a process trace another one.
var ErrNotAllowed = errors.New("this system does not allow tracing")

// Run runs the program and makes one call fail.
func Run(q Request) (Result, error) {
	type outcome struct {
		res Result
		err error
	}
	done := make(chan outcome)
	go func() { // all calls to ptrace must come from one thread, which then is of no further use
		runtime.LockOSThread()
		res, err := trace(q)
		done <- outcome{res, err}
	}()
	o := <-done
	return o.res, o.err
}

func trace(q Request) (Result, error) {
	self, err := os.Executable()
	if err != nil {
		return Result{}, err
	}
	cmd := &exec.Cmd{
		Path: self, Args: append([]string{self}, q.Args...), Dir: q.Dir, Env: append(q.Env, roleVariable+"=1"),
		SysProcAttr: &syscall.SysProcAttr{Ptrace: true, Pdeathsig: syscall.SIGKILL},
	}
	out, err := os.CreateTemp("", "fault-")
	if err != nil {
		return Result{}, err
	}
	defer func() { _, _ = out.Close(), os.Remove(out.Name()) }()
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		return Result{}, fmt.Errorf("%w: %w", ErrNotAllowed, err)
	}
	pid := cmd.Process.Pid
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(pid, &status, 0, nil); err != nil || !status.Stopped() {
		return Result{}, fmt.Errorf("%w: %v, %v", ErrNotAllowed, status, err)
	}
	options := unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK | unix.PTRACE_O_TRACEEXEC |
		unix.PTRACE_O_TRACESECCOMP | unix.PTRACE_O_EXITKILL
	if err := unix.PtraceSetOptions(pid, options); err != nil {
		_ = cmd.Process.Kill()
		return Result{}, fmt.Errorf("%w: %w", ErrNotAllowed, err)
	}
	t := tracer{q: q, pid: pid, process: map[int]int{}}
	code, err := t.loop()
	_ = cmd.Process.Release()
	if err != nil {
		_ = syscall.Kill(pid, syscall.SIGKILL)
		return t.res, err
	}
	t.res.ExitCode = code
	if q.Output != nil {
		if text, err := os.ReadFile(out.Name()); err == nil {
			q.Output.Write(text)
		}
	}
	return t.res, nil
}

type tracer struct {
	q   Request
	pid int
	res Result

	process map[int]int // the process of a thread
}

// loop handles the stops of all threads until the program ends.
func (t *tracer) loop() (code int, err error) {
	if err := unix.PtraceCont(t.pid, 0); err != nil {
		return 0, err
	}
	for {
		var status syscall.WaitStatus
		thread, err := syscall.Wait4(-1, &status, unix.WALL|unix.WNOTHREAD, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("waiting for the program: %w", err)
		}
		switch {
		case status.Exited() && thread == t.pid:
			return status.ExitStatus(), nil
		case status.Signaled() && thread == t.pid:
			return 128 + int(status.Signal()), nil
		case !status.Stopped():
			continue
		}
		deliver := 0
		switch {
		case status.StopSignal() != syscall.SIGTRAP:
			if deliver = int(status.StopSignal()); deliver == int(syscall.SIGSTOP) {
				deliver = 0 // how a new thread begins
			}
		case status.TrapCause() == unix.PTRACE_EVENT_SECCOMP:
			if err := t.call(thread); err != nil && !errors.Is(err, syscall.ESRCH) {
				return 0, err
			}
		}
		if err := unix.PtraceCont(thread, deliver); err != nil && !errors.Is(err, syscall.ESRCH) {
			return 0, err
		}
	}
}

// call looks at a call that is about to be made, and makes it fail if it is the one.
func (t *tracer) call(thread int) error {
	var regs unix.PtraceRegs
	if err := unix.PtraceGetRegs(thread, &regs); err != nil {
		return err
	}
	kind, ok := names[regs.Orig_rax]
	if !ok {
		return nil
	}
	args := [...]uint64{regs.Rdi, regs.Rsi, regs.Rdx, regs.R10, regs.R8, regs.R9}
	if t.processOf(thread) != t.pid && !t.q.Children {
		return nil
	}
	path := ""
	if kind.path >= 0 {
		path = text(thread, uintptr(args[kind.path]))
	}
	if !filepath.IsAbs(path) {
		base := fmt.Sprintf("/proc/%d/cwd", thread)
		if kind.descriptor >= 0 && int32(args[kind.descriptor]) >= 0 {
			base = fmt.Sprintf("/proc/%d/fd/%d", thread, int32(args[kind.descriptor]))
		}
		at, err := os.Readlink(base)
		if err != nil {
			return nil
		}
		path = filepath.Join(at, path)
	}
	rel, err := filepath.Rel(t.q.Within, path)
	if err != nil || rel == ".." || strings.HasPrefix(rel, "../") {
		return nil
	}
	call := Call{kind.name, rel}
	t.res.Calls = append(t.res.Calls, call)
	if refusedByWindows(thread, call.Name, path, int32(args[max(kind.descriptor, 0)])) {
		t.res.Refused = append(t.res.Refused, call)
	}
	again := t.q.Lasts && t.res.Failed != nil && *t.res.Failed == call
	if len(t.res.Calls) != t.q.Fail && !again {
		return nil
	}
	t.res.Failed = &call
	if t.q.Errno == 0 {
		return syscall.Kill(t.pid, syscall.SIGKILL)
	}
	regs.Orig_rax, regs.Rax = ^uint64(0), uint64(-int64(t.q.Errno))
	return unix.PtraceSetRegs(thread, &regs)
}

// refusedByWindows reports whether a call on a path, or on a descriptor, would fail on Windows.
func refusedByWindows(thread int, name, path string, descriptor int32) bool {
	switch name {
	case "fsync":
		info, err := os.Stat(path)
		data, infoErr := os.ReadFile(fmt.Sprintf("/proc/%d/fdinfo/%d", thread, descriptor))
		_, flags, ok := strings.Cut(string(data), "flags:")
		flags, _, _ = strings.Cut(strings.TrimSpace(flags), "\n")
		mode, modeErr := strconv.ParseUint(flags, 8, 32)
		return ok && errors.Join(err, infoErr, modeErr) == nil && !info.IsDir() && mode&unix.O_ACCMODE == unix.O_RDONLY
	case "unlink", "rename":
		folder := fmt.Sprintf("/proc/%d/fd", thread)
		entries, _ := os.ReadDir(folder)
		for _, e := range entries {
			open, err := os.Readlink(filepath.Join(folder, e.Name()))
			if err == nil && (open == path || strings.HasPrefix(open, path+"/")) {
				return true
			}
		}
	}
	return false
}

// processOf returns the process that a thread belongs to.
func (t *tracer) processOf(thread int) int {
	if pid, ok := t.process[thread]; ok {
		return pid
	}
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", thread))
	if err != nil {
		return 0
	}
	pid := 0
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "Tgid:"); ok {
			pid, _ = strconv.Atoi(strings.TrimSpace(rest))
		}
	}
	t.process[thread] = pid
	return pid
}

// text reads a text from the memory of the program, up to its zero byte.
func text(thread int, at uintptr) string {
	var all []byte
	for len(all) < 4096 {
		buf := make([]byte, 256)
		n, _ := unix.PtracePeekData(thread, at+uintptr(len(all)), buf) // the next page may not exist
		if n == 0 {
			break
		}
		if i := bytes.IndexByte(buf[:n], 0); i >= 0 {
			return string(append(all, buf[:i]...))
		}
		all = append(all, buf[:n]...)
	}
	return string(all)
}
