package format

import (
	"cmp"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/gitruns/runs/format/listsort"
)

// jsonField is an exported field of a struct, with its JSON key.
type jsonField struct {
	key       string
	index     []int
	omitEmpty bool
	omitZero  bool
}

// jsonFields holds the fields of each struct type that was written, sorted by JSON key. The map's key is a
// reflect.Type.
var jsonFields sync.Map

// appendReflected appends a value for which AppendJSON has no case: a struct with json tags, or a list, a map or a
// pointer. Unlike encoding/json, it sorts the keys of an object, writes a nil slice as an empty list, and writes
// floats and strings as in a record. It supports the tag options omitempty and omitzero.
func appendReflected(b []byte, v reflect.Value) []byte {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return append(b, "null"...)
		}
	}
	if _, ok := v.Interface().(json.Marshaler); ok {
		return appendMarshaled(b, v.Interface())
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return AppendJSON(b, v.Elem().Interface())
	case reflect.String:
		return appendQuoted(b, v.String())
	case reflect.Float64:
		return AppendJSONFloat(b, v.Float())
	case reflect.Slice, reflect.Array:
		b = append(b, '[')
		for i := range v.Len() {
			if i > 0 {
				b = append(b, ',')
			}
			b = AppendJSON(b, v.Index(i).Interface())
		}
		return append(b, ']')
	case reflect.Map:
		if v.Type().Key().Kind() != reflect.String {
			break
		}
		keys := v.MapKeys()
		listsort.Sort(keys, func(x, y reflect.Value) int { return strings.Compare(x.String(), y.String()) })
		b = append(b, '{')
		for i, key := range keys {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendQuoted(b, key.String()), ':')
			b = AppendJSON(b, v.MapIndex(key).Interface())
		}
		return append(b, '}')
	case reflect.Struct:
		return appendStruct(b, v)
	}
	return appendMarshaled(b, v.Interface())
}

func appendStruct(b []byte, v reflect.Value) []byte {
	b = append(b, '{')
	first := true
	for _, f := range fieldsOf(v.Type()) {
		value := v.FieldByIndex(f.index)
		if f.omitEmpty && isEmpty(value) || f.omitZero && isZero(value) {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(appendQuoted(b, f.key), ':')
		b = AppendJSON(b, value.Interface())
	}
	return append(b, '}')
}

func fieldsOf(t reflect.Type) []jsonField {
	if fields, ok := jsonFields.Load(t); ok {
		return fields.([]jsonField)
	}
	var fields []jsonField
	for _, f := range reflect.VisibleFields(t) {
		tag, tagged := f.Tag.Lookup("json")
		if !f.IsExported() || tag == "-" || f.Anonymous && !tagged {
			continue
		}
		name, options, _ := strings.Cut(tag, ",")
		has := func(option string) bool { return slices.Contains(strings.Split(options, ","), option) }
		fields = append(fields, jsonField{cmp.Or(name, f.Name), f.Index, has("omitempty"), has("omitzero")})
	}
	listsort.Sort(fields, func(x, y jsonField) int { return strings.Compare(x.key, y.key) })
	jsonFields.Store(t, fields)
	return fields
}

// isEmpty reports whether omitempty leaves a value out. The rule is that of encoding/json.
func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map, reflect.Array:
		return v.Len() == 0
	case reflect.Struct:
		return false
	}
	return v.IsZero()
}

// isZero reports whether omitzero leaves a value out. If the value has a method IsZero, the method decides.
func isZero(v reflect.Value) bool {
	if z, ok := v.Interface().(interface{ IsZero() bool }); ok {
		return z.IsZero()
	}
	return v.IsZero()
}

func appendMarshaled(b []byte, value any) []byte {
	data, err := json.Marshal(value)
	if err != nil {
		return appendQuoted(b, err.Error())
	}
	return append(b, data...)
}
