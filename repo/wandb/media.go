package wandb

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/importer"
)

// mediaKinds are the kinds of artifacts by the words of the client for values that name a file.
var mediaKinds = map[string]string{
	"image-file": "image", "images": "image", "images/separated": "image", "audio-file": "audio", "audio": "audio",
	"video-file": "video", "videos": "video", "html-file": "html", "html": "html", "table-file": "table", "partitioned-table": "table",
	"joined-table": "table", "plotly-file": "plot", "bokeh-file": "plot", "object3D-file": "file", "molecule-file": "file",
}

// isMedia reports whether a value names a file or several.
func isMedia(m map[string]any) bool {
	kind, _ := m["_type"].(string)
	_, path := m["path"].(string)
	_, names := m["filenames"].([]any)
	return mediaKinds[kind] != "" && (path || names) || path && strings.HasSuffix(kind, "-file")
}

// logged keeps the files of a value that a row named, under its key and step.
func (r *reading) logged(m logged, at int64) error {
	kind, _ := m.value["_type"].(string)
	if kind = mediaKinds[kind]; kind == "" {
		kind = "file"
	}
	names, captions := filesOf(m.value)
	for i, name := range names {
		l := r.mediaLine("media/"+strings.TrimPrefix(name, "media/"), kind, m.key)
		if i < len(captions) {
			l.Caption = importer.Cut([]byte(captions[i]), 1000)
		}
		if digest, ok := m.value["sha256"].(string); ok && len(names) == 1 && format.IsDigest(digest) {
			l.SHA256 = digest
		}
		if err := r.keep(name, l, at); err != nil {
			return err
		}
	}
	for _, name := range nested(m.value, nil, 0) { // masks and boxes of an image
		if slices.Contains(names, name) {
			continue
		}
		if err := r.keep(name, r.mediaLine(name, "file", m.key), at); err != nil {
			return err
		}
	}
	return nil
}

// mediaLine names a file of the row's step.
func (r *reading) mediaLine(name, kind, key string) *format.ArtifactLine {
	l := &format.ArtifactLine{Name: name, Kind: kind, Key: key}
	if r.row.HasStep {
		step := r.row.Step
		l.Step = &step
	}
	return l
}

// nested lists the files that what a value holds names.
func nested(v any, names []string, depth int) []string {
	if depth > maxMediaDepth {
		return names
	}
	switch v := v.(type) {
	case map[string]any:
		if p, ok := v["path"].(string); ok && depth > 0 && strings.HasPrefix(p, "media/") {
			names = append(names, p)
		}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			names = nested(v[key], names, depth+1)
		}
	case []any:
		for _, item := range v {
			names = nested(item, names, depth+1)
		}
	}
	return names
}

const maxMediaDepth = 8

// filesOf lists the files below files/ that a value names, and their captions.
func filesOf(m map[string]any) (names, captions []string) {
	if p, ok := m["path"].(string); ok {
		names = append(names, p)
	}
	list, _ := m["filenames"].([]any)
	for _, v := range list {
		if p, ok := v.(string); ok {
			names = append(names, p)
		}
	}
	switch c := m["captions"].(type) {
	case []any:
		for _, v := range c {
			text, _ := v.(string)
			captions = append(captions, text)
		}
	case string:
		captions = append(captions, c)
	}
	if c, ok := m["caption"].(string); ok {
		captions = append(captions, c)
	}
	return names, captions
}

// keep copies a file of the log's folder into the run. One that cannot be had is counted.
func (r *reading) keep(name string, l *format.ArtifactLine, at int64) error {
	from, ok := r.relative(name)
	if !ok || format.CheckPath(l.Name) != nil {
		r.leave("files whose names no run can hold", name)
		return nil
	}
	return r.copy(from, l, at)
}

// copy keeps the file from as an artifact.
func (r *reading) copy(from string, l *format.ArtifactLine, at int64) error {
	if r.stored[l.Name] { // the name has a digest of the content in it
		if l.Key == "" {
			return nil
		}
		l.Name = again(l.Name, func(name string) bool { return r.stored[name] })
	}
	f, err := r.openBelow(from)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.leave("files that the log names and that are not there", l.Name)
		return nil
	case err != nil:
		r.leave("files that are links, or cannot be read; a copy made with 'cp -RLp' has what the links lead to", l.Name)
		return nil
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if r.media >= maxMedia || r.mediaBytes+info.Size() > maxMediaBytes {
		r.leave(fmt.Sprintf("files past %d or %d bytes of them", maxMedia, int64(maxMediaBytes)), "")
		return nil
	}
	err = r.out.Media(l, at, io.LimitReader(f, info.Size()))
	if errors.Is(err, importer.ErrDigest) {
		r.leave("files that are not what the log says", l.Name)
		return nil
	}
	if err != nil {
		return err
	}
	r.any = true
	r.stored[l.Name] = true
	r.media++
	r.files++
	r.mediaBytes += l.Bytes
	r.bytes += l.Bytes
	return nil
}

// again is a name that is not taken yet: a.png, a-2.png, ...
func again(name string, taken func(string) bool) string {
	ending := path.Ext(name)
	for n := 2; ; n++ {
		if other := fmt.Sprintf("%s-%d%s", strings.TrimSuffix(name, ending), n, ending); !taken(other) {
			return other
		}
	}
}

// openBelow opens a file of the log's folder, to which no link leads.
func (r *reading) openBelow(name string) (*os.File, error) {
	for dir := filepath.Dir(name); strings.HasPrefix(dir, r.dir+string(filepath.Separator)); dir = filepath.Dir(dir) {
		info, err := os.Lstat(dir)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			return nil, &fs.PathError{Op: "reading", Path: dir, Err: errors.New("it is no folder")}
		}
	}
	return importer.Open(name)
}
