package format

import (
	"crypto/sha256"
	"encoding/hex"
)

// Packages maps names to versions. Names of Python distributions are normalized as in PEP 503.
type Packages map[string]string

// EnvironmentFile is environments/<digest>.toml: the part of the environment that several runs can share.
type EnvironmentFile struct {
	OS, Arch string
	Driver   string // version of the NVIDIA driver
	CUDA     string // version of the CUDA toolkit
	Python   *Python
	Packages Packages // Python distributions
	Editable []Editable
	Conda    Packages // the version, the build and the channel, separated by spaces
	Go       Packages // modules of a Go program, and its compiler as "go"
	Node     Packages
	R        Packages
	Locks    map[string]string // paths of lock files to their SHA-256
	Unknown  map[string]any
}

// Python is the interpreter that ran the program.
type Python struct {
	Version        string // like 3.11.7
	Implementation string // CPython, PyPy
	Prefix         string // sys.prefix, with {project} and ~
	Virtual        bool   // a virtual environment
}

// Editable is a Python distribution that was installed from a folder, a repository or an archive instead of a package
// index.
type Editable struct {
	Name         string
	Version      string
	Path         string // with {project} and ~, or a URL without credentials
	Commit       string // absent for the project itself, whose source is recorded
	Dirty        bool
	Tree         string // of the repository with Commit, as its working tree was
	Files        string // of a folder outside Git: the SHA-256 of the list of its source files
	SHA256       string // of an archive, such as a wheel
	Subdirectory string // of the repository or archive that holds the distribution
	Copied       bool   // from a folder: the files were copied, and later changes of the folder do not count
}

// EncodeEnvironment returns the bytes of an environment file and their SHA-256. It returns an error if
// DecodeEnvironment would refuse them.
func EncodeEnvironment(e *EnvironmentFile) (data []byte, digest string, err error) {
	var o object
	o.add("schema", int64(Schema))
	o.addText("os", e.OS)
	o.addText("arch", e.Arch)
	o.addText("driver", e.Driver)
	o.addText("cuda", e.CUDA)
	if e.Python != nil {
		var p object
		p.addText("version", e.Python.Version)
		p.addText("implementation", e.Python.Implementation)
		p.addText("prefix", e.Python.Prefix)
		if e.Python.Virtual {
			p.add("virtual", true)
		}
		o.add("python", p)
	}
	for _, part := range e.parts() {
		if len(*part.packages) > 0 {
			o.add(part.key, textObject(*part.packages))
		}
	}
	o.addObjects("editable", len(e.Editable), func(i int) object {
		var item object
		item.add("name", e.Editable[i].Name)
		item.addText("version", e.Editable[i].Version)
		item.addText("path", e.Editable[i].Path)
		item.addText("commit", e.Editable[i].Commit)
		if e.Editable[i].Dirty {
			item.add("dirty", true)
		}
		item.addText("tree", e.Editable[i].Tree)
		item.addText("files", e.Editable[i].Files)
		item.addText("sha256", e.Editable[i].SHA256)
		item.addText("subdirectory", e.Editable[i].Subdirectory)
		if e.Editable[i].Copied {
			item.add("copied", true)
		}
		return item
	})
	if len(e.Locks) > 0 {
		o.add("locks", textObject(e.Locks))
	}
	o.merge(e.Unknown)
	data = appendTOML(nil, o)
	if _, err := DecodeEnvironment("environment", data); err != nil {
		return nil, "", err
	}
	sum := sha256.Sum256(data)
	return data, hex.EncodeToString(sum[:]), nil
}

// packagePart is a table of packages in the file, and the map that holds them.
type packagePart struct {
	key      string
	packages *Packages
}

func (e *EnvironmentFile) parts() []packagePart {
	return []packagePart{{"packages", &e.Packages}, {"conda", &e.Conda}, {"go", &e.Go}, {"node", &e.Node}, {"r", &e.R}}
}

// DecodeEnvironment reads an environment file. It keeps unknown keys.
func DecodeEnvironment(file string, data []byte) (*EnvironmentFile, error) {
	m, err := parseTOML(file, data, MaxRecordBytes)
	if err != nil {
		return nil, err
	}
	t := table{&reader{file: file, data: data}, nil, m}
	if schema := t.integer("schema"); schema != Schema {
		t.fail(t.at("schema"), "must be %d", Schema)
	}
	e := &EnvironmentFile{OS: t.text("os"), Arch: t.text("arch"), Driver: t.text("driver"), CUDA: t.text("cuda")}
	if p, ok := t.sub("python"); ok {
		e.Python = &Python{
			Version: p.text("version"), Implementation: p.text("implementation"), Prefix: p.text("prefix"),
			Virtual: p.boolean("virtual"),
		}
	}
	for _, part := range e.parts() {
		if s, ok := t.sub(part.key); ok {
			*part.packages = s.strings()
		}
	}
	t.each("editable", func(s table) {
		e.Editable = append(e.Editable, Editable{
			Name: s.needText("name"), Version: s.text("version"), Path: s.text("path"), Commit: s.hash("commit", true),
			Dirty: s.boolean("dirty"), Tree: s.hash("tree", true), Files: s.digest("files"), SHA256: s.digest("sha256"),
			Subdirectory: s.text("subdirectory"), Copied: s.boolean("copied"),
		})
	})
	if s, ok := t.sub("locks"); ok {
		e.Locks = s.strings()
	}
	e.Unknown = t.rest()
	if t.err != nil {
		return nil, t.err
	}
	return e, nil
}
