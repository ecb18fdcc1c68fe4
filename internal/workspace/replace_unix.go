//go:build !windows

package workspace

import (
	"os"

	"github.com/google/renameio/v2"
)

// replace replaces a file in root as a whole or not at all.
func replace(root *os.Root, name string, data []byte) error {
	return renameio.WriteFile(name, data, fileMode, renameio.WithRoot(root))
}
