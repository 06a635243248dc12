package repo

import (
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"strings"

	"github.com/gitruns/runs/format"
)

// A command may name artifacts of an earlier run by their path below .runs, such as a checkpoint to start from. They
// are not part of the source, and the earlier run has their digests. A commit may have moved them since.

// commandArtifact is an artifact, or a folder of artifacts, that a word of a command names.
type commandArtifact struct {
	before string // of the word, such as --init=
	id     string // of the run
	name   string // in the run
}

// commandArtifacts returns the artifacts that the words of a recorded command name, by the positions of the words.
func (r *Repository) commandArtifacts(run *format.Run) map[int]commandArtifact {
	home := relativeTo(r.TreeRoot(), r.Dir) + "/"
	var found map[int]commandArtifact
	for i, word := range run.Command {
		if !strings.Contains(word, "/"+artifactsName+"/") {
			continue
		}
		before := word[:strings.LastIndexByte(word, '=')+1]
		rel := filepath.ToSlash(word[len(before):])
		if inside, ok := strings.CutPrefix(rel, "{project}/"); ok {
			rel = path.Clean(inside)
		} else if rel = path.Join(run.Cwd, rel); path.IsAbs(rel) {
			continue
		}
		if !strings.HasPrefix(rel, home) {
			continue
		}
		way, name, ok := strings.Cut(rel, "/"+artifactsName+"/")
		id := path.Base(way)
		if !ok || format.CheckID(id) != nil || format.CheckPath(name) != nil {
			continue
		}
		if found == nil {
			found = map[int]commandArtifact{}
		}
		found[i] = commandArtifact{before, id, name}
	}
	return found
}

// place returns where this machine has the artifact, after it has compared the digests.
func (c commandArtifact) place(ctx context.Context, r *Repository) (string, error) {
	fail := func(err error) error {
		return fmt.Errorf("artifact %s of run %s, which the command names: %w", c.name, format.IDRandom(c.id), err)
	}
	e, err := r.Read(ctx, c.id)
	if err != nil {
		return "", withHint(fail(errors.New("the run is not in this clone")), "run 'runs pull' first")
	}
	all, err := e.AllArtifacts()
	if err != nil {
		return "", fail(err)
	}
	place := ""
	for _, a := range all {
		rest, ok := strings.CutPrefix(a.Path, c.name)
		if !ok || rest != "" && rest[0] != '/' {
			continue
		}
		if !e.HasArtifact(a) {
			return "", withHint(fail(errors.New("it is not on this machine")),
				"run 'runs artifacts %s %s -o FILE', and give the command with that file", format.IDRandom(c.id), c.name)
		}
		file := e.ArtifactFile(a)
		if err := checkDigest(file, a.SHA256, a.Bytes); err != nil {
			return "", fail(err)
		}
		root, ok := strings.CutSuffix(file, filepath.FromSlash(rest))
		if !ok || place != "" && root != place { // the files of a folder are in several places
			return "", withHint(fail(errors.New("its files are not in one folder")),
				"run 'runs artifacts %s -o DIR', and give the command with that folder", format.IDRandom(c.id))
		}
		place = root
	}
	if place == "" {
		return "", fail(errors.New("the run has no such artifact"))
	}
	return place, nil
}

// useArtifacts puts the places of artifacts of earlier runs into a command.
func (r *Repository) useArtifacts(ctx context.Context, run *format.Run, args []string) error {
	for i, c := range r.commandArtifacts(run) {
		place, err := c.place(ctx, r)
		if err != nil {
			return err
		}
		args[i] = c.before + place
	}
	return nil
}

// MissingArtifactOfCommand says which artifact of an earlier run that the command names this machine lacks, or returns
// "".
func (e *Entry) MissingArtifactOfCommand(ctx context.Context) string {
	for _, c := range e.repo.commandArtifacts(e.Run) {
		if _, err := c.place(ctx, e.repo); err != nil {
			return err.Error()
		}
	}
	return ""
}
