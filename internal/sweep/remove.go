package sweep

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	scaling "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	scalingtypes "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/smithy-go"

	"workshop/internal/diagnose"
)

// limits bound Remove's waits.
type limits struct {
	service, balancer, network time.Duration // until tasks have stopped; a load balancer, a NAT gateway or an endpoint is gone
	passing                    time.Duration // for what AWS lets go of by itself
	settling                   time.Duration // for AWS to notice that what held a resource is gone
	poll, pollMost             time.Duration // the first and the longest pause between two looks
	say                        time.Duration // between two events of the same wait
}

var usual = limits{
	service: 10 * time.Minute, balancer: 10 * time.Minute, network: 10 * time.Minute,
	passing: 10 * time.Minute, settling: 30 * time.Second,
	poll: 200 * time.Millisecond, pollMost: 5 * time.Second, say: 20 * time.Second,
}

// Remove deletes resources (a Report's Left, or what Lost returned of it) by API,
// in dependency order, and emits what happens. Each is read again at the moment
// of its deletion and must carry both of the scope's tags then, or carry neither
// and live in something that does; else it is skipped. Deleting what is gone
// already counts as removed. A failure does not keep the rest from being
// deleted. All waits are bounded; the longest is ten minutes.
//
// The error is for a scope that names nothing and for a context that ended:
// Remove then stops before the next deletion, and the Removal says what was
// done. Emit is called from one goroutine at a time, and may be nil.
func Remove(ctx context.Context, cfg aws.Config, scope Scope, left []Leftover, emit func(Event)) (Removal, error) {
	if err := scope.check(); err != nil {
		return Removal{}, err
	}
	return connect(cfg, scope).remove(ctx, left, emit, usual)
}

func (c *cloud) remove(ctx context.Context, left []Leftover, emit func(Event), l limits) (Removal, error) {
	r := &remover{cloud: c, limits: l, emit: emit, total: len(left), staying: map[string]bool{}}
	out := Removal{Removed: []Leftover{}, Failed: []Failure{}, Skipped: []Failure{}, Untouched: []Leftover{}}
	ordered := inOrder(left)
	// What AWS deletes by itself is looked at last: most of it is gone then.
	slices.SortStableFunc(ordered, func(a, b Leftover) int { return cmp.Compare(last(a), last(b)) })
	for _, l := range ordered {
		if ctx.Err() != nil {
			out.Untouched = append(out.Untouched, l)
			continue
		}
		r.begin(l)
		err := r.one(ctx, l, len(out.Failed)+len(out.Skipped) == 0)
		var skip *skipped
		var held *heldError
		switch {
		case err == nil || errors.Is(err, errGone):
			out.Removed = append(out.Removed, l)
			message := ""
			if err != nil {
				message = "it was gone already"
			}
			r.end(EventRemoved, message)
		case errors.As(err, &skip):
			out.Skipped = append(out.Skipped, Failure{Resource: l, Reason: skip.reason})
			r.end(EventRemoveSkipped, skip.reason)
		case ctx.Err() != nil:
			f := Failure{Resource: l, Reason: "stopped while it was being deleted"}
			out.Failed = append(out.Failed, f)
			r.end(EventRemoveFailed, f.Reason)
		default:
			f := Failure{Resource: l, Reason: diagnose.Explain("delete "+l.String(), err).Error()}
			if errors.As(err, &held) {
				f.Reason, f.Holders = held.Error(), held.holders
			}
			out.Failed = append(out.Failed, f)
			r.end(EventRemoveFailed, f.Reason)
		}
	}
	return out, ctx.Err()
}

// remover deletes resources one after another.
type remover struct {
	*cloud
	limits
	emit        func(Event)
	done, total int
	staying     map[string]bool // the ids of holders of ours that a wait has not seen go

	current     Leftover
	began       time.Time
	lastMessage string
	lastSent    time.Time
}

func (r *remover) begin(l Leftover) {
	r.current, r.began, r.lastMessage = l, time.Now(), ""
	r.send(EventRemoving, "")
}

func (r *remover) end(t EventType, message string) {
	r.done++
	r.send(t, message)
}

// waiting says for what, when that is new or was said long ago.
func (r *remover) waiting(message string) {
	if message == r.lastMessage && time.Since(r.lastSent) < r.say {
		return
	}
	r.lastMessage, r.lastSent = message, time.Now()
	r.send(EventRemoveWaiting, message)
}

func (r *remover) send(t EventType, message string) {
	if r.emit != nil {
		now := time.Now()
		r.emit(Event{Type: t, Time: now.UTC(), Resource: r.current, Message: message, Elapsed: now.Sub(r.began), Done: r.done, Total: r.total})
	}
}

// errGone is for what does not exist any more.
var errGone = errors.New("gone already")

// skipped is for what must not be deleted.
type skipped struct{ reason string }

