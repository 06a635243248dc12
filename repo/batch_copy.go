package repo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Unpack makes a temporary folder with all files that a run in a batch would have in a folder of its own. The caller
// removes it. The rows are in files whose bytes may differ from those that were recorded: see SameRows.
func (e *Entry) Unpack(ctx context.Context) (dir string, err error) {
	if e.batch == nil {
		return "", fmt.Errorf("run %s is not in a batch", e.ID)
	}
	if dir, err = e.repo.temporary("runs-unpacked-"); err != nil {
		return "", err
	}
	err = realDir(e.Dir)
	if err == nil {
		err = os.CopyFS(dir, os.DirFS(e.Dir))
	} else if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err == nil {
		err = e.unpack(ctx, dir)
	}
	if err != nil {
		_ = os.RemoveAll(dir)
		return "", err
	}
	return dir, nil
}
