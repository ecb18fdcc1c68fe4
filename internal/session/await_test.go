package session

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"workshop/internal/operation"
	"workshop/internal/target"
)

// What Await returns is an operation of another process: the process of one that
// this session has followed to its end lives a little longer.
func TestAwaitKnowsItsOwn(t *testing.T) {
	s := open(t, target.Sandbox)
	request, err := json.Marshal(operation.Request{Kind: operation.Plan, Started: time.Now(), By: "workshop plan"})
	if err != nil {
		t.Fatal(err)
	}
	// It has a request and no process yet: so an operation is that begins.
	dir := filepath.Join(s.operations(), "20260102T150405.000000-plan")
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, "request.json"), request, 0o600)); err != nil {
		t.Fatal(err)
	}
	if o, err := s.Await(t.Context()); err != nil || o.By != "workshop plan" {
		t.Errorf("of another process: %+v, %v", o, err)
	}
	s.lastFollowed = dir
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if o, err := s.Await(ctx); err == nil {
		t.Errorf("its own operation: %+v", o)
	}
}
