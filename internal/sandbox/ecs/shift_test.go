package ecs

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

const (
	blue  = group + "/blue"
	green = group + "/green"
	rule  = "arn:aws:elasticloadbalancing:eu-west-1:000000000000:listener-rule/app/web/1/2/3"
	tests = rule + "/test"
)

// shifting makes a service whose deployments shift traffic. Its rule forwards to blue.
func (w *world) shifting(c types.DeploymentConfiguration, change ...func(*types.AdvancedConfiguration)) {
	w.t.Helper()
	w.look(func() { w.targets.weights[rule] = map[string]int32{blue: 1} })
	w.service(func(in *ecs.CreateServiceInput) {
		c.DeploymentCircuitBreaker = in.DeploymentConfiguration.DeploymentCircuitBreaker
		a := &types.AdvancedConfiguration{
			AlternateTargetGroupArn: aws.String(green), ProductionListenerRule: aws.String(rule), RoleArn: aws.String("arn:aws:iam::000000000000:role/x"),
		}
		for _, f := range change {
			f(a)
		}
		in.DeploymentConfiguration, in.LoadBalancers[0].TargetGroupArn, in.LoadBalancers[0].AdvancedConfiguration = &c, aws.String(blue), a
	})
}

func (w *world) redeploy(image string) {
	w.t.Helper()
	must(w, w.updateService, &ecs.UpdateServiceInput{Cluster: aws.String("c"), Service: aws.String("web"), TaskDefinition: aws.String(w.register(image))})
}

// record is the service deployment that is the last.
func (w *world) record() types.ServiceDeployment {
	w.t.Helper()
	return must(w, w.describeServiceDeployments, &ecs.DescribeServiceDeploymentsInput{ServiceDeploymentArns: []string{*w.describe().CurrentServiceDeployment}}).ServiceDeployments[0]
}

// shares returns the weights of a rule for blue and green.
func (w *world) shares(rule string) (out [2]int32) {
	w.look(func() { out = [2]int32{w.targets.weights[rule][blue], w.targets.weights[rule][green]} })
	return out
}

// healthyIn is how many healthy targets a target group has.
func (w *world) healthyIn(arn string) (n int) {
	w.look(func() {
		for ip := range w.targets.since {
			if h, _, _ := w.targets.TargetHealth("", ip, 0); h == "healthy" && w.targets.in[ip] == arn {
				n++
			}
		}
	})
	return n
}

// follow watches a deployment until it is over. It notes each stage once, with the
// weights of blue and green, and fails where traffic goes to a group without a target.
func (w *world) follow() (out []string) {
	w.t.Helper()
	for range 1200 { // ten minutes; a stage is a second at least
		synctest.Wait() // the stage and the weights are of one moment
		r := w.record()
		shares := w.shares(rule)
		if now := fmt.Sprintf("%s %d/%d", r.LifecycleStage, shares[0], shares[1]); !slices.Contains(out, now) {
			out = append(out, now)
		}
		if len(r.SourceServiceRevisions) > 0 {
			for i, arn := range []string{blue, green} {
				if shares[i] > 0 && w.healthyIn(arn) == 0 {
					w.t.Fatalf("%s: %d%% of the traffic goes to %s, which has no healthy target", r.LifecycleStage, shares[i], arn)
				}
			}
		}
		if r.FinishedAt != nil {
			return out
		}
		time.Sleep(500 * time.Millisecond)
	}
	w.t.Fatalf("the deployment never ends: %s", strings.Join(out, ", "))
	return nil
}

