package fargate

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestEarlier(t *testing.T) {
	snap := Snapshot{
		Service: Service{Deployments: []Deployment{{Revision: "app:4"}}},
		History: []ServiceDeployment{{Revision: "app:4", Status: "SUCCESSFUL"}, {Revision: "app:3", Status: "ROLLBACK_SUCCESSFUL"}, {Revision: "app:2", Status: "SUCCESSFUL"}, {Revision: "app:1", Status: "SUCCESSFUL"}},
	}
	for _, c := range []struct{ name, want, fault string }{
		{"", "app:2", ""},
		{"1", "app:1", ""},
		{"app:3", "app:3", ""},
		{"4", "", "runs revision app:4 already"},
		{"other:1", "", "runs the task definition app, not other"},
		{"0", "", "is no revision"},
		{"one", "", "is no revision"},
	} {
		got, err := snap.Earlier(c.name)
		if got != c.want || (err == nil) != (c.fault == "") || err != nil && !strings.Contains(err.Error(), c.fault) {
			t.Errorf("%q: %q, %v", c.name, got, err)
		}
	}
	snap.History = snap.History[:2]
	if _, err := snap.Earlier(""); !errors.Is(err, ErrNoRevision) {
		t.Errorf("none was rolled out before: %v", err)
	}
	if _, err := new(Snapshot).Earlier("1"); !errors.Is(err, ErrNoRevision) {
		t.Errorf("without a deployment: %v", err)
	}
}

// A revision that was deregistered is registered again, with all that it was and the tags by
// which it is found when everything is deleted.
func TestRollback(t *testing.T) {
	for status, want := range map[string]string{"ACTIVE": "app:2", "INACTIVE": "app:5"} {
		var registered, updated request
		f := &fake{answer: func(op string, in request) (int, any) {
			switch op {
			case "DescribeTaskDefinition":
				return 200, map[string]any{
					"taskDefinition": map[string]any{"family": "app", "revision": 2, "status": status, "cpu": "256", "memory": "512", "networkMode": "awsvpc", "taskRoleArn": "role", "containerDefinitions": []any{map[string]any{"name": "app", "image": "podinfo"}}},
					"tags":           []any{map[string]any{"key": "workspace", "value": "k3x9"}, map[string]any{"key": "aws:cloudformation:stack-name", "value": "x"}},
				}
			case "RegisterTaskDefinition":
				registered = in
				return 200, map[string]any{"taskDefinition": map[string]any{"taskDefinitionArn": "arn:aws:ecs:eu-west-1:000000000000:task-definition/app:5"}}
			case "UpdateService":
				updated = in
				return 200, map[string]any{}
			}
			return 400, map[string]any{"__type": "InvalidAction", "message": op}
		}}
		got, err := NewClients(f.config()).Rollback(t.Context(), Ref{Cluster: "c", Service: "s"}, "app:2")
		if err != nil || got != want || updated["taskDefinition"] != want {
			t.Errorf("%s: %q, %v, %v", status, got, err, updated)
		}
		if status == "ACTIVE" {
			if registered != nil {
				t.Errorf("an active revision was registered again: %v", registered)
			}
			continue
		}
		text, err := json.Marshal(registered)
		if err != nil {
			t.Fatal(err)
		}
		if want := `{"containerDefinitions":[{"image":"podinfo","name":"app"}],"cpu":"256","family":"app","memory":"512","networkMode":"awsvpc","tags":[{"key":"workspace","value":"k3x9"}],"taskRoleArn":"role"}`; string(text) != want {
			t.Errorf("registered %s", text)
		}
	}
}
