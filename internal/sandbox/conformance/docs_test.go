package conformance

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestDocumentation holds docs/sandbox.md to the operations that the sandbox
// has: each in one row of its service's table, with how true it is.
func TestDocumentation(t *testing.T) {
	b, err := os.ReadFile("../../../docs/sandbox.md")
	if err != nil {
		t.Fatal(err)
	}
	heading, code := regexp.MustCompile("^### .*\\(`([a-z0-9-]+)`\\)$"), regexp.MustCompile("`([^`]+)`")
	documented := map[string]string{} // "service Operation" -> how true
	service := ""
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "#") {
			service = ""
			if m := heading.FindStringSubmatch(line); m != nil {
				service = m[1]
			}
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		if service == "" || len(cells) != 3 || !strings.Contains(cells[0], "`") {
			continue
		}
		truth := strings.TrimSpace(cells[1])
		if !slices.Contains([]string{"real", "modelled", "accepted"}, truth) {
			t.Errorf("%s: %q says nothing of how true it is", service, line)
		}
		for _, m := range code.FindAllStringSubmatch(cells[0], -1) {
			op := service + " " + m[1]
			if documented[op] != "" {
				t.Errorf("%s is documented twice", op)
			}
			documented[op] = truth
		}
	}
	for svc, ops := range start(t).Operations() {
		for _, op := range ops {
			if documented[svc+" "+op] == "" {
				t.Errorf("%s %s is not documented", svc, op)
			}
			delete(documented, svc+" "+op)
		}
	}
	for op := range documented {
		t.Errorf("%s is documented, and the sandbox does not have it", op)
	}
}
