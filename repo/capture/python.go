package capture

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/format/listsort"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/regular"
)

// python is an interpreter with its installed packages.
type python struct {
	*format.Python
	packages format.Packages
	editable []format.Editable
	conda    format.Packages
}

// inspectPython reads the installed packages from the folders that Python would search (see
// https://docs.python.org/3/library/site.html). It runs the interpreter only to get its version, which Python prints
// before it imports anything.
func inspectPython(ctx context.Context, q EnvironmentRequest, path string) *python {
	if known := q.Interpreter; known != nil && known.Version != "" {
		return knownPython(ctx, q)
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, "-VV").CombinedOutput()
	if err != nil {
		return nil
	}
	words := strings.Fields(string(out))
	if len(words) < 2 || words[0] != "Python" {
		return nil
	}
	p := &python{Python: &format.Python{Version: words[1], Implementation: "CPython"}}
	for _, other := range []string{"PyPy", "GraalVM", "GraalPy"} {
		if bytes.Contains(out, []byte(other)) {
			p.Implementation = other
		}
	}
	prefix, base, system := prefixes(path)
	p.Virtual = prefix != base
	p.Prefix = Portable(q.Root, prefix)
	minor := strings.Join(strings.SplitN(words[1], ".", 3)[:min(2, strings.Count(words[1], ".")+1)], ".")
	p.read(ctx, q, siteFolders(prefix, base, minor, system), prefix)
	return p
}

// knownPython returns the interpreter as it described itself. Its packages are in the folders that it really searches.
func knownPython(ctx context.Context, q EnvironmentRequest) *python {
	known := q.Interpreter
	p := &python{Python: &format.Python{
		Version: known.Version, Implementation: known.Implementation, Virtual: known.Prefix != known.Base,
		Prefix: Portable(q.Root, known.Prefix),
	}}
	p.read(ctx, q, realFolders(withoutAdded(known.Sites)), known.Prefix)
	return p
}

func (p *python) read(ctx context.Context, q EnvironmentRequest, sites []string, prefix string) {
	for _, dir := range sites {
		p.readSite(ctx, q, dir)
	}
	listsort.Sort(p.editable, func(a, b format.Editable) int { return strings.Compare(a.Name, b.Name) })
	p.conda = condaPackages(prefix)
}

