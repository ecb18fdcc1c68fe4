package session

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"workshop/internal/fargate"
	"workshop/internal/target"
)

// retryWatch is how long to wait for a service that is not there yet.
const retryWatch = time.Second

// awaitRef waits until something is deployed. While an apply runs it waits for the
// address, which Terraform creates last before the service: sooner there is nothing
// to look at.
func (s *Session) awaitRef(ctx context.Context) (aws.Config, fargate.Ref, error) {
	for {
		cfg, ref, err := s.Watched(ctx)
		if err == nil && (ref.URL != "" || !s.Busy()) || err != nil && !errors.Is(err, ErrNothingDeployed) {
			return cfg, ref, err
		}
		select {
		case <-ctx.Done():
			return cfg, ref, ctx.Err()
		case <-time.After(retryWatch):
		}
	}
}

// Watch waits until a service is deployed and then calls changed with a new
// snapshot whenever there is one, until ctx ends or watching is impossible. The
// answers of its tasks are written for the session's face. It journals what the
// snapshots show for the first time.
func (s *Session) Watch(ctx context.Context, changed func(fargate.Snapshot)) error {
	t, err := s.Target(ctx)
	if err != nil {
		return err
	}
	cfg, ref, err := s.awaitRef(ctx)
	if err != nil {
		return err
	}
	o := fargate.WatchOptions{Meter: &s.calls, Unmetered: t.Kind == target.Sandbox}
	if !s.Other() {
		for _, k := range s.StoppedTasks() {
			o.Known = append(o.Known, k.ID)
		}
		keeping, stop := context.WithCancel(ctx)
		lines := newLinesKeeper()
		var wg sync.WaitGroup
		wg.Go(func() { lines.run(keeping, s, cfg) })
		defer wg.Wait()
		defer stop()
		o.OnStopped = func(t fargate.Task) {
			_ = s.KeepStopped(t) // the picture goes on without a journal
			lines.add(t)
		}
	}
	w := fargate.Watch(ctx, cfg, ref, o)
	s.setWatcher(nil, w)
	defer s.setWatcher(w, nil)
	defer w.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case snap, ok := <-w.Updates():
			if !ok {
				return nil
			}
			_ = s.Seen(snap) // the picture goes on without a journal
			changed(s.Complete(snap))
		}
	}
}

// setWatcher replaces the watcher; old is the one to replace, nil for any.
func (s *Session) setWatcher(old, w *fargate.Watcher) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old == nil || s.watcher == old {
		s.watcher = w
		if w != nil {
			w.ReadScaling(s.readsScaling)
		}
	}
}

// ReadScaling says whether somebody looks at what scales the service. While nobody does,
// Watch asks AWS for nothing of it.
func (s *Session) ReadScaling(yes bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readsScaling = yes
	if s.watcher != nil {
		s.watcher.ReadScaling(yes)
	}
}

// renewPicture has the running Watch look at once, after the service was changed.
func (s *Session) renewPicture() {
	s.mu.Lock()
	w := s.watcher
	s.mu.Unlock()
	if w != nil {
		w.LookNow()
	}
}
