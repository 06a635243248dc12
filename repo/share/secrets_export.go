package share

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/secret"
)

// ExportText is a text that an export writes.
type ExportText struct {
	Place string        // what the text is, for people
	Runs  []*format.Run // whose files it is made from
	Files []string      // that it is made from, relative to .runs; if it is nil, all files of the runs but their logs
	Kind  secret.Kind
	Text  []byte
}

// ExportFinding is a secret that an export would write.
type ExportFinding struct {
	Place string // with the line
	Run   string // id of the run; empty if it is not of one run
	secret.Find
}

// ExportSecretsError means that an export was not written because it would contain secrets.
type ExportSecretsError struct{ Findings []ExportFinding }

func (e *ExportSecretsError) Error() string {
	if len(e.Findings) == 1 {
		return "found 1 secret; nothing was written"
	}
	return fmt.Sprintf("found %d secrets; nothing was written", len(e.Findings))
}

// RecordText returns the record of a run, with its notes, as a text to search.
func RecordText(e *repo.Entry) (ExportText, error) {
	text, err := format.EncodeRun(e.Newest().Run)
	if err != nil {
		return ExportText{}, fmt.Errorf("run %s: %w", e.ID, err)
	}
	file := RunFile(e.ID, repo.RecordName)
	return ExportText{
		Place: path.Join(repo.DirName, file), Runs: []*format.Run{e.Run}, Files: []string{file}, Text: text,
	}, nil
}

// RunFile returns the path of a file of a run, relative to .runs.
func RunFile(id, name string) string { return path.Join(runPath(id), name) }

// ExportSearch searches the texts of an export for secrets, as a commit searches files: with gitleaks too, if it is
// installed. The allow-list of the configuration counts.
type ExportSearch struct {
	repo     *repo.Repository
	config   *format.Config
	findings []ExportFinding
	known    map[string]bool // fingerprints, with the run

	program string       // gitleaks; empty if it is not used
	folder  string       // of the texts for it; empty until there is one
	texts   []ExportText // in it, without Text, by the number that is the name of the file
}

// NewExportSearch returns a search with the settings of r. The caller closes it.
func NewExportSearch(r *repo.Repository) (*ExportSearch, error) {
	config, err := r.Config()
	if err != nil {
		return nil, err
	}
	s := &ExportSearch{repo: r, config: config, known: map[string]bool{}}
	if config.Secrets.Gitleaks {
		s.program, _ = exec.LookPath("gitleaks") // it may be missing
	}
	return s, nil
}

// Close removes the texts that were kept for gitleaks.
func (s *ExportSearch) Close() {
	if s.folder != "" {
		_ = os.RemoveAll(s.folder)
	}
}

// Search searches a text. Finish reports what it finds. A secret is reported once per run, at the first place.
func (s *ExportSearch) Search(ctx context.Context, t ExportText) error {
	finds, err := secret.Search(ctx, bytes.NewReader(t.Text), int64(len(t.Text)), t.Kind)
	if err != nil {
		return fmt.Errorf("searching %s for secrets: %w", t.Place, err)
	}
	s.found(t, finds)
	return s.keep(t)
}

// found notes the findings in a text that the configuration does not allow.
func (s *ExportSearch) found(t ExportText, finds []secret.Find) {
	run := ""
	if len(t.Runs) == 1 {
		run = t.Runs[0].ID
	}
	for _, f := range finds {
		if s.known[f.Fingerprint+run] || run == "" && s.known[f.Fingerprint] || s.allows(t, f) {
			continue
		}
		s.known[f.Fingerprint+run], s.known[f.Fingerprint] = true, true
		s.findings = append(s.findings, ExportFinding{
			Place: Finding{Find: f}.placeIn(t.Place), Run: run, Find: f,
		})
	}
}

// keep writes a text to a file that gitleaks searches at the end.
func (s *ExportSearch) keep(t ExportText) error {
	if s.program == "" {
		return nil
	}
	fail := func(err error) error { return fmt.Errorf("searching %s with gitleaks: %w", t.Place, err) }
	if s.folder == "" {
		folder, err := os.MkdirTemp("", "runs-search-") // only this user can read it
		if err != nil {
			return fail(err)
		}
		s.folder = folder
		if err := os.Mkdir(filepath.Join(folder, leakTree), 0o700); err != nil {
			return fail(err)
		}
	}
	name := filepath.Join(s.folder, leakTree, strconv.Itoa(len(s.texts)))
	if err := os.WriteFile(name, t.Text, 0o600); err != nil {
		return fail(err)
	}
	t.Text = nil
	s.texts = append(s.texts, t)
	return nil
}

// searchKept searches the kept texts with gitleaks. If that fails, it returns a warning, because our own search has
// been made.
func (s *ExportSearch) searchKept(ctx context.Context) (warning string, err error) {
	if s.folder == "" {
		return "", nil
	}
	leaks, err := callGitleaks(ctx, s.program, s.folder, s.repo.Git.Root)
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err != nil:
		return fmt.Sprintf("gitleaks failed, so only the built-in search was made: %v", err), nil
	}
	finds := make([][]secret.Find, len(s.texts)) // in the order of the texts, which gitleaks does not keep
	for _, l := range leaks {
		if n, err := strconv.Atoi(l.File); err == nil && n >= 0 && n < len(finds) {
			finds[n] = append(finds[n], l.find())
		}
	}
	for n, t := range s.texts {
		s.found(t, finds[n])
	}
	return "", nil
}

// allows reports whether the configuration allows a finding. An entry that is limited by path counts if it covers a
// file that the text is made from.
func (s *ExportSearch) allows(t ExportText, f secret.Find) bool {
	files := t.Files
	if files == nil {
		for _, run := range t.Runs {
			for _, name := range []string{repo.RecordName, repo.MetricsName, format.ValuesName, format.ArtifactsName} {
				files = append(files, RunFile(run.ID, name))
			}
			files = append(files, repo.SharedNames(run)...)
		}
	}
	return slices.ContainsFunc(files, func(file string) bool {
		_, ok := allowedFor(s.config, file, f)
		return ok
	})
}

// Finish returns an *ExportSecretsError with a hint if a secret was found. warning is not empty if gitleaks failed.
func (s *ExportSearch) Finish(ctx context.Context) (warning string, err error) {
	if warning, err = s.searchKept(ctx); err != nil {
		return "", err
	}
	if len(s.findings) == 0 {
		return warning, nil
	}
	hint := ""
	first := s.findings[0]
	if first.Run != "" {
		hint = "run 'runs redact " + format.IDRandom(first.Run) + " --finds' and rotate the secret, or "
	}
	return warning, &repo.HintError{
		Err: &ExportSecretsError{s.findings},
		Hint: hint + "allow a false positive: add [[secrets.allow]] reason = \"…\", fingerprint = \"" + first.Fingerprint +
			"\" to .runs/config.toml",
	}
}
