package balancer

import (
	"fmt"
	"strconv"
	"strings"
)

// Codes are the HTTP codes with which a target passes its health check.
type Codes []codeRange

type codeRange struct{ low, high int }

// ParseCodes reads AWS's notation: "200", "200,302" or "200-299". Codes lie
// from 200 to 499.
func ParseCodes(s string) (Codes, error) {
	var out Codes
	for part := range strings.SplitSeq(s, ",") {
		low, high, isRange := strings.Cut(strings.TrimSpace(part), "-")
		if !isRange {
			high = low
		}
		r := codeRange{code(low), code(high)}
		if r.low < 200 || r.high > 499 || r.low > r.high {
			return nil, fmt.Errorf("health check codes %q: want codes from 200 to 499, such as 200, 200,302 or 200-299", s)
		}
		out = append(out, r)
	}
	return out, nil
}

func code(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil || len(s) != 3 {
		return -1
	}
	return n
}

func (c Codes) match(code int) bool {
	for _, r := range c {
		if code >= r.low && code <= r.high {
			return true
		}
	}
	return false
}
