package stored

import (
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
)

// places turns the paths of the machine that a store was written on into paths that mean something elsewhere.
type places struct {
	roots []string // the folders that hold the store, on that machine; longest first
}

const maxPlaces = 1000

// add remembers the folder above the one that MLflow makes for artifacts.
func (p *places) add(address string) {
	at, ok := absolute(address)
	if !ok || len(p.roots) >= maxPlaces {
		return
	}
	for _, name := range []string{"/mlruns/", "/mlartifacts/"} {
		root, _, found := strings.Cut(at+"/", name)
		if found && len(root) > 1 && !slices.Contains(p.roots, root) {
			p.roots = append(p.roots, root)
			slices.SortFunc(p.roots, func(a, b string) int { return len(b) - len(a) })
		}
	}
}

// absolute returns an absolute path of any system with slashes, without the file: of an address.
func absolute(text string) (at string, ok bool) {
	if rest, ok := strings.CutPrefix(text, "file:"); ok {
		text = rest
		if strings.HasPrefix(rest, "//") {
			_, text, _ = strings.Cut(rest[2:], "/")
			text = "/" + text
		}
		if plain, err := url.PathUnescape(text); err == nil {
			text = plain
		}
		if len(text) > 2 && text[0] == '/' && isDrive(text[1:]) {
			text = text[1:]
		}
		if text != "" && text[0] != '/' && !isDrive(text) {
			text = "/" + text
		}
	}
	switch {
	case isDrive(text), strings.HasPrefix(text, `\\`):
		return strings.ReplaceAll(text, `\`, "/"), true
	case strings.HasPrefix(text, "/"):
		return text, true
	}
	return text, false
}

// isDrive reports whether a path begins with a drive of Windows.
func isDrive(p string) bool {
	return len(p) >= 3 && p[1] == ':' && (p[2] == '\\' || p[2] == '/') &&
		(p[0] >= 'a' && p[0] <= 'z' || p[0] >= 'A' && p[0] <= 'Z')
}

// portable returns a path relative to the store's folder, or the last part of a path that leads elsewhere. Other
// addresses, such as those of the web, lose only their credentials.
func (p *places) portable(address string) string {
	at, ok := absolute(address)
	if !ok {
		if u, err := url.Parse(address); err == nil && u.Scheme != "" && u.Host != "" {
			u.User = nil
			return u.String()
		}
		at = strings.ReplaceAll(at, `\`, "/")
		if format.CheckPath(path.Clean(at)) == nil {
			return path.Clean(at)
		}
		return path.Base(path.Clean("/" + at))
	}
	for _, root := range p.roots {
		if rest, ok := strings.CutPrefix(at, root+"/"); ok && format.CheckPath(path.Clean(rest)) == nil {
			return path.Clean(rest)
		}
	}
	if base := path.Base(path.Clean(at)); base != "/" && !isDrive(base+"/") {
		return base
	}
	return ""
}

// homes are where the homes of people begin, on the systems that MLflow runs on.
var homes = []string{"/home/", "/Users/", "/root/", "/private/", "/tmp/", "/var/", "/mnt/", "/opt/", "/content/"}

// clean returns a tag's value without paths of the machine. A value of a user is kept unless it is such a path.
func (p *places) clean(key, value string) string {
	if at, ok := absolute(value); ok && !strings.Contains(value, "\n") {
		foreign := isDrive(at) || strings.HasPrefix(value, "file:") || strings.HasPrefix(value, `\\`)
		for _, home := range homes {
			foreign = foreign || strings.HasPrefix(at, home)
		}
		if foreign || strings.HasPrefix(key, "mlflow.") {
			return p.portable(value)
		}
	}
	for _, root := range p.roots {
		value = strings.ReplaceAll(value, "file://"+root+"/", "")
		value = strings.ReplaceAll(value, root+"/", "")
		if strings.Contains(root, ":") {
			backward := strings.ReplaceAll(root, "/", `\`)
			value = strings.ReplaceAll(value, backward+`\`, "")
			value = strings.ReplaceAll(value, strings.ReplaceAll(backward, `\`, `\\`)+`\\`, "") // in JSON
		}
	}
	return value
}
