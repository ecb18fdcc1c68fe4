package workspace

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Edit replaces, makes or (with nil) removes one file of the configuration, by
// its bare name. What was there is kept: kept is the path of the copy, empty
// where nothing was lost. The caller holds the Lock.
func (w *Workspace) Edit(name string, data []byte) (kept string, err error) {
	if name != filepath.Base(name) || name == "." || name == ".." {
		return "", fmt.Errorf("edit %q: not the name of a file in the configuration's folder", name)
	}
	file := filepath.Join(w.TerraformDir(), name)
	old, err := os.ReadFile(file)
	missing := errors.Is(err, fs.ErrNotExist)
	switch {
	case err != nil && !missing:
		return "", fmt.Errorf("edit the configuration: %w", err)
	case missing && data == nil, !missing && data != nil && bytes.Equal(old, data):
		return "", nil
	case !missing:
		dir := filepath.Join(backupFolder, time.Now().Format("2006-01-02T15.04.05.000"))
		if err := os.MkdirAll(w.path(dir), dirMode); err != nil {
			return "", w.writeError(err)
		}
		if err := w.writeFile(filepath.Join(dir, name), old); err != nil {
			return "", err
		}
		kept = w.path(filepath.Join(dir, name))
	}
	if data == nil {
		if err := os.Remove(file); err != nil {
			return kept, w.writeError(err)
		}
		return kept, nil
	}
	return kept, w.writeFile(filepath.Join(terraformFolder, name), data)
}

// Bundled returns a .tf file as it is bundled. The error is fs.ErrNotExist where
// there is none of that name.
func (w *Workspace) Bundled(name string) ([]byte, error) { return fs.ReadFile(w.bundled, name) }
