package share

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
)

// Staged is the result of StageForCommit.
type Staged struct {
	*Committed
	Waiting WaitingRuns // that are not part of the commit
	Reason  string      // why they are not
}

// StageForCommit adds finished runs to the code commit that Git is making. Only the pre-commit hook may call it. It
// follows the same rules as Commit. If it is killed at any moment, the index either has all of the runs or is
// unchanged.
func StageForCommit(ctx context.Context, r *repo.Repository) (*Staged, error) {
	s := &Staged{Committed: &Committed{}}
	if !r.InGit {
		return s, nil
	}
	config, err := r.Config()
	if err == nil {
		err = config.Writable()
	}
	if err != nil {
		return s, err
	}
	if config.Commit.Branch != "" { // runs go to a branch of their own
		return s, nil
	}
	end, err := git.LockCommits(ctx, r.Git)
	if err != nil {
		return s, err
	}
	defer end()
	tip, err := git.ReadTip(ctx, r.Git)
	if err != nil {
		return s, err
	}
	trees, err := git.OpenTrees(ctx, r.Git)
	if err != nil {
		return s, err
	}
	defer trees.Close()
	w := writer{repo: r, trees: trees}
	defer w.close()
	err = w.stageRuns(ctx, tip, s)
	warning, keepErr := w.keepShared(ctx, tip.Commit)
	if warning != "" {
		s.Warnings = append(s.Warnings, warning)
	}
	return s, errors.Join(err, keepErr)
}

// stageRuns adds the runs to the index, or says why they wait.
func (w *writer) stageRuns(ctx context.Context, tip git.Tip, s *Staged) error {
	r := w.repo
	if _, err := takeOver(ctx, r, Request{}); err != nil {
		return err
	}
	var err error
	if s.Reason, err = w.reasonToWait(ctx, tip); err != nil {
		return err
	}
	if s.Reason != "" {
		s.Waiting, err = Uncommitted(ctx, r)
		return err
	}
	p, err := w.plan(ctx, tip.Commit, true)
	s.Committed = p.Committed
	if err == nil && !p.Empty() {
		err = w.stage(ctx, p, tip)
	}
	if err != nil {
		return err
	}
	warning, err := stagedAway(ctx, r.Git, w.trees, tip.Commit, p.at)
	if warning != "" {
		s.Warnings = append(s.Warnings, warning)
	}
	return err
}

// reasonToWait returns why runs cannot be part of the commit that Git is making. It is empty if they can.
func (w *writer) reasonToWait(ctx context.Context, tip git.Tip) (string, error) {
	dirs := w.repo.Git
	if name, _ := dirs.InProgress(); name != "" {
		return name + " is in progress, and aborting it would remove them", nil
	}
	switch git.IndexOfHook(dirs) {
	case git.NoHookIndex:
		return "only 'git commit' includes them", nil
	// After such a commit, the user's index would show the runs as removed.
	case git.PartHookIndex:
		return "a commit that names its files contains only those files", nil
	case git.OtherHookIndex:
		return "GIT_INDEX_FILE names another index", nil
	}
	if git.Merging(dirs) {
		return "", nil
	}
	from := tip.Commit
	if from == "" {
		var err error
		if from, err = w.trees.Empty(); err != nil {
			return "", err
		}
	}
	// Git checks that something is staged before it runs the hook. If nothing is, it makes no commit, and the runs
	// would stay in the index.
	staged, err := git.Staged(ctx, dirs, from)
	if err != nil || staged {
		return "", err
	}
	return "no code is staged; run 'runs commit' to commit only runs", nil
}

// stage adds the files of a plan to the index. It keeps them first, because `git reset --hard` deletes files that are
// in the index but in no commit.
func (w *writer) stage(ctx context.Context, p *plan, tip git.Tip) (err error) {
	o, err := git.Begin(ctx, w.repo.Git, "stage", format.RandomLetters(8))
	if err != nil {
		return err
	}
	defer closeOperation(o, &err)
	gone, err := p.gone(w.trees, tip.Commit)
	if err != nil {
		return err
	}
	// The next command completes the packing: the commit is still to come.
	k, err := w.packRuns(ctx, p, true)
	if err != nil {
		return err
	}
	if k != nil {
		defer k.close()
	}
	_, kept := p.edits()
	w.trees.WriteTo(p.objects)
	keep, err := w.keep(ctx, p, kept)
	if err != nil {
		return err
	}
	if err := p.store(ctx, func() error { return o.Stage(ctx, below(p.at, p.files()), gone) }); err != nil {
		return err
	}
	update, err := keep.commit(ctx, w.repo.Git)
	if err != nil {
		return err
	}
	var updates []git.RefUpdate
	if update.New != update.Old {
		updates = append(updates, update)
	}
	return o.FinishIndex(ctx, "runs: add to a code commit", updates...)
}

