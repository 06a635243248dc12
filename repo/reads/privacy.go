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

// system are the folders of the system, and those that hold no data of a user. The audit hook of the Python client has
// the same lists.
var system = []string{
	"/bin/", "/boot/", "/dev/", "/etc/", "/lib/", "/lib32/", "/lib64/", "/nix/", "/opt/", "/proc/", "/run/", "/sbin/",
	"/snap/", "/sys/", "/usr/", "/var/", "/System/", "/Library/", "/Applications/",
}

// dataPlaces are folders of the system that hold data too. It is never named, only counted.
var dataPlaces = []string{"/opt/", "/run/", "/usr/local/", "/var/"}

// staging is the folder of the system for files in memory, in which data is as in any other folder.
const staging = "/dev/shm/"

// systemState are the beginnings of what is in dataPlaces and is not data: programs, packages, and what the system
// keeps there for itself.
var systemState = []string{
	"/run/NetworkManager/", "/run/blkid/", "/run/booted-system", "/run/cloud-init/", "/run/current-system",
	"/run/dbus/", "/run/host/", "/run/log/", "/run/mount/", "/run/nscd/", "/run/opengl-driver", "/run/resolvconf/",
	"/run/snapd/", "/run/sssd/", "/run/systemd/", "/run/udev/", "/run/user/", "/run/wrappers/",
	"/usr/local/Caskroom/", "/usr/local/Cellar/", "/usr/local/Frameworks/", "/usr/local/Homebrew/", "/usr/local/bin/",
	"/usr/local/cuda", "/usr/local/etc/", "/usr/local/games/", "/usr/local/go/", "/usr/local/include/", "/usr/local/lib",
	"/usr/local/man/", "/usr/local/opt/", "/usr/local/sbin/", "/usr/local/src/", "/usr/local/var/",
	"/usr/local/share/X11/", "/usr/local/share/aclocal/", "/usr/local/share/applications/", "/usr/local/share/bash",
	"/usr/local/share/ca-certificates/", "/usr/local/share/doc/", "/usr/local/share/emacs/",
	"/usr/local/share/fontconfig/", "/usr/local/share/fonts/", "/usr/local/share/git-core/", "/usr/local/share/glib-2.0/",
	"/usr/local/share/icons/", "/usr/local/share/info/", "/usr/local/share/jupyter/", "/usr/local/share/locale/",
	"/usr/local/share/man/", "/usr/local/share/mime/", "/usr/local/share/nvim/", "/usr/local/share/perl",
	"/usr/local/share/pixmaps/", "/usr/local/share/pkgconfig/", "/usr/local/share/sgml/", "/usr/local/share/terminfo/",
	"/usr/local/share/texmf/", "/usr/local/share/themes/", "/usr/local/share/vim/", "/usr/local/share/xml/",
	"/usr/local/share/zoneinfo/", "/usr/local/share/zsh/",
	"/var/cache/", "/var/db/", "/var/folders/", "/var/select/", "/var/lib/AccountsService/", "/var/lib/NetworkManager/",
	"/var/lib/PackageKit/", "/var/lib/alternatives/", "/var/lib/app-info/", "/var/lib/apt/", "/var/lib/binfmts/",
	"/var/lib/ca-certificates/", "/var/lib/colord/", "/var/lib/dbus/", "/var/lib/dictionaries-common/",
	"/var/lib/dkms/", "/var/lib/dpkg/", "/var/lib/extrausers/", "/var/lib/flatpak/", "/var/lib/fontconfig/",
	"/var/lib/gems/", "/var/lib/ghostscript/", "/var/lib/locales/", "/var/lib/man-db/", "/var/lib/nscd/",
	"/var/lib/pam/", "/var/lib/pcp/", "/var/lib/plocate/", "/var/lib/polkit-1/", "/var/lib/python/", "/var/lib/rpm/",
	"/var/lib/snapd/", "/var/lib/sss/", "/var/lib/sudo/", "/var/lib/swcatalog/", "/var/lib/systemd/",
	"/var/lib/texmf/", "/var/lib/ucf/", "/var/lib/upower/", "/var/lib/usbutils/", "/var/lib/xfonts/", "/var/lib/xkb/",
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
		if p.outside(path) != ordinary {
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

// ArtifactOf returns the run whose artifact a file of the project is, by its path below the root, or "". What is only
// named by its folder counts, whether there is such a run or not.
func ArtifactOf(rel string) string {
	parts := strings.SplitN(rel, "/", 5)
	if len(parts) < 5 || parts[0] != ".runs" || !strings.HasPrefix(parts[1], "2") || parts[3] != "artifacts" ||
		strings.HasPrefix(parts[4], ".") || strings.Contains(parts[4], "/.") || isList(parts[4]) {
		return ""
	}
	return parts[2]
}

// isList reports whether an artifact is a list of artifacts that the client has made, and looks through: twelve digits.
func isList(name string) bool {
	digits, ok := strings.CutSuffix(name, ".json")
	return ok && len(digits) == 12 && strings.Trim(digits, "0123456789") == ""
}

// place is what a file outside the project may be by its place.
type place uint8

const (
	ordinary  place = iota // data that may be named
	unnamed                // perhaps data, which is only counted
	ofMachine              // of the system or its programs, and not data
)

// outside returns what a file outside the project may be. Beside a project in a folder for temporary files, it may be
// data as in any other folder.
func (p Places) outside(path string) place {
	for _, temp := range []string{p.Temp, "/tmp", "/private/tmp"} {
		if _, in := below(temp, path); in {
			if _, around := below(temp, p.Root); !around {
				return unnamed
			}
			return p.unlessHome(path)
		}
	}
	path = strings.TrimPrefix(filepath.ToSlash(path), "/private")
	begins := func(with string) bool { return strings.HasPrefix(path, with) }
	switch {
	case begins(staging), !slices.ContainsFunc(system, begins):
		return p.unlessHome(path)
	case slices.ContainsFunc(systemState, begins), !slices.ContainsFunc(dataPlaces, begins):
		return ofMachine
	}
	return unnamed
}

// unlessHome tells files directly in the home folder or above it from others.
func (p Places) unlessHome(path string) place {
	if !p.MayBeDataset(filepath.Dir(path)) {
		return unnamed
	}
	return ordinary
}

// OfMachine reports whether a file belongs to the system or its programs, and is not data.
func (p Places) OfMachine(path string) bool {
	_, inside := below(p.Root, path)
	return !inside && p.outside(path) == ofMachine
}

// ofPrograms reports whether a file is in a hidden folder directly in a home folder: that of the user, or that of
// another one whose programs are used.
func (p Places) ofPrograms(path string) bool {
	if rest, ok := below(p.Home, path); ok {
		return strings.HasPrefix(rest, ".")
	}
	parts := strings.SplitN(filepath.ToSlash(path), "/", 5)
	switch {
	case len(parts) > 3 && parts[1] == "root":
		return strings.HasPrefix(parts[2], ".")
	case len(parts) > 4 && (parts[1] == "home" || parts[1] == "Users"):
		return strings.HasPrefix(parts[3], ".")
	}
	return false
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
