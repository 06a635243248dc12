package repo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/regular"
)

// Points returns the points of one metric of a run, ordered by step and time. It reads them from the Parquet file or,
// if the run is in progress, from the journals.
func (e *Entry) Points(ctx context.Context, key string) ([]format.Point, error) {
	points, err := e.ownPoints(ctx, key)
	if err != nil {
		return nil, err
	}
	return e.JoinPoints(ctx, key, points)
}

// JoinPoints is like Points, for a caller that has the points of the newest part already. It may return them as they
// are.
func (e *Entry) JoinPoints(ctx context.Context, key string, points []format.Point) ([]format.Point, error) {
	if len(e.earlier) == 0 {
		return points, nil
	}
	var all joined
	all.put(e.Run, points)
	for _, part := range e.earlier {
		before, err := part.ownPoints(ctx, key)
		if err != nil {
			return nil, err
		}
		all.put(part.Run, before)
	}
	return all.points, nil
}

func (e *Entry) ownPoints(ctx context.Context, key string) ([]format.Point, error) {
	if e.Active == nil {
		m, release, err := e.metrics(MetricsName)
		if err != nil || m == nil {
			return nil, err
		}
		defer release()
		return m.Points(key)
	}
	var points []format.Point
	err := e.eachActive(ctx, func(k string, p format.Point) error {
		if k == key {
			points = append(points, p)
		}
		return nil
	}, nil)
	sortPoints(points)
	return points, err
}

// EachPointsOf calls yield with the points of one metric, in pieces, which are valid until yield returns. They are
// ordered by step and time, unless another program wrote a file that is not. It needs less memory than Points, and is
// faster if there are millions of points.
func (e *Entry) EachPointsOf(ctx context.Context, key string, yield func(points []format.Point) error) error {
	if e.Active == nil && len(e.earlier) == 0 {
		m, release, err := e.metrics(MetricsName)
		if err != nil || m == nil {
			return err
		}
		defer release()
		return m.EachOf(ctx, key, yield)
	}
	points, err := e.Points(ctx, key)
	if err != nil || len(points) == 0 {
		return err
	}
	return yield(points)
}

// Curves reads the metrics of one run one after another. The caller closes it.
type Curves struct {
	entry   *Entry
	file    *format.Metrics           // nil if the run is in progress or has no points
	live    map[string][]format.Point // points of a run in progress, once they have been read
	close   func()
	earlier []*Curves // curves of the earlier parts, newest first
}

// Curves opens the points of a run and verifies the file once.
func (e *Entry) Curves() (*Curves, error) {
	c := &Curves{entry: e.alone(), close: func() {}}
	if e.Active == nil {
		m, release, err := e.metrics(MetricsName)
		if err != nil {
			return c, err
		}
		if m != nil {
			c.file, c.close = m, release
		}
	}
	for _, part := range e.earlier {
		before, err := part.Curves()
		c.earlier = append(c.earlier, before)
		if err != nil {
			return c, err
		}
	}
	return c, nil
}

// Points returns the points of one metric, ordered by step and time.
func (c *Curves) Points(ctx context.Context, key string) ([]format.Point, error) {
	points, err := c.own(ctx, key)
	if err != nil || len(c.earlier) == 0 {
		return points, err
	}
	var all joined
	all.put(c.entry.Run, points)
	for _, part := range c.earlier {
		before, err := part.own(ctx, key)
		if err != nil {
			return nil, err
		}
		all.put(part.entry.Run, before)
	}
	return all.points, nil
}

func (c *Curves) own(ctx context.Context, key string) ([]format.Point, error) {
	switch {
	case c.entry.Active != nil && c.live == nil:
		var err error
		if c.live, err = c.entry.activePoints(ctx); err != nil {
			return nil, err
		}
		fallthrough
	case c.entry.Active != nil:
		return c.live[key], nil
	case c.file == nil:
		return nil, nil
	}
	return c.file.Points(key)
}

// labeled reports whether a point of the newest part has labels.
func (c *Curves) labeled(ctx context.Context) (bool, error) {
	if c.file != nil {
		return c.file.Labeled(ctx)
	}
	if c.entry.Active == nil {
		return false, nil
	}
	return c.entry.labeled(ctx)
}

