package web

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/gitruns/runs/repo/secret"
	"github.com/gitruns/runs/repo/share"
)

// textsOf returns what to search in an answer. In JSON, it is the texts as they were before they became JSON, each
// after the key that it has: a secret may span what JSON escapes, and its name may be what shows that it is a secret.
func textsOf(t share.ExportText, isJSON bool) []share.ExportText {
	var value any
	if !isJSON || json.Unmarshal(t.Text, &value) != nil { // an answer may be large: a decoder would copy it
		return []share.ExportText{t}
	}
	var c textCollector
	c.plain.Grow(textBytes("", value))
	c.add("", value)
	plain := t
	plain.Text = c.plain.Bytes()
	texts := []share.ExportText{plain}
	for _, patch := range c.patches {
		one := t
		one.Text, one.Kind = []byte(patch), secret.Patch
		texts = append(texts, one)
	}
	return texts
}

// textCollector collects the texts of a JSON document.
type textCollector struct {
	plain   bytes.Buffer
	patches []string
}

func (c *textCollector) add(key string, value any) {
	switch v := value.(type) {
	case string:
		if strings.HasPrefix(v, "diff --git ") {
			c.patches = append(c.patches, v)
			return
		}
		for _, part := range []string{key, " = ", v, "\n"} {
			c.plain.WriteString(part)
		}
	case []any:
		if len(v) == 2 { // perhaps a key with its value
			if name, ok := v[0].(string); ok {
				c.add(key, v[0])
				c.add(name, v[1])
				return
			}
		}
		for _, one := range v {
			c.add(key, one)
		}
	case map[string]any:
		c.addObject(key, v)
	}
}

// textBytes returns about how many bytes the texts of a value take, with their keys.
func textBytes(key string, value any) int {
	n := 0
	switch v := value.(type) {
	case string:
		n = len(key) + len(v) + len(" = \n")
	case []any:
		for _, one := range v {
			n += textBytes(key, one)
		}
	case map[string]any:
		for k, one := range v {
			n += textBytes(k, one)
		}
	}
	return n
}

// addObject adds the texts of an object. Its key may be one of its values, as in {"key": "lr", "value": "0.1"}.
func (c *textCollector) addObject(key string, object map[string]any) {
	name := key
	for _, k := range []string{"key", "name"} {
		if s, ok := object[k].(string); ok {
			name = s
			break
		}
	}
	for _, k := range slices.Sorted(maps.Keys(object)) {
		if k == "value" || k == "values" || k == "text" {
			c.add(name, object[k])
		} else {
			c.add(k, object[k])
		}
	}
}
