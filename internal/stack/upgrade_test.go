//go:build unix

package stack

import (
	"strings"
	"testing"
)

// A configuration that asks for another version of a provider than the lock file has
// is followed, as Terraform's own error asks for.
func TestInitFollowsAChangedConstraint(t *testing.T) {
	s := quiet(t)
	s.opts.Terraform = fake(t, `case "$*" in
*-upgrade*) exit 0 ;;
esac
echo '{"@level":"error","@message":"Error: Failed to query available provider packages","type":"diagnostic","diagnostic":{"severity":"error","summary":"Failed to query available provider packages","detail":"Could not retrieve the list of available versions for provider hashicorp/aws: locked provider registry.terraform.io/hashicorp/aws 5.99.0 does not match configured version constraint ~> 5.100; must use terraform init -upgrade to allow selection of new versions"}}'
exit 1
`)
	var rec recorder
	if err := s.Init(t.Context(), rec.emit); err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, e := range rec.events {
		if e.Diagnostic != nil {
			t.Errorf("the error that init answers by itself is shown: %+v", e.Diagnostic)
		}
		said = append(said, e.Message)
	}
	if text := strings.Join(said, "\n"); !strings.Contains(text, "another version of a provider") || !strings.Contains(text, "init -upgrade") {
		t.Errorf("nothing is said about the upgrade:\n%s", text)
	}
}

// Another failure of the registry is no reason to upgrade.
func TestInitUpgradesForNothingElse(t *testing.T) {
	for detail, want := range map[string]bool{
		"locked provider x 5.99.0 does not match configured version constraint ~> 5.100; must use terraform init -upgrade to allow": true,
		"locked provider x 5.99.0 does not match configured version constraint ~> 5.100; must use tofu init -upgrade to allow":      true,
		"could not connect to registry.terraform.io":                 false,
		"no available releases match the given constraints ~> 5.100": false,
	} {
		if got := asksForUpgrade(Diagnostic{Severity: "error", Summary: "Failed to query available provider packages", Detail: detail}); got != want {
			t.Errorf("%q: %t", detail, got)
		}
	}
}
