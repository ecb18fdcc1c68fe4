package sweep

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	scaling "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	scalingtypes "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	tagging "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	taggingtypes "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"golang.org/x/sync/errgroup"

	"workshop/internal/clean"
	"workshop/internal/diagnose"
)

const (
	questionTimeout = time.Minute      // the pauses between six attempts alone may take half of it
	callTimeout     = 20 * time.Second // of one attempt
	atOnce          = 6                // questions under way at the same time
	attempts        = 6                // of one call: a receipt proves nothing where one question is given up

	// tagsAtMost is the number of ARNs that elbv2's DescribeTags takes, and
	// describeAtMost of clusters or tasks that ECS describes at once;
	// DescribeServices takes 10.
	tagsAtMost     = 20
	describeAtMost = 100
	servicesAtMost = 10
	// valuesAtMost is the number of values that a filter of EC2 takes.
	valuesAtMost = 200
)

// question asks about one place, or about several that need one another.
type question struct {
	places []string
	ask    func(context.Context) ([]Leftover, error)
}

// Sweep asks AWS for everything that the scope's stack is made of: what carries
// both tags, and by its exact name what can carry none. It asks in 22
// places, some at the same time, each with a deadline; a question that AWS does
// not answer is in its Place's Err, with the reason, and leaves the report
// incomplete. The error is for a scope that names nothing and for a context
// that ended.
func Sweep(ctx context.Context, cfg aws.Config, scope Scope) (Report, error) {
	if err := scope.check(); err != nil {
		return Report{}, err
	}
	return connect(cfg, scope).sweep(ctx)
}

func (c *cloud) sweep(ctx context.Context) (Report, error) {
	questions := []question{
		{[]string{loadBalancers}, c.loadBalancers},
		{[]string{targetGroups}, c.targetGroups},
		{[]string{clusters, services, tasks}, c.clusters},
		{[]string{taskDefinitions}, c.taskDefinitions},
		{[]string{scalingTargets}, c.scalingTargets},
		{[]string{schedules}, c.schedules},
		{[]string{logGroups}, c.logGroups},
		{[]string{roles}, c.roles},
		{[]string{policies}, c.policies},
	}
	for _, place := range []string{vpcs, subnets, securityGroups, internetGateways, routeTables, networkACLs, natGateways, elasticIPs, endpoints} {
		questions = append(questions, question{[]string{place}, c.ec2Tagged(place)})
	}
	questions = append(questions, question{[]string{interfaces}, c.interfaces}, question{[]string{tagged}, c.tagged})

	left := make([][]Leftover, len(questions))
	errs := make([]error, len(questions))
	var g errgroup.Group
	g.SetLimit(atOnce)
	for i, q := range questions {
		g.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, questionTimeout)
			defer cancel()
			left[i], errs[i] = q.ask(ctx)
			return nil
		})
	}
	_ = g.Wait()
	last := len(questions) - 1
	left[last] = c.verified(ctx, left[last], slices.Concat(left[:last]...))
	if err := ctx.Err(); err != nil {
		return Report{}, err
	}
	return report(questions, left, errs), nil
}

// report puts the answers together. What the tagging service alone knows counts
// in the place that it belongs to.
func report(questions []question, left [][]Leftover, errs []error) Report {
	r := Report{AsOf: time.Now().UTC(), Left: []Leftover{}}
	all := slices.Concat(left...)
	asked := map[string]bool{}
	for _, q := range questions {
		for _, place := range q.places {
			asked[place] = true
		}
	}
	for i, q := range questions {
		for _, place := range q.places {
			p := Place{Name: place}
			if err := errs[i]; err != nil {
				p.Err = diagnose.Explain("ask for "+place, err).Error()
			}
			for _, l := range all {
				if l.Kind != place && (place != tagged || asked[l.Kind]) {
					continue
				}
				l.ID, l.Name = clean.Line(l.ID), clean.Line(l.Name)
				l.Note = cmp.Or(l.Note, kindNamed(l.Kind).note)
				p.Found++
				r.Left = append(r.Left, l)
			}
			r.Places = append(r.Places, p)
		}
	}
	return r
}

