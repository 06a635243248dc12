package share

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/regular"
	"github.com/gitruns/runs/repo/secret"
)

// leak holds the fields that we use from an entry of a gitleaks report.
type leak struct {
	RuleID    string
	File      string
	StartLine int64
	Secret    string
}

// maxReport is the number of bytes of a report that are read.
const maxReport = 64 << 20

// askGitleaks searches the same files with the program gitleaks, if it is installed, and adds what it finds. If
// gitleaks fails, it returns a warning and no error, because our own search has been made.
func (p *plan) askGitleaks(ctx context.Context) string {
	program, err := exec.LookPath("gitleaks")
	if err != nil {
		return ""
	}
	leaks, err := p.runGitleaks(ctx, program)
	if err != nil {
		return fmt.Sprintf("gitleaks failed, so only the built-in search was made: %v", err)
	}
	found := map[string][]secret.Find{}
	for _, l := range leaks {
		found[l.File] = append(found[l.File], l.find())
	}
	for i, file := range p.finds {
		p.finds[i].finds = merge(file.finds, found[file.name])
		delete(found, file.name)
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		p.finds = append(p.finds, fileFinds{name, found[name]})
	}
	return ""
}

func (l *leak) find() secret.Find {
	return secret.Find{
		Rule: "gitleaks:" + l.RuleID, Line: max(l.StartLine, 1), Fingerprint: secret.Fingerprint([]byte(l.Secret)),
	}
}

// runGitleaks runs gitleaks on a folder that contains only these files.
func (p *plan) runGitleaks(ctx context.Context, program string) ([]leak, error) {
	// usually on the same file system, so files can be linked
	folder := filepath.Join(p.repo.CacheDir(), "search-"+format.RandomLetters(8))
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	if err := os.Chmod(folder, 0o700); err != nil {
		return nil, err
	}
	for name := range p.files() {
		if path.Dir(name) == repo.RemovedName {
			continue
		}
		to := filepath.Join(folder, leakTree, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return nil, err
		}
		from := filepath.Join(p.repo.Dir, filepath.FromSlash(name))
		if os.Link(from, to) != nil {
			if err := copyPrivate(to, from); err != nil {
				return nil, err
			}
		}
	}
	return callGitleaks(ctx, program, folder, p.repo.Git.Root)
}

// leakTree is the folder of the files that gitleaks searches.
const leakTree = "tree"

// callGitleaks runs gitleaks on the files in the folder leakTree of a folder, with the settings of a project. The
// report contains the secrets: the folder must be one that only this user can read, and the caller removes it.
func callGitleaks(ctx context.Context, program, folder, project string) ([]leak, error) {
	tree := filepath.Join(folder, leakTree)
	report := filepath.Join(folder, "report.json")
	flags := []string{
		"--no-banner", "--report-format", "json", "--report-path", report, "--exit-code", "0", "--log-level",
		"error",
	}
	if own := filepath.Join(project, ".gitleaks.toml"); project != "" && isRegular(own) {
		flags = append(flags, "--config", own)
	}
	// The command is dir since version 8.19. Before, it was detect with --no-git.
	var output []byte
	var err error
	for _, call := range [][]string{{"dir"}, {"detect", "--no-git", "--source"}} {
		args := append(append(call[:len(call):len(call)], tree), flags...)
		cmd := exec.CommandContext(ctx, program, args...)
		cmd.Dir = folder
		output, err = cmd.CombinedOutput()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err == nil && isRegular(report) {
			return readReport(report, tree)
		}
		if err == nil {
			err = errors.New("it wrote no report")
		}
	}
	if line := lastLine(string(output)); line != "" {
		err = fmt.Errorf("%w: %s", err, line)
	}
	return nil, err
}

func isRegular(file string) bool {
	info, err := os.Lstat(file)
	return err == nil && info.Mode().IsRegular()
}

func lastLine(text string) string {
	text = strings.TrimSpace(text)
	line := text[strings.LastIndexByte(text, '\n')+1:]
	return line[:min(len(line), 200)]
}

func copyPrivate(to, from string) error {
	src, err := regular.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = src.Close() }()
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Close())
}

// readReport reads a report and makes its file names relative to .runs.
func readReport(report, tree string) ([]leak, error) {
	f, err := regular.Open(report)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxReport))
	if err != nil {
		return nil, err
	}
	var leaks []leak
	if err := json.Unmarshal(data, &leaks); err != nil {
		return nil, fmt.Errorf("its report cannot be read: %w", err)
	}
	for i := range leaks {
		file := leaks[i].File
		if rel, err := filepath.Rel(tree, file); err == nil && filepath.IsAbs(file) {
			file = rel
		}
		leaks[i].File = strings.TrimPrefix(path.Clean(filepath.ToSlash(file)), "tree/")
	}
	return leaks, nil
}
