package dvclive

import (
	"context"
	"encoding/json"
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
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/importer"
	"github.com/gitruns/runs/repo/yaml"
)

// Further bounds of a folder.
const (
	maxJSONBytes = 4 << 20
	maxDepth     = 32
	maxArtifacts = 100_000
)

// reading writes the content of a folder to an output.
type reading struct {
	*log
	out   importer.Output
	begin int64           // of the run, in µs since 1970
	keys  map[string]bool // of metrics with points
	read  *importer.ReadResult
}

// Read reads the params, points and files of the run.
func (l *log) Read(ctx context.Context, out importer.Output) (*importer.ReadResult, error) {
	r := &reading{
		log: l, out: out, begin: l.run.Started.UnixMicro(), keys: map[string]bool{},
		read: &importer.ReadResult{
			End: repo.Finish{Status: format.Finished, Ended: importer.Ended(l.last, l.run.Started)}, Empty: true,
		},
	}
	for _, part := range []func(context.Context) error{r.params, r.allPoints, r.metrics, r.files} {
		if err := part(ctx); err != nil {
			return nil, err
		}
	}
	return r.read, nil
}

func (r *reading) warn(text string, args ...any) {
	r.read.Warnings = append(r.read.Warnings, r.Name()+": "+fmt.Sprintf(text, args...))
}

func (r *reading) line(l *format.Line) error {
	r.read.Empty = false
	return r.out.Line(l)
}

// text reads a small file. Damage is a warning.
func (r *reading) text(name string, most int64) []byte {
	f, err := importer.Open(name)
	if err == nil {
		defer func() { _ = f.Close() }()
		var data []byte
		if data, err = io.ReadAll(io.LimitReader(f, most+1)); err == nil && int64(len(data)) > most {
			err = fmt.Errorf("it is longer than %d bytes", most)
		}
		if err == nil {
			return data
		}
	}
	r.warn("skipped %v", withoutPath(err, filepath.Base(name)))
	return nil
}

func (r *reading) params(context.Context) error {
	if r.log.params == "" {
		return nil
	}
	data := r.text(r.log.params, yaml.MaxBytes)
	keys, err := yaml.Parse(data, yaml.Options{Depth: maxDepth, Lists: true})
	if err != nil {
		r.warn("skipped the params: %s: %v", paramsName, err)
		return nil
	}
	params := format.Params{}
	for name, n := range keys {
		params[importer.Key(importer.Clean([]byte(name)))] = valueOf(n)
	}
	if len(params) == 0 {
		return nil
	}
	if err := format.CheckParams(params); err != nil {
		r.warn("skipped the params: %s: %v", paramsName, err)
		return nil
	}
	return r.line(&format.Line{Time: r.begin, Params: params})
}

// valueOf returns the value of a param.
func valueOf(n yaml.Node) any {
	switch {
	case n.Keys != nil:
		m := map[string]any{}
		for name, value := range n.Keys {
			m[importer.Key(importer.Clean([]byte(name)))] = valueOf(value)
		}
		return m
	case n.List != nil:
		list := make([]any, len(n.List))
		for i, item := range n.List {
			list[i] = valueOf(item)
		}
		return list
	case n.Null:
		return format.Null
	case n.Quoted:
		return importer.Cut([]byte(n.Text), format.MaxTextBytes)
	}
	switch strings.ToLower(n.Text) {
	case ".nan":
		return format.ParseLiteral("nan")
	case ".inf", "+.inf":
		return format.ParseLiteral("inf")
	case "-.inf":
		return format.ParseLiteral("-inf")
	case "true":
		return true
	case "false":
		return false
	}
	if strings.ContainsAny(n.Text[:1], `"'[{`) {
		return n.Text
	}
	return format.ParseLiteral(importer.Cut([]byte(n.Text), format.MaxTextBytes))
}

