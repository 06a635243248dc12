package json

import "strconv"

// Value reads any value: an object as map[string]any, an array as []any, null as nil. A number is an int64 if it is
// written as an integer and fits, and otherwise a float64. It returns an error if an object has a key twice or if
// values are nested too deeply.
func (s *Scanner) Value() (any, error) {
	s.space()
	s.exact = false
	return s.value(0)
}

// ExactValue is like Value, but an integer that does not fit is the text of its digits, so that none is lost.
func (s *Scanner) ExactValue() (any, error) {
	s.space()
	s.exact = true
	return s.value(0)
}

func (s *Scanner) value(depth int) (any, error) {
	if depth > s.depth {
		return nil, s.Errorf("nested deeper than %d levels", s.depth)
	}
	switch c := s.next(); {
	case c == '{':
		return s.object(depth)
	case c == '[':
		return s.array(depth)
	case c == '"':
		if v, ok := s.quotedFloat(); ok {
			return v, nil
		}
		return s.Text()
	case s.Accept("true"):
		return true, nil
	case s.Accept("false"):
		return false, nil
	case s.Accept("null"):
		return nil, nil
	}
	text, integer, err := s.Number()
	if err != nil {
		return nil, err
	}
	if integer {
		if v, err := strconv.ParseInt(alias(text), 10, 64); err == nil {
			return v, nil
		}
		if s.exact {
			return string(text), nil
		}
	}
	return s.ParseFloat(text)
}

func (s *Scanner) object(depth int) (map[string]any, error) {
	m := map[string]any{}
	err := s.Object(func(key string) error {
		if _, ok := m[key]; ok {
			return s.Errorf("the key %q appears twice", key)
		}
		v, err := s.value(depth + 1)
		m[key] = v
		return err
	})
	return m, err
}

func (s *Scanner) array(depth int) ([]any, error) {
	s.at++
	list := []any{}
	s.space()
	if s.next() == ']' {
		s.at++
		return list, nil
	}
	for {
		s.space()
		v, err := s.value(depth + 1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
		s.space()
		switch s.next() {
		case ',':
			s.at++
		case ']':
			s.at++
			return list, nil
		default:
			return nil, s.Errorf(`expected "," or "]"`)
		}
	}
}

// quotedFloat reads "NaN", "Infinity" or "-Infinity". It leaves any other string for Text.
func (s *Scanner) quotedFloat() (float64, bool) {
	start := s.at
	if start+1 >= len(s.text) || s.text[start+1] != 'N' && s.text[start+1] != 'I' && s.text[start+1] != '-' {
		return 0, false
	}
	if text, _, err := s.Number(); err == nil {
		if v, err := s.ParseFloat(text); err == nil {
			return v, true
		}
	}
	s.at = start
	return 0, false
}
