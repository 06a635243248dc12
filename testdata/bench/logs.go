package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"strconv"
)

// imports measures the import of logs with a million points. The baseline is sha256sum of the same file.
func (b *bench) imports() error {
	dir, err := b.project()
	if err != nil {
		return err
	}
	for _, kind := range []struct {
		name, path string
		write      func(w *bufio.Writer) error
	}{
		{"tensorboard", "events.out.tfevents.1760000000.host", writeEvents},
		{"wandb", "run-a/run-a.wandb", writeHistory},
	} {
		path := filepath.Join(dir, kind.name, kind.path)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return err
		}
		f, err := os.Create(path)
		if err != nil {
			return err
		}
		w := bufio.NewWriterSize(f, 1<<20)
		if err := kind.write(w); err != nil {
			return err
		}
		if err := w.Flush(); err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
		again := b.importAgain(kind.name + " " + kind.name)
		a, base, err := pairs(5, dir, nil, again, []string{"sha256sum", path})
		if err != nil {
			return err
		}
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		fmt.Printf(
			"%-35s %s of processor time, %s resident; %.1f x sha256sum of its %s (%s)\n", "import "+kind.name+", 1M points",
			ms(a.cpu), mb(a.rss), ratio(a.cpu, base.cpu), mb(info.Size()), ms(base.cpu),
		)
	}
	return nil
}

// importAgain returns the command that imports logs when all that was imported is gone.
func (b *bench) importAgain(args string) []string {
	return []string{"sh", "-c", "rm -rf .runs/20* .git/runs && exec '" + b.runs + "' import " + args}
}

// text and number append fields of a Protocol Buffers message.
func text(num uint64, v []byte) []byte {
	b := binary.AppendUvarint(nil, num<<3|2)
	return append(binary.AppendUvarint(b, uint64(len(v))), v...)
}

func number(num, v uint64) []byte { return binary.AppendUvarint(binary.AppendUvarint(nil, num<<3), v) }

// writeEvents writes 10 tags with 100,000 scalars each, as SummaryWriter does.
func writeEvents(w *bufio.Writer) error {
	table := crc32.MakeTable(crc32.Castagnoli)
	masked := func(data []byte) uint32 {
		sum := crc32.Checksum(data, table)
		return sum>>15 | sum<<17 + 0xa282ead8
	}
	for i := range 1_000_000 {
		value := text(1, []byte("train/metric_"+strconv.Itoa(i%10)))
		value = binary.LittleEndian.AppendUint32(
			append(value, 2<<3|5), math.Float32bits(float32(math.Exp(-float64(i)/3e5))),
		)
		event := binary.LittleEndian.AppendUint64([]byte{1<<3 | 1}, math.Float64bits(1.76e9+float64(i)/100))
		event = append(append(event, number(2, uint64(i/10))...), text(5, text(1, value))...)
		header := binary.LittleEndian.AppendUint64(nil, uint64(len(event)))
		header = binary.LittleEndian.AppendUint32(header, masked(header))
		for _, part := range [][]byte{header, event, binary.LittleEndian.AppendUint32(nil, masked(event))} {
			if _, err := w.Write(part); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeHistory writes 100,000 rows with 10 metrics each, as W&B's client does.
func writeHistory(w *bufio.Writer) error {
	const block, header = 32 << 10, 7
	at := header
	if _, err := w.WriteString(":W&B\xe1\xbe\x00"); err != nil {
		return err
	}
	record := func(data []byte) error {
		for first := true; first || len(data) > 0; first = false {
			room := block - at%block
			if room < header {
				if _, err := w.Write(make([]byte, room)); err != nil {
					return err
				}
				at += room
				room = block
			}
			n := min(len(data), room-header)
			kind := byte(3) // a part in the middle
			switch {
			case first && n == len(data):
				kind = 1
			case first:
				kind = 2
			case n == len(data):
				kind = 4
			}
			body := append([]byte{kind}, data[:n]...)
			data = data[n:]
			at += header + n
			head := binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(body))
			head = binary.LittleEndian.AppendUint16(head, uint16(n))
			if _, err := w.Write(append(head, body...)); err != nil {
				return err
			}
		}
		return nil
	}
	if err := record(
		text(17, append(append(text(1, []byte("a")), text(3, []byte("p"))...), text(17, number(1, 1_760_000_000))...)),
	); err != nil {
		return err
	}
	item := func(key, json string) []byte { return text(1, append(text(2, []byte(key)), text(16, []byte(json))...)) }
	for i := range 100_000 {
		row := append(
			text(2, number(1, uint64(i))),
			item("_timestamp", strconv.FormatFloat(1.76e9+float64(i)/100, 'g', -1, 64))...,
		)
		row = append(append(row, item("_step", strconv.Itoa(i))...), item("_runtime", "1.5")...)
		for k := range 10 {
			row = append(
				row,
				item(
					"train/metric_"+strconv.Itoa(k), strconv.FormatFloat(math.Exp(-float64(10*i+k)/3e5), 'g', -1, 64),
				)...,
			)
		}
		if err := record(text(2, row)); err != nil {
			return err
		}
	}
	return record(text(18, number(2, 1000)))
}
