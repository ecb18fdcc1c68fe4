package kit

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"workshop/internal/check"
	"workshop/terraform"
)

var example = regexp.MustCompile("(?ms)^````(markdown)\n(.*?)^````\n|^```(yaml|hcl)\n(.*?)^```\n")

// TestDocs holds the examples of docs/authoring.md to lint.
func TestDocs(t *testing.T) {
	src, err := os.ReadFile("../../../docs/authoring.md")
	if err != nil {
		t.Fatal(err)
	}
	manifest, front, body, expressions := "", "", "", 0
	for _, m := range example.FindAllStringSubmatch(string(src), -1) {
		switch text := m[2] + m[4]; {
		case strings.HasPrefix(text, "title:") && strings.Contains(text, "\nsteps:"):
			manifest = text
		case strings.HasPrefix(text, "title:"):
			front = text
		case m[1] == "markdown":
			body += text + "\n"
		case m[3] == "hcl":
			for line := range strings.Lines(text) {
				expressions++
				if _, err := check.Compile(strings.TrimSpace(line), nil); err != nil {
					t.Errorf("%s: %v", line, err)
				}
			}
		}
	}
	if manifest == "" || front == "" || body == "" || expressions == 0 {
		t.Fatal("an example is missing")
	}
	fsys := fstest.MapFS{
		"workshop.yaml": {Data: []byte(manifest)},
		"01-welcome.md": {Data: []byte("---\n" + front + "---\n\n" + body)},
		"02-deploy.md":  {Data: []byte("---\ntitle: Deploy\nestimate: 5\n---\n\ntext\n")},
	}
	if got := report(Lint(fsys, terraform.Files, screens)); got != "" {
		t.Errorf("the examples have mistakes:\n%s", got)
	}
	// Every verb of the table is one that front matter takes, and each is there.
	for _, verb := range []string{"deploy", "destroy", "run", "set", "restore", "scale", "stop_task", "wait"} {
		if !strings.Contains(string(src), "| `"+verb+":") {
			t.Errorf("%s is not in the table of verbs", verb)
		}
	}
	for _, name := range check.Functions() {
		if !regexp.MustCompile("`" + name + "[`(]").Match(src) {
			t.Errorf("the function %s is not described", name)
		}
	}
	for _, fact := range check.Names() {
		if !strings.Contains(string(src), "`"+fact) {
			t.Errorf("the fact %s is not described", fact)
		}
	}
}
