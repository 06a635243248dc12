package capture

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/gitruns/runs/repo/regular"
)

const (
	dvcEnding   = ".dvc"
	maxDVCBytes = 1 << 20
)

// dvcOut is the first output in a .dvc file (see https://dvc.org/doc/user-guide/project-structure/dvc-files).
type dvcOut struct {
	md5          string // ends with .dir for a folder
	bytes, files int64
}

// readDVC reads path if it is a .dvc file, and otherwise the .dvc file next to it. It returns nil if there is none.
func readDVC(path string) (*dvcOut, error) {
	own := strings.HasSuffix(path, dvcEnding)
	if !own {
		path += dvcEnding
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !own && !info.Mode().IsRegular() {
		return nil, nil
	}
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular() || info.Size() > maxDVCBytes:
		if own && info.IsDir() {
			return nil, nil // DVC's own folder
		}
		return nil, fmt.Errorf("%s is not a .dvc file", path)
	}
	data, err := regular.ReadFile(path)
	if err != nil {
		return nil, err
	}
	out := parseDVC(string(data))
	if out == nil {
		return nil, fmt.Errorf("%s lists no output with an md5: is it a .dvc file?", path)
	}
	return out, nil
}

// parseDVC reads the first entry of `outs` from the YAML that DVC writes: a list of flat mappings.
func parseDVC(text string) *dvcOut {
	out := &dvcOut{files: 1}
	in, seen := false, false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		trimmed := strings.TrimSpace(line)
		if trimmed == "" || trimmed[0] == '#' {
			continue
		}
		if !in {
			in = trimmed == "outs:"
			continue
		}
		item, first := strings.CutPrefix(trimmed, "- ")
		if first && seen || !first && line[0] != ' ' {
			break // the next output, or the next part of the file
		}
		seen = true
		key, value, _ := strings.Cut(item, ":")
		value = strings.Trim(strings.TrimSpace(value), `'"`)
		switch strings.TrimSpace(key) {
		case "md5":
			out.md5 = value
		case "size":
			out.bytes, _ = strconv.ParseInt(value, 10, 64)
		case "nfiles":
			out.files, _ = strconv.ParseInt(value, 10, 64)
		}
	}
	hex := strings.TrimSuffix(out.md5, ".dir")
	if len(hex) != 32 || strings.Trim(hex, "0123456789abcdef") != "" || out.bytes < 0 || out.files < 0 {
		return nil
	}
	return out
}
