package sweep

import (
	"cmp"
	"context"
	"errors"
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
	tagging "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	taggingtypes "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"
	"golang.org/x/sync/errgroup"

	"workshop/internal/clean"
	"workshop/internal/diagnose"
)

const (
	// Tag is the tag that default_tags puts on every resource; its value is the
	// workspace's id.
	Tag = "Workspace"

	questionTimeout = 20 * time.Second
	atOnce          = 6 // questions under way at the same time
	attempts        = 3

	// tagsAtMost is the number of ARNs that elbv2's DescribeTags takes, and
	// describeAtMost of clusters that DescribeClusters takes; DescribeServices
	// takes 10.
	tagsAtMost     = 20
	describeAtMost = 100
	servicesAtMost = 10
	// allTagsMost is how many load balancers or target groups have their tags
	// read whatever they are called; of more, those whose names fit.
	allTagsMost = 100
)

// Scope says whose resources to look for.
type Scope struct {
	// WorkspaceID is the value of the tag Workspace. It must not be empty.
	WorkspaceID string
	// Name is what names begin with: the configuration's variable name. It must
	// not be empty.
	Name string
	// Region is where to look; empty is the configuration's.
	Region string
}

// Names of the places, in the order in which a report lists them.
const (
	loadBalancers    = "load balancers"
	targetGroups     = "target groups"
	clusters         = "ECS clusters"
	services         = "ECS services"
	tasks            = "running tasks"
	taskDefinitions  = "task definitions"
	scalingTargets   = "scaling targets"
	logGroups        = "log groups"
	roles            = "IAM roles"
	vpcs             = "VPCs"
	subnets          = "subnets"
	securityGroups   = "security groups"
	internetGateways = "internet gateways"
	routeTables      = "route tables"
	natGateways      = "NAT gateways"
	elasticIPs       = "Elastic IPs"
	interfaces       = "network interfaces"
	tagged           = "anything else with the workspace's tag"
)

// notes say what each kind costs while it is left.
var notes = map[string]string{
	loadBalancers:    "costs about $0.03 an hour",
	natGateways:      "costs about $0.05 an hour",
	elasticIPs:       "costs $0.005 an hour",
	tasks:            "costs money by the second",
	services:         "starts tasks, which cost money",
	logGroups:        "costs cents for what it stores",
	targetGroups:     "costs nothing",
	clusters:         "costs nothing by itself",
	taskDefinitions:  "costs nothing",
	scalingTargets:   "costs nothing",
	roles:            "costs nothing",
	vpcs:             "costs nothing by itself",
	subnets:          "costs nothing",
	securityGroups:   "costs nothing",
	internetGateways: "costs nothing",
	routeTables:      "costs nothing",
	interfaces:       "costs nothing by itself; AWS deletes those of tasks and load balancers within minutes",
}

// question asks about one place, or about several that need one another.
type question struct {
	places []string
	ask    func(context.Context) ([]Leftover, error)
}

