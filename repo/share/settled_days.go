package share

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/index"
)

// settledDays remembers of which days a commit has every successful run of the working tree. It says only that a day
// need not be looked at again: a day whose folder has changed since, or whose folder in the commit is another one, is
// read. It is disposable.
type settledDays struct {
	dayMemory
	dir   string // the .runs folder
	state string // see settledState
	index string // of Git's index, which is another one after a checkout
	known map[string]settledDay

	late    map[string]bool        // days with notes in the common store
	trees   map[string]string      // the days of the commit, by name
	stamps  map[string]index.Stamp // the days of the working tree, by name
	changed bool
}

// settledDay is one day.
type settledDay struct {
	tree         string // its tree in the commit
	stamp        uint64 // of its folder
	unsuccessful int    // runs that the commit lacks because they were unsuccessful
	notes        bool   // the commit has every note too
}

// settledVersion begins the file.
const settledVersion = "settled days 2"

// openSettled reads what is remembered, and looks at the folders of all days. tree is the .runs folder of the commit.
func openSettled(r *repo.Repository, trees *git.Trees, tree string) (*settledDays, error) {
	s := &settledDays{
		dayMemory: memoryOf(r, "settled"), dir: r.Dir,
		late: map[string]bool{}, known: map[string]settledDay{}, trees: map[string]string{}, stamps: map[string]index.Stamp{},
	}
	entries, err := trees.Read(tree)
	if err != nil {
		return nil, err
	}
	marks := ""
	for _, e := range entries {
		switch {
		case e.IsTree() && format.CheckDay(e.Name) == nil:
			s.trees[e.Name] = e.ID
		case e.Name == repo.RemovedName:
			marks = e.ID
		}
	}
	// A removal marker may come without a change of the day.
	s.state = "marks:" + marks
	for _, dir := range r.MarkerFolders() {
		s.state += ":" + stampText(dir)
	}
	s.index = "index:" + stampText(filepath.Join(r.Git.Git, "index"))
	s.read()
	days, err := os.ReadDir(r.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("listing runs: %w", err)
	}
	for _, day := range r.LateDays() {
		s.late[day] = true
	}
	settled := true
	for _, day := range days {
		if !day.IsDir() || format.CheckDay(day.Name()) != nil {
			continue
		}
		if info, err := day.Info(); err == nil {
			s.stamps[day.Name()] = index.StampOf(info)
		}
		settled = settled && s.has(day.Name(), true)
	}
	if !settled {
		s.begin()
	}
	return s, nil
}

// settledAt is openSettled for the .runs folder at a path of a commit, which may be empty.
func settledAt(r *repo.Repository, trees *git.Trees, commit, at string) (*settledDays, error) {
	e, _, err := trees.Find(commit, at)
	if err != nil {
		return nil, err
	}
	if !e.IsTree() {
		e.ID = ""
	}
	return openSettled(r, trees, e.ID)
}

func stampText(path string) string {
	info, err := os.Lstat(path)
	if err != nil {
		return "none"
	}
	return strconv.FormatUint(index.StampOf(info).Digest(), 16)
}

func (s *settledDays) read() {
	lines := s.dayMemory.read()
	if len(lines) < 3 || lines[0] != settledVersion || lines[1] != s.state {
		return
	}
	sameIndex := lines[2] == s.index
	for _, line := range lines[3:] {
		fields := strings.Split(line, " ")
		if len(fields) != 5 || format.CheckDay(fields[0]) != nil {
			continue
		}
		d := settledDay{tree: fields[1], notes: fields[4] == "notes" && sameIndex}
		stamp, err := strconv.ParseUint(fields[2], 16, 64)
		left, err2 := strconv.Atoi(fields[3])
		if err == nil && err2 == nil && left >= 0 {
			d.stamp, d.unsuccessful = stamp, left
			s.known[fields[0]] = d
		}
	}
}

// has reports whether nothing of a day need be committed. notes asks for notes too.
func (s *settledDays) has(day string, notes bool) bool {
	d, ok := s.known[day]
	stamp, there := s.stamps[day]
	return ok && there && d.stamp == stamp.Digest() && d.tree == s.trees[day] && (d.notes && !s.late[day] || !notes)
}

// all reports whether nothing of any day need be committed. It is false for nil.
func (s *settledDays) all() bool {
	if s == nil {
		return false
	}
	for day := range s.stamps {
		if !s.has(day, true) {
			return false
		}
	}
	return true
}

// settle remembers a day that was read. If it may have changed meanwhile, it does nothing.
func (s *settledDays) settle(day string, unsuccessful int, notes bool) {
	stamp, ok := s.stamps[day]
	if !ok || s.tmp == nil || max(stamp.Modified, stamp.Changed) >= s.clock || s.trees[day] == "" {
		return
	}
	d := settledDay{s.trees[day], stamp.Digest(), unsuccessful, notes}
	if s.known[day] != d {
		s.known[day], s.changed = d, true
	}
}

// close stores what was settled. If that fails, the days are read again next time.
func (s *settledDays) close() {
	if s.tmp == nil {
		return
	}
	defer s.drop()
	if !s.changed {
		return
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n%s\n%s\n", settledVersion, s.state, s.index)
	for day, d := range s.known {
		if s.trees[day] != d.tree {
			continue
		}
		notes := "runs"
		if d.notes {
			notes = "notes"
		}
		fmt.Fprintf(&b, "%s %s %x %d %s\n", day, d.tree, d.stamp, d.unsuccessful, notes)
	}
	s.store(&b)
}