func (e *skipped) Error() string { return e.reason }

// heldError is for what something else still uses.
type heldError struct {
	resource Leftover
	holders  []Holder
	err      error
}

// Error names what is somebody's; what is ours, where that is all.
func (e *heldError) Error() string {
	var by []string
	for _, h := range e.holders {
		if h.Ours == e.holders[0].Ours { // somebody's come first
			by = append(by, h.String())
		}
	}
	if len(by) == 0 {
		return diagnose.Explain("delete "+e.resource.String(), e.err).Error()
	}
	return "could not delete " + e.resource.String() + ": " + strings.Join(by, "; ")
}

func (e *heldError) Unwrap() error { return e.err }

func last(l Leftover) int {
	if l.ByAWS {
		return 1
	}
	return 0
}

// one deletes a resource if it is the scope's at this moment. For what AWS
// deletes by itself it waits a little, if there is a point in that.
func (r *remover) one(ctx context.Context, l Leftover, wait bool) error {
	k := kindNamed(l.Kind)
	if k.remove == nil {
		return &skipped{"this program does not know how to delete it"}
	}
	tags, exists, err := k.look(r.cloud, ctx, l)
	switch {
	case err != nil:
		return err
	case !exists:
		return errGone
	case l.ByAWS && (!wait || r.untilGone(ctx, l, r.settling, "until AWS has deleted it, with what it belongs to") != nil):
		return &skipped{"AWS deletes it by itself, with what it belongs to"}
	case l.ByAWS:
		return nil
	case !r.claim(&l, tags):
		return &skipped{fmt.Sprintf("it does not carry the tags %s=%s and %s=%s", WorkshopTag, r.scope.Workshop, Tag, r.scope.WorkspaceID)}
	}
	if err := r.retry(ctx, l, func() error { return k.remove(r, ctx, l) }); err != nil && !missing(err) {
		return err
	}
	return nil
}

// retry repeats a deletion while AWS says that something still uses the
// resource: long if AWS is about to delete that by itself, until AWS must have
// noticed what was deleted before if it is ours, and not at all if it is
// somebody's, or was waited for in vain before: the tasks of a service that
// Terraform's state knows hold many things, and end only with the service.
func (r *remover) retry(ctx context.Context, l Leftover, f func() error) error {
	start, pause := time.Now(), r.poll
	for {
		err := f()
		if err == nil || !inUse(err) || ctx.Err() != nil {
			return err
		}
		holders, ask := r.holdersFor(ctx, l)
		if ask != nil {
			return errors.Join(err, ask)
		}
		bound, message := r.settling, "AWS says that something still uses it"
		if len(holders) > 0 { // the first is the one that goes last
			message = holders[0].String()
			switch {
			case holders[0].Passing:
				bound = r.passing
			case !holders[0].Ours || r.staying[holders[0].ID]:
				bound = 0
			}
		}
		if time.Since(start) >= bound {
			for _, h := range holders {
				r.staying[h.ID] = true
			}
			return &heldError{l, holders, err}
		}
		r.waiting(message)
		if err := r.sleep(ctx, &pause); err != nil {
			return err
		}
	}
}

// holdersFor asks what holds a resource, where that can be asked.
func (r *remover) holdersFor(ctx context.Context, l Leftover) ([]Holder, error) {
	switch l.Kind {
	case subnets, securityGroups, internetGateways, vpcs:
		return r.holders(ctx, l.ID)
	}
	return nil, nil
}

// inUse reports AWS's errors for what something else still uses, or AWS is still
// changing.
func inUse(err error) bool {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return false
	}
	switch api.ErrorCode() {
	case "DependencyViolation", "ResourceInUse", "ResourceInUseException", "InvalidIPAddress.InUse", "InvalidNetworkInterface.InUse",
		"ClusterContainsServicesException", "ClusterContainsTasksException", "UpdateInProgressException",
		"DeleteConflict", "ConcurrentModification", "ConcurrentUpdateException", "OperationAbortedException", "OperationInProgress":
		return true
	case "InvalidParameterValue": // of DeleteNetworkInterface
		return strings.Contains(api.ErrorMessage(), "currently in use")
	}
	return false
}

// sleep pauses, longer each time.
func (r *remover) sleep(ctx context.Context, pause *time.Duration) error {
	err := sleep(ctx, *pause)
	*pause = min(*pause*3/2, r.pollMost)
	return err
}

// until looks again and again until done, for the time of bound at most. What
// is waited for is for the events and the error.
func (r *remover) until(ctx context.Context, bound time.Duration, what string, done func() (bool, error)) error {
	start, pause := time.Now(), r.poll
	for {
		ok, err := done()
		if err != nil || ok {
			return err
		}
		if time.Since(start) > bound {
			return fmt.Errorf("waited %s %s, which did not end; run this again later", bound, what)
		}
		r.waiting("waiting " + what)
		if err := r.sleep(ctx, &pause); err != nil {
			return err
		}
	}
}

