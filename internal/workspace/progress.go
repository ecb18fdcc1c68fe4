package workspace

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

const (
	progressFile = "progress.json"
	progressLock = "progress.lock"
)

// Progress is how far the learner is.
type Progress struct {
	Steps   map[string]StepProgress `json:"steps"`             // by the step's id
	Current string                  `json:"current,omitempty"` // id of the step last shown
	// LiveBeside: the Live page stands beside the step on a screen that is wide enough.
	LiveBeside bool `json:"live_beside,omitempty"`
}

// StepProgress is how far the learner is in one step.
type StepProgress struct {
	Done      bool      `json:"done"`
	FirstSeen time.Time `json:"first_seen,omitzero"`
	DoneAt    time.Time `json:"done_at,omitzero"`
	// Place is where the reader was: scroll, folds, selection. Its form belongs
	// to whoever shows the step.
	Place json.RawMessage `json:"place,omitempty"`
	// Checks has, by its id, when each check first passed.
	Checks map[string]time.Time `json:"checks,omitempty"`
	// Hints is how many hints were asked for.
	Hints int `json:"hints,omitempty"`
	// Quiz has, by the question's number from 0, the answers that were chosen, by
	// number from 0 and in the order of choosing.
	Quiz map[int][]int `json:"quiz,omitempty"`
	// SolvedAt is when the workshop did the step for the learner.
	SolvedAt time.Time `json:"solved_at,omitzero"`
}

// Passed reports whether each of the checks has passed once.
func (p StepProgress) Passed(checks ...string) bool {
	for _, id := range checks {
		if _, ok := p.Checks[id]; !ok {
			return false
		}
	}
	return true
}

// Bounds of what is kept of a step. What is beyond them was not written by this
// program.
const (
	maxStepID    = 100       // bytes
	maxPlace     = 256 << 10 // bytes
	maxChecks    = 1000
	maxHints     = 1000
	maxQuestions = 1000
	maxAnswers   = 1000 // to a question

	// keptAnswers is how many answers to one question are kept, the last ones.
	keptAnswers = 50
)

// Answer adds the choice of an answer; both count from 0.
func (p *StepProgress) Answer(question, answer int) {
	if p.Quiz == nil {
		p.Quiz = map[int][]int{}
	}
	a := append(p.Quiz[question], answer)
	p.Quiz[question] = a[max(0, len(a)-keptAnswers):]
}

// LoadProgress reads the progress; Steps is never nil. A damaged file is not an
// error: what can be understood of it is used, the file as it was is kept beside
// it, and Notes says where.
func (w *Workspace) LoadProgress() (Progress, error) {
	p, whole, _, err := w.readProgress()
	if whole || err != nil {
		return p, err
	}
	err = w.alone(&w.progress, progressLock, func() error {
		p, err = w.repairProgress()
		return err
	})
	return p, err
}

// readProgress gives the file as it is beside what it means: nil for one that is
// too large.
func (w *Workspace) readProgress() (p Progress, whole bool, data []byte, err error) {
	data, err = w.readFile(progressFile)
	var large *tooLargeError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Progress{Steps: map[string]StepProgress{}}, true, nil, nil
	case errors.As(err, &large):
		data = nil
	case err != nil:
		return Progress{}, false, nil, fmt.Errorf("read the progress: %w", err)
	}
	p, whole = parseProgress(data)
	return p, whole, data, nil
}

// repairProgress reads the progress and replaces a damaged file by what can be
// understood of it. It is called under the progress's lock. Where the old file
// cannot be kept nothing changes.
func (w *Workspace) repairProgress() (Progress, error) {
	p, whole, data, err := w.readProgress()
	if whole || err != nil {
		return p, err
	}
	name := fmt.Sprintf("progress.damaged-%s.json", time.Now().Format("2006-01-02T15.04.05.000"))
	if len(p.Steps) == 0 {
		err := within(w.dir, func(root *os.Root) error { return root.Rename(progressFile, name) })
		if err != nil {
			return p, w.writeError(fmt.Errorf("%s is damaged and cannot be moved away: %w", w.path(progressFile), err))
		}
		w.note("Your progress could not be read and begins anew; the old file is kept in %s.", w.path(name))
		return p, nil
	}
	if err := w.writeFile(name, data); err != nil {
		return p, err
	}
	w.note("A part of your progress could not be read and is left out; the old file is kept in %s.", w.path(name))
	return p, w.SaveProgress(p)
}

