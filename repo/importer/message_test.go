package importer

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// TestFields walks messages: every kind of field, and what no writer of messages makes.
func TestFields(t *testing.T) {
	long := strings.Repeat("\xff", 10)
	for name, c := range map[string]struct{ message, want string }{
		"no field":                   {"", ""},
		"a varint":                   {"\x08\x96\x01", "1=150"},
		"the largest varint":         {"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "1=18446744073709551615"},
		"bits of 64":                 {"\x11\x01\x00\x00\x00\x00\x00\x00\x80", "2=9223372036854775809"},
		"bits of 32":                 {"\x1d\x01\x00\x00\x80", "3=2147483649"},
		"bytes":                      {"\x22\x03abc", "4:abc"},
		"no bytes":                   {"\x22\x00", "4:"},
		"two fields":                 {"\x08\x01\x22\x01a", "1=1 4:a"},
		"a torn tag":                 {"\x08\x01\x80", "1=1 malformed"},
		"a torn varint":              {"\x08\x80", "malformed"},
		"a varint of too many bytes": {"\x08" + long + "\x01", "malformed"},
		"torn bits of 64":            {"\x11\x01\x02", "malformed"},
		"torn bits of 32":            {"\x1d\x01\x02", "malformed"},
		"bytes past the end":         {"\x22\x04abc", "malformed"},
		"a length that overflows":    {"\x22\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01abc", "malformed"},
		"a group":                    {"\x0b\x08\x01\x0c", "malformed"},
		"an unknown kind":            {"\x0f\x01", "malformed"},
		"field 0":                    {"\x00\x01", "malformed"},
	} {
		var got []string
		f := FieldsOf([]byte(c.message))
		for f.Next() {
			if f.Sub != nil {
				got = append(got, fmt.Sprintf("%d:%s", f.Num, f.Sub))
			} else {
				got = append(got, fmt.Sprintf("%d=%d", f.Num, f.V))
			}
		}
		if errors.Is(f.Err, ErrMessage) {
			got = append(got, "malformed")
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: got %q, want %q", name, s, c.want)
		}
		if f.Next() {
			t.Errorf("%s: the walk goes past its end", name)
		}
	}
}

func TestDoubles(t *testing.T) {
	one := "\x00\x00\x00\x00\x00\x00\xf0\x3f"
	f := FieldsOf([]byte("\x09" + one + "\x0a\x14" + one + one + "torn"))
	var got []float64
	for f.Next() {
		got = f.Doubles(got, 10)
	}
	if f.Err != nil || fmt.Sprint(got) != "[1 1 1]" {
		t.Errorf("got %v, %v", got, f.Err)
	}
	if f := FieldsOf([]byte("\x0a\x10" + one + one)); !f.Next() || len(f.Doubles(got, 4)) != 4 {
		t.Error("more doubles than the bound are taken")
	}
}
