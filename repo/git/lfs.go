package git

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gitruns/runs/repo/regular"
)

// ErrNoLFS means that Git LFS is not installed.
var ErrNoLFS = errors.New("git-lfs is not installed")

// LFSFilters reports whether Git LFS stores a file of the working tree when it is added. For that, the attributes must
// select its filter, and the filter must be configured.
func LFSFilters(ctx context.Context, dirs Dirs, path string) (bool, error) {
	if filter, err := dirs.worktree().filterOf(ctx, path); err != nil || filter != "lfs" {
		return false, err
	}
	if _, err := exec.LookPath("git-lfs"); err != nil {
		return false, ErrNoLFS
	}
	values, err := ConfigOf(ctx, dirs, `^filter\.lfs\.(clean|process)$`)
	return len(values) > 0, err
}

// filterOf returns the attribute filter of a path.
func (p program) filterOf(ctx context.Context, path string) (string, error) {
	out, err := p.command().run(ctx, "check-attr", "-z", "filter", "--", path)
	if fields := strings.Split(string(out), "\x00"); len(fields) >= 3 {
		return fields[2], err
	}
	return "", err
}

// InstallLFS configures the filter and hooks of Git LFS for this clone only.
func InstallLFS(ctx context.Context, dirs Dirs) error {
	if _, err := exec.LookPath("git-lfs"); err != nil {
		return ErrNoLFS
	}
	_, err := dirs.command().run(ctx, "lfs", "install", "--local")
	return err
}

// PushLFS uploads the LFS objects that a commit needs and the remote lacks. It does the same as the pre-push hook of
// Git LFS, which not every clone has.
func PushLFS(ctx context.Context, dirs Dirs, remote, commit string) error {
	if _, err := exec.LookPath("git-lfs"); err != nil {
		return ErrNoLFS
	}
	ref := "refs/runs/lfs/" + commit // Git LFS accepts only a ref
	if err := UpdateRefs(ctx, dirs, "runs push", RefUpdate{Ref: ref, New: commit}); err != nil &&
		!errors.Is(err, ErrMoved) {
		return err
	}
	defer DeleteRef(ctx, dirs, ref)
	_, err := dirs.network().run(ctx, "lfs", "push", "--", remote, ref)
	return err
}

// Smudge writes the content that a pointer of Git LFS refers to. It fetches the content if it is missing.
func Smudge(ctx context.Context, dirs Dirs, pointer []byte, path string, w io.Writer) error {
	if _, err := exec.LookPath("git-lfs"); err != nil {
		return ErrNoLFS
	}
	c := dirs.network()
	// This is not a checkout, for which the user may have set GIT_LFS_SKIP_SMUDGE.
	c.env = append(c.env, "GIT_LFS_SKIP_SMUDGE=0")
	c.stdin = strings.NewReader(string(pointer))
	return c.stream(ctx, w, "lfs", "smudge", "--", path)
}

// ReadLFS writes the content that the server of Git LFS has for a pointer. It fetches the content even if this clone
// has it: Git LFS runs in a temporary Git folder with the settings of this one and no objects.
func ReadLFS(ctx context.Context, dirs Dirs, pointer []byte, path string, w io.Writer) error {
	if _, err := exec.LookPath("git-lfs"); err != nil {
		return ErrNoLFS
	}
	dir, err := TemporaryIn(dirs.Temporary(), "runs-lfs-") // artifacts may be too large for the system's folder
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	head, err := regular.ReadFile(filepath.Join(dirs.Git, "HEAD")) // its branch may have a remote of its own
	if err != nil {
		return err
	}
	settings := "[include]\n\tpath = " + quoteConfig(filepath.Join(dirs.Common, "config")) +
		"\n[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tworktree = " + quoteConfig(dirs.Root) + "\n"
	if err := errors.Join(
		os.WriteFile(filepath.Join(dir, "HEAD"), head, 0o666),
		os.WriteFile(filepath.Join(dir, "config"), []byte(settings), 0o666),
		os.Mkdir(filepath.Join(dir, "objects"), 0o777), os.Mkdir(filepath.Join(dir, "refs"), 0o777),
	); err != nil {
		return err
	}
	c := Dirs{Root: dirs.Root, Git: dir, Common: dir}.network()
	c.env = append(c.env, "GIT_LFS_SKIP_SMUDGE=0", "GIT_DIR="+dir, "GIT_WORK_TREE="+dirs.Root, "GIT_COMMON_DIR="+dir)
	c.stdin = strings.NewReader(string(pointer))
	return c.stream(ctx, w, "lfs", "smudge", "--", path)
}

// quoteConfig quotes a value for a file of Git's configuration.
func quoteConfig(value string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(filepath.ToSlash(value)) + `"`
}

// LFSEndpoints returns the addresses to which a committed .lfsconfig directs Git LFS. Like Git LFS, it reads the file
// of the working tree, or otherwise that of the index or of HEAD.
func LFSEndpoints(ctx context.Context, dirs Dirs) ([]string, error) {
	name := filepath.Join(dirs.Root, ".lfsconfig")
	if _, err := os.Lstat(name); err == nil {
		return lfsEndpoints(ctx, dirs.command(), "--file", name)
	}
	for _, blob := range []string{":.lfsconfig", "HEAD:.lfsconfig"} {
		urls, err := lfsEndpoints(ctx, dirs.command(), "--blob", blob)
		var failed *Error
		if errors.As(err, &failed) { // there is no such file
			continue
		}
		if err != nil || len(urls) > 0 {
			return urls, err
		}
	}
	return nil, nil
}

// LFSEndpoints returns the addresses to which the .lfsconfig of the index directs Git LFS.
func (s *Scratch) LFSEndpoints(ctx context.Context) ([]string, error) {
	if s.own != nil {
		return s.own.lfsEndpoints()
	}
	urls, err := lfsEndpoints(ctx, s.cmd, "--blob", ":.lfsconfig")
	var failed *Error
	if errors.As(err, &failed) {
		return nil, nil
	}
	return urls, err
}

// SkipLFS makes the scratch write the pointers of Git LFS instead of fetching files.
func (s *Scratch) SkipLFS() { s.skipLFS = true }

// lfsKeys matches the settings with the addresses of servers of Git LFS.
const lfsKeys = `^(lfs\.(push)?url|remote\..*\.lfs(push)?url)$`

func lfsEndpoints(ctx context.Context, c command, kind, from string) ([]string, error) {
	out, err := c.run(ctx, "config", kind, from, "-z", "--get-regexp", lfsKeys)
	var failed *Error
	if err != nil && !(errors.As(err, &failed) && failed.Code == 1) { // 1: no such key
		return nil, err
	}
	var urls []string
	for entry := range strings.SplitSeq(string(out), "\x00") {
		if _, url, ok := strings.Cut(entry, "\n"); ok && url != "" {
			urls = append(urls, url)
		}
	}
	slices.Sort(urls)
	return slices.Compact(urls), nil
}
