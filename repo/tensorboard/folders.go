package tensorboard

import (
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/gitruns/runs/repo/importer"
)

// part is a folder of event files within a log of one run.
type part struct {
	rel    string // of the folder, slash-separated; "" is the root
	files  []importer.File
	prefix string // of its keys
	// series and of are of a folder that add_scalars made: its only tag is of, and the key is of + "/" + series.
	series, of string
}

// key is the key of a tag.
func (p *part) key(tag string) string {
	if p.series != "" && tag == p.of {
		tag += "/" + p.series
	}
	return p.prefix + tag
}

// log is what one run wrote.
type log struct {
	rel   string // of its folder
	parts []*part
}

// phases are folders that a writer makes beside each other for one training: Keras, the estimators of TensorFlow.
var phases = []string{"train", "validation", "valid", "val", "test", "eval"}

// folders sorts event files by their folder below root.
func folders(root string, files []importer.File) []*part {
	byFolder := map[string]*part{}
	var parts []*part
	for _, f := range files {
		rel, err := filepath.Rel(root, filepath.Dir(f.Path))
		if err != nil {
			continue
		}
		if rel = filepath.ToSlash(rel); rel == "." {
			rel = ""
		}
		p := byFolder[rel]
		if p == nil {
			p = &part{rel: rel}
			byFolder[rel] = p
			parts = append(parts, p)
		}
		p.files = append(p.files, f)
	}
	slices.SortFunc(parts, func(a, b *part) int { return strings.Compare(a.rel, b.rel) })
	for _, p := range parts {
		slices.SortFunc(p.files, func(a, b importer.File) int { return strings.Compare(a.Path, b.Path) })
	}
	return parts
}

// logs puts folders together to runs. A folder that add_scalars or add_hparams made below another belongs to that; train,
// validation and the like belong to the folder above them, with their name before the keys; any other is a run.
func logs(parts []*part) []*log {
	byRel := map[string]*part{}
	for _, p := range parts {
		byRel[p.rel] = p
	}
	var all []*log
	runs := map[string]*log{}
	add := func(rel string, p *part) {
		if runs[rel] == nil {
			runs[rel] = &log{rel: rel}
			all = append(all, runs[rel])
		}
		runs[rel].parts = append(runs[rel].parts, p)
	}
	home := map[*part]string{}
	for _, p := range parts { // a folder comes before those below it
		if above := nearest(byRel, p.rel); above != nil && p.belongsTo(above.rel) {
			p.prefix = above.prefix
			home[p] = home[above]
			add(home[p], p)
			continue
		}
		home[p] = p.rel
		if base := path.Base(p.rel); p.rel != "" && slices.Contains(phases, base) {
			home[p] = strings.TrimPrefix(path.Dir(p.rel), ".")
			p.prefix = base + "/"
		}
		add(home[p], p)
	}
	return all
}

// together makes one log of all: the keys of each begin with the path of its folder below the one that they share.
func together(all []*log) *log {
	if len(all) == 0 {
		return nil
	}
	shared := all[0].rel
	for _, l := range all[1:] {
		for shared != "" && l.rel != shared && !strings.HasPrefix(l.rel, shared+"/") {
			shared = strings.TrimPrefix(path.Dir(shared), ".")
		}
	}
	one := &log{rel: shared}
	for _, l := range all {
		prefix := ""
		if below := strings.TrimPrefix(strings.TrimPrefix(l.rel, shared), "/"); below != "" {
			prefix = below + "/"
		}
		for _, p := range l.parts {
			p.prefix = prefix + p.prefix
			one.parts = append(one.parts, p)
		}
	}
	return one
}

// nearest is the closest folder above rel with event files, or nil.
func nearest(byRel map[string]*part, rel string) *part {
	for rel != "" {
		rel = strings.TrimPrefix(path.Dir(rel), ".")
		if p := byRel[rel]; p != nil {
			return p
		}
	}
	return nil
}

// belongsTo reports whether the writer of the folder above made this one for a part of its run, and learns its series.
func (p *part) belongsTo(above string) bool {
	below := strings.TrimPrefix(strings.TrimPrefix(p.rel, above), "/")
	tags, hparams := p.glance()
	if _, err := strconv.ParseFloat(below, 64); hparams && err == nil { // add_hparams names it by the time
		return true
	}
	if len(tags) != 1 {
		return false
	}
	// The folder is named by the tag and the series: "loss_train", or "loss/train" with tensorboardX.
	if of := plainName(tags[0]) + "_"; strings.HasPrefix(plainName(below), of) && len(below) > len(of) {
		p.of, p.series = tags[0], below[len(of):]
		return true
	}
	return false
}

// plainName is a name of a folder or tag with all that writers replace replaced.
func plainName(s string) string {
	b := []byte(s)
	for i, c := range b {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9') {
			b[i] = '_'
		}
	}
	return string(b)
}

// glance looks at the beginning of the files: the tags of scalars there, and whether a session of hparams begins.
func (p *part) glance() (tags []string, hparams bool) {
	const most = 200 // records of a file
	for _, file := range p.files[:min(len(p.files), 4)] {
		f, err := importer.Open(file.Path)
		if err != nil {
			continue
		}
		r := newRecordReader(f)
		var e event
		var v value
		for range most {
			data, err := r.next()
			if err != nil || parseEvent(data, &e) != nil {
				break
			}
			_ = eachValue(e.summary, &v, func() error {
				switch {
				case string(v.plugin) == "hparams":
					var s session
					hparams = hparams || parseSession(v.content, &s) == nil && s.params != nil
				case !slices.Contains(tags, string(v.tag)) && len(tags) < 10:
					tags = append(tags, string(v.tag))
				}
				return nil
			})
			if len(tags) > 1 && !hparams && r.offset > 1<<20 {
				break
			}
		}
		_ = f.Close()
	}
	return tags, hparams
}
