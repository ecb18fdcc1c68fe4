package workspace

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"
)

const (
	outputFolder = "output"

	// maxOutput bounds what is kept of a step's last output, in bytes.
	maxOutput = 256 << 10
)

// Output is what a step's block printed, as it is on disk.
type Output struct {
	Command string        `json:"command,omitempty"`
	Title   string        `json:"title,omitempty"`   // where it was no command
	Lines   string        `json:"lines,omitempty"`   // the last lines
	Dropped int           `json:"dropped,omitempty"` // lines before those
	Code    int           `json:"code,omitempty"`    // the exit code
	Err     string        `json:"err,omitempty"`
	At      time.Time     `json:"at"` // the beginning
	Elapsed time.Duration `json:"took,omitempty"`
}

// KeepOutput keeps what was printed last in a step, in place of what it printed
// before.
func (w *Workspace) KeepOutput(step string, o Output) error {
	name, err := outputFile(step)
	if err != nil {
		return err
	}
	data, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("encode the output of %s: %w", step, err)
	}
	if len(data) > maxOutput {
		return fmt.Errorf("keep the output of %s: %d bytes are more than are kept", step, len(data))
	}
	return w.writeFile(name, data)
}

// Output reads what KeepOutput kept. It reports whether there is anything.
func (w *Workspace) Output(step string) (o Output, ok bool, err error) {
	name, err := outputFile(step)
	if err != nil {
		return Output{}, false, err
	}
	data, err := w.readFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return Output{}, false, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &o)
	}
	if err != nil {
		return Output{}, false, fmt.Errorf("read the output of %s: %w", step, err)
	}
	return o, true, nil
}

func outputFile(step string) (string, error) {
	if step == "" || !ValidName(step) {
		return "", fmt.Errorf("keep the output of %q: not a name for a file", step)
	}
	return filepath.Join(outputFolder, step+".json"), nil
}
