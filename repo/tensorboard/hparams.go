package tensorboard

import (
	"math"
	"strings"
)

// session is what the hparams plugin says of a run.
type session struct {
	params map[string]any // int64, float64, bool, string, []any, map[string]any; nil is null
	ended  float64        // seconds since 1970; 0 is not said
	failed bool
}

// How deep and how many hyperparameters are read.
const (
	maxParamDepth = 12
	maxParams     = 10_000
)

// parseSession reads an HParamsPluginData message: the start of a session, with its hyperparameters, or its end. What an
// experiment says of all its sessions is of no run.
// https://github.com/tensorflow/tensorboard/blob/master/tensorboard/plugins/hparams/plugin_data.proto
func parseSession(data []byte, s *session) error {
	f := fields{b: data}
	for f.next() {
		switch f.num {
		case 3:
			start := fields{b: f.sub}
			for start.next() {
				if start.num != 1 {
					continue
				}
				if err := s.param(start.sub); err != nil {
					return err
				}
			}
			if start.err != nil {
				return start.err
			}
		case 4:
			const failure = 2
			end := fields{b: f.sub}
			for end.next() {
				switch end.num {
				case 1:
					s.failed = end.v == failure
				case 2:
					s.ended = end.double()
				}
			}
			if end.err != nil {
				return end.err
			}
		}
	}
	return f.err
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

// parseEntry reads an entry of a map of name to google.protobuf.Value.
func parseEntry(data []byte, depth int, left *int) (name string, v any, err error) {
	f := fields{b: data}
	for f.next() {
		switch f.num {
		case 1:
			name = clean(f.sub)
		case 2:
			if v, err = parseAny(f.sub, depth+1, left); err != nil {
				return "", nil, err
			}
		}
	}
	return name, v, f.err
}

// parseAny reads a google.protobuf.Value. Whole numbers become integers: the message knows doubles only.
func parseAny(data []byte, depth int, left *int) (v any, err error) {
	if *left--; *left < 0 || depth > maxParamDepth {
		return nil, errMessage
	}
	f := fields{b: data}
	for f.next() {
		switch f.num {
		case 2:
			v = f.double()
			if n := f.double(); n == math.Trunc(n) && math.Abs(n) < 1<<53 {
				v = int64(n)
			}
		case 3:
			v = strings.ToValidUTF8(string(f.sub), "\ufffd")
		case 4:
			v = f.v != 0
		case 5:
			m := map[string]any{}
			entries := fields{b: f.sub}
			for entries.next() {
				if entries.num != 1 {
					continue
				}
				name, item, err := parseEntry(entries.sub, depth, left)
				if err != nil {
					return nil, err
				}
				if name != "" && item != nil {
					m[name] = item
				}
			}
			if entries.err != nil {
				return nil, entries.err
			}
			v = m
		case 6:
			list := []any{}
			items := fields{b: f.sub}
			for items.next() {
				if items.num != 1 {
					continue
				}
				item, err := parseAny(items.sub, depth+1, left)
				if err != nil {
					return nil, err
				}
				if item != nil {
					list = append(list, item)
				}
			}
			if items.err != nil {
				return nil, items.err
			}
			v = list
		}
	}
	return v, f.err
}
