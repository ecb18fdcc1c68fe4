package workspace

import (
	"fmt"
	"os"
	"runtime"
)

// Notes returns what a person should know about the workspace and Notes has not
// returned yet, in sentences: who else may write to it, what was damaged and
// where it is kept. It is safe for concurrent use.
func (w *Workspace) Notes() []string {
	w.noting.Lock()
	defer w.noting.Unlock()
	out := w.notes
	w.notes = nil
	return out
}

func (w *Workspace) note(format string, args ...any) {
	w.noting.Lock()
	defer w.noting.Unlock()
	w.notes = append(w.notes, fmt.Sprintf(format, args...))
}

// noteMode notes a folder that everybody on the machine may write to: Terraform
// runs what its files say as the user.
func (w *Workspace) noteMode() {
	if runtime.GOOS == "windows" {
		return // access is not in the mode there
	}
	for _, dir := range []string{w.dir, w.TerraformDir()} {
		if info, err := os.Stat(dir); err == nil && info.Mode().Perm()&0o002 != 0 {
			w.note("Everybody on this machine may write to %s, and its .tf files run as you. Run `chmod go-w %s`, and look at the files before you deploy.", dir, shellWord(dir))
		}
	}
}
