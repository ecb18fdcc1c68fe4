package sandbox

import (
	"context"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"workshop/internal/regions"
	"workshop/internal/sandbox/account"
	"workshop/internal/sandbox/autoscaling"
	"workshop/internal/sandbox/balancer"
	"workshop/internal/sandbox/cloudwatch"
	"workshop/internal/sandbox/ec2"
	"workshop/internal/sandbox/ecs"
	"workshop/internal/sandbox/elbv2"
	"workshop/internal/sandbox/fargate"
	"workshop/internal/sandbox/iam"
	"workshop/internal/sandbox/logs"
	"workshop/internal/sandbox/quotas"
	"workshop/internal/sandbox/scheduler"
	"workshop/internal/sandbox/store"
	"workshop/internal/sandbox/sts"
	"workshop/internal/sandbox/tagging"
	"workshop/internal/sandbox/wire"
)

// region is what the account has in one Region. The home Region is there from the
// start, as are those that the journal holds something of; another comes with the
// first request for it.
type region struct {
	server *wire.Server
	logs   *logs.Logs
	lb     *elbv2.ELB
	tagged []tagging.Source
	notes  []string
	run    map[string]func(context.Context) error // its parts, by name
}

// newRegion makes the services of a Region, with what the journal holds of them.
// Their files are below dir.
func (s *Sandbox) newRegion(a *account.Account, dir string) (*region, error) {
	network, balancing, tasks := ec2.Real, elbv2.Real, ecs.Real
	watching, pace, punctual := cloudwatch.Real, autoscaling.Real, scheduler.Real
	if s.options.Fast {
		network, balancing, tasks = ec2.Fast, elbv2.Fast, ecs.Fast
		watching, pace, punctual = cloudwatch.Fast, autoscaling.Fast, scheduler.Fast
	}
	log := s.options.Log
	lg, err := logs.NewFS(a, s.options.Disk, filepath.Join(dir, "logs"))
	if err != nil {
		return nil, err
	}
	r, err := func() (*region, error) {
		nw, err := ec2.New(a, network)
		if err != nil {
			return nil, err
		}
		backends := &balancer.Backends{}
		lb, err := elbv2.New(a, nw, backends, balancing, firstPort(dir), log)
		if err != nil {
			return nil, err
		}
		agent, err := fargate.NewAgent()
		if err != nil {
			return nil, err
		}
		var metrics *cloudwatch.CloudWatch
		alarms := func(name string) (bool, time.Duration, bool) { return metrics.Alarm(name) }
		containers, err := ecs.New(a, ecs.Config{
			Timing: tasks, Network: nw, Targets: targets{lb}, Alarms: alarms, Backends: backends, Logs: lg, Roles: s.roles, Agent: ecs.Processes{Agent: agent}, Sessions: s.shells,
		})
		if err != nil {
			return nil, err
		}
		metrics, err = cloudwatch.New(a, watching, cloudwatch.Sources{
			Containers: containers, Balancers: targets{lb}, Logs: lg, Measure: fargate.Measure,
		})
		if err != nil {
			return nil, err
		}
		scaling, err := autoscaling.New(a, pace, containers, metrics)
		if err != nil {
			return nil, err
		}
		metrics.OnAlarm(scaling.Triggered)
		schedules, err := scheduler.New(a, punctual, trusted{s.roles}, log)
		if err != nil {
			return nil, err
		}
		r := &region{
			server: &wire.Server{Credentials: s.keys, Region: a.Region, Lock: s.store, Now: a.Now, Log: log, Control: s.options.Control, Impaired: s.Impaired},
			logs:   lg, lb: lb, notes: containers.Notes(),
			tagged: []tagging.Source{nw, lb, containers, s.roles, lg, metrics, scaling, schedules},
		}
		for _, svc := range []*wire.Service{
			nw.Service(), lb.Service(), containers.Service(), s.roles.Service(), lg.Service(), metrics.Service(), scaling.Service(), schedules.Service(),
			sts.Service(a, s.keys.AccessKeyID), quotas.Service(a), tagging.Service(r.tagged...),
		} {
			r.server.Add(svc)
		}
		r.run = map[string]func(context.Context) error{
			"load balancer": lb.Run,
			"Fargate":       func(ctx context.Context) error { containers.Run(ctx); return nil },
			"CloudWatch":    func(ctx context.Context) error { metrics.Run(ctx); return nil },
			"Auto Scaling":  func(ctx context.Context) error { scaling.Run(ctx); return nil },
			"Scheduler":     func(ctx context.Context) error { schedules.Run(ctx, r.server); return nil },
		}
		return r, nil
	}()
	if err != nil {
		return nil, errors.Join(err, lg.Close())
	}
	return r, nil
}

