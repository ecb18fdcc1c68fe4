package kit

import (
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"
)

// The configuration of the broken workshops that bring none.
const brokenTerraform = `
variable "count_of" {
  type = number
  validation {
    condition     = var.count_of <= 10
    error_message = "At most ten."
  }
}
variable "on" { type = bool }
variable "name" {
  type = string
  validation {
    condition     = can(regex("^[a-z]*$", var.name))
    error_message = "Small letters only."
  }
}
variable "zones" { type = list(string) }
output "url" { value = "x" }
`

// TestBroken lints the workshops in testdata/broken. Each has one mistake, and
// begins with what Lint must say of it and nothing else: each line's beginning,
// with file, line and column.
func TestBroken(t *testing.T) {
	files, err := filepath.Glob("testdata/broken/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("there are no broken workshops", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			ar, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			fsys := fstest.MapFS{}
			for _, f := range ar.Files {
				fsys[f.Name] = &fstest.MapFile{Data: f.Data}
			}
			if _, err := fs.Stat(fsys, Terraform); err != nil {
				fsys[Terraform+"/main.tf"] = &fstest.MapFile{Data: []byte(brokenTerraform)}
			}
			terraform, err := fs.Sub(fsys, Terraform)
			if err != nil {
				t.Fatal(err)
			}
			want := strings.Split(strings.TrimSpace(string(ar.Comment)), "\n")
			got := strings.Split(strings.TrimSpace(report(Lint(fsys, terraform, screens))), "\n")
			ok := len(got) == len(want)
			for i := range got {
				ok = ok && strings.HasPrefix(got[i], want[i])
			}
			if !ok {
				t.Errorf("Lint says\n  %s\nand is to say\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
			}
		})
	}
}
