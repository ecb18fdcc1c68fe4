package session

import (
	"testing"
	"testing/fstest"

	"workshop/internal/fargate"
	"workshop/internal/target"
)

// What another service does is not in the journal of the workspace, and looking at it does
// not keep the workspace's own screen from changing something.
func TestOtherServiceLeavesTheWorkspaceAlone(t *testing.T) {
	own := open(t, target.Sandbox)
	files := fstest.MapFS{"main.tf": {Data: []byte("# nothing\n")}}
	s, err := Open(Options{Kind: target.Sandbox, Workspace: own.Workspace.Dir(), Configuration: files, Other: &fargate.Place{Cluster: "shop", Service: "web"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	o, err := s.Open(t.Context())
	if err != nil || o.Info.ReadOnly {
		t.Errorf("%+v, %v", o.Info, err)
	}
	snap := fargate.Snapshot{Service: fargate.Service{Name: "web", Cluster: "shop", Status: "ACTIVE", Desired: 2}, Tasks: stopped(2)}
	if err := s.Seen(snap); err != nil {
		t.Error(err)
	}
	if err := s.KeepStopped(snap.Tasks[0]); err != nil {
		t.Error(err)
	}
	if n := journalled(t, s.Workspace, entryStopped) + journalled(t, s.Workspace, entryDesired); n != 0 {
		t.Errorf("%d entries in the journal", n)
	}
	if err := own.Lock(); err != nil {
		t.Errorf("the workspace is locked: %v", err)
	}
	// What the workspace knows of its own service says nothing of another one.
	if err := own.KeepStopped(snap.Tasks[1]); err != nil {
		t.Error(err)
	}
	if got := s.Complete(fargate.Snapshot{Service: snap.Service}); len(got.Tasks) != 0 {
		t.Errorf("tasks of the workspace's service: %+v", got.Tasks)
	}
}
