package repo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gitruns/runs/format"
)

// Configure sets one key of config.toml and leaves the rest of the file as it is. It decodes the edited text before
// it replaces the file, so that an invalid value is an error.
func (r *Repository) Configure(path []string, value any) error {
	file := filepath.Join(r.Dir, configName)
	fail := func(err error) error {
		return fmt.Errorf("setting %s in %s: %w", format.DottedKey(path), filepath.Join(DirName, configName), err)
	}
	if hidesItself(r.Dir) { // what is set here is seen here
		if _, _, err := Init(r.Root); err != nil {
			return fail(err)
		}
	}
	data, err := readBounded(file, format.MaxConfigBytes)
	if errors.Is(err, fs.ErrNotExist) {
		data, err = []byte(format.InitialConfig), nil
	}
	if err != nil {
		return fail(err)
	}
	edited, err := format.SetConfig(data, path, value)
	if err != nil {
		return fail(err)
	}
	config, err := format.DecodeConfig(configName, edited)
	if err == nil {
		err = config.Writable()
	}
	if err != nil {
		return fail(err)
	}
	if err := r.WriteConfig(edited); err != nil {
		return fail(err)
	}
	return nil
}

// WriteConfig replaces config.toml, whole or not at all. The settings that were read stay those of the repository.
func (r *Repository) WriteConfig(data []byte) error {
	file := filepath.Join(r.Dir, configName)
	tmp := file + ".new"
	_ = os.Remove(tmp)
	if err := writeFile(tmp, data); err != nil {
		return err
	}
	if err := os.Rename(tmp, file); err != nil {
		_ = os.Remove(tmp)
		return err
	}
	return nil
}
