package reads

import (
	"path/filepath"
	"slices"
	"strings"
	"unicode"
)

// Places are the folders of this machine that decide what may be named. They are absolute; an empty one is unknown.
type Places struct {
	Root string // of the project
	Home string // of the user
	Temp string // for temporary files
}

// system are the folders of the system, and those that hold no data of a user.
var system = []string{
	"/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/nix", "/opt", "/proc", "/run", "/sbin", "/snap",
	"/sys", "/usr", "/var", "/private", "/System", "/Library", "/Applications",
}

// hubs are hidden folders of hubs, below the home folder or another: their names tell the repository.
var hubs = []string{
	"/.cache/huggingface/hub/", "/.cache/huggingface/datasets/", "/.cache/torch/hub/", "/.keras/datasets/",
	"/.keras/models/",
}

// caches of tools that keep the data of a project under its digest, with links to it.
var caches = []string{"/.dvc/cache/", "/.git/annex/objects/"}

// May reports whether a file may be named, hashed and listed. It must not be below a hidden folder or one of the
// system, directly in the home folder or above it, and no part of its path may be a name that secrets have. Within the
// project, only the path below its root counts.
func (p Places) May(path string) bool {
	rel, inside := below(p.Root, path)
	if !inside {
		rel = filepath.ToSlash(path)
		if i := strings.IndexByte(rel, '/'); i > 0 { // a drive of Windows
			rel = rel[i:]
		}
		if !p.outside(path) {
			return false
		}
		rel = strings.TrimPrefix(rel, "/")
	}
	hub := !inside && hasAny(filepath.ToSlash(path), hubs)
	cache := inside && hasAny("/"+rel, caches)
	last := rel[strings.LastIndexByte(rel, '/')+1:]
	for part := range strings.SplitSeq(rel, "/") {
		if Secret(part, part == last) || strings.HasPrefix(part, ".") && !hub && !cache {
			return false
		}
	}
	return rel != ""
}

// outside reports whether a file outside the project is in a place that may hold data. Beside a project in a folder for
// temporary files, it may.
func (p Places) outside(path string) bool {
	if !p.MayBeDataset(filepath.Dir(path)) {
		return false
	}
	for _, temp := range []string{p.Temp, "/tmp", "/private/tmp"} {
		if _, in := below(temp, path); in {
			_, around := below(temp, p.Root)
			return around
		}
	}
	return !slices.ContainsFunc(system, func(top string) bool { _, in := below(top, path); return in })
}

// MayBeDataset reports whether a folder outside the project can be a dataset: it is not the home folder or one above.
func (p Places) MayBeDataset(dir string) bool {
	if filepath.Dir(dir) == dir || dir == p.Home {
		return false
	}
	_, above := below(dir, p.Home)
	return !above
}

// below returns the path of a file relative to a folder, with slashes, if the file is below it.
func below(dir, path string) (string, bool) {
	if dir == "" {
		return "", false
	}
	rest, ok := strings.CutPrefix(path, strings.TrimSuffix(dir, string(filepath.Separator))+string(filepath.Separator))
	return filepath.ToSlash(rest), ok
}

func hasAny(path string, parts []string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(path, part) })
}

// secretWords occur in names that secrets have.
var secretWords = []string{
	"secret", "cred", "passw", "passphrase", "apikey", "api_key", "api-key", "accesskey", "access_key", "privatekey",
	"private_key", "htpasswd", "pgpass", "kubeconfig", "netrc", "keystore", "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519",
	"authorized_keys", "known_hosts", "service-account", "service_account", "serviceaccount", "webhook", "bearer",
	"local_settings", "vault",
}

// secretParts are parts of names of secrets, between punctuation. The weak ones are also in the names of data.
var (
	secretParts = []string{
		"pw", "pwd", "pass", "pat", "key", "keys", "jwt", "private", "ssh", "otp", "env", "gcp", "oauth",
	}
	weakParts = []string{"auth", "session", "cookie", "cookies", "login", "logins", "wallet", "pin"}
)

// settingEndings are endings of files that may hold keys, and not tables or images.
var settingEndings = []string{
	"", "json", "txt", "yaml", "yml", "toml", "ini", "cfg", "conf", "dat", "db", "sqlite", "sh", "xml", "properties",
}

// secretEndings are endings of files with keys.
var secretEndings = []string{
	"pem", "key", "p8", "pkcs8", "p12", "pkcs12", "pfx", "jks", "jceks", "kdbx", "asc", "gpg", "pgp", "ppk", "keytab",
	"ovpn", "env", "rdp", "tfstate", "tfvars",
}

// textEndings are endings of files with the tokens of a text.
var textEndings = []string{
	"bin", "npy", "npz", "pt", "pth", "parquet", "arrow", "h5", "hdf5", "dat", "idx", "tar", "zst", "mmap",
}

// Secret reports whether a name may be that of a file or folder with keys or passwords. It is stricter than a search
// for the names of variables: what is withheld is counted, and can be named as a dataset.
func Secret(name string, file bool) bool {
	low := strings.ToLower(name)
	for _, word := range secretWords {
		if strings.Contains(low, word) {
			return true
		}
	}
	ending := ""
	if i := strings.LastIndexByte(low, '.'); i >= 0 {
		ending = low[i+1:]
	}
	if slices.Contains(secretEndings, ending) {
		return true
	}
	for part := range strings.FieldsFuncSeq(low, func(r rune) bool { return !unicode.IsLetter(r) }) {
		if slices.Contains(secretParts, part) || file && slices.Contains(weakParts, part) &&
			slices.Contains(settingEndings, ending) {
			return true
		}
	}
	if !strings.Contains(low, "token") || low == "special_tokens_map.json" || low == "added_tokens.json" {
		return false
	}
	rest := strings.ReplaceAll(low, "tokeni", "") // tokenizer.json
	return strings.Contains(strings.ReplaceAll(rest, "tokens", ""), "token") ||
		strings.Contains(rest, "tokens") && !slices.Contains(textEndings, ending)
}
