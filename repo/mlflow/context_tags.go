package mlflow

import (
	"maps"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/git"
)

// Tags of MLflow's that say where a run comes from. Its client gives them to each run, each logged model and each
// dataset that a program made itself. A record has what they say elsewhere, and they are answered from there.
const (
	tagContexts = "mlflow.source."
	tagSource   = tagContexts + "name"
	tagType     = tagContexts + "type"
	tagCommit   = tagContexts + "git.commit"
	tagBranch   = tagContexts + "git.branch"
	tagRemote   = tagContexts + "git.repoURL"
	tagUser     = "mlflow.user"
)

// sourceLocal is the usual type of a source.
const sourceLocal = "LOCAL"

// contextTags returns these tags as the record of a run says them.
func contextTags(run *format.Run) map[string]string {
	tags := map[string]string{tagUser: run.Author}
	if s := run.Source; s != nil {
		tags[tagSource], tags[tagCommit], tags[tagBranch], tags[tagRemote] = s.Entry, s.Commit, s.Branch, s.Remote
		if s.Entry != "" {
			tags[tagType] = sourceLocal
		}
	}
	maps.DeleteFunc(tags, func(_, text string) bool { return text == "" })
	return tags
}

// withContext returns tags, and those of contextTags that are not among them.
func withContext(run *format.Run, tags map[string]string) map[string]string {
	all := contextTags(run)
	maps.Copy(all, tags)
	return all
}

// contextTag returns the value under which a tag is recorded. repeats is true for one of contextTags that says what the
// record of the run says, or names a file or a user of this machine: it is not recorded.
func contextTag(run *format.Run, t tagJSON) (text string, repeats bool) {
	s := run.Source
	switch {
	case t.Key == tagUser:
		return t.Value, run.Author != "" && (t.Value == run.Author || slices.Contains(userNames(), t.Value))
	case s == nil || !strings.HasPrefix(t.Key, tagContexts):
		return t.Value, false
	case t.Key == tagSource:
		file := filepath.FromSlash(t.Value)
		inTree := filepath.ToSlash(filepath.Join(filepath.FromSlash(run.Cwd), file))
		return t.Value, filepath.IsAbs(file) || t.Value == s.Entry || inTree == s.Entry
	case t.Key == tagRemote:
		text = git.RemoteWithoutCredentials(t.Value)
		return text, text == s.Remote || filepath.IsAbs(filepath.FromSlash(text))
	}
	said := map[string]string{tagType: sourceLocal, tagCommit: s.Commit, tagBranch: s.Branch}
	return t.Value, t.Value == said[t.Key]
}

// userNames are the names that this user has for Python's getpass.getuser().
var userNames = sync.OnceValue(func() []string {
	names := []string{"unknown"} // of a user without a name
	for _, variable := range []string{"LOGNAME", "USER", "LNAME", "USERNAME"} {
		if name := os.Getenv(variable); name != "" {
			names = append(names, name)
		}
	}
	if u, err := user.Current(); err == nil {
		names = append(names, u.Username)
	}
	return names
})

// tagHistory is the tag in which MLflow's server keeps the models of a run that a client before 3 logs. It is recorded
// as ownHistory: people need not see it.
const (
	tagHistory = "mlflow.log-model.history"
	ownHistory = format.OwnTagPrefix + "log-model.history"
)

// recordedTag returns the key of a tag in a record.
func recordedTag(key string) string {
	if key == tagHistory {
		return ownHistory
	}
	return key
}
