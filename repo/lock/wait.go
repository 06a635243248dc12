package lock

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/gitruns/runs/repo/regular"
)

// Wait waits until no other process holds the lock on a file, which it creates with its folder.
func Wait(ctx context.Context, file string) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
		return nil, err
	}
	f, err := regular.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	for {
		locked, err := Try(f)
		if locked {
			return func() { _ = f.Close() }, nil
		}
		if err == nil {
			select {
			case <-ctx.Done():
				err = ctx.Err()
			case <-time.After(50 * time.Millisecond):
				continue
			}
		}
		_ = f.Close()
		return nil, err
	}
}
