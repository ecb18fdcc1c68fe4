package target

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"sync"
)

// build identifies the build of this program: it is the build ID that the Go
// linker wrote, or the size and time of the file where it wrote none.
var build = sync.OnceValue(func() string {
	path := "/proc/self/exe" // right even after the file was replaced
	f, err := os.Open(path)
	if err != nil {
		if path, err = os.Executable(); err != nil {
			return "unknown"
		}
		if f, err = os.Open(path); err != nil {
			return "unknown"
		}
	}
	defer f.Close()
	head := make([]byte, 64<<10) // where the linker puts it, as `go tool buildid` has it
	n, err := io.ReadFull(f, head)
	if err != nil && n == 0 {
		return "unknown"
	}
	if id := buildID(head[:n]); id != "" {
		return id
	}
	info, err := f.Stat()
	if err != nil {
		return "unknown"
	}
	return fmt.Sprintf("%d-%d", info.Size(), info.ModTime().UnixNano())
})

// buildID finds Go's build ID in the first bytes of a program, empty for none.
func buildID(head []byte) string {
	// An ELF note of Go's has the length of the ID, the type 4 and the name "Go".
	if i := bytes.Index(head, []byte("\x04\x00\x00\x00Go\x00\x00")); i >= 4 {
		size := int(binary.LittleEndian.Uint32(head[i-4:]))
		if id := head[i+8:]; size > 0 && size <= len(id) {
			return string(id[:size])
		}
	}
	_, rest, ok := bytes.Cut(head, []byte("\xff Go build ID: \""))
	if id, _, end := bytes.Cut(rest, []byte("\"\n \xff")); ok && end {
		return string(id)
	}
	return ""
}
