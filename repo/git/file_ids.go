package git

import (
	"context"
	"fmt"
	"io"
	"strings"
)

// FileIDs asks Git for the ids of the blobs that files of the working tree become after Git's filters. Only `git add`
// itself knows better what it would store. It is not safe for concurrent use. The caller must close it.
type FileIDs struct{ backend fileIDs }

// OpenFileIDs starts the process of Git. With store, Git also stores the blobs.
func OpenFileIDs(ctx context.Context, dirs Dirs, store bool) (*FileIDs, error) {
	backend, err := dirs.worktree().fileIDs(ctx, store)
	if err != nil {
		return nil, err
	}
	return &FileIDs{backend}, nil
}

// Close stops the process.
func (f *FileIDs) Close() { f.backend.close() }

// Ask asks for the id of a file, by its path relative to the root of the working tree. The file must be a regular file:
// Git would wait for a named pipe.
func (f *FileIDs) Ask(path string) error { return f.backend.ask(path) }

// Next returns the answers in the order of the questions.
func (f *FileIDs) Next() (string, error) { return f.backend.next() }

// hashProcess is a fileIDs that keeps a process of Git running.
type hashProcess struct {
	process *coprocess
	pending int // questions without an answer
	answers []string
}

// maxPending is how many questions wait for an answer at most: with more, the pipes could fill up in both directions.
const maxPending = 256

func (p program) fileIDs(ctx context.Context, store bool) (fileIDs, error) {
	args := []string{"-c", "core.safecrlf=false", "hash-object", "--stdin-paths"}
	if store {
		args = append(args, "-w")
	}
	process, err := p.command().start(ctx, args...)
	if err != nil {
		return nil, err
	}
	return &hashProcess{process: process}, nil
}

func (f *hashProcess) close() { f.process.close() }

func (f *hashProcess) ask(path string) error {
	if strings.ContainsRune(path, '\n') {
		return fmt.Errorf("the path %q contains a line break", path)
	}
	if f.pending == maxPending {
		if err := f.read(); err != nil {
			return err
		}
	}
	if _, err := io.WriteString(f.process.in, path+"\n"); err != nil {
		return f.process.failed(err)
	}
	f.pending++
	return nil
}

func (f *hashProcess) read() error {
	line, err := f.process.out.ReadString('\n')
	if err != nil {
		return f.process.failed(err)
	}
	f.pending--
	f.answers = append(f.answers, strings.TrimSpace(line))
	return nil
}

func (f *hashProcess) next() (string, error) {
	if len(f.answers) == 0 {
		if err := f.read(); err != nil {
			return "", err
		}
	}
	id := f.answers[0]
	f.answers = f.answers[1:]
	return id, nil
}
