package format

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// StoreLFS is the value of the store setting for a project that keeps its large artifacts in Git LFS.
const StoreLFS = "git-lfs"

// WhereLocal is the place of an artifact that was recorded without a store. Only the machine that recorded the
// artifact has it.
const WhereLocal = "local"

// StoreSchemes are the schemes that the URL of a store may have.
var StoreSchemes = []string{"file", "s3", "gs", "azblob"}

// CheckStore returns an error that says why store is not a valid store, or nil. It refuses a URL with credentials,
// because the URL is committed.
func CheckStore(store string) error {
	if store == StoreLFS {
		return nil
	}
	u, err := url.Parse(store)
	if err != nil {
		return errors.New("the store is not a URL")
	}
	switch {
	case !slices.Contains(StoreSchemes, u.Scheme):
		shown, _, _ := strings.Cut(store, "?") // the rest may be a secret
		return fmt.Errorf("a store is %s or a URL of %s:, not %q", StoreLFS, strings.Join(StoreSchemes, ":, "), shown)
	case u.User != nil:
		return errors.New("the URL of the store contains credentials; set them in the environment instead")
	case u.Scheme == "file" && !strings.HasPrefix(u.Path, "/"):
		return fmt.Errorf("%q does not name an absolute path, like file:///path", store)
	case u.Scheme != "file" && u.Host == "":
		return fmt.Errorf("%q does not name a bucket", store)
	}
	for name := range u.Query() {
		if SecretParameter(name) {
			return fmt.Errorf("the URL of the store has the parameter %s; set its value in the environment instead", name)
		}
	}
	return nil
}

// SecretParameter reports whether a parameter of a URL may hold credentials. Cloud consoles offer such URLs for
// copying.
func SecretParameter(name string) bool {
	name = strings.ReplaceAll(strings.ToLower(name), "-", "_")
	if slices.Contains([]string{"sig", "sas", "pwd", "awsaccesskeyid", "accesskey", "sv", "se", "sp"}, name) {
		return true
	}
	for _, part := range []string{
		"access_key", "accesskey", "secret", "token", "sas_", "_sas", "signature", "credential", "password", "account_key",
		"api_key", "private_key",
	} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

// LFSPointer returns the pointer file that Git LFS stores in place of a file.
func LFSPointer(digest string, bytes int64) []byte {
	return fmt.Appendf(nil, "version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n", digest, bytes)
}
