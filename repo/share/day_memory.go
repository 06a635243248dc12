package share

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"strings"

	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/regular"
)

// dayMemory is a file in the common Git folder that remembers days of this worktree, one line for each, so that they
// need not be read again. It is disposable.
type dayMemory struct {
	file, name string
	tmp        *os.File // nil if nothing can be written
	clock      int64    // of the file system, before the days were read
}

func memoryOf(r *repo.Repository, name string) dayMemory {
	sum := fnv.New64a()
	_, _ = sum.Write([]byte(r.Dir))
	return dayMemory{file: filepath.Join(r.CacheDir(), fmt.Sprintf("%s-%016x", name, sum.Sum64())), name: name}
}

// maxMemoryBytes is the largest size of the file in bytes: ten thousand days have a tenth of it.
const maxMemoryBytes = 16 << 20

// read returns the lines of the file without its end, or nil if it is not whole.
func (m *dayMemory) read() []string {
	info, err := os.Lstat(m.file)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxMemoryBytes {
		return nil
	}
	data, err := regular.ReadFile(m.file)
	if err != nil {
		return nil
	}
	lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	if end := len(lines) - 1; lines[end] == "end" {
		return lines[:end]
	}
	return nil
}

// begin makes the file that will replace the memory. Its time tells whether a folder could still change without another
// time.
func (m *dayMemory) begin() {
	if os.MkdirAll(filepath.Dir(m.file), 0o777) != nil {
		return
	}
	tmp, err := os.CreateTemp(filepath.Dir(m.file), "tmp-"+m.name+"-")
	if err != nil {
		return
	}
	m.tmp = tmp
	if info, err := tmp.Stat(); err == nil {
		m.clock = info.ModTime().UnixNano()
	}
}

// store replaces the memory by the lines, after begin.
func (m *dayMemory) store(lines *bytes.Buffer) {
	lines.WriteString("end\n")
	_, err := m.tmp.Write(lines.Bytes())
	if closeErr := m.tmp.Close(); err == nil && closeErr == nil {
		_ = os.Rename(m.tmp.Name(), m.file)
	}
}

// drop removes what begin has made, if store has not used it.
func (m *dayMemory) drop() {
	_ = m.tmp.Close()
	_ = os.Remove(m.tmp.Name())
}
