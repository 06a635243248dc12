package web

import (
	"context"
	"strings"
)

// collectPairs adds comparisons, which a page that is not served cannot ask for.
func (x *exporter) collectPairs(ctx context.Context) error {
	pairs := x.options.Pairs
	if pairs == nil {
		pairs = x.view.ExportPairs(ctx)
	}
	for _, pair := range pairs {
		name := "compare/" + strings.Join(pair, pairSeparator)
		a, err := compareAnswer(ctx, x.view, pair, nil)
		if err := x.addPair(ctx, name+".json", a, err); err != nil {
			return err
		}
		if x.options.has(PartSource) {
			a, err := patchAnswer(ctx, x.view, pair)
			if err := x.addPair(ctx, name+".source.json", a, err); err != nil {
				return err
			}
		}
	}
	return nil
}

// addPair adds a comparison. One that cannot be made is counted.
func (x *exporter) addPair(ctx context.Context, path string, a *Answer, err error) error {
	if err != nil {
		return x.unread(ctx)
	}
	data := x.withoutFolder(a.Body)
	if err := x.searchAnswer(ctx, path, "", data, true); err != nil {
		return err
	}
	x.hold(body{path: path, data: data})
	return nil
}
