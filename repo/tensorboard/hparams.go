package tensorboard

import (
	"math"
	"strings"

	"github.com/gitruns/runs/repo/importer"
)

// session is what the hparams plugin recorded about a run.
type session struct {
	params map[string]any // int64, float64, bool, string, []any, map[string]any; nil is null
	ended  float64        // seconds since 1970; 0 means unknown
	failed bool
}

// Bounds of the hyperparameters that are read.
const (
	maxParamDepth = 12
	maxParams     = 10_000
)

// parseSession reads an HParamsPluginData message: the start of a session, with its hyperparameters, or its end. It
// ignores the messages of an experiment, which describe no single run.
// https://github.com/tensorflow/tensorboard/blob/master/tensorboard/plugins/hparams/plugin_data.proto
func parseSession(data []byte, s *session) error {
	f := importer.FieldsOf(data)
	for f.Next() {
		switch f.Num {
		case 3:
			start := importer.FieldsOf(f.Sub)
			for start.Next() {
				if start.Num != 1 {
					continue
				}
				if err := s.param(start.Sub); err != nil {
					return err
				}
			}
			if start.Err != nil {
				return start.Err
			}
		case 4:
			const failure = 2
			end := importer.FieldsOf(f.Sub)
			for end.Next() {
				switch end.Num {
				case 1:
					s.failed = end.V == failure
				case 2:
					s.ended = end.Double()
				}
			}
			if end.Err != nil {
				return end.Err
			}
		}
	}
	return f.Err
}

func (s *session) param(entry []byte) error {
	left := maxParams - len(s.params)
	name, v, err := parseEntry(entry, 0, &left)
	if err != nil || left < 0 {
		return err
	}
	if s.params == nil {
		s.params = map[string]any{}
	}
	s.params[name] = v
	return nil
}

// parseEntry reads an entry of a map from names to google.protobuf.Value.
func parseEntry(data []byte, depth int, left *int) (name string, v any, err error) {
	f := importer.FieldsOf(data)
	for f.Next() {
		switch f.Num {
		case 1:
			name = importer.Clean(f.Sub)
		case 2:
			if v, err = parseAny(f.Sub, depth+1, left); err != nil {
				return "", nil, err
			}
		}
	}
	return name, v, f.Err
}

// parseAny reads a google.protobuf.Value. The message has only doubles, so whole numbers become integers.
func parseAny(data []byte, depth int, left *int) (v any, err error) {
	if *left--; *left < 0 || depth > maxParamDepth {
		return nil, importer.ErrMessage
	}
	f := importer.FieldsOf(data)
	for f.Next() {
		switch f.Num {
		case 2:
			v = f.Double()
			if n := f.Double(); n == math.Trunc(n) && math.Abs(n) < 1<<53 {
				v = int64(n)
			}
		case 3:
			v = strings.ToValidUTF8(string(f.Sub), "\ufffd")
		case 4:
			v = f.V != 0
		case 5:
			m := map[string]any{}
			entries := importer.FieldsOf(f.Sub)
			for entries.Next() {
				if entries.Num != 1 {
					continue
				}
				name, item, err := parseEntry(entries.Sub, depth, left)
				if err != nil {
					return nil, err
				}
				if name != "" && item != nil {
					m[name] = item
				}
			}
			if entries.Err != nil {
				return nil, entries.Err
			}
			v = m
		case 6:
			list := []any{}
			items := importer.FieldsOf(f.Sub)
			for items.Next() {
				if items.Num != 1 {
					continue
				}
				item, err := parseAny(items.Sub, depth+1, left)
				if err != nil {
					return nil, err
				}
				if item != nil {
					list = append(list, item)
				}
			}
			if items.Err != nil {
				return nil, items.Err
			}
			v = list
		}
	}
	return v, f.Err
}
