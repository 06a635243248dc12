package capture

import (
	"math"
	"regexp"
	"strings"
	"sync"
)

// secretValues are the beginnings of tokens that their makers document, keys in PEM, and credentials in a URL.
var secretValues = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?:^|[^A-Za-z0-9])(?:sk-|ghp_|gho_|ghs_|github_pat_|glpat-|hf_|xox[abprs]-|AKIA|ASIA|AIza|ya29\.|eyJ[A-Za-z0-9_-]{10})|-----BEGIN |://[^/@\s:]+:[^/@\s]+@`)
})

// looksSecret reports whether a variable must not be recorded: by its name, or by its value.
func looksSecret(name, value string) bool {
	upper := strings.ToUpper(name)
	for _, word := range []string{"TOKEN", "SECRET", "PASSW", "CREDENTIAL", "APIKEY", "API_KEY", "ACCESS_KEY", "PRIVATE_KEY", "AUTH", "JWT"} {
		if strings.Contains(upper, word) {
			return true
		}
	}
	if secretValues().MatchString(value) {
		return true
	}
	return len(value) >= 32 && strings.Trim(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+_=-") == "" && entropy(value) > 4.2
}

// entropy is that of the letters of s, in bits a letter (Shannon, 1948).
func entropy(s string) float64 {
	var count [256]float64
	for i := range len(s) {
		count[s[i]]++
	}
	bits := 0.0
	for _, n := range count {
		if n > 0 {
			p := n / float64(len(s))
			bits -= p * math.Log2(p)
		}
	}
	return bits
}
