package capture

import (
	"bufio"
	"context"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/gitruns/runs/repo/regular"
)

// The bounds of what is read of a source.
const (
	maxImportFiles = 2000
	maxImportBytes = 1 << 20
)

// distributions are the names of distributions whose modules have another name.
var distributions = map[string][]string{
	"sklearn": {"scikit-learn"}, "skimage": {"scikit-image"}, "cv2": {"opencv-python", "opencv-python-headless"},
	"pil": {"pillow"}, "yaml": {"pyyaml"}, "bs4": {"beautifulsoup4"}, "lightning": {"lightning", "pytorch-lightning"},
	"hydra": {"hydra-core"}, "attr": {"attrs"}, "dateutil": {"python-dateutil"}, "ruamel": {"ruamel-yaml"},
	"google": {"protobuf"}, "umap": {"umap-learn"}, "faiss": {"faiss-cpu", "faiss-gpu"},
	"tensorflow": {"tensorflow", "tensorflow-cpu", "tensorflow-gpu"},
	"xgboost":    {"xgboost", "xgboost-cpu"}, "onnxruntime": {"onnxruntime", "onnxruntime-gpu"},
	"cupy": {"cupy", "cupy-cuda11x", "cupy-cuda12x"}, "jax": {"jax", "jaxlib"}, "torch": {"torch", "triton"},
}

// Imported returns the names of the distributions that the Python files and notebooks below root import, as far as
// their text tells. Names are normalized as in PEP 503.
func Imported(ctx context.Context, root string) map[string]bool {
	found := map[string]bool{}
	files := 0
	_ = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil || files >= maxImportFiles:
			return fs.SkipAll
		case err != nil:
			return nil // what cannot be read imports nothing
		case entry.IsDir():
			if name := entry.Name(); path != root && (strings.HasPrefix(name, ".") || name == "node_modules") {
				return fs.SkipDir
			}
		case entry.Type().IsRegular() && (strings.HasSuffix(path, ".py") || isNotebook(path)):
			files++
			importsOf(path, found)
		}
		return nil
	})
	return found
}

// ImportedModules returns the names of the distributions that modules may come from, normalized as in PEP 503.
func ImportedModules(modules []string) map[string]bool {
	found := map[string]bool{}
	for _, module := range modules {
		addModule(found, module)
	}
	return found
}

func addModule(found map[string]bool, name string) {
	module := normalName(name)
	found[module] = true
	for _, other := range distributions[module] {
		found[other] = true
	}
}

// importsOf adds what one file imports.
func importsOf(path string, found map[string]bool) {
	f, err := regular.Open(path)
	if err != nil {
		return
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(io.LimitReader(f, maxImportBytes))
	for lines.Scan() {
		line := strings.TrimLeft(lines.Text(), " \t\"") // in a notebook, a line is a string
		rest, ok := strings.CutPrefix(line, "import ")
		names := strings.Split(rest, ",")
		if !ok {
			if rest, ok = strings.CutPrefix(line, "from "); !ok {
				continue
			}
			names = []string{rest}
		}
		for _, name := range names {
			name = strings.TrimSpace(name)
			if end := strings.IndexAny(name, ". \t\"\\;#"); end >= 0 {
				name = name[:end]
			}
			if name == "" {
				continue
			}
			addModule(found, name)
		}
	}
}