// untilGone waits until a look does not find the resource any more.
func (r *remover) untilGone(ctx context.Context, l Leftover, bound time.Duration, what string) error {
	return r.until(ctx, bound, what, func() (bool, error) {
		_, exists, err := kindNamed(l.Kind).look(r.cloud, ctx, l)
		return !exists, err
	})
}

func (r *remover) schedule(ctx context.Context, l Leftover) error {
	name := nameOf(l)
	_, err := r.cloud.schedule.DeleteSchedule(ctx, &scheduler.DeleteScheduleInput{Name: &name, GroupName: aws.String(scheduleGroup)})
	return err
}

// scalingTarget takes its policies and their alarms along.
func (r *remover) scalingTarget(ctx context.Context, l Leftover) error {
	id := l.ID
	if strings.HasPrefix(id, "arn:") {
		pages := scaling.NewDescribeScalableTargetsPaginator(r.scale, &scaling.DescribeScalableTargetsInput{ServiceNamespace: scalingtypes.ServiceNamespaceEcs})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return err
			}
			for _, t := range page.ScalableTargets {
				if aws.ToString(t.ScalableTargetARN) == l.ID {
					id = aws.ToString(t.ResourceId)
				}
			}
		}
	}
	_, err := r.scale.DeregisterScalableTarget(ctx, &scaling.DeregisterScalableTargetInput{
		ResourceId: &id, ServiceNamespace: scalingtypes.ServiceNamespaceEcs, ScalableDimension: scalingtypes.ScalableDimensionECSServiceDesiredCount,
	})
	return err
}

func (r *remover) service(ctx context.Context, l Leftover) error {
	cluster := clusterOf(l)
	// So that its tasks stop even if the service cannot be deleted.
	_, scaled := r.ecs.UpdateService(ctx, &ecs.UpdateServiceInput{Cluster: &cluster, Service: &l.ID, DesiredCount: aws.Int32(0)})
	if _, err := r.ecs.DeleteService(ctx, &ecs.DeleteServiceInput{Cluster: &cluster, Service: &l.ID, Force: aws.Bool(true)}); err != nil && !missing(err) {
		return errors.Join(err, scaled)
	}
	return r.untilGone(ctx, l, r.limits.service, "until the service's tasks have stopped")
}

func (r *remover) task(ctx context.Context, l Leftover) error {
	cluster := clusterOf(l)
	if _, err := r.ecs.StopTask(ctx, &ecs.StopTaskInput{Cluster: &cluster, Task: &l.ID, Reason: aws.String("the workshop's clean-up")}); err != nil {
		return err
	}
	return r.untilGone(ctx, l, r.limits.service, "until the task has stopped")
}

// loadBalancer takes its listeners along. Its network interfaces go a little
// later, and until then hold subnets, security groups and the gateway.
func (r *remover) loadBalancer(ctx context.Context, l Leftover) error {
	if _, err := r.elb.DeleteLoadBalancer(ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: &l.ID}); err != nil && !missing(err) {
		return err
	}
	_, path, ok := strings.Cut(l.ID, ":loadbalancer/")
	if !ok {
		return nil
	}
	return r.until(ctx, r.balancer, "until AWS has deleted the load balancer's network interfaces", func() (bool, error) {
		found, err := r.ec2.describe(ctx, "DescribeNetworkInterfaces", filter{"description", []string{"ELB " + path}})
		return len(found) == 0, err
	})
}

func (r *remover) targetGroup(ctx context.Context, l Leftover) error {
	_, err := r.elb.DeleteTargetGroup(ctx, &elb.DeleteTargetGroupInput{TargetGroupArn: &l.ID})
	return err
}

func (r *remover) taskDefinition(ctx context.Context, l Leftover) error {
	_, err := r.ecs.DeregisterTaskDefinition(ctx, &ecs.DeregisterTaskDefinitionInput{TaskDefinition: &l.ID})
	return err
}

func (r *remover) cluster(ctx context.Context, l Leftover) error {
	_, err := r.ecs.DeleteCluster(ctx, &ecs.DeleteClusterInput{Cluster: &l.ID})
	return err
}

func (r *remover) alarm(ctx context.Context, l Leftover) error {
	_, name, _ := strings.Cut(l.ID, ":alarm:")
	_, err := r.alarms.DeleteAlarms(ctx, &cloudwatch.DeleteAlarmsInput{AlarmNames: []string{name}})
	return err
}

// ec2Delete deletes with the action that takes no more than an id.
func ec2Delete(action, parameter string) func(*remover, context.Context, Leftover) error {
	return func(r *remover, ctx context.Context, l Leftover) error { return r.ec2.do(ctx, action, parameter, l.ID) }
}

