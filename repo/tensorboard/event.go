package tensorboard

// event is one record: what was said at one moment. Its slices are parts of the record.
type event struct {
	time    float64 // seconds since 1970
	step    int64
	version []byte // of the first record of a file, brain.Event:2
	summary []byte
}

// value is one entry of a summary.
type value struct {
	tag       []byte
	simple    float64
	hasSimple bool
	image     []byte // an Image message
	audio     []byte
	histogram []byte // a HistogramProto message
	tensor    []byte // a TensorProto message
	plugin    []byte // its name
	content   []byte // what it says of the tag
}

// parseEvent reads an Event message.
// https://github.com/tensorflow/tensorboard/blob/master/tensorboard/compat/proto/event.proto
func parseEvent(data []byte, e *event) error {
	*e = event{}
	f := fields{b: data}
	for f.next() {
		switch f.num {
		case 1:
			e.time = f.double()
		case 2:
			e.step = int64(f.v)
		case 3:
			e.version = f.sub
		case 5:
			e.summary = f.sub
		}
	}
	return f.err
}

// eachValue calls visit with the entries of a Summary message; v is the same one each time.
func eachValue(summary []byte, v *value, visit func() error) error {
	f := fields{b: summary}
	for f.next() {
		if f.num != 1 || f.sub == nil {
			continue
		}
		if err := parseValue(f.sub, v); err != nil {
			return err
		}
		if err := visit(); err != nil {
			return err
		}
	}
	return f.err
}

func parseValue(data []byte, v *value) error {
	*v = value{}
	f := fields{b: data}
	for f.next() {
		switch f.num {
		case 1:
			v.tag = f.sub
		case 2:
			v.simple, v.hasSimple = f.single(), true
		case 4:
			v.image = f.sub
		case 5:
			v.histogram = f.sub
		case 6:
			v.audio = f.sub
		case 8:
			v.tensor = f.sub
		case 9:
			if err := parseMetadata(f.sub, v); err != nil {
				return err
			}
		}
	}
	return f.err
}

// parseMetadata reads a SummaryMetadata message: which plugin the tag is for.
func parseMetadata(data []byte, v *value) error {
	f := fields{b: data}
	for f.next() {
		if f.num != 1 {
			continue
		}
		plugin := fields{b: f.sub}
		for plugin.next() {
			switch plugin.num {
			case 1:
				v.plugin = plugin.sub
			case 2:
				v.content = plugin.sub
			}
		}
		if plugin.err != nil {
			return plugin.err
		}
	}
	return f.err
}

// encoded is the file in an Image or Audio message.
func encoded(data []byte) ([]byte, error) {
	var file []byte
	f := fields{b: data}
	for f.next() {
		if f.num == 4 {
			file = f.sub
		}
	}
	return file, f.err
}