// HookSnippet returns the lines for .pre-commit-config.yaml with which the pre-commit framework runs the hook for
// everyone.
func HookSnippet(r *repo.Repository) (string, error) {
	call, _, err := hookCall(r)
	return `repos:
  - repo: local
    hooks:
      - id: runs
        name: add finished runs to the code commit
        entry: ` + call + `
        language: system
        always_run: true
        pass_filenames: false
`, err
}

// hookCall returns the command that runs the hook from the root of the working tree, and the path of the .runs folder.
func hookCall(r *repo.Repository) (call, of string, err error) {
	of, err = r.TreePath()
	if err != nil {
		return "", "", err
	}
	if strings.ContainsAny(of, "\n\r") {
		return "", "", fmt.Errorf("the path %q contains a line break", of)
	}
	call = "runs"
	if dir := path.Dir(of); dir != "." {
		call += " -C " + quote(dir)
	}
	return call + " hook pre-commit", of, nil
}

// quote quotes a text as one word for a shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// InstallHook adds the call of the hook to the script that runs before a commit, and leaves the rest of the script as
// it is. changed is false if the call was already there.
func InstallHook(ctx context.Context, r *repo.Repository) (h *git.Hook, changed bool, err error) {
	fail := func(err error) (*git.Hook, bool, error) {
		var refused *git.HookRefused
		if errors.As(err, &refused) {
			return h, false, &repo.HintError{Err: fmt.Errorf("installing the hook: %w", err), Hint: refused.Hint}
		}
		return h, false, fmt.Errorf("installing the hook: %w", err)
	}
	if !r.InGit {
		return fail(errors.New("this is not a Git repository"))
	}
	config, err := r.Config()
	if err != nil {
		return fail(err)
	}
	if config.Commit.Branch != "" {
		return nil, false, &repo.HintError{
			Err: fmt.Errorf("installing the hook: commit.branch sends runs to branch %s, not to code commits",
				config.Commit.Branch),
			Hint: "remove commit.branch from .runs/config.toml, or do not install the hook",
		}
	}
	if h, err = git.PreCommit(ctx, r.Git); err != nil {
		return fail(err)
	}
	of, body, err := hookBlock(r, h)
	if err != nil {
		return fail(err)
	}
	if changed, err = h.Add(of, body); err != nil {
		return fail(err)
	}
	return h, changed, nil
}

// hookBlock returns the text of the call, and the text that marks it in the script. In a script that belongs to one
// machine, the call also tries the path of this program, because graphical programs start Git with a short PATH.
func hookBlock(r *repo.Repository, h *git.Hook) (of, body string, err error) {
	call, of, err := hookCall(r)
	if err != nil {
		return "", "", err
	}
	condition := "[ -d " + quote(of) + " ]"
	if h.Place == git.HookOutside {
		common, err := filepath.EvalSymlinks(r.Git.Common)
		if err != nil {
			return "", "", err
		}
		condition = `[ "$(cd "$(git rev-parse --git-common-dir)" 2>/dev/null && pwd -P)" = ` + quote(common) + ` ] && ` +
			condition
		of = common + " " + of
	}
	places := `"${HOME:-}/.local/bin/runs" "${HOME:-}/go/bin/runs" /usr/local/bin/runs /opt/homebrew/bin/runs`
	if program, err := os.Executable(); err == nil && h.Place != git.HookOfProject {
		places = quote(filepath.ToSlash(program)) + " " + places
	}
	return of, `# Adds finished runs to code commits. 'runs init --without-code' removes this.
runs_status=$?
if [ "$runs_status" -eq 0 ] && ` + condition + `; then
	for runs_program in runs ` + places + ` ''; do
		if [ -z "$runs_program" ]; then
			echo "runs: the program 'runs' is not on this machine; no runs were added to the commit" >&2
		elif command -v "$runs_program" >/dev/null 2>&1; then
			"$runs_program"` + strings.TrimPrefix(call, "runs") + ` || :
			break
		fi
	done
fi
(exit "$runs_status")
`, nil
}

// RemoveHook removes the call of the hook and returns the scripts that contained it.
func RemoveHook(ctx context.Context, r *repo.Repository) ([]string, error) {
	if !r.InGit {
		return nil, nil
	}
	_, of, err := hookCall(r)
	if err != nil {
		return nil, fmt.Errorf("removing the hook: %w", err)
	}
	paths, err := git.RemovePreCommit(ctx, r.Git, of)
	if err == nil {
		var common string
		var more []string
		if common, err = filepath.EvalSymlinks(r.Git.Common); err == nil {
			more, err = git.RemovePreCommit(ctx, r.Git, common+" "+of)
			paths = append(paths, more...)
		}
	}
	if err != nil {
		err = fmt.Errorf("removing the hook: %w", err)
	}
	return paths, err
}