// Sweep asks AWS for everything that the scope's stack is made of. It asks in
// eighteen places, some at the same time, each with a deadline; a question that
// AWS refuses is in its Place's Err and leaves the report incomplete. The error
// is for a scope that names nothing and for a context that ended.
func Sweep(ctx context.Context, cfg aws.Config, scope Scope) (Report, error) {
	if scope.WorkspaceID == "" || scope.Name == "" {
		return Report{}, errors.New("sweep: the workspace's id and name must be known, or resources of others would be listed")
	}
	cfg = cfg.Copy()
	cfg.RetryMaxAttempts = attempts
	if scope.Region != "" {
		cfg.Region = scope.Region
	}
	s := &sweeper{
		scope: scope,
		elb:   elb.NewFromConfig(cfg),
		ecs:   ecs.NewFromConfig(cfg),
		logs:  cloudwatchlogs.NewFromConfig(cfg),
		iam:   iam.NewFromConfig(cfg),
		scale: scaling.NewFromConfig(cfg),
		tags:  tagging.NewFromConfig(cfg),
		ec2:   newEC2(cfg),
	}
	questions := []question{
		{[]string{loadBalancers}, s.loadBalancers},
		{[]string{targetGroups}, s.targetGroups},
		{[]string{clusters, services, tasks}, s.clusters},
		{[]string{taskDefinitions}, s.taskDefinitions},
		{[]string{scalingTargets}, s.scalingTargets},
		{[]string{logGroups}, s.logGroups},
		{[]string{roles}, s.roles},
		{[]string{vpcs}, s.ec2Tagged("DescribeVpcs", vpcs, func(r *resource) string { return r.VPC })},
		{[]string{subnets}, s.ec2Tagged("DescribeSubnets", subnets, func(r *resource) string { return r.Subnet })},
		{[]string{securityGroups}, s.ec2Tagged("DescribeSecurityGroups", securityGroups, func(r *resource) string { return r.Group })},
		{[]string{internetGateways}, s.ec2Tagged("DescribeInternetGateways", internetGateways, func(r *resource) string { return r.Gateway })},
		{[]string{routeTables}, s.ec2Tagged("DescribeRouteTables", routeTables, func(r *resource) string { return r.Table })},
		{[]string{natGateways}, s.ec2Tagged("DescribeNatGateways", natGateways, func(r *resource) string { return r.NAT })},
		{[]string{elasticIPs}, s.ec2Tagged("DescribeAddresses", elasticIPs, func(r *resource) string { return cmp.Or(r.Allocation, r.PublicIP) })},
		{[]string{interfaces}, s.interfaces},
		{[]string{tagged}, s.tagged},
	}

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
	if err := ctx.Err(); err != nil {
		return Report{}, err
	}
	return report(questions, left, errs), nil
}

// report puts the answers together. The tagging service lists what was deleted
// for a while longer, so what it names counts only where the service that it
// belongs to was not asked or did not answer.
func report(questions []question, left [][]Leftover, errs []error) Report {
	r := Report{AsOf: time.Now().UTC(), Left: []Leftover{}}
	answered := map[string]bool{}
	for i, q := range questions {
		for _, place := range q.places {
			answered[place] = errs[i] == nil
		}
	}
	for i, q := range questions {
		for _, place := range q.places {
			p := Place{Name: place}
			if err := errs[i]; err != nil {
				p.Err = diagnose.Explain("ask for "+place, err).Error()
			}
			for _, l := range left[i] {
				if place == tagged {
					if answered[l.Kind] {
						continue
					}
					l.Kind = cmp.Or(l.Kind, tagged)
					l.Note = "named by its tag only; it may be deleted already"
				} else if l.Kind != place {
					continue
				}
				l.ID, l.Name = clean.Line(l.ID), clean.Line(l.Name)
				l.Note = cmp.Or(l.Note, notes[l.Kind])
				p.Found++
				r.Left = append(r.Left, l)
			}
			r.Places = append(r.Places, p)
		}
	}
	return r
}

// sweeper asks the questions.
type sweeper struct {
	scope Scope
	elb   *elb.Client
	ecs   *ecs.Client
	logs  *cloudwatchlogs.Client
	iam   *iam.Client
	scale *scaling.Client
	tags  *tagging.Client
	ec2   *ec2
}

// ours reports that a name is one of the workspace's, where tags are not to be had.
func (s *sweeper) ours(name string) bool {
	return strings.Contains(name, s.scope.Name+"-"+s.scope.WorkspaceID)
}

func (s *sweeper) loadBalancers(ctx context.Context) ([]Leftover, error) {
	var all []Leftover
	pages := elb.NewDescribeLoadBalancersPaginator(s.elb, &elb.DescribeLoadBalancersInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, lb := range page.LoadBalancers {
			all = append(all, Leftover{Kind: loadBalancers, ID: aws.ToString(lb.LoadBalancerArn), Name: aws.ToString(lb.LoadBalancerName)})
		}
	}
	return s.elbTagged(ctx, all)
}

