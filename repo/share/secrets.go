package share

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/format/listsort"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/regular"
	"github.com/gitruns/runs/repo/secret"
)

// Finding is a secret that a commit would add.
type Finding struct {
	File string   // relative to .runs
	Runs []string // ids of the runs that have the file
	secret.Find
}

// Place returns the place of the secret as file:line. For a patch, it adds the place that the patch changes.
func (f Finding) Place() string { return f.placeIn(path.Join(repo.DirName, f.File)) }

func (f Finding) placeIn(name string) string {
	place := fmt.Sprintf("%s:%d", name, f.Line)
	if f.Source != "" {
		place += " (" + f.change() + " " + f.Source
		if f.SourceLine > 0 {
			place += fmt.Sprintf(":%d", f.SourceLine)
		}
		place += ")"
	}
	return place
}

func (f Finding) change() string {
	switch f.Change {
	case '+':
		return "adds to"
	case '-':
		return "removes from"
	case 0:
		return "names"
	}
	return "shows"
}

// SecretsError means that a commit was not made because it would add secrets.
type SecretsError struct{ Findings []Finding }

func (e *SecretsError) Error() string {
	if len(e.Findings) == 1 {
		return "found 1 secret; nothing was committed"
	}
	return fmt.Sprintf("found %d secrets; nothing was committed", len(e.Findings))
}

// searchSecrets searches all files that the plan adds, each once, on all processors. A file that cannot be read
// prevents the commit, as a secret does.
func (p *plan) searchSecrets(ctx context.Context) error {
	config, err := p.repo.Config()
	if err != nil {
		return err
	}
	names := slices.DeleteFunc(slices.Clone(p.paths), func(name string) bool { return path.Dir(name) == repo.RemovedName })
	inGit := len(names)
	outside, err := p.artifactsOutside()
	if err != nil {
		return err
	}
	names = append(names, slices.Sorted(maps.Keys(outside))...)
	memory := openSearched(p.repo)
	digests := p.digests()
	found := make([][]secret.Find, len(names))
	errs := make([]error, len(names))
	eachParallel(len(names), func(i int) {
		if i >= inGit {
			if ctx.Err() == nil {
				found[i], errs[i] = searchStart(ctx, outside[names[i]])
			}
			return
		}
		if digest := digests[names[i]]; ctx.Err() == nil && !memory.knows(digest) {
			found[i], errs[i] = searchFile(ctx, p.repo.Dir, names[i])
			if errs[i] == nil && len(found[i]) == 0 {
				memory.add(digest)
			}
		}
	})
	if err := ctx.Err(); err != nil {
		return err
	}
	for i, err := range errs {
		if err != nil {
			return fmt.Errorf("searching %s for secrets: %w", names[i], err)
		}
	}
	memory.save()
	if config.Secrets.Gitleaks {
		more, warning := p.askGitleaks(ctx, names[:inGit])
		if warning != "" {
			p.Warnings = append(p.Warnings, warning)
		}
		for i, name := range names {
			found[i] = merge(found[i], more[name])
		}
	}
	var findings []Finding
	for i, name := range names {
		for _, f := range found[i] {
			reason, allowed := allowedFor(config, name, f)
			if !allowed {
				findings = append(findings, Finding{File: name, Runs: p.runsOf(name), Find: f})
				continue
			}
			p.Allowed++
			if !slices.Contains(p.Reasons, reason) {
				p.Reasons = append(p.Reasons, reason)
			}
		}
	}
	if len(findings) == 0 {
		return nil
	}
	hint := "run 'runs redact RUN --finds'"
	if runs := findings[0].Runs; len(runs) > 0 {
		hint = "run 'runs redact " + format.IDRandom(runs[0]) + " --finds'"
	}
	return &repo.HintError{
		Err: &SecretsError{findings},
		Hint: hint +
			" and rotate the secret, or allow a false positive: add [[secrets.allow]] reason = \"…\", fingerprint = \"" +
			findings[0].Fingerprint + "\" to .runs/config.toml",
	}
}

