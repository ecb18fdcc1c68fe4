package fargate

import (
	"strconv"
	"strings"
	"time"
)

// parsePS reads a line of `ps -o pid=,time=,rss=`: the time as [[DD-]HH:]MM:SS,
// with a fraction on some systems, the memory in KiB.
func parsePS(l string) (pid int, u Usage, ok bool) {
	f := strings.Fields(l)
	if len(f) != 3 {
		return 0, Usage{}, false
	}
	pid, err := strconv.Atoi(f[0])
	rss, err2 := strconv.ParseInt(f[2], 10, 64)
	if err != nil || err2 != nil || pid <= 0 || rss < 0 || rss > 1<<40 {
		return 0, Usage{}, false
	}
	days, clock, dashed := strings.Cut(f[1], "-")
	if !dashed {
		days, clock = "0", f[1]
	}
	d, err := strconv.Atoi(days)
	parts := strings.Split(clock, ":")
	if err != nil || d < 0 || d > 1e5 || len(parts) > 3 {
		return 0, Usage{}, false
	}
	seconds := float64(d)
	if len(parts) < 3 {
		seconds *= 24
	}
	units := []float64{24, 60, 60}[3-len(parts):]
	for i, p := range parts {
		n, err := strconv.ParseFloat(p, 64)
		if err != nil || !(n >= 0 && n < 1e9) {
			return 0, Usage{}, false
		}
		seconds = seconds*units[i] + n
	}
	return pid, Usage{CPU: time.Duration(seconds * float64(time.Second)), Memory: rss << 10}, true
}
