package stack

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

func TestSavedPlan(t *testing.T) {
	path := filepath.Join(t.TempDir(), "plan.json")
	p := &Plan{File: "/x/plan-1.tfplan", Destroy: true, Drift: []Change{{Address: "aws_vpc.main", Values: map[string]any{"cidr_block": "10.0.0.0/16"}}}}
	p.Add(
		Change{Address: "aws_lb.main", Type: "aws_lb", Action: ActionDelete, Values: map[string]any{"password": "secret", "ports": []any{float64(80)}}},
		Change{Address: "arn:aws:ecs:1", Type: "ECS clusters", Action: ActionDelete, Group: GroupLost},
	)
	if err := SavePlan(path, p); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("a plan holds secrets: %v, %v", info.Mode(), err)
	}
	got, err := LoadPlan(path)
	if err != nil || !reflect.DeepEqual(got, p) {
		t.Errorf("read %+v, %v; saved %+v", got, err, p)
	}
	lost, rest := got.Lost()
	if len(lost) != 1 || lost[0].Address != "arn:aws:ecs:1" || rest.Delete != 1 || rest.File != p.File || !rest.Destroy {
		t.Errorf("lost %+v, rest %+v", lost, rest)
	}
	for name, text := range map[string]string{
		"half a file":        `{"destroy":true,"chan`,
		"values of no plan":  `{"plan":{"changes":[]},"values":[{}]}`,
		"a plan of no value": `{"plan":{"changes":[{"address":"a"}]},"values":null}`,
		"null":               `null`,
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if p, err := LoadPlan(path); err == nil {
			t.Errorf("%s: read %+v", name, p)
		}
	}
}
