package gitconfig

import (
	"net/url"
	"strings"
)

// ForURL is a setting that applies to a URL.
type ForURL struct {
	Entry
	Named bool // it names a URL, to which the other one belongs
}

// ForURL returns the settings of a section that apply to a URL, each with the key section.name: those of the section
// itself, and those of its subsections that are a URL to which the URL belongs. As in Git, a setting is left out if one
// before it is closer to the URL, so that the last of each key wins, and the values of a key that may have several are
// those that are left. section is in lower case.
func (c *Config) ForURL(section string, u *url.URL) []ForURL {
	var entries []ForURL
	best := map[string]closeness{}
	for _, e := range c.entries {
		name, ok := strings.CutPrefix(e.Key, section+".")
		if !ok {
			continue
		}
		var near closeness
		if at := strings.LastIndexByte(name, '.'); at >= 0 {
			if near, ok = closenessOf(name[:at], u); !ok {
				continue
			}
			name = name[at+1:]
		}
		e.Key = section + "." + name
		if was, known := best[e.Key]; known && near.less(was) {
			continue
		}
		best[e.Key] = near
		entries = append(entries, ForURL{e, near != closeness{}})
	}
	return entries
}

// closeness tells how exactly the URL of a setting names another one.
type closeness struct {
	host, path int // bytes that are equal
	user       bool
}

func (c closeness) less(other closeness) bool {
	switch {
	case c.host != other.host:
		return c.host < other.host
	case c.path != other.path:
		return c.path < other.path
	}
	return !c.user && other.user
}

// closenessOf compares the URL of a setting, whose host may have asterisks, with another one.
func closenessOf(text string, u *url.URL) (near closeness, ok bool) {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok || !strings.EqualFold(scheme, u.Scheme) {
		return near, false
	}
	place, path, _ := strings.Cut(rest, "/")
	if at := strings.LastIndexByte(place, '@'); at >= 0 {
		user, _, _ := strings.Cut(place[:at], ":")
		if name, err := url.PathUnescape(user); err != nil || u.User == nil || u.User.Username() != name {
			return near, false
		}
		near.user = true
		place = place[at+1:]
	}
	host, port := place, ""
	if at := strings.LastIndexByte(place, ':'); at >= 0 && !strings.HasSuffix(place, "]") {
		host, port = place[:at], place[at+1:]
	}
	if portOf(port, scheme) != portOf(u.Port(), u.Scheme) {
		return near, false
	}
	own := strings.ToLower(u.Hostname())
	if strings.Contains(own, ":") {
		own = "[" + own + "]"
	}
	if !sameHost(strings.ToLower(host), own) {
		return near, false
	}
	near.host = len(host) + len(port) + 1
	path, err := url.PathUnescape("/" + path)
	if err != nil {
		return near, false
	}
	whole := strings.TrimSuffix(u.Path, "/") + "/"
	if path = strings.TrimSuffix(path, "/") + "/"; !strings.HasPrefix(whole, path) {
		return near, false
	}
	near.path = len(path)
	return near, true
}

func portOf(port, scheme string) string {
	if port != "" {
		return port
	}
	return map[string]string{"http": "80", "https": "443"}[strings.ToLower(scheme)]
}

// sameHost compares hosts label by label. An asterisk stands for one label.
func sameHost(pattern, host string) bool {
	want, have := strings.Split(pattern, "."), strings.Split(host, ".")
	if len(want) != len(have) {
		return false
	}
	for i := range want {
		if want[i] != have[i] && want[i] != "*" {
			return false
		}
	}
	return true
}
