package fargate

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"time"
)

// clockTicks is the unit of times in /proc, the same on every Linux that Go
// runs on (sysconf(_SC_CLK_TCK)).
const clockTicks = 100

func measure(pids []int) map[int]Usage {
	out := make(map[int]Usage, len(pids))
	for _, pid := range pids {
		dir := "/proc/" + strconv.Itoa(pid)
		stat, err := os.ReadFile(dir + "/stat")
		if err != nil {
			continue
		}
		statm, err := os.ReadFile(dir + "/statm")
		if err != nil {
			continue
		}
		u, ok := parseStat(stat, statm)
		if !ok {
			continue
		}
		if io, err := os.ReadFile(dir + "/io"); err == nil {
			u.Read, u.Written = parseIO(io)
		}
		out[pid] = u
	}
	return out
}

// parseStat reads proc(5)'s stat (user and system time) and statm (resident and
// shared pages).
func parseStat(stat, statm []byte) (Usage, bool) {
	// The second field is the program's name, in parentheses and with anything in
	// it.
	f := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	m := strings.Fields(string(statm))
	if len(f) < 13 || len(m) < 3 {
		return Usage{}, false
	}
	user, err1 := strconv.ParseInt(f[11], 10, 64)
	system, err2 := strconv.ParseInt(f[12], 10, 64)
	resident, err3 := strconv.ParseInt(m[1], 10, 64)
	shared, err4 := strconv.ParseInt(m[2], 10, 64)
	if err1 != nil || err2 != nil || err3 != nil || err4 != nil {
		return Usage{}, false
	}
	return Usage{CPU: time.Duration(user+system) * time.Second / clockTicks, Memory: max(0, resident-shared) * int64(os.Getpagesize())}, true
}

func parseIO(b []byte) (read, written int64) {
	for l := range strings.Lines(string(b)) {
		name, v, _ := strings.Cut(strings.TrimSpace(l), ": ")
		n, err := strconv.ParseInt(v, 10, 64)
		switch {
		case err != nil:
		case name == "read_bytes":
			read = n
		case name == "write_bytes":
			written = n
		}
	}
	return read, written
}
