package session

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
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

// Another profile may be chosen while AWS is still asked who that of before is: nobody waits
// for the answer, and it is not taken for the other's.
func TestProfileChosenWhileAnotherOpens(t *testing.T) {
	asked, answer := make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		account := "222222222222"
		if strings.Contains(r.Header.Get("Authorization"), "AKIAHOME") {
			account = "111111111111"
			close(asked)
			<-answer
		}
		w.Header().Set("Content-Type", "text/xml")
		fmt.Fprintf(w, `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>arn:aws:iam::%[1]s:user/me</Arn><UserId>A</UserId><Account>%[1]s</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`, account)
	}))
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "config")
	const profile = "[profile %s]\nregion = eu-west-1\naws_access_key_id = %s\naws_secret_access_key = s\n"
	if err := os.WriteFile(file, fmt.Appendf(nil, profile+profile, "home", "AKIAHOME", "work", "AKIAWORK"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, kv := range os.Environ() {
		if name, _, _ := strings.Cut(kv, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
			os.Unsetenv(name)
		}
	}
	t.Setenv("AWS_CONFIG_FILE", file)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(t.TempDir(), "none"))
	t.Setenv("AWS_ENDPOINT_URL", server.URL)
	s := open(t, target.AWS)
	s.LookAt(fargate.Place{Profile: "home"})
	type result struct {
		t   *target.Target
		err error
	}
	opened := make(chan result)
	go func() {
		tg, err := s.Target(t.Context())
		opened <- result{tg, err}
	}()
	<-asked
	s.LookAt(fargate.Place{Profile: "work"})
	close(answer)
	if got := <-opened; got.err != nil || got.t.Account != "222222222222" {
		t.Errorf("%+v, %v", got.t, got.err)
	}
	if tg, err := s.Target(t.Context()); err != nil || tg.Account != "222222222222" {
		t.Errorf("asked again: %+v, %v", tg, err)
	}
}
