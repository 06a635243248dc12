package tensorboard

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gitruns/runs/format"
)

// kept is an output that keeps everything for a test.
type kept struct {
	points map[string][]float64
	params map[string]any
	values map[string]string
	media  []string
}

func (k *kept) Line(l *format.Line) error {
	for _, m := range l.Metrics {
		k.points[m.Key] = append(k.points[m.Key], m.Value)
	}
	for name, v := range l.Params {
		k.params[name] = v
	}
	for _, v := range l.Values {
		k.values[v.Key] = v.JSON
	}
	return nil
}

func (k *kept) System(*format.Line) error { return nil }

func (k *kept) Console(io.Reader) error { return nil }

func (k *kept) Media(a *format.ArtifactLine, _ int64, _ io.Reader) error {
	k.media = append(k.media, a.Name)
	return nil
}

func readAll(t *testing.T, root string) (*kept, *reading) {
	t.Helper()
	w := eventFiles(1000, 100)
	files, err := w.Below(context.Background(), root)
	if err != nil {
		t.Fatal(err)
	}
	k := &kept{map[string][]float64{}, map[string]any{}, map[string]string{}, nil}
	r := newReading(k)
	if err := r.all(context.Background(), merge(groupByRun(groupByFolder(root, files)))); err != nil {
		t.Fatal(err)
	}
	return k, r
}

// Files of real writers are read completely.
func TestWriters(t *testing.T) {
	for _, name := range []string{"torch", "tensorboardX"} {
		t.Run(name, func(t *testing.T) {
			k, r := readAll(t, filepath.Join("..", "..", "testdata", "tensorboard", name))
			if len(r.counts.Warnings) > 0 {
				t.Error(r.counts.Warnings)
			}
			if got := k.points["loss/train"]; len(got) != 5 || got[0] != 1 || got[3] != 0.25 {
				t.Errorf("loss/train: %v", got)
			}
			for key, want := range map[string]float64{"acc/train": 0.5, "acc/val": 0.25, "final": 0.75} {
				if got := k.points[key]; !slices.Equal(got, []float64{want}) {
					t.Errorf("%s: %v of %v", key, got, k.points)
				}
			}
			if k.params["lr"] != 0.5 || k.params["layers"] != int64(3) || k.params["opt"] != "adam" {
				t.Errorf("params: %v", k.params)
			}
			if k.values["note"] != `"hello *world*"` || !strings.Contains(k.values["weights"], `"_type":"histogram"`) {
				t.Errorf("values: %v", k.values)
			}
			if !slices.Equal(k.media, []string{"media/img_4_0.png"}) {
				t.Errorf("media: %v", k.media)
			}
		})
	}
}

func record(data []byte) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(data)))
	b = binary.LittleEndian.AppendUint32(b, masked(b))
	b = append(b, data...)
	return binary.LittleEndian.AppendUint32(b, masked(data))
}

func TestRecords(t *testing.T) {
	whole := append(record([]byte("first")), record([]byte("second"))...)
	changed := func(at int) []byte {
		b := bytes.Clone(whole)
		b[at] ^= 1
		return b
	}
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"whole", whole, "first second EOF"},
		{"empty", nil, "EOF"},
		{"torn header", whole[:30], "first torn"},
		{"torn data", whole[:len(whole)-1], "first torn"},
		{"bad data", changed(13), "damage@0 second EOF"},
		{"bad length", changed(0), "rest@0"},
		{"bad second length", changed(22), "first rest@21"},
		{"zeros", append(bytes.Clone(whole), make([]byte, 64)...), "first second rest@43"},
	} {
		r := newRecordReader(bytes.NewReader(c.data))
		var got []string
		for {
			data, err := r.next()
			var d *DamageError
			switch {
			case err == nil:
				got = append(got, string(data))
				continue
			case errors.Is(err, io.EOF):
				got = append(got, "EOF")
			case errors.Is(err, errTorn):
				got = append(got, "torn")
			case errors.As(err, &d) && !d.Rest:
				got = append(got, fmt.Sprintf("damage@%d", d.Offset))
				continue
			case errors.As(err, &d):
				got = append(got, fmt.Sprintf("rest@%d", d.Offset))
			}
			break
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: %s, not %s", c.name, s, c.want)
		}
	}
}

func TestTensorNumbers(t *testing.T) {
	for _, c := range []struct {
		dtype   byte
		content []byte
		want    float64
	}{
		{typeFloat, []byte{0, 0, 0x20, 0x40}, 2.5},
		{typeDouble, binary.LittleEndian.AppendUint64(nil, math.Float64bits(-0.1)), -0.1},
		{typeInt32, []byte{0xfe, 0xff, 0xff, 0xff}, -2},
		{typeUint32, []byte{0xfe, 0xff, 0xff, 0xff}, 4294967294},
		{typeInt64, bytes.Repeat([]byte{0xff}, 8), -1},
		{typeInt16, []byte{0xff, 0xff}, -1},
		{typeUint16, []byte{0xff, 0xff}, 65535},
		{typeInt8, []byte{0x80}, -128},
		{typeUint8, []byte{0x80}, 128},
		{typeBool, []byte{1}, 1},
		{typeHalf, []byte{0x00, 0xc1}, -2.5},
		{typeHalf, []byte{1, 0}, math.Ldexp(1, -24)},
		{typeBfloat16, []byte{0x20, 0x40}, 2.5},
	} {
		message := append([]byte{0x08, c.dtype, 0x22, byte(len(c.content))}, c.content...)
		var ten tensor
		if err := parseTensor(message, &ten); err != nil {
			t.Fatal(err)
		}
		if got, err := ten.numbers(nil); err != nil || !slices.Equal(got, []float64{c.want}) {
			t.Errorf("type %d: %v, %v, not %v", c.dtype, got, err, c.want)
		}
	}
}

func FuzzRead(f *testing.F) {
	files, _ := filepath.Glob(filepath.Join("..", "..", "testdata", "tensorboard", "*", "events*"))
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, true)
		r := newRecordReader(bytes.NewReader(data))
		for {
			data, err := r.next()
			if err != nil {
				break
			}
			f.Add(bytes.Clone(data), false)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, framed bool) {
		k := &kept{map[string][]float64{}, map[string]any{}, map[string]string{}, nil}
		r := newReading(k)
		r.folder, r.tags = &folder{}, map[string]*tag{}
		var e event
		if !framed {
			_ = r.event(data, &e)
		}
		for records := newRecordReader(bytes.NewReader(data)); framed; {
			data, err := records.next()
			var damage *DamageError
			if errors.As(err, &damage) && !damage.Rest {
				continue
			}
			if err != nil {
				break
			}
			_ = r.event(data, &e)
		}
		for key := range k.points {
			if err := format.CheckKey(key); err != nil {
				t.Fatal(err)
			}
		}
		for _, name := range k.media {
			if err := format.CheckPath(name); err != nil {
				t.Fatal(err)
			}
		}
	})
}
