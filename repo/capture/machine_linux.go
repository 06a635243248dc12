package capture

import (
	"bufio"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// machine reads uname(2), /proc/cpuinfo and /proc/meminfo. Memory is in bytes.
func machine() (kernel, cpu string, memory int64) {
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		kernel = unix.ByteSliceToString(name.Sysname[:]) + " " + unix.ByteSliceToString(name.Release[:])
	}
	cpu = procField("/proc/cpuinfo", "model name")
	if kb, _, ok := strings.Cut(procField("/proc/meminfo", "MemTotal"), " "); ok {
		n, _ := strconv.ParseInt(kb, 10, 64)
		memory = n << 10
	}
	return kernel, cpu, memory
}

// procField returns the first value of a "name : value" line.
func procField(path, field string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	for s := bufio.NewScanner(f); s.Scan(); {
		if name, value, ok := strings.Cut(s.Text(), ":"); ok && strings.TrimSpace(name) == field {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// gpus returns the models that the NVIDIA driver lists.
func gpus() []string {
	files, _ := filepath.Glob("/proc/driver/nvidia/gpus/*/information")
	var models []string
	for _, file := range files {
		if model := procField(file, "Model"); model != "" {
			models = append(models, model)
		}
	}
	return models
}
