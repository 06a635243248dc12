package format

// Local is .runs/local.toml: settings of one machine, which are never committed.
type Local struct {
	Data map[string]string // from names of datasets to absolute paths
}

// EncodeLocal returns the bytes of a local.toml.
func EncodeLocal(l *Local) []byte {
	var o object
	if len(l.Data) > 0 {
		o.add("data", textObject(l.Data))
	}
	return appendTOML([]byte("# Where data outside the project lies on this machine.\n"), o)
}

// DecodeLocal reads a local.toml.
func DecodeLocal(file string, data []byte) (*Local, error) {
	m, err := parseTOML(file, data, MaxConfigBytes)
	if err != nil {
		return nil, err
	}
	t := table{&reader{file: file, data: data}, nil, m}
	l := &Local{}
	if s, ok := t.sub("data"); ok {
		l.Data = s.strings()
	}
	t.rest() // a later version may have more keys
	if t.err != nil {
		return nil, t.err
	}
	return l, nil
}
