package workspace

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

const (
	outputFolder = "output"

	// maxOutput bounds what is kept of a step's last output, in bytes.
	maxOutput = 256 << 10
)

// KeepOutput keeps what was printed last in a step, in place of what it printed
// before. Its form belongs to whoever shows the step.
func (w *Workspace) KeepOutput(step string, v any) error {
	name, err := outputFile(step)
	if err != nil {
		return err
	}
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode the output of %s: %w", step, err)
	}
	if len(data) > maxOutput {
		return fmt.Errorf("keep the output of %s: %d bytes are more than are kept", step, len(data))
	}
	return w.writeFile(name, data)
}

// Output reads into v what KeepOutput kept. It reports whether there is anything.
func (w *Workspace) Output(step string, v any) (bool, error) {
	name, err := outputFile(step)
	if err != nil {
		return false, err
	}
	data, err := w.readFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read the output of %s: %w", step, err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		return false, fmt.Errorf("read the output of %s: %w", step, err)
	}
	return true, nil
}

func outputFile(step string) (string, error) {
	if step == "" || !ValidName(step) {
		return "", fmt.Errorf("keep the output of %q: not a name for a file", step)
	}
	return filepath.Join(outputFolder, step+".json"), nil
}
