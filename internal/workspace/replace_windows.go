package workspace

import "os"

// replace replaces a file in root; renameio has no such promise on Windows.
func replace(root *os.Root, name string, data []byte) error {
	return root.WriteFile(name, data, fileMode)
}
