package kit

import (
	"errors"
	"io/fs"
	"slices"
	"sync"

	"workshop/internal/lesson"
)

// Draft is a workshop while it is being written. What cannot be read at the
// moment stays as it could be read last, so that its author goes on seeing a
// text. It is safe for concurrent use.
type Draft struct {
	steps, terraform fs.FS
	screens          []lesson.Screen

	mu     sync.Mutex
	course *lesson.Course
	good   map[string][]byte // by file: its last text without a fault
}

// NewDraft returns the draft of the workshop in the folder steps, with the
// folder of its configuration; screens are the pages that its steps may name. The
// draft is empty before Look has read it.
func NewDraft(steps, terraform fs.FS, screens []lesson.Screen) *Draft {
	return &Draft{steps: steps, terraform: terraform, screens: screens, good: map[string][]byte{}, course: &lesson.Course{Title: "Workshop"}}
}

// Course is the workshop as Look read it last; the error is always nil.
func (d *Draft) Course() (*lesson.Course, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.course, nil
}

// Look reads the workshop and returns it with its mistakes as Lint finds them,
// first those for which a file is shown as it was before. Where the folder is
// gone, the workshop stays as it was.
func (d *Draft) Look() (*lesson.Course, []*lesson.Error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := fs.ReadDir(d.steps, "."); err != nil {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return d.course, []*lesson.Error{{File: ".", Line: 1, Column: 1, Msg: "the folder cannot be read: " + err.Error()}}
	}
	l := &leniently{FS: d.steps, good: d.good}
	d.course, _ = lesson.Load(l) // Lint says what is wrong
	faults := addPositions(d.steps, l.faults)
	for _, f := range faults {
		f.Msg += " (you see its text from before that)"
	}
	for _, f := range Lint(&leniently{FS: d.steps, good: d.good}, d.terraform, d.screens) { // else one mistake brings others
		if !slices.ContainsFunc(l.faults, func(held *lesson.Error) bool { return held.File == f.File }) {
			faults = append(faults, f)
		}
	}
	return d.course, faults
}

// leniently is a folder whose files read as they did when they last had no
// fault.
type leniently struct {
	fs.FS
	good   map[string][]byte
	faults []*lesson.Error // of files that read otherwise than they are
}

// ReadFile is part of fs.ReadFileFS.
func (l *leniently) ReadFile(name string) ([]byte, error) {
	src, err := fs.ReadFile(l.FS, name)
	if err != nil {
		return nil, err
	}
	faults := splitErrors(lesson.Faults(name, src))
	last, ok := l.good[name]
	switch {
	case len(faults) == 0:
		l.good[name] = src
	case ok:
		l.faults = append(l.faults, faults...)
		src = last
	}
	return slices.Clone(src), nil
}
