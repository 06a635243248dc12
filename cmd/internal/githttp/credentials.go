package githttp

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/gitruns/runs/repo/git/gitconfig"
	"github.com/gitruns/runs/repo/regular"
)

// credential is a user name and a password.
type credential struct{ user, password string }

// whole reports whether nothing is missing.
func (c credential) whole() bool { return c.user != "" && c.password != "" }

// origin names a server, as the owner of credentials.
func origin(u *url.URL) string { return strings.ToLower(u.Scheme + "://" + u.Host) }

// find looks for the credentials of a server: in its URL, in .netrc, in the files of git-credential-store, and at last
// it asks the program of GIT_ASKPASS. Each of them names the server. found is false if nobody knows them. others are
// the helpers that only Git runs.
func (s *settings) find(ctx context.Context, u *url.URL, given credential) (c credential, others []string, found bool) {
	if given.whole() {
		return given, nil, true
	}
	user := given.user
	if c, ok := fromNetrc(u.Hostname(), user); ok {
		return c, nil, true
	}
	if user == "" {
		user = s.username
	}
	for _, helper := range s.helpers {
		files, ok := storeFiles(helper)
		if !ok {
			others = append(others, helper)
			continue
		}
		for _, file := range files {
			if c, ok := s.fromStore(file, u, user); ok {
				return c, others, true
			}
		}
	}
	if s.ask == "" {
		return credential{}, others, false
	}
	place := origin(u)
	if s.usePath {
		place += u.Path
	}
	if user == "" {
		if user = s.prompt(ctx, "Username for '"+place+"': "); user == "" {
			return credential{}, others, false
		}
	}
	scheme, rest, _ := strings.Cut(place, "://")
	c = credential{user, s.prompt(ctx, "Password for '"+scheme+"://"+url.PathEscape(user)+"@"+rest+"': ")}
	return c, others, c.whole()
}

// maxAnswer is the longest answer to a prompt.
const maxAnswer = 64 << 10

// prompt asks the program for a word. It returns an empty text if there is none.
func (s *settings) prompt(ctx context.Context, text string) string {
	cmd := exec.CommandContext(ctx, s.ask, text)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil || len(out) > maxAnswer {
		return ""
	}
	line, _, _ := bytes.Cut(out, []byte("\n"))
	return strings.TrimSuffix(string(line), "\r")
}

// storeFiles returns the files that a helper of the settings reads. ok is false if it is not git-credential-store.
func storeFiles(helper string) (files []string, ok bool) {
	words := strings.Fields(helper)
	if len(words) == 0 || words[0] != "store" || len(words) > 3 {
		return nil, false
	}
	home, err := os.UserHomeDir()
	expand := func(path string) string {
		if rest, ok := strings.CutPrefix(path, "~/"); ok {
			return filepath.Join(home, rest)
		}
		return path
	}
	switch {
	case len(words) == 2 && strings.HasPrefix(words[1], "--file="):
		return []string{expand(strings.Trim(strings.TrimPrefix(words[1], "--file="), `"'`))}, true
	case len(words) == 3 && words[1] == "--file":
		return []string{expand(strings.Trim(words[2], `"'`))}, true
	case len(words) > 1:
		return nil, false
	}
	if err == nil {
		files = append(files, filepath.Join(home, ".git-credentials"))
	}
	if file := gitconfig.InUserFolder("credentials", os.LookupEnv); file != "" {
		files = append(files, file)
	}
	return files, true
}

// fromStore looks for the credentials of a URL in a file of git-credential-store.
func (s *settings) fromStore(file string, u *url.URL, user string) (credential, bool) {
	data, err := regular.ReadFile(file)
	if err != nil {
		return credential{}, false
	}
	for line := range strings.Lines(string(data)) {
		known, err := url.Parse(strings.TrimRight(line, "\r\n"))
		if err != nil || known.User == nil || origin(known) != origin(u) {
			continue
		}
		path := strings.Trim(known.Path, "/")
		if s.usePath && path != strings.Trim(u.Path, "/") {
			continue
		}
		password, _ := known.User.Password()
		c := credential{known.User.Username(), password}
		if c.whole() && (user == "" || user == c.user) {
			return c, true
		}
	}
	return credential{}, false
}

// fromNetrc looks for the credentials of a host in the user's .netrc. The entry without a host is not used, because it
// would give them to any server.
func fromNetrc(host, user string) (credential, bool) {
	home, err := os.UserHomeDir()
	if err != nil {
		return credential{}, false
	}
	for _, name := range []string{".netrc", "_netrc"} {
		data, err := regular.ReadFile(filepath.Join(home, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return credential{}, false
		}
		return parseNetrc(string(data), host, user)
	}
	return credential{}, false
}

// parseNetrc looks for a machine in the text of a .netrc.
func parseNetrc(text, host, user string) (credential, bool) {
	words := netrcWords(text)
	next := func() string {
		if len(words) == 0 {
			return ""
		}
		word := words[0]
		words = words[1:]
		return word
	}
	var c credential
	here := false
	for len(words) > 0 {
		switch next() {
		case "machine":
			if here && c.whole() && (user == "" || user == c.user) {
				return c, true
			}
			c, here = credential{}, strings.EqualFold(next(), host)
		case "default":
			if here && c.whole() && (user == "" || user == c.user) {
				return c, true
			}
			c, here = credential{}, false
		case "login":
			c.user = next()
		case "password":
			c.password = next()
		case "account":
			next()
		}
	}
	return c, here && c.whole() && (user == "" || user == c.user)
}

// netrcWords splits the text of a .netrc into words, without comments and the bodies of macros. A word in double quotes
// may have spaces.
func netrcWords(text string) []string {
	var words []string
	macro := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if macro {
			macro = line != ""
			continue
		}
		for line != "" && line[0] != '#' {
			var word string
			if line[0] == '"' {
				var b strings.Builder
				i := 1
				for ; i < len(line) && line[i] != '"'; i++ {
					if line[i] == '\\' && i+1 < len(line) {
						i++
					}
					b.WriteByte(line[i])
				}
				word, line = b.String(), line[min(i+1, len(line)):]
			} else {
				end := strings.IndexAny(line, " \t")
				if end < 0 {
					end = len(line)
				}
				word, line = line[:end], line[end:]
			}
			line = strings.TrimLeft(line, " \t")
			if word == "macdef" {
				macro = true
				break
			}
			words = append(words, word)
		}
	}
	return words
}
