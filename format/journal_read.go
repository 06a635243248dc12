package format

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/gitruns/runs/format/internal/json"
)

// JournalParser reads journal lines. It keeps the keys that it has seen, so that a million points do not allocate a
// million strings. The zero value is ready to use.
type JournalParser struct {
	scan    json.Scanner
	labels  Labels // those that were read last
	written string // how they were written
	labeled bool   // the line has labels, which may be invalid
	invalid bool   // its labels are invalid
}

// Parse reads one line without its newline into l. The next call reuses the slices of l. An error contains the column,
// and says that nothing of the line can be used. If only a part of the line cannot be used, Parse leaves it out of l,
// and l.Aside says why.
func (p *JournalParser) Parse(line []byte, l *Line) error {
	*l = Line{Metrics: l.Metrics[:0]}
	if len(line) > MaxLineBytes {
		return fmt.Errorf("the line is longer than %d bytes", MaxLineBytes)
	}
	if !utf8.Valid(line) {
		return errors.New("the line is not UTF-8")
	}
	p.scan.Reset(line, MaxDepth)
	p.labeled, p.invalid = false, false
	timed := false
	err := p.scan.Object(func(key string) error {
		if key == "t" {
			timed = true
			return p.time(&l.Time)
		}
		if key == "step" { // a point without its step would be another point
			l.HasStep = true
			return p.integer(&l.Step)
		}
		return p.part(key, l)
	})
	if err != nil {
		return err
	}
	if err := p.scan.End(); err != nil {
		return err
	}
	if !timed {
		return errors.New(`the line has no time "t"`)
	}
	if p.labeled {
		p.label(l)
	}
	return nil
}

// label leaves out what cannot have the labels of the line.
func (p *JournalParser) label(l *Line) {
	if p.invalid { // without its labels, it would be another point
		l.Metrics, l.Values, l.Labels = l.Metrics[:0], nil, Labels{}
	}
	if l.Labels != (Labels{}) && len(l.Values) > 0 {
		l.leaveOut("the line has values with labels; only metrics can have labels")
		l.Values = nil
	}
}

// CheckLine returns an error if a reader would set l, or a part of it, aside once it is written. A line without a time
// is checked as one of now.
func CheckLine(l *Line) error {
	timed := *l
	if timed.Time == 0 {
		timed.Time = 1
	}
	text := AppendLine(nil, &timed)
	var p JournalParser
	var back Line
	if err := p.Parse(text[:len(text)-1], &back); err != nil {
		return err
	}
	if back.Aside != "" {
		return errors.New(back.Aside)
	}
	return nil
}

// part reads the value of any key but the time and the step. If the value is JSON but cannot be used, it is left out.
func (p *JournalParser) part(key string, l *Line) error {
	offset := p.scan.Offset()
	if key == "m" { // the most frequent part
		return p.orLeaveOut(offset, p.metrics(l), l)
	}
	before := *l
	err := p.member(key, l)
	if err != nil {
		*l = before
	}
	return p.orLeaveOut(offset, err, l)
}

// orLeaveOut skips the value at an offset if reading it failed with err. It returns err if the value is not JSON.
func (p *JournalParser) orLeaveOut(offset int, err error, l *Line) error {
	if err == nil {
		return nil
	}
	if notJSON := p.scan.Skip(offset); notJSON != nil {
		return err
	}
	l.leaveOut(err.Error())
	return nil
}

// leaveOut says why a part of the line is left out. The first reason counts.
func (l *Line) leaveOut(reason string) {
	if l.Aside == "" {
		l.Aside = reason
	}
}

// member reads the value of any key but the time and the step.
func (p *JournalParser) member(key string, l *Line) error {
	switch key {
	case "p":
		return p.params(&l.Params)
	case "set":
		return p.params(&l.Set)
	case "tags":
		return p.tags(l)
	case "note":
		return p.text(&l.Note)
	case "event":
		return p.text(&l.Event)
	case "artifact":
		l.Artifact = &ArtifactLine{}
		return p.artifact(l.Artifact)
	case "dataset":
		l.Dataset = &DatasetLine{}
		return p.dataset(l.Dataset)
	case "joined":
		l.Joined = &JoinedLine{}
		return p.joined(l.Joined)
	case "exit_code":
		l.ExitCode = new(int64)
		return p.integer(l.ExitCode)
	case "values":
		return p.values(l)
	case "summary":
		return p.summary(l)
	case "metric":
		l.Defined = &Definition{}
		return p.definition(l.Defined)
	case "labels":
		return p.labelsOf(l)
	}
	v, err := p.scan.ExactValue()
	if err != nil {
		return err
	}
	if err := CheckKey(key); err != nil {
		return err
	}
	if l.Unknown == nil {
		l.Unknown = map[string]any{}
	}
	l.Unknown[key] = v
	return nil
}

