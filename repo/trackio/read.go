package trackio

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/importer"
)

// Bounds of a run.
const (
	maxPoints    = 20_000_000
	maxArtifacts = 100_000
	maxDepth     = 32
)

// reading writes the rows of a run to an output.
type reading struct {
	run     *storedRun
	out     importer.Output
	line    format.Line
	media   []artifact     // of the current row
	files   map[string]int // how many of them a key has
	read    *importer.ReadResult
	skipped map[string]int // how often something was left out, by why
}

type artifact struct {
	line *format.ArtifactLine
	file string // below the folder media, or empty
	data []byte
}

// Read reads the config, metrics, media, machine samples and alerts of the run.
func (s *storedRun) Read(ctx context.Context, out importer.Output) (*importer.ReadResult, error) {
	r := &reading{
		run: s, out: out, skipped: map[string]int{}, files: map[string]int{},
		read: &importer.ReadResult{
			End:   repo.Finish{Status: format.Finished, Ended: importer.Ended(s.last, time.UnixMicro(s.started))},
			Empty: true,
		},
	}
	if err := r.params(); err != nil {
		return nil, err
	}
	n := 0
	err := s.of.spool.Each(s.number, func(entry []byte) error {
		if n++; n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		return r.entry(entry)
	})
	for _, why := range slices.Sorted(maps.Keys(r.skipped)) {
		r.read.Warnings = append(r.read.Warnings, fmt.Sprintf("%s: skipped %s: %d", s.Name(), why, r.skipped[why]))
	}
	return r.read, err
}

// params writes the config without Trackio's own keys.
func (r *reading) params() error {
	params := format.Params{}
	for name, v := range r.run.config {
		if !strings.HasPrefix(name, "_") {
			params[clean(name)] = value(v)
		}
	}
	if len(params) == 0 {
		return nil
	}
	if format.CheckParams(params) != nil {
		r.skipped["configs that a run cannot hold"]++
		return nil
	}
	r.read.Empty = false
	return r.out.Line(&format.Line{Time: r.run.started, Params: params})
}

// value returns a value of JSON as a param.
func value(v any) any {
	switch v := v.(type) {
	case nil:
		return format.Null
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64()
		return f
	case string:
		if f, ok := word(v); ok {
			return f
		}
		return importer.Cut([]byte(v), format.MaxTextBytes)
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			list[i] = value(item)
		}
		return list
	case map[string]any:
		m := map[string]any{}
		for name, item := range v {
			m[clean(name)] = value(item)
		}
		return m
	}
	return v
}

// word reads the texts that Trackio writes in place of numbers that JSON does not have.
func word(text string) (float64, bool) {
	switch text {
	case "NaN":
		return math.NaN(), true
	case "Infinity":
		return math.Inf(1), true
	case "-Infinity":
		return math.Inf(-1), true
	}
	return 0, false
}

// entry writes a row.
func (r *reading) entry(data []byte) error {
	kind := data[0]
	at, n := binary.Varint(data[1:])
	data = data[1+n:]
	step, n := binary.Varint(data)
	data = data[n:]
	text := func() (part []byte) {
		size, n := binary.Uvarint(data)
		part, data = data[n:n+int(size)], data[n+int(size):]
		return part
	}
	if at <= 0 || at > maxTime {
		at = r.run.started
	}
	l := &r.line
	*l = format.Line{Time: at, Step: step, HasStep: kind != entrySystem, Metrics: l.Metrics[:0]}
	r.media = r.media[:0]
	clear(r.files)
	if kind == entryAlert {
		level, title, more := text(), text(), text()
		alert := strings.ToUpper(string(level)) + ": " + string(title)
		if len(more) > 0 {
			alert += ": " + string(more)
		}
		r.value("alert", importer.Cut([]byte(alert), format.MaxTextBytes))
		return r.write(r.out.Line)
	}
	var row map[string]any
	if decode(text(), &row) != nil {
		r.skipped["rows that are not JSON objects"]++
		return nil
	}
	r.flatten("", row, step, 0)
	if kind == entrySystem {
		l.Values = nil
		return r.write(r.out.System)
	}
	return r.write(r.out.Line)
}

func (r *reading) write(to func(*format.Line) error) error {
	if len(r.line.Metrics)+len(r.line.Values) > 0 {
		r.read.Empty = false
		if err := to(&r.line); err != nil {
			return err
		}
	}
	for _, a := range r.media {
		if err := r.artifact(&a); err != nil {
			return err
		}
	}
	return nil
}

// flatten adds the values of an object. The keys of objects in it are joined with dots.
func (r *reading) flatten(prefix string, row map[string]any, step int64, depth int) {
	for _, name := range slices.Sorted(maps.Keys(row)) {
		full := prefix + name
		key := clean(full)
		switch v := row[name].(type) {
		case nil:
		case json.Number:
			f, err := v.Float64()
			if err != nil && !math.IsInf(f, 0) {
				r.skipped["numbers that cannot be read"]++
				continue
			}
			r.point(key, f)
		case bool:
			f := 0.0
			if v {
				f = 1
			}
			r.point(key, f)
		case string:
			if f, ok := word(v); ok {
				r.point(key, f)
			} else {
				r.value(key, importer.Cut([]byte(v), format.MaxTextBytes))
			}
		case map[string]any:
			switch kind, _ := v["_type"].(string); {
			case kind != "":
				r.typed(key, strings.TrimPrefix(kind, "trackio."), v, step)
			case depth < maxDepth:
				r.flatten(full+".", v, step, depth+1)
			default:
				r.skipped["objects that are nested too deeply"]++
			}
		default:
			r.list(key, v, step)
		}
	}
}