// verified looks at what the tagging service alone knows: it lists what was
// deleted for a while longer. What cannot be looked at stays, with a note.
func (c *cloud) verified(ctx context.Context, named, found []Leftover) []Leftover {
	known := map[string]bool{}
	for _, l := range found {
		known[l.ID], known[cmp.Or(l.ARN, l.ID)] = true, true
	}
	keep := make([]*Leftover, len(named))
	var g errgroup.Group
	g.SetLimit(atOnce)
	for i, l := range named {
		if known[l.ID] || known[l.ARN] {
			continue
		}
		g.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, questionTimeout)
			defer cancel()
			look := kindNamed(l.Kind).look
			if look == nil {
				l.Note = byTagOnly
				keep[i] = &l
				return nil
			}
			tags, exists, err := look(c, ctx, l)
			switch {
			case err != nil:
				l.Note = byTagOnly
				keep[i] = &l
			case exists && c.claim(&l, tags):
				keep[i] = &l
			}
			return nil
		})
	}
	_ = g.Wait()
	var left []Leftover
	for _, l := range keep {
		if l != nil {
			left = append(left, *l)
		}
	}
	return left
}

const byTagOnly = "named by its tag only; it may be deleted already"

func (c *cloud) loadBalancers(ctx context.Context) ([]Leftover, error) {
	var all []Leftover
	pages := elb.NewDescribeLoadBalancersPaginator(c.elb, &elb.DescribeLoadBalancersInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, lb := range page.LoadBalancers {
			arn := aws.ToString(lb.LoadBalancerArn)
			all = append(all, Leftover{Kind: loadBalancers, ID: arn, ARN: arn, Name: aws.ToString(lb.LoadBalancerName), Created: aws.ToTime(lb.CreatedTime)})
		}
	}
	return c.elbTagged(ctx, all)
}

func (c *cloud) targetGroups(ctx context.Context) ([]Leftover, error) {
	var all []Leftover
	pages := elb.NewDescribeTargetGroupsPaginator(c.elb, &elb.DescribeTargetGroupsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, tg := range page.TargetGroups {
			arn := aws.ToString(tg.TargetGroupArn)
			all = append(all, Leftover{Kind: targetGroups, ID: arn, ARN: arn, Name: aws.ToString(tg.TargetGroupName)})
		}
	}
	return c.elbTagged(ctx, all)
}

// elbTagged keeps those that are the scope's.
func (c *cloud) elbTagged(ctx context.Context, all []Leftover) ([]Leftover, error) {
	var left []Leftover
	for batch := range slices.Chunk(all, tagsAtMost) {
		in := &elb.DescribeTagsInput{}
		for _, l := range batch {
			in.ResourceArns = append(in.ResourceArns, l.ID)
		}
		out, err := c.elb.DescribeTags(ctx, in)
		if missing(err) { // one of them was deleted meanwhile
			for _, l := range batch {
				tags, _, err := c.lookBalancing(ctx, l)
				if err != nil {
					return nil, err
				}
				if c.claim(&l, tags) {
					left = append(left, l)
				}
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, d := range out.TagDescriptions {
			i := slices.IndexFunc(batch, func(l Leftover) bool { return l.ID == aws.ToString(d.ResourceArn) })
			if i >= 0 && c.claim(&batch[i], elbTags(d.Tags)) {
				left = append(left, batch[i])
			}
		}
	}
	return left, nil
}

// ourCluster is a cluster of the scope with its tags.
type ourCluster struct {
	Leftover
	tags map[string]string
}

func (c *cloud) ourClusters(ctx context.Context) ([]ourCluster, error) {
	var arns []string
	pages := ecs.NewListClustersPaginator(c.ecs, &ecs.ListClustersInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		arns = append(arns, page.ClusterArns...)
	}
	var ours []ourCluster
	for batch := range slices.Chunk(arns, describeAtMost) {
		out, err := c.ecs.DescribeClusters(ctx, &ecs.DescribeClustersInput{Clusters: batch, Include: []ecstypes.ClusterField{ecstypes.ClusterFieldTags}})
		if err != nil {
			return nil, err
		}
		for _, k := range out.Clusters {
			arn, tags := aws.ToString(k.ClusterArn), ecsTags(k.Tags)
			l := Leftover{Kind: clusters, ID: arn, ARN: arn, Name: aws.ToString(k.ClusterName)}
			if aws.ToString(k.Status) != "INACTIVE" && c.claim(&l, tags) {
				ours = append(ours, ourCluster{l, tags})
			}
		}
	}
	return ours, nil
}

// clusters finds the clusters, and in them services and tasks that carry no
// other workspace's tags.
func (c *cloud) clusters(ctx context.Context) ([]Leftover, error) {
	ours, err := c.ourClusters(ctx)
	if err != nil {
		return nil, err
	}
	var left []Leftover
	for _, k := range ours {
		left = append(left, k.Leftover)
		for _, inside := range []func(context.Context, ourCluster) ([]Leftover, error){c.servicesIn, c.runningIn} {
			found, err := inside(ctx, k)
			if err != nil {
				return nil, err
			}
			left = append(left, found...)
		}
	}
	return left, nil
}

func (c *cloud) servicesIn(ctx context.Context, k ourCluster) ([]Leftover, error) {
	var arns []string
	pages := ecs.NewListServicesPaginator(c.ecs, &ecs.ListServicesInput{Cluster: &k.ID})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		arns = append(arns, page.ServiceArns...)
	}
	var left []Leftover
	for batch := range slices.Chunk(arns, servicesAtMost) {
		out, err := c.ecs.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &k.ID, Services: batch, Include: []ecstypes.ServiceField{ecstypes.ServiceFieldTags}})
		if err != nil {
			return nil, err
		}
		for _, v := range out.Services {
			arn := aws.ToString(v.ServiceArn)
			l := Leftover{Kind: services, ID: arn, ARN: arn, Name: aws.ToString(v.ServiceName), Parent: k.ID, Created: aws.ToTime(v.CreatedAt)}
			if aws.ToString(v.Status) != "INACTIVE" && c.claim(&l, inherit(ecsTags(v.Tags), k.tags)) {
				left = append(left, l)
			}
		}
	}
	return left, nil
}