// skip reads a value and discards it.
func (p *JournalParser) skip() error {
	_, err := p.scan.Value()
	return err
}

func (p *JournalParser) time(t *int64) error {
	text, _, err := p.scan.Number()
	if err != nil {
		return err
	}
	us, ok := parseSeconds(text)
	if !ok {
		return p.scan.Errorf("the time %.40s is not between 1970 and 9999", text)
	}
	*t = us
	return nil
}

func (p *JournalParser) integer(into *int64) (err error) {
	*into, err = p.scan.Int()
	return err
}

func (p *JournalParser) metrics(l *Line) error {
	return p.scan.Object(func(key string) error {
		offset := p.scan.Offset()
		err := CheckKey(key)
		var v float64
		if err == nil {
			if v, err = p.scan.Float(); err == nil {
				l.Metrics = append(l.Metrics, MetricValue{key, v})
				return nil
			}
			err = fmt.Errorf("metric %q: %w", key, err)
		}
		return p.orLeaveOut(offset, err, l) // the other metrics of the line are used
	})
}

// values reads non-numeric values. If one is too long, the line must be set aside.
func (p *JournalParser) values(l *Line) error {
	return p.scan.Object(func(key string) error {
		if err := CheckKey(key); err != nil {
			return err
		}
		v, err := p.scan.Value()
		if err != nil {
			return fmt.Errorf("value %q: %w", key, err)
		}
		text := AppendJSON(nil, v)
		if len(text) > MaxValueBytes {
			l.leaveOut(fmt.Sprintf("value %q is longer than %d bytes", key, MaxValueBytes))
			return nil
		}
		l.Values = append(l.Values, ValueText{key, string(text)})
		return nil
	})
}

func (p *JournalParser) summary(l *Line) error {
	l.Summary = map[string]any{}
	leaves := 0
	return p.scan.Object(func(key string) error {
		if err := CheckKey(key); err != nil {
			return err
		}
		v, err := p.scan.ExactValue()
		if err != nil {
			return fmt.Errorf("summary %q: %w", key, err)
		}
		if v != nil {
			clean, some := WithoutNulls(v)
			if some {
				l.NullsLost = append(l.NullsLost, "summary."+key)
			}
			v = clean
			if _, _, reason := cleanValue(v, nil, 0, &leaves, false); reason != "" {
				return fmt.Errorf("summary %q: %s", key, reason)
			}
		}
		l.Summary[key] = v
		return nil
	})
}

// labelsOf reads the labels of the line. Successive lines often have the same.
func (p *JournalParser) labelsOf(l *Line) error {
	if p.labeled {
		p.invalid = true
		return errors.New("the line has labels twice")
	}
	p.labeled = true
	if p.written != "" && p.scan.Accept(p.written) {
		l.Labels = p.labels
		return nil
	}
	from := p.scan.Offset()
	labels, err := scanLabels(&p.scan)
	if err != nil {
		p.invalid = true
		return err
	}
	l.Labels, p.labels, p.written = labels, labels, p.scan.Since(from)
	return nil
}

func (p *JournalParser) definition(d *Definition) error {
	err := p.scan.Object(func(key string) (err error) {
		switch key {
		case "name":
			return p.optional(&d.Name)
		case "step_metric":
			return p.optional(&d.StepMetric)
		case "step_sync":
			d.StepSync, err = p.scan.Bool()
			return err
		case "hidden":
			d.Hidden, err = p.scan.Bool()
			return err
		case "summary":
			return p.optional(&d.Summary)
		case "goal":
			return p.optional(&d.Goal)
		}
		return p.skip()
	})
	if err != nil {
		return err
	}
	d.Summary = strings.ReplaceAll(d.Summary, " ", "")
	if _, err := d.check(); err != nil {
		return fmt.Errorf("metric: %w", err)
	}
	return nil
}