// prefixes returns sys.prefix, sys.base_prefix, and whether a virtual environment includes the system's packages.
func prefixes(path string) (prefix, base string, system bool) {
	for _, dir := range []string{filepath.Dir(path), filepath.Dir(filepath.Dir(path))} {
		data, err := regular.ReadFile(filepath.Join(dir, "pyvenv.cfg"))
		if err != nil {
			continue
		}
		prefix = dir
		for line := range strings.Lines(string(data)) {
			key, value, _ := strings.Cut(line, "=")
			value = strings.TrimSpace(value)
			switch strings.TrimSpace(key) {
			case "home":
				base = filepath.Dir(value)
			case "include-system-site-packages":
				system = strings.EqualFold(value, "true")
			}
		}
		return prefix, base, system
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	prefix = filepath.Dir(filepath.Dir(path))
	if runtime.GOOS == "windows" {
		prefix = filepath.Dir(path)
	}
	return prefix, prefix, true
}

// AddedPath is the environment variable with the folders that exec has put into PYTHONPATH. They belong to exec, and
// not to what the program needs.
const AddedPath = "RUNS_PYTHONPATH"

// withoutAdded leaves out the folders that exec has added.
func withoutAdded(dirs []string) []string {
	added := filepath.SplitList(os.Getenv(AddedPath))
	return slices.DeleteFunc(slices.Clone(dirs), func(dir string) bool { return slices.Contains(added, dir) })
}

// siteFolders returns the folders that hold distributions, in the order of sys.path.
func siteFolders(prefix, base, minor string, system bool) []string {
	dirs := withoutAdded(filepath.SplitList(os.Getenv("PYTHONPATH")))
	if system && os.Getenv("PYTHONNOUSERSITE") == "" {
		user := os.Getenv("PYTHONUSERBASE")
		if home, err := os.UserHomeDir(); err == nil && user == "" {
			user = filepath.Join(home, ".local")
		}
		if user != "" {
			dirs = append(dirs, filepath.Join(user, "lib", "python"+minor, "site-packages"))
		}
	}
	add := func(prefix string) {
		if runtime.GOOS == "windows" {
			dirs = append(dirs, filepath.Join(prefix, "Lib", "site-packages"))
			return
		}
		for _, lib := range []string{"lib", "lib64", "local/lib"} {
			for _, packages := range []string{
				"python" + minor + "/site-packages", "python" + minor + "/dist-packages",
				"pypy" + minor + "/site-packages",
			} {
				dirs = append(dirs, filepath.Join(prefix, filepath.FromSlash(lib), filepath.FromSlash(packages)))
			}
		}
		dirs = append(dirs, filepath.Join(prefix, "lib", "python3", "dist-packages")) // on Debian
	}
	add(prefix)
	if system && base != prefix {
		add(base)
	}
	return realFolders(dirs)
}

// realFolders returns the folders that exist, with their links resolved, each once.
func realFolders(dirs []string) []string {
	var found []string
	seen := map[string]bool{}
	for _, dir := range dirs {
		real, err := filepath.EvalSymlinks(dir)
		if err != nil || seen[real] {
			continue
		}
		seen[real] = true
		found = append(found, real)
	}
	return found
}

// readSite adds the distributions of one folder.
func (p *python) readSite(ctx context.Context, q EnvironmentRequest, dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	found := format.Packages{}
	for _, entry := range entries {
		full := entry.Name()
		if name, ok := strings.CutSuffix(full, ".dist-info"); ok {
			i := strings.LastIndexByte(name, '-')
			if i <= 0 {
				continue
			}
			normal := normalName(name[:i])
			if _, known := p.packages[normal]; !known {
				found[normal] = name[i+1:]
				p.readDirectURL(ctx, q, filepath.Join(dir, full, "direct_url.json"), normal, name[i+1:])
			}
		} else if name, ok := strings.CutSuffix(full, ".egg-info"); ok {
			if parts := strings.Split(name, "-"); len(parts) > 1 {
				found[normalName(parts[0])] = parts[1]
			}
		} else if name, ok := strings.CutSuffix(full, ".egg-link"); ok {
			p.readEggLink(ctx, q, filepath.Join(dir, full), normalName(name))
		}
	}
	for name, version := range found {
		if format.CheckKey(name) != nil || format.CheckText(version) != nil || version == "" {
			delete(found, name)
		}
	}
	merge(&p.packages, found)
}

// normalName normalizes a name as in PEP 503.
func normalName(name string) string {
	var b strings.Builder
	dash := false
	for _, c := range []byte(strings.ToLower(name)) {
		if c == '-' || c == '_' || c == '.' {
			dash = true
			continue
		}
		if dash && b.Len() > 0 {
			b.WriteByte('-')
		}
		dash = false
		b.WriteByte(c)
	}
	return b.String()
}

func (p *python) readEggLink(ctx context.Context, q EnvironmentRequest, file, name string) {
	dir := firstWord(file)
	if dir == "" {
		return
	}
	e := format.Editable{Name: name}
	p.folder(ctx, q, &e, dir)
	p.add(e)
}

// folder records the folder that a distribution was installed from, and the commit of one that was copied. The source
// of an editable one is captured later, and the project's own is recorded elsewhere.
func (p *python) folder(ctx context.Context, q EnvironmentRequest, e *format.Editable, dir string) {
	e.Path = Portable(q.Root, dir)
	if strings.HasPrefix(e.Path, "{project}") || !e.Copied {
		return
	}
	if head, err := git.ReadHead(ctx, dir); err == nil {
		e.Commit, e.Dirty = head.Commit, head.Dirty
	}
}

func (p *python) add(e format.Editable) {
	if format.CheckText(e.Path) != nil || e.Path == "" || strings.Trim(e.Commit, "0123456789abcdef") != "" ||
		len(e.Commit) != 0 && len(e.Commit) != 40 && len(e.Commit) != 64 {
		return
	}
	if e.SHA256 != "" && !format.IsDigest(e.SHA256) || format.CheckText(e.Subdirectory) != nil {
		return
	}
	p.editable = append(p.editable, e)
}

// condaPackages reads conda-meta/<name>-<version>-<build>.json of a conda environment. The channel is near the
// beginning of the file.
func condaPackages(prefix string) format.Packages {
	entries, err := os.ReadDir(filepath.Join(prefix, "conda-meta"))
	if err != nil {
		return nil
	}
	found := format.Packages{}
	for _, entry := range entries {
		name, ok := strings.CutSuffix(entry.Name(), ".json")
		if !ok {
			continue
		}
		build := strings.LastIndexByte(name, '-')
		if build <= 0 {
			continue
		}
		version := strings.LastIndexByte(name[:build], '-')
		if version <= 0 {
			continue
		}
		text := name[version+1:build] + " " + name[build+1:]
		if channel := condaChannel(filepath.Join(prefix, "conda-meta", entry.Name())); channel != "" {
			text += " " + channel
		}
		found[strings.ToLower(name[:version])] = text
	}
	return found
}

func condaChannel(file string) string {
	_, rest, ok := strings.Cut(headOf(file, 4096), `"channel":`)
	if !ok {
		return ""
	}
	var value string
	if json.NewDecoder(strings.NewReader(rest)).Decode(&value) != nil {
		return ""
	}
	value = git.RemoteWithoutCredentials(value)
	return strings.TrimPrefix(strings.TrimSuffix(value, "/"), "https://conda.anaconda.org/")
}