func (c *cloud) runningIn(ctx context.Context, k ourCluster) ([]Leftover, error) {
	all, err := c.tasksIn(ctx, k, ecstypes.DesiredStatusRunning)
	if err != nil {
		return nil, err
	}
	var left []Leftover
	for _, t := range all {
		if l := taskLeftover(t, k); c.claim(&l, inherit(ecsTags(t.Tags), k.tags)) {
			left = append(left, l)
		}
	}
	return left, nil
}

func taskLeftover(t ecstypes.Task, k ourCluster) Leftover {
	arn := aws.ToString(t.TaskArn)
	l := Leftover{Kind: tasks, ID: arn, ARN: arn, Name: arn[strings.LastIndexByte(arn, '/')+1:], Parent: k.ID, Created: aws.ToTime(t.CreatedAt)}
	// ECS stops the tasks of a service along with it.
	l.ByAWS = strings.HasPrefix(aws.ToString(t.Group), "service:")
	return l
}

func (c *cloud) tasksIn(ctx context.Context, k ourCluster, status ecstypes.DesiredStatus) ([]ecstypes.Task, error) {
	var all []ecstypes.Task
	pages := ecs.NewListTasksPaginator(c.ecs, &ecs.ListTasksInput{Cluster: &k.ID, DesiredStatus: status})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		if len(page.TaskArns) == 0 {
			continue
		}
		out, err := c.ecs.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: &k.ID, Tasks: page.TaskArns, Include: []ecstypes.TaskField{ecstypes.TaskFieldTags}})
		if err != nil {
			return nil, err
		}
		all = append(all, out.Tasks...)
	}
	return all, nil
}

// taskDefinitions finds those that are ACTIVE. A destroyed one becomes INACTIVE,
// stays listed for good and costs nothing.
func (c *cloud) taskDefinitions(ctx context.Context) ([]Leftover, error) {
	var left []Leftover
	families := ecs.NewListTaskDefinitionFamiliesPaginator(c.ecs, &ecs.ListTaskDefinitionFamiliesInput{Status: ecstypes.TaskDefinitionFamilyStatusActive})
	for families.HasMorePages() {
		page, err := families.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, family := range page.Families {
			if !c.candidate(family) {
				continue
			}
			found, err := c.revisions(ctx, family)
			if err != nil {
				return nil, err
			}
			left = append(left, found...)
		}
	}
	return left, nil
}

