package workspace

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// linesFolder holds what tasks printed last that have stopped, a file for each.
const linesFolder = "stopped"

// linesOf is of how many tasks the last lines are kept: the newest.
const linesOf = 100

// KeepLines keeps what a stopped task printed last, by the task's id, and forgets that of the
// tasks that were kept longest ago. It is safe for concurrent use, by other processes too.
func (w *Workspace) KeepLines(task string, data []byte) error {
	name, err := linesFile(task)
	if err != nil {
		return err
	}
	if err := w.writeFile(name, data); err != nil {
		return err
	}
	return within(w.dir, func(root *os.Root) error {
		entries, err := fs.ReadDir(root.FS(), linesFolder)
		if err != nil {
			return fmt.Errorf("list what stopped tasks printed: %w", err)
		}
		var files []fs.FileInfo
		for _, e := range entries {
			if info, err := e.Info(); err == nil { // else another process has just removed it
				files = append(files, info)
			}
		}
		slices.SortFunc(files, func(a, b fs.FileInfo) int { return b.ModTime().Compare(a.ModTime()) })
		for _, f := range files[min(linesOf, len(files)):] {
			if err := root.Remove(filepath.Join(linesFolder, f.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("forget what a stopped task printed: %w", err)
			}
		}
		return nil
	})
}

// KeptLines returns what KeepLines kept; nil where there is nothing.
func (w *Workspace) KeptLines(task string) ([]byte, error) {
	name, err := linesFile(task)
	if err != nil {
		return nil, err
	}
	data, err := w.readFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

func linesFile(task string) (string, error) {
	if !ValidName(task) {
		return "", fmt.Errorf("keep what task %q printed: not a name for a file", task)
	}
	return filepath.Join(linesFolder, task+".json"), nil
}
