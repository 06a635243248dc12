package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/share"
)

type artifactsFlags struct {
	out, experiment                string
	prune, upload, dry, json, here bool
}

func (a *app) artifactsCommand() *cobra.Command {
	var f artifactsFlags
	cmd := &cobra.Command{
		Use:   "artifacts [RUN [PATH]] [flags]",
		Short: "List the artifacts of a run, and bring them",
		Long: `List the artifacts of a run, the newest one's without RUN, and where they are: with the run in git, here, in the store, or
only on the machine that recorded them.

    runs artifacts wide                          # the list; asks the store
    runs artifacts wide model.bin -o model.bin   # one, proved by its digest
    runs artifacts wide -o DIR                   # all of them
    runs artifacts --upload                      # bring to it what is here
    runs artifacts --prune                       # drop here what it holds

What is not here is fetched from the store that artifacts.store in .runs/config.toml names.

Exit status: 0 done; 1 failed, or an artifact cannot be had; 2 wrong usage; 3 a selector names no run; 130 interrupted.`,
		Args:              arguments(0, -1, ""),
		ValidArgsFunction: a.completeRun,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			switch {
			case f.prune && f.out != "":
				return usagef("artifacts: --prune and -o exclude one another")
			case f.dry && !f.prune:
				return usagef("artifacts: --dry-run goes with --prune")
			case f.upload && (f.prune || f.out != ""):
				return usagef("artifacts: --upload stands alone")
			case f.upload:
				return a.uploadArtifacts(ctx, &f, args)
			case f.prune:
				return a.pruneArtifacts(ctx, &f, args)
			case len(args) > 2:
				return usagef("artifacts: unexpected argument %q", args[2])
			case len(args) == 2 && f.out == "":
				return usagef("artifacts: -o FILE missing: where %s goes", args[1])
			}
			selector := "last"
			if len(args) > 0 {
				selector = args[0]
			}
			r, err := a.find(ctx)
			if err != nil {
				return err
			}
			e, err := a.oneRun(ctx, r, selector, f.experiment)
			if err != nil {
				return err
			}
			if e.Active != nil && f.out != "" {
				return &repo.HintError{Err: fmt.Errorf("artifacts of run %s: it is in progress", e.ID), Hint: "they lie in " + filepath.Join(e.Dir, "artifacts")}
			}
			if f.out == "" {
				return a.listArtifacts(ctx, r, e, &f)
			}
			name := ""
			if len(args) == 2 {
				name = args[1]
			}
			return a.bringArtifacts(ctx, r, e, name, f.out)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.out, "output", "o", "", "write PATH to `FILE` (- is standard output), or all artifacts below it")
	flags.StringVarP(&f.experiment, "experiment", "e", "", "look in `EXPERIMENT`")
	flags.BoolVar(&f.here, "here", false, "do not ask the store")
	flags.BoolVar(&f.upload, "upload", false, "bring copies on this machine to the store; of the runs named, else of all")
	flags.BoolVar(&f.prune, "prune", false, "remove copies on this machine that the store holds; of the runs named, else of all")
	flags.BoolVar(&f.dry, "dry-run", false, "with --prune: only say what would be removed")
	flags.BoolVar(&f.json, "json", false, "print a list of artifacts as JSON")
	return cmd
}

type artifactJSON struct {
	Bytes  int64   `json:"bytes"`
	Here   bool    `json:"here"`
	Path   string  `json:"path"`
	SHA256 string  `json:"sha256"`
	Stored *bool   `json:"stored"` // null if the store was not asked
	Where  *string `json:"where"`  // null if the artifact is with the run
}

func (a *app) listArtifacts(ctx context.Context, r *repo.Repository, e *repo.Entry, f *artifactsFlags) error {
	states, askErr := share.Artifacts(ctx, r, e, !f.here)
	if states == nil && askErr != nil {
		return askErr
	}
	if askErr != nil {
		a.progress("runs: the store cannot be asked: %v", askErr)
	}
	if f.json {
		list := make([]artifactJSON, len(states))
		for i, s := range states {
			list[i] = artifactJSON{Bytes: s.Bytes, Here: s.Here != "", Path: s.Path, SHA256: s.SHA256, Where: orNull(s.Where)}
			if s.Asked {
				list[i].Stored = &s.Stored
			}
		}
		if err := a.printJSON(list); err != nil {
			return err
		}
	} else if err := a.writeArtifacts(ctx, e, states); err != nil {
		return err
	}
	if askErr != nil {
		return quietError{exitFailed}
	}
	return nil
}

func (a *app) writeArtifacts(ctx context.Context, e *repo.Entry, states []share.Artifact) error {
	if len(states) == 0 {
		a.progress("runs: run %s has no artifacts", e.ID)
		return nil
	}
	tb := terminal.Table{Columns: []terminal.Column{{Title: "artifact", Flexible: true}, {Title: "size", Right: true}, {Title: "where"}}}
	for _, s := range states {
		where := terminal.Cell{Text: artifactPlace(s)}
		if s.Here == "" && !s.Stored {
			where.Style = terminal.Yellow
		}
		tb.Rows = append(tb.Rows, []terminal.Cell{{Text: s.Path}, {Text: terminal.Bytes(s.Bytes)}, where})
	}
	return a.term.Page(ctx, func(w io.Writer) error { return tb.Write(w, a.term) })
}

