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

// mediaKinds maps the types that the client gives to values with files to kinds of artifacts.
var mediaKinds = map[string]string{
	"image-file": "image", "images": "image", "images/separated": "image",
	"audio-file": "audio", "audio": "audio", "video-file": "video", "videos": "video",
	"html-file": "html", "html": "html", "plotly-file": "plot", "bokeh-file": "plot",
	"table-file": "table", "partitioned-table": "table", "joined-table": "table",
	"object3D-file": "file", "molecule-file": "file",
}

// isMedia reports whether a value refers to files.
func isMedia(m map[string]any) bool {
	kind, _ := m["_type"].(string)
	_, path := m["path"].(string)
	_, names := m["filenames"].([]any)
	return mediaKinds[kind] != "" && (path || names) || path && strings.HasSuffix(kind, "-file")
}

// mediaFiles stores the files of a value, with its key and the step of the row.
func (r *reading) mediaFiles(m mediaValue, at int64) error {
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
		if err := r.keepFile(name, l, at); err != nil {
			return err
		}
	}
	for _, name := range nested(m.value, nil, 0) { // the masks and boxes of an image
		if slices.Contains(names, name) {
			continue
		}
		if err := r.keepFile(name, r.mediaLine(name, "file", m.key), at); err != nil {
			return err
		}
	}
	return nil
}

// mediaLine returns the line of a file that was logged in the current row.
func (r *reading) mediaLine(name, kind, key string) *format.ArtifactLine {
	l := &format.ArtifactLine{Name: name, Kind: kind, Key: key}
	if r.row.HasStep {
		step := r.row.Step
		l.Step = &step
	}
	return l
}

// nested appends the names of the files that nested parts of a value refer to.
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

// filesOf returns the paths under files/ that a value refers to, and the captions of those files.
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

// keepFile copies a file of the log's folder into the run, or counts it as skipped.
func (r *reading) keepFile(name string, l *format.ArtifactLine, at int64) error {
	from, ok := r.relative(name)
	if !ok || format.CheckPath(l.Name) != nil {
		r.skip("files with names that a run cannot hold", name)
		return nil
	}
	return r.copy(from, l, at)
}

// copy stores a file as an artifact.
func (r *reading) copy(from string, l *format.ArtifactLine, at int64) error {
	if r.stored[l.Name] { // without a key, the name contains a digest of the content
		if l.Key == "" {
			return nil
		}
		l.Name = freeName(l.Name, func(name string) bool { return r.stored[name] })
	}
	f, err := r.openBelow(from)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.skip("files that do not exist", l.Name)
		return nil
	case err != nil:
		r.skip(
			"files that are links or unreadable (copy the folder with 'cp -RLp' to replace links with their targets)", l.Name,
		)
		return nil
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if r.media >= maxMedia || r.mediaBytes+info.Size() > maxMediaBytes {
		r.skip(fmt.Sprintf("files over the limit of %d, or of %d bytes in all", maxMedia, int64(maxMediaBytes)), "")
		return nil
	}
	err = r.out.Media(l, at, io.LimitReader(f, info.Size()))
	if errors.Is(err, importer.ErrDigest) {
		r.skip("files that differ from the log", l.Name)
		return nil
	}
	if err != nil {
		return err
	}
	r.hasContent = true
	r.stored[l.Name] = true
	r.media++
	r.files++
	r.mediaBytes += l.Bytes
	r.bytes += l.Bytes
	return nil
}

// freeName returns a name that is not taken yet: a-2.png, a-3.png, ... for a.png.
func freeName(name string, taken func(string) bool) string {
	ending := path.Ext(name)
	for n := 2; ; n++ {
		if other := fmt.Sprintf("%s-%d%s", strings.TrimSuffix(name, ending), n, ending); !taken(other) {
			return other
		}
	}
}

// openBelow opens a file in the log's folder or below. It fails if the file or a folder on its path is a link.
func (r *reading) openBelow(name string) (*os.File, error) {
	for dir := filepath.Dir(name); strings.HasPrefix(dir, r.dir+string(filepath.Separator)); dir = filepath.Dir(dir) {
		info, err := os.Lstat(dir)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			return nil, &fs.PathError{Op: "reading", Path: dir, Err: errors.New("it is not a folder")}
		}
	}
	return importer.Open(name)
}
