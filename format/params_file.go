package format

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/gitruns/runs/format/internal/json"
)

// ParseParams reads a params file: a JSON object, as in a journal line, or TOML. file is the name used in errors. It
// returns an error if the file is larger than MaxRecordBytes, or if a record cannot hold the params.
func ParseParams(file string, data []byte) (Params, error) {
	if text := bytes.TrimSpace(data); len(text) == 0 || text[0] != '{' {
		m, err := parseTOML(file, data, MaxRecordBytes)
		if err != nil {
			return nil, err
		}
		if err := CheckParams(m); err != nil {
			return nil, &FileError{File: file, Reason: err.Error()}
		}
		return m, nil
	}
	if err := checkFile(file, data, MaxRecordBytes); err != nil {
		return nil, err
	}
	var scan json.Scanner
	scan.Reset(data, MaxDepth)
	v, err := scan.ExactValue()
	if err == nil {
		err = scan.End()
	}
	var syntax *json.Error
	if errors.As(err, &syntax) {
		return nil, &FileError{File: file, Line: lineAt(data, syntax.Offset), Reason: syntax.Reason}
	}
	params, err := paramsOf(v)
	if err != nil {
		return nil, &FileError{File: file, Reason: err.Error()}
	}
	return params, nil
}

// checkFile returns an error if a file is too large or not UTF-8.
func checkFile(file string, data []byte, limit int) error {
	if len(data) > limit {
		return &FileError{
			File: file, Reason: fmt.Sprintf("the file is too large: %d bytes, and at most %d are read", len(data), limit),
		}
	}
	if !utf8.Valid(data) {
		return &FileError{File: file, Line: lineAt(data, invalidUTF8(data)), Reason: "the text is not UTF-8"}
	}
	return nil
}
