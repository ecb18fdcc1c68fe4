package fargate

import (
	"errors"
	"slices"
	"testing"
)

func TestChanges(t *testing.T) {
	pair := func(name, value string) map[string]any { return map[string]any{"name": name, "value": value} }
	definitions := map[string]any{
		"shop:2": map[string]any{"cpu": "256", "memory": "512", "containerDefinitions": []any{map[string]any{
			"name": "app", "image": "podinfo:6.9.1", "stopTimeout": 30,
			"environment": []any{pair("COLOR", "blue"), pair("DB_PASSWORD", "hunter2"), pair("OLD", "x")},
			"secrets":     []any{map[string]any{"name": "API", "valueFrom": "arn:one"}}}}},
		"shop:3": map[string]any{"cpu": "256", "memory": "1024", "containerDefinitions": []any{map[string]any{
			"name": "app", "image": "podinfo:6.9.2", "stopTimeout": 30,
			"environment": []any{pair("COLOR", "green\x1b]0;x\x07"), pair("DB_PASSWORD", "hunter3"), pair("NEW_TOKEN", "abc")},
			"secrets":     []any{map[string]any{"name": "API", "valueFrom": "arn:two"}}}}},
	}
	s := newStack()
	s.answer = func(op string, in request) (int, any) {
		if d, ok := definitions[in["taskDefinition"].(string)]; ok && op == "DescribeTaskDefinition" {
			return 200, map[string]any{"taskDefinition": d}
		}
		return 400, apiError("ClientException", "Unable to describe task definition.")
	}
	c := NewClients(s.config())
	before, got, err := c.Changes(t.Context(), "shop:3")
	if err != nil || before != "shop:2" {
		t.Fatal(before, err)
	}
	want := []Change{
		{"app: environment COLOR", "blue", "green"},
		{"app: environment DB_PASSWORD", "(hidden)", "(hidden, another value)"},
		{"app: environment NEW_TOKEN", "", "(hidden)"},
		{"app: environment OLD", "x", ""},
		{"app: image", "podinfo:6.9.1", "podinfo:6.9.2"},
		{"app: secret API", "from arn:one", "from arn:two"},
		{"memory", "512", "1024"},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
	if _, _, err := c.Changes(t.Context(), "shop:1"); !errors.Is(err, ErrFirstRevision) {
		t.Errorf("the first revision: %v", err)
	}
	if _, _, err := c.Changes(t.Context(), "shop:9"); err == nil {
		t.Error("a revision that does not exist has changes")
	}
	fields, err := c.Definition(t.Context(), "shop:3")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []Field{{"memory", "1024"}, {"app: image", "podinfo:6.9.2"}, {"app: environment DB_PASSWORD", "(hidden)"}, {"app: environment COLOR", "green"}, {"app: secret API", "from arn:two"}} {
		if !slices.Contains(fields, want) {
			t.Errorf("no %+v in %+v", want, fields)
		}
	}
	if _, err := c.Definition(t.Context(), "shop:9"); err == nil {
		t.Error("a revision that does not exist says something")
	}
}