// open returns the server of another Region, and nil where AWS has none of that
// name. The account has enabled them all.
func (s *Sandbox) open(name string) (*wire.Server, error) {
	if !regions.Known(name) {
		return nil, nil
	}
	r, err := s.region(name)
	if err != nil {
		return nil, err
	}
	return r.server, nil
}

// region returns a Region and brings it up first if it has to.
func (s *Sandbox) region(name string) (*region, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.regions[name]; r != nil {
		return r, nil
	}
	if s.run != nil && s.run.Err() != nil {
		return nil, errors.New("the sandbox is closing")
	}
	a, dir := s.first, s.options.Dir
	if name != a.Region {
		a, dir = a.In(name), filepath.Join(dir, name)
	}
	s.store.Lock() // its tables are new to the store
	r, err := s.newRegion(a, dir)
	s.store.Unlock()
	if err != nil {
		return nil, err
	}
	s.regions[name] = r
	if s.run != nil {
		s.runRegion(r)
	}
	return r, nil
}

// firstRegion returns the account in the Region that a sandbox had first, home for
// a new one: the names of its tables do not say the Region.
func firstRegion(st *store.Store, home string) (*account.Account, error) {
	t, err := store.NewTable[string](st, "sandbox.first")
	if err != nil {
		return nil, err
	}
	const key = "region"
	first, ok := t.Get(key)
	if !ok {
		first = home
		st.Lock()
		t.Put(key, home)
		st.Unlock()
	}
	return &account.Account{Region: first, Store: st, Now: time.Now}, nil
}

// keptRegions returns the Regions that the names of tables say.
func keptRegions(tables []string) []string {
	var names []string
	for _, t := range tables {
		if name, _, ok := strings.Cut(t, "/"); ok && regions.Known(name) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// runRegion runs a Region's parts until Close.
func (s *Sandbox) runRegion(r *region) {
	for name, f := range r.run {
		s.part(name, func() error { return f(s.run) })
	}
}

// all returns the Regions that are up, the home Region among them.
func (s *Sandbox) all() []*region {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.regions))
}

// closeRegions saves what is left to save.
func (s *Sandbox) closeRegions() error {
	var errs []error
	for _, r := range s.all() {
		errs = append(errs, r.logs.Close())
	}
	return errors.Join(errs...)
}

// targets shows ECS the load balancer as far as it needs it.
type targets struct{ *elbv2.ELB }

func (t targets) TargetGroup(arn string) (ecs.TargetGroup, bool) {
	g, ok := t.ELB.TargetGroup(arn)
	return ecs.TargetGroup{Type: g.Type, LoadBalancers: g.LoadBalancerARNs}, ok
}

// LoadBalancers shows CloudWatch where a target group gets requests from.
func (t targets) LoadBalancers(arn string) []string {
	g, _ := t.ELB.TargetGroup(arn)
	return g.LoadBalancerARNs
}

// trusted shows the scheduler who may assume a role.
type trusted struct{ *iam.IAM }

func (t trusted) Trust(arn string) (string, bool) {
	r, ok := t.Role(arn)
	return r.Trust, ok
}
