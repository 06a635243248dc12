package capture

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

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

// DVCData returns the path of the data that a path names for DVC: without the ending of a .dvc file.
func DVCData(path string) string { return strings.TrimSuffix(path, dvcEnding) }

// errDVCDiffers says that data has another hash than its .dvc file gave.
var errDVCDiffers = errors.New("has different content than its .dvc file gave")

// CheckDVC returns an error if the file or folder at a path does not have the MD5 that DVC gave it. Releases of DVC
// before 3.0 hashed text with the line breaks of Unix.
func CheckDVC(ctx context.Context, path, digest string) error {
	want, folder := strings.CutSuffix(digest, ".dir")
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.IsDir() != folder {
		return errDVCDiffers
	}
	for _, unix := range []bool{false, true} {
		got := ""
		if folder {
			got, err = dvcFolder(ctx, path, unix)
		} else {
			got, err = dvcFile(ctx, path, unix)
		}
		if err != nil || got == want {
			return err
		}
	}
	return errDVCDiffers
}

// dvcFolder returns the MD5 of the list that DVC makes of a folder.
func dvcFolder(ctx context.Context, root string, unix bool) (string, error) {
	type file struct {
		MD5  string `json:"md5"`
		Path string `json:"relpath"`
	}
	listed, err := listFiles(ctx, root, nil)
	if err != nil {
		return "", err
	}
	files := make([]file, len(listed))
	for i, f := range listed {
		sum, err := dvcFile(ctx, filepath.Join(root, filepath.FromSlash(f.path)), unix)
		if err != nil {
			return "", err
		}
		files[i] = file{sum, f.path}
	}
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.Path, b.Path) })
	var list strings.Builder
	for i, f := range files {
		separator := ", "
		if i == 0 {
			separator = ""
		}
		fmt.Fprintf(&list, `%s{"md5": "%s", "relpath": %s}`, separator, f.MD5, asciiJSON(f.Path))
	}
	sum := md5.Sum([]byte("[" + list.String() + "]"))
	return hex.EncodeToString(sum[:]), nil
}

// asciiJSON returns a JSON string in ASCII, as Python writes it.
func asciiJSON(text string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(text)
	var ascii strings.Builder
	for _, unit := range utf16.Encode([]rune(strings.TrimSuffix(b.String(), "\n"))) {
		if unit < 0x7f {
			ascii.WriteByte(byte(unit))
		} else {
			fmt.Fprintf(&ascii, `\u%04x`, unit)
		}
	}
	return ascii.String()
}

// dvcTextHead is how many bytes of a file decide whether DVC takes it for text.
const dvcTextHead = 512

// dvcFile returns the MD5 of a file. If unix is true and it is text, its line breaks are those of Unix.
func dvcFile(ctx context.Context, path string, unix bool) (string, error) {
	f, err := regular.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	sum := md5.New()
	block := make([]byte, 1<<20)
	for text, first := unix, true; ; first = false {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		n, err := io.ReadFull(f, block)
		data := block[:n]
		if first && bytes.IndexByte(data[:min(n, dvcTextHead)], 0) >= 0 {
			text = false
		}
		if text {
			data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
		}
		sum.Write(data)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return hex.EncodeToString(sum.Sum(nil)), nil
		}
		if err != nil {
			return "", err
		}
	}
}
