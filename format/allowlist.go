package format

import (
	"path"
	"slices"
	"strings"
)

// SecretAllow is an entry [[secrets.allow]] of config.toml. It marks findings of the secret search as false positives
// and says why. It allows a finding that matches all of its keys. It is in a committed file so that reviewers see it.
type SecretAllow struct {
	Reason      string
	Fingerprint string // of the secret, 16 hex digits
	Path        string // pattern of a path under .runs, or of the file that a patch changes
	Rule        string
}

// readAllow reads an entry. It returns false for an entry with a key that is not known, which may limit what it allows.
func readAllow(t table) (SecretAllow, bool) {
	a := SecretAllow{
		Reason: t.needText("reason"), Fingerprint: t.text("fingerprint"), Path: t.text("path"), Rule: t.text("rule"),
	}
	if len(t.m) > 0 {
		t.ignoreUnknown()
		return a, false
	}
	switch {
	case a.Fingerprint == "" && a.Path == "" && a.Rule == "":
		t.fail(t.path, "must have a fingerprint, a path or a rule")
	case a.Fingerprint != "" && (len(a.Fingerprint) != 16 || strings.Trim(a.Fingerprint, "0123456789abcdef") != ""):
		t.fail(t.at("fingerprint"), "must be the 16 hex digits that 'runs commit' shows, got %q", a.Fingerprint)
	case a.Fingerprint == "" && a.Rule == "" && namesNothing(a.Path):
		t.fail(t.at("path"), "%q names no file or folder of its own: name one, or add a fingerprint or a rule", a.Path)
	case strings.TrimSpace(a.Reason) == "":
		t.fail(t.at("reason"), "must not be empty")
	}
	for part := range strings.SplitSeq(a.Path, "/") {
		if _, err := path.Match(part, ""); err != nil {
			t.fail(t.at("path"), "%q is not a valid pattern", a.Path)
		}
	}
	return a, true
}

// layout are the names that folders and files under .runs have in every run.
var layout = []string{
	"run.toml", "metrics.parquet", ValuesName, ArtifactsName, "aside.jsonl", "output.log", "system.parquet",
	"artifacts", "notes", "sources", "environments", "manifests", "removed",
}

// namesNothing reports whether a pattern of a path is not limited to a file or folder that it names: no part of it is
// without wildcards, or only parts that every run has.
func namesNothing(pattern string) bool {
	for part := range strings.SplitSeq(pattern, "/") {
		if part != "" && part != "." && part != ".." && !strings.ContainsAny(part, `*?[]\`) &&
			!slices.Contains(layout, part) {
			return false
		}
	}
	return true
}

// Scope names what the entry is limited to: its rule, path and fingerprint.
func (a SecretAllow) Scope() string {
	var parts []string
	for _, p := range [][2]string{{"fingerprint", a.Fingerprint}, {"rule", a.Rule}, {"path", a.Path}} {
		if p[1] != "" {
			parts = append(parts, p[0]+" "+p[1])
		}
	}
	return strings.Join(parts, ", ")
}

// Allows reports whether a allows a finding. file is the file under .runs in which the secret was found. If file is a
// patch, source is the file that the patch changes.
func (a SecretAllow) Allows(fingerprint, rule, file, source string) bool {
	if a.Fingerprint != "" && a.Fingerprint != fingerprint || a.Rule != "" && a.Rule != rule {
		return false
	}
	return a.Path == "" || matchPath(a.Path, file) || source != "" && matchPath(a.Path, source)
}

// matchPath matches a path part by part, as path.Match does. The part ** matches any number of parts.
func matchPath(pattern, name string) bool {
	return matchParts(strings.Split(pattern, "/"), strings.Split(name, "/"))
}

func matchParts(pattern, name []string) bool {
	for i, part := range pattern {
		if part == "**" {
			rest := pattern[i+1:]
			for len(rest) > 0 && rest[0] == "**" {
				rest = rest[1:]
			}
			for j := 0; j <= len(name); j++ {
				if matchParts(rest, name[j:]) {
					return true
				}
			}
			return false
		}
		if len(name) == 0 {
			return false
		}
		if ok, err := path.Match(part, name[0]); err != nil || !ok {
			return false
		}
		name = name[1:]
	}
	return len(name) == 0
}
