package sweep

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	scaling "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	scalingtypes "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	tagging "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	taggingtypes "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/smithy-go"
)

// cloud is the account in one Region, seen by one scope. A scope without a
// WorkspaceID sees all deployments of the workshop.
type cloud struct {
	scope    Scope
	elb      *elb.Client
	ecs      *ecs.Client
	logs     *cloudwatchlogs.Client
	iam      *iam.Client
	scale    *scaling.Client
	schedule *scheduler.Client
	alarms   *cloudwatch.Client
	tags     *tagging.Client
	ec2      *ec2
}

// patient is the client of configurations that have none: shared, so that
// connections are used again.
var patient = awshttp.NewBuildableClient().WithTimeout(callTimeout)

func connect(cfg aws.Config, scope Scope) *cloud {
	cfg = cfg.Copy()
	cfg.RetryMaxAttempts = attempts
	if scope.Region != "" {
		cfg.Region = scope.Region
	}
	switch client := cfg.HTTPClient.(type) {
	case nil:
		cfg.HTTPClient = patient
	case *awshttp.BuildableClient: // what the SDK's default configuration has
		cfg.HTTPClient = client.WithTimeout(callTimeout)
	}
	scope.Workshop = cmp.Or(scope.Workshop, Workshop)
	return &cloud{
		scope:    scope,
		elb:      elb.NewFromConfig(cfg),
		ecs:      ecs.NewFromConfig(cfg),
		logs:     cloudwatchlogs.NewFromConfig(cfg),
		iam:      iam.NewFromConfig(cfg),
		scale:    scaling.NewFromConfig(cfg),
		schedule: scheduler.NewFromConfig(cfg),
		alarms:   cloudwatch.NewFromConfig(cfg),
		tags:     tagging.NewFromConfig(cfg),
		ec2:      newEC2(cfg),
	}
}

// owner returns the id of the scope's workspace that a resource with these tags
// belongs to; empty for somebody else's.
func (c *cloud) owner(tags map[string]string) string {
	if tags[WorkshopTag] != c.scope.Workshop || c.scope.WorkspaceID != "" && tags[Tag] != c.scope.WorkspaceID {
		return ""
	}
	return tags[Tag]
}

// inherit returns the tags that decide whose a resource is: its own, or those of
// what it lives in where it carries neither of the two tags.
func inherit(own, parent map[string]string) map[string]string {
	for _, t := range []string{Tag, WorkshopTag} {
		if _, ok := own[t]; ok {
			return own
		}
	}
	return parent
}

// claim completes a resource with what its tags say and reports whether it is
// the scope's.
func (c *cloud) claim(l *Leftover, tags map[string]string) bool {
	l.Workspace, l.Room = c.owner(tags), tags[RoomTag]
	return l.Workspace != ""
}

// candidate reports whether a name may be one of the scope's, where reading the
// tags of every resource of the account would take too long. Tags decide.
func (c *cloud) candidate(name string) bool {
	if c.scope.WorkspaceID == "" {
		return strings.HasPrefix(name, c.scope.Name)
	}
	return hasWord(name, c.scope.WorkspaceID)
}

// hasWord reports whether word stands in a name with neither a letter nor a
// digit beside it: "a" is a word of "workshop-a-task", not of "workshop-ab".
func hasWord(name, word string) bool {
	for from := 0; ; {
		i := strings.Index(name[from:], word)
		if i < 0 {
			return false
		}
		begin, end := from+i, from+i+len(word)
		if (begin == 0 || !alphanumeric(name[begin-1])) && (end == len(name) || !alphanumeric(name[end])) {
			return true
		}
		from = begin + 1
	}
}

func alphanumeric(b byte) bool {
	return '0' <= b && b <= '9' || 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z'
}

// missing reports AWS's errors for a resource that does not exist (any more).
func missing(err error) bool {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return false
	}
	code, text := api.ErrorCode(), api.ErrorMessage()
	switch code {
	case "NoSuchEntity", "ServiceNotActiveException":
		return true
	case "ClientException": // of DescribeTaskDefinition and DeregisterTaskDefinition
		return strings.Contains(text, "Unable to describe task definition") || strings.Contains(text, "in the process of being deleted")
	case "InvalidParameterException": // of StopTask
		return strings.Contains(text, "task was not found")
	}
	return strings.Contains(code, "NotFound")
}

