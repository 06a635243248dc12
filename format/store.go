package format

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// StoreLFS is the store of a project whose large artifacts lie in git LFS.
const StoreLFS = "git-lfs"

// WhereLocal is the place of an artifact that was recorded without a store: the machine that recorded it has it.
const WhereLocal = "local"

// StoreSchemes are the kinds of stores by URL.
var StoreSchemes = []string{"file", "s3", "gs", "azblob"}

// CheckStore reports why a text names no store. A URL with credentials in it is refused: it would be committed.
func CheckStore(store string) error {
	if store == StoreLFS {
		return nil
	}
	u, err := url.Parse(store)
	if err != nil {
		return fmt.Errorf("the store is no URL")
	}
	switch {
	case !slices.Contains(StoreSchemes, u.Scheme):
		return fmt.Errorf("%q is no store: %s, or a URL of %s", strings.SplitN(store, "?", 2)[0], StoreLFS, strings.Join(StoreSchemes, ":, ")+":")
	case u.User != nil:
		return fmt.Errorf("the URL of the store holds credentials, which belong into the environment")
	case u.Scheme == "file" && !strings.HasPrefix(u.Path, "/"):
		return fmt.Errorf("%q is no absolute path: file:///path", store)
	case u.Scheme != "file" && u.Host == "":
		return fmt.Errorf("%q names no bucket", store)
	}
	for name := range u.Query() {
		if SecretParameter(name) {
			return fmt.Errorf("the URL of the store has the parameter %s, whose value belongs into the environment", name)
		}
	}
	return nil
}

// SecretParameter recognizes a parameter that would carry credentials: such URLs are copied from consoles.
func SecretParameter(name string) bool {
	name = strings.ReplaceAll(strings.ToLower(name), "-", "_")
	if slices.Contains([]string{"sig", "sas", "pwd", "awsaccesskeyid", "accesskey", "sv", "se", "sp"}, name) {
		return true
	}
	for _, part := range []string{"access_key", "accesskey", "secret", "token", "sas_", "_sas", "signature", "credential", "password", "account_key", "api_key", "private_key"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

// LFSPointer is what git LFS stores in place of a file, as its specification writes it.
func LFSPointer(digest string, bytes int64) []byte {
	return fmt.Appendf(nil, "version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n", digest, bytes)
}
