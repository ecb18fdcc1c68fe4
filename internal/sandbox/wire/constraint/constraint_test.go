package constraint

import (
	"encoding/json"
	"strings"
	"testing"
)

// many is a list of n entries.
func many(n int, entry any) []any {
	out := make([]any, n)
	for i := range out {
		out[i] = entry
	}
	return out
}

// The texts are those of AWS's services that moto's tests have as well.
func TestCheck(t *testing.T) {
	type m = map[string]any
	for _, c := range []struct {
		name, service, operation string
		input                    m
		want                     string // empty for nothing
	}{
		{"nothing wrong", "ecs", "ListTasks", m{"desiredStatus": "STOPPED", "cluster": "c"}, ""},
		{"enumeration", "ecs", "ListTasks", m{"desiredStatus": "STOPED"},
			"1 validation error detected: Value 'STOPED' at 'desiredStatus' failed to satisfy constraint: Member must satisfy enum value set: [RUNNING, PENDING, STOPPED]"},
		{"nested", "ecs", "CreateService", m{"networkConfiguration": m{"awsvpcConfiguration": m{"assignPublicIp": "yes", "subnets": []any{}}}},
			"1 validation error detected: Value 'yes' at 'networkConfiguration.awsvpcConfiguration.assignPublicIp' failed to satisfy constraint: Member must satisfy enum value set: [ENABLED, DISABLED]"},
		{"too large", "logs", "DescribeLogGroups", m{"limit": json.Number("51")},
			"1 validation error detected: Value '51' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 50"},
		{"too small", "logs", "DescribeLogGroups", m{"limit": json.Number("0")},
			"1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1"},
		{"pattern and length", "logs", "CreateLogGroup", m{"logGroupName": strings.Repeat("!", 513)},
			"2 validation errors detected: Value '" + strings.Repeat("!", 513) + "' at 'logGroupName' failed to satisfy constraint: Member must have length less than or equal to 512; " +
				"Value '" + strings.Repeat("!", 513) + "' at 'logGroupName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+"},
		{"map", "logs", "CreateLogGroup", m{"logGroupName": "g", "tags": m{"a": strings.Repeat("v", 257)}},
			"1 validation error detected: Value '{a=" + strings.Repeat("v", 257) + "}' at 'tags' failed to satisfy constraint: Map value must satisfy constraint: [Member must have length less than or equal to 256]"},
		{"missing", "logs", "CreateLogGroup", m{},
			"1 validation error detected: Value null at 'logGroupName' failed to satisfy constraint: Member must not be null"},
		{"null", "logs", "CreateLogGroup", m{"logGroupName": nil},
			"1 validation error detected: Value null at 'logGroupName' failed to satisfy constraint: Member must not be null"},
		{"entry of a query list", "iam", "TagRole", m{"RoleName": "r", "Tags": m{"member": m{"1": m{"Key": "a", "Value": ""}, "2": m{"Key": strings.Repeat("k", 129), "Value": "b"}}}},
			"1 validation error detected: Value '" + strings.Repeat("k", 129) + "' at 'tags.2.member.key' failed to satisfy constraint: Member must have length less than or equal to 128"},
		{"length of a list", "iam", "TagRole", m{"RoleName": "r", "Tags": many(51, m{"Key": "a", "Value": "b"})},
			"Member must have length less than or equal to 50"},
		{"EC2's names", "ec2", "CreateVpc", m{"InstanceTenancy": "foo"},
			"1 validation error detected: Value 'foo' at 'instanceTenancy' failed to satisfy constraint: Member must satisfy enum value set: [default, dedicated, host]"},
		{"another type", "logs", "DescribeLogGroups", m{"limit": []any{"x"}, "logGroupNamePrefix": m{}}, ""},
		{"unknown member", "logs", "DescribeLogGroups", m{"colour": "red"}, ""},
		{"unknown operation", "logs", "Fly", m{"limit": json.Number("51")}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			found := Of(c.service).Check(c.operation, c.input, c.service != "ecs")
			got := ""
			if len(found) > 0 {
				got = Text(found)
			}
			if got != c.want && (c.want == "" || !strings.HasSuffix(got, c.want)) {
				t.Errorf("found %.400q\nwant %.400q", got, c.want)
			}
		})
	}
	if Of("nothing") != nil {
		t.Error("a service that there is not has a model")
	}
}

// Every pattern and every reference of the embedded models is good.
func TestModels(t *testing.T) {
	models, err := load()
	if err != nil {
		t.Fatal(err)
	}
	for service, m := range models {
		for name, s := range m.Shapes {
			if _, err := Compile(s.Pattern); err != nil {
				t.Errorf("%s %s: %v", service, name, err)
			}
			members := []*Member{s.Item, s.Key}
			for _, x := range s.Members {
				members = append(members, x)
			}
			for _, x := range members {
				if x != nil && x.Shape != "" && m.Shapes[x.Shape] == nil {
					t.Errorf("%s %s refers to %s, which there is not", service, name, x.Shape)
				}
			}
		}
	}
}

// FuzzCheck finds that no input makes the checks fail, and that a list says the same
// in each of its spellings.
func FuzzCheck(f *testing.F) {
	f.Add("ecs", "CreateService", `{"networkConfiguration":{"awsvpcConfiguration":{"assignPublicIp":"yes","subnets":["a"]}}}`)
	f.Add("iam", "TagRole", `{"RoleName":"r","Tags":{"member":{"1":{"Key":"a"},"x":{}}}}`)
	f.Add("logs", "CreateLogGroup", `{"logGroupName":"","tags":{"":null}}`)
	f.Add("ec2", "CreateVpc", `{"TagSpecification":{"1":{"ResourceType":"x","Tag":{"1":{}}}}}`)
	f.Fuzz(func(t *testing.T, service, operation, body string) {
		m := Of(service)
		d := json.NewDecoder(strings.NewReader(body))
		d.UseNumber()
		var input map[string]any
		if m == nil || d.Decode(&input) != nil {
			return
		}
		all := m.Check(operation, input, true)
		if len(all) > 2*most {
			t.Errorf("%d violations", len(all))
		}
		for _, v := range all {
			if v.Path == "" || v.Rule == "" {
				t.Errorf("%+v", v)
			}
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	for operation, body := range map[string]string{
		"DescribeServices": `{"cluster":"c","services":["web"],"include":["TAGS"]}`,
		"CreateService":    `{"cluster":"c","serviceName":"s","taskDefinition":"t","launchType":"FARGATE","desiredCount":2,"networkConfiguration":{"awsvpcConfiguration":{"assignPublicIp":"ENABLED","subnets":["subnet-1","subnet-2"]}},"tags":[{"key":"a","value":"b"},{"key":"c","value":"d"}]}`,
	} {
		b.Run(operation, func(b *testing.B) {
			var input map[string]any
			if err := json.Unmarshal([]byte(body), &input); err != nil {
				b.Fatal(err)
			}
			m := Of("ecs")
			for b.Loop() {
				if found := m.Check(operation, input, false); len(found) > 0 {
					b.Fatal(found)
				}
			}
		})
	}
}
