package regions

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The list of Regions is the SDK's.
func TestRegions(t *testing.T) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/aws/aws-sdk-go-v2").Output()
	if err != nil {
		t.Skip("go list: ", err)
	}
	b, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "internal/endpoints/awsrulesfn/partitions.json"))
	if err != nil {
		t.Skip("the SDK keeps its list elsewhere: ", err)
	}
	var file struct {
		Partitions []struct{ Regions map[string]any }
	}
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, p := range file.Partitions {
		for r := range p.Regions {
			if regexp.MustCompile(`-\d$`).MatchString(r) {
				want = append(want, r)
			}
		}
	}
	have := slices.Sorted(slices.Values(all))
	if slices.Sort(want); !slices.Equal(have, want) {
		t.Errorf("regions.go has\n%v\nthe SDK\n%v", have, want)
	}
	for _, r := range enabledByDefault {
		if !Known(r) || OptIn(r) {
			t.Errorf("%s", r)
		}
	}
	if !OptIn("eu-south-1") || OptIn("cn-north-1") {
		t.Error("which Regions must be enabled")
	}
}
