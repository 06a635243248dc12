package store

import (
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
)

// options lists the parameters that each kind of store accepts in its URL.
var options = map[string][]string{
	"file":   nil,
	"s3":     {"endpoint", "region", "use_path_style"},
	"gs":     nil,
	"azblob": {"domain", "localemu", "protocol", "storage_account"},
}

const kinds = "file:///folder, s3://bucket/prefix, gs://bucket/prefix, azblob://container/prefix"

// ParseURL checks the URL of a store as far as possible without contacting the store. A URL must not hold credentials.
func ParseURL(raw string) (*url.URL, error) {
	refuse := func(hint, format string, args ...any) error {
		return &Error{Kind: Usage, Message: fmt.Sprintf(format, args...), Hint: hint}
	}
	u, err := url.Parse(raw)
	if err != nil {
		// The error of url.Parse would repeat the URL.
		return nil, refuse("stores are "+kinds, "the URL of the store cannot be read")
	}
	if u.User != nil {
		return nil, refuse(
			"remove the name and password from the URL; they come from the environment or the provider's own files",
			"the URL of the %s: store holds credentials", u.Scheme,
		)
	}
	allowed, ok := options[u.Scheme]
	switch {
	case u.Scheme == "":
		return nil, refuse("stores are "+kinds, "the URL of the store has no kind")
	case !ok:
		return nil, refuse("stores are "+kinds, "a store of the kind %s: is not known", u.Scheme)
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, refuse("", "the parameters in the URL of the %s: store cannot be read", u.Scheme)
	}
	for name, values := range query {
		if format.SecretParameter(name) {
			return nil, refuse(
				"remove it from the URL; credentials come from the environment or the provider's own files",
				"the URL of the %s: store holds credentials (%s)", u.Scheme, name,
			)
		}
		if !slices.Contains(allowed, name) || len(values) != 1 || values[0] == "" {
			hint := "this kind takes no parameters"
			if len(allowed) > 0 {
				hint = "this kind takes " + strings.Join(allowed, ", ") + ", each once and with a value"
			}
			return nil, refuse(hint, "the parameter %s in the URL of the %s: store is invalid", name, u.Scheme)
		}
	}
	if endpoint := query.Get("endpoint"); endpoint != "" {
		e, err := url.Parse(endpoint)
		switch {
		case err == nil && e.User != nil:
			return nil, refuse(
				"remove the name and password; they come from the environment or the provider's own files",
				"the endpoint of the %s: store holds credentials", u.Scheme,
			)
		case err != nil || e.Host == "" || e.Scheme != "http" && e.Scheme != "https" || e.RawQuery != "":
			return nil, refuse(
				"an endpoint is http://host:port or https://host", "the endpoint of the %s: store is not an address",
				u.Scheme,
			)
		}
	}
	if u.Fragment != "" || u.Opaque != "" {
		return nil, refuse("stores are "+kinds, "the URL of the %s: store is invalid", u.Scheme)
	}
	if u.Scheme == "file" {
		if u.Host != "" && u.Host != "localhost" || !filepath.IsAbs(Folder(u)) {
			return nil, refuse(
				"write file:///absolute/folder", "the URL of the file: store names no folder of this machine",
			)
		}
		return u, nil
	}
	if u.Host == "" || u.Port() != "" {
		return nil, refuse(
			fmt.Sprintf("write %s://bucket/prefix", u.Scheme), "the URL of the %s: store lacks a bucket", u.Scheme,
		)
	}
	for part := range strings.SplitSeq(strings.Trim(u.Path, "/"), "/") {
		if part == "." || part == ".." || part == "" && strings.Trim(u.Path, "/") != "" {
			return nil, refuse(
				"write a prefix such as team/project", "the prefix in the URL of the %s: store is invalid",
				u.Scheme,
			)
		}
	}
	return u, nil
}

// Folder returns the folder of a file: store, as a path on this machine.
func Folder(u *url.URL) string {
	path := u.Path
	if len(path) > 2 && path[0] == '/' && path[2] == ':' { // file:///C:/folder
		path = path[1:]
	}
	return filepath.FromSlash(path)
}

// Name returns the name of a store for messages: its kind and place, without parameters.
func Name(u *url.URL) string {
	return u.Scheme + "://" + u.Host + strings.TrimSuffix(u.Path, "/")
}

// Means says in a clause who gets what if the store is used: the host that gets credentials, and where artifacts go.
func Means(u *url.URL) string {
	query := u.Query()
	plain := func(scheme string) string {
		if scheme == "http" {
			return ", unencrypted"
		}
		return ""
	}
	switch u.Scheme {
	case "file":
		return "artifacts are written to the folder " + Folder(u)
	case "s3":
		e, err := url.Parse(query.Get("endpoint"))
		if err != nil || e.Host == "" {
			return "artifacts go to the bucket " + u.Host + " of Amazon S3"
		}
		return "artifacts, and requests signed with your AWS credentials, go to the host " + e.Host + plain(e.Scheme)
	case "gs":
		return "artifacts go to the bucket " + u.Host + " of Google Cloud"
	}
	account := query.Get("storage_account")
	if account == "" {
		account = "of AZURE_STORAGE_ACCOUNT"
	}
	domain := query.Get("domain")
	if domain == "" && query.Get("localemu") == "" && query.Get("protocol") == "" {
		return "artifacts go to the container " + u.Host + " of the Azure account " + account
	}
	if domain == "" {
		domain = "of AZURE_STORAGE_DOMAIN"
	}
	return "artifacts, and your Azure credentials, go to the host " + domain + plain(query.Get("protocol"))
}
