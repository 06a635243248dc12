package registry

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/git"
)

// Event is a change of a model that a commit, or the working tree, has.
type Event struct {
	Commit  string // empty: it is not committed
	Kind    string // version, stage, alias, archived, note, or model
	Name    string // of the stage or alias
	Removed bool
	Time    time.Time // zero for a removal
	By      string
	Reason  string
	// Versions are those that the file names since, and Was those that it named before. For a version, an archive mark
	// and a note, Versions has the one that it is about.
	Versions, Was []format.ModelVersionID
	Note          *format.ModelNote // of a note
}

// History returns what commits, and the working tree after them, have changed of a model, oldest first. Files that
// cannot be read are left out.
func (g *Registry) History(ctx context.Context, m *Model) ([]Event, error) {
	events, err := g.committedEvents(ctx, m)
	if err != nil {
		return nil, fmt.Errorf("reading the history of model %s: %w", m.Name, err)
	}
	events = withoutMoves(events)
	last := map[string]Event{}
	for _, e := range events {
		last[e.key()] = e
	}
	for _, e := range m.present() {
		if was, ok := last[e.key()]; !ok || was.Removed || !was.Time.Equal(e.Time) {
			events = append(events, e)
		}
	}
	return events, nil
}

// withoutMoves leaves out what a commit only moves, as a renaming of the model does.
func withoutMoves(events []Event) []Event {
	var all []Event
	state := map[string]Event{}
	for from := 0; from < len(events); {
		to := from
		for to < len(events) && events[to].Commit == events[from].Commit {
			to++
		}
		of := events[from:to]
		added := map[string]bool{}
		for _, e := range of {
			added[e.key()] = added[e.key()] || !e.Removed
		}
		for _, e := range of {
			was, had := state[e.key()]
			if e.Removed && added[e.key()] || !e.Removed && had && was.Time.Equal(e.Time) {
				continue
			}
			all = append(all, e)
		}
		for _, e := range of {
			if !e.Removed || !added[e.key()] {
				state[e.key()] = e
			}
		}
		from = to
	}
	return all
}

// key tells the files of a model apart.
func (e Event) key() string {
	switch {
	case e.Name != "":
		return e.Kind + " " + e.Name
	case len(e.Versions) > 0:
		return e.Kind + " " + e.Versions[0].Random
	}
	return e.Kind
}

// The kinds of events.
const (
	versionEvent  = "version"
	stageEvent    = "stage"
	aliasEvent    = "alias"
	archivedEvent = "archived"
	noteEvent     = "note"
)

// present returns the state of the model as events, by their times.
func (m *Model) present() (events []Event) {
	for _, v := range m.Versions {
		events = append(events, versionOf(v.ModelVersion))
	}
	for name, p := range m.Stages {
		events = append(events, pointerOf(stageEvent, name, p))
	}
	for name, p := range m.Aliases {
		events = append(events, pointerOf(aliasEvent, name, p))
	}
	for letters, p := range m.Archived {
		if v := m.ByLetters(letters); v != nil {
			events = append(events, archivedOf(v.ModelVersionID, p))
		}
	}
	slices.SortStableFunc(events, func(a, b Event) int {
		if c := a.Time.Compare(b.Time); c != 0 {
			return c
		}
		return strings.Compare(a.key(), b.key())
	})
	return events
}

func versionOf(v *format.ModelVersion) Event {
	return Event{
		Kind: versionEvent, Time: v.Created, By: v.Author, Reason: v.Note,
		Versions: []format.ModelVersionID{v.ModelVersionID},
	}
}

func pointerOf(kind, name string, p *format.ModelPointer) Event {
	return Event{Kind: kind, Name: name, Time: p.Time, By: p.By, Reason: p.Reason, Versions: p.Versions, Was: p.Was}
}

func archivedOf(id format.ModelVersionID, p *format.ModelPointer) Event {
	return Event{
		Kind: archivedEvent, Time: p.Time, By: p.By, Reason: p.Reason, Versions: []format.ModelVersionID{id},
	}
}