func (s *sweeper) targetGroups(ctx context.Context) ([]Leftover, error) {
	var all []Leftover
	pages := elb.NewDescribeTargetGroupsPaginator(s.elb, &elb.DescribeTargetGroupsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, tg := range page.TargetGroups {
			all = append(all, Leftover{Kind: targetGroups, ID: aws.ToString(tg.TargetGroupArn), Name: aws.ToString(tg.TargetGroupName)})
		}
	}
	return s.elbTagged(ctx, all)
}

// elbTagged keeps those with the workspace's tag.
func (s *sweeper) elbTagged(ctx context.Context, all []Leftover) ([]Leftover, error) {
	if len(all) > allTagsMost {
		all = slices.DeleteFunc(all, func(l Leftover) bool { return !strings.HasPrefix(l.Name, s.scope.Name) })
	}
	var left []Leftover
	for batch := range slices.Chunk(all, tagsAtMost) {
		in := &elb.DescribeTagsInput{}
		for _, l := range batch {
			in.ResourceArns = append(in.ResourceArns, l.ID)
		}
		out, err := s.elb.DescribeTags(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, d := range out.TagDescriptions {
			for _, t := range d.Tags {
				if aws.ToString(t.Key) != Tag || aws.ToString(t.Value) != s.scope.WorkspaceID {
					continue
				}
				i := slices.IndexFunc(batch, func(l Leftover) bool { return l.ID == aws.ToString(d.ResourceArn) })
				if i >= 0 {
					left = append(left, batch[i])
				}
			}
		}
	}
	return left, nil
}

// clusters finds the clusters, and in them services and tasks whoever made them.
func (s *sweeper) clusters(ctx context.Context) ([]Leftover, error) {
	var arns []string
	pages := ecs.NewListClustersPaginator(s.ecs, &ecs.ListClustersInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		arns = append(arns, page.ClusterArns...)
	}
	var left []Leftover
	for batch := range slices.Chunk(arns, describeAtMost) {
		out, err := s.ecs.DescribeClusters(ctx, &ecs.DescribeClustersInput{Clusters: batch, Include: []ecstypes.ClusterField{ecstypes.ClusterFieldTags}})
		if err != nil {
			return nil, err
		}
		for _, c := range out.Clusters {
			if aws.ToString(c.Status) == "INACTIVE" || !s.ecsTagged(c.Tags) {
				continue
			}
			left = append(left, Leftover{Kind: clusters, ID: aws.ToString(c.ClusterArn), Name: aws.ToString(c.ClusterName)})
			inside, err := s.inCluster(ctx, c.ClusterArn)
			if err != nil {
				return nil, err
			}
			left = append(left, inside...)
		}
	}
	return left, nil
}

func (s *sweeper) inCluster(ctx context.Context, cluster *string) ([]Leftover, error) {
	var arns []string
	pages := ecs.NewListServicesPaginator(s.ecs, &ecs.ListServicesInput{Cluster: cluster})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		arns = append(arns, page.ServiceArns...)
	}
	var left []Leftover
	for batch := range slices.Chunk(arns, servicesAtMost) {
		out, err := s.ecs.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: cluster, Services: batch})
		if err != nil {
			return nil, err
		}
		for _, v := range out.Services {
			if aws.ToString(v.Status) != "INACTIVE" {
				left = append(left, Leftover{Kind: services, ID: aws.ToString(v.ServiceArn), Name: aws.ToString(v.ServiceName)})
			}
		}
	}
	running := ecs.NewListTasksPaginator(s.ecs, &ecs.ListTasksInput{Cluster: cluster, DesiredStatus: ecstypes.DesiredStatusRunning})
	for running.HasMorePages() {
		page, err := running.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, arn := range page.TaskArns {
			left = append(left, Leftover{Kind: tasks, ID: arn})
		}
	}
	return left, nil
}

func (s *sweeper) ecsTagged(tags []ecstypes.Tag) bool {
	return slices.ContainsFunc(tags, func(t ecstypes.Tag) bool {
		return aws.ToString(t.Key) == Tag && aws.ToString(t.Value) == s.scope.WorkspaceID
	})
}

