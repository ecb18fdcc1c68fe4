package iam

import (
	"strings"
	"testing"
)

// The texts are IAM's, as moto has them from AWS, but for those of trust policies,
// which are in many public logs.
func TestPolicies(t *testing.T) {
	statement := func(fields string) string { return `{"Version":"2012-10-17","Statement":{` + fields + `}}` }
	const list, bucket = `"Effect":"Allow","Action":"s3:ListBucket",`, `"Resource":"arn:aws:s3:::b"`
	const syntax, legacy = "Syntax errors in policy.", "The policy failed legacy parsing"
	for name, c := range map[string]struct{ text, want string }{
		"good":                      {statement(list + bucket), ""},
		"list of statements":        {`{"Version":"2012-10-17","Id":"x","Statement":[{"Sid":"a",` + list + bucket + `},{"Sid":"b","Effect":"Deny","NotAction":["iam:*"],"NotResource":["*"]}]}`, ""},
		"conditions":                {statement(list + bucket + `,"Condition":{"ForAnyValue:StringLikeIfExists":{"aws:x":["a"]},"Bool":{"aws:SecureTransport":false},"DateLessThan":{"aws:CurrentTime":"2026-11-27T01:02:03Z"},"Null":{"a":"true"}}`), ""},
		"regional access point":     {statement(list + `"Resource":"arn:aws:s3:eu-west-1:000000000000:accesspoint/a"`), ""},
		"no JSON":                   {"Allow", syntax},
		"null":                      {"null", syntax},
		"no statement":              {`{"Version":"2012-10-17"}`, syntax},
		"unknown key":               {statement(list + bucket + `,"Colour":"red"`), syntax},
		"misspelt effect":           {statement(`"Effect":"Alow","Action":"s3:*",` + bucket), syntax},
		"effect in another case":    {statement(`"Effect":"allow","Action":"s3:*",` + bucket), legacy},
		"no version":                {`{"Statement":{` + list + bucket + `}}`, "Policy document must be version 2012-10-17 or greater."},
		"unknown version":           {`{"Version":"2013-10-17","Statement":{` + list + bucket + `}}`, syntax},
		"action and not action":     {statement(list + bucket + `,"NotAction":"s3:GetObject"`), syntax},
		"unknown operator":          {statement(list + bucket + `,"Condition":{"Equals":{"a":"b"}}`), syntax},
		"no date":                   {statement(list + bucket + `,"Condition":{"DateEquals":{"a":"soon"}}`), legacy},
		"no action":                 {statement(`"Effect":"Allow",` + bucket), "Policy statement must contain actions."},
		"no resource":               {statement(strings.TrimSuffix(list, ",")), "Policy statement must contain resources."},
		"action without a service":  {statement(`"Effect":"Allow","Action":"ListBucket",` + bucket), "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."},
		"action with two colons":    {statement(`"Effect":"Allow","Action":"s3:List:Bucket",` + bucket), "Actions/Condition can contain only one colon."},
		"service with a space":      {statement(`"Effect":"Allow","Action":"s 3:ListBucket",` + bucket), "Vendor s 3 is not valid"},
		"resource that is no ARN":   {statement(list + `"Resource":"b"`), `Resource b must be in ARN format or "*".`},
		"unknown partition":         {statement(list + `"Resource":"arn:error:s3:::b"`), `Partition "error" is not valid for resource "arn:error:s3:::b".`},
		"ARN without its end":       {statement(list + `"Resource":"arn:aws:s3::b"`), legacy},
		"ARN of any service":        {statement(list + `"Resource":"arn:aws:*:::b"`), "Resource vendor must be fully qualified and cannot contain regexes."},
		"Region of a bucket":        {statement(list + `"Resource":"arn:aws:s3:eu-west-1::b"`), "Resource arn:aws:s3:eu-west-1::b can not contain region information."},
		"resource that IAM has not": {statement(list + `"Resource":"arn:aws:iam::000000000000:boat/b"`), `IAM resource path must either be "*" or start with user/,`},
		"Sid twice":                 {`{"Version":"2012-10-17","Statement":[{"Sid":"a",` + list + bucket + `},{"Sid":"a",` + list + bucket + `}]}`, "Statement IDs (SID) in a single policy must be unique."},
		"principal":                 {statement(list + bucket + `,"Principal":"*"`), "Policy document should not specify a principal."},
	} {
		t.Run(name, func(t *testing.T) { says(t, checkPolicy(c.text), c.want) })
	}
}

func TestTrustPolicies(t *testing.T) {
	who := func(principal string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":` + principal + `}]}`
	}
	for name, c := range map[string]struct{ text, want string }{
		"service":             {who(`{"Service":"ecs-tasks.amazonaws.com"}`), ""},
		"two services":        {who(`{"Service":["ecs.amazonaws.com","ecs-tasks.amazonaws.com"]}`), ""},
		"account and role":    {who(`{"AWS":["000000000000","arn:aws:iam::000000000000:role/r"]}`), ""},
		"everybody":           {who(`"*"`), ""},
		"of an older version": {`{"Version":"2008-10-17","Statement":[{"Sid":"","Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"ec2.amazonaws.com"}}]}`, ""},
		"web identity":        {`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRoleWithWebIdentity","Principal":{"Federated":"arn:aws:iam::000000000000:oidc-provider/token.example.com"},"Condition":{"StringEquals":{"token.example.com:aud":"sts.amazonaws.com"}}}}`, ""},
		"the usual slip":      {who(`{"Service":"ecs-task.amazonaws.com"}`), `Invalid principal in policy: "SERVICE":"ecs-task.amazonaws.com"`},
		"no service's name":   {who(`{"Service":"ecs-tasks"}`), `Invalid principal in policy: "SERVICE":"ecs-tasks"`},
		"no principal":        {`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole"}]}`, "Missing required field Principal"},
		"resource":            {`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":"*","Resource":"*"}]}`, "Has prohibited field Resource."},
		"another action":      {`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Principal":"*"}]}`, "AssumeRole policy may only specify STS AssumeRole actions."},
		"kind of principal":   {who(`{"Person":"x"}`), "Invalid principal in policy."},
	} {
		t.Run(name, func(t *testing.T) { says(t, checkTrust(c.text), c.want) })
	}
}

// says holds an error to the beginning of its message, empty for no error.
func says(t *testing.T, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("got %v", err)
	case want != "" && (err == nil || !strings.HasPrefix(err.Error(), "MalformedPolicyDocument: "+want)):
		t.Errorf("got %v, want %q", err, want)
	}
}

// FuzzPolicies finds that no document makes the checks fail.
func FuzzPolicies(f *testing.F) {
	f.Add(allow)
	f.Add(trust)
	f.Add(`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","NotAction":[null],"Resource":["arn:aws:iam::"],"Condition":{"DateEquals":{"a":[1,true,"T"]}}}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		_ = checkPolicy(text)
		_ = checkTrust(text)
	})
}
