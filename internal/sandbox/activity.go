package sandbox

import "errors"

// Activity counts what clients ask of a sandbox. Health checks, and requests
// that Options.Control answers, are not counted.
type Activity struct {
	Requests int64 // signed AWS requests, and what load balancers took, since the start
	Open     int64 // AWS requests that are being answered, streams of logs for instance, and commands in containers
}

// Activity returns what was asked so far. Requests changes with every request;
// it falls when a load balancer is deleted.
func (s *Sandbox) Activity() Activity {
	var a Activity
	for _, r := range s.all() {
		requests, open := r.server.Calls()
		a.Requests, a.Open = a.Requests+requests, a.Open+open
		for _, b := range r.lb.Counters().Balancers {
			a.Requests += b.Requests + b.NewConnections
		}
	}
	a.Open += int64(s.shells.Open())
	return a
}

// Resources returns how many resources there are in all Regions, as the tagging
// API lists them: without IAM's roles and policies.
func (s *Sandbox) Resources() int {
	all := s.all()
	s.store.Lock()
	defer s.store.Unlock()
	n := 0
	for _, r := range all {
		for _, src := range r.tagged {
			n += len(src.Tagged())
		}
	}
	return n
}

// Failed returns why a part of the sandbox ended by itself, nil while all run.
func (s *Sandbox) Failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Err returns why the sandbox does not work as it should: a part ended by
// itself, or what Impaired says. Nil means that all is well.
func (s *Sandbox) Err() error {
	if err := s.Failed(); err != nil {
		return err
	}
	if reason, _, impaired := s.Impaired(); impaired {
		return errors.New(reason)
	}
	return nil
}