// The stages and their order are those of the API reference, ServiceDeployment. The
// weights after the first deployment are those of a live record
// (go-to-k/cdk-real-drift#1730).
func TestBlueGreen(t *testing.T) {
	scenario(t, func(w *world) {
		w.shifting(types.DeploymentConfiguration{Strategy: types.DeploymentStrategyBlueGreen, BakeTimeInMinutes: aws.Int32(2)})
		first := []string{
			"PRE_SCALE_UP 1/0", "SCALE_UP 100/0", "POST_SCALE_UP 100/0", "PRODUCTION_TRAFFIC_SHIFT 100/0", "POST_PRODUCTION_TRAFFIC_SHIFT 0/100", "CLEAN_UP 0/100",
		}
		if got := w.follow(); !slices.Equal(got, first) {
			t.Errorf("first deployment: %q", got)
		}
		if s := w.until("steady", steady); w.healthyIn(green) != 2 || w.healthyIn(blue) != 0 {
			t.Errorf("%d in blue, %d in green; %v", w.healthyIn(blue), w.healthyIn(green), deployments(s))
		}
		before := w.record()
		w.redeploy("ghcr.io/stefanprodan/podinfo:6.9.3")
		began := time.Now()
		second := []string{
			"PRE_SCALE_UP 0/100", "SCALE_UP 0/100", "POST_SCALE_UP 0/100", "PRODUCTION_TRAFFIC_SHIFT 0/100",
			"POST_PRODUCTION_TRAFFIC_SHIFT 100/0", "BAKE_TIME 100/0", "CLEAN_UP 100/0",
		}
		if got := w.follow(); !slices.Equal(got, second) {
			t.Errorf("second deployment: %q", got)
		}
		if d := time.Since(began); d < 2*time.Minute || d > 4*time.Minute {
			t.Errorf("it took %s with a bake time of 2 minutes", d)
		}
		w.until("steady", steady)
		r := w.record()
		if w.healthyIn(blue) != 2 || w.healthyIn(green) != 0 || r.Status != types.ServiceDeploymentStatusSuccessful {
			t.Errorf("%d in blue, %d in green, %s", w.healthyIn(blue), w.healthyIn(green), r.Status)
		}
		if n := r.TargetServiceRevision; n.RunningTaskCount != 2 || *n.RequestedProductionTrafficWeight != 100 || n.RequestedTestTrafficWeight != nil {
			t.Errorf("target revision = %+v", n)
		}
		revisions := must(w, w.describeServiceRevisions, &ecs.DescribeServiceRevisionsInput{ServiceRevisionArns: []string{*before.TargetServiceRevision.Arn, *r.TargetServiceRevision.Arn}}).ServiceRevisions
		for i, want := range []string{green, blue} {
			if got := revisions[i].ResolvedConfiguration.LoadBalancers[0]; *got.TargetGroupArn != want || *got.ProductionListenerRule != rule {
				t.Errorf("revision %d is resolved to %s", i, *got.TargetGroupArn)
			}
		}
	})
}

func TestTestTrafficShiftsFirst(t *testing.T) {
	scenario(t, func(w *world) {
		w.look(func() { w.targets.weights[tests] = map[string]int32{blue: 1} })
		w.shifting(types.DeploymentConfiguration{Strategy: types.DeploymentStrategyBlueGreen, BakeTimeInMinutes: aws.Int32(0)},
			func(a *types.AdvancedConfiguration) { a.TestListenerRule = aws.String(tests) })
		stage := func(want types.ServiceDeploymentLifecycleStage) {
			t.Helper()
			for range 600 {
				synctest.Wait()
				if w.record().LifecycleStage == want {
					return
				}
				time.Sleep(100 * time.Millisecond)
			}
			t.Fatalf("never in %s", want)
		}
		stage(types.ServiceDeploymentLifecycleStagePostTestTrafficShift)
		if got := w.shares(tests); got != [2]int32{0, 100} || w.shares(rule) != [2]int32{100, 0} {
			t.Errorf("test rule %v, production rule %v", got, w.shares(rule))
		}
		if n := w.record().TargetServiceRevision; *n.RequestedTestTrafficWeight != 100 || *n.RequestedProductionTrafficWeight != 0 {
			t.Errorf("weights of the new revision: %v and %v", *n.RequestedTestTrafficWeight, *n.RequestedProductionTrafficWeight)
		}
		w.follow()
	})
}

