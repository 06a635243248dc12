package native

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/gitruns/runs/repo/git/gitconfig"
	"github.com/gitruns/runs/repo/regular"
)

// RefUpdate moves a ref. If Old is zero, the ref must not exist yet.
type RefUpdate struct {
	Name     string
	Old, New ID
}

// ErrMoved means that a ref has changed since it was read.
var ErrMoved = errors.New("a ref has moved in the meantime")

// Locked means that another process holds the lock of a file.
type Locked struct{ Path string }

func (e *Locked) Error() string { return "Unable to create '" + e.Path + "': File exists." }

// refLockWait is how long an update waits for the lock of a ref. Git itself waits for 0.1 s.
const refLockWait = time.Second

// lockedRef is a ref that is locked, and where it is going.
type lockedRef struct {
	RefUpdate
	lock string // the file
	logs []string
}

// UpdateRefs moves all of the refs or none, with the locks that Git takes. The ref HEAD stands for the branch that is
// checked out. If a ref is not at its old commit, the error is ErrMoved. who and reason are written to the reflogs.
func (r *Repository) UpdateRefs(who Identity, reason string, updates ...RefUpdate) (err error) {
	if strings.ContainsAny(reason, "\n\x00") {
		return fmt.Errorf("the reason %q has a line break", reason)
	}
	var locked []*lockedRef
	var others []string // locks without a change
	defer func() {
		for _, l := range locked {
			others = append(others, l.lock)
		}
		for _, lock := range others {
			if removeErr := os.Remove(lock); removeErr != nil && !errors.Is(removeErr, fs.ErrNotExist) {
				err = errors.Join(err, removeErr)
			}
		}
	}()
	head, _, err := r.RawRef("HEAD")
	if err != nil {
		return err
	}
	headLocked := false
	for _, u := range updates {
		l := &lockedRef{RefUpdate: u, logs: []string{u.Name}}
		if u.Name == "HEAD" && head.Target != "" {
			l.Name = head.Target
			l.logs = []string{head.Target}
		}
		if !validRefName(l.Name) && l.Name != "HEAD" {
			return fmt.Errorf("%q is not the name of a ref", l.Name)
		}
		if l.Name == head.Target {
			l.logs = append(l.logs, "HEAD")
			if !headLocked {
				lock, err := r.lockFile(r.refPath("HEAD"), nil)
				if err != nil {
					return err
				}
				headLocked = true
				others = append(others, lock)
				if now, _, err := r.RawRef("HEAD"); err != nil || now.Target != head.Target {
					return errors.Join(err, ErrMoved)
				}
			}
		}
		if err := r.checkName(l.Name); err != nil { // before the folders of its lock are made
			return err
		}
		if l.lock, err = r.lockFile(r.refPath(l.Name), []byte(l.New.String()+"\n")); err != nil {
			return err
		}
		locked = append(locked, l)
		if err := r.checkUpdate(l.RefUpdate); err != nil {
			return err
		}
	}
	for _, l := range locked {
		for _, log := range l.logs {
			if err := r.appendLog(log, l.RefUpdate, who, reason); err != nil {
				return fmt.Errorf("writing the reflog of %s: %w", log, err)
			}
		}
		if err := replaceRef(l.lock, r.refPath(l.Name)); err != nil {
			return fmt.Errorf("moving %s: %w", l.Name, err)
		}
	}
	return nil
}

// replaceRef puts a lock in the place of its ref, where empty folders of refs that no longer exist may be.
func replaceRef(lock, file string) error {
	err := os.Rename(lock, file)
	folder := errors.Is(err, syscall.EISDIR) || errors.Is(err, fs.ErrExist) || errors.Is(err, syscall.ENOTEMPTY)
	if err == nil || !folder {
		return err
	}
	removeEmpty(file)
	return os.Rename(lock, file)
}

