package wire

import (
	"net/url"
	"strings"
	"testing"
)

// TestCheck has the texts of AWS's services, as moto has them for IAM, Logs, ELB and
// Auto Scaling. For ECS's codes and for EC2's parameters without a text that is known
// they are ours.
func TestCheck(t *testing.T) {
	const (
		one  = "1 validation error detected: "
		tags = "[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+"
	)
	long := strings.Repeat("a", 129)
	for _, c := range []struct {
		service, op, input string // JSON, or a form
		want               string
	}{
		{"ecs", "ListTasks", `{"desiredStatus":"RUNNING"}`, ""},
		{"ecs", "ListTasks", `{"desiredStatus":null}`, ""},
		{"ecs", "ListTasks", `{"desiredStatus":"STOPED"}`, "InvalidParameterException: " + one + "Value 'STOPED' at 'desiredStatus' failed to satisfy constraint: Member must satisfy enum value set: [RUNNING, PENDING, STOPPED]"},
		{"ecs", "CreateService", `{"serviceName":"s","networkConfiguration":{"awsvpcConfiguration":{"subnets":[],"assignPublicIp":"yes"}}}`,
			"InvalidParameterException: " + one + "Value 'yes' at 'networkConfiguration.awsvpcConfiguration.assignPublicIp' failed to satisfy constraint: Member must satisfy enum value set: [ENABLED, DISABLED]"},
		{"ecs", "CreateService", `{"schedulingStrategy":"FOO"}`, "InvalidParameterException: 2 validation errors detected: Value 'FOO' at 'schedulingStrategy' failed to satisfy constraint: Member must satisfy enum value set: [REPLICA, DAEMON]; Value null at 'serviceName' failed to satisfy constraint: Member must not be null"},
		{"ec2", "CreateVpc", "CidrBlock=10.0.0.0/16&InstanceTenancy=foo", "InvalidParameterValue: Value (foo) for parameter instanceTenancy is invalid."},
		{"ec2", "CreateVpc", "TagSpecification.1.ResourceType=foo", "InvalidParameterValue: 'foo' is not a valid taggable resource type for this operation."},
		{"ec2", "DescribeSubnets", "MaxResults=4", "InvalidParameterValue: Value ( 4 ) for parameter maxResults is invalid. Expecting a value greater than 5."},
		{"ec2", "DeleteVpc", "", "MissingParameter: The request must contain the parameter vpcId"},
		{"iam", "ListPolicies", "Scope=foo", "ValidationError: " + one + "Value 'foo' at 'scope' failed to satisfy constraint: Member must satisfy enum value set: [All, AWS, Local]"},
		{"iam", "TagRole", "RoleName=r&Tags.member.1.Key=" + long + "&Tags.member.1.Value=", "ValidationError: " + one + "Value '" + long + "' at 'tags.1.member.key' failed to satisfy constraint: Member must have length less than or equal to 128"},
		{"iam", "TagRole", "RoleName=r&Tags.member.1.Key=!&Tags.member.1.Value=", "ValidationError: " + one + "Value '!' at 'tags.1.member.key' failed to satisfy constraint: Member must satisfy regular expression pattern: " + tags},
		{"iam", "UntagRole", "RoleName=r&TagKeys.member.1=a&TagKeys.member.2=!", "ValidationError: " + one + "Value '[a, !]' at 'tagKeys' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 128, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: " + tags + "]"},
		{"iam", "GetRole", "RoleName=a/b", "ValidationError: The specified value for roleName is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-"},
		{"logs", "DescribeLogGroups", `{"limit":51}`, "InvalidParameterException: " + one + "Value '51' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 50"},
		{"logs", "PutLogEvents", `{"logGroupName":"g","logStreamName":"s","logEvents":[]}`, "InvalidParameterException: " + one + "Value '[]' at 'logEvents' failed to satisfy constraint: Member must have length greater than or equal to 1"}, // as users of winston-cloudwatch report it
		{"logs", "CreateLogGroup", `{"logGroupName":"g","tags":{"` + long + `":""}}`, "InvalidParameterException: " + one + "Value at 'tags' failed to satisfy constraint: Map keys must satisfy constraint: [Member must have length less than or equal to 128, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: ^([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+)$]"},
		{"monitoring", "PutMetricData", `{"Namespace":"n","MetricData":[{}]}`, "MissingRequiredParameterException: The parameter MetricData.member.1.MetricName is required."},
		{"elasticloadbalancing", "CreateTargetGroup", "Name=n&Protocol=FOO", "ValidationError: " + one + "Value 'FOO' at 'protocol' failed to satisfy constraint: Member must satisfy enum value set: [HTTP, HTTPS, TCP, TLS, UDP, TCP_UDP, GENEVE, QUIC, TCP_QUIC]"},
		{"application-autoscaling", "DescribeScalableTargets", `{}`, "ValidationException: " + one + "Value null at 'serviceNamespace' failed to satisfy constraint: Member must not be null"},
		// A type that is not the model's is for the decoder to refuse.
		{"ecs", "ListTasks", `{"desiredStatus":{}}`, ""},
		{"logs", "DescribeLogGroups", `{"limit":"many"}`, ""},
	} {
		svc := &Service{Name: c.service}
		if c.service == "ec2" {
			svc.Protocol = EC2
		}
		got := ""
		if err := (&call{svc: svc, op: c.op, tree: requestTree(t, c.input)}).check(); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s %s %s:\n%s\nwant\n%s", c.service, c.op, c.input, got, c.want)
		}
	}
}

// TestCheckIsBounded holds that a request with very many faults is refused in
// few words.
func TestCheckIsBounded(t *testing.T) {
	input := `{"logGroupName":"g","logStreamName":"s","logEvents":[` + strings.Repeat("{},", 9999) + "{}]}"
	err := (&call{svc: &Service{Name: "logs"}, op: "PutLogEvents", tree: requestTree(t, input)}).check()
	if err == nil || len(err.Error()) > 4000 {
		t.Errorf("%.200v", err)
	}
}

// requestTree reads an input in JSON or as a form.
func requestTree(t testing.TB, input string) map[string]any {
	t.Helper()
	var tree map[string]any
	var err error
	if strings.HasPrefix(input, "{") {
		tree, err = jsonTree([]byte(input))
	} else {
		form, _ := url.ParseQuery(strings.ReplaceAll(input, "+", "%2B"))
		tree, err = queryTree(form)
	}
	if err != nil {
		t.Fatal(err)
	}
	return tree
}
