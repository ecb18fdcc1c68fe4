package workspace

import "path/filepath"

// Existing opens a workspace that Open has made before, and leaves its files as
// they are: for a process that works for the one which opened it. Changed and
// Reset do not work on it.
func Existing(dir string) (*Workspace, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	w := &Workspace{dir: dir}
	w.id, err = w.readID()
	return w, err
}
