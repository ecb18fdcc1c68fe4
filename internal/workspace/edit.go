package workspace

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// Edit replaces, makes or (with nil) removes one file of the configuration, by
// its bare name. What was there is kept: kept is the path of the copy, empty
// where nothing was lost. The caller holds the Lock.
func (w *Workspace) Edit(name string, data []byte) (kept string, err error) {
	if !ValidName(name) {
		return "", fmt.Errorf("edit %q: not the name of a file in the configuration's folder", name)
	}
	old, err := w.readSource(name)
	missing := errors.Is(err, fs.ErrNotExist)
	switch {
	case err != nil && !missing:
		return "", fmt.Errorf("edit the configuration: %w", err)
	case missing && data == nil, !missing && data != nil && bytes.Equal(old, data):
		return "", nil
	case !missing:
		file := filepath.Join(newBackup(), name)
		if err := w.writeFile(file, old); err != nil {
			return "", err
		}
		kept = w.path(file)
	}
	if data == nil {
		return kept, w.removeSource(name)
	}
	return kept, w.writeSource(name, data)
}

// Bundled returns a .tf file as it is bundled. The error is fs.ErrNotExist where
// there is none of that name.
func (w *Workspace) Bundled(name string) ([]byte, error) { return fs.ReadFile(w.bundled, name) }