func (c *cloud) revisions(ctx context.Context, family string) ([]Leftover, error) {
	var left []Leftover
	pages := ecs.NewListTaskDefinitionsPaginator(c.ecs, &ecs.ListTaskDefinitionsInput{FamilyPrefix: &family, Status: ecstypes.TaskDefinitionStatusActive})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, arn := range page.TaskDefinitionArns {
			l := Leftover{Kind: taskDefinitions, ID: arn, ARN: arn, Name: arn[strings.LastIndexByte(arn, '/')+1:]}
			tags, exists, err := c.lookTaskDefinition(ctx, l)
			if err != nil {
				return nil, err
			}
			if exists && c.claim(&l, tags) {
				left = append(left, l)
			}
		}
	}
	return left, nil
}

func (c *cloud) scalingTargets(ctx context.Context) ([]Leftover, error) {
	var left []Leftover
	pages := scaling.NewDescribeScalableTargetsPaginator(c.scale, &scaling.DescribeScalableTargetsInput{ServiceNamespace: scalingtypes.ServiceNamespaceEcs})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, t := range page.ScalableTargets {
			l := Leftover{Kind: scalingTargets, ID: aws.ToString(t.ResourceId), ARN: aws.ToString(t.ScalableTargetARN), Created: aws.ToTime(t.CreationTime)}
			if cluster, ok := scaledCluster(l.ID); !ok || !c.candidate(cluster) {
				continue
			}
			tags, exists, err := c.scalingTags(ctx, t)
			if err != nil {
				return nil, err
			}
			if exists && c.claim(&l, tags) {
				left = append(left, l)
			}
		}
	}
	return left, nil
}

// schedules finds those that are named after one of the scope's clusters:
// schedules carry no tags.
func (c *cloud) schedules(ctx context.Context) ([]Leftover, error) {
	var left []Leftover
	prefix := c.scope.Name
	pages := scheduler.NewListSchedulesPaginator(c.schedule, &scheduler.ListSchedulesInput{GroupName: aws.String(scheduleGroup), NamePrefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, s := range page.Schedules {
			l := Leftover{Kind: schedules, ID: aws.ToString(s.Arn), ARN: aws.ToString(s.Arn), Name: aws.ToString(s.Name), Created: aws.ToTime(s.CreationDate)}
			cluster, ok := scheduledCluster(l.Name)
			if !ok || !c.candidate(cluster) {
				continue
			}
			tags, err := c.tagsOf(ctx, cluster)
			if err != nil {
				return nil, err
			}
			if c.claim(&l, tags) {
				left = append(left, l)
			}
		}
	}
	return left, nil
}

// logGroups finds those whose names may be the scope's; of others the tagging
// service knows.
func (c *cloud) logGroups(ctx context.Context) ([]Leftover, error) {
	var left []Leftover
	part := cmp.Or(c.scope.WorkspaceID, c.scope.Name)
	pages := cloudwatchlogs.NewDescribeLogGroupsPaginator(c.logs, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePattern: &part})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, g := range page.LogGroups {
			name := aws.ToString(g.LogGroupName)
			if !slices.ContainsFunc(strings.Split(name, "/"), c.candidate) {
				continue
			}
			arn := cmp.Or(aws.ToString(g.LogGroupArn), strings.TrimSuffix(aws.ToString(g.Arn), ":*"))
			tags, exists, err := c.logTags(ctx, name, arn)
			if err != nil {
				return nil, err
			}
			l := Leftover{Kind: logGroups, ID: name, ARN: arn, Name: name, Created: since(g.CreationTime)}
			if exists && c.claim(&l, tags) {
				left = append(left, l)
			}
		}
	}
	return left, nil
}

// roles lists all roles in few calls (1,000 a page) and reads the tags of those
// only whose names fit: the tagging service does not know roles.
func (c *cloud) roles(ctx context.Context) ([]Leftover, error) {
	var left []Leftover
	most := int32(1000)
	pages := iam.NewListRolesPaginator(c.iam, &iam.ListRolesInput{MaxItems: &most})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, r := range page.Roles {
			l := Leftover{Kind: roles, ID: aws.ToString(r.Arn), ARN: aws.ToString(r.Arn), Name: aws.ToString(r.RoleName), Created: aws.ToTime(r.CreateDate)}
			if !c.candidate(l.Name) {
				continue
			}
			tags, exists, err := c.lookRole(ctx, l)
			if err != nil {
				return nil, err
			}
			if exists && c.claim(&l, tags) {
				left = append(left, l)
			}
		}
	}
	return left, nil
}

