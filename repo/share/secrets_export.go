package share

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"slices"

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

// ExportSearch searches the texts of an export for secrets, as a commit searches files. The allow-list of the
// configuration counts.
type ExportSearch struct {
	config   *format.Config
	findings []ExportFinding
	known    map[string]bool // fingerprints, with the run
}

// NewExportSearch returns a search with the settings of r.
func NewExportSearch(r *repo.Repository) (*ExportSearch, error) {
	config, err := r.Config()
	if err != nil {
		return nil, err
	}
	return &ExportSearch{config: config, known: map[string]bool{}}, nil
}

// Search searches a text. Err reports what it finds. A secret is reported once per run, at the first place.
func (s *ExportSearch) Search(ctx context.Context, t ExportText) error {
	finds, err := secret.Search(ctx, bytes.NewReader(t.Text), int64(len(t.Text)), t.Kind)
	if err != nil {
		return fmt.Errorf("searching %s for secrets: %w", t.Place, err)
	}
	for _, f := range finds {
		run := ""
		if len(t.Runs) == 1 {
			run = t.Runs[0].ID
		}
		if s.known[f.Fingerprint+run] || run == "" && s.known[f.Fingerprint] || s.allows(t, f) {
			continue
		}
		s.known[f.Fingerprint+run], s.known[f.Fingerprint] = true, true
		s.findings = append(s.findings, ExportFinding{
			Place: Finding{Find: f}.placeIn(t.Place), Run: run, Find: f,
		})
	}
	return nil
}

// allows reports whether the configuration allows a finding. An entry that is limited by path counts if it covers a
// file that the text is made from.
func (s *ExportSearch) allows(t ExportText, f secret.Find) bool {
	files := t.Files
	if files == nil {
		for _, run := range t.Runs {
			for _, name := range []string{repo.RecordName, format.ValuesName, format.ArtifactsName} {
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

// Err returns an *ExportSecretsError with a hint if a secret was found.
func (s *ExportSearch) Err() error {
	if len(s.findings) == 0 {
		return nil
	}
	hint := ""
	first := s.findings[0]
	if first.Run != "" {
		hint = "run 'runs redact " + format.IDRandom(first.Run) + " --finds' and rotate the secret, or "
	}
	return &repo.HintError{
		Err: &ExportSecretsError{s.findings},
		Hint: hint + "allow a false positive: add [[secrets.allow]] reason = \"…\", fingerprint = \"" + first.Fingerprint +
			"\" to .runs/config.toml",
	}
}