func TestTrafficShiftsInSteps(t *testing.T) {
	for _, c := range []struct {
		name          string
		configuration types.DeploymentConfiguration
		weights       []string // of the production rule while its traffic shifts
		least, most   time.Duration
	}{
		{
			"canary", types.DeploymentConfiguration{
				Strategy: types.DeploymentStrategyCanary, BakeTimeInMinutes: aws.Int32(0),
				CanaryConfiguration: &types.CanaryConfiguration{CanaryPercent: aws.Float64(20), CanaryBakeTimeInMinutes: aws.Int32(3)},
			},
			[]string{"0/100", "20/80"}, 3 * time.Minute, 5 * time.Minute,
		}, {
			"linear", types.DeploymentConfiguration{
				Strategy: types.DeploymentStrategyLinear, BakeTimeInMinutes: aws.Int32(0),
				LinearConfiguration: &types.LinearConfiguration{StepPercent: aws.Float64(40), StepBakeTimeInMinutes: aws.Int32(1)},
			},
			[]string{"0/100", "40/60", "80/20"}, 2 * time.Minute, 4 * time.Minute,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			scenario(t, func(w *world) {
				w.shifting(c.configuration)
				w.until("steady", steady)
				w.redeploy("ghcr.io/stefanprodan/podinfo:6.9.3")
				began := time.Now()
				var got []string
				for _, line := range w.follow() {
					if shares, ok := strings.CutPrefix(line, "PRODUCTION_TRAFFIC_SHIFT "); ok {
						got = append(got, shares)
					}
				}
				if !slices.Equal(got, c.weights) || w.shares(rule) != [2]int32{100, 0} {
					t.Errorf("weights %v, at the end %v", got, w.shares(rule))
				}
				if d := time.Since(began); d < c.least || d > c.most {
					t.Errorf("it took %s", d)
				}
			})
		})
	}
}

// An image that is not there: the new tasks never get traffic, the old ones keep it.
func TestBlueGreenRollsBack(t *testing.T) {
	scenario(t, func(w *world) {
		w.shifting(types.DeploymentConfiguration{Strategy: types.DeploymentStrategyBlueGreen, BakeTimeInMinutes: aws.Int32(1)})
		before := w.until("steady", steady)
		w.redeploy("ghcr.io/stefanprodan/podinfo:0.0.0-nope")
		w.follow()
		s := w.until("steady", steady)
		if *s.Deployments[0].Id != *before.Deployments[0].Id || w.shares(rule) != [2]int32{0, 100} || w.healthyIn(green) != 2 {
			t.Errorf("%v, weights %v, %d healthy in green", deployments(s), w.shares(rule), w.healthyIn(green))
		}
		if r := w.record(); r.Status != types.ServiceDeploymentStatusRollbackSuccessful {
			t.Errorf("record = %s", r.Status)
		}
	})
}

// While both revisions run a rollback is immediate: the old tasks are still there.
func TestRollbackInTheBakeTime(t *testing.T) {
	scenario(t, func(w *world) {
		w.shifting(types.DeploymentConfiguration{Strategy: types.DeploymentStrategyBlueGreen, BakeTimeInMinutes: aws.Int32(10)})
		before := w.until("steady", steady)
		w.redeploy("ghcr.io/stefanprodan/podinfo:6.9.3")
		for w.record().LifecycleStage != types.ServiceDeploymentLifecycleStageBakeTime {
			time.Sleep(100 * time.Millisecond)
		}
		arn := w.describe().CurrentServiceDeployment
		must(w, w.stopServiceDeployment, &ecs.StopServiceDeploymentInput{ServiceDeploymentArn: arn, StopType: types.StopServiceDeploymentStopTypeRollback})
		if got := w.shares(rule); got != [2]int32{0, 100} || w.healthyIn(green) != 2 {
			t.Errorf("weights at once %v, %d healthy in green", got, w.healthyIn(green))
		}
		s := w.until("steady", steady)
		if *s.Deployments[0].Id != *before.Deployments[0].Id || w.healthyIn(blue) != 0 {
			t.Errorf("%v, %d healthy in blue", deployments(s), w.healthyIn(blue))
		}
	})
}

// A deployment on top of another one first clears away what has no traffic.
func TestReconcileService(t *testing.T) {
	scenario(t, func(w *world) {
		w.shifting(types.DeploymentConfiguration{Strategy: types.DeploymentStrategyBlueGreen, BakeTimeInMinutes: aws.Int32(1)})
		w.until("steady", steady)
		w.redeploy("ghcr.io/stefanprodan/podinfo:6.9.3")
		w.until("both revisions run", func(s types.Service) bool { return s.RunningCount == 4 })
		w.redeploy("ghcr.io/stefanprodan/podinfo:6.9.4")
		got := w.follow()
		if got[0] != "RECONCILE_SERVICE 0/100" || got[len(got)-1] != "CLEAN_UP 100/0" {
			t.Errorf("stages = %q", got)
		}
		if w.until("steady", steady); w.healthyIn(blue) != 2 || w.healthyIn(green) != 0 {
			t.Errorf("%d in blue, %d in green", w.healthyIn(blue), w.healthyIn(green))
		}
	})
}

