package capture

import (
	"bytes"
	"context"
	"strings"

	"github.com/gitruns/runs/repo/secret"
)

// tokenBeginnings are the prefixes of tokens that providers document. A prefix alone is enough to withhold a variable;
// only a whole token stops a commit.
var tokenBeginnings = [...]string{
	"sk-", "ghp_", "gho_", "ghs_", "github_pat_", "glpat-", "hf_", "xoxa-", "xoxb-", "xoxp-", "xoxr-", "xoxs-",
	"AKIA", "ASIA", "AIza", "ya29.", "eyJ",
}

// looksSecret reports whether the name or the value of a variable suggests a secret, so that it must not be recorded.
func looksSecret(name, value string) bool {
	// A tokenizer makes tokens of a text.
	words := strings.TrimPrefix(name, "TOKENIZERS_")
	if secret.Names(words) || strings.Contains(value, "-----BEGIN ") || hasPassword(value) {
		return true
	}
	for _, begin := range tokenBeginnings {
		if i := strings.Index(value, begin); i == 0 || i > 0 && !isAlphanumeric(value[i-1]) {
			return true
		}
	}
	if len(value) >= 32 && strings.Trim(
		value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+_=-",
	) == "" && secret.Entropy([]byte(value)) > 4.2 {
		return true
	}
	text := []byte(name + "=" + value)
	finds, err := secret.Search(context.Background(), bytes.NewReader(text), int64(len(text)), secret.Plain)
	return err != nil || len(finds) > 0
}

// hasPassword reports whether a value has credentials in a URL.
func hasPassword(value string) bool {
	_, rest, ok := strings.Cut(value, "://")
	if !ok {
		return false
	}
	user, _, ok := strings.Cut(rest, "@")
	return ok && strings.Contains(user, ":") && !strings.ContainsAny(user, "/ \t\n")
}

func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}
