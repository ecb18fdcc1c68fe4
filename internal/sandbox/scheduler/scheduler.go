// Package scheduler is the sandbox's EventBridge Scheduler: schedules and their
// groups. One-time schedules call operations of the sandbox's other services at
// their time; recurring ones are kept and never run.
package scheduler

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sched "github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"workshop/internal/sandbox/account"
	"workshop/internal/sandbox/store"
	"workshop/internal/sandbox/tags"
	"workshop/internal/sandbox/wire"
)

// Timing is the service's part of the sandbox's speed.
type Timing struct {
	Look time.Duration // how often is looked for schedules whose time has come
}

// Real and Fast fire within that time of the schedule's; AWS's schedules fire
// within a minute of theirs.
var (
	Real = Timing{Look: time.Second}
	Fast = Timing{Look: 100 * time.Millisecond}
)

// defaultGroup is the group that always exists.
const defaultGroup = "default"

// pageSize is how many entries a list has where the request does not say.
const pageSize = 100

// Roles finds IAM roles. It needs the sandbox's lock.
type Roles interface {
	// Trust returns the document that says who may assume a role, by the role's
	// ARN.
	Trust(arn string) (document string, ok bool)
}

// Operations are those of the sandbox's other services. Invoke must be called
// without the sandbox's lock; service is its name in credential scopes.
type Operations interface {
	Invoke(ctx context.Context, service, operation string, input []byte) error
}

// Scheduler holds one account's schedules. Its exported methods need the
// sandbox's lock, but for Run.
type Scheduler struct {
	account   *account.Account
	timing    Timing
	roles     Roles
	log       *slog.Logger
	groups    *store.Table[group]
	schedules *store.Table[schedule] // by group/name
}

type group struct {
	Name              string
	Created, Modified time.Time
	Tags              map[string]string
	Token             string // of the request that made it
}

type schedule struct {
	Group, Name       string
	Expression, Zone  string
	Description, Key  *string
	Start, End        *time.Time
	State             types.ScheduleState
	After             types.ActionAfterCompletion
	Window            *types.FlexibleTimeWindow
	Target            *types.Target
	Created, Modified time.Time
	Token             string // of the request that made it
	Done              bool   // a one-time schedule has called its target, or given up
	Attempts          int32  // calls that failed
	Failure           string // of the last call
	Next              time.Time
}