func (r *reading) allPoints(ctx context.Context) error {
	for _, p := range r.log.points {
		key := importer.Key(importer.Clean([]byte(p.key)))
		bad := 0
		line := &format.Line{HasStep: true}
		err := eachPoint(ctx, p.path, func(row *pointRow) error {
			switch {
			case row.bad:
				bad++
				return nil
			case r.read.Points >= maxPoints:
				return errTooMany
			}
			if line.Time = r.begin; row.time > 0 {
				line.Time = row.time
			}
			line.Step, line.Metrics, line.Values = row.step, line.Metrics[:0], nil
			if row.isText {
				line.Values = textValue(key, row.text)
			} else {
				line.Metrics = append(line.Metrics, format.MetricValue{Key: key, Value: row.value})
			}
			r.keys[p.key] = true
			r.read.Points++
			return r.line(line)
		})
		var at *fs.PathError
		switch {
		case errors.Is(err, errHeader), errors.Is(err, errTooMany), errors.As(err, &at):
			r.warn("skipped %v", withoutPath(err, key+".tsv"))
		case err != nil:
			return err
		}
		if bad > 0 {
			r.warn("skipped %d lines of %s.tsv that cannot be read", bad, key)
		}
	}
	return nil
}

var errTooMany = fmt.Errorf("the run has more than %d points", maxPoints)

func textValue(key, text string) []format.ValueText {
	data := format.AppendJSON(nil, importer.Cut([]byte(text), format.MaxTextBytes))
	return []format.ValueText{{Key: key, JSON: string(data)}}
}

// metrics writes the values of metrics.json that have no points: those that were logged without a plot.
func (r *reading) metrics(context.Context) error {
	if r.log.metrics == "" {
		return nil
	}
	data := r.text(r.log.metrics, maxJSONBytes)
	if data == nil {
		return nil
	}
	var all map[string]any
	if err := json.Unmarshal(data, &all); err != nil {
		r.warn("skipped %s: it is not a JSON object", metricsName)
		return nil
	}
	line := &format.Line{Time: max(r.begin, r.last), HasStep: true}
	if step, ok := all["step"].(float64); ok && step == float64(int64(step)) {
		line.Step = int64(step)
		delete(all, "step")
	}
	r.flatten("", all, line, 0)
	if len(line.Metrics)+len(line.Values) == 0 {
		return nil
	}
	r.read.Points += int64(len(line.Metrics))
	return r.line(line)
}

func (r *reading) flatten(prefix string, all map[string]any, line *format.Line, depth int) {
	for _, name := range slices.Sorted(maps.Keys(all)) {
		key := path.Join(prefix, name)
		clean := importer.Key(importer.Clean([]byte(key)))
		switch v := all[name].(type) {
		case map[string]any:
			if depth < maxDepth {
				r.flatten(key, v, line, depth+1)
			}
		case float64:
			if !r.keys[key] {
				line.Metrics = append(line.Metrics, format.MetricValue{Key: clean, Value: v})
			}
		case bool, string:
			if r.keys[key] {
				continue
			}
			if n, err := parseNumber(fmt.Sprint(v)); err == nil {
				line.Metrics = append(line.Metrics, format.MetricValue{Key: clean, Value: n})
			} else {
				line.Values = append(line.Values, textValue(clean, fmt.Sprint(v))...)
			}
		}
	}
}

// files stores images, plots, artifacts and reports.
func (r *reading) files(ctx context.Context) error {
	skipped := 0
	err := filepath.WalkDir(r.dir, func(name string, e os.DirEntry, err error) error {
		if err != nil {
			return nil // it cannot be read, or was removed meanwhile
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		rel, err := filepath.Rel(r.dir, name)
		if err != nil {
			return err
		}
		if rel = filepath.ToSlash(rel); e.IsDir() {
			if rel != "." && !isContent(rel+"/") && rel != "plots" {
				return filepath.SkipDir
			}
			return nil
		}
		if !isContent(rel) {
			return nil
		}
		if format.CheckPath(rel) != nil || r.read.Files >= maxArtifacts {
			skipped++
			return nil
		}
		return r.file(rel, name, &skipped)
	})
	if skipped > 0 {
		r.warn("skipped %d files that cannot be read, are links, or are over the limit of %d", skipped, maxArtifacts)
	}
	return err
}

func (r *reading) file(rel, name string, skipped *int) error {
	f, err := importer.Open(name)
	if err != nil {
		*skipped++
		return nil
	}
	defer func() { _ = f.Close() }()
	l := &format.ArtifactLine{Name: rel, Kind: "file"}
	if slices.Contains([]string{".png", ".jpg", ".jpeg", ".gif"}, strings.ToLower(path.Ext(rel))) {
		l.Kind = "image"
	}
	if err := r.out.Media(l, max(r.begin, r.last), f); err != nil {
		return err
	}
	r.read.Empty = false
	r.read.Files++
	r.read.Bytes += l.Bytes
	return nil
}
