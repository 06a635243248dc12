package git

import (
	"errors"
	"slices"
	"strings"
)

// Hint returns the next step for a user, or an empty string if none is known. Git's own advice is lost otherwise: an
// error is one line, and many calls of Git are not ones that a user would recognize.
func (e *Error) Hint() string {
	if e.next != "" {
		return e.next
	}
	for _, a := range advice {
		for _, sign := range a.signs {
			if strings.Contains(e.Output, sign) {
				if a.from != nil {
					if hint := a.from(e); hint != "" {
						return hint
					}
				}
				return a.hint
			}
		}
	}
	return ""
}

// WithHint returns the text of an error, followed by the next step if Git's failure suggests one. It is for warnings,
// which have no line of their own for a hint.
func WithHint(err error) string {
	var failed *Error
	if errors.As(err, &failed) {
		if hint := failed.Hint(); hint != "" {
			return err.Error() + "; " + hint
		}
	}
	return err.Error()
}

// Inconclusive reports whether Git failed because it refuses the repository or cannot read it, so that the failure says
// nothing about whether what was asked for exists.
func Inconclusive(err error) bool {
	var failed *Error
	return errors.As(err, &failed) && slices.ContainsFunc(inconclusive, func(sign string) bool {
		return strings.Contains(failed.Output, sign)
	})
}

// noIdentity begins what is reported without the git program if Git is not told who the user is.
const noIdentity = "no name and email of the "

var inconclusive = []string{
	"detected dubious ownership", "unsafe repository", "unknown repository extension", "Expected git repo version",
	"bad config", "bad boolean config value", "bad numeric config value", "not a git repository",
	"inflate: data stream error", "is corrupt", "does not match index", "unable to read", "missing object",
}

// advice lists what Git says, in the language C, and what to do about it. The first that fits counts.
var advice = []struct {
	signs []string
	hint  string
	from  func(*Error) string // makes the hint from Git's output; may be nil
}{
	{
		[]string{"Smudge error", "Error downloading object"},
		"run 'git lfs fetch' to see what the LFS server lacks, or set GIT_LFS_SKIP_SMUDGE=1 to take pointers instead", nil,
	},
	{
		signs: []string{"git-lfs filter-process", "git-lfs: not found"},
		hint:  "install git-lfs, which the attributes of a file ask for",
	},
	{
		[]string{"detected dubious ownership", "unsafe repository ("},
		"run 'git status' there to see how to trust the repository", trustedFolder,
	},
	{
		[]string{"gpg failed to sign", "Couldn't load public key", "signingKey needs to be set", "cannot run gpg"},
		"set a key that exists with 'git config user.signingKey KEY', or run 'git config commit.gpgSign false'", nil,
	},
	{
		[]string{
			"Please tell me who you are", "Author identity unknown", "Committer identity unknown", "empty ident name",
			"no email was given", "no name was given", "unable to auto-detect email address", "ident name consists only of",
		},
		"run 'git config user.name NAME' and 'git config user.email EMAIL'", nil,
	},
	{
		[]string{noIdentity},
		"set user.name and user.email in .git/config, or GIT_AUTHOR_NAME, GIT_AUTHOR_EMAIL, GIT_COMMITTER_NAME and " +
			"GIT_COMMITTER_EMAIL", nil,
	},
	{
		[]string{"Host key verification failed"},
		"connect to the host once with ssh and check its key", nil,
	},
	{
		[]string{"Permission denied (publickey"},
		"add your ssh key with 'ssh-add', or register it at the host", nil,
	},
	{
		[]string{
			"could not read Username", "could not read Password", "Authentication failed", "terminal prompts disabled",
			"Invalid username or", "HTTP Basic: Access denied", "The requested URL returned error: 401",
			"The requested URL returned error: 403",
		},
		"sign in with 'git fetch' once, or set up a credential helper ('git help credentials')", nil,
	},
	{
		[]string{
			"Could not resolve host", "Connection refused", "Connection timed out", "Network is unreachable",
			"Could not resolve hostname", "Failed to connect to", "Couldn't connect to server",
		},
		"check the network and the URL ('git remote -v')", nil,
	},
	{
		[]string{"does not appear to be a git repository", "Repository not found", "repository not found"},
		"check the URL ('git remote -v') and that you may read it", nil,
	},
	{
		[]string{"SSL certificate problem", "server certificate verification failed"},
		"set the certificate with 'git config http.sslCAInfo FILE'", nil,
	},
	{
		[]string{".lock': File exists", "Another git process seems to be running"},
		"wait until the other Git process ends; if none is running, remove the lock file", lockFile,
	},
	{
		[]string{"unmerged", "you need to resolve your current index first", "have not concluded your merge"},
		"resolve the conflicts that 'git status' lists, then run 'git add' on each file", nil,
	},
	{
		[]string{"unknown repository extension", "Expected git repo version"},
		"update Git: this repository needs a newer version", nil,
	},
	{
		[]string{"bad config", "bad boolean config value", "bad numeric config value"},
		"correct that setting; 'git config --list --show-origin' shows where each is", nil,
	},
	{
		[]string{"No space left on device", "Disk quota exceeded"},
		"free some space and repeat the command", nil,
	},
	{
		[]string{"Permission denied", "insufficient permission", "Read-only file system"},
		"check the owner and the permissions of the repository's files", nil,
	},
	{
		[]string{"promisor remote", "could not fetch"},
		"run 'git fetch' where the remote can be reached: this clone lacks some objects", nil,
	},
	{
		[]string{"index file smaller than expected", "index file corrupt", "bad index file"},
		"remove the damaged .git/index and run 'git reset'", nil,
	},
	{
		[]string{"not a git repository"},
		"run 'git status' to see what is wrong with the .git folder", nil,
	},
	{
		[]string{
			"loose object", "is corrupt", "bad object", "object corrupt or missing", "unable to read tree",
			"unable to read sha1 file", "inflate: data stream error", "missing blob", "missing tree", "missing commit",
			"invalid object", "not a valid object name", "Could not read", "bad signature", "missing object",
			"not a tree object", "No such ref", "bad tree object", "broken", "packfile", "failed to unpack tree object",
		},
		"run 'git fsck' to see what is damaged", nil,
	},
}

// trustedFolder returns the command that Git prints for a repository of another owner.
func trustedFolder(e *Error) string {
	for line := range strings.Lines(e.Output) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "git config --global --add safe.directory ") {
			return "run: " + line
		}
	}
	return ""
}

// lockFile names the lock that is in the way.
func lockFile(e *Error) string {
	_, rest, ok := strings.Cut(e.Output, "Unable to create '")
	name, _, ended := strings.Cut(rest, "': File exists")
	if !ok || !ended || strings.Contains(name, "\n") {
		return ""
	}
	return "wait until the other Git process ends; if none is running, remove " + name
}