// The tags of each service, as a map.

func ecsTags(tags []ecstypes.Tag) map[string]string {
	return tagMap(tags, func(t ecstypes.Tag) (*string, *string) { return t.Key, t.Value })
}

func elbTags(tags []elbtypes.Tag) map[string]string {
	return tagMap(tags, func(t elbtypes.Tag) (*string, *string) { return t.Key, t.Value })
}

func iamTags(tags []iamtypes.Tag) map[string]string {
	return tagMap(tags, func(t iamtypes.Tag) (*string, *string) { return t.Key, t.Value })
}

func taggingTags(tags []taggingtypes.Tag) map[string]string {
	return tagMap(tags, func(t taggingtypes.Tag) (*string, *string) { return t.Key, t.Value })
}

func alarmTags(tags []cloudwatchtypes.Tag) map[string]string {
	return tagMap(tags, func(t cloudwatchtypes.Tag) (*string, *string) { return t.Key, t.Value })
}

func tagMap[T any](tags []T, pair func(T) (key, value *string)) map[string]string {
	m := make(map[string]string, len(tags))
	for _, t := range tags {
		k, v := pair(t)
		m[aws.ToString(k)] = aws.ToString(v)
	}
	return m
}

// looked is what a look returns after an error or an absence.
func looked(err error) (map[string]string, bool, error) {
	if missing(err) {
		err = nil
	}
	return nil, false, err
}

func ec2Look(c *cloud, ctx context.Context, l Leftover) (map[string]string, bool, error) {
	r, err := c.ec2One(ctx, l.Kind, l.ID)
	if r == nil {
		return nil, false, err
	}
	return r.tags(), true, nil
}

// ec2One describes one resource of a kind; it returns nil for one that is gone.
func (c *cloud) ec2One(ctx context.Context, kind, id string) (*resource, error) {
	k := ec2KindNamed(kind)
	found, err := c.ec2.describe(ctx, k.action, filter{k.filter, []string{id}})
	if missing(err) {
		return nil, nil
	}
	for i := range found {
		if k.id(&found[i]) == id && !found[i].gone() {
			return &found[i], nil
		}
	}
	return nil, err
}

// lookBalancing is for load balancers and target groups.
func (c *cloud) lookBalancing(ctx context.Context, l Leftover) (map[string]string, bool, error) {
	out, err := c.elb.DescribeTags(ctx, &elb.DescribeTagsInput{ResourceArns: []string{l.ID}})
	if err != nil {
		return looked(err)
	}
	for _, d := range out.TagDescriptions {
		if aws.ToString(d.ResourceArn) == l.ID {
			return elbTags(d.Tags), true, nil
		}
	}
	return nil, false, nil
}

func (c *cloud) lookCluster(ctx context.Context, l Leftover) (map[string]string, bool, error) {
	out, err := c.ecs.DescribeClusters(ctx, &ecs.DescribeClustersInput{Clusters: []string{l.ID}, Include: []ecstypes.ClusterField{ecstypes.ClusterFieldTags}})
	if err != nil {
		return looked(err)
	}
	for _, k := range out.Clusters {
		if aws.ToString(k.Status) != "INACTIVE" {
			return ecsTags(k.Tags), true, nil
		}
	}
	return nil, false, nil
}

// clusterTags are the tags of a cluster by name or ARN, nil for none.
func (c *cloud) clusterTags(ctx context.Context, cluster string) (map[string]string, error) {
	tags, _, err := c.lookCluster(ctx, Leftover{ID: cluster})
	return tags, err
}

func (c *cloud) lookService(ctx context.Context, l Leftover) (map[string]string, bool, error) {
	cluster := clusterOf(l)
	out, err := c.ecs.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &cluster, Services: []string{l.ID}, Include: []ecstypes.ServiceField{ecstypes.ServiceFieldTags}})
	if err != nil {
		return looked(err)
	}
	for _, s := range out.Services {
		if aws.ToString(s.Status) != "INACTIVE" {
			parent, err := c.clusterTags(ctx, cluster)
			return inherit(ecsTags(s.Tags), parent), true, err
		}
	}
	return nil, false, nil
}

