package capture

import (
	"bytes"
	"encoding/json"
	"errors"
)

// maxCellOutput is the size in bytes above which the outputs of a notebook cell are results and not source.
const maxCellOutput = 256 << 10

// maxNotebook is the largest notebook that is read, in bytes.
const maxNotebook = 256 << 20

var errNoNotebook = errors.New("not a notebook")

// trimNotebook empties the `outputs` of each cell in which they exceed 256 KiB, and changes no other byte. removed is
// the number of bytes that it removed. The format is version 4 of https://nbformat.readthedocs.io.
func trimNotebook(data []byte) (trimmed []byte, removed int64, err error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	if err := expect(dec, '{'); err != nil {
		return nil, 0, err
	}
	var cut [][2]int64
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, 0, err
		}
		if key == "cells" {
			cut, err = outputsOfCells(dec)
		} else {
			err = skip(dec)
		}
		if err != nil {
			return nil, 0, err
		}
	}
	if err := expect(dec, '}'); err != nil {
		return nil, 0, err
	}
	last := int64(0)
	for _, c := range cut {
		trimmed = append(append(trimmed, data[last:c[0]]...), "[]"...)
		removed += c[1] - c[0] - 2
		last = c[1]
	}
	return append(trimmed, data[last:]...), removed, nil
}

func expect(dec *json.Decoder, delim json.Delim) error {
	tok, err := dec.Token()
	if err == nil && tok != delim {
		err = errNoNotebook
	}
	return err
}

func skip(dec *json.Decoder) error {
	var raw json.RawMessage
	return dec.Decode(&raw)
}

// outputsOfCells returns the offsets at which the outputs above the limit begin and end.
func outputsOfCells(dec *json.Decoder) (cut [][2]int64, err error) {
	if err := expect(dec, '['); err != nil {
		return nil, err
	}
	for dec.More() {
		if err := expect(dec, '{'); err != nil {
			return nil, err
		}
		for dec.More() {
			key, err := dec.Token()
			if err != nil {
				return nil, err
			}
			var raw json.RawMessage
			if err := dec.Decode(&raw); err != nil {
				return nil, err
			}
			end := dec.InputOffset()
			if key == "outputs" && len(raw) > maxCellOutput && raw[0] == '[' {
				cut = append(cut, [2]int64{end - int64(len(raw)), end})
			}
		}
		if err := expect(dec, '}'); err != nil {
			return nil, err
		}
	}
	return cut, expect(dec, ']')
}