// New opens the account's schedules.
func New(a *account.Account, t Timing, roles Roles, log *slog.Logger) (*Scheduler, error) {
	s := &Scheduler{account: a, timing: t, roles: roles, log: log}
	err := errors.Join(
		store.OpenTable(a.Store, &s.groups, "scheduler.group"),
		store.OpenTable(a.Store, &s.schedules, "scheduler.schedule"),
	)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Tagged lists the groups that have tags; schedules cannot have any.
func (s *Scheduler) Tagged() []account.Tagged {
	var out []account.Tagged
	for _, g := range s.groups.Find(func(g group) bool { return len(g.Tags) > 0 }) {
		out = append(out, account.Tagged{ARN: s.groupARN(g.Name), Tags: g.Tags})
	}
	return out
}

func (s *Scheduler) groupARN(name string) string {
	return s.account.ARN("scheduler", "schedule-group/"+name)
}

func (s *Scheduler) arn(v schedule) *string {
	return aws.String(s.account.ARN("scheduler", "schedule/"+v.Group+"/"+v.Name))
}

func (s *Scheduler) now() time.Time { return s.account.Now().UTC().Truncate(time.Millisecond) }

func key(group, name string) string { return group + "/" + name }

func invalid(format string, args ...any) error {
	return wire.Errorf("ValidationException", format, args...)
}

func notFound(format string, args ...any) error {
	return wire.Errorf("ResourceNotFoundException", format, args...)
}

func conflict(format string, args ...any) error {
	return wire.Errorf("ConflictException", format, args...)
}

// Members of these are spelled in the way of ECS, where they come from.
func init() {
	wire.Mixed[types.CapacityProviderStrategyItem](wire.Pascal, wire.Camel)
	wire.Mixed[types.NetworkConfiguration](wire.Pascal, wire.Camel)
	wire.Mixed[types.PlacementConstraint](wire.Pascal, wire.Camel)
	wire.Mixed[types.PlacementStrategy](wire.Pascal, wire.Camel)
}

// Service returns the API.
func (s *Scheduler) Service() *wire.Service {
	w := &wire.Service{Name: "scheduler", Protocol: wire.REST, Casing: wire.Pascal, Statuses: map[string]int{
		"ConflictException": http.StatusConflict, "ResourceNotFoundException": http.StatusNotFound,
	}}
	wire.HandleREST(w, "CreateSchedule", "POST /schedules/{Name}", s.create)
	wire.HandleREST(w, "GetSchedule", "GET /schedules/{Name}?groupName={GroupName}", s.get)
	wire.HandleREST(w, "UpdateSchedule", "PUT /schedules/{Name}", s.update)
	wire.HandleREST(w, "DeleteSchedule", "DELETE /schedules/{Name}?clientToken={ClientToken}&groupName={GroupName}", s.delete)
	wire.HandleREST(w, "ListSchedules", "GET /schedules?ScheduleGroup={GroupName}&MaxResults={MaxResults}&NamePrefix={NamePrefix}&NextToken={NextToken}&State={State}", s.list)
	wire.HandleREST(w, "CreateScheduleGroup", "POST /schedule-groups/{Name}", s.createGroup)
	wire.HandleREST(w, "GetScheduleGroup", "GET /schedule-groups/{Name}", s.getGroup)
	wire.HandleREST(w, "DeleteScheduleGroup", "DELETE /schedule-groups/{Name}?clientToken={ClientToken}", s.deleteGroup)
	wire.HandleREST(w, "ListScheduleGroups", "GET /schedule-groups?MaxResults={MaxResults}&NamePrefix={NamePrefix}&NextToken={NextToken}", s.listGroups)
	wire.HandleREST(w, "ListTagsForResource", "GET /tags/{ResourceArn}", s.listTags)
	wire.HandleREST(w, "TagResource", "POST /tags/{ResourceArn}", s.tag)
	wire.HandleREST(w, "UntagResource", "DELETE /tags/{ResourceArn}?TagKeys={TagKeys}", s.untag)
	return w
}

// requested returns the schedule that a request describes, checked and with AWS's
// defaults.
func (s *Scheduler) requested(in *sched.CreateScheduleInput) (schedule, error) {
	v := schedule{
		Group: defaultGroup, Name: aws.ToString(in.Name), Expression: aws.ToString(in.ScheduleExpression), Zone: aws.ToString(in.ScheduleExpressionTimezone),
		Description: in.Description, Key: in.KmsKeyArn, Start: in.StartDate, End: in.EndDate, State: in.State, After: in.ActionAfterCompletion,
		Window: in.FlexibleTimeWindow, Target: in.Target, Token: aws.ToString(in.ClientToken),
	}
	if in.GroupName != nil {
		v.Group = *in.GroupName
	}
	return v, s.check(&v)
}

func (s *Scheduler) create(_ context.Context, in *sched.CreateScheduleInput) (*sched.CreateScheduleOutput, error) {
	v, err := s.requested(in)
	if err != nil {
		return nil, err
	}
	if old, ok := s.schedules.Get(key(v.Group, v.Name)); ok {
		if v.Token != "" && old.Token == v.Token { // a client repeats a request whose answer it did not get
			return &sched.CreateScheduleOutput{ScheduleArn: s.arn(old)}, nil
		}
		return nil, conflict("Schedule %s already exists.", v.Name)
	}
	v.Created, v.Modified = s.now(), s.now()
	s.schedules.Put(key(v.Group, v.Name), v)
	return &sched.CreateScheduleOutput{ScheduleArn: s.arn(v)}, nil
}

// update replaces a schedule: what the request does not have goes back to its
// default.
func (s *Scheduler) update(_ context.Context, in *sched.UpdateScheduleInput) (*sched.UpdateScheduleOutput, error) {
	create := sched.CreateScheduleInput(*in) // the two have the same members
	v, err := s.requested(&create)
	if err != nil {
		return nil, err
	}
	old, err := s.find(&v.Group, v.Name)
	if err != nil {
		return nil, err
	}
	v.Created, v.Token, v.Modified = old.Created, old.Token, s.now()
	s.schedules.Put(key(v.Group, v.Name), v)
	return &sched.UpdateScheduleOutput{ScheduleArn: s.arn(v)}, nil
}

func (s *Scheduler) find(groupName *string, name string) (schedule, error) {
	in := defaultGroup
	if groupName != nil {
		in = *groupName
	}
	if err := s.known(in); err != nil {
		return schedule{}, err
	}
	v, ok := s.schedules.Get(key(in, name))
	if !ok {
		return v, notFound("Schedule %s does not exist.", name)
	}
	return v, nil
}

// known refuses a group that is not there.
func (s *Scheduler) known(name string) error {
	if _, ok := s.groups.Get(name); !ok && name != defaultGroup {
		return notFound("Schedule group %s does not exist.", name)
	}
	return nil
}

func (s *Scheduler) get(_ context.Context, in *sched.GetScheduleInput) (*sched.GetScheduleOutput, error) {
	v, err := s.find(in.GroupName, *in.Name)
	if err != nil {
		return nil, err
	}
	return &sched.GetScheduleOutput{
		Arn: s.arn(v), Name: &v.Name, GroupName: &v.Group, Description: v.Description, KmsKeyArn: v.Key, State: v.State,
		ScheduleExpression: &v.Expression, ScheduleExpressionTimezone: &v.Zone, StartDate: v.Start, EndDate: v.End,
		FlexibleTimeWindow: v.Window, Target: v.Target, ActionAfterCompletion: v.After, CreationDate: &v.Created, LastModificationDate: &v.Modified,
	}, nil
}

func (s *Scheduler) delete(_ context.Context, in *sched.DeleteScheduleInput) (*sched.DeleteScheduleOutput, error) {
	v, err := s.find(in.GroupName, *in.Name)
	if err != nil {
		return nil, err
	}
	s.schedules.Delete(key(v.Group, v.Name))
	return nil, nil
}

func (s *Scheduler) list(_ context.Context, in *sched.ListSchedulesInput) (*sched.ListSchedulesOutput, error) {
	if in.GroupName != nil {
		if err := s.known(*in.GroupName); err != nil {
			return nil, err
		}
	}
	found := s.schedules.Find(func(v schedule) bool {
		return (in.GroupName == nil || v.Group == *in.GroupName) && strings.HasPrefix(v.Name, aws.ToString(in.NamePrefix)) && (in.State == "" || v.State == in.State)
	})
	slices.SortFunc(found, func(a, b schedule) int { return strings.Compare(key(a.Group, a.Name), key(b.Group, b.Name)) })
	page, next, err := wire.Page(found, in.NextToken, limit(in.MaxResults), "ValidationException")
	out := &sched.ListSchedulesOutput{Schedules: []types.ScheduleSummary{}, NextToken: next}
	for _, v := range page {
		out.Schedules = append(out.Schedules, types.ScheduleSummary{
			Arn: s.arn(v), Name: &v.Name, GroupName: &v.Group, State: v.State, CreationDate: &v.Created, LastModificationDate: &v.Modified,
			Target: &types.TargetSummary{Arn: v.Target.Arn},
		})
	}
	return out, err
}

func limit(n *int32) int {
	if n == nil {
		return pageSize
	}
	return int(*n)
}

func (s *Scheduler) createGroup(_ context.Context, in *sched.CreateScheduleGroupInput) (*sched.CreateScheduleGroupOutput, error) {
	g, ok := s.groups.Get(*in.Name)
	if ok && (g.Token == "" || g.Token != aws.ToString(in.ClientToken)) || *in.Name == defaultGroup {
		return nil, conflict("Schedule group %s already exists.", *in.Name)
	}
	if !ok {
		g = group{Name: *in.Name, Created: s.now(), Modified: s.now(), Tags: tagMap(in.Tags), Token: aws.ToString(in.ClientToken)}
		s.groups.Put(g.Name, g)
	}
	return &sched.CreateScheduleGroupOutput{ScheduleGroupArn: aws.String(s.groupARN(g.Name))}, nil
}

func (s *Scheduler) group(name *string) (group, error) {
	g, ok := s.groups.Get(*name)
	switch {
	case ok:
		return g, nil
	case *name == defaultGroup:
		return group{Name: defaultGroup}, nil
	}
	return g, s.known(*name)
}

func (s *Scheduler) getGroup(_ context.Context, in *sched.GetScheduleGroupInput) (*sched.GetScheduleGroupOutput, error) {
	g, err := s.group(in.Name)
	if err != nil {
		return nil, err
	}
	return &sched.GetScheduleGroupOutput{
		Arn: aws.String(s.groupARN(g.Name)), Name: &g.Name, State: types.ScheduleGroupStateActive, CreationDate: known(g.Created), LastModificationDate: known(g.Modified),
	}, nil
}

// deleteGroup deletes a group with its schedules, at once; AWS takes a while, in
// which the group is DELETING.
func (s *Scheduler) deleteGroup(_ context.Context, in *sched.DeleteScheduleGroupInput) (*sched.DeleteScheduleGroupOutput, error) {
	g, err := s.group(in.Name)
	if err != nil {
		return nil, err
	}
	if g.Name == defaultGroup {
		return nil, invalid("Schedule group %s cannot be deleted.", defaultGroup)
	}
	for k, v := range s.schedules.All() {
		if v.Group == g.Name {
			s.schedules.Delete(k)
		}
	}
	s.groups.Delete(g.Name)
	return nil, nil
}

func (s *Scheduler) listGroups(_ context.Context, in *sched.ListScheduleGroupsInput) (*sched.ListScheduleGroupsOutput, error) {
	found := s.groups.Find(nil)
	if _, ok := s.groups.Get(defaultGroup); !ok {
		found = append(found, group{Name: defaultGroup})
	}
	found = slices.DeleteFunc(found, func(g group) bool { return !strings.HasPrefix(g.Name, aws.ToString(in.NamePrefix)) })
	slices.SortFunc(found, func(a, b group) int { return strings.Compare(a.Name, b.Name) })
	page, next, err := wire.Page(found, in.NextToken, limit(in.MaxResults), "ValidationException")
	out := &sched.ListScheduleGroupsOutput{ScheduleGroups: []types.ScheduleGroupSummary{}, NextToken: next}
	for _, g := range page {
		out.ScheduleGroups = append(out.ScheduleGroups, types.ScheduleGroupSummary{
			Arn: aws.String(s.groupARN(g.Name)), Name: &g.Name, State: types.ScheduleGroupStateActive, CreationDate: known(g.Created), LastModificationDate: known(g.Modified),
		})
	}
	return out, err
}

// known is nil for a time that AWS does not say: the group default has none.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// byARN finds the group that a tag operation is for.
func (s *Scheduler) byARN(arn *string) (group, error) {
	name := (*arn)[strings.LastIndexByte(*arn, '/')+1:]
	g, err := s.group(&name)
	if err == nil && s.groupARN(name) != *arn {
		err = notFound("Schedule group %s does not exist.", name)
	}
	return g, err
}

func tagMap(list []types.Tag) map[string]string {
	return tags.Map(list, func(t types.Tag) (key, value *string) { return t.Key, t.Value })
}

func (s *Scheduler) listTags(_ context.Context, in *sched.ListTagsForResourceInput) (*sched.ListTagsForResourceOutput, error) {
	g, err := s.byARN(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	list := tags.List(g.Tags, func(k, v *string) types.Tag { return types.Tag{Key: k, Value: v} })
	return &sched.ListTagsForResourceOutput{Tags: list}, nil
}

func (s *Scheduler) tag(_ context.Context, in *sched.TagResourceInput) (*sched.TagResourceOutput, error) {
	g, err := s.byARN(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	g.Tags, g.Modified = tags.Merge(g.Tags, tagMap(in.Tags)), s.now()
	s.groups.Put(g.Name, g)
	return nil, nil
}

func (s *Scheduler) untag(_ context.Context, in *sched.UntagResourceInput) (*sched.UntagResourceOutput, error) {
	g, err := s.byARN(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	g.Tags, g.Modified = tags.Without(g.Tags, in.TagKeys), s.now()
	s.groups.Put(g.Name, g)
	return nil, nil
}