func (c *cloud) lookTask(ctx context.Context, l Leftover) (map[string]string, bool, error) {
	cluster := clusterOf(l)
	out, err := c.ecs.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: &cluster, Tasks: []string{l.ID}, Include: []ecstypes.TaskField{ecstypes.TaskFieldTags}})
	if err != nil {
		return looked(err)
	}
	for _, t := range out.Tasks {
		if aws.ToString(t.LastStatus) != "STOPPED" {
			parent, err := c.clusterTags(ctx, cluster)
			return inherit(ecsTags(t.Tags), parent), true, err
		}
	}
	return nil, false, nil
}

// clusterOf is the cluster of a service or task: its parent, or what its ARN
// says (arn:aws:ecs:region:account:service/cluster/name).
func clusterOf(l Leftover) string {
	if l.Parent != "" {
		return l.Parent
	}
	if f := strings.Split(l.ID, "/"); len(f) == 3 {
		return f[1]
	}
	return "default"
}

func (c *cloud) lookTaskDefinition(ctx context.Context, l Leftover) (map[string]string, bool, error) {
	out, err := c.ecs.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: &l.ID, Include: []ecstypes.TaskDefinitionField{ecstypes.TaskDefinitionFieldTags}})
	if err != nil {
		return looked(err)
	}
	if out.TaskDefinition == nil || out.TaskDefinition.Status != ecstypes.TaskDefinitionStatusActive {
		return nil, false, nil
	}
	return ecsTags(out.Tags), true, nil
}

// lookScalingTarget finds a target by its resource id, or by its ARN where that
// is all that is known.
func (c *cloud) lookScalingTarget(ctx context.Context, l Leftover) (map[string]string, bool, error) {
	in := &scaling.DescribeScalableTargetsInput{ServiceNamespace: scalingtypes.ServiceNamespaceEcs}
	if !strings.HasPrefix(l.ID, "arn:") {
		in.ResourceIds = []string{l.ID}
	}
	pages := scaling.NewDescribeScalableTargetsPaginator(c.scale, in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return looked(err)
		}
		for _, t := range page.ScalableTargets {
			if aws.ToString(t.ResourceId) == l.ID || aws.ToString(t.ScalableTargetARN) == l.ID {
				return c.scalingTags(ctx, t)
			}
		}
	}
	return nil, false, nil
}

// scalingTags are a target's own, or those of the cluster in its resource id.
func (c *cloud) scalingTags(ctx context.Context, t scalingtypes.ScalableTarget) (map[string]string, bool, error) {
	own := map[string]string{}
	if t.ScalableTargetARN != nil {
		out, err := c.scale.ListTagsForResource(ctx, &scaling.ListTagsForResourceInput{ResourceARN: t.ScalableTargetARN})
		if err != nil {
			return looked(err)
		}
		own = out.Tags
	}
	if _, ok := own[Tag]; ok {
		return own, true, nil
	}
	cluster, ok := scaledCluster(aws.ToString(t.ResourceId))
	if !ok {
		return own, true, nil
	}
	parent, err := c.tagsOf(ctx, cluster)
	return inherit(own, parent), true, err
}

// tagsOf are the tags of what is named after a cluster and carries none: the
// cluster's, also where that is gone.
func (c *cloud) tagsOf(ctx context.Context, cluster string) (map[string]string, error) {
	tags, exists, err := c.lookCluster(ctx, Leftover{ID: cluster})
	if err == nil && !exists {
		tags = c.named(cluster)
	}
	return tags, err
}

// scheduleGroup is the group that the bundled configuration's schedules are in.
const scheduleGroup = "default"

// scheduledCluster is the cluster whose service a schedule of the bundled
// configuration stops: ttl.tf names them after it.
func scheduledCluster(schedule string) (string, bool) {
	for _, suffix := range []string{"-ttl-minimum", "-ttl"} {
		if cluster, ok := strings.CutSuffix(schedule, suffix); ok {
			return cluster, true
		}
	}
	return "", false
}