// removeEmpty removes a folder and those in it if nothing else is in them.
func removeEmpty(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if e.IsDir() {
			removeEmpty(filepath.Join(dir, e.Name()))
		}
	}
	_ = os.Remove(dir)
}

// lockFile creates the lock of a file as Git does, and returns its path.
func (r *Repository) lockFile(file string, content []byte) (string, error) {
	lock := file + ".lock"
	deadline := time.Now().Add(refLockWait)
	for {
		if err := r.makeFolder(filepath.Dir(lock)); err != nil {
			return "", err
		}
		err := r.createFile(lock, content, 0o666, true)
		if err == nil {
			return lock, nil
		}
		gone := errors.Is(err, fs.ErrNotExist) // Git has just removed an empty folder
		if !gone && !errors.Is(err, fs.ErrExist) {
			return "", err
		}
		if !time.Now().Before(deadline) {
			return "", &Locked{lock}
		}
		time.Sleep(time.Duration(1+rand.IntN(10)) * time.Millisecond)
	}
}

// checkUpdate compares a locked ref with what it should be, and its name with those of other refs.
func (r *Repository) checkUpdate(u RefUpdate) error {
	ref, exists, err := r.RawRef(u.Name)
	if err != nil {
		return err
	}
	if exists && ref.Target != "" {
		return &Unsupported{What: u.Name + " is symbolic"}
	}
	if exists && ref.ID != u.Old || !exists && !u.Old.IsZero() {
		return ErrMoved
	}
	kind, _, err := r.Info(u.New)
	if err != nil {
		return err
	}
	if strings.HasPrefix(u.Name, "refs/heads/") && kind != Commit {
		return &WrongKind{u.New, kind, Commit}
	}
	return r.checkName(u.Name)
}

// checkName refuses the name of a ref that does not exist if another ref is above or below it.
func (r *Repository) checkName(name string) error {
	if _, exists, err := r.RawRef(name); err != nil || exists {
		return err
	}
	below, err := r.Refs(name + "/")
	if err != nil {
		return err
	}
	if len(below) > 0 {
		return fmt.Errorf("%s cannot be made: %s exists", name, below[0].Name)
	}
	for dir := name; strings.Count(dir, "/") > 1; {
		dir = dir[:strings.LastIndexByte(dir, '/')]
		if _, exists, err := r.RawRef(dir); err != nil || exists {
			return errors.Join(err, fmt.Errorf("%s cannot be made: %s exists", name, dir))
		}
	}
	return nil
}

// appendLog adds a line to the reflog of a ref, if it has one or is to have one.
func (r *Repository) appendLog(name string, u RefUpdate, who Identity, reason string) error {
	root := r.Common
	if ownRef(name) {
		root = r.Git
	}
	file := filepath.Join(root, "logs", filepath.FromSlash(name))
	wanted, err := r.logs(name)
	if err != nil {
		return err
	}
	flag := os.O_WRONLY | os.O_APPEND
	if wanted {
		flag |= os.O_CREATE
		if err := r.makeFolder(filepath.Dir(file)); err != nil {
			return err
		}
	}
	_, statErr := os.Lstat(file)
	var folder *regular.Error
	f, err := regular.OpenFile(file, flag, 0o666)
	if wanted && errors.As(err, &folder) {
		removeEmpty(file)
		f, err = regular.OpenFile(file, flag, 0o666)
	}
	if !wanted && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.As(err, &folder)) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "%s %s %s\t%s\n", u.Old, u.New, who, reason)
	if err = errors.Join(err, f.Close()); err == nil && statErr != nil { // it is new
		err = r.share(file)
	}
	return err
}

// logs reports whether a ref is to have a reflog.
func (r *Repository) logs(name string) (bool, error) {
	e, set := r.config.Last("core.logallrefupdates")
	if set && strings.EqualFold(e.Value, "always") {
		return true, nil
	}
	on := r.Root != ""
	if set {
		var err error
		if on, err = e.Bool(); err != nil {
			return false, err
		}
	}
	usual := name == "HEAD"
	for _, prefix := range []string{"refs/heads/", "refs/remotes/", "refs/notes/"} {
		usual = usual || strings.HasPrefix(name, prefix)
	}
	return on && usual, nil
}

