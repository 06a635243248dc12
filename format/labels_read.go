package format

import (
	"context"
	"fmt"
)

// readLabels reads the labels of the next points.
func (p *pointFile) readLabels(points []Point) error {
	var texts [512][]byte
	r := p.pages[labelsColumn].reader
	for len(points) > 0 {
		left, err := r.Page()
		if err != nil {
			return err
		}
		some := texts[:min(int64(len(texts)), left, int64(len(points)))]
		if err := r.Texts(some); err != nil {
			return err
		}
		for i, text := range some {
			if points[i].Labels = (Labels{}); text == nil {
				continue
			}
			if points[i].Labels, err = p.labelsOf(text); err != nil {
				return err
			}
		}
		points = points[len(some):]
	}
	return nil
}

// labelsOf returns the labels with a text, which is parsed once.
func (p *pointFile) labelsOf(text []byte) (Labels, error) {
	if l, ok := p.labels[string(text)]; ok {
		return l, nil
	}
	if p.text -= int64(len(text)); p.text < 0 {
		return Labels{}, fmt.Errorf("it has more text in labels than its size allows")
	}
	l, err := ParseLabels(string(text))
	if err != nil {
		return Labels{}, err
	}
	if p.labels == nil {
		p.labels = map[string]Labels{}
	}
	p.labels[l.String()] = l
	return l, nil
}

// Labeled reports whether a point has labels.
func (m *Metrics) Labeled(ctx context.Context) (bool, error) {
	some := false
	err := m.eachLabels(ctx, func(Labels) bool {
		some = true
		return false
	})
	return some, err
}

// LabelSets returns the different labels of the points, in the order in which they first appear.
func (m *Metrics) LabelSets(ctx context.Context) (sets []Labels, err error) {
	seen := map[Labels]bool{}
	err = m.eachLabels(ctx, func(l Labels) bool {
		if !seen[l] {
			seen[l] = true
			sets = append(sets, l)
		}
		return true
	})
	return sets, err
}

// eachLabels calls yield with the labels of each point that has some, until it returns false.
func (m *Metrics) eachLabels(ctx context.Context, yield func(Labels) bool) error {
	if m.column[labelsColumn] < 0 {
		return nil
	}
	var points [512]Point
	for group, w := range m.within {
		if w.from == w.to {
			continue
		}
		r, err := m.reader(labelsColumn, group)
		if err == nil {
			err = r.SeekRow(w.from)
		}
		for at := w.from; err == nil && at < w.to; {
			if err = ctx.Err(); err != nil {
				return err
			}
			some := points[:min(int64(len(points)), w.to-at)]
			err = m.readLabels(some)
			for _, p := range some {
				if p.Labels != (Labels{}) && err == nil && !yield(p.Labels) {
					return nil
				}
			}
			at += int64(len(some))
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrMetrics, err)
		}
	}
	return nil
}