// taskDefinitions finds those that are ACTIVE. A destroyed one becomes INACTIVE,
// stays listed for good and costs nothing.
func (s *sweeper) taskDefinitions(ctx context.Context) ([]Leftover, error) {
	var left []Leftover
	families := ecs.NewListTaskDefinitionFamiliesPaginator(s.ecs, &ecs.ListTaskDefinitionFamiliesInput{
		FamilyPrefix: &s.scope.Name, Status: ecstypes.TaskDefinitionFamilyStatusActive,
	})
	for families.HasMorePages() {
		page, err := families.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, family := range page.Families {
			revisions := ecs.NewListTaskDefinitionsPaginator(s.ecs, &ecs.ListTaskDefinitionsInput{
				FamilyPrefix: &family, Status: ecstypes.TaskDefinitionStatusActive,
			})
			for revisions.HasMorePages() {
				page, err := revisions.NextPage(ctx)
				if err != nil {
					return nil, err
				}
				for _, arn := range page.TaskDefinitionArns {
					out, err := s.ecs.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{
						TaskDefinition: &arn, Include: []ecstypes.TaskDefinitionField{ecstypes.TaskDefinitionFieldTags},
					})
					if err != nil {
						return nil, err
					}
					if s.ecsTagged(out.Tags) {
						left = append(left, Leftover{Kind: taskDefinitions, ID: arn, Name: arn[strings.LastIndexByte(arn, '/')+1:]})
					}
				}
			}
		}
	}
	return left, nil
}

func (s *sweeper) scalingTargets(ctx context.Context) ([]Leftover, error) {
	var left []Leftover
	pages := scaling.NewDescribeScalableTargetsPaginator(s.scale, &scaling.DescribeScalableTargetsInput{ServiceNamespace: scalingtypes.ServiceNamespaceEcs})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, t := range page.ScalableTargets {
			if id := aws.ToString(t.ResourceId); s.ours(id) {
				left = append(left, Leftover{Kind: scalingTargets, ID: id})
			}
		}
	}
	return left, nil
}

// logGroups finds the tagged ones, and those that AWS makes by itself for the
// cluster's metrics, which have no tags.
func (s *sweeper) logGroups(ctx context.Context) ([]Leftover, error) {
	var left []Leftover
	pages := cloudwatchlogs.NewDescribeLogGroupsPaginator(s.logs, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePattern: &s.scope.Name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, g := range page.LogGroups {
			name := aws.ToString(g.LogGroupName)
			if !strings.Contains(name, s.scope.Name) {
				continue
			}
			mine := s.ours(name)
			if !mine {
				arn := cmp.Or(aws.ToString(g.LogGroupArn), strings.TrimSuffix(aws.ToString(g.Arn), ":*"))
				out, err := s.logs.ListTagsForResource(ctx, &cloudwatchlogs.ListTagsForResourceInput{ResourceArn: &arn})
				if err != nil {
					return nil, err
				}
				mine = out.Tags[Tag] == s.scope.WorkspaceID
			}
			if mine {
				left = append(left, Leftover{Kind: logGroups, ID: name, Name: name})
			}
		}
	}
	return left, nil
}

// roles lists all roles in few calls (1,000 a page) and reads the tags of those
// only whose names fit.
func (s *sweeper) roles(ctx context.Context) ([]Leftover, error) {
	var left []Leftover
	most := int32(1000)
	pages := iam.NewListRolesPaginator(s.iam, &iam.ListRolesInput{MaxItems: &most})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, r := range page.Roles {
			name := aws.ToString(r.RoleName)
			if !strings.HasPrefix(name, s.scope.Name) {
				continue
			}
			out, err := s.iam.ListRoleTags(ctx, &iam.ListRoleTagsInput{RoleName: &name})
			if err != nil {
				return nil, err
			}
			for _, t := range out.Tags {
				if aws.ToString(t.Key) == Tag && aws.ToString(t.Value) == s.scope.WorkspaceID {
					left = append(left, Leftover{Kind: roles, ID: aws.ToString(r.Arn), Name: name})
				}
			}
		}
	}
	return left, nil
}