// Identity is a person and a time, as commits and reflogs name them.
type Identity struct {
	Name, Email string
	When        string // SECONDS ZONE
}

func (i Identity) String() string { return fmt.Sprintf("%s <%s> %s", i.Name, i.Email, i.When) }

// NoIdentity means that Git is not told who the user is.
type NoIdentity struct{ Role string }

func (e *NoIdentity) Error() string { return "no name and email of the " + e.Role + " are configured" }

// Committer returns who makes a commit now. The error is a *NoIdentity if neither the environment nor the configuration
// says it.
func (r *Repository) Committer() (Identity, error) { return identity(r.config, "committer") }

// Author returns who wrote a commit that is made now.
func (r *Repository) Author() (Identity, error) { return identity(r.config, "author") }

func identity(config *gitconfig.Config, role string) (i Identity, err error) {
	find := func(part string) (string, error) {
		if value := os.Getenv("GIT_" + strings.ToUpper(role+"_"+part)); value != "" {
			return value, nil
		}
		for _, section := range []string{role, "user"} {
			if value, err := config.String(section + "." + part); err != nil || value != "" {
				return value, err
			}
		}
		if part == "email" {
			return os.Getenv("EMAIL"), nil
		}
		return "", nil
	}
	if i.Name, err = find("name"); err != nil {
		return i, err
	}
	if i.Email, err = find("email"); err != nil {
		return i, err
	}
	if i.Name, i.Email = clean(i.Name), clean(i.Email); i.Name == "" || i.Email == "" {
		return i, &NoIdentity{role}
	}
	i.When, err = when(os.Getenv("GIT_" + strings.ToUpper(role) + "_DATE"))
	return i, err
}

// clean removes what cannot stand in a line of a commit, as Git does.
func clean(text string) string {
	text = strings.TrimFunc(text, func(c rune) bool { return c <= ' ' || strings.ContainsRune(`.,:;<>"\'`, c) })
	return strings.Map(func(c rune) rune {
		if strings.ContainsRune("\n<>", c) {
			return -1
		}
		return c
	}, text)
}

// when returns a time as commits name it. An empty text is now; others must be written as Git writes them.
func when(text string) (string, error) {
	if text == "" {
		return Moment(time.Now()), nil
	}
	var seconds int64
	var zone string
	if n, err := fmt.Sscanf(strings.TrimPrefix(text, "@"), "%d %5s", &seconds, &zone); err == nil && n == 2 &&
		seconds >= 0 && len(zone) == 5 && strings.Trim(zone[1:], "0123456789") == "" && strings.ContainsAny(zone[:1], "+-") {
		return fmt.Sprintf("%d %s", seconds, zone), nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return Moment(t), nil
	}
	return "", &Unsupported{What: fmt.Sprintf("the date %q is not written as @SECONDS ZONE", text)}
}

// Moment returns a time as commits name it.
func Moment(t time.Time) string { return fmt.Sprintf("%d %s", t.Unix(), t.Format("-0700")) }

// DeleteLooseRef removes a ref that has a file of its own, with its reflog. It refuses a ref that is packed.
func (r *Repository) DeleteLooseRef(name string) (err error) {
	if !ValidRef(name) {
		return fmt.Errorf("%q is not the name of a ref", name)
	}
	lock, err := r.lockFile(r.refPath(name), nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(lock)) }()
	packed, err := r.packedRefs()
	if err != nil {
		return err
	}
	if _, ok := packed[name]; ok {
		return &Unsupported{What: name + " is a packed ref"}
	}
	if err := os.Remove(r.refPath(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	err = os.Remove(filepath.Join(r.Common, "logs", filepath.FromSlash(name)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
