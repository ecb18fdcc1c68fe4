package live

import (
	"testing"

	"workshop/internal/fargate"
	"workshop/internal/tui/page"
)

// One goes back to what ran well, and not to what runs.
func TestRevisionToGoBackTo(t *testing.T) {
	l := &Page{Context: &page.Context{Snapshot: &fargate.Snapshot{
		Service: fargate.Service{Deployments: []fargate.Deployment{{Revision: "app:3"}}},
		History: []fargate.ServiceDeployment{
			{ID: "present", Revision: "app:3", Status: "SUCCESSFUL"},
			{ID: "bad", Revision: "app:2", Status: "ROLLBACK_SUCCESSFUL"},
			{ID: "good", Revision: "app:1", Status: "SUCCESSFUL"},
		},
	}}}
	for id, want := range map[string]string{"present": "", "bad": "", "good": "app:1"} {
		l.items = []item{{ofDeployment, id}}
		l.chosen = l.items[0]
		if got := l.revision(); got != want {
			t.Errorf("%s: %q, want %q", id, got, want)
		}
	}
	l.items = []item{{ofTask, "a"}}
	if got := l.revision(); got != "" {
		t.Errorf("a task: %q", got)
	}
}