func (r *reading) point(key string, v float64) {
	if r.read.Points >= maxPoints {
		r.skipped[fmt.Sprintf("points over the limit of %d", maxPoints)]++
		return
	}
	r.read.Points++
	r.line.Metrics = append(r.line.Metrics, format.MetricValue{Key: key, Value: v})
}

func (r *reading) value(key string, v any) {
	text := format.AppendJSON(nil, v)
	if len(text) > format.MaxValueBytes {
		r.skipped[fmt.Sprintf("values over %d bytes", format.MaxValueBytes)]++
		return
	}
	r.line.Values = append(r.line.Values, format.ValueText{Key: key, JSON: string(text)})
}

// list adds a list: of media, or a value.
func (r *reading) list(key string, v any, step int64) {
	list, _ := v.([]any)
	if len(list) > 0 {
		if first, ok := list[0].(map[string]any); ok && first["file_path"] != nil {
			for _, item := range list {
				if m, ok := item.(map[string]any); ok {
					r.typed(key, strings.TrimPrefix(fmt.Sprint(m["_type"]), "trackio."), m, step)
				}
			}
			return
		}
	}
	r.value(key, value(v))
}

// typed adds a histogram, a table or a file.
func (r *reading) typed(key, kind string, v map[string]any, step int64) {
	file, _ := v["file_path"].(string)
	caption, _ := v["caption"].(string)
	line := &format.ArtifactLine{
		Kind: "file", Key: key, Step: &step, Caption: importer.Cut([]byte(importer.Clean([]byte(caption))), 1000),
	}
	same := r.files[key]
	r.files[key]++
	name := func(extension string) string {
		return fmt.Sprintf("media/%s_%d_%d%s", importer.MediaPath(key), step, same, extension)
	}
	switch {
	case kind == "histogram":
		r.value(key, map[string]any{"_type": kind, "bins": value(v["bins"]), "values": value(v["values"])})
	case kind == "table":
		line.Kind, line.Name = "table", name(".table.json")
		r.media = append(r.media, artifact{line: line, data: tableOf(v["_value"])})
	case file != "":
		if slices.Contains([]string{"image", "audio", "video"}, kind) {
			line.Kind = kind
		}
		extension := path.Ext(strings.ReplaceAll(file, `\`, "/"))
		if line.Name = name(extension); format.CheckPath(line.Name) != nil {
			line.Name = name("")
		}
		r.media = append(r.media, artifact{line: line, file: strings.ReplaceAll(file, `\`, "/")})
	default:
		r.skipped["values of kind "+clean(kind)]++
	}
}

// tableOf returns a table, whose rows are objects, as the file of a table.
func tableOf(v any) []byte {
	rows, _ := v.([]any)
	var columns []string
	place := map[string]int{}
	for _, row := range rows {
		m, _ := row.(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(m)) {
			if _, ok := place[name]; !ok {
				place[name] = len(columns)
				columns = append(columns, name)
			}
		}
	}
	data := make([][]any, 0, len(rows))
	for _, row := range rows {
		m, _ := row.(map[string]any)
		cells := make([]any, 0, len(columns))
		for _, name := range columns {
			cells = append(cells, m[name])
		}
		data = append(data, cells)
	}
	text, err := json.Marshal(map[string]any{"columns": columns, "data": data})
	if err != nil {
		return []byte(`{"columns": [], "data": []}`)
	}
	return text
}

// artifact stores a file. Those of media are below the folder next to the database, and nowhere else.
func (r *reading) artifact(a *artifact) error {
	if r.read.Files >= maxArtifacts {
		r.skipped[fmt.Sprintf("files over the limit of %d", maxArtifacts)]++
		return nil
	}
	if a.file == "" {
		return r.store(a.line, bytes.NewReader(a.data))
	}
	root := filepath.Join(r.run.of.folder, mediaName)
	name := filepath.Join(root, filepath.FromSlash(a.file))
	if format.CheckPath(a.file) != nil || !plainBelow(root, name) {
		r.skipped["files that are not in the folder media next to the database"]++
		return nil
	}
	f, err := importer.Open(name)
	if err != nil {
		r.skipped["files that cannot be read"]++
		return nil
	}
	defer func() { _ = f.Close() }()
	return r.store(a.line, f)
}

// plainBelow reports whether each folder of a path below another is a folder and no link.
func plainBelow(root, name string) bool {
	for at := filepath.Dir(name); len(at) >= len(root); at = filepath.Dir(at) {
		if !hasFolder(at) {
			return false
		}
	}
	return true
}

func (r *reading) store(l *format.ArtifactLine, file io.Reader) error {
	if err := r.out.Media(l, r.line.Time, file); err != nil {
		return err
	}
	r.read.Empty = false
	r.read.Files++
	r.read.Bytes += l.Bytes
	return nil
}