func (c *cloud) lookSchedule(ctx context.Context, l Leftover) (map[string]string, bool, error) {
	name := nameOf(l)
	if _, err := c.schedule.GetSchedule(ctx, &scheduler.GetScheduleInput{Name: &name, GroupName: aws.String(scheduleGroup)}); err != nil {
		return looked(err)
	}
	cluster, ok := scheduledCluster(name)
	if !ok {
		return nil, true, nil
	}
	tags, err := c.tagsOf(ctx, cluster)
	return tags, true, err
}

// scaledCluster is the cluster in service/cluster/name.
func scaledCluster(id string) (string, bool) {
	f := strings.Split(id, "/")
	if len(f) != 3 || f[0] != "service" {
		return "", false
	}
	return f[1], true
}

// named returns the tags that what is called exactly as the scope's cluster, in
// a path, would have; nil for any other name. It is for what outlives its
// cluster and carries no tags.
func (c *cloud) named(cluster string) map[string]string {
	if c.scope.WorkspaceID == "" || cluster != c.scope.stackName() {
		return nil
	}
	return map[string]string{WorkshopTag: c.scope.Workshop, Tag: c.scope.WorkspaceID}
}

func (c *cloud) lookLogGroup(ctx context.Context, l Leftover) (map[string]string, bool, error) {
	pages := cloudwatchlogs.NewDescribeLogGroupsPaginator(c.logs, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: &l.ID})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return looked(err)
		}
		for _, g := range page.LogGroups {
			if aws.ToString(g.LogGroupName) != l.ID {
				continue
			}
			arn := cmp.Or(aws.ToString(g.LogGroupArn), strings.TrimSuffix(aws.ToString(g.Arn), ":*"))
			return c.logTags(ctx, l.ID, arn)
		}
	}
	return nil, false, nil
}

// logTags are a log group's own, or those of the cluster whose metrics are in it.
func (c *cloud) logTags(ctx context.Context, name, arn string) (map[string]string, bool, error) {
	out, err := c.logs.ListTagsForResource(ctx, &cloudwatchlogs.ListTagsForResourceInput{ResourceArn: &arn})
	if err != nil {
		return looked(err)
	}
	f := strings.Split(name, "/")
	if _, ok := out.Tags[Tag]; ok || len(f) != 6 || name != insightsGroup(f[4]) {
		return out.Tags, true, nil
	}
	parent, exists, err := c.lookCluster(ctx, Leftover{ID: f[4]})
	if err == nil && !exists {
		parent = c.named(f[4])
	}
	return inherit(out.Tags, parent), true, err
}

func (c *cloud) lookRole(ctx context.Context, l Leftover) (map[string]string, bool, error) {
	name := nameOf(l)
	out, err := c.iam.ListRoleTags(ctx, &iam.ListRoleTagsInput{RoleName: &name})
	if err != nil {
		return looked(err)
	}
	return iamTags(out.Tags), true, nil
}

// nameOf is the last element of an ARN's path.
func nameOf(l Leftover) string { return l.ID[strings.LastIndexByte(l.ID, '/')+1:] }

func (c *cloud) lookPolicy(ctx context.Context, l Leftover) (map[string]string, bool, error) {
	out, err := c.iam.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: &l.ID})
	if err != nil || out.Policy == nil {
		return looked(err)
	}
	return iamTags(out.Policy.Tags), true, nil
}

func (c *cloud) lookAlarm(ctx context.Context, l Leftover) (map[string]string, bool, error) {
	out, err := c.alarms.ListTagsForResource(ctx, &cloudwatch.ListTagsForResourceInput{ResourceARN: &l.ID})
	if err != nil {
		return looked(err)
	}
	return alarmTags(out.Tags), true, nil
}

// since is a time that AWS gives in milliseconds, zero for none.
func since(milliseconds *int64) time.Time {
	if milliseconds == nil {
		return time.Time{}
	}
	return time.UnixMilli(*milliseconds).UTC()
}
