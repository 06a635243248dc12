package index

import (
	"encoding/binary"
	"slices"
)

// Day is a folder with runs, as it was read.
type Day struct {
	Name  string // of the folder, or the id of its tree in Git
	Stamp Stamp
	// Read is the time of the file system's clock when reading began. If the folder changed then or later, it may have
	// changed again without another stamp.
	Read  int64
	State uint64 // see Home.State
	Block *Block
	Left  []Left   // folders without a record
	Bad   []string // ids of runs that could not be read

	stamps   []uint64 // of the runs of Block, in their order; 0 if a run must be read again
	identity uint64   // of the bytes in a file, 0 if it is new
	base     bool     // it lies in the base file
	data     []byte   // its bytes in a file
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
		uint64(d.Stamp.Modified), uint64(d.Stamp.Changed), d.Stamp.Inode, d.Stamp.Device, uint64(d.Read), d.State,
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
	return append(b, d.Block.data...)
}

// parseDay reads what encode returned. The bytes may be hostile.
func parseDay(name string, data []byte) (*Day, error) {
	p := parser{data: data}
	d := &Day{Name: name, data: data}
	d.Stamp.Modified, d.Stamp.Changed = int64(p.uint64()), int64(p.uint64())
	d.Stamp.Inode, d.Stamp.Device = p.uint64(), p.uint64()
	d.Read, d.State = int64(p.uint64()), p.uint64()
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

// row returns the row of a run in the block, or -1.
func (d *Day) rows() map[string]int {
	rows := make(map[string]int, d.Block.Len())
	for row, id := range d.Block.ids {
		rows[id] = row
	}
	return rows
}

// bad reports whether a run could not be read.
func (d *Day) bad(id string) bool { return slices.Contains(d.Bad, id) }
