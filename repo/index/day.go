package index

import (
	"encoding/binary"

	"github.com/gitruns/runs/format"
)

// Day is a folder with runs, as it was read.
type Day struct {
	Name  string // of the folder, or the id of its tree in Git
	Stamp Stamp
	// Read is the time of the file system's clock when reading began. If the folder changed then or later, it may have
	// changed again without another stamp.
	Read  int64
	State uint64 // see Home.State
	Apart uint64 // the digest of what Home.Apart returned
	Block *Block
	Left  []Left   // folders without a record
	Bad   []string // ids of runs that could not be read

	stamps   []uint64 // of the runs of Block, in their order; 0 if a run must be read again
	places   []uint16 // where their records are: 0 for the folder of the run, otherwise the number of a batch, from 1
	batches  []batchStamp
	identity uint64 // of the bytes in a file, 0 if it is new
	base     bool   // it lies in the base file
	data     []byte // its bytes in a file
}

// Left is a folder of a run without a record: what a switch of branches leaves behind.
type Left struct {
	ID    string
	stamp uint64
}

// encode returns the bytes of a day without its name.
func (d *Day) encode() []byte {
	b := make([]byte, 0, len(d.Block.data)+8*len(d.stamps)+32*len(d.Left)+128)
	for _, n := range []uint64{
		uint64(d.Stamp.Modified), uint64(d.Stamp.Changed), d.Stamp.Inode, d.Stamp.Device, uint64(d.Read), d.State, d.Apart,
	} {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(d.Left)))
	for _, left := range d.Left {
		b = binary.LittleEndian.AppendUint64(append(b, left.ID...), left.stamp)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(d.Bad)))
	for _, id := range d.Bad {
		b = append(b, id...)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(d.stamps)))
	for _, stamp := range d.stamps {
		b = binary.LittleEndian.AppendUint64(b, stamp)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(d.batches)))
	for _, batch := range d.batches {
		b = binary.LittleEndian.AppendUint64(append(b, batch.name...), batch.stamp)
	}
	if len(d.batches) > 0 {
		for _, place := range d.places {
			b = binary.LittleEndian.AppendUint16(b, place)
		}
	}
	return append(b, d.Block.data...)
}

// parseDay reads what encode returned. The bytes may be hostile.
func parseDay(name string, data []byte) (*Day, error) {
	p := parser{data: data}
	d := &Day{Name: name, data: data}
	d.Stamp.Modified, d.Stamp.Changed = int64(p.uint64()), int64(p.uint64())
	d.Stamp.Inode, d.Stamp.Device = p.uint64(), p.uint64()
	d.Read, d.State, d.Apart = int64(p.uint64()), p.uint64(), p.uint64()
	left := int(p.uint32())
	if p.bad || left > len(data)/(idBytes+8) {
		return nil, errBlock
	}
	d.Left = make([]Left, left)
	for i := range d.Left {
		d.Left[i] = Left{string(p.take(idBytes)), p.uint64()}
	}
	bad := int(p.uint32())
	if p.bad || bad > len(data)/idBytes {
		return nil, errBlock
	}
	d.Bad = make([]string, bad)
	for i := range d.Bad {
		d.Bad[i] = string(p.take(idBytes))
	}
	stamps := p.take(8 * int(p.uint32()))
	if p.bad {
		return nil, errBlock
	}
	d.stamps = make([]uint64, len(stamps)/8)
	for i := range d.stamps {
		d.stamps[i] = binary.LittleEndian.Uint64(stamps[8*i:])
	}
	if !d.parseBatches(&p) {
		return nil, errBlock
	}
	var err error
	if d.Block, err = ParseBlock(data[p.at:]); err != nil {
		return nil, err
	}
	if d.Block.Len() != len(d.stamps) {
		return nil, errBlock
	}
	for _, c := range d.Block.columns {
		if int64(c.to) > int64(len(d.Block.data)) {
			return nil, errBlock
		}
	}
	return d, nil
}

// parseBatches reads the batches and the places of the runs. It reports false if they are not valid.
func (d *Day) parseBatches(p *parser) bool {
	n := int(p.uint32())
	if p.bad || n > maxBatches || n > len(p.data)/(batchNameBytes+8) {
		return false
	}
	d.batches = make([]batchStamp, n)
	for i := range d.batches {
		d.batches[i] = batchStamp{string(p.take(batchNameBytes)), p.uint64()}
		if !p.bad && !format.IsBatchName(d.batches[i].name) {
			return false
		}
	}
	d.places = make([]uint16, len(d.stamps))
	if n > 0 {
		places := p.take(2 * len(d.stamps))
		if p.bad {
			return false
		}
		for i := range d.places {
			if d.places[i] = binary.LittleEndian.Uint16(places[2*i:]); int(d.places[i]) > n {
				return false
			}
		}
	}
	return !p.bad
}

// sameRecord reports whether the record of a row is where it was, and has not changed there.
func (d *Day) sameRecord(row int, now inBatch) bool {
	return d.places[row] == 0 && now.place == 0 || d.places[row] > 0 && now.place > 0 && now.same
}

// rows returns the row of each run in the block.
func (d *Day) rows() map[string]int {
	rows := make(map[string]int, d.Block.Len())
	for row, id := range d.Block.ids {
		rows[id] = row
	}
	return rows
}
