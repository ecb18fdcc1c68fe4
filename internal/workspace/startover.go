package workspace

import (
	"errors"
	"os"
	"path/filepath"
	"time"
)

// StartOver moves everything of the workspace into a folder among its copies,
// but for earlier copies and the lock, which the caller holds. The next Open
// makes the workspace anew, with another id. What cannot be moved stays, and is
// part of the error.
func (w *Workspace) StartOver() (kept string, err error) {
	kept = filepath.Join(w.path(backupFolder), time.Now().Format("2006-01-02T15.04.05.000")+"-all")
	if err := os.MkdirAll(kept, dirMode); err != nil {
		return "", w.writeError(err)
	}
	entries, err := os.ReadDir(w.dir)
	if err != nil {
		return "", w.writeError(err)
	}
	var errs []error
	for _, e := range entries {
		switch name := e.Name(); name {
		case backupFolder, lockFile, holderFile:
		default:
			if err := os.Rename(w.path(name), filepath.Join(kept, name)); err != nil {
				errs = append(errs, w.writeError(err))
			}
		}
	}
	return kept, errors.Join(errs...)
}