// committedEvents reads the changes of commits.
func (g *Registry) committedEvents(ctx context.Context, m *Model) ([]Event, error) {
	if !g.repo.InGit {
		return nil, nil
	}
	at, err := g.repo.TreePath()
	if err != nil {
		return nil, nil // .runs is outside the working tree, so no commit has it
	}
	commit := g.commit
	if commit == "" {
		tip, err := git.ReadTip(ctx, g.repo.Git)
		if err != nil || tip.Commit == "" {
			return nil, err
		}
		commit = tip.Commit
	}
	folders := make([]string, len(m.folders))
	for i, folder := range m.folders {
		folders[i] = path.Join(at, folder)
	}
	var changes []git.CommittedChange
	var blobs []string
	_, err = git.EachChange(ctx, g.repo.Git, []string{commit}, nil, folders, func(c git.CommittedChange) error {
		changes = append(changes, c)
		if c.ID != "" {
			blobs = append(blobs, c.ID)
		}
		return nil
	})
	if err != nil || len(changes) == 0 {
		return nil, err
	}
	files := make([][]byte, len(blobs))
	err = git.ReadObjects(ctx, g.repo.Git, blobs, format.MaxModelBytes, func(i int, data []byte, err error) error {
		if err == nil {
			files[i] = data
		}
		return ctx.Err()
	})
	if err != nil {
		return nil, err
	}
	var events []Event
	next := 0
	for _, c := range changes {
		var data []byte
		if c.ID != "" {
			data = files[next]
			next++
		}
		if e, err := eventOf(strings.TrimPrefix(c.Path, at+"/"), data); err == nil {
			e.Commit = c.Commit
			events = append(events, e)
		}
	}
	return events, nil
}

var errNoEvent = errors.New("the file says nothing about a model")

// eventOf returns what a file of a model says. Without data, the file was removed.
func eventOf(file string, data []byte) (Event, error) {
	dir, name := path.Split(file)
	name, toml := strings.CutSuffix(name, ".toml")
	if !toml {
		return Event{}, errNoEvent
	}
	kind := path.Base(dir)
	if data == nil {
		return removedOf(kind, name)
	}
	switch kind {
	case "versions":
		v, err := format.DecodeModelVersion(file, data)
		if err != nil {
			return Event{}, err
		}
		return versionOf(v), nil
	case "notes":
		n, err := format.DecodeModelNote(file, data)
		if err != nil {
			return Event{}, err
		}
		e := Event{Kind: noteEvent, Time: n.Time, By: n.Author, Reason: n.Text, Note: n}
		if n.Version.Random != "" {
			e.Versions = []format.ModelVersionID{n.Version}
		}
		return e, nil
	case string(format.ModelArchived):
		id, err := format.ParseModelVersionID(name)
		if err != nil {
			return Event{}, err
		}
		p, err := format.DecodeModelPointer(format.ModelArchived, file, data)
		if err != nil {
			return Event{}, err
		}
		return archivedOf(id, p), nil
	case string(format.ModelStages), string(format.ModelAliases):
		p, err := format.DecodeModelPointer(format.ModelPointerKind(kind), file, data)
		if err != nil {
			return Event{}, err
		}
		return pointerOf(pointerEvent(kind), name, p), nil
	}
	return Event{}, errNoEvent
}

// pointerEvent returns the kind of the events of a folder of pointers.
func pointerEvent(folder string) string {
	if folder == string(format.ModelStages) {
		return stageEvent
	}
	return aliasEvent
}

func removedOf(kind, name string) (Event, error) {
	switch kind {
	case "versions", string(format.ModelArchived):
		id, err := format.ParseModelVersionID(name)
		e := Event{Kind: versionEvent, Removed: true, Versions: []format.ModelVersionID{id}}
		if kind != "versions" {
			e.Kind = archivedEvent
		}
		return e, err
	case string(format.ModelStages), string(format.ModelAliases):
		return Event{Kind: pointerEvent(kind), Name: name, Removed: true}, nil
	}
	return Event{}, errNoEvent
}
