package fargate

import (
	"strings"
	"testing"
)

func TestLastLines(t *testing.T) {
	s := newStack()
	container := func(name, driver, prefix string) map[string]any {
		return map[string]any{"name": name, "logConfiguration": map[string]any{"logDriver": driver, "options": map[string]any{"awslogs-group": "/ecs/shop", "awslogs-stream-prefix": prefix}}}
	}
	s.answer = func(op string, in request) (int, any) {
		switch op {
		case "DescribeTaskDefinition":
			if in["taskDefinition"] != "shop:3" {
				return 400, apiError("ClientException", "not that")
			}
			return 200, map[string]any{"taskDefinition": map[string]any{"containerDefinitions": []any{
				container("app", "awslogs", "web"), container("silent", "awslogs", "web"), container("elsewhere", "awsfirelens", "web"), map[string]any{"name": "none"}}}}
		case "GetLogEvents":
			if in["logGroupName"] != "/ecs/shop" || in["limit"] != 100.0 || in["startFromHead"] != false {
				return 400, apiError("InvalidParameterException", "not that")
			}
			if in["logStreamName"] != "web/app/abc" {
				return 400, apiError("ResourceNotFoundException", "The specified log stream does not exist.")
			}
			return 200, map[string]any{"events": []any{map[string]any{"timestamp": 1.5e12, "message": "one"}, map[string]any{"timestamp": 1.5e12 + 1, "message": `{"uri":"/healthz","user-agent":"ELB-HealthChecker/2.0"}`}, map[string]any{"timestamp": 1.5e12 + 2, "message": "two"}}}
		}
		return 400, apiError("InvalidAction", op)
	}
	lines, err := NewClients(s.config()).LastLines(t.Context(), Task{ID: "abc", Revision: "shop:3"}, 5)
	if err != nil || len(lines) != 2 || lines[0].Message != "one" || lines[1].Message != "two" || lines[0].Container != "app" || lines[0].Time.Unix() != 1.5e9 {
		t.Errorf("got %+v, %v", lines, err)
	}
	if _, err := NewClients(s.config()).LastLines(t.Context(), Task{ID: "abc", Revision: "gone:1"}, 5); err == nil || !strings.Contains(err.Error(), "describe the task definition gone:1") {
		t.Errorf("got %v", err)
	}
}
