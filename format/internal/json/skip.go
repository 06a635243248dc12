package json

// Offset returns the offset of the next byte to read.
func (s *Scanner) Offset() int { return s.at }

// Since returns what was read since an offset.
func (s *Scanner) Since(offset int) string { return string(s.text[offset:s.at]) }

// Skip reads the value at an offset and discards it. It may be called after an error of another call that began to read
// that value. Its own error says that the text is not JSON. It accepts any nesting, because it does not recurse.
func (s *Scanner) Skip(offset int) error {
	s.at = offset
	var open []byte // the brackets that are open
	for {
		s.space()
		switch c := s.next(); {
		case c == '{' || c == '[':
			s.at++
			s.space()
			if s.next() == closing(c) {
				s.at++
				break
			}
			open = append(open, c)
			if err := s.skipKey(c); err != nil {
				return err
			}
			continue
		case c == '"':
			if _, err := s.Text(); err != nil {
				return err
			}
		case s.Accept("true"), s.Accept("false"), s.Accept("null"):
		default:
			if _, _, err := s.Number(); err != nil {
				return err
			}
		}
		more, err := s.skipEnd(&open)
		if err != nil || !more {
			return err
		}
	}
}

func closing(c byte) byte {
	if c == '{' {
		return '}'
	}
	return ']'
}

// skipKey reads the key of the next member, if it is one of an object.
func (s *Scanner) skipKey(bracket byte) error {
	if bracket != '{' {
		return nil
	}
	s.space()
	if _, err := s.key(); err != nil {
		return err
	}
	return s.expect(':')
}

// skipEnd reads what follows a value: a comma and perhaps a key, or closing brackets. It reports whether another value
// follows.
func (s *Scanner) skipEnd(open *[]byte) (more bool, err error) {
	for len(*open) > 0 {
		bracket := (*open)[len(*open)-1]
		s.space()
		switch s.next() {
		case ',':
			s.at++
			return true, s.skipKey(bracket)
		case closing(bracket):
			s.at++
			*open = (*open)[:len(*open)-1]
		default:
			return false, s.Errorf(`expected "," or %q`, string(rune(closing(bracket))))
		}
	}
	return false, nil
}
