package repo

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
