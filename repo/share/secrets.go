package share

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

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

// judge returns an error if the search of the files that the plan adds has found a secret that the configuration does
// not allow.
func (p *plan) judge(ctx context.Context) error {
	config, err := p.repo.Config()
	if err != nil {
		return err
	}
	if config.Secrets.Gitleaks {
		warning := p.askGitleaks(ctx)
		if warning != "" {
			p.Warnings = append(p.Warnings, warning)
		}
	}
	var findings []Finding
	for _, file := range slices.Concat(p.finds, p.outside) {
		for _, f := range file.finds {
			reason, allowed := allowedFor(config, file.name, f)
			if !allowed {
				findings = append(findings, Finding{File: file.name, Runs: p.runsOf(file.name), Find: f})
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
	step := "run '" + redactCommand(findings) + "'"
	if !slices.ContainsFunc(findings, func(f Finding) bool { return !strings.HasPrefix(f.File, format.ModelsName+"/") }) {
		step = "take the secret out of " + path.Join(repo.DirName, findings[0].File)
	}
	return &repo.HintError{
		Err: &SecretsError{findings},
		Hint: step +
			" and rotate the secret, or allow a false positive: add [[secrets.allow]] reason = \"…\", fingerprint = \"" +
			findings[0].Fingerprint + "\" to .runs/config.toml",
	}
}

// maxNamed is the maximum number of runs in a command that a hint names.
const maxNamed = 3

// redactCommand returns the command that redacts all findings.
func redactCommand(findings []Finding) string {
	var runs, fingerprints []string
	for _, f := range findings {
		named := func(id string) bool { return slices.Contains(runs, id) }
		if len(f.Runs) > 0 && !slices.ContainsFunc(f.Runs, named) { // a shared file goes with any of its runs
			runs = append(runs, f.Runs[0])
		}
		if !slices.Contains(fingerprints, f.Fingerprint) {
			fingerprints = append(fingerprints, f.Fingerprint)
		}
	}
	switch {
	case len(runs) == 0:
		return "runs redact RUN --finds"
	case len(runs) > maxNamed && len(fingerprints) == 1:
		return "runs redact --all --fingerprint " + fingerprints[0]
	case len(runs) > maxNamed:
		return "runs redact --all --finds"
	}
	words := make([]string, len(runs))
	for i, id := range runs {
		words[i] = format.IDRandom(id)
	}
	return "runs redact " + strings.Join(words, " ") + " --finds"
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
	return p.sharedBy[name]
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

// searchContent searches one file of .runs. In tables, it searches only the texts.
func searchContent(ctx context.Context, name string, r io.ReaderAt, size int64) ([]secret.Find, error) {
	packed := "" // the name of a file directly in a run's folder; empty for an artifact, which may have the same name
	if strings.Count(name, "/") == 2 {
		packed = path.Base(name)
	}
	kind := secret.Plain
	if path.Ext(name) == ".patch" {
		kind = secret.Patch
	}
	if packed == format.ValuesName {
		return repo.SearchValues(ctx, r, size)
	}
	if packed == format.MetricsName { // the record has the keys
		return repo.SearchLabels(ctx, r, size)
	}
	finds, err := secret.Search(ctx, r, size, kind)
	if err == nil && packed == format.ArtifactsName {
		var more []secret.Find
		more, err = searchArtifacts(ctx, io.NewSectionReader(r, 0, size))
		finds = append(finds, more...)
	}
	return finds, err
}

func searchArtifacts(ctx context.Context, r io.Reader) ([]secret.Find, error) {
	data, err := io.ReadAll(r)
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
