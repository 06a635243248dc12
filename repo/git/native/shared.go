package native

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
)

// sharing is who else may use the files of a repository, as core.sharedRepository says.
type sharing struct {
	mode  fs.FileMode // what is added to the permissions; 0 if nothing is
	exact bool        // mode is all that others get
}

// The permissions of the group and of everybody, as core.sharedRepository names them.
const (
	ofGroup     = 0o660
	ofEverybody = 0o664
)

func (r *Repository) sharing() (sharing, error) {
	e, set := r.config.Last("core.sharedrepository")
	if !set {
		return sharing{}, nil
	}
	switch strings.ToLower(e.Value) {
	case "umask":
		return sharing{}, nil
	case "group":
		return sharing{mode: ofGroup}, nil
	case "all", "world", "everybody":
		return sharing{mode: ofEverybody}, nil
	}
	if n, err := strconv.ParseUint(e.Value, 8, 32); err == nil && e.HasValue {
		switch {
		case n == 0:
			return sharing{}, nil
		case n == 1:
			return sharing{mode: ofGroup}, nil
		case n == 2:
			return sharing{mode: ofEverybody}, nil
		case n&0o600 == 0o600:
			return sharing{fs.FileMode(n & 0o666), true}, nil
		}
		return sharing{}, fmt.Errorf("core.sharedRepository is %s, with which the owner could not write", e.Value)
	}
	on, err := e.Bool()
	if err != nil || !on {
		return sharing{}, err
	}
	return sharing{mode: ofGroup}, nil
}

// share gives a new file or folder the permissions that core.sharedRepository asks for.
func (r *Repository) share(path string) error {
	s, err := r.sharing()
	if err != nil || s.mode == 0 {
		return err
	}
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	was := info.Mode()
	tweak := s.mode
	if was&0o200 == 0 {
		tweak &^= 0o222
	}
	if was&0o100 != 0 {
		tweak |= (tweak & 0o444) >> 2
	}
	mode := was.Perm() | tweak
	if s.exact {
		mode = tweak
	}
	special := was & (fs.ModeSetgid | fs.ModeSetuid | fs.ModeSticky)
	if info.IsDir() {
		mode |= (mode & 0o444) >> 2
		if mode&0o060 != 0 {
			special |= fs.ModeSetgid
		}
	}
	if mode|special == was&(fs.ModePerm|fs.ModeSetgid|fs.ModeSetuid|fs.ModeSticky) {
		return nil
	}
	return os.Chmod(path, mode|special)
}

// makeFolder makes a folder, and those above it.
func (r *Repository) makeFolder(dir string) error {
	err := os.Mkdir(dir, 0o777)
	if errors.Is(err, fs.ErrNotExist) {
		if err := r.makeFolder(parentOf(dir)); err != nil {
			return err
		}
		err = os.Mkdir(dir, 0o777)
	}
	if errors.Is(err, fs.ErrExist) {
		if info, statErr := os.Stat(dir); statErr == nil && info.IsDir() {
			return nil
		}
	}
	if err != nil {
		return err
	}
	return r.share(dir)
}

func parentOf(dir string) string {
	if i := strings.LastIndexByte(dir, os.PathSeparator); i > 0 {
		return dir[:i]
	}
	return string(os.PathSeparator)
}

// createFile makes a file that must not exist yet. If that fails, it leaves none.
func (r *Repository) createFile(path string, data []byte, perm fs.FileMode, sync bool) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil && sync {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = r.share(path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// temporaryTries is how many names of temporary files are tried.
const temporaryTries = 1000

// createTemporary makes a file with a name that begins with prefix, and with the permissions that perm and the umask
// leave.
func createTemporary(prefix string, perm fs.FileMode) (*os.File, error) {
	for try := 0; ; try++ {
		name := prefix + strconv.FormatUint(rand.Uint64(), 36)
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, perm)
		if err == nil || !errors.Is(err, fs.ErrExist) || try == temporaryTries {
			return f, err
		}
	}
}
