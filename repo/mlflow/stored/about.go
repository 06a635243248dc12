package stored

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/mlflow"
)

// The labels of points.
const (
	labelModel   = "model"
	labelDataset = "dataset"
)

// about is what a metric of MLflow 3 is about. All of it may be empty.
type about struct {
	model           string // its id
	dataset, digest string // the name of the dataset, and MLflow's digest of it
}

// maxAbout bounds the points of a run with such a context, because they are held in memory while the run is read.
const maxAbout = 1_000_000

// place identifies a point of a run. MLflow 3 stores a point about a model twice: among the metrics of the run, and
// with the model.
type place struct {
	key        string
	time, step int64
	bits       uint64
}

func placeOf(p *point) place { return place{p.key, p.time, p.step, math.Float64bits(p.value)} }

// contexts are what the points of a run are about, by the places that are stored with the models.
type contexts struct {
	of   map[place][]about
	keys map[string]string // each text once
	n    int
	over bool // there are more, which are left out
}

func (c *contexts) intern(text string) string {
	if known, ok := c.keys[text]; ok {
		return known
	}
	if c.keys == nil {
		c.keys = map[string]string{}
	}
	c.keys[text] = text
	return text
}

func (c *contexts) add(at place, a about) {
	if c.n >= maxAbout {
		c.over = true
		return
	}
	if c.of == nil {
		c.of = map[place][]about{}
	}
	c.n++
	at.key = c.intern(at.key)
	c.of[at] = append(c.of[at], about{c.intern(a.model), c.intern(a.dataset), c.intern(a.digest)})
}

// take returns what the points at a place are about and forgets it. If one is set, it takes a single one: a file has a
// line for each, whereas the row of a database stands for all. MLflow's table of models has 0 in place of NaN.
func (c *contexts) take(p *point, one bool) []about {
	if len(c.of) == 0 {
		return nil
	}
	at := placeOf(p)
	list, ok := c.of[at]
	if !ok && math.IsNaN(p.value) {
		at.bits = 0
		list = c.of[at]
	}
	if !one || len(list) <= 1 {
		delete(c.of, at)
		return list
	}
	i := max(0, slices.IndexFunc(list, func(a about) bool { return a.dataset == p.dataset && a.digest == p.digest }))
	found := list[i]
	c.of[at] = slices.Delete(list, i, i+1)
	return []about{found}
}

// visit visits a point once for each thing that it is about.
func (c *contexts) visit(p *point, one bool, visit func(*point) error) error {
	list := c.take(p, one)
	if len(list) == 0 {
		return visit(p)
	}
	own := p.about
	for _, a := range list {
		if p.about = a; a.dataset == "" {
			p.dataset, p.digest = own.dataset, own.digest
		}
		if err := visit(p); err != nil {
			return err
		}
	}
	return nil
}

// rest visits the points that are stored with models only.
func (c *contexts) rest(visit func(*point) error) error {
	places := make([]place, 0, len(c.of))
	for at := range c.of {
		places = append(places, at)
	}
	slices.SortFunc(places, func(a, b place) int {
		return cmp.Or(strings.Compare(a.key, b.key), cmp.Compare(a.step, b.step), cmp.Compare(a.time, b.time),
			cmp.Compare(a.bits, b.bits))
	})
	for _, at := range places {
		for _, a := range c.of[at] {
			p := point{key: at.key, time: at.time, step: at.step, value: math.Float64frombits(at.bits), about: a}
			if err := visit(&p); err != nil {
				return err
			}
		}
	}
	if c.over {
		return visit(&point{skipped: "labels of points over the limit"})
	}
	return nil
}

// appendAbout appends an entry of a spool: a point that is stored with a model.
func appendAbout(b []byte, at place, a about) []byte {
	b = append(b, entryOfModel)
	b = append(binary.AppendUvarint(b, uint64(len(at.key))), at.key...)
	b = binary.AppendVarint(binary.AppendVarint(binary.LittleEndian.AppendUint64(b, at.bits), at.time), at.step)
	for _, text := range []string{a.model, a.dataset, a.digest} {
		b = append(binary.AppendUvarint(b, uint64(len(text))), text...)
	}
	return b
}

// addEntry takes an entry that appendAbout made.
func (c *contexts) addEntry(e entry) {
	at := place{key: e.text(), bits: e.bits()}
	at.time, at.step = e.varint(), e.varint()
	c.add(at, about{e.text(), e.text(), e.text()})
}

// measured returns the tag that names the models of other runs that points are about. It is called after the points
// were read.
func (r *reading) measured(d *details) map[string]string {
	var others []string
	for a := range r.labelsOf {
		id := key(a.model)
		own := func(m model) bool { return key(m.id) == id }
		if a.model != "" && format.CheckKey(id) == nil && !slices.ContainsFunc(d.models, own) {
			others = append(others, id)
		}
	}
	name, text := mlflow.MeasuredTag(others)
	if name == "" {
		return nil
	}
	return map[string]string{name: text}
}

// labels returns the labels that a point gets. A dataset is named as in the record of the run.
func (r *reading) labels(a about) format.Labels {
	if a == (about{}) {
		return format.Labels{}
	}
	if known, ok := r.labelsOf[a]; ok {
		return known
	}
	values := map[string]any{}
	if a.model != "" {
		values[labelModel] = key(a.model)
	}
	if a.dataset != "" {
		name := key(a.dataset)
		for _, d := range r.datasets {
			if d.name == a.dataset && d.digest == a.digest {
				name = d.Name
			}
		}
		values[labelDataset] = name
	}
	labels, err := format.NewLabels(values)
	if err != nil {
		r.skip("labels that a point cannot have", a.model+" "+a.dataset)
	}
	r.labelsOf[a] = labels
	return labels
}
