package terraform_test

import (
	"bytes"
	"io/fs"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/go-version"

	"workshop/terraform"
)

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := terraform.Files.ReadFile(name)
	if err != nil {
		t.Fatalf("the configuration lacks %s: %v", name, err)
	}
	return string(b)
}

// all returns the whole configuration as one text.
func all(t *testing.T) string {
	t.Helper()
	names, err := fs.Glob(terraform.Files, "*.tf")
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, name := range names {
		text.WriteString(read(t, name))
	}
	return text.String()
}

func TestFiles(t *testing.T) {
	entries, err := fs.ReadDir(terraform.Files, ".")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	want := []string{
		"load_balancer.tf", "network.tf", "observability.tf", "outputs.tf",
		"permissions.tf", "service.tf", "ttl.tf", "variables.tf", "versions.tf",
	}
	if !slices.Equal(got, want) {
		t.Errorf("files are %v, want %v", got, want)
	}
}

// The screens and the commands look for these addresses and outputs.
func TestNamesThatOthersRelyOn(t *testing.T) {
	tests := []struct{ file, block string }{
		{"network.tf", `resource "aws_vpc" "main"`},
		{"network.tf", `resource "aws_subnet" "public"`},
		{"network.tf", `resource "aws_subnet" "private"`},
		{"load_balancer.tf", `resource "aws_lb" "main"`},
		{"load_balancer.tf", `resource "aws_lb_target_group" "app"`},
		{"load_balancer.tf", `resource "aws_lb_listener" "http"`},
		{"load_balancer.tf", `resource "aws_security_group" "load_balancer"`},
		{"load_balancer.tf", `resource "aws_security_group" "tasks"`},
		{"service.tf", `resource "aws_ecs_cluster" "main"`},
		{"service.tf", `resource "aws_ecs_task_definition" "app"`},
		{"service.tf", `resource "aws_ecs_service" "app"`},
		{"permissions.tf", `resource "aws_iam_role" "execution"`},
		{"permissions.tf", `resource "aws_iam_role" "task"`},
		{"observability.tf", `resource "aws_cloudwatch_log_group" "app"`},
		{"variables.tf", `variable "workspace_id"`},
		{"variables.tf", `variable "desired_count"`},
		{"variables.tf", `variable "message"`},
		{"variables.tf", `variable "private_tasks"`},
		{"outputs.tf", `output "url"`},
		{"outputs.tf", `output "cluster"`},
		{"outputs.tf", `output "service"`},
		{"outputs.tf", `output "target_group"`},
		{"outputs.tf", `output "log_group"`},
		{"outputs.tf", `output "region"`},
		{"outputs.tf", `output "account_id"`},
	}
	for _, tt := range tests {
		if !strings.Contains(read(t, tt.file), "\n"+tt.block+" {") {
			t.Errorf("%s lacks %s", tt.file, tt.block)
		}
	}
}

// The same files deploy to the sandbox and to AWS: where to is the
// environment's business.
func TestNothingSaysWhere(t *testing.T) {
	text := all(t)
	for _, word := range []string{"endpoint", "skip_", "access_key", "secret_key", "profile =", "localhost", "127.0.0.1", "sandbox"} {
		if strings.Contains(strings.ToLower(text), word) {
			t.Errorf("the configuration mentions %q", word)
		}
	}
}

// Each of these settings costs ten seconds of every apply in the provider,
// and nothing here needs them.
func TestNoNeedlessWaits(t *testing.T) {
	text := all(t)
	for _, setting := range []string{"enable_dns_hostnames", "map_public_ip_on_launch"} {
		if strings.Contains(text, setting) {
			t.Errorf("%s makes the provider wait", setting)
		}
	}
}

// The files are for versions 5 and 6 of the AWS provider. In 6 the attribute `name` of
// aws_region is deprecated, and 5 has no `region` (the provider's upgrade guide to 6.0).
func TestBothProviders(t *testing.T) {
	written := regexp.MustCompile(`(?m)^ +version += "([^"]+)"`).FindStringSubmatch(read(t, "versions.tf"))
	if written == nil {
		t.Fatal("versions.tf asks for no version of the provider")
	}
	constraints, err := version.NewConstraint(written[1])
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{"5.99.1": false, "5.100.0": true, "6.0.0": true, "6.47.1": true, "7.0.0": false} {
		if got := constraints.Check(version.Must(version.NewVersion(text))); got != want {
			t.Errorf("%s takes %s: %t", written[1], text, got)
		}
	}
	if attribute := regexp.MustCompile(`data\.aws_region\.\w+\.\w+`).FindString(all(t)); attribute != "" {
		t.Errorf("%s is not in both versions without a warning: use local.region", attribute)
	}
}

func TestImageIsPinned(t *testing.T) {
	image := regexp.MustCompile(`default\s+= "(ghcr\.io/stefanprodan/podinfo[^"]*)"`).FindStringSubmatch(read(t, "variables.tf"))
	if image == nil {
		t.Fatal("the image variable has no podinfo as default")
	}
	if !regexp.MustCompile(`:\d+\.\d+\.\d+$`).MatchString(image[1]) {
		t.Errorf("the image %s has no exact version", image[1])
	}
}

func TestVariablesAndOutputsAreExplained(t *testing.T) {
	for _, file := range []string{"variables.tf", "outputs.tf"} {
		for _, block := range regexp.MustCompile(`(?ms)^(?:variable|output) "\w+" \{$.*?^\}$`).FindAllString(read(t, file), -1) {
			head, _, _ := strings.Cut(block, "\n")
			if !regexp.MustCompile(`(?m)^  description = "[^"]+\."$`).MatchString(block) {
				t.Errorf("%s: %s has no description that is a sentence", file, head)
			}
			if file == "variables.tf" && !regexp.MustCompile(`(?m)^  type +=`).MatchString(block) {
				t.Errorf("%s: %s has no type", file, head)
			}
		}
	}
}

// terraform fmt parses what it formats, so this also finds broken syntax.
func TestFormat(t *testing.T) {
	program, err := exec.LookPath("terraform")
	if err != nil {
		if program, err = exec.LookPath("tofu"); err != nil {
			t.Skip("neither terraform nor tofu is on PATH to check the format")
		}
	}
	names, err := fs.Glob(terraform.Files, "*.tf")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			text := read(t, name)
			var stdout, stderr bytes.Buffer
			cmd := exec.CommandContext(t.Context(), program, "fmt", "-no-color", "-")
			cmd.Dir = t.TempDir()
			cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(text), &stdout, &stderr
			if err := cmd.Run(); err != nil {
				t.Fatalf("%s fmt: %v\n%s", program, err, &stderr)
			}
			if stdout.String() != text {
				t.Errorf("not formatted: run terraform fmt")
			}
		})
	}
}