// stepRange returns the lowest and the highest step of one metric of the newest part. ok is false if it has no points.
func (c *Curves) stepRange(ctx context.Context, key string) (first, last int64, ok bool, err error) {
	if c.file != nil {
		return c.file.StepRange(key)
	}
	points, err := c.own(ctx, key)
	if err != nil || len(points) == 0 {
		return 0, 0, false, err
	}
	return points[0].Step, points[len(points)-1].Step, true, nil
}

// Close closes the files.
func (c *Curves) Close() {
	c.close()
	for _, part := range c.earlier {
		part.Close()
	}
}

// EachPoints calls yield with the points of every metric, ordered by key, step and time. A long curve comes in
// several pieces.
func (e *Entry) EachPoints(ctx context.Context, yield func(key string, points []format.Point) error) error {
	if len(e.earlier) > 0 {
		return e.eachPointsOfChain(ctx, yield)
	}
	if e.Active == nil {
		m, release, err := e.metrics(MetricsName)
		if err != nil || m == nil {
			return err
		}
		defer release()
		return m.Each(ctx, yield)
	}
	all, err := e.activePoints(ctx)
	if err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if err := yield(key, all[key]); err != nil {
			return err
		}
	}
	return nil
}

// Labeled reports whether a point of the run has labels.
func (e *Entry) Labeled(ctx context.Context) (some bool, err error) {
	for _, part := range append([]*Entry{e.alone()}, e.earlier...) {
		if some, err = part.labeled(ctx); some || err != nil {
			return some, err
		}
	}
	return false, nil
}

func (e *Entry) labeled(ctx context.Context) (bool, error) {
	if e.Active == nil {
		m, release, err := e.metrics(MetricsName)
		if err != nil || m == nil {
			return false, err
		}
		defer release()
		return m.Labeled(ctx)
	}
	some := false
	err := e.eachActive(ctx, func(_ string, p format.Point) error {
		some = some || p.Labels != (format.Labels{})
		return nil
	}, nil)
	return some, err
}

// activePoints returns the points of each metric of an active run, ordered by step and time.
func (e *Entry) activePoints(ctx context.Context) (map[string][]format.Point, error) {
	all := map[string][]format.Point{}
	err := e.eachActive(ctx, func(k string, p format.Point) error {
		all[k] = append(all[k], p)
		return nil
	}, nil)
	for _, points := range all {
		sortPoints(points)
	}
	return all, err
}

// System calls yield with the machine samples, ordered by key. There are none for a run in progress or if their file
// is not on this machine.
func (e *Entry) System(ctx context.Context, yield func(key string, points []format.Point) error) error {
	if e.Active != nil {
		return nil
	}
	m, release, err := e.metrics(systemName)
	if err != nil || m == nil {
		return err
	}
	defer release()
	return m.Each(ctx, yield)
}

func (e *Entry) eachActive(
	ctx context.Context, point func(string, format.Point) error, value func(string, format.Value) error,
) error {
	files, err := e.Active.journals(journalPrefix)
	if err != nil {
		return err
	}
	sortJournals(files)
	f := newFold(&format.Run{}, point)
	f.value = value
	for _, file := range files {
		if err := f.journal(ctx, file, 0, file.size); err != nil {
			return err
		}
	}
	return nil
}

func sortPoints(points []format.Point) {
	slices.SortStableFunc(points, comparePoints)
}

