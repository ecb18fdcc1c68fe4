//go:build unix && !linux

package fargate

import (
	"context"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// measure asks ps, once for all processes.
func measure(pids []int) map[int]Usage {
	ids := make([]string, len(pids))
	for i, p := range pids {
		ids[i] = strconv.Itoa(p)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	// It fails if any of them is gone, and still prints the others.
	b, _ := exec.CommandContext(ctx, "ps", "-o", "pid=,time=,rss=", "-p", strings.Join(ids, ",")).Output()
	out := make(map[int]Usage, len(pids))
	for l := range strings.Lines(string(b)) {
		if pid, u, ok := parsePS(l); ok {
			out[pid] = u
		}
	}
	return out
}
