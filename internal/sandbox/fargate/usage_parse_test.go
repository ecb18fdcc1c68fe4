package fargate

import (
	"testing"
	"time"
)

func TestParsePS(t *testing.T) {
	for _, c := range []struct {
		line string
		pid  int
		want Usage
		ok   bool
	}{
		{"  812   0:01.50  20480", 812, Usage{CPU: 1500 * time.Millisecond, Memory: 20 << 20}, true}, // macOS
		{"812 00:02:03 1", 812, Usage{CPU: 123 * time.Second, Memory: 1 << 10}, true},
		{"812 1-01:00:00 0", 812, Usage{CPU: 25 * time.Hour}, true},
		{"812 1:2:3:4 0", 0, Usage{}, false},
		{"812 x 0", 0, Usage{}, false},
		{"-1 0:00 0", 0, Usage{}, false},
		{"", 0, Usage{}, false},
	} {
		pid, u, ok := parsePS(c.line)
		if pid != c.pid || u != c.want || ok != c.ok {
			t.Errorf("parsePS(%q) = %d, %+v, %v", c.line, pid, u, ok)
		}
	}
}

func FuzzParsePS(f *testing.F) {
	f.Add("812 1-01:00:00 20480")
	f.Add("1 :: 0")
	f.Fuzz(func(t *testing.T, line string) {
		if pid, u, ok := parsePS(line); ok && (pid <= 0 || u.CPU < 0 || u.Memory < 0) {
			t.Errorf("%q is %d, %+v", line, pid, u)
		}
	})
}
