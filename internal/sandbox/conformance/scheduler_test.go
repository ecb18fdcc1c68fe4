package conformance

import (
	"strings"
	"time"
)

// scheduler asks for schedules and their groups, and waits for one that changes
// the service's desired count.
func (w *world) scheduler() {
	const svc = "scheduler"
	do := func(op string, input in) out { w.Helper(); return w.do(svc, op, input) }
	refuse := func(code, op string, input in) { w.Helper(); w.refuse(code, svc, op, input) }
	w.do("iam", "CreateRole", in{"RoleName": "schedules", "AssumeRolePolicyDocument": strings.ReplaceAll(trust, "ecs-tasks", "scheduler")})
	role := w.text(w.do("iam", "GetRole", in{"RoleName": "schedules"}), "Role", "Arn")
	target := in{"Arn": "arn:aws:scheduler:::aws-sdk:ecs:updateService", "RoleArn": role, "Input": `{"Cluster":"c","Service":"web","DesiredCount":3}`}
	off := in{"Mode": "OFF"}
	schedule := func(name, expression string, more in) in {
		o := in{"Name": name, "ScheduleExpression": expression, "FlexibleTimeWindow": off, "Target": target}
		for k, v := range more {
			o[k] = v
		}
		return o
	}

	arn := w.text(do("CreateScheduleGroup", in{"Name": "g", "Tags": tags}), "ScheduleGroupArn")
	refuse("ConflictException", "CreateScheduleGroup", in{"Name": "g"})
	do("GetScheduleGroup", in{"Name": "g"})
	do("GetScheduleGroup", in{"Name": "default"})
	refuse("ResourceNotFoundException", "GetScheduleGroup", in{"Name": "none"})
	first := do("ListScheduleGroups", in{"MaxResults": 1})
	if rest := do("ListScheduleGroups", in{"NextToken": w.text(first, "NextToken")}); len(list(first, "ScheduleGroups")) != 1 || len(list(rest, "ScheduleGroups")) != 1 {
		w.Errorf("groups: %v, then %v", first, rest)
	}
	do("TagResource", in{"ResourceArn": arn, "Tags": []in{{"Key": "a b/c", "Value": "d"}, {"Key": "e", "Value": "f"}}})
	do("UntagResource", in{"ResourceArn": arn, "TagKeys": []string{"a b/c", "e"}})
	if got := list(do("ListTagsForResource", in{"ResourceArn": arn}), "Tags"); len(got) != len(tags) {
		w.Errorf("tags of the group: %v", got)
	}
	refuse("ValidationException", "ListTagsForResource", in{"ResourceArn": strings.Replace(arn, "-group/g", "/g/s", 1)})

	whole := in{
		"GroupName": "g", "Description": "d", "State": "DISABLED", "ActionAfterCompletion": "DELETE", "ScheduleExpressionTimezone": "UTC",
		"StartDate": time.Now().Add(time.Hour), "EndDate": time.Now().Add(2 * time.Hour),
		"FlexibleTimeWindow": in{"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 5},
		"Target": in{"Arn": "arn:aws:ecs:eu-west-1:000000000000:cluster/c", "RoleArn": role, "RetryPolicy": in{"MaximumRetryAttempts": 0}, "EcsParameters": in{
			"TaskDefinitionArn": "arn:aws:ecs:eu-west-1:000000000000:task-definition/web", "TaskCount": 2, "LaunchType": "FARGATE", "Tags": []any{in{"a": "b"}},
			"NetworkConfiguration":     in{"awsvpcConfiguration": in{"Subnets": []string{"subnet-1"}, "AssignPublicIp": "ENABLED"}},
			"CapacityProviderStrategy": []in{{"capacityProvider": "FARGATE", "weight": 1}},
			"PlacementConstraints":     []in{{"type": "distinctInstance"}}, "PlacementStrategy": []in{{"type": "spread", "field": "zone"}},
		}},
	}
	do("CreateSchedule", schedule("recurring", "cron(0 10 ? * MON-FRI *)", whole))
	do("GetSchedule", in{"Name": "recurring", "GroupName": "g"})
	do("UpdateSchedule", schedule("recurring", "rate(5 minutes)", whole))
	refuse("ResourceNotFoundException", "GetSchedule", in{"Name": "recurring"})
	refuse("ResourceNotFoundException", "UpdateSchedule", schedule("none", "rate(5 minutes)", nil))
	refuse("ResourceNotFoundException", "CreateSchedule", schedule("s", "rate(5 minutes)", in{"GroupName": "none"}))

	soon := time.Now().UTC().Add(2 * time.Second).Format("at(2006-01-02T15:04:05)")
	do("CreateSchedule", schedule("once", soon, in{"ActionAfterCompletion": "DELETE"}))
	refuse("ConflictException", "CreateSchedule", schedule("once", "at(2100-01-01T00:00:00)", nil))
	refuse("ValidationException", "CreateSchedule", schedule("past", "at(2020-01-01T00:00:00)", nil))
	refuse("ValidationException", "CreateSchedule", schedule("bad name", "rate(1 day)", nil))
	if got := list(do("ListSchedules", in{"GroupName": "g", "NamePrefix": "rec", "State": "DISABLED"}), "Schedules"); len(got) != 1 {
		w.Errorf("schedules of the group: %v", got)
	}
	w.until("the schedule's call", "ecs", "DescribeServices", in{"cluster": "c", "services": []string{"web"}}, func(o out) bool {
		got, _ := at(o, "services", 0, "desiredCount").(interface{ String() string })
		return got != nil && got.String() == "3"
	})
	w.until("the schedule's end", svc, "ListSchedules", in{"GroupName": "default"}, func(o out) bool { return len(list(o, "Schedules")) == 0 })

	do("CreateSchedule", schedule("kept", "at(2100-01-01T00:00:00)", nil))
	do("DeleteSchedule", in{"Name": "kept"})
	refuse("ResourceNotFoundException", "DeleteSchedule", in{"Name": "kept", "GroupName": "default"})
	refuse("ValidationException", "DeleteScheduleGroup", in{"Name": "default"})
	do("DeleteScheduleGroup", in{"Name": "g"})
	if got := list(do("ListSchedules", nil), "Schedules"); len(got) != 0 {
		w.Errorf("schedules of a group that was deleted: %v", got)
	}
	w.do("iam", "DeleteRole", in{"RoleName": "schedules"})
}
