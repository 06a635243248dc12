package mlflow

import (
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gitruns/runs/format"
)

// The limits of MLflow's own server.
const (
	maxMetrics   = 1000 // of a batch
	maxParams    = 100
	maxTags      = 100
	maxKey       = 250 // bytes
	maxParamText = 6000
	maxTagText   = 8000
)

// checkKey returns an error for a key that MLflow does not take: it may have letters, digits and "/_.- :", and as a
// path it must not lead elsewhere, as a//b and ../a do.
func checkKey(what, key string) error {
	odd := func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !strings.ContainsRune("/_.- :", r)
	}
	switch {
	case key == "":
		return invalid("Missing value for required parameter 'key' of a %s", what)
	case len(key) > maxKey:
		return invalid("The name of the %s has %d bytes, more than the limit of %d", what, len(key), maxKey)
	case !utf8.ValidString(key) || strings.ContainsFunc(key, odd):
		return invalid("Invalid %s name: '%s'. Names may only contain alphanumerics, underscores (_), dashes (-), "+
			"periods (.), spaces ( ), colons (:) and slashes (/).", what, oneLine(key))
	case path.Clean(key) != key || key == "." || key[0] == '/' || strings.HasPrefix(key, ".."):
		return invalid("Invalid %s name: '%s'. Names may be treated as files in certain cases, and must not resolve to "+
			"other names when treated as such. This name would resolve to '%s'", what, key, path.Clean(key))
	}
	return nil
}

// reservedTag reports whether the key of a tag is one that the models of a run use.
func reservedTag(key string) bool {
	return strings.HasPrefix(key, modelTags) || key == ownHistory || key == measuredTag
}

// checkTag returns an error for the key of a tag that MLflow does not take, or that the models of a run use.
func checkTag(key string) error {
	if reservedTag(key) {
		return invalid("Invalid tag name: '%s'. Names that begin with '%s' are reserved.", oneLine(cut(key, maxName)),
			format.OwnTagPrefix)
	}
	return checkKey("tag", key)
}

// cut shortens a text to a number of characters.
func cut(text string, most int) string {
	text = strings.ToValidUTF8(text, "\ufffd")
	if len(text) <= most {
		return text
	}
	n := 0
	for i := range text {
		if n == most {
			return text[:i]
		}
		n++
	}
	return text
}

// checkBatch checks the numbers of what a call logs at once.
func checkBatch(metrics, params, tags int) error {
	for _, part := range []struct {
		what    string
		n, most int
	}{{"metrics", metrics, maxMetrics}, {"params", params, maxParams}, {"tags", tags, maxTags}} {
		if part.n > part.most {
			return invalid("A batch logging request can contain at most %d %s. Got %d %s. Please split up %s across multiple "+
				"requests and try again.", part.most, part.what, part.n, part.what, part.what)
		}
	}
	return nil
}