func cmpInt(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// maxFileBytes is the size of the largest file of a run that is hashed before it is shown.
const maxFileBytes = 16 << 30

// realFolders returns an error if a folder on the path to a file of the run is a link: it could lead out of the run.
func (e *Entry) realFolders(name string) (err error) {
	if e.Dir == "" { // its files are copied from Git, where a folder is no link
		return nil
	}
	root, rel := e.place(name)
	above(rel, func(folder string) bool {
		if err = realDir(filepath.Join(root, filepath.FromSlash(folder))); os.IsNotExist(err) {
			err = nil
			return true // nothing is in it, and a path can name thousands of folders
		}
		return err != nil
	})
	return err
}

// openVerified opens a file of a finished run after checking its size and digest.
func (e *Entry) openVerified(name string, want format.File) (*os.File, error) {
	_, f, err := e.readVerified(name, want, -1)
	return f, err
}

// readVerified reads a file of a finished run and checks its size and digest. It returns the bytes of a file that has
// up to held bytes, and of any other the open file behind its last byte. Both are nil if the file is not there and need
// not be.
func (e *Entry) readVerified(name string, want format.File, held int64) ([]byte, *os.File, error) {
	f, err := e.openSized(name, want)
	if f == nil || err != nil {
		return nil, nil, err
	}
	sum := sha256.New()
	var data bytes.Buffer
	to, keep := io.Writer(sum), want.Bytes <= held
	if keep {
		data.Grow(int(want.Bytes) + bytes.MinRead)
		to = &data
	}
	n, err := io.Copy(to, io.LimitReader(f, want.Bytes+1))
	if keep {
		sum.Write(data.Bytes())
	}
	if err == nil && (n != want.Bytes || hex.EncodeToString(sum.Sum(nil)) != want.SHA256) {
		err = fmt.Errorf("run %s: %w", e.ID, &differsError{name, "its digest differs"})
	}
	if keep || err != nil {
		_ = f.Close()
		f = nil
	}
	if err != nil || !keep {
		return nil, f, err
	}
	return data.Bytes()[:n:n], nil, nil
}

// openSized opens a file of a finished run after checking its size. It returns nil if the file is not there and need
// not be.
func (e *Entry) openSized(name string, want format.File) (*os.File, error) {
	path, err := e.locate(name)
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", e.ID, err)
	}
	if err := e.realFolders(name); err != nil {
		return nil, fmt.Errorf("run %s: %w", e.ID, err)
	}
	info, err := os.Lstat(path)
	if err != nil {
		if os.IsNotExist(err) && name != MetricsName &&
			(name != format.ValuesName || format.LocalFile(name, want.Bytes)) {
			return nil, nil
		}
		return nil, fmt.Errorf("run %s: %w", e.ID, err)
	}
	switch {
	case info.Mode()&fs.ModeType != 0:
		return nil, fmt.Errorf("run %s: %s is not a regular file", e.ID, name)
	case info.Size() != want.Bytes:
		why := fmt.Sprintf("it has %d bytes, not %d", info.Size(), want.Bytes)
		return nil, fmt.Errorf("run %s: %w", e.ID, &differsError{name, why})
	case want.Bytes > maxFileBytes:
		return nil, fmt.Errorf(
			"run %s: %s has %d bytes, more than the limit of %d", e.ID, name, want.Bytes, int64(maxFileBytes),
		)
	}
	f, err := regular.Open(path)
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", e.ID, err)
	}
	return f, nil
}

// Output opens the captured console output. It returns nil if there is none.
func (e *Entry) Output() (*os.File, error) {
	if e.Active == nil {
		want, ok := e.Files[outputName]
		if !ok {
			return nil, nil
		}
		f, err := e.openVerified(outputName, want)
		if f != nil {
			_, err = f.Seek(0, io.SeekStart)
		}
		return f, err
	}
	path := filepath.Join(e.Dir, outputName)
	info, err := os.Lstat(path)
	switch {
	case os.IsNotExist(err):
		return nil, nil
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("run %s: %s is not a regular file", e.ID, outputName)
	}
	return regular.Open(path)
}

// AllArtifacts returns the artifacts of a run, even if there are too many for run.toml.
func (e *Entry) AllArtifacts() ([]format.Artifact, error) {
	want, ok := e.Files[format.ArtifactsName]
	if !ok {
		return e.Artifacts, nil
	}
	f, err := e.openVerified(format.ArtifactsName, want)
	if err != nil {
		return nil, err
	}
	if f == nil {
		return nil, fmt.Errorf("run %s: %s is not on this machine", e.ID, format.ArtifactsName)
	}
	defer func() { _ = f.Close() }()
	if want.Bytes > format.MaxArtifactsBytes {
		return nil, fmt.Errorf("run %s: %s has %d bytes, and at most %d are read", e.ID, format.ArtifactsName, want.Bytes,
			format.MaxArtifactsBytes)
	}
	data := make([]byte, want.Bytes)
	if _, err := f.ReadAt(data, 0); err != nil {
		return nil, fmt.Errorf("run %s: %w", e.ID, err)
	}
	return format.DecodeArtifacts(data)
}