// A rule that somebody deleted: nothing shifts, an event says why, and it goes on
// once the rule is there again.
func TestShiftWaitsForItsRule(t *testing.T) {
	scenario(t, func(w *world) {
		w.shifting(types.DeploymentConfiguration{Strategy: types.DeploymentStrategyBlueGreen, BakeTimeInMinutes: aws.Int32(0)})
		w.until("steady", steady)
		w.look(func() { delete(w.targets.weights, rule) })
		w.redeploy("ghcr.io/stefanprodan/podinfo:6.9.3")
		time.Sleep(time.Minute)
		const want = "(service web) (deployment D) The traffic cannot be shifted: RuleNotFound: One or more rules not found"
		if got := story(w.describe()); got[len(got)-1] != want {
			t.Errorf("events:\n%s", strings.Join(got, "\n"))
		}
		w.look(func() { w.targets.weights[rule] = map[string]int32{green: 100} })
		w.until("steady", steady)
	})
}

func TestShiftingServicesAreChecked(t *testing.T) {
	for _, c := range []struct {
		name, want string
		change     func(*ecs.CreateServiceInput)
	}{
		{"no configuration", "must have an advancedConfiguration when the deployment strategy is BLUE_GREEN", func(in *ecs.CreateServiceInput) { in.LoadBalancers[0].AdvancedConfiguration = nil }},
		{"no rule", "must have an alternateTargetGroupArn, a productionListenerRule and a roleArn", func(in *ecs.CreateServiceInput) {
			in.LoadBalancers[0].AdvancedConfiguration.ProductionListenerRule = nil
		}},
		{"missing group", "target group does not exist", func(in *ecs.CreateServiceInput) {
			in.LoadBalancers[0].AdvancedConfiguration.AlternateTargetGroupArn = aws.String("arn:aws:elasticloadbalancing:eu-west-1:000000000000:targetgroup/nope/1")
		}},
		{"same group", "must not be the same", func(in *ecs.CreateServiceInput) {
			in.LoadBalancers[0].AdvancedConfiguration.AlternateTargetGroupArn = aws.String(blue)
		}},
		{"missing rule", "does not exist, or does not forward", func(in *ecs.CreateServiceInput) {
			in.LoadBalancers[0].AdvancedConfiguration.ProductionListenerRule = aws.String(tests)
		}},
		{"hooks", "calls no lifecycle hooks", func(in *ecs.CreateServiceInput) {
			in.DeploymentConfiguration.LifecycleHooks = []types.DeploymentLifecycleHook{{HookTargetArn: aws.String("arn:aws:lambda:eu-west-1:000000000000:function:f")}}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			scenario(t, func(w *world) {
				w.shifting(types.DeploymentConfiguration{Strategy: types.DeploymentStrategyBlueGreen, BakeTimeInMinutes: aws.Int32(0)})
				in := &ecs.CreateServiceInput{
					Cluster: aws.String("c"), ServiceName: aws.String("other"), TaskDefinition: aws.String("web"), DesiredCount: aws.Int32(1), LaunchType: types.LaunchTypeFargate,
					NetworkConfiguration: vpc("subnet-a1"), DeploymentConfiguration: &types.DeploymentConfiguration{Strategy: types.DeploymentStrategyBlueGreen},
					LoadBalancers: []types.LoadBalancer{{
						TargetGroupArn: aws.String(blue), ContainerName: aws.String("app"), ContainerPort: aws.Int32(9898),
						AdvancedConfiguration: &types.AdvancedConfiguration{
							AlternateTargetGroupArn: aws.String(green), ProductionListenerRule: aws.String(rule), RoleArn: aws.String("arn:aws:iam::000000000000:role/x"),
						},
					}},
				}
				c.change(in)
				if _, err := call(w, w.createService, in); err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("error = %v", err)
				}
			})
		})
	}
}
