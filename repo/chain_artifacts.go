package repo

import (
	"fmt"

	"github.com/gitruns/runs/format"
)

// PartArtifacts is how many artifacts an earlier part of a chain has that no later part has.
type PartArtifacts struct {
	ID string
	N  int
}

// EarlierArtifacts returns the earlier parts that have artifacts at paths where no later part has one, newest first. It
// leaves out parts whose list of artifacts is damaged or not on this machine.
func (e *Entry) EarlierArtifacts() []PartArtifacts {
	if len(e.earlier) == 0 {
		return nil
	}
	seen := map[string]bool{}
	added := func(part *Entry) (n int) {
		artifacts, err := part.AllArtifacts()
		if err != nil {
			return 0
		}
		for _, a := range artifacts {
			if !seen[a.Path] {
				seen[a.Path] = true
				n++
			}
		}
		return n
	}
	added(e)
	var parts []PartArtifacts
	for _, part := range e.earlier {
		if n := added(part); n > 0 {
			parts = append(parts, PartArtifacts{part.ID, n})
		}
	}
	return parts
}

// ArtifactsOfPart are artifacts of one part of a chain.
type ArtifactsOfPart struct {
	Part *Entry
	List []format.Artifact
}

// WholeArtifacts returns the artifacts of the run and of its earlier parts, newest first. Of one path, that of the
// newest part counts. Parts without any are left out.
func (e *Entry) WholeArtifacts() (all []ArtifactsOfPart, err error) {
	seen := map[string]bool{}
	for _, part := range append([]*Entry{e}, e.earlier...) {
		of := ArtifactsOfPart{Part: part}
		list, err := part.AllArtifacts()
		if err != nil {
			return nil, fmt.Errorf("listing the artifacts of run %s: %w", part.ID, err)
		}
		for _, a := range list {
			if !seen[a.Path] {
				seen[a.Path] = true
				of.List = append(of.List, a)
			}
		}
		if len(of.List) > 0 {
			all = append(all, of)
		}
	}
	return all, nil
}

// WholeArtifact returns the artifact with this name of the run, otherwise that of its newest earlier part that has one.
// If none has, the error has a hint.
func (e *Entry) WholeArtifact(name string) (ArtifactsOfPart, error) {
	a, err := e.Artifact(name)
	of := ArtifactsOfPart{e, []format.Artifact{a}}
	if err == nil {
		return of, nil
	}
	for _, part := range e.earlier {
		if a, earlier := part.Artifact(name); earlier == nil {
			return ArtifactsOfPart{part, []format.Artifact{a}}, nil
		}
	}
	return of, err
}
