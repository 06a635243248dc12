package share

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/regular"
	"github.com/gitruns/runs/repo/secret"
)

// maxGathered is the size of the largest file that is read into memory. A larger one is given to Git by itself.
const maxGathered = 8 << 20

// maxHeldOfRun is how many compressed bytes of a run are held back until the run is known to be whole. Of a larger run
// that turns out to be damaged, Git may store files that nothing refers to.
const maxHeldOfRun = 16 << 20

// gathering is what the workers share that read the files of a plan.
type gathering struct {
	*plan
	known  *snapshot
	config *format.Config
	memory *searched
	mu     sync.Mutex
	shared map[string]*sharedFile // that new runs refer to and base lacks
	// dry means that the runs are read, verified and searched, and not stored, because batches will hold them.
	dry      bool
	unpacked *unpackedRows
	texts    sync.Map // see once
}

// once returns a copy of a text, which all runs share that have it. The text itself may keep a whole record in memory.
func (g *gathering) once(text string) string {
	if known, ok := g.texts.Load(text); ok {
		return known.(string)
	}
	text = strings.Clone(text)
	g.texts.Store(text, text)
	return text
}

// sharedFile is a shared file that is put into the working tree.
type sharedFile struct {
	place func() (int64, error) // verifies and places it once, and returns its size
	used  bool
}

// fileFinds are the secrets found in a file.
type fileFinds struct {
	name  string // relative to .runs
	finds []secret.Find
}

// gathered is the result for one new run.
type gathered struct {
	run          *CommittedRun // nil if it is not committed
	shared       []string
	bytes        int64
	finds        []fileFinds // in files that go into Git
	outside      []fileFinds // in artifacts that a push would upload
	refused      error
	unsuccessful bool
}

// newRun is a run of the working tree that base lacks.
type newRun struct {
	id  string
	any bool // also if it was unsuccessful
}

// gatherRuns reads the new runs and hands their files to the ObjectWriter. It verifies and searches the very bytes that
// it hands over, on all processors, and keeps only ids of them.
func (p *plan) gatherRuns(ctx context.Context, known *snapshot, runs []newRun, dry bool) error {
	g, err := p.newGathering(known)
	if err != nil || len(runs) == 0 {
		return err
	}
	g.dry = dry
	results := make([]gathered, len(runs))
	err = g.onWorkers(ctx, len(runs), func(ctx context.Context, w *gatherWorker, i int) (err error) {
		results[i], err = w.run(ctx, runs[i])
		return err
	})
	if err != nil {
		return err
	}
	p.Runs = slices.Grow(p.Runs, len(runs))
	for i := range results {
		result := &results[i]
		switch {
		case result.refused != nil:
			p.leaveOpen(runs[i].id)
			p.Refused = append(p.Refused, repo.Damage{ID: runs[i].id, Err: result.refused})
		case result.unsuccessful:
			p.Unsuccessful++
			p.left[format.IDDay(runs[i].id)]++
		case result.run != nil:
			p.leaveOpen(runs[i].id)
			p.Runs = append(p.Runs, *result.run)
			result.run = &p.Runs[len(p.Runs)-1] // the other copy may go
			p.Files += len(result.run.files)
			p.Bytes += result.bytes
			p.finds = append(p.finds, result.finds...)
			p.outside = append(p.outside, result.outside...)
			for _, name := range result.shared {
				if err := g.use(name, runs[i].id); err != nil {
					return err
				}
			}
			if known.removed[runs[i].id] {
				p.remove = append(p.remove, path.Join(repo.RemovedName, runs[i].id))
			}
		default: // a folder without a record
			p.leaveOpen(runs[i].id)
		}
	}
	g.memory.save()
	return nil
}

// use adds a shared file of a run to the plan, once.
func (g *gathering) use(name, id string) error {
	f := g.shared[name]
	if f == nil {
		if before := g.known.shared[name]; before != placedHere {
			g.before[name] = before
		} else {
			g.sharedBy[name] = append(g.sharedBy[name], id)
		}
		return nil
	}
	g.sharedBy[name] = append(g.sharedBy[name], id)
	if f.used {
		return nil
	}
	f.used = true
	size, err := f.place()
	g.paths = append(g.paths, name)
	g.known.shared[name] = placedHere
	g.Files++
	g.Bytes += size
	return err
}

