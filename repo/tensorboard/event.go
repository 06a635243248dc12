package tensorboard

import "github.com/gitruns/runs/repo/importer"

// event is the message of one record. Its slices share the memory of the record.
type event struct {
	time    float64 // seconds since 1970
	step    int64
	version []byte // in the first record of a file, brain.Event:2
	summary []byte
	start   bool // a writer began a session at this step, and replaces what it wrote from there on
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
	plugin    []byte // name of the plugin that the tag is for
	content   []byte // the plugin's data about the tag
}

// parseEvent reads an Event message.
// https://github.com/tensorflow/tensorboard/blob/master/tensorboard/compat/proto/event.proto
func parseEvent(data []byte, e *event) error {
	*e = event{}
	f := importer.FieldsOf(data)
	for f.Next() {
		switch f.Num {
		case 1:
			e.time = f.Double()
		case 2:
			e.step = int64(f.V)
		case 3:
			e.version = f.Sub
		case 5:
			e.summary = f.Sub
		case 7:
			e.start = sessionStarts(f.Sub)
		}
	}
	return f.Err
}

// sessionStarts reports whether a SessionLog message has the status START.
func sessionStarts(log []byte) bool {
	f := importer.FieldsOf(log)
	started := false
	for f.Next() {
		if f.Num == 1 {
			started = f.V == 1
		}
	}
	return started && f.Err == nil
}

// eachValue calls visit for each entry of a Summary message, with the entry in v.
func eachValue(summary []byte, v *value, visit func() error) error {
	f := importer.FieldsOf(summary)
	for f.Next() {
		if f.Num != 1 || f.Sub == nil {
			continue
		}
		if err := parseValue(f.Sub, v); err != nil {
			return err
		}
		if err := visit(); err != nil {
			return err
		}
	}
	return f.Err
}

func parseValue(data []byte, v *value) error {
	*v = value{}
	f := importer.FieldsOf(data)
	for f.Next() {
		switch f.Num {
		case 1:
			v.tag = f.Sub
		case 2:
			v.simple, v.hasSimple = f.Float(), true
		case 4:
			v.image = f.Sub
		case 5:
			v.histogram = f.Sub
		case 6:
			v.audio = f.Sub
		case 8:
			v.tensor = f.Sub
		case 9:
			if err := parseMetadata(f.Sub, v); err != nil {
				return err
			}
		}
	}
	return f.Err
}

// parseMetadata reads from a SummaryMetadata message which plugin the tag is for.
func parseMetadata(data []byte, v *value) error {
	f := importer.FieldsOf(data)
	for f.Next() {
		if f.Num != 1 {
			continue
		}
		plugin := importer.FieldsOf(f.Sub)
		for plugin.Next() {
			switch plugin.Num {
			case 1:
				v.plugin = plugin.Sub
			case 2:
				v.content = plugin.Sub
			}
		}
		if plugin.Err != nil {
			return plugin.Err
		}
	}
	return f.Err
}

// encoded returns the bytes of the file in an Image or Audio message, or nil.
func encoded(data []byte) ([]byte, error) {
	var file []byte
	f := importer.FieldsOf(data)
	for f.Next() {
		if f.Num == 4 {
			file = f.Sub
		}
	}
	return file, f.Err
}
