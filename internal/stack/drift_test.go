package stack

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	tfjson "github.com/hashicorp/terraform-json"
)

func shownPlan(t *testing.T, name string) *tfjson.Plan {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	p, err := decodePlan(data)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestRecordedDrift: of Terraform's thirteen differences on an untouched stack
// none is drift, and of those beside a changed number of tasks one is.
func TestRecordedDrift(t *testing.T) {
	c := newConfiguration()
	untouched, changed := shownPlan(t, "drift-none.json"), shownPlan(t, "drift-tasks.json")
	if len(untouched.ResourceDrift) != 13 || len(changed.ResourceDrift) != 13 {
		t.Fatalf("the files have %d and %d differences", len(untouched.ResourceDrift), len(changed.ResourceDrift))
	}
	if got := c.detailed(&Plan{}, untouched).Drift; len(got) != 0 {
		t.Errorf("an untouched stack has the drift %+v", got)
	}
	got := c.detailed(&Plan{Update: 1}, changed).Drift
	want := []FieldChange{{"desired_count", "2", "3"}}
	if len(got) != 1 || got[0].Address != "aws_ecs_service.app" || got[0].Action != ActionUpdate || !slices.Equal(got[0].Drifted, want) {
		t.Errorf("the drift is %+v, want %+v", got, want)
	}
}

func TestDrift(t *testing.T) {
	const header = `{"format_version":"1.2","resource_changes":[`
	const thing = `{"address":"x.a","mode":"managed","type":"x","name":"a","change":`
	other := `{"address":"x.b","mode":"managed","type":"x","name":"b","change":{"actions":["create"],"after":{}}}`
	drifted := `],"resource_drift":[` + thing + `{"actions":["update"],"before":{"v":"old","t":null,"s":"one","n":[{"m":1}]},"after":{"v":"new","t":{},"s":"two","n":[{"m":2}]},"before_sensitive":{"s":true},"after_sensitive":{"s":true}}}]`
	gone := `],"resource_drift":[` + thing + `{"actions":["delete"],"before":{"v":"old"},"after":null}}]`
	tests := []struct {
		name, plan string
		want       []FieldChange // nil for no drift
		gone       bool
	}{
		{"the plan is empty", header + thing + `{"actions":["no-op"]}}` + drifted + `}`, nil, false},
		{"nothing uses it", header + other + drifted + `,"relevant_attributes":[{"resource":"x.a","attribute":["unchanged"]},{"resource":"x.c","attribute":["v"]}]}`, nil, false},
		{"another resource uses it", header + other + drifted + `,"relevant_attributes":[{"resource":"x.a","attribute":["v"]}]}`, []FieldChange{{"v", "old", "new"}}, false},
		{"only another part is used", header + other + drifted + `,"relevant_attributes":[{"resource":"x.a","attribute":["n",1,"m"]}]}`, nil, false},
		{"a part is used", header + other + drifted + `,"relevant_attributes":[{"resource":"x.a","attribute":["n",0,"m"]}]}`, []FieldChange{{"n", `[{"m":1}]`, `[{"m":2}]`}}, false},
		{"all of it is used", header + other + drifted + `,"relevant_attributes":[{"resource":"x.a","attribute":[]}]}`,
			[]FieldChange{{"n", `[{"m":1}]`, `[{"m":2}]`}, {"s", "(sensitive value)", "(sensitive value)"}, {"v", "old", "new"}}, false},
		{"the plan undoes it", header + thing + `{"actions":["update"],"before":{"v":"new","s":"two"},"after":{"v":"old","s":"two"}}}` + drifted + `}`, []FieldChange{{"v", "old", "new"}}, false},
		{"the plan changes something else", header + thing + `{"actions":["update"],"before":{"v":"new","w":1},"after":{"v":"new","w":2}}}` + drifted + `}`, nil, false},
		{"it is deleted anyway", header + thing + `{"actions":["delete"],"before":{"v":"new"},"after":null}}` + drifted + `}`, nil, false},
		{"deleted by hand, made again", header + thing + `{"actions":["create"],"before":null,"after":{"v":"old"}}}` + gone + `}`, nil, true},
		{"deleted by hand, wanted by nobody", header + other + gone + `}`, nil, false},
	}
	for _, tt := range tests {
		p, err := decodePlan([]byte(tt.plan))
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		got := newConfiguration().drift(p)
		switch {
		case tt.gone:
			if len(got) != 1 || got[0].Action != ActionDelete {
				t.Errorf("%s: %+v", tt.name, got)
			}
		case tt.want == nil:
			if len(got) != 0 {
				t.Errorf("%s: %+v", tt.name, got)
			}
		case len(got) != 1 || !slices.Equal(got[0].Drifted, tt.want):
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}
