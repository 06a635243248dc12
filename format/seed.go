package format

import (
	"slices"
	"strings"
)

// IsSeed reports whether a param is a seed: runs may differ in it and still be replicates. The key is dotted. It is a
// seed if its last part, or the name of a table that contains it, is a name of a seed (see SPEC.md 9.5), or if more
// contains that name or the whole path up to it.
func IsSeed(key string, more []string) bool {
	start := 0
	for i := 0; i <= len(key); i++ {
		if i < len(key) && key[i] != '.' {
			continue
		}
		part := strings.Trim(key[start:i], `"'`)
		start = i + 1
		if isSeedName(part) || len(more) > 0 && (slices.Contains(more, part) || slices.Contains(more, key[:i])) {
			return true
		}
	}
	return false
}

// HasSeed reports whether one of the params is a seed, as IsSeed says.
func HasSeed(params Params, more []string) bool {
	for path := range params.Leaves() {
		if IsSeed(DottedKey(path), more) {
			return true
		}
	}
	return false
}

// isSeedName reports whether a name is that of a seed or of the state of a random number generator. A name that is
// not recognized only costs a verdict. A name that is taken for a seed by mistake hides a difference. So a count
// (n_seeds, num_seed) and a setting about seeds (seed_scale) are not seeds.
func isSeedName(name string) bool {
	if len(name) < len("rng") || len(name) > 64 || !mayBeSeed(name) {
		return false
	}
	var words []string
	for word := range nameWords(name) {
		words = append(words, strings.TrimRight(word, "0123456789"))
	}
	words = slices.DeleteFunc(words, func(word string) bool { return word == "" }) // seed_2 is a seed
	if len(words) == 0 {
		return false
	}
	switch words[0] {
	case "n", "num", "number", "count", "max", "min", "total":
		return false
	}
	switch words[len(words)-1] {
	case "seed", "rng", "prng", "randomseed", "dataseed", "torchseed", "npseed", "numpyseed", "rngseed", "hashseed",
		"pythonhashseed", "manualseed", "globalseed", "baseseed", "cudaseed", "splitseed", "trainseed", "envseed",
		"randomstate":
		return true
	}
	switch strings.Join(words, "_") {
	case "random_state", "rng_state", "prng_state", "rng_key", "prng_key", "prngkey", "seed_everything", "seed_all",
		"seed_value", "seed_offset", "random_seed_value":
		return true
	}
	return len(words) > 2 && strings.HasSuffix(strings.Join(words, "_"), "_random_state")
}

// mayBeSeed is a quick test that few names pass which are not seeds.
func mayBeSeed(name string) bool {
	for i := range len(name) - 2 {
		switch name[i] | 0x20 {
		case 's':
			if i+4 <= len(name) && strings.EqualFold(name[i:i+4], "seed") {
				return true
			}
		case 'r':
			if strings.EqualFold(name[i:i+3], "rng") || i+6 <= len(name) && strings.EqualFold(name[i:i+6], "random") {
				return true
			}
		}
	}
	return false
}
