package target

import (
	"os"
	"strconv"
	"strings"
)

// SandboxPort returns the port that the workspace's sandbox had last and takes
// again where it can; false where there was none yet.
func SandboxPort(dir string) (int, bool) {
	f, err := filesOf(dir)
	if err != nil {
		return 0, false
	}
	b, err := os.ReadFile(f.port)
	if err != nil {
		return 0, false
	}
	port, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 16)
	return int(port), err == nil && port > 0
}
