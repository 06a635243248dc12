package githttp

import (
	"net/netip"
	"net/url"
	"strings"
)

// proxyFor returns the proxy for requests to a URL, or nil. set is the proxy that Git is configured with, which may be
// empty for none. Without it, the variables that curl reads name it. A host of NO_PROXY is reached without a proxy.
func proxyFor(u *url.URL, set *string, getenv func(string) string) (*url.URL, error) {
	text := ""
	if set != nil {
		text = *set
	} else {
		names := []string{"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}
		if u.Scheme == "http" {
			names = []string{"http_proxy", "all_proxy", "ALL_PROXY"} // not HTTP_PROXY, which a web server may set
		}
		for _, name := range names {
			if text = getenv(name); text != "" {
				break
			}
		}
	}
	if text == "" {
		return nil, nil
	}
	exempt := getenv("no_proxy")
	if exempt == "" {
		exempt = getenv("NO_PROXY")
	}
	if isExempt(u.Hostname(), exempt) {
		return nil, nil
	}
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	proxy, err := url.Parse(text)
	if err != nil || proxy.Host == "" { // the error would show the password
		return nil, unsupported("the URL of the proxy, which cannot be read,")
	}
	switch proxy.Scheme {
	case "http", "https", "socks5", "socks5h":
		return proxy, nil
	}
	return nil, unsupported("a proxy with the protocol " + proxy.Scheme)
}

// isExempt reports whether a list as of NO_PROXY names a host, a domain that it is in, or its network.
func isExempt(host, list string) bool {
	address, notAddress := netip.ParseAddr(host)
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	for _, entry := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' }) {
		entry = strings.ToLower(strings.Trim(entry, "."))
		if entry == "*" || entry == host {
			return true
		}
		if notAddress != nil {
			if entry != "" && strings.HasSuffix(host, "."+entry) {
				return true
			}
			continue
		}
		if network, err := netip.ParsePrefix(entry); err == nil && network.Contains(address.Unmap()) {
			return true
		}
		if other, err := netip.ParseAddr(strings.Trim(entry, "[]")); err == nil && other == address {
			return true
		}
	}
	return false
}