// allowedFor returns the reason that the configuration gives for allowing a finding. ok is false if it does not allow
// it.
func allowedFor(config *format.Config, name string, f secret.Find) (reason string, ok bool) {
	for _, a := range config.Secrets.Allow {
		if a.Allows(f.Fingerprint, f.Rule, name, f.Source) {
			return a.Reason, true
		}
	}
	return "", false
}

// merge adds the findings of another program to ours, without those that ours already has.
func merge(ours, more []secret.Find) []secret.Find {
	for _, f := range more {
		if !slices.ContainsFunc(ours, func(o secret.Find) bool {
			return o.Line == f.Line ||
				o.Fingerprint == f.Fingerprint
		}) {
			ours = append(ours, f)
		}
	}
	listsort.Stable(ours, func(a, b secret.Find) int { return cmp.Compare(a.Line, b.Line) })
	return ours
}

// runsOf returns the ids of the runs that add a file.
func (p *plan) runsOf(name string) []string {
	if at := placeOf(path.Join(repo.DirName, name)); at.kind == ofRun {
		return []string{at.run}
	}
	var ids []string
	for _, e := range p.Runs {
		if slices.Contains(repo.SharedNames(e.Run), name) {
			ids = append(ids, e.ID)
		}
	}
	return ids
}

// artifactsOutside returns the external artifacts of the runs that a push would upload from this machine. It maps their
// names, relative to .runs, to files.
func (p *plan) artifactsOutside() (map[string]string, error) {
	files := map[string]string{}
	for _, e := range p.Runs {
		artifacts, err := e.AllArtifacts()
		if err != nil {
			return nil, fmt.Errorf("run %s: %w", e.ID, err)
		}
		for _, a := range artifacts {
			if a.Where == "" {
				continue
			}
			if file := p.repo.Stored(a.SHA256, a.Bytes); file != "" {
				files[path.Join(runPath(e.ID), "artifacts", a.Path)] = file
			}
		}
	}
	return files, nil
}

// searchStart searches the beginning of a file outside Git.
func searchStart(ctx context.Context, file string) ([]secret.Find, error) {
	f, err := regular.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return secret.Search(ctx, f, min(info.Size(), repo.MaxSearchedOutside), secret.Plain)
}

// searchFile searches one file of a run. In the packed lists of artifacts and of values, it searches only the texts.
func searchFile(ctx context.Context, dir, name string) ([]secret.Find, error) {
	file := filepath.Join(dir, filepath.FromSlash(name))
	packed := "" // the name of a file directly in a run's folder; empty for an artifact, which may have the same name
	if strings.Count(name, "/") == 2 {
		packed = path.Base(name)
	}
	f, err := regular.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	kind := secret.Plain
	if filepath.Ext(file) == ".patch" {
		kind = secret.Patch
	}
	if packed == format.ValuesName {
		return repo.SearchValues(ctx, f, info.Size())
	}
	finds, err := secret.Search(ctx, f, info.Size(), kind)
	if err == nil && packed == format.ArtifactsName {
		var more []secret.Find
		more, err = searchArtifacts(ctx, file)
		finds = append(finds, more...)
	}
	return finds, err
}

func searchArtifacts(ctx context.Context, file string) ([]secret.Find, error) {
	data, err := regular.ReadFile(file)
	if err != nil {
		return nil, err
	}
	artifacts, err := format.DecodeArtifacts(data)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	for _, a := range artifacts {
		b.WriteString(strings.ReplaceAll(a.Path+" "+a.Key+" "+a.Caption, "\n", " ") + "\n")
	}
	finds, err := secret.Search(ctx, bytes.NewReader(b.Bytes()), int64(b.Len()), secret.Plain)
	for i := range finds {
		finds[i].From, finds[i].To = 0, 0
	}
	return finds, err
}

// eachParallel calls do(0) to do(n-1) on all processors and waits for them.
func eachParallel(n int, do func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), n) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	wg.Wait()
}
