package tensorboard

import (
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/gitruns/runs/format/listsort"
	"github.com/gitruns/runs/repo/importer"
)

// folder is a folder of event files that belongs to one run.
type folder struct {
	rel    string // slash-separated path from the root; "" is the root
	files  []importer.File
	prefix string // of the keys
	// add_scalars makes a folder for each series. The only tag in it is the main tag, and its key is mainTag + "/" +
	// series.
	series, mainTag string
}

// key returns the key of a tag.
func (p *folder) key(tag string) string {
	if p.series != "" && tag == p.mainTag {
		tag += "/" + p.series
	}
	return p.prefix + tag
}

// runLog is everything that one run wrote.
type runLog struct {
	rel     string // path of its folder from the root
	folders []*folder
}

// phases are the folders that Keras, TensorFlow's estimators and CatBoost make next to each other for one run.
var phases = []string{"train", "learn", "validation", "valid", "val", "test", "eval"}

// groupByFolder groups event files by their folder under root. Folders and files are sorted by path.
func groupByFolder(root string, files []importer.File) []*folder {
	byFolder := map[string]*folder{}
	var folders []*folder
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
			p = &folder{rel: rel}
			byFolder[rel] = p
			folders = append(folders, p)
		}
		p.files = append(p.files, f)
	}
	slices.SortFunc(folders, func(a, b *folder) int { return strings.Compare(a.rel, b.rel) })
	for _, p := range folders {
		listsort.Sort(p.files, func(a, b importer.File) int { return strings.Compare(a.Path, b.Path) })
	}
	return folders
}

// groupByRun groups folders by run. A folder that add_scalars or add_hparams made belongs to the folder above it. So
// do train, validation and the other phases; their names are put before the keys. Every other folder is a run.
func groupByRun(folders []*folder) []*runLog {
	byRel := map[string]*folder{}
	for _, p := range folders {
		byRel[p.rel] = p
	}
	var all []*runLog
	runs := map[string]*runLog{}
	add := func(rel string, p *folder) {
		if runs[rel] == nil {
			runs[rel] = &runLog{rel: rel}
			all = append(all, runs[rel])
		}
		runs[rel].folders = append(runs[rel].folders, p)
	}
	home := map[*folder]string{}
	for _, p := range folders { // sorted: a folder comes before its subfolders
		if above := nearestAbove(byRel, p.rel); above != nil && p.isPartOf(above.rel) {
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

// merge makes one log of several. The keys of each begin with its path relative to the folder that contains them all.
func merge(all []*runLog) *runLog {
	if len(all) == 0 {
		return nil
	}
	shared := all[0].rel
	for _, l := range all[1:] {
		for shared != "" && l.rel != shared && !strings.HasPrefix(l.rel, shared+"/") {
			shared = strings.TrimPrefix(path.Dir(shared), ".")
		}
	}
	one := &runLog{rel: shared}
	for _, l := range all {
		prefix := ""
		if below := strings.TrimPrefix(strings.TrimPrefix(l.rel, shared), "/"); below != "" {
			prefix = below + "/"
		}
		for _, p := range l.folders {
			p.prefix = prefix + p.prefix
			one.folders = append(one.folders, p)
		}
	}
	return one
}

// nearestAbove returns the closest folder above rel that has event files, or nil.
func nearestAbove(byRel map[string]*folder, rel string) *folder {
	for rel != "" {
		rel = strings.TrimPrefix(path.Dir(rel), ".")
		if p := byRel[rel]; p != nil {
			return p
		}
	}
	return nil
}

// isPartOf reports whether the writer of the folder above also made this folder, for a part of its run. If so, it sets
// series and mainTag.
func (p *folder) isPartOf(above string) bool {
	below := strings.TrimPrefix(strings.TrimPrefix(p.rel, above), "/")
	tags, hparams := p.peek()
	if _, err := strconv.ParseFloat(below, 64); hparams && err == nil { // add_hparams names it after the time
		return true
	}
	if len(tags) != 1 {
		return false
	}
	// The folder is named after the tag and the series: "loss_train", or "loss/train" by tensorboardX.
	if start := plainName(tags[0]) + "_"; strings.HasPrefix(plainName(below), start) && len(below) > len(start) {
		p.mainTag, p.series = tags[0], below[len(start):]
		return true
	}
	return false
}

// plainName returns the name of a folder or tag. Each character that some writer replaces becomes "_".
func plainName(s string) string {
	b := []byte(s)
	for i, c := range b {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9') {
			b[i] = '_'
		}
	}
	return string(b)
}

// peek reads the beginning of the files. It returns the first tags, and whether an hparams session starts there.
func (p *folder) peek() (tags []string, hparams bool) {
	const most = 200 // records per file
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
