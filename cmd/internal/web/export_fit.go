package web

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"strconv"

	"github.com/gitruns/runs/repo/view"
	"github.com/gitruns/runs/repo/view/curve"
)

const (
	fewestPoints = 16        // a curve of fewer points says nothing
	enoughPoints = 250       // about as many as a chart of usual width can tell apart
	usualBytes   = 5_500_000 // of an export, if curves have enough points and nothing else is asked for
	pointBytes   = 13        // about what a point takes, compressed
	smallBody    = 64 << 10  // an answer that is smaller shares a block with others
	blockCost    = 96        // bytes around a block in a page, and of a path in the index
)

// most returns the size of the export at most.
func (x *exporter) most() int64 {
	if x.options.MaxBytes > 0 {
		return x.options.MaxBytes
	}
	return DefaultMaxBytes
}

// cost returns what compressed bytes take in the export.
func (x *exporter) cost(bytes, blocks int) int64 {
	if x.options.Folder {
		return int64(bytes) + blockCost*int64(blocks)
	}
	return int64(bytes)*16/13 + int64(bytes)/packLine + blockCost*int64(blocks)
}

// size returns what the export takes so far.
func (x *exporter) size() (int64, error) {
	p, err := x.pack.finish()
	if err != nil {
		return 0, err
	}
	total := int64(len(page)+len(script)+len(style)) + 4096 // head and notes
	for _, b := range append(p.blocks, p.root) {
		total += x.cost(len(b), 1)
	}
	return total, nil
}

// fit adds curves with as many points as there is space for, then what is optional, and the notes.
func (x *exporter) fit(ctx context.Context) error {
	used, err := x.size()
	if err != nil {
		return err
	}
	c, err := x.fitCurves(ctx, used)
	if err != nil {
		return err
	}
	for _, one := range c.bodies {
		x.put(one)
	}
	x.Notes.Unread += c.failed
	used += c.cost
	x.Notes.Points, x.Notes.Longest, x.Notes.CurvesLeft = c.points, c.longest, c.left
	for _, one := range x.optional {
		if cost := x.cost(len(one.compressed), 1); used+cost <= x.most() {
			x.put(one)
			used += cost
		} else {
			x.leave(one.path)
		}
	}
	x.note()
	data, err := json.Marshal(&x.Notes)
	if err != nil {
		return err
	}
	x.pack.addFront(notesPath, data)
	return nil
}

func (x *exporter) put(one body) {
	if len(one.data) < smallBody {
		x.pack.add(one.path, one.data)
	} else {
		x.pack.addAlone(one.path, one.data, one.compressed)
	}
}

// fitted is the curves of an export with some number of points.
type fitted struct {
	bodies  []body
	cost    int64
	points  int   // the most that a curve that is not whole has; 0 if all are whole
	longest int64 // the most points that one of these had
	left    int   // curves that are left out, because there are too many of a metric
	failed  int   // curves that have an error in place of their points
}

// fitCurves chooses how many points curves have: as many as fit into the size that was asked for or, if none was, into
// usualBytes, but enoughPoints if these fit.
func (x *exporter) fitCurves(ctx context.Context, used int64) (*fitted, error) {
	metrics, err := x.view.CurveMetrics(ctx, nil)
	if err != nil {
		return nil, err
	}
	curves, longest := 0, int64(0)
	for _, m := range metrics {
		curves += min(m.Runs, view.MaxExportCurves)
		longest = max(longest, m.Points)
	}
	room := x.most() - used
	room -= min(x.held, room/2)
	wanted := room
	if x.options.MaxBytes == 0 {
		wanted = min(room, max(usualBytes-used, 0))
	}
	points := int(min(max(wanted/(int64(max(curves, 1))*pointBytes), fewestPoints), longest, curve.MaxExact))
	if x.options.MaxBytes == 0 {
		points = max(points, min(enoughPoints, int(longest)))
	}
	for {
		c, err := x.packAll(ctx, metrics, points)
		if err != nil {
			return nil, err
		}
		target := wanted
		if x.options.MaxBytes == 0 && points <= enoughPoints {
			target = room
		}
		switch {
		case c.cost <= target:
			return c, nil
		case points <= fewestPoints:
			return nil, &TooSmallError{used + c.cost}
		}
		fewer := int(float64(points) * float64(max(target, 0)) / float64(c.cost) * 0.98)
		if x.options.MaxBytes == 0 && points > enoughPoints {
			fewer = max(fewer, enoughPoints)
		}
		points = max(min(fewer, points-1), fewestPoints)
	}
}

// packAll packs the curves of all metrics.
func (x *exporter) packAll(ctx context.Context, metrics []view.CurveMetric, points int) (*fitted, error) {
	c := &fitted{}
	for i, m := range metrics {
		answer, err := x.view.ExportCurves(ctx, m.Key, points)
		if err != nil {
			return nil, err
		}
		if err := c.count(answer, m); err != nil {
			return nil, err
		}
		packed, err := packCurves(answer, x.withoutFolder)
		if err != nil {
			return nil, err
		}
		one := body{path: "curves/" + strconv.Itoa(i) + ".bin", data: packed, compressed: compress(packed)}
		c.bodies = append(c.bodies, one)
		c.cost += x.cost(len(one.compressed), 1)
		if x.options.Progress != nil {
			x.options.Progress(i, len(metrics))
		}
	}
	return c, nil
}

// count adds what an answer says about its curves.
func (c *fitted) count(answer []byte, m view.CurveMetric) error {
	var head curve.Head
	length := int(binary.LittleEndian.Uint32(answer))
	if err := json.Unmarshal(answer[8:8+length], &head); err != nil {
		return err
	}
	c.left += m.Runs
	for i, l := range head.Curves {
		if i == 0 || l.Run != head.Curves[i-1].Run { // a run has a curve for each set of labels
			c.left--
		}
		if l.Error != "" {
			c.failed++
		}
		if l.Cells < l.Points {
			c.points, c.longest = max(c.points, l.Cells), max(c.longest, int64(l.All))
		}
	}
	return nil
}