// checkProgress has Open note a damaged progress.
func (w *Workspace) checkProgress() error {
	_, err := w.LoadProgress()
	return err
}

// parseProgress reads what can be understood and is possible; whole reports that
// this is everything.
func parseProgress(data []byte) (p Progress, whole bool) {
	p.Steps = map[string]StepProgress{}
	var file struct {
		Steps   map[string]json.RawMessage `json:"steps"`
		Current string                     `json:"current"`

		LiveBeside bool `json:"live_beside"`
	}
	err := json.Unmarshal(data, &file)
	var other *json.UnmarshalTypeError // the rest of the file was read all the same
	if err != nil && !errors.As(err, &other) {
		return p, false
	}
	whole = err == nil
	p.LiveBeside = file.LiveBeside
	if p.Current = file.Current; len(p.Current) > maxStepID {
		p.Current, whole = "", false
	}
	for id, raw := range file.Steps {
		step, ok := parseStep(raw)
		if id == "" || len(id) > maxStepID || containsControl(id) {
			whole = false
			continue
		}
		p.Steps[id], whole = step, whole && ok
	}
	return p, whole
}

func parseStep(data []byte) (p StepProgress, whole bool) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(data, &fields) != nil {
		return p, false
	}
	whole = true
	read := func(name string, into any) bool {
		raw, ok := fields[name]
		if !ok {
			return false
		}
		ok = json.Unmarshal(raw, into) == nil
		whole = whole && ok
		return ok
	}
	bound := func(ok bool) bool { whole = whole && ok; return ok }

	var done bool
	var seen, doneAt, solvedAt time.Time
	if read("done", &done) {
		p.Done = done
	}
	if read("first_seen", &seen) {
		p.FirstSeen = seen
	}
	if read("done_at", &doneAt) {
		p.DoneAt = doneAt
	}
	if read("solved_at", &solvedAt) {
		p.SolvedAt = solvedAt
	}
	var place json.RawMessage
	if read("place", &place) && bound(len(place) <= maxPlace) {
		p.Place = place
	}
	var checks map[string]json.RawMessage
	if read("checks", &checks) && bound(len(checks) <= maxChecks) {
		for id, raw := range checks {
			var at time.Time
			if bound(json.Unmarshal(raw, &at) == nil && !containsControl(id)) {
				if p.Checks == nil {
					p.Checks = map[string]time.Time{}
				}
				p.Checks[id] = at
			}
		}
	}
	var hints int
	if read("hints", &hints) && bound(hints >= 0 && hints <= maxHints) {
		p.Hints = hints
	}
	var quiz map[int][]int
	if read("quiz", &quiz) && bound(len(quiz) <= maxQuestions) {
		for question, answers := range quiz {
			if !bound(question >= 0 && question < maxQuestions) {
				continue
			}
			for _, a := range answers {
				if bound(a >= 0 && a < maxAnswers) {
					p.Answer(question, a)
				}
			}
		}
	}
	return p, whole
}

// UpdateProgress lets change work on the progress as it is on disk and saves
// the outcome, while no other UpdateProgress runs, of this or another process.
// Where change fails nothing is saved.
func (w *Workspace) UpdateProgress(change func(*Progress) error) error {
	return w.alone(&w.progress, progressLock, func() error {
		p, err := w.repairProgress()
		if err != nil {
			return err
		}
		if err := change(&p); err != nil {
			return err
		}
		return w.SaveProgress(p)
	})
}

// SaveProgress replaces the progress on disk as a whole. The last writer wins.
func (w *Workspace) SaveProgress(p Progress) error {
	data, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the progress: %w", err)
	}
	return w.writeFile(progressFile, append(data, '\n'))
}