func (p *plan) newGathering(known *snapshot) (*gathering, error) {
	config, err := p.repo.Config()
	return &gathering{
		plan: p, known: known, config: config, memory: openSearched(p.repo), shared: map[string]*sharedFile{},
		unpacked: &unpackedRows{},
	}, err
}

// onWorkers calls do(0) to do(n-1) on all processors. If a call fails, it starts no more of them and returns the error.
func (g *gathering) onWorkers(ctx context.Context, n int, do func(ctx context.Context, w *gatherWorker, i int) error,
) error {
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for range min(runtime.GOMAXPROCS(0), (n+15)/16) {
		group.Go(func() error {
			w := &gatherWorker{gathering: g, encoder: g.objects.Encoder()}
			defer w.close()
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if err := ctx.Err(); err != nil {
					return err
				}
				if err := do(ctx, w, i); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// gatherWorker reads files and hands them to the ObjectWriter.
type gatherWorker struct {
	*gathering
	encoder *git.Encoder
	ids     *git.FileIDs // asks for ids
	store   *git.FileIDs // stores files
	asked   []askedFile
	dryRun  bool // the run that is read goes into a batch, if nothing is against it
}

// askedFile is a file for which Git is asked what its filters make of it.
type askedFile struct {
	name string
	at   int // in the list of files
}

func (w *gatherWorker) close() {
	for _, p := range []*git.FileIDs{w.ids, w.store} {
		if p != nil {
			p.Close()
		}
	}
}

// fatalError is an error that prevents the commit, and not only that of one run.
type fatalError struct{ error }

func (e fatalError) Unwrap() error { return e.error }

func fatal(err error) error {
	if err == nil {
		return nil
	}
	return fatalError{err}
}

// run reads a new run.
func (w *gatherWorker) run(ctx context.Context, ask newRun) (gathered, error) {
	var done gathered
	e, record, err := w.repo.ReadRecord(ask.id)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return done, nil
	case err != nil:
		done.refused = err
		return done, nil
	case e.Status != format.Finished && !ask.any:
		done.unsuccessful = true
		return done, nil
	}
	err = w.content(ctx, e, record, &done)
	if stop := new(fatalError); errors.As(err, stop) || ctx.Err() != nil {
		return gathered{}, errors.Join(ctx.Err(), stop.error)
	}
	if err != nil {
		w.encoder.Drop()
		return gathered{refused: err}, nil
	}
	return done, w.encoder.Flush()
}

// content reads the files of a run.
func (w *gatherWorker) content(ctx context.Context, e *repo.Entry, record []byte, done *gathered) error {
	if err := w.lfsStores(ctx, e); err != nil {
		return err
	}
	for _, name := range repo.SharedNames(e.Run) {
		done.shared = append(done.shared, w.once(name))
	}
	for _, name := range done.shared {
		if err := w.place(ctx, name); err != nil {
			return &runError{e.ID, err}
		}
	}
	run := &CommittedRun{
		ID: strings.Clone(e.ID), Name: strings.Clone(e.Name), Experiment: w.once(e.Experiment),
		resumes: strings.Clone(e.Resumes), line: runWords(e.Run, w.config),
	}
	folder := runPath(e.ID)
	if b := e.Batch(); b != nil {
		run.from = path.Join(b.Day, b.Name)
	}
	err := e.EachContent(ctx, record, maxGathered, func(f repo.File, data []byte, open *os.File) error {
		if data == nil && open == nil {
			var err error
			if data, err = w.unpacked.rows(w.repo, run, f.Name); err != nil {
				return err
			}
			f.Bytes, f.SHA256 = int64(len(data)), ""
		}
		w.dryRun = w.dry || run.from != ""
		blob, finds, err := w.file(ctx, path.Join(folder, f.Name), f, data, open, len(run.files), true)
		if len(finds) > 0 {
			done.finds = append(done.finds, fileFinds{path.Join(folder, f.Name), finds})
		}
		run.files = append(run.files, git.TreeEntry{Mode: "100644", Name: w.once(f.Name), ID: blob})
		run.sizes.add(f.Name, f.Bytes)
		run.alone = run.alone || blob == ""
		done.bytes += f.Bytes
		return fatal(err)
	})
	filtered := w.answers(ctx, run.files)
	if err != nil {
		return err
	}
	if filtered != nil {
		return fatal(filtered)
	}
	if !w.dryRun {
		if run.tree, err = w.encoder.Folder(slices.Clone(run.files)); err != nil {
			return fatal(err)
		}
	}
	done.run = run
	return w.searchOutside(ctx, e, done)
}

// runError is an error about a run.
type runError struct {
	id  string
	err error
}

func (e *runError) Error() string { return "run " + e.id + ": " + e.err.Error() }

func (e *runError) Unwrap() error { return e.err }

// lfsStores is checkLFS for a worker.
func (w *gatherWorker) lfsStores(ctx context.Context, e *repo.Entry) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.checkLFS(ctx, e)
}

// place makes sure that a shared file of a run is in the working tree, if base lacks it.
func (w *gatherWorker) place(ctx context.Context, name string) error {
	w.mu.Lock()
	if _, there := w.known.shared[name]; there {
		w.mu.Unlock()
		return nil
	}
	f := w.shared[name]
	if f == nil {
		f = &sharedFile{place: sync.OnceValues(func() (int64, error) { return w.repo.PlaceShared(ctx, name) })}
		w.shared[name] = f
	}
	w.mu.Unlock()
	_, err := f.place()
	return err
}

// file searches a file and hands it over. It returns the id of its blob, which is preliminary until answers was called:
// at is the place of the file in the list that answers gets. data holds its bytes, or it is nil and open is the file.
func (w *gatherWorker) file(ctx context.Context, name string, f repo.File, data []byte, open *os.File, at int,
	search bool,
) (blob string, finds []secret.Find, err error) {
	var from io.ReaderAt = open
	if data != nil {
		from = bytes.NewReader(data)
	}
	digest := f.SHA256
	if f.Bytes < worthRemembering {
		digest = ""
	}
	if search && !w.memory.knows(digest) {
		if finds, err = searchContent(ctx, name, from, f.Bytes); err != nil {
			return "", nil, fmt.Errorf("searching %s for secrets: %w", name, err)
		}
		if len(finds) == 0 {
			w.memory.add(digest)
		}
	}
	full := path.Join(w.at, name)
	if w.dryRun && isArtifact(name) && w.config.Artifacts.Store == format.StoreLFS {
		return "", finds, nil // its pointer belongs into a folder of its own
	}
	if w.dryRun && path.Base(path.Dir(name)) != "notes" {
		blob, err = w.objects.BlobID(f.Bytes, io.NewSectionReader(from, 0, f.Bytes))
		return blob, finds, err
	}
	if isArtifact(name) && w.config.Artifacts.Store == format.StoreLFS {
		blob, err = w.stored(ctx, full)
		return blob, finds, err
	}
	if data == nil {
		if blob, err = w.objects.BlobID(f.Bytes, io.NewSectionReader(open, 0, f.Bytes)); err != nil {
			return "", nil, err
		}
		stored, err := w.stored(ctx, full)
		if err == nil && stored != blob && !isArtifact(name) {
			err = changedByFilter(full)
		}
		return stored, finds, err
	}
	if blob, err = w.encoder.Blob(data, path.Base(name)); err != nil {
		return "", nil, err
	}
	if w.encoder.Held() > maxHeldOfRun {
		if err := w.encoder.Flush(); err != nil {
			return "", nil, err
		}
	}
	if w.ids == nil {
		if w.ids, err = git.OpenFileIDs(ctx, w.repo.Git, false); err != nil {
			return "", nil, err
		}
	}
	w.asked = append(w.asked, askedFile{name, at})
	return blob, finds, w.ids.Ask(full)
}

// stored gives a file to Git, which stores it through its filters, and returns its id.
func (w *gatherWorker) stored(ctx context.Context, full string) (id string, err error) {
	if w.store == nil {
		if w.store, err = git.OpenFileIDs(ctx, w.repo.Git, true); err != nil {
			return "", err
		}
	}
	if err := w.store.Ask(full); err != nil {
		return "", err
	}
	return w.store.Next()
}

// answers verifies that Git's filters leave the files alone that were handed over since its last call. An artifact for
// which the attributes name a filter is stored through it, and files gets its id.
func (w *gatherWorker) answers(ctx context.Context, files []git.TreeEntry) error {
	asked := w.asked
	w.asked = w.asked[:0]
	for _, f := range asked {
		id, err := w.ids.Next()
		if err != nil {
			return err
		}
		switch full := path.Join(w.at, f.name); {
		case f.at >= len(files) || id == files[f.at].ID:
		case !isArtifact(f.name):
			return changedByFilter(full)
		default:
			if files[f.at].ID, err = w.stored(ctx, full); err != nil {
				return err
			}
		}
	}
	return nil
}

func changedByFilter(full string) error {
	return &repo.HintError{
		Err: fmt.Errorf("the bytes of %s are changed by Git attributes", full),
		Hint: "run 'git check-attr -a " + full +
			"' to see which, and 'runs init' to see what .runs/.gitattributes must contain",
	}
}

// searchOutside searches the artifacts of a run that a push would upload from this machine, and lists those that are
// not in Git.
func (w *gatherWorker) searchOutside(ctx context.Context, e *repo.Entry, done *gathered) error {
	artifacts, err := e.AllArtifacts()
	if err != nil {
		return err
	}
	for _, a := range artifacts {
		if a.Where == "" {
			continue
		}
		done.run.outside = append(done.run.outside, a)
		file := w.repo.Stored(a.SHA256, a.Bytes)
		if file == "" {
			continue
		}
		name := path.Join(runPath(e.ID), "artifacts", a.Path)
		finds, err := searchStart(ctx, file)
		if err != nil {
			return fatal(fmt.Errorf("searching %s for secrets: %w", name, err))
		}
		if len(finds) > 0 {
			done.outside = append(done.outside, fileFinds{name, finds})
		}
	}
	return nil
}

// gatherPaths searches the other files of the plan and hands them to the ObjectWriter.
func (p *plan) gatherPaths(ctx context.Context, known *snapshot) error {
	g, err := p.newGathering(known)
	if err != nil {
		return err
	}
	files := make([]git.TreeEntry, len(p.paths))
	finds := make([][]secret.Find, len(p.paths))
	err = g.onWorkers(ctx, len(p.paths), func(ctx context.Context, w *gatherWorker, i int) (err error) {
		name := p.paths[i]
		if files[i].ID, finds[i], err = w.path(ctx, name, i); err != nil {
			return err
		}
		if err := w.answers(ctx, files); err != nil {
			return err
		}
		return w.encoder.Flush()
	})
	if err != nil {
		return err
	}
	p.blobs = make(map[string]string, len(files))
	for i, name := range p.paths {
		p.blobs[name] = files[i].ID
		if len(finds[i]) > 0 {
			p.finds = append(p.finds, fileFinds{name, finds[i]})
		}
	}
	g.memory.save()
	return nil
}

// path reads one of the other files.
func (w *gatherWorker) path(ctx context.Context, name string, at int) (string, []secret.Find, error) {
	open, err := regular.Open(filepath.Join(w.repo.Dir, filepath.FromSlash(name)))
	if err != nil {
		return "", nil, err
	}
	defer func() { _ = open.Close() }()
	info, err := open.Stat()
	if err != nil {
		return "", nil, err
	}
	f := repo.File{Name: name, Bytes: info.Size()}
	if repo.IsShared(name) {
		f.SHA256 = strings.TrimSuffix(path.Base(name), path.Ext(name))
	}
	var data []byte
	if f.Bytes <= maxGathered {
		if data, err = io.ReadAll(io.LimitReader(open, f.Bytes)); err != nil {
			return "", nil, err
		}
		f.Bytes = int64(len(data))
	}
	// Removal markers and the files of `init` have fixed contents.
	search := strings.Contains(name, "/") && path.Dir(name) != repo.RemovedName
	// The rows of a batch were searched when its runs were committed.
	if placeOf(path.Join(repo.DirName, name)).kind == ofBatch && path.Ext(name) == ".parquet" {
		search = false
	}
	return w.file(ctx, name, f, data, open, at, search)
}
