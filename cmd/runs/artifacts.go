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
	part                           bool
}

func (a *app) artifactsCommand() *cobra.Command {
	var f artifactsFlags
	cmd := &cobra.Command{
		Use:   "artifacts [RUN [PATH]] [flags]",
		Short: "List and fetch the artifacts of a run",
		Long: `List the artifacts of a run and where each one is: in Git with the run, on this
machine, in the artifact store, or only on another machine. Without RUN, list those
of the newest run. The store is asked unless you give --here.

    runs artifacts wide
    runs artifacts wide model.bin -o model.bin
    runs artifacts wide -o DIR

With -o, write one artifact or all of them, also those of the runs that RUN resumes;
--part leaves those out. Artifacts that are not on this machine are fetched from the
store and verified by their digests. artifacts.store in .runs/config.toml sets the
store; see 'runs help stores'.

--upload sends copies on this machine to the store. --prune removes copies once the
bytes in the store are verified: by the provider's checksum, or by reading them back.
Both act on the runs named, or on all runs.

Exit status: 0 done; 1 failed, or an artifact cannot be fetched; 2 wrong usage;
3 a selector names no run; 130 interrupted.`,
		Args: arguments(0, -1, ""),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			switch {
			case f.prune && f.out != "":
				return usagef("artifacts: --prune and --output cannot be combined")
			case f.dry && !f.prune:
				return usagef("artifacts: --dry-run requires --prune")
			case f.upload && (f.prune || f.out != ""):
				return usagef("artifacts: --upload cannot be combined with --prune or --output")
			case f.json && (f.upload || f.prune || f.out != ""):
				return usagef("artifacts: --json cannot be combined with --upload, --prune or --output")
			case f.part && f.out == "":
				return usagef("artifacts: --part requires --output")
			case f.upload:
				return a.uploadArtifacts(ctx, &f, args)
			case f.prune:
				return a.pruneArtifacts(ctx, &f, args)
			case len(args) > 2:
				return usagef("artifacts: unexpected argument %q", args[2])
			case len(args) == 2 && f.out == "":
				return usagef("artifacts: missing -o FILE for %s", args[1])
			}
			selector, name := "last", ""
			if len(args) > 0 {
				selector = args[0]
			}
			if len(args) == 2 {
				name = args[1]
			}
			r, err := a.find(ctx)
			if err != nil {
				return err
			}
			e, err := a.oneWhole(ctx, r, selector, f.experiment, f.part || f.out == "")
			if err != nil {
				return err
			}
			if f.out == "" {
				if err := a.listArtifacts(ctx, r, e, &f); err != nil || f.json || e.Resumes == "" {
					return err
				}
				return a.reportEarlierArtifacts(ctx, r, e)
			}
			if earlier := lacking(ctx, e); earlier != "" && !f.part {
				a.warn("run %s, which run %s resumes, is not in this clone; its artifacts are left out", earlier, e.ID)
			}
			return a.exportArtifacts(ctx, r, e, name, f.out)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.out, "output", "o", "", "write PATH to `FILE` (- for stdout), or all artifacts into this folder")
	flags.StringVarP(&f.experiment, "experiment", "e", "", "look only in `EXPERIMENT`")
	flags.BoolVar(&f.part, "part", false, "with -o, leave out the runs that RUN resumes")
	flags.BoolVar(&f.here, "here", false, "do not ask the store")
	flags.BoolVar(&f.upload, "upload", false, "upload copies on this machine to the store")
	flags.BoolVar(&f.prune, "prune", false, "remove copies on this machine that the store holds, verified")
	flags.BoolVar(&f.dry, "dry-run", false, "with --prune, print what would be removed and remove nothing")
	a.storeFlags(cmd)
	flags.BoolVar(&f.json, "json", false, "print the list of artifacts as JSON")
	return cmd
}

type artifactJSON struct {
	Bytes  int64   `json:"bytes"`
	Here   bool    `json:"here"`
	Path   string  `json:"path"`
	SHA256 string  `json:"sha256"`
	Stored *bool   `json:"stored"` // null if the store was not asked
	Where  *string `json:"where"`  // null if the artifact is stored with the run
}

