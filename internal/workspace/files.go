package workspace

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"unicode"

	"workshop/internal/clean"
)

// maxFile bounds what is read of one of the workspace's own files, in bytes: far
// more than this program writes. The journal has no such bound.
const maxFile = 16 << 20

// ValidName reports whether name may be joined to a folder: the bare name of a
// file, on every system, without control characters. What was read from a file
// is checked with it before it names another one.
func ValidName(name string) bool {
	return name == filepath.Base(name) && name != "." && filepath.IsLocal(name) && len(name) <= 255 &&
		name == clean.Line(name) && !containsControl(name)
}

func containsControl(s string) bool {
	for _, r := range s {
		if unicode.IsControl(r) {
			return true
		}
	}
	return false
}

// within lets do work in a folder that no name, and no symbolic link in it,
// leads out of. The folder itself may be a link.
func within(folder string, do func(*os.Root) error) error {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return err
	}
	defer root.Close()
	return do(root)
}

// openFile opens one of the workspace's own files. What is no regular file, such
// as a pipe that nobody writes to, is refused before it is opened.
func (w *Workspace) openFile(name string, flag int) (f *os.File, err error) {
	err = within(w.dir, func(root *os.Root) error {
		switch info, err := root.Stat(name); {
		case errors.Is(err, fs.ErrNotExist) && flag&os.O_CREATE != 0:
		case err != nil:
			return err
		case !info.Mode().IsRegular():
			return fmt.Errorf("%s is not a regular file: move it away", w.path(name))
		}
		f, err = root.OpenFile(name, flag, fileMode)
		return err
	})
	return f, err
}

// readFile reads one of the workspace's own files.
func (w *Workspace) readFile(name string) ([]byte, error) {
	f, err := w.openFile(name, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		return nil, &tooLargeError{w.path(name)}
	}
	return data, err
}

// tooLargeError says that a file has more than maxFile bytes.
type tooLargeError struct{ path string }

func (e *tooLargeError) Error() string {
	return fmt.Sprintf("%s has more than %d bytes, which this program never writes: move it away", e.path, maxFile)
}

// readSource reads a file of the configuration. The learner may have made it a
// link to wherever they keep it.
func (w *Workspace) readSource(name string) ([]byte, error) {
	file := filepath.Join(w.TerraformDir(), name)
	info, err := os.Stat(file)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file: move it away", file)
	}
	if err != nil {
		return nil, err
	}
	return os.ReadFile(file)
}

// writeFile replaces one of the workspace's own files as a whole or not at all
// (on Windows the system has no such promise).
func (w *Workspace) writeFile(name string, data []byte) error {
	return w.write(w.dir, name, data)
}

// writeSource is writeFile for a file of the configuration.
func (w *Workspace) writeSource(name string, data []byte) error {
	return w.write(w.TerraformDir(), name, data)
}

func (w *Workspace) write(folder, name string, data []byte) error {
	err := within(folder, func(root *os.Root) error {
		if dir := filepath.Dir(name); dir != "." {
			if err := root.MkdirAll(dir, dirMode); err != nil {
				return err
			}
		}
		return replace(root, name, data)
	})
	if err != nil {
		return w.writeError(err)
	}
	return nil
}

// removeSource removes a file of the configuration, if it is there.
func (w *Workspace) removeSource(name string) error {
	err := within(w.TerraformDir(), func(root *os.Root) error { return root.Remove(name) })
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return w.writeError(err)
	}
	return nil
}
