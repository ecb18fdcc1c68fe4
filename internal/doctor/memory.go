package doctor

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// availableMemory is what a new program can have, in bytes: the machine's, or
// less where a container limits it. Outside Linux it is errors.ErrUnsupported.
func availableMemory() (uint64, error) {
	if runtime.GOOS != "linux" {
		return 0, errors.ErrUnsupported
	}
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	free, err := memAvailable(b)
	if err != nil {
		return 0, err
	}
	return min(free, containerMemory("/sys/fs/cgroup")), nil
}

// memAvailable reads the line MemAvailable of /proc/meminfo, in kB there.
func memAvailable(meminfo []byte) (uint64, error) {
	for lines := bufio.NewScanner(bytes.NewReader(meminfo)); lines.Scan(); {
		value, ok := strings.CutPrefix(lines.Text(), "MemAvailable:")
		if !ok {
			continue
		}
		kB, err := strconv.ParseUint(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 54)
		if err != nil {
			return 0, fmt.Errorf("reading /proc/meminfo: %w", err)
		}
		return kB << 10, nil
	}
	return 0, errors.New("/proc/meminfo has no line MemAvailable")
}

// containerMemory is what a cgroup (version 2) has left; all there is where it
// has no limit.
func containerMemory(dir string) uint64 {
	read := func(name string) (uint64, bool) {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return 0, false
		}
		n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
		return n, err == nil
	}
	limit, ok := read("memory.max")
	used, ok2 := read("memory.current")
	if !ok || !ok2 {
		return math.MaxUint64
	}
	if used >= limit {
		return 0
	}
	return limit - used
}
