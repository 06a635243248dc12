// Package openwatch watches which files the processes of a program open, on Linux. A filter in the kernel (seccomp)
// reports the calls that open or remove files or start programs to this process, which reads the path from the memory
// of the caller and lets the call go on. All other calls run at full speed. No process is traced with ptrace:
// debuggers, signals, job control and exit statuses work as without the filter.
//
// Three processes take part. The program is started as this binary, which installs the filter and then becomes the
// program. The process that called New answers the kernel. The guard, a third process, answers instead if that one is
// stopped, killed or has ended: without an answer, the calls of the program would wait or fail.
//
// It knows nothing of runs: the caller decides what to do with the paths. Start reading at Watcher.
package openwatch

import (
	"errors"
	"os"
)

// Open is a call that opens a file or a folder.
type Open struct {
	Path  []byte // absolute; only valid during the call of Options.Opened
	Flags int    // as for open(2)
}

// Options describe what to do with what is seen.
type Options struct {
	// Opened is called for each call, before it is known whether it will succeed. A file or folder that gets a new name
	// is opened for writing by that name. It must not block.
	Opened func(Open)
	// Ran is called with the absolute path of each program that a process may become. It must not block, and may be nil.
	Ran func(path []byte)
	// Removing is called before a call goes on that may remove or replace a file: what was opened before has its state
	// until it returns. It may be nil.
	Removing func()
	// Missed is called if files may have been opened unseen, with the reason or the name of what may have opened them.
	Missed func(what string)
	// Warn is called if the guard cannot be started.
	Warn func(error)
	// Log is a file to which the guard appends Lost and a zero byte when it answers a call, because nobody sees what
	// that call opens.
	Log  *os.File
	Lost string
	// Variable is a variable that the program gets only if it is watched, as NAME=VALUE, or empty.
	Variable string
}

// ErrUnsupported reports that the system has no such filters.
var ErrUnsupported = errors.New("this system has no filters that report calls")

// role is the first argument of this binary when it is the program's beginning or the guard.
const role = "__openwatch"
