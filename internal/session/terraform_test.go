//go:build unix

package session

import (
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"workshop/internal/check"
	"workshop/internal/target"
)

// The version is that of the program which would be used, the provider's that
// which init has written down; before there is either, nothing is known of it.
func TestFactsOfTerraform(t *testing.T) {
	program := filepath.Join(t.TempDir(), "terraform")
	s, err := Open(Options{
		Kind: target.Sandbox, Workspace: t.TempDir(), Terraform: program,
		Configuration: fstest.MapFS{"main.tf": {}}, Steps: fstest.MapFS{},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if got, err := s.Facts().Terraform(t.Context()); got != (check.Terraform{}) || err != nil {
		t.Errorf("without one: %+v, %v", got, err)
	}
	answer := "#!/bin/sh\necho '{\"terraform_version\": \"1.9.8\"}'\n"
	if err := os.WriteFile(program, []byte(answer), 0o755); err != nil {
		t.Fatal(err)
	}
	lock := "provider \"registry.terraform.io/hashicorp/aws\" {\n  version = \"5.100.0\"\n}\n"
	if err := os.WriteFile(filepath.Join(s.Workspace.TerraformDir(), ".terraform.lock.hcl"), []byte(lock), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Facts().Terraform(t.Context()); got != (check.Terraform{Version: "1.9.8", Provider: "5.100.0"}) || err != nil {
		t.Errorf("with one: %+v, %v", got, err)
	}
}
