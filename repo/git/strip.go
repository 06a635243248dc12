package git

import (
	"context"
	"fmt"
	"strings"
)

// Strip returns the tree of a commit or tree without any folder named .runs.
func (s *Scratch) Strip(ctx context.Context, tree string) (string, error) {
	out, err := s.run(ctx, nil, "ls-tree", "-r", "-d", "-z", "--name-only", tree)
	if err != nil {
		return "", err
	}
	parents := map[string]bool{}
	for path := range strings.SplitSeq(string(out), "\x00") {
		if parent, ok := runsParent(path + "/"); ok {
			parents[parent] = true
		}
	}
	out, err = s.run(ctx, nil, "rev-parse", "--verify", tree+"^{tree}")
	if err != nil {
		return "", err
	}
	return s.strip(ctx, strings.TrimSpace(string(out)), parents)
}

// strip takes .runs out of the folders named.
func (s *Scratch) strip(ctx context.Context, tree string, parents map[string]bool) (string, error) {
	for parent := range parents {
		var steps []string
		if parent != "" {
			steps = strings.Split(parent, "/")
		}
		next, err := s.without(ctx, tree, steps)
		if err != nil {
			return "", err
		}
		if next == "" { // nothing but runs: the tree without entries
			return s.EmptyTree(ctx)
		}
		tree = next
	}
	return tree, nil
}

// without returns tree without steps/.runs, empty where nothing is left: git knows no empty folders.
func (s *Scratch) without(ctx context.Context, tree string, steps []string) (string, error) {
	out, err := s.run(ctx, nil, "ls-tree", "-z", tree)
	if err != nil {
		return "", err
	}
	var kept strings.Builder
	for entry := range strings.SplitSeq(string(out), "\x00") {
		if entry == "" {
			continue
		}
		meta, name, ok := strings.Cut(entry, "\t")
		fields := strings.Fields(meta)
		if !ok || len(fields) != 3 {
			return "", fmt.Errorf("git ls-tree: unexpected line %q", entry)
		}
		if fields[1] == "tree" {
			if len(steps) == 0 && name == runsFolder {
				continue
			}
			if len(steps) > 0 && name == steps[0] {
				below, err := s.without(ctx, fields[2], steps[1:])
				if err != nil {
					return "", err
				}
				if below == "" {
					continue
				}
				entry = fields[0] + " tree " + below + "\t" + name
			}
		}
		kept.WriteString(entry + "\x00")
	}
	if kept.Len() == 0 {
		return "", nil
	}
	out, err = s.run(ctx, []byte(kept.String()), "mktree", "-z", "--missing")
	return strings.TrimSpace(string(out)), err
}
