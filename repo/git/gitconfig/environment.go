package gitconfig

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// environment calls visit for the settings of the environment: those that GIT_CONFIG_COUNT counts, and those that
// `git -c` hands on to the programs that Git starts.
func (l *loader) environment(visit func(Entry) error) error {
	set := func(key, value string, hasValue bool) error {
		name, ok := canonical(key)
		if !ok {
			return fmt.Errorf("reading the Git configuration of the environment: the key %q is invalid", key)
		}
		return l.setting(Entry{Scope: Command, Key: name, Value: value, HasValue: hasValue}, visit)
	}
	if err := l.counted(set); err != nil {
		return err
	}
	rest := l.env.get("GIT_CONFIG_PARAMETERS")
	for rest != "" {
		key, value, hasValue, after, ok := parameter(rest)
		if !ok {
			return errors.New("reading the Git configuration of the environment: GIT_CONFIG_PARAMETERS is invalid")
		}
		if err := set(key, value, hasValue); err != nil {
			return err
		}
		rest = after
	}
	return nil
}

func (l *loader) counted(set func(key, value string, hasValue bool) error) error {
	text := strings.TrimLeft(l.env.get("GIT_CONFIG_COUNT"), " \t\n\v\f\r")
	if text == "" {
		return nil
	}
	count, err := strconv.ParseUint(strings.TrimPrefix(text, "+"), 10, 64)
	if err != nil || count > math.MaxInt32 {
		return fmt.Errorf("reading the Git configuration of the environment: GIT_CONFIG_COUNT is %q, which is not a number",
			text)
	}
	for i := range count {
		key, hasKey := l.env(fmt.Sprintf("GIT_CONFIG_KEY_%d", i))
		value, hasValue := l.env(fmt.Sprintf("GIT_CONFIG_VALUE_%d", i))
		if !hasKey || !hasValue {
			return fmt.Errorf("reading the Git configuration of the environment: GIT_CONFIG_KEY_%d or GIT_CONFIG_VALUE_%d "+
				"is missing", i, i)
		}
		if err := set(key, value, true); err != nil {
			return err
		}
	}
	return nil
}

// parameter takes the first setting from GIT_CONFIG_PARAMETERS: 'key'='value', 'key'=, or the older 'key=value'.
func parameter(text string) (key, value string, hasValue bool, rest string, ok bool) {
	key, rest, ok = unquote(text)
	if !ok {
		return "", "", false, "", false
	}
	switch {
	case rest == "" || isSpace(rest[0]):
		key, value, hasValue = strings.Cut(key, "=")
		key = strings.Trim(key, " \t\r\n")
		ok = key != ""
	case rest[0] != '=':
		return "", "", false, "", false
	case len(rest) > 1 && rest[1] == '\'':
		hasValue = true
		value, rest, ok = unquote(rest[1:])
		ok = ok && (rest == "" || isSpace(rest[0]))
	default:
		rest = rest[1:]
		ok = rest == "" || isSpace(rest[0])
	}
	return key, value, hasValue, strings.TrimLeft(rest, " \t\r\n"), ok
}

// unquote takes a text in single quotes, in which a quote is written as '\” and an exclamation mark as '\!'.
func unquote(text string) (unquoted, rest string, ok bool) {
	if !strings.HasPrefix(text, "'") {
		return "", "", false
	}
	var b strings.Builder
	for i := 1; ; {
		end := strings.IndexByte(text[i:], '\'')
		if end < 0 {
			return "", "", false
		}
		b.WriteString(text[i : i+end])
		i += end + 1
		after := text[i:]
		if !strings.HasPrefix(after, `\''`) && !strings.HasPrefix(after, `\!'`) {
			return b.String(), after, true
		}
		b.WriteByte(after[1])
		i += 3
	}
}
