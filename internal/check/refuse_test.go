package check

import (
	"strings"
	"testing"
	"testing/fstest"

	"workshop/terraform"
)

func TestRefusal(t *testing.T) {
	own := ReadConfiguration(fstest.MapFS{"main.tf": {Data: []byte(`
variable "untyped" {}
variable "list" { type = list(string) }
variable "size" {
  type = object({ cpu = number, name = optional(string) })
  validation {
    condition     = var.size.cpu > 1
    error_message = "More than one."
  }
}
variable "other" {
  type = number
  validation {
    condition     = can(cidrsubnet("10.0.0.0/8", var.other, 1)) && can(var.untyped.x)
    error_message = "Only Terraform can tell."
  }
}
variable "odd" { type = what(is) }
`)}})
	bundled := ReadConfiguration(terraform.Files)
	for _, c := range []struct {
		conf        *Configuration
		name, value string
		want        string // part of the refusal; empty for none
	}{
		{bundled, "message", "anything", ""},
		{bundled, "desired_count", "3", ""},
		{bundled, "desired_count", "11", "whole number from 0 to 10"},
		{bundled, "desired_count", "2.5", "whole number from 0 to 10"},
		{bundled, "desired_count", "many", `is a number, and "many" is none`},
		{bundled, "desired_count", "true", `is a number, and "true" is none`},
		{bundled, "private_tasks", "yes", `is true or false, not "yes"`},
		{bundled, "color", "#34577c", ""},
		{bundled, "color", "red", "six hexadecimal digits"},
		{bundled, "region", "null", ""},
		{bundled, "log_retention_days", "2", "1, 3, 5, 7"},
		{bundled, "vpc_cidr", "10.0.0.0/8", "between /16 and /23"},
		{bundled, "vpc_cidr", "10.1.0.0/16", ""},
		{bundled, "none", "1", ""},
		{own, "untyped", "what (ever", ""},
		{own, "list", `["a"]`, ""},
		{own, "list", `"a"`, "has the type list(string)"},
		{own, "list", "a", "has the type list(string)"},
		{own, "size", "{cpu = 2}", ""},
		{own, "size", "{cpu = 1}", "More than one."},
		{own, "size", "{}", "has the type object"},
		{own, "other", "99", ""},
		{own, "odd", "1", ""},
	} {
		got := c.conf.Refusal(c.name, c.value)
		if got == "" != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s = %s: refused with %q, want %q", c.name, c.value, got, c.want)
		}
	}
}