func artifactPlace(s share.Artifact) string {
	switch {
	case s.Where == "" && s.Here != "":
		return "with the run"
	case s.Pointer:
		return "in git LFS"
	case s.Where == "":
		return "missing"
	case s.Here != "" && s.Stored:
		return "here, store"
	case s.Here != "" && s.Asked:
		return "here, not in the store yet"
	case s.Here != "":
		return "here"
	case s.Stored:
		return "store"
	case s.Asked:
		return "another machine only"
	}
	return "not here"
}

// bringArtifacts writes one artifact, or all of them below a folder.
func (a *app) bringArtifacts(ctx context.Context, r *repo.Repository, e *repo.Entry, name, out string) error {
	all, err := e.AllArtifacts()
	if err != nil {
		return err
	}
	want := all
	if name != "" {
		want = nil
		for _, artifact := range all {
			if artifact.Path == name {
				want = []format.Artifact{artifact}
			}
		}
		if want == nil {
			return &repo.HintError{Err: fmt.Errorf("artifact %s: run %s has none of this name", name, e.ID), Hint: "'runs artifacts " + format.IDRandom(e.ID) + "' lists them"}
		}
	}
	progress := a.term.Progress("fetching artifacts")
	defer progress.Done()
	if err := share.FetchArtifacts(ctx, r, e, want, progress.Bytes); err != nil {
		return err
	}
	progress.Done()
	for _, artifact := range want {
		target := a.path(out)
		switch {
		case name == "":
			// The folders below may have come with git, and the names are the run's.
			if err := repo.NoLinks(target, artifact.Path); err != nil {
				return fmt.Errorf("writing artifact %s: %w", artifact.Path, err)
			}
			target = filepath.Join(target, filepath.FromSlash(artifact.Path))
		case out == "-":
			return e.CopyArtifact(artifact, a.term.Out)
		case strings.HasSuffix(out, "/") || isFolder(target):
			target = filepath.Join(target, filepath.Base(filepath.FromSlash(artifact.Path)))
		}
		if err := writeArtifact(e, artifact, target); err != nil {
			return err
		}
		a.print("%s  %s", terminal.Clean(repo.Relative(a.dir, target)), terminal.Bytes(artifact.Bytes))
	}
	return nil
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// writeArtifact makes a file whole or not at all. One that is there is the user's.
func writeArtifact(e *repo.Entry, artifact format.Artifact, target string) error {
	if _, err := os.Lstat(target); err == nil {
		return &repo.HintError{Err: fmt.Errorf("writing %s: it exists", target), Hint: "remove it, or name another file"}
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o777); err != nil {
		return fmt.Errorf("writing %s: %w", target, err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(target), ".runs-*")
	if err != nil {
		return fmt.Errorf("writing %s: %w", target, err)
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	err = errors.Join(e.CopyArtifact(artifact, tmp), tmp.Chmod(0o644), tmp.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), target); err != nil {
		return fmt.Errorf("writing %s: %w", target, err)
	}
	return nil
}

// chosen are the finished runs that the arguments name, or all.
func (a *app) chosen(ctx context.Context, f *artifactsFlags, selectors []string) (*repo.Repository, []*repo.Entry, error) {
	r, err := a.find(ctx)
	if err != nil {
		return nil, nil, err
	}
	c, err := a.collect(ctx, r, f.experiment)
	if err != nil {
		return nil, nil, err
	}
	entries, err := c.SelectAll(ctx, selectors)
	return r, entries, err
}

// uploadArtifacts brings to the store what was recorded before there was one, or pushed by another machine.
func (a *app) uploadArtifacts(ctx context.Context, f *artifactsFlags, selectors []string) error {
	r, entries, err := a.chosen(ctx, f, selectors)
	if err != nil {
		return err
	}
	progress := a.term.Progress("uploading artifacts")
	defer progress.Done()
	done, err := share.UploadArtifacts(ctx, r, entries, progress.Bytes)
	progress.Done()
	if err != nil {
		return err
	}
	a.print("uploaded %s; the store holds %s of this machine", terminal.Bytes(done.Bytes), plural(done.Files, "artifact"))
	if done.Elsewhere > 0 {
		a.progress("runs: %s of these runs %s not on this machine", plural(done.Elsewhere, "artifact"), verb(done.Elsewhere, "is", "are"))
	}
	return nil
}

// pruneArtifacts frees what the store holds too.
func (a *app) pruneArtifacts(ctx context.Context, f *artifactsFlags, selectors []string) error {
	r, entries, err := a.chosen(ctx, f, selectors)
	if err != nil {
		return err
	}
	done, err := share.Prune(ctx, r, entries, f.dry)
	if err != nil {
		return err
	}
	word := "freed"
	if f.dry {
		word = "would free"
	}
	a.print("%s %s in %s", word, terminal.Bytes(done.Bytes), plural(done.Files, "artifact"))
	if done.Kept > 0 {
		a.progress("runs: %s stay: the store does not hold them yet; 'runs push' uploads them", plural(done.Kept, "artifact"))
	}
	return nil
}
