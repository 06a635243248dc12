package view

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/gitruns/runs/format"
)

// maxPatchBytes is how much of a source patch a page gets.
const maxPatchBytes = 4 << 20

// RunSource is what a page says about the source of a run, next to the record.
type RunSource struct {
	Missing string `json:"missing"` // why the source is not all of the code that ran; empty if it is
	Patches int    `json:"patches"` // 0 if the source is exactly the commit
	Link    string `json:"link"`    // the page of the commit, with https; empty if the forge is not known
}

func sourceOf(r *format.Run) *RunSource {
	if r.Source == nil {
		return nil
	}
	s := &RunSource{Missing: r.Source.Missing(), Patches: len(r.Source.AllPatches())}
	if r.Source.Commit != "" {
		s.Link = commitLink(r.Source.Remote, r.Source.Commit)
	}
	return s
}

// forges maps hosts to what stands between the path of a repository and a commit in the address of the commit.
var forges = map[string]string{
	"github.com": "/commit/", "gitlab.com": "/-/commit/", "codeberg.org": "/commit/", "bitbucket.org": "/commits/",
	"gitea.com": "/commit/", "git.sr.ht": "/commit/", "huggingface.co": "/commit/",
}

// commitLink returns the address of a commit at a forge that is known, always with https, or "". The remote may be
// anything.
func commitLink(remote, commit string) string {
	if strings.Trim(commit, "0123456789abcdef") != "" {
		return ""
	}
	host, path := "", ""
	if u, err := url.Parse(remote); err == nil && u.Host != "" {
		switch u.Scheme {
		case "https", "http", "ssh", "git":
			host, path = u.Hostname(), u.Path
		}
	} else if at, rest, ok := strings.Cut(remote, ":"); ok && !strings.Contains(at, "/") { // user@host:path
		_, after, found := strings.Cut(at, "@")
		if !found {
			after = at
		}
		host, path = after, rest
	}
	between, ok := forges[strings.ToLower(host)]
	path = strings.Trim(strings.TrimSuffix(strings.Trim(path, "/"), ".git"), "/")
	if !ok || path == "" {
		return ""
	}
	for part := range strings.SplitSeq(path, "/") {
		if part == "" || part == "." || part == ".." ||
			strings.Trim(part, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~") != "" {
			return ""
		}
	}
	return "https://" + strings.ToLower(host) + "/" + path + between + commit
}

var errPatchCut = errors.New("the patch is longer than what is shown")

// Patch returns the source of a run as patches of its base commit, one after another, as 'runs show --source' prints
// them. Of more than 4 MiB, it returns the beginning, up to the end of a line, and a last line that says so. If no
// source was recorded, or a patch is not in this clone, the error is a *NotFoundError.
func (v *View) Patch(ctx context.Context, run string) ([]byte, error) {
	e, err := v.readable(ctx, run)
	if err != nil {
		return nil, err
	}
	if e.Source == nil || e.Source.Tree == "" {
		return nil, missing("", "the source of run %s was not recorded: the run was outside Git, or Git failed", e.ID)
	}
	var out bytes.Buffer
	err = e.Repository().EachPatch(ctx, e.Run, func(patch io.Reader) error {
		room := int64(maxPatchBytes - out.Len())
		n, err := io.Copy(&out, io.LimitReader(patch, room+1))
		if err == nil && n > room {
			return errPatchCut
		}
		return err
	})
	switch {
	case errors.Is(err, errPatchCut):
		data := out.Bytes()[:maxPatchBytes]
		data = data[:bytes.LastIndexByte(data, '\n')+1]
		return fmt.Appendf(data, "[cut after %d bytes: run 'runs show %s --source' for all of it]\n", len(data), e.ID), nil
	case err != nil && ctx.Err() == nil:
		return nil, unreadable("reading the source", err)
	}
	return out.Bytes(), err
}
