package capture

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/git"
)

// Origin is who runs which code.
type Origin struct {
	Author string
	Source *format.Source // nil outside git
}

// ReadOrigin asks git for the author and the state of the project at root. What it cannot know is said in warnings:
// recording goes on without.
func ReadOrigin(ctx context.Context, root string, inGit bool) (Origin, []string) {
	var o Origin
	var warnings []string
	config, err := git.Config(ctx, root, `^(user\.(name|email)|remote\..*\.url)$`)
	switch {
	case errors.Is(err, git.ErrNoGit):
		if inGit {
			warnings = append(warnings, "git is not installed: the source is not recorded")
		}
		return o, warnings
	case err != nil:
		return o, append(warnings, "the author is not recorded: "+err.Error())
	}
	o.Author = author(config)
	if !inGit {
		return o, warnings
	}
	head, err := git.ReadHead(ctx, root)
	if err != nil {
		return o, append(warnings, "the source is not recorded: "+err.Error())
	}
	o.Source = &format.Source{Commit: head.Commit, Branch: head.Branch, Dirty: head.Dirty, Remote: git.RemoteWithoutCredentials(remote(config))}
	return o, warnings
}

// author is git's identity; its environment variables come first, as in git.
func author(config map[string]string) string {
	name, email := os.Getenv("GIT_AUTHOR_NAME"), os.Getenv("GIT_AUTHOR_EMAIL")
	if name == "" {
		name = config["user.name"]
	}
	if email == "" {
		email = config["user.email"]
	}
	switch {
	case email == "":
		return name
	case name == "":
		return "<" + email + ">"
	}
	return name + " <" + email + ">"
}

// remote prefers origin; without it the only one there is.
func remote(config map[string]string) string {
	if url := config["remote.origin.url"]; url != "" {
		return url
	}
	only := ""
	for key, url := range config {
		if strings.HasPrefix(key, "remote.") {
			if only != "" {
				return ""
			}
			only = url
		}
	}
	return only
}

// Portable replaces the project's root by {project} and the home folder by ~ in an argument, so that a record names no
// path of one machine.
func Portable(root, arg string) string {
	arg = replacePath(arg, root, "{project}")
	if home, err := os.UserHomeDir(); err == nil {
		arg = replacePath(arg, home, "~")
	}
	return arg
}

// replacePath replaces dir where it stands as a whole path or the beginning of one.
func replacePath(arg, dir, with string) string {
	if len(dir) < 2 {
		return arg
	}
	var b strings.Builder
	for {
		i := strings.Index(arg, dir)
		if i < 0 {
			b.WriteString(arg)
			return b.String()
		}
		after := arg[i+len(dir):]
		starts := i == 0 || !isPathByte(arg[i-1])
		ends := after == "" || after[0] == filepath.Separator || after[0] == '/' || !isPathByte(after[0])
		b.WriteString(arg[:i])
		if starts && ends {
			b.WriteString(with)
		} else {
			b.WriteString(dir)
		}
		arg = after
	}
}

func isPathByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.' || c == '/'
}