func (a *app) listArtifacts(ctx context.Context, r *repo.Repository, e *repo.Entry, f *artifactsFlags) error {
	states, askErr := share.Artifacts(ctx, r, e, !f.here)
	if states == nil && askErr != nil || errors.Is(askErr, context.Canceled) {
		return askErr
	}
	if askErr != nil {
		a.warn("asking the artifact store: %v", askErr)
		var hint *repo.HintError
		if errors.As(askErr, &hint) {
			a.hint("%s", hint.Hint)
		}
	}
	if f.json {
		list := make([]artifactJSON, len(states))
		for i, s := range states {
			list[i] = artifactJSON{Bytes: s.Bytes, Here: s.Here, Path: s.Path, SHA256: s.SHA256, Where: orNull(s.Where)}
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
	tb := terminal.Table{Columns: []terminal.Column{
		{Title: "artifact", Flexible: true, Name: true}, {Title: "size", Right: true}, {Title: "where"},
	}}
	for _, s := range states {
		where := terminal.Cell{Text: artifactPlace(s)}
		if !s.Here && !s.Stored {
			where.Style = terminal.Yellow
		}
		tb.Rows = append(tb.Rows, []terminal.Cell{{Text: s.Path}, {Text: terminal.Bytes(s.Bytes)}, where})
	}
	return a.term.Page(ctx, func(w io.Writer) error { return tb.Write(w, a.term) })
}

// reportEarlierArtifacts names the runs that e resumes and that have more artifacts.
func (a *app) reportEarlierArtifacts(ctx context.Context, r *repo.Repository, e *repo.Entry) error {
	whole, err := a.oneWhole(ctx, r, e.ID, "", false)
	if err != nil {
		return err
	}
	const shown = 20
	parts := whole.EarlierArtifacts()
	for i, part := range parts {
		if i == shown {
			a.progress("runs: and %d more earlier parts: 'runs ls --parts'", len(parts)-i)
			break
		}
		a.progress("runs: earlier part %s has %s: 'runs artifacts %s'", part.ID, plural(part.N, "more artifact"),
			format.IDRandom(part.ID))
	}
	return nil
}

// artifactPlace describes where an artifact is stored.
func artifactPlace(s share.Artifact) string {
	switch {
	case s.Where == "" && s.Here:
		return "with the run"
	case s.Pointer:
		return "in Git LFS"
	case s.Where == "":
		return "missing"
	case s.Here && s.Stored:
		return "this machine, store"
	case s.Here && s.Asked:
		return "this machine, not in the store yet"
	case s.Here:
		return "this machine"
	case s.Stored:
		return "store"
	case s.Asked:
		return "another machine only"
	}
	return "not on this machine"
}

// exportArtifacts writes the artifact with the given name to a file. If name is empty, it writes all artifacts into a
// folder. If the run has earlier parts, theirs count, too.
func (a *app) exportArtifacts(ctx context.Context, r *repo.Repository, e *repo.Entry, name, out string) error {
	if e.Active != nil {
		return &repo.HintError{
			Err:  fmt.Errorf("writing artifacts of run %s: it is still running", e.ID),
			Hint: "copy them from " + filepath.Join(e.Dir, "artifacts"),
		}
	}
	all, err := e.WholeArtifacts()
	if name != "" {
		all = make([]repo.ArtifactsOfPart, 1)
		all[0], err = e.WholeArtifact(name)
	}
	if err != nil {
		return err
	}
	progress := a.term.Progress("fetching artifacts")
	defer progress.Done()
	for _, of := range all {
		if err := share.FetchArtifacts(ctx, r, of.Part, of.List, progress.Bytes); err != nil {
			return err
		}
	}
	progress.Done()
	target := a.path(out)
	written := func(file string, artifact format.Artifact) {
		a.print("%s  %s", terminal.Clean(repo.Relative(a.dir, file)), terminal.Bytes(artifact.Bytes))
	}
	if name == "" {
		for _, of := range all {
			if err := of.Part.ExportArtifacts(of.List, target, written); err != nil {
				return err
			}
		}
		return nil
	}
	part, artifact := all[0].Part, all[0].List[0]
	switch {
	case out == "-":
		return part.CopyArtifact(artifact, a.term.Data())
	case strings.HasSuffix(out, "/") || isFolder(target):
		target = filepath.Join(target, filepath.Base(filepath.FromSlash(name)))
	}
	if err := part.ExportArtifact(artifact, target); err != nil {
		return err
	}
	written(target, artifact)
	return nil
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// chosen returns the runs that match the selectors, or all runs if there are no selectors.
func (a *app) chosen(
	ctx context.Context, f *artifactsFlags, selectors []string,
) (*repo.Repository, []*repo.Entry, error) {
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

// uploadArtifacts uploads artifacts that the store lacks: those recorded before a store was set, and those of runs that
// another machine pushed.
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
	a.print("uploaded %s; the store holds %s of this machine", terminal.Bytes(done.Sent), plural(done.Files, "artifact"))
	if n := done.Elsewhere; n > 0 {
		a.progress("runs: skipped %s: %s not on this machine", plural(n, "artifact"), verb(n, "it is", "they are"))
	}
	return nil
}

// pruneArtifacts removes local copies of artifacts that were verified in the store.
func (a *app) pruneArtifacts(ctx context.Context, f *artifactsFlags, selectors []string) error {
	r, entries, err := a.chosen(ctx, f, selectors)
	if err != nil {
		return err
	}
	progress := a.term.Progress("verifying the copies in the store")
	defer progress.Done()
	done, err := share.Prune(ctx, r, entries, f.dry, progress.Bytes)
	progress.Done()
	if err == nil || done.Files > 0 || len(done.Bad) > 0 {
		a.reportPruned(done, f.dry)
	}
	if err == nil && len(done.Bad) > 0 {
		err = quietError{exitFailed}
	}
	return err
}

func (a *app) reportPruned(done share.Pruned, dry bool) {
	if dry {
		a.print("would free %s in %s, once the bytes in the store are verified",
			terminal.Bytes(done.Bytes), plural(done.Files, "artifact"))
	} else {
		a.print("freed %s in %s%s", terminal.Bytes(done.Bytes), plural(done.Files, "artifact"), howVerified(done))
	}
	if n := done.Kept; n > 0 {
		a.progress("runs: kept %s: the store does not hold %s yet", plural(n, "artifact"), verb(n, "it", "them"))
		a.hint("run 'runs artifacts --upload' first")
	}
	for _, b := range done.Bad {
		a.progress("runs: kept %s of run %s: the store %s under its name", terminal.Clean(b.Path), b.ID, b.Reason)
	}
	if n := len(done.Bad); n > 0 {
		a.hint("run 'runs push' to replace %s in the store", verb(n, "it", "them"))
	}
}

// howVerified says how the objects of the removed copies were verified.
func howVerified(done share.Pruned) string {
	switch {
	case done.Files == 0:
		return ""
	case done.ByChecksum == 0:
		return ", verified by reading " + verb(done.Files, "it", "them") + " back"
	case done.ByReading == 0:
		return ", verified by the store's checksum"
	}
	return fmt.Sprintf(", verified: %d by the store's checksum, %d by reading back", done.ByChecksum, done.ByReading)
}
