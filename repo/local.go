package repo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gitruns/runs/format"
)

// localName is the file of this machine's own: where data outside the project lies.
const localName = "local.toml"

// dataVariable is the environment variable that says where a dataset lies: RUNS_DATA_<NAME>, in capitals, with what is no
// letter or digit as an underscore.
func dataVariable(name string) string {
	return "RUNS_DATA_" + strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, name)
}

func (r *Repository) local() (*format.Local, error) {
	path := filepath.Join(r.Dir, localName)
	data, err := readBounded(path, format.MaxConfigBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return &format.Local{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading where data lies: %w", err)
	}
	return format.DecodeLocal(filepath.Join(DirName, localName), data)
}

// DataPlace is where a dataset of this name lies on this machine, by the environment or by local.toml; empty where nobody
// said.
func (r *Repository) DataPlace(name string) (string, error) {
	if path := os.Getenv(dataVariable(name)); path != "" {
		return filepath.Abs(path)
	}
	local, err := r.local()
	if err != nil {
		return "", err
	}
	return local.Data[name], nil
}

// rememberData writes down where data outside the project lies, so that a reproduction finds it.
func (r *Repository) rememberData(name, path string) error {
	local, err := r.local()
	if err != nil || local.Data[name] == path {
		return err
	}
	if local.Data == nil {
		local.Data = map[string]string{}
	}
	local.Data[name] = path
	tmp := filepath.Join(r.Dir, newPrefix+format.RandomLetters(8))
	defer func() { _ = os.Remove(tmp) }()
	if err := writeFile(tmp, format.EncodeLocal(local)); err != nil {
		return fmt.Errorf("writing where data lies: %w", err)
	}
	if err := os.Rename(tmp, filepath.Join(r.Dir, localName)); err != nil {
		return fmt.Errorf("writing where data lies: %w", err)
	}
	return nil
}
