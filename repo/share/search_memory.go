package share

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/regular"
	"github.com/gitruns/runs/repo/secret"
)

// worthRemembering is the size in bytes of the smallest file whose digest is remembered.
const worthRemembering = 1 << 20

// searched remembers the digests of large files without findings, so that a repeated commit does not search them again.
// It is stored in a place where other people's commits cannot put a file.
type searched struct {
	file  string
	known map[string]bool
	mu    sync.Mutex
	fresh []string
}

// maxSearched is the largest size of the file in bytes. A larger file is discarded.
const maxSearched = 4 << 20

func openSearched(r *repo.Repository) *searched {
	s := &searched{file: filepath.Join(r.CacheDir(), fmt.Sprintf("searched-%d", secret.Version)), known: map[string]bool{}}
	info, err := os.Lstat(s.file)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxSearched {
		return s
	}
	if data, err := regular.ReadFile(s.file); err == nil {
		for digest := range strings.FieldsSeq(string(data)) {
			s.known[digest] = true
		}
	}
	return s
}

func (s *searched) knows(digest string) bool { return digest != "" && s.known[digest] }

func (s *searched) add(digest string) {
	if digest != "" {
		s.mu.Lock()
		s.fresh = append(s.fresh, digest)
		s.mu.Unlock()
	}
}

// save stores the digests. If it fails, the only effect is that the files are searched again.
func (s *searched) save() {
	if len(s.fresh) == 0 || os.MkdirAll(filepath.Dir(s.file), 0o777) != nil {
		return
	}
	flags := os.O_WRONLY | os.O_CREATE | os.O_APPEND
	if info, err := os.Lstat(s.file); err == nil && info.Size() > maxSearched {
		flags |= os.O_TRUNC
	}
	if f, err := regular.OpenFile(s.file, flags, 0o666); err == nil {
		_, _ = f.WriteString(strings.Join(s.fresh, "\n") + "\n")
		_ = f.Close()
	}
}