// policies finds the account's own policies, like roles.
func (c *cloud) policies(ctx context.Context) ([]Leftover, error) {
	var left []Leftover
	most := int32(1000)
	pages := iam.NewListPoliciesPaginator(c.iam, &iam.ListPoliciesInput{Scope: iamtypes.PolicyScopeTypeLocal, MaxItems: &most})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, p := range page.Policies {
			l := Leftover{Kind: policies, ID: aws.ToString(p.Arn), ARN: aws.ToString(p.Arn), Name: aws.ToString(p.PolicyName), Created: aws.ToTime(p.CreateDate)}
			if !c.candidate(l.Name) {
				continue
			}
			tags, exists, err := c.lookPolicy(ctx, l)
			if err != nil {
				return nil, err
			}
			if exists && c.claim(&l, tags) {
				left = append(left, l)
			}
		}
	}
	return left, nil
}

// byTag are EC2's filters for the scope's two tags.
func (c *cloud) byTag() []filter {
	workspace := filter{"tag-key", []string{Tag}}
	if c.scope.WorkspaceID != "" {
		workspace = filter{"tag:" + Tag, []string{c.scope.WorkspaceID}}
	}
	return []filter{workspace, {"tag:" + WorkshopTag, []string{c.scope.Workshop}}}
}

// ec2Tagged asks for one kind of EC2's resources by the two tags.
func (c *cloud) ec2Tagged(kind string) func(context.Context) ([]Leftover, error) {
	return func(ctx context.Context) ([]Leftover, error) {
		k := ec2KindNamed(kind)
		found, err := c.ec2.describe(ctx, k.action, c.byTag()...)
		if err != nil {
			return nil, err
		}
		var left []Leftover
		for i := range found {
			l := k.leftover(&found[i])
			if !found[i].gone() && c.claim(&l, found[i].tags()) {
				left = append(left, l)
			}
		}
		return left, nil
	}
}

// interfaces finds the tagged network interfaces, and in the scope's VPCs those
// that AWS made, without tags, for one of its load balancers, tasks and so on.
func (c *cloud) interfaces(ctx context.Context) ([]Leftover, error) {
	left, err := c.ec2Tagged(interfaces)(ctx)
	if err != nil {
		return nil, err
	}
	networks, err := c.ec2.describe(ctx, "DescribeVpcs", c.byTag()...)
	if err != nil {
		return nil, err
	}
	var ours []string
	for i := range networks {
		if c.owner(networks[i].tags()) != "" {
			ours = append(ours, networks[i].VPC)
		}
	}
	var found []resource
	for batch := range slices.Chunk(ours, valuesAtMost) {
		inside, err := c.ec2.describe(ctx, "DescribeNetworkInterfaces", filter{"vpc-id", batch})
		if err != nil {
			return nil, err
		}
		found = append(found, inside...)
	}
	u := &users{cloud: c}
	for i := range found {
		if slices.ContainsFunc(left, func(l Leftover) bool { return l.ID == found[i].Interface }) {
			continue
		}
		user, err := u.of(ctx, &found[i])
		if err != nil {
			return nil, err
		}
		if !user.Ours {
			continue
		}
		l := ec2KindNamed(interfaces).leftover(&found[i])
		l.Workspace, l.Room, l.ByAWS = user.Workspace, user.Room, true
		if user.ID != l.ID {
			l.Parent = user.ID
		}
		left = append(left, l)
	}
	return left, nil
}

// tagged asks the tagging service for all that has the two tags, apart from the
// parts of other resources.
func (c *cloud) tagged(ctx context.Context) ([]Leftover, error) {
	workspace := taggingtypes.TagFilter{Key: aws.String(Tag)}
	if c.scope.WorkspaceID != "" {
		workspace.Values = []string{c.scope.WorkspaceID}
	}
	var left []Leftover
	pages := tagging.NewGetResourcesPaginator(c.tags, &tagging.GetResourcesInput{
		TagFilters: []taggingtypes.TagFilter{workspace, {Key: aws.String(WorkshopTag), Values: []string{c.scope.Workshop}}},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("the tagging service: %w", err)
		}
		for _, m := range page.ResourceTagMappingList {
			l, part := fromARN(aws.ToString(m.ResourceARN))
			if !part && c.claim(&l, taggingTags(m.Tags)) {
				left = append(left, l)
			}
		}
	}
	return left, nil
}
