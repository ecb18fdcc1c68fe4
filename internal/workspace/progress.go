package workspace

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

const progressFile = "progress.json"

// Progress is how far the learner is.
type Progress struct {
	Steps   map[string]StepProgress `json:"steps"`             // by the step's id
	Current string                  `json:"current,omitempty"` // id of the step last shown
}

// StepProgress is how far the learner is in one step.
type StepProgress struct {
	Done      bool      `json:"done"`
	FirstSeen time.Time `json:"first_seen,omitzero"`
	DoneAt    time.Time `json:"done_at,omitzero"`
	// Place is where the reader was: scroll, folds, selection. Its form belongs
	// to whoever shows the step.
	Place json.RawMessage `json:"place,omitempty"`
}

// LoadProgress reads the progress; Steps is never nil. A file that cannot be
// understood is not an error: it is moved to the path damaged, and the progress
// starts anew.
func (w *Workspace) LoadProgress() (p Progress, damaged string, err error) {
	data, err := os.ReadFile(w.path(progressFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return p, "", fmt.Errorf("read the progress: %w", err)
	}
	if err == nil && json.Unmarshal(data, &p) != nil {
		p = Progress{}
		damaged = w.path(fmt.Sprintf("progress.damaged-%s.json", time.Now().Format("2006-01-02T15.04.05.000")))
		if err := os.Rename(w.path(progressFile), damaged); err != nil {
			return p, "", w.writeError(err)
		}
	}
	if p.Steps == nil {
		p.Steps = map[string]StepProgress{}
	}
	return p, damaged, nil
}

// SaveProgress replaces the progress on disk as a whole. The last writer wins.
func (w *Workspace) SaveProgress(p Progress) error {
	data, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the progress: %w", err)
	}
	return w.writeFile(progressFile, append(data, '\n'))
}
