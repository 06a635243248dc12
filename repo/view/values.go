package view

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// Bounds of one answer about non-numeric values.
const (
	maxValueKeys  = 5000
	maxValuesSent = 400     // of one key
	maxValueSent  = 8 << 20 // bytes of one answer
)

// Kinds of non-numeric values.
const (
	KindText      = "text"
	KindHistogram = "histogram"
	KindJSON      = "json"
)

// ValueKey is a key with non-numeric values.
type ValueKey struct {
	Key   string `json:"key"`
	Name  string `json:"name"` // stands for the key in a path: the first 16 digits of its SHA-256
	Kind  string `json:"kind"` // of the last value: text, histogram or json
	Count int    `json:"count"`
	First int64  `json:"first"` // step
	Last  int64  `json:"last"`  // step
}

// Values lists the keys of the non-numeric values of a run.
type Values struct {
	Keys []ValueKey `json:"keys"` // by name; at most 5,000
	More int        `json:"more"` // keys that are left out
	Here bool       `json:"here"` // false if a file of values is only on another machine
}

// Series is the values of one key, ordered by step and time.
type Series struct {
	Key    string  `json:"key"`
	Total  int     `json:"total"` // in the steps that were asked for
	Values []Value `json:"values"`
	Here   bool    `json:"here"`
}

// Value is one non-numeric value.
type Value struct {
	Step int64           `json:"step"`
	Time int64           `json:"time"` // µs since 1970
	JSON json.RawMessage `json:"value"`
}

// ValueName returns what stands for a key in a path.
func ValueName(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:8])
}

func hasValues(e *repo.Entry) bool {
	return e.ValuesBytes() > 0 || e.Active != nil
}

// Values lists the keys of the non-numeric values of a run. If they are damaged, or there is no such run, the error is
// a *NotFoundError.
func (v *View) Values(ctx context.Context, run string) (*Values, error) {
	e, err := v.readable(ctx, run)
	if err != nil {
		return nil, err
	}
	list := &Values{Keys: []ValueKey{}}
	last := ""
	list.Here, err = e.EachValue(ctx, func(key string, value format.Value) error {
		if n := len(list.Keys); n == 0 || last != key {
			last = key
			if n == maxValueKeys {
				list.More++
				return nil
			}
			list.Keys = append(list.Keys, ValueKey{Key: key, Name: ValueName(key), First: value.Step})
		}
		if list.More > 0 {
			return nil
		}
		one := &list.Keys[len(list.Keys)-1]
		one.Count++
		one.Last, one.Kind = value.Step, kindOf(value.JSON)
		return nil
	})
	return list, unreadableFile(ctx, "reading the values", err)
}

func kindOf(value string) string {
	switch {
	case strings.HasPrefix(value, `"`):
		return KindText
	case strings.HasPrefix(value, "{") && strings.Contains(value, `"_type":"histogram"`):
		return KindHistogram
	}
	return KindJSON
}

// Series returns the values of the key that name stands for, with steps between from and to. Of more than 400 values,
// or of more than 8 MiB, it returns some at about equal distances, and always the last. If the run has no such key,
// the error is a *NotFoundError.
func (v *View) Series(ctx context.Context, run, name string, from, to int64) (*Series, error) {
	e, err := v.readable(ctx, run)
	if err != nil {
		return nil, err
	}
	s := &Series{Values: []Value{}}
	found, last := false, ""
	every, size := 1, 0
	var newest Value
	s.Here, err = e.EachValue(ctx, func(key string, value format.Value) error {
		if key != last {
			last = key
			if found = ValueName(key) == name; found {
				s.Key = key
			}
		}
		if !found || value.Step < from || value.Step > to {
			return nil
		}
		newest = Value{value.Step, value.Time, json.RawMessage(value.JSON)}
		if s.Total++; (s.Total-1)%every != 0 {
			return nil
		}
		s.Values = append(s.Values, newest)
		size += len(value.JSON)
		for len(s.Values) > 1 && (len(s.Values) > maxValuesSent || size > maxValueSent) {
			s.Values, size = thinned(s.Values)
			every *= 2
		}
		return nil
	})
	if err != nil {
		return nil, unreadableFile(ctx, "reading the values", err)
	}
	if s.Key == "" {
		return nil, missing("", "run %s has no values of this key", e.ID)
	}
	if n := len(s.Values); s.Total > 0 && (s.Total-1)%every != 0 {
		s.Values = append(s.Values[:n:n], newest)
	}
	return s, nil
}

// thinned returns every second value, and the bytes of these.
func thinned(values []Value) (kept []Value, size int) {
	for i := 0; i < len(values); i += 2 {
		kept = append(kept, values[i])
		size += len(values[i].JSON)
	}
	return kept, size
}