// ec2Tagged asks for one kind of EC2's resources by the workspace's tag.
func (s *sweeper) ec2Tagged(action, kind string, id func(*resource) string) func(context.Context) ([]Leftover, error) {
	return func(ctx context.Context) ([]Leftover, error) {
		found, err := s.ec2.describe(ctx, action, filter{"tag:" + Tag, []string{s.scope.WorkspaceID}})
		if err != nil {
			return nil, err
		}
		var left []Leftover
		for i := range found {
			r := &found[i]
			l := Leftover{Kind: kind, ID: id(r), Name: cmp.Or(r.name(), r.GroupName)}
			switch r.State {
			case "deleted":
				continue
			case "deleting":
				l.Note = "AWS is deleting it"
			}
			left = append(left, l)
		}
		return left, nil
	}
}

// interfaces finds network interfaces in the workspace's VPCs: ECS and the load
// balancer make them, and do not tag them.
func (s *sweeper) interfaces(ctx context.Context) ([]Leftover, error) {
	mine := filter{"tag:" + Tag, []string{s.scope.WorkspaceID}}
	networks, err := s.ec2.describe(ctx, "DescribeVpcs", mine)
	if err != nil {
		return nil, err
	}
	found, err := s.ec2.describe(ctx, "DescribeNetworkInterfaces", mine)
	if err != nil {
		return nil, err
	}
	if len(networks) > 0 {
		inside := filter{name: "vpc-id"}
		for _, n := range networks {
			inside.values = append(inside.values, n.VPC)
		}
		more, err := s.ec2.describe(ctx, "DescribeNetworkInterfaces", inside)
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	var left []Leftover
	for i := range found {
		r := &found[i]
		if !slices.ContainsFunc(left, func(l Leftover) bool { return l.ID == r.Interface }) {
			left = append(left, Leftover{Kind: interfaces, ID: r.Interface, Name: cmp.Or(r.name(), r.Description)})
		}
	}
	return left, nil
}

// tagged asks the tagging service for the ARNs of all that has the tag. The
// Kind of each is the place that it belongs to; empty where no place is.
func (s *sweeper) tagged(ctx context.Context) ([]Leftover, error) {
	var left []Leftover
	key := Tag
	pages := tagging.NewGetResourcesPaginator(s.tags, &tagging.GetResourcesInput{
		TagFilters: []taggingtypes.TagFilter{{Key: &key, Values: []string{s.scope.WorkspaceID}}},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, m := range page.ResourceTagMappingList {
			arn := aws.ToString(m.ResourceARN)
			left = append(left, Leftover{Kind: kindOf(arn), ID: arn})
		}
	}
	return left, nil
}

// kinds are the places by the service of an ARN and the beginning of its
// resource. What is part of something else has that one's place.
var kinds = []struct{ service, resource, place string }{
	{"elasticloadbalancing", "loadbalancer/", loadBalancers},
	{"elasticloadbalancing", "listener/", loadBalancers},
	{"elasticloadbalancing", "listener-rule/", loadBalancers},
	{"elasticloadbalancing", "targetgroup/", targetGroups},
	{"ecs", "cluster/", clusters},
	{"ecs", "service/", services},
	{"ecs", "task/", tasks},
	{"ecs", "task-definition/", taskDefinitions},
	{"application-autoscaling", "scalable-target/", scalingTargets},
	{"logs", "log-group:", logGroups},
	{"iam", "role/", roles},
	{"ec2", "vpc/", vpcs},
	{"ec2", "subnet/", subnets},
	{"ec2", "security-group/", securityGroups},
	{"ec2", "security-group-rule/", securityGroups},
	{"ec2", "internet-gateway/", internetGateways},
	{"ec2", "route-table/", routeTables},
	{"ec2", "natgateway/", natGateways},
	{"ec2", "elastic-ip/", elasticIPs},
	{"ec2", "network-interface/", interfaces},
}

// kindOf is the place of what an ARN names; empty for none.
func kindOf(arn string) string {
	parts := strings.SplitN(arn, ":", 6) // arn:partition:service:region:account:resource
	if len(parts) < 6 {
		return ""
	}
	for _, k := range kinds {
		if parts[2] == k.service && strings.HasPrefix(parts[5], k.resource) {
			return k.place
		}
	}
	return ""
}
