package repo

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gitruns/runs/repo/capture"
	"github.com/gitruns/runs/repo/reads"
)

// writers are modules of Python that write files unseen, by their first name, with the endings that these may have. No
// endings are all.
var writers = map[string][]string{
	"torch":      {"", ".pt", ".pth", ".ckpt", ".bin", ".pkl", ".pickle", ".model", ".tar", ".onnx", ".json", ".gz"},
	"torchaudio": {".wav", ".flac", ".mp3", ".ogg", ".opus"}, "torchvision": {".png", ".jpg", ".jpeg", ".mp4"},
	"tensorflow": nil, "safetensors": {".safetensors", ".bin"}, "tokenizers": {".json", ".txt"},
	"sentencepiece": {".model", ".vocab"}, "xgboost": {"", ".json", ".ubj", ".model", ".bin", ".txt", ".buffer"},
	"lightgbm": {"", ".txt", ".model", ".bin", ".json"}, "catboost": {"", ".cbm", ".bin", ".json", ".tsv", ".model"},
	"pyarrow": {"", ".parquet", ".arrow", ".arrows", ".feather", ".ipc", ".orc", ".csv"},
	"polars":  {"", ".parquet", ".arrow", ".feather", ".ipc", ".csv", ".json", ".jsonl", ".ndjson", ".avro", ".xlsx"},
	"duckdb":  {"", ".parquet", ".csv", ".tsv", ".json", ".jsonl", ".db", ".duckdb", ".ddb", ".wal", ".xlsx"},
	"h5py":    {"", ".h5", ".hdf5", ".hdf", ".he5", ".nc", ".mat", ".keras", ".h5ad"},
	"tables":  {"", ".h5", ".hdf5", ".hdf"}, "netCDF4": {"", ".nc", ".nc4", ".cdf"},
	"cv2": {
		".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".exr", ".hdr", ".pgm", ".ppm", ".mp4", ".avi",
		".mkv", ".yml", ".yaml", ".xml", ".json",
	},
	"av": nil, "decord": nil, "torchcodec": nil, "soundfile": nil, "rasterio": nil, "fiona": nil, "osgeo": nil,
	"lmdb": nil, "pyreadr": nil, "pyreadstat": nil, "pysam": nil, "SimpleITK": nil, "openslide": nil, "faiss": nil,
	"fasttext": nil, "vtk": nil, "open3d": nil, "lxml": {".xml", ".html", ".svg"}, "tensorstore": nil,
	"onnxruntime": {".onnx", ".json", ".ort"}, "zmq": nil, "ROOT": nil,
	"_dbm": {"", ".db", ".pag", ".dir", ".dat", ".bak"}, "_gdbm": {"", ".db", ".dat", ".gdbm"},
}

// byOther reports whether a file that was made or changed during the run was seen not to be written by the program. It
// is false if a library or a program that writes unseen may have done so.
func (in *inputs) byOther(f inputFile) bool {
	if in.wrote(f) {
		return false
	}
	if in.reader.All {
		return len(in.reader.Missed) == 0
	}
	ending := strings.ToLower(filepath.Ext(f.path))
	unseen, natives := in.unseenPrograms(), sortedKeys(in.reader.Writers)
	for _, name := range unseen {
		first, _, _ := strings.Cut(name, ".")
		if _, ok := writers[first]; ok {
			natives = append(natives, first)
		} else if name != unseenInput {
			return false
		}
	}
	return !slices.ContainsFunc(natives, func(name string) bool {
		endings := writers[name]
		return endings == nil || slices.Contains(endings, ending)
	})
}

// unseenInput is what a process of Python calls its standard input among what is read unseen.
const unseenInput = "standard input"

// unseenPrograms returns the names of the programs and modules that read or write files unseen by Python's processes.
func (in *inputs) unseenPrograms() []string {
	unseen := sortedKeys(in.reader.Unseen)
	if len(in.run.Command) == 0 {
		return unseen
	}
	dir := filepath.Join(in.root, filepath.FromSlash(in.run.Cwd))
	if name := unseenStart(dir, in.run.Command); name != "" {
		unseen = append(unseen, name)
	}
	return unseen
}

// unseenStart returns the name of the program that a command starts in a folder, also through launchers such as nohup,
// unless it is Python or starts Python.
func unseenStart(dir string, command []string) string {
	operand := false // of a flag, such as a number
	for i, word := range command {
		name := filepath.Base(filepath.FromSlash(word))
		switch {
		case capture.IsPython(strings.ToLower(name)):
			return ""
		case i > 0 && (operand || word == "" || word[0] == '-' || isAssignment(word)):
			operand = !operand && slices.Contains(launcherFlags, word)
			continue
		case slices.Contains(launchers, name):
			if slices.Contains(pythonLaunchers, name) {
				return ""
			}
			continue
		case i == 0:
			return name
		}
		if program, python := capture.Program(dir, word); program {
			if python {
				return ""
			}
			return name
		}
	}
	return ""
}

// launcherFlags are flags of launchers that have an operand, which is not the program.
var launcherFlags = []string{
	"-n", "-p", "-k", "-s", "-u", "-c", "-N", "-np", "--name", "--prefix", "--with", "--group", "--extra", "--env",
	"--signal", "--kill-after", "--unset", "--chdir", "-C", "-o", "-e", "-f", "--python",
}

// wrote reports whether the program was seen to write a file, by any of its paths, or to make or rename a folder that
// holds it.
func (in *inputs) wrote(f inputFile) bool {
	if in.outputs == nil {
		in.outputs = map[string]bool{}
		for _, path := range in.reader.Outputs() {
			in.outputs[path], in.outputs[in.realPath(path)] = true, true
		}
	}
	for _, path := range []string{f.named, f.path, f.found.Path, in.realPath(f.path)} {
		if in.reader.Uses[path]&(reads.Written|reads.Database) != 0 {
			return true
		}
		for dir := path; path != "" && dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
			if in.outputs[dir] {
				return true
			}
		}
	}
	return false
}

// other reports whether a file is another one than that which the program has opened: a link or a folder was changed,
// or a file has taken its place.
func (in *inputs) other(f inputFile) bool {
	if s, ok := in.reader.Stamps[f.named]; ok {
		return s.Modified < in.started && !sameStamp(s, f.found)
	}
	at := in.turned(f.named)
	early, known := in.early[f.path]
	return at != 0 && (!known || at >= early.at)
}

func sameStamp(s reads.Stamp, found capture.Found) bool {
	return s.Modified == found.Modified() && s.Size == found.Bytes() && (found.Inode() == 0 || s.Inode == found.Inode())
}

// forgetTurns makes turned look again.
func (in *inputs) forgetTurns() {
	clear(in.turns)
	in.outputs = nil
}

// turned returns when a link or a folder in a path was last replaced during the run by something that the program has
// not done, in nanoseconds since 1970; 0 if none was.
func (in *inputs) turned(path string) int64 {
	dir := filepath.Dir(path)
	if dir == path || path == in.root {
		return 0
	}
	at, ok := in.turns[dir]
	if !ok {
		at = in.turned(dir)
		in.turns[dir] = at
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode().IsRegular() {
		return at
	}
	changed := capture.ChangedAt(info)
	renamed := info.IsDir() && info.ModTime().UnixNano() < in.started
	if changed < in.started || !renamed && info.Mode()&os.ModeSymlink == 0 || in.reader.Uses[path]&reads.Written != 0 {
		return at
	}
	return max(at, changed)
}
