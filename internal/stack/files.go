package stack

import (
	"os"
	"path"
	"path/filepath"
)

// filesIn lists the entries of a folder whose names match a pattern, by name. A
// folder that cannot be read has none. filepath.Glob would take brackets and
// asterisks in the folder's own name for a pattern.
func filesIn(dir, pattern string) []string {
	entries, _ := os.ReadDir(dir)
	var out []string
	for _, e := range entries {
		if ok, _ := path.Match(pattern, e.Name()); ok {
			out = append(out, filepath.Join(dir, e.Name()))
		}
	}
	return out
}