func (r *remover) endpoint(ctx context.Context, l Leftover) error {
	if err := r.ec2.do(ctx, "DeleteVpcEndpoints", "VpcEndpointId.1", l.ID); err != nil && !missing(err) {
		return err
	}
	return r.untilGone(ctx, l, r.network, "until AWS has deleted the endpoint")
}

func (r *remover) natGateway(ctx context.Context, l Leftover) error {
	if err := r.ec2.do(ctx, "DeleteNatGateway", "NatGatewayId", l.ID); err != nil && !missing(err) {
		return err
	}
	return r.untilGone(ctx, l, r.network, "until AWS has deleted the NAT gateway")
}

func (r *remover) internetGateway(ctx context.Context, l Leftover) error {
	gateway, err := r.ec2One(ctx, internetGateways, l.ID)
	if err != nil || gateway == nil {
		return err
	}
	for _, at := range gateway.Attachments {
		if err := r.ec2.do(ctx, "DetachInternetGateway", "InternetGatewayId", l.ID, "VpcId", at.VPC); err != nil && !notAttached(err) {
			return err
		}
	}
	return r.ec2.do(ctx, "DeleteInternetGateway", "InternetGatewayId", l.ID)
}

func notAttached(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == "Gateway.NotAttached"
}

// securityGroup first revokes the rules of the scope's other groups that name
// this one: two groups that name each other could never be deleted.
func (r *remover) securityGroup(ctx context.Context, l Leftover) error {
	others, err := r.referring(ctx, l.ID)
	if err != nil {
		return err
	}
	for _, other := range others {
		if !other.Ours {
			continue
		}
		rules, err := r.ec2.describe(ctx, "DescribeSecurityGroupRules", filter{"group-id", []string{other.ID}})
		if err != nil {
			return err
		}
		for _, egress := range []bool{false, true} {
			parameters := []string{"GroupId", other.ID}
			for _, rule := range rules {
				if rule.Referenced == l.ID && rule.Egress == egress {
					parameters = append(parameters, "SecurityGroupRuleId."+strconv.Itoa(len(parameters)/2), rule.Rule)
				}
			}
			action := "RevokeSecurityGroupIngress"
			if egress {
				action = "RevokeSecurityGroupEgress"
			}
			if len(parameters) > 2 {
				if err := r.ec2.do(ctx, action, parameters...); err != nil && !missing(err) {
					return err
				}
			}
		}
	}
	return r.ec2.do(ctx, "DeleteSecurityGroup", "GroupId", l.ID)
}

func (r *remover) routeTable(ctx context.Context, l Leftover) error {
	table, err := r.ec2One(ctx, routeTables, l.ID)
	if err != nil || table == nil {
		return err
	}
	for _, a := range table.Associations {
		if a.Main {
			continue
		}
		if err := r.ec2.do(ctx, "DisassociateRouteTable", "AssociationId", a.ID); err != nil && !missing(err) {
			return err
		}
	}
	return r.ec2.do(ctx, "DeleteRouteTable", "RouteTableId", l.ID)
}

// role takes its own policies along and lets go of the others.
func (r *remover) role(ctx context.Context, l Leftover) error {
	name := nameOf(l)
	attached := iam.NewListAttachedRolePoliciesPaginator(r.iam, &iam.ListAttachedRolePoliciesInput{RoleName: &name})
	for attached.HasMorePages() {
		page, err := attached.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, p := range page.AttachedPolicies {
			if _, err := r.iam.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: &name, PolicyArn: p.PolicyArn}); err != nil && !missing(err) {
				return err
			}
		}
	}
	inline := iam.NewListRolePoliciesPaginator(r.iam, &iam.ListRolePoliciesInput{RoleName: &name})
	for inline.HasMorePages() {
		page, err := inline.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, p := range page.PolicyNames {
			if _, err := r.iam.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: &name, PolicyName: &p}); err != nil && !missing(err) {
				return err
			}
		}
	}
	_, err := r.iam.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: &name})
	return err
}

// policy takes its earlier versions along.
func (r *remover) policy(ctx context.Context, l Leftover) error {
	versions, err := r.iam.ListPolicyVersions(ctx, &iam.ListPolicyVersionsInput{PolicyArn: &l.ID})
	if err != nil {
		return err
	}
	for _, v := range versions.Versions {
		if v.IsDefaultVersion {
			continue
		}
		if _, err := r.iam.DeletePolicyVersion(ctx, &iam.DeletePolicyVersionInput{PolicyArn: &l.ID, VersionId: v.VersionId}); err != nil && !missing(err) {
			return err
		}
	}
	_, err = r.iam.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: &l.ID})
	return err
}

func (r *remover) logGroup(ctx context.Context, l Leftover) error {
	_, err := r.logs.DeleteLogGroup(ctx, &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: &l.ID})
	return err
}
