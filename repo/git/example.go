package git

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
)

// Example is a repository that a program makes as an example. It does not depend on a repository in the environment, or
// on the user's identity, hooks and signing.
type Example struct{ Dir string } // the working tree, which must exist

// ownRepository lists the variables that make Git use a repository other than that of the folder it runs in.
var ownRepository = []string{
	"GIT_DIR=", "GIT_WORK_TREE=", "GIT_INDEX_FILE=", "GIT_OBJECT_DIRECTORY=", "GIT_COMMON_DIR=", "GIT_NAMESPACE=",
}

// WithoutRepository returns an environment without the variables that select a repository.
func WithoutRepository(environment []string) []string {
	return slices.DeleteFunc(slices.Clone(environment), func(v string) bool {
		return slices.ContainsFunc(ownRepository, func(prefix string) bool { return strings.HasPrefix(v, prefix) })
	})
}

func (e Example) git(ctx context.Context, stdin []byte, commands ...[]string) error {
	for _, args := range commands {
		c := command{dir: e.Dir, stdin: bytes.NewReader(stdin), anywhere: true}
		if _, err := c.run(ctx, args...); err != nil {
			return err
		}
	}
	return nil
}

// exampleBranch is the branch of every example, whatever the user has configured.
const exampleBranch = "refs/heads/main"

// Init makes the repository and sets the author of its commits.
func (e Example) Init(ctx context.Context, name, email string) error {
	return e.git(ctx, nil,
		[]string{"init", "-q"},
		[]string{"config", "user.name", name},
		[]string{"config", "user.email", email},
		[]string{"config", "commit.gpgSign", "false"},
		[]string{"config", "core.hooksPath", os.DevNull},
		[]string{"symbolic-ref", "HEAD", exampleBranch},
	)
}

// CommitAll commits every file of the working tree.
func (e Example) CommitAll(ctx context.Context, message string) error {
	return e.git(ctx, nil, []string{"add", "-A"}, []string{"commit", "-q", "-m", message})
}

// Apply applies a patch to the working tree.
func (e Example) Apply(ctx context.Context, patch []byte) error {
	return e.git(ctx, patch, []string{"apply"})
}

// Restore undoes the changes of a file.
func (e Example) Restore(ctx context.Context, path string) error {
	return e.git(ctx, nil, []string{"checkout", "-q", "--", path})
}

// Publish makes a bare repository, which must not exist yet, adds it as origin, and pushes the branch to it.
func (e Example) Publish(ctx context.Context, bare string) error {
	return e.git(ctx, nil,
		[]string{"init", "-q", "--bare", bare},
		[]string{"--git-dir=" + bare, "symbolic-ref", "HEAD", exampleBranch},
		[]string{"remote", "add", "origin", bare},
		[]string{"push", "-q", "-u", "origin", strings.TrimPrefix(exampleBranch, "refs/heads/")},
	)
}

// Clone clones a repository into a folder, which must not exist yet.
func (e Example) Clone(ctx context.Context, from, to string) (Example, error) {
	if err := e.git(ctx, nil, []string{"clone", "-q", from, to}); err != nil {
		return Example{}, fmt.Errorf("cloning %s: %w", from, err)
	}
	return Example{to}, nil
}