func (p *JournalParser) params(into *Params) error {
	v, err := p.scan.ExactValue()
	if err != nil {
		return err
	}
	*into, err = paramsOf(v)
	return err
}

// paramsOf checks params that a Scanner has read.
func paramsOf(v any) (Params, error) {
	m, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("params must be an object")
	}
	withNull(m)
	return m, CheckParams(m)
}

func (p *JournalParser) tags(l *Line) error {
	l.Tags = map[string]string{}
	return p.scan.Object(func(key string) error {
		if err := CheckKey(key); err != nil {
			return err
		}
		v, err := p.scan.Value()
		if err != nil {
			return err
		}
		switch v := v.(type) {
		case string:
			if len(v) > MaxTextBytes {
				return fmt.Errorf("tag %q is longer than %d bytes", key, MaxTextBytes)
			}
			l.Tags[key] = v
		case bool, int64, float64:
			l.Tags[key] = TOMLString(v)
		default:
			return fmt.Errorf("tag %q must be a text", key)
		}
		return nil
	})
}

func (p *JournalParser) text(into *string) error {
	s, err := p.scan.Text()
	if err == nil && len(s) > MaxTextBytes {
		err = fmt.Errorf("a text is longer than %d bytes", MaxTextBytes)
	}
	*into = s
	return err
}

// optional reads a text, or null.
func (p *JournalParser) optional(into *string) error {
	if p.scan.Accept("null") {
		return nil
	}
	return p.text(into)
}

func (p *JournalParser) artifact(a *ArtifactLine) error {
	return p.scan.Object(func(key string) error {
		switch key {
		case "path":
			return p.optional(&a.Path)
		case "name":
			return p.optional(&a.Name)
		case "kind":
			return p.optional(&a.Kind)
		case "key":
			return p.optional(&a.Key)
		case "caption":
			return p.optional(&a.Caption)
		case "sha256":
			return p.optional(&a.SHA256)
		case "step":
			if p.scan.Accept("null") {
				return nil
			}
			a.Step = new(int64)
			return p.integer(a.Step)
		case "bytes":
			return p.integer(&a.Bytes)
		}
		return p.skip()
	})
}

func (p *JournalParser) joined(j *JoinedLine) error {
	return p.scan.Object(func(key string) error {
		var into *string
		switch key {
		case "experiment":
			into = &j.Experiment
		case "group":
			into = &j.Group
		case "key":
			into = &j.Key
		default:
			return p.skip()
		}
		if err := p.optional(into); err != nil || *into == "" {
			return err
		}
		return CheckKey(*into)
	})
}

func (p *JournalParser) dataset(d *DatasetLine) error {
	return p.scan.Object(func(key string) error {
		switch key {
		case "path":
			return p.text(&d.Path)
		case "name":
			return p.text(&d.Name)
		case "role":
			return p.text(&d.Role)
		case "sha256":
			return p.text(&d.SHA256)
		case "bytes":
			return p.integer(&d.Bytes)
		case "files":
			return p.integer(&d.Files)
		case "rows":
			return p.integer(&d.Rows)
		case "columns":
			return p.texts(&d.Columns)
		case "manifest":
			return p.text(&d.Manifest)
		case "hash":
			return p.text(&d.Hash)
		case "dvc":
			return p.text(&d.DVC)
		case "digest":
			return p.text(&d.Digest)
		case "source":
			return p.text(&d.Source)
		case "source_type":
			return p.text(&d.SourceType)
		case "schema":
			return p.text(&d.Schema)
		case "profile":
			return p.text(&d.Profile)
		case "details":
			return p.text(&d.Details)
		}
		return p.skip()
	})
}

// texts reads a list and leaves out items that are not strings.
func (p *JournalParser) texts(into *[]string) error {
	v, err := p.scan.Value()
	if list, ok := v.([]any); ok {
		for _, item := range list {
			if s, ok := item.(string); ok {
				*into = append(*into, s)
			}
		}
	}
	return err
}
