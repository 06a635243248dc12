package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// FetchNotice is called before objects that a partial clone lacks are fetched.
type FetchNotice func(objects int)

// lacksObjects reports whether the clone is a partial one, by a look at the names of its packs.
func (d Dirs) lacksObjects() bool {
	packs, err := os.ReadDir(filepath.Join(d.Common, "objects", "pack"))
	return err == nil && slices.ContainsFunc(packs, func(e os.DirEntry) bool {
		return filepath.Ext(e.Name()) == ".promisor"
	})
}

// LacksObjects reports whether the clone is a partial one, which fetches objects when they are read.
func LacksObjects(dirs Dirs) bool { return dirs.lacksObjects() }

// Missing returns those of the objects that a partial clone lacks. It fetches nothing. In a full clone it returns
// none without looking.
func Missing(ctx context.Context, dirs Dirs, ids []string) ([]string, error) {
	return dirs.objects().missing(ctx, ids)
}

func (p program) missing(ctx context.Context, ids []string) ([]string, error) {
	if len(ids) == 0 || !p.lacksObjects() {
		return nil, nil
	}
	alone, remove, err := p.withoutRemote(ids[0])
	if err != nil {
		return nil, err
	}
	defer remove()
	alone.stdin = strings.NewReader(strings.Join(ids, "\n") + "\n")
	out, err := alone.run(ctx, "cat-file", "--batch-check=%(objectname)")
	if err != nil {
		return nil, err
	}
	var missing []string
	for line := range bytes.Lines(out) {
		if id, ok := strings.CutSuffix(strings.TrimSuffix(string(line), "\n"), " missing"); ok {
			missing = append(missing, id)
		}
	}
	slices.Sort(missing)
	return slices.Compact(missing), nil
}

// withoutRemote returns a command that reads the objects of the clone but does not know that it is a partial one:
// versions of Git before 2.45 fetch each object that they are asked about, one by one. like is the id of any object.
func (d Dirs) withoutRemote(like string) (c command, remove func(), err error) {
	dir, err := d.makeTemp("runs-objects-")
	if err != nil {
		return command{}, nil, err
	}
	remove = func() { _ = os.RemoveAll(dir) }
	config := "[core]\n\trepositoryformatversion = 0\n\tbare = true\n"
	if len(like) == 64 {
		config = "[core]\n\trepositoryformatversion = 1\n\tbare = true\n[extensions]\n\tobjectformat = sha256\n"
	}
	for name, text := range map[string]string{"HEAD": "ref: refs/heads/none\n", "config": config} {
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666)
		}
	}
	for _, name := range []string{"refs", "objects"} {
		if err == nil {
			err = os.Mkdir(filepath.Join(dir, name), 0o777)
		}
	}
	if err != nil {
		remove()
		return command{}, nil, fmt.Errorf("looking for objects in %s: %w", d.Common, err)
	}
	env := []string{"GIT_DIR=" + dir, "GIT_OBJECT_DIRECTORY=" + filepath.Join(d.Common, "objects")}
	return command{dir: dir, env: env, anywhere: true}, remove, nil
}

// Prefetch fetches those of the objects that a partial clone lacks, all with one request: Git itself would ask for each
// when it is read. It calls the notice of dirs before it uses the network. In a full clone it does nothing.
func Prefetch(ctx context.Context, dirs Dirs, ids []string) error {
	missing, err := Missing(ctx, dirs, ids)
	if err != nil || len(missing) == 0 {
		return err
	}
	remotes, err := promisors(ctx, dirs)
	if err != nil {
		return err
	}
	if dirs.OnFetch != nil {
		(*dirs.OnFetch)(len(missing))
	}
	for _, remote := range remotes {
		err = dirs.fetchObjects(ctx, remote, missing)
		if err == nil || ctx.Err() != nil {
			break
		}
	}
	if err != nil && ctx.Err() == nil {
		return &AbsentError{Objects: len(missing), Err: err}
	}
	return err
}

// maxUnknown is how many objects may be unknown to the remote in one request.
const maxUnknown = 20

// fetchObjects fetches objects by their ids. Those that the remote does not have are left missing: who reads one meets
// the error.
func (d Dirs) fetchObjects(ctx context.Context, remote string, ids []string) error {
	for tries := 0; ; tries++ {
		c := d.network()
		c.stdin = strings.NewReader(strings.Join(ids, "\n") + "\n")
		_, err := c.run(ctx, "-c", "fetch.negotiationAlgorithm=noop", "-c", "maintenance.auto=false", "-c", "gc.auto=0",
			"fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--recurse-submodules=no", "--filter=blob:none",
			"--stdin", remote)
		var failed *Error
		if !errors.As(err, &failed) || tries == maxUnknown {
			return err
		}
		_, rest, ok := strings.Cut(failed.Output, "not our ref ")
		unknown, _, _ := strings.Cut(rest, "\n")
		known := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return id == strings.TrimSpace(unknown) })
		if !ok || len(known) == len(ids) {
			return err
		}
		if ids = known; len(ids) == 0 {
			return nil
		}
	}
}

// prefetchOne is Prefetch for one blob, which is an id or REV:PATH. If there is none, reading it says so.
func (d Dirs) prefetchOne(ctx context.Context, object string) error {
	if !d.lacksObjects() {
		return nil
	}
	if strings.Contains(object, ":") {
		out, err := d.command().run(ctx, "rev-parse", "-q", "--verify", object)
		if err != nil {
			return nil
		}
		object = strings.TrimSpace(string(out))
	}
	return Prefetch(ctx, d, []string{object})
}

// AbsentError means that objects which a partial clone leaves at its remote could not be fetched.
type AbsentError struct {
	Objects int
	Err     error
}

func (e *AbsentError) Error() string {
	files := "1 file"
	if e.Objects != 1 {
		files = fmt.Sprintf("%d files", e.Objects)
	}
	return "fetching " + files + " that this partial clone lacks: " + e.Err.Error()
}

func (e *AbsentError) Unwrap() error { return e.Err }

// promisors lists the remotes that promised to keep the objects which this clone lacks.
func promisors(ctx context.Context, dirs Dirs) ([]string, error) {
	values, err := Config(ctx, dirs.Root, `^(remote\..*\.promisor|extensions\.partialclone)$`)
	if err != nil {
		return nil, err
	}
	var remotes []string
	for key, value := range values {
		name, ok := strings.CutSuffix(strings.TrimPrefix(key, "remote."), ".promisor")
		switch {
		case ok && (value == "" || value == "true" || value == "yes" || value == "on" || value == "1"):
			remotes = append(remotes, name)
		case key == "extensions.partialclone" && value != "":
			remotes = append(remotes, value)
		}
	}
	slices.Sort(remotes)
	remotes = slices.Compact(remotes)
	if len(remotes) == 0 {
		return nil, fmt.Errorf("objects are missing, and no remote of this clone has them: %w", ErrNoObject)
	}
	return remotes, nil
}
