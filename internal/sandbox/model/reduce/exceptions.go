package main

// exception is a constraint that a service does not answer for in the usual words.
type exception struct {
	service string
	shape   string // "Shape", or "Shape.Member" for a required member
	kind    string // enum, min, max, pattern, required
	// text is the service's own, with {value} and {member}; "" leaves the constraint
	// out, for the service's handlers to check.
	text   string
	reason string
}

const (
	iamName = "The specified value for {member} is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-"
	iamPath = "The specified value for {member} is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters."
	iamSeen = "IAM's text, as its users report it"
)

// exceptions are in one place, so that which text wins does not hang on the order of
// checks.
var exceptions = []exception{
	{"ec2", "ResourceType", "enum", "'{value}' is not a valid taggable resource type for this operation.", "EC2's text, as moto has it"},
	{"ec2", "CreateTagsRequest.Resources", "required", "", "EC2 calls it resourceIdSet"},
	{"ec2", "DeleteTagsRequest.Resources", "required", "", "EC2 calls it resourceIdSet"},
	{"ecs", "LaunchType", "enum", "launch type should be one of [EC2,FARGATE,EXTERNAL]", "ECS's text, as its users report it"},
	{"ecs", "LogDriver", "enum", "", "RegisterTaskDefinition has ECS's text, which names Fargate's drivers"},
	{"ecs", "SettingName", "enum", "", "the operations of settings have ECS's text"},
	{"elasticloadbalancing", "LoadBalancerSchemeEnum", "enum", "", "CreateLoadBalancer has an error of its own, InvalidScheme (API Reference)"},
	{"iam", "pathType", "pattern", iamPath, iamSeen},
	{"iam", "policyNameType", "pattern", iamName, iamSeen},
	{"iam", "policyPathType", "pattern", iamPath, iamSeen},
	{"iam", "roleNameType", "pattern", iamName, iamSeen},
}
