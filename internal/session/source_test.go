package session

import (
	"os"
	"path/filepath"
	"testing"

	"workshop/internal/stack"
	"workshop/internal/target"
)

func TestSources(t *testing.T) {
	s := open(t, target.Sandbox)
	for name, text := range map[string]string{
		"own.tf":    "# mine\r\nresource \"aws_lb\" \"own\" {\r\n  name = \"x\"\r\n}\r\n",
		"broken.tf": "resource \"aws_vpc\" \"half\" {\n",
		"not.hcl":   "resource \"aws_vpc\" \"elsewhere\" {}\n",
	} {
		if err := os.WriteFile(filepath.Join(s.Workspace.TerraformDir(), name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Sources()
	if err != nil {
		t.Fatal(err)
	}
	if want := (stack.Source{File: "own.tf", Line: 2, Text: "resource \"aws_lb\" \"own\" {\r\n  name = \"x\"\r\n}"}); got["aws_lb.own"] != want {
		t.Errorf("aws_lb.own: %+v", got["aws_lb.own"])
	}
	if _, ok := got["aws_vpc.elsewhere"]; ok {
		t.Error("a file that Terraform does not read was read")
	}
}
