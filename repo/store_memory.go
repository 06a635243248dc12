package repo

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/regular"
)

// StoreMemory is what this clone remembers of one artifact store: that the user allowed it, and which objects it was
// seen to hold. It is in the Git folder, where no commit can write, under the digest of the store's URL.
type StoreMemory struct {
	dir     string
	foreign bool // others may have written the folder: nothing in it allows a store
}

// The files of a memory. Each holds one digest or Git id per line.
const (
	allowedName = "allowed" // empty: the user allowed the store
	heldName    = "held"    // objects that the store was seen to hold
	damagedName = "damaged" // objects whose bytes were found to be wrong
	settledName = "settled" // Git trees of runs all of whose artifacts are held
	wholeName   = "tree"    // the .runs tree of the remote of which every run was settled
	missingName = "missing" // objects that neither the store nor this clone had at the time of the file
)

// maxMemoryBytes bounds one file of a memory: a million lines. What does not fit is asked again.
const maxMemoryBytes = 64 << 20

// StoreDigest returns the digest under which a store is remembered.
func StoreDigest(url string) string {
	sum := sha256.Sum256([]byte(url))
	return hex.EncodeToString(sum[:])
}

// StoreMemory returns the memory of the store with this URL. Outside Git, it is in the user's own folder of settings,
// because .runs may have been copied from somebody else.
func (r *Repository) StoreMemory(url string) *StoreMemory {
	if r.InGit {
		return &StoreMemory{dir: filepath.Join(r.Git.Common, "runs", "stores", StoreDigest(url))}
	}
	home, err := os.UserConfigDir()
	if err != nil { // a container without a home
		return &StoreMemory{dir: filepath.Join(r.Dir, "cache", "stores", StoreDigest(url)), foreign: true}
	}
	return &StoreMemory{dir: filepath.Join(home, "runs", "stores", StoreDigest(r.Dir), StoreDigest(url))}
}

// Allowed reports whether the user allowed the store in this clone.
func (m *StoreMemory) Allowed() bool {
	info, err := os.Lstat(filepath.Join(m.dir, allowedName))
	return !m.foreign && err == nil && info.Mode().IsRegular()
}

// Allow remembers that the user allowed the store.
func (m *StoreMemory) Allow() error { return m.write(allowedName, nil) }

// Held returns the digests of objects that the store was seen to hold.
func (m *StoreMemory) Held() (map[string]bool, error) { return m.read(heldName, format.IsDigest) }

// Damaged returns the digests of objects whose bytes in the store were found to be wrong.
func (m *StoreMemory) Damaged() (map[string]bool, error) { return m.read(damagedName, format.IsDigest) }

// Settled returns the Git trees of runs all of whose artifacts the store was seen to hold.
func (m *StoreMemory) Settled() (map[string]bool, error) { return m.read(settledName, isTreeID) }

func isTreeID(s string) bool { return len(s) >= 40 && len(s) <= 64 && !strings.ContainsAny(s, " \t") }

// AddHeld remembers objects that the store was seen to hold.
func (m *StoreMemory) AddHeld(digests []string) error { return m.add(heldName, digests) }

// AddSettled remembers trees of runs all of whose artifacts the store was seen to hold.
func (m *StoreMemory) AddSettled(trees []string) error { return m.add(settledName, trees) }

// Whole returns the .runs tree of which every run was settled, or "".
func (m *StoreMemory) Whole() string {
	data, err := readBounded(filepath.Join(m.dir, wholeName), 1024)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// SetWhole remembers a .runs tree of which every run is settled.
func (m *StoreMemory) SetWhole(tree string) error { return m.write(wholeName, []string{tree}) }

// Missing returns the objects that neither the store nor this clone had at the time it returns.
func (m *StoreMemory) Missing() (map[string]bool, time.Time, error) {
	info, err := os.Lstat(filepath.Join(m.dir, missingName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, time.Time{}, nil
	}
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("reading what is known of the artifact store: %w", err)
	}
	digests, err := m.read(missingName, format.IsDigest)
	return digests, info.ModTime(), err
}

// SetMissing remembers which objects neither the store nor this clone has now.
func (m *StoreMemory) SetMissing(digests []string) error { return m.write(missingName, digests) }

// Lacks remembers that the store does not hold these objects, or that their bytes are wrong. The next push looks at
// every run again, and replaces the damaged objects.
func (m *StoreMemory) Lacks(missing, damaged []string) error {
	if len(missing)+len(damaged) == 0 {
		return nil
	}
	held, err := m.Held()
	if err != nil {
		return err
	}
	bad, err := m.Damaged()
	if err != nil {
		return err
	}
	for _, digest := range missing {
		delete(held, digest)
		delete(bad, digest)
	}
	for _, digest := range damaged {
		delete(held, digest)
		bad[digest] = true
	}
	return errors.Join(
		m.write(damagedName, sortedKeys(bad)), m.write(heldName, sortedKeys(held)), m.drop(wholeName),
		m.drop(settledName), m.drop(missingName),
	)
}

// Replaced remembers that damaged objects were replaced by right ones.
func (m *StoreMemory) Replaced(digests []string) error {
	bad, err := m.Damaged()
	if err != nil || len(bad) == 0 {
		return err
	}
	for _, digest := range digests {
		delete(bad, digest)
	}
	return m.write(damagedName, sortedKeys(bad))
}

func sortedKeys(set map[string]bool) []string {
	keys := make([]string, 0, len(set))
	for key := range set {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// read returns the valid lines of a file. A line that a crash tore is left out, which only costs asking again.
func (m *StoreMemory) read(name string, valid func(string) bool) (map[string]bool, error) {
	lines := map[string]bool{}
	data, err := readBounded(filepath.Join(m.dir, name), maxMemoryBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return lines, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading what is known of the artifact store: %w", err)
	}
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSuffix(line, "\n"); valid(line) {
			lines[line] = true
		}
	}
	return lines, nil
}

func (m *StoreMemory) add(name string, lines []string) error {
	if len(lines) == 0 {
		return nil
	}
	fail := func(err error) error { return fmt.Errorf("remembering what the artifact store holds: %w", err) }
	if err := m.folder(); err != nil {
		return fail(err)
	}
	f, err := regular.OpenFile(filepath.Join(m.dir, name), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o666)
	if err != nil {
		return fail(err)
	}
	// The first newline ends a line that a crash tore.
	_, err = f.WriteString("\n" + strings.Join(lines, "\n") + "\n")
	if err = errors.Join(err, f.Close()); err != nil {
		return fail(err)
	}
	return nil
}

func (m *StoreMemory) write(name string, lines []string) error {
	text := ""
	if len(lines) > 0 {
		text = strings.Join(lines, "\n") + "\n"
	}
	if err := m.folder(); err != nil {
		return fmt.Errorf("remembering the artifact store: %w", err)
	}
	err := replace(filepath.Join(m.dir, name), func(tmp string) error { return writeFile(tmp, []byte(text)) })
	if err != nil {
		return fmt.Errorf("remembering the artifact store: %w", err)
	}
	return nil
}

func (m *StoreMemory) folder() error { return os.MkdirAll(m.dir, 0o777) }

func (m *StoreMemory) drop(name string) error {
	err := os.Remove(filepath.Join(m.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
