package repo

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"sync"
)

// bootID returns an id that changes with every boot: random(4), /proc/sys/kernel/random/boot_id.
var bootID = sync.OnceValue(func() string {
	data, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(data))
})

// pidNamespace distinguishes the containers on one machine. See namespaces(7).
var pidNamespace = sync.OnceValue(func() string {
	target, _ := os.Readlink("/proc/self/ns/pid")
	return target
})

// processStart returns the start time of a process in clock ticks since boot, field 22 of /proc/PID/stat (proc(5)),
// and whether there is such a process. A zombie does not count, because it will write nothing more.
func processStart(pid int) (string, bool) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", !os.IsNotExist(err)
	}
	// The second field is the command in parentheses and may hold anything.
	end := bytes.LastIndexByte(data, ')')
	if end < 0 {
		return "", true
	}
	fields := strings.Fields(string(data[end+1:]))
	if len(fields) < 20 {
		return "", true
	}
	if fields[0] == "Z" || fields[0] == "X" {
		return "", false
	}
	return fields[19], true
}

// holdsOpen reports whether the process has the file open for writing or reading. known is false if this user has no
// permission to find out.
func holdsOpen(pid int, info os.FileInfo) (open, known bool) {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false, os.IsNotExist(err)
	}
	for _, entry := range entries {
		if other, err := os.Stat(dir + "/" + entry.Name()); err == nil && os.SameFile(info, other) {
			return true, true
		}
	}
	return false, true
}
