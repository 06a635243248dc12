package secret

import (
	"bytes"
	"slices"
)

// DERKey reports whether the content of a file is a private key in DER: of PKCS 1 (RFC 8017), SEC 1 (RFC 5915), PKCS 8,
// also encrypted (RFC 5208), or a bundle of PKCS 12 (RFC 7292). It looks at the first fields of the outermost sequence,
// whose length must be that of the content.
func DERKey(data []byte) bool {
	fields, rest, ok := derValue(data, 0x30)
	if !ok || len(rest) != 0 {
		return false
	}
	if version, rest, ok := derValue(fields, 0x02); ok {
		_, algorithm, _ := derValue(rest, 0x30)
		octets, _, isEC := derValue(rest, 0x04)
		switch {
		case bytes.Equal(version, []byte{3}): // PKCS 12: version, ContentInfo
			info, _, isInfo := derValue(rest, 0x30)
			return isInfo && bytes.HasPrefix(info, []byte{0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07})
		case bytes.Equal(version, []byte{1}) && isEC: // SEC 1: version, the number
			return len(octets) >= 16
		case bytes.Equal(version, []byte{0}) || bytes.Equal(version, []byte{1}):
			if _, _, ok := derValue(algorithm, 0x04); ok { // PKCS 8: version, algorithm, key
				return true
			}
			return integers(rest) >= 5 // PKCS 1: version, modulus, exponents, primes; DSA's key of OpenSSL
		}
		return false
	}
	scheme, rest, ok := derValue(fields, 0x30) // PKCS 8, encrypted: algorithm, data
	if !ok {
		return false
	}
	_, after, isData := derValue(rest, 0x04)
	id, _, isID := derValue(scheme, 0x06)
	return isData && len(after) == 0 && isID && slices.ContainsFunc(keySchemes, func(scheme []byte) bool {
		return bytes.HasPrefix(id, scheme)
	})
}

// keySchemes are the arcs of PKCS 5 and PKCS 12, whose schemes encrypt a key with a password.
var keySchemes = [][]byte{
	{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05},
	{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c},
}

// integers counts the integers that data consists of. It is 0 if there is anything else.
func integers(data []byte) int {
	count := 0
	for len(data) > 0 {
		_, rest, ok := derValue(data, 0x02)
		if !ok {
			return 0
		}
		data = rest
		count++
	}
	return count
}

// derValue splits a value with a tag off data. Lengths have at most three bytes.
func derValue(data []byte, tag byte) (value, rest []byte, ok bool) {
	if len(data) < 2 || data[0] != tag {
		return nil, nil, false
	}
	length, data := int(data[1]), data[2:]
	if length >= 0x80 {
		size := length - 0x80
		if size < 1 || size > 3 || len(data) < size {
			return nil, nil, false
		}
		length = 0
		for _, b := range data[:size] {
			length = length<<8 | int(b)
		}
		data = data[size:]
	}
	if length > len(data) {
		return nil, nil, false
	}
	return data[:length], data[length:], true
}
