package sweep

import (
	"testing"
	"testing/fstest"

	"workshop/terraform"
)

func TestWorkshopOf(t *testing.T) {
	if got, ok := WorkshopOf(terraform.Files); !ok || got != Workshop {
		t.Errorf("the bundled configuration: %q, %v", got, ok)
	}
	for text, want := range map[string]string{
		"provider \"aws\" {\n default_tags { tags = { Workshop = \"mine\" } }\n}":                           "mine",
		"provider \"aws\" {\n default_tags {\n tags = merge({ \"Workshop\" : \"mine\" }, var.more)\n}\n}":   "mine",
		"provider \"aws\" {\n default_tags {\n tags = { Workshop = \"mine\" }\n}\n}\nresource \"broken\" {": "mine",
		"provider \"aws\" {\n default_tags { tags = { Workshop = var.name } }\n}":                           "",
		"provider \"aws\" {\n default_tags { tags = { Workspace = \"mine\" } }\n}":                          "",
		`resource "aws_vpc" "main" { tags = { Workshop = "mine" } }`:                                        "",
		`# Workshop = "mine"`: "",
		`{{{`:                 "",
	} {
		got, ok := WorkshopOf(fstest.MapFS{"main.tf": {Data: []byte(text)}, "notes.txt": {Data: []byte(`provider`)}})
		if got != want || ok != (want != "") {
			t.Errorf("%s: %q, %v", text, got, ok)
		}
	}
}
