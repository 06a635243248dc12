//go:build amd64 || arm64

package openwatch

import "golang.org/x/sys/unix"

// kind is what a call does, and where its arguments are.
type kind uint8

const (
	openat   kind = iota // folder, path, flags
	open                 // path, flags
	openat2              // folder, path, pointer to the flags
	creat                // path
	execve               // path
	execveat             // folder, path
	removal              // removes a file
	rename               // path, new path
	renameat             // folder, path, new folder, new path
	ring                 // sets up a queue of calls that are not reported
	clone                // flags; makes a process, perhaps with mounts of its own
	moved                // changes the root or the mounts of the process
)

// IsFolder reports whether only a folder can be opened so.
func (o Open) IsFolder() bool { return o.Flags&unix.O_DIRECTORY != 0 }

type call struct {
	number uint32
	kind   kind
}

type table struct {
	arch  uint32
	calls []call
}

// kindOf returns what a reported call does.
func kindOf(arch, number uint32) (kind, bool) {
	for _, t := range tables {
		if t.arch != arch {
			continue
		}
		for _, c := range t.calls {
			if c.number == number {
				return c.kind, true
			}
		}
	}
	return 0, false
}

// Offsets in what a filter sees of a call.
const (
	atNumber = 0
	atArch   = 4
	atArgs   = 16 // of 8 bytes each, the lower half first
)

// filter returns the program that selects the calls to report. What is opened by name only is not reported.
func filter() []unix.SockFilter {
	load := func(at uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: at}
	}
	ret := func(action uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: action}
	}
	equal := func(k uint32, then, otherwise uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: k, Jt: then, Jf: otherwise}
	}
	anyBit := func(k uint32, then, otherwise uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, K: k, Jt: then, Jf: otherwise}
	}
	report, allow := ret(unix.SECCOMP_RET_USER_NOTIF), ret(unix.SECCOMP_RET_ALLOW)
	var all []unix.SockFilter
	for _, t := range tables {
		block := []unix.SockFilter{load(atNumber)}
		for _, c := range t.calls {
			var then []unix.SockFilter
			switch c.kind {
			case openat:
				then = []unix.SockFilter{load(atArgs + 2*8), anyBit(unix.O_PATH, 1, 0), report, allow}
			case open:
				then = []unix.SockFilter{load(atArgs + 8), anyBit(unix.O_PATH, 1, 0), report, allow}
			case clone:
				then = []unix.SockFilter{load(atArgs), anyBit(unix.CLONE_NEWNS, 0, 1), report, allow}
			default:
				then = []unix.SockFilter{report}
			}
			block = append(append(block, equal(c.number, 0, uint8(len(then)))), then...)
		}
		block = append(block, allow)
		all = append(append(all, load(atArch), equal(t.arch, 0, uint8(len(block)))), block...)
	}
	return append(all, allow)
}
