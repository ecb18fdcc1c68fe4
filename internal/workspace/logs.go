package workspace

import "path/filepath"

// logFolder holds the log lines that the learner saved.
const logFolder = "logs"

// SaveLog writes log lines to a file of that bare name, in a folder of its own, and
// returns where the file is. On failure nothing of it is left.
func (w *Workspace) SaveLog(name string, data []byte) (path string, err error) {
	name = filepath.Join(logFolder, name)
	return w.path(name), w.writeFile(name, data)
}
