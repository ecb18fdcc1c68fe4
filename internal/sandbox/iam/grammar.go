package iam

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"workshop/internal/sandbox/wire"
)

// The grammar of policies is the IAM User Guide's ("Grammar of the IAM JSON policy
// language"), the texts are those that IAM answers. IAM looks at a document in this
// order: its structure, its version, what older parsers took, its statements.

func malformedPolicy(format string, args ...any) error {
	return wire.Errorf("MalformedPolicyDocument", format, args...)
}

// policyDocument is a policy that has the right structure.
type policyDocument struct {
	Version    string
	Statements []statement
}

// statement is one of a policy. A list that is nil is not there.
type statement struct {
	Sid, Effect                              string
	Principal                                any // a string or lists by type; nil for none
	Action, NotAction, Resource, NotResource []string
	hasPrincipal, hasResource                bool
	Condition                                map[string]map[string][]string
}

// checkPolicy checks a policy of an identity.
func checkPolicy(text string) error {
	d, err := parsePolicy(text)
	if err != nil {
		return err
	}
	if d.Version != "2012-10-17" {
		return malformedPolicy("Policy document must be version 2012-10-17 or greater.")
	}
	if err := d.checkLegacy(); err != nil {
		return err
	}
	for _, s := range d.Statements {
		if s.hasPrincipal {
			return malformedPolicy("Policy document should not specify a principal.")
		}
		for _, r := range slices.Concat(s.Resource, s.NotResource) {
			if err := checkResource(r); err != nil {
				return err
			}
		}
	}
	for _, s := range d.Statements {
		if len(s.Action)+len(s.NotAction) == 0 {
			return malformedPolicy("Policy statement must contain actions.")
		}
		if err := checkActions(slices.Concat(s.Action, s.NotAction)); err != nil {
			return err
		}
		if len(s.Resource)+len(s.NotResource) == 0 {
			return malformedPolicy("Policy statement must contain resources.")
		}
	}
	return nil
}

// checkTrust checks the policy that says who may assume a role.
func checkTrust(text string) error {
	d, err := parsePolicy(text)
	if err != nil {
		return err
	}
	if err := d.checkLegacy(); err != nil {
		return err
	}
	for _, s := range d.Statements {
		switch {
		case s.hasResource:
			return malformedPolicy("Has prohibited field Resource.")
		case !s.hasPrincipal:
			return malformedPolicy("Missing required field Principal")
		case len(s.Action)+len(s.NotAction) == 0:
			return malformedPolicy("Missing required field Action")
		}
		if err := checkPrincipal(s.Principal); err != nil {
			return err
		}
		for _, a := range s.Action {
			if name, ok := strings.CutPrefix(strings.ToLower(a), "sts:"); a != "*" && (!ok || name == "") {
				return malformedPolicy("AssumeRole policy may only specify STS AssumeRole actions.")
			}
		}
	}
	return nil
}

var errPolicySyntax = malformedPolicy("Syntax errors in policy.")

// parsePolicy reads a policy and checks its structure.
func parsePolicy(text string) (*policyDocument, error) {
	var top map[string]any
	if json.Unmarshal([]byte(text), &top) != nil || top == nil {
		return nil, errPolicySyntax
	}
	d := &policyDocument{Version: "2008-10-17"} // where none is said
	for k, v := range top {
		s, isText := v.(string)
		switch k {
		case "Version":
			if d.Version = s; !slices.Contains([]string{"2008-10-17", "2012-10-17"}, s) {
				return nil, errPolicySyntax
			}
		case "Id":
			if !isText {
				return nil, errPolicySyntax
			}
		case "Statement":
			list, ok := v.([]any)
			if !ok {
				list = []any{v}
			}
			for _, one := range list {
				s, ok := parseStatement(one)
				if !ok {
					return nil, errPolicySyntax
				}
				d.Statements = append(d.Statements, s)
			}
		default:
			return nil, errPolicySyntax
		}
	}
	if len(d.Statements) == 0 {
		return nil, errPolicySyntax
	}
	return d, nil
}

func parseStatement(v any) (s statement, ok bool) {
	m, ok := v.(map[string]any)
	if !ok {
		return s, false
	}
	lists := map[string]*[]string{"Action": &s.Action, "NotAction": &s.NotAction, "Resource": &s.Resource, "NotResource": &s.NotResource}
	for k, v := range m {
		text, isText := v.(string)
		switch k {
		case "Sid":
			s.Sid, ok = text, isText
		case "Effect":
			s.Effect, ok = text, isText
		case "Action", "NotAction", "Resource", "NotResource":
			*lists[k], ok = texts(v)
		case "Principal", "NotPrincipal":
			s.Principal, s.hasPrincipal = v, true
		case "Condition":
			s.Condition, ok = parseCondition(v)
		default:
			ok = false
		}
		if !ok {
			return s, false
		}
	}
	has := func(k string) bool { _, ok := m[k]; return ok }
	s.hasResource = has("Resource") || has("NotResource")
	effect := strings.ToLower(s.Effect)
	return s, (effect == "allow" || effect == "deny") && !(has("Action") && has("NotAction")) && !(has("Resource") && has("NotResource"))
}

// texts is a string, or a list of them. IAM passes over null in a list.
func texts(v any) ([]string, bool) {
	if s, ok := v.(string); ok {
		return []string{s}, true
	}
	list, ok := v.([]any)
	out := []string{}
	for _, one := range list {
		if s, is := one.(string); is {
			out = append(out, s)
		} else if one != nil {
			return nil, false
		}
	}
	return out, ok
}

// conditionOperator is an operator of a condition (User Guide, "IAM JSON policy
// elements: Condition operators").
var conditionOperator = regexp.MustCompile(`(?i)^(ForAnyValue:|ForAllValues:)?(String(Not)?(Equals|Like|EqualsIgnoreCase)|Numeric(Not)?Equals|Numeric(LessThan|GreaterThan)(Equals)?|Date(Not)?Equals|Date(LessThan|GreaterThan)(Equals)?|Bool|BinaryEquals|(Not)?IpAddress|Arn(Not)?(Equals|Like))(IfExists)?$|^Null$`)

func parseCondition(v any) (map[string]map[string][]string, bool) {
	operators, ok := v.(map[string]any)
	out := map[string]map[string][]string{}
	for operator, v := range operators {
		keys, is := v.(map[string]any)
		if !is || len(keys) > 0 && !conditionOperator.MatchString(operator) {
			return nil, false
		}
		out[operator] = map[string][]string{}
		for key, v := range keys {
			list, isList := v.([]any)
			if !isList {
				list = []any{v}
			}
			for _, one := range list {
				switch one := one.(type) {
				case string:
					out[operator][key] = append(out[operator][key], one)
				case bool, float64:
					out[operator][key] = append(out[operator][key], fmt.Sprint(one))
				default:
					return nil, false
				}
			}
		}
	}
	return out, ok
}

// checkLegacy refuses what has the structure of a policy, and which older parsers of
// IAM do not take; and Sids that are there twice.
func (d *policyDocument) checkLegacy() error {
	legacy := malformedPolicy("The policy failed legacy parsing")
	for _, s := range d.Statements {
		if s.Effect != "Allow" && s.Effect != "Deny" {
			return legacy
		}
		for operator, keys := range s.Condition {
			if !strings.Contains(strings.ToLower(operator), "date") {
				continue
			}
			for _, values := range keys {
				if !slices.ContainsFunc(values, isDate) && len(values) > 0 {
					return legacy
				}
			}
		}
		for _, r := range slices.Concat(s.Resource, s.NotResource) {
			p := strings.SplitN(r, ":", 6)
			if r == "*" || len(p) == 1 {
				continue
			}
			if !partitions[p[1]] {
				break // which is told in more words
			}
			if n := len(p); n == 4 || n == 5 || n == 6 && p[2] == "" {
				return legacy
			}
		}
	}
	seen := map[string]bool{}
	for _, s := range d.Statements {
		if s.Sid != "" && seen[s.Sid] {
			return malformedPolicy("Statement IDs (SID) in a single policy must be unique.")
		}
		seen[s.Sid] = true
	}
	return nil
}

// longFraction is a part of a second below a nanosecond.
var longFraction = regexp.MustCompile(`\.\d{10}`)

// isDate reports whether a text is a time of ISO 8601, or seconds since 1970.
func isDate(text string) bool {
	if _, err := strconv.ParseInt(text, 10, 64); err == nil {
		return true
	}
	text = strings.ToUpper(text)
	if longFraction.MatchString(text) {
		return false // which Go takes
	}
	for _, layout := range []string{"06T", "2006", "2006-01", "2006-01-02", "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05Z07", "2006-01-02T15:04:05"} {
		if _, err := time.Parse(layout, text); err == nil {
			return true
		}
	}
	return false
}

var partitions = map[string]bool{"*": true, "aws": true, "aws-cn": true, "aws-us-gov": true, "aws-eusc": true, "aws-iso": true, "aws-iso-b": true, "aws-iso-e": true, "aws-iso-f": true}

// iamPaths begin the resources that IAM has.
var iamPaths = []string{"user/", "federated-user/", "role/", "group/", "instance-profile/", "mfa/", "server-certificate/", "policy/", "sms-mfa/", "saml-provider/", "oidc-provider/", "report/", "access-report/"}

func checkResource(r string) error {
	if r == "*" {
		return nil
	}
	if !strings.Contains(r, ":") {
		return malformedPolicy("Resource %s must be in ARN format or \"*\".", r)
	}
	p := strings.SplitN(r, ":", 6)
	for len(p) < 6 {
		p = append(p, "*")
	}
	p[0] = "arn"
	partition, vendor, region, path := p[1], p[2], p[3], p[5]
	switch {
	case !partitions[partition]:
		return malformedPolicy("Partition \"%s\" is not valid for resource \"%s\".", partition, strings.Join(p, ":"))
	case strings.ContainsAny(vendor, "*?"):
		return malformedPolicy("Resource vendor must be fully qualified and cannot contain regexes.")
	case vendor == "iam" && region != "":
		return malformedPolicy("IAM resource %s cannot contain region information.", r)
	case vendor == "s3" && region != "" && !strings.HasPrefix(path, "accesspoint/"):
		return malformedPolicy("Resource %s can not contain region information.", r)
	case vendor == "iam" && !strings.HasPrefix(path, "*") && !slices.ContainsFunc(iamPaths, func(begin string) bool { return strings.HasPrefix(path, begin) }):
		return malformedPolicy("IAM resource path must either be \"*\" or start with %s.", strings.Join(iamPaths, ", "))
	}
	return nil
}

var vendorName = regexp.MustCompile(`^[A-Za-z0-9.*-]+$`)

func checkActions(actions []string) error {
	for _, a := range actions {
		p := strings.Split(a, ":")
		switch {
		case a == "*":
		case len(p) == 1:
			return malformedPolicy("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
		case len(p) > 2:
			return malformedPolicy("Actions/Condition can contain only one colon.")
		case !vendorName.MatchString(p[0]):
			return malformedPolicy("Vendor %s is not valid", p[0])
		}
	}
	return nil
}

// principal is what one may be that is not "*".
var principal = map[string]*regexp.Regexp{
	"AWS":           regexp.MustCompile(`^(\*|\d{12}|arn:aws[a-z-]*:(iam|sts)::\d{12}:.+|A[A-Z0-9]{15,})$`),
	"Service":       regexp.MustCompile(`^[a-z0-9.-]+\.(amazonaws\.com(\.cn)?|amazon\.com|aws\.internal)$`),
	"Federated":     regexp.MustCompile(`.`),
	"CanonicalUser": regexp.MustCompile(`^[0-9a-f]{64}$`),
}

// noServices are names that people write and that no service has.
var noServices = map[string]bool{"ecs-task.amazonaws.com": true, "ecstasks.amazonaws.com": true, "ecs_tasks.amazonaws.com": true}

func checkPrincipal(v any) error {
	kinds, ok := v.(map[string]any)
	if !ok {
		if v == "*" {
			return nil
		}
		return malformedPolicy("Invalid principal in policy.")
	}
	for kind, v := range kinds {
		names, ok := texts(v)
		allowed := principal[kind]
		if !ok || allowed == nil {
			return malformedPolicy("Invalid principal in policy.")
		}
		for _, n := range names {
			if !allowed.MatchString(n) || noServices[n] {
				return malformedPolicy("Invalid principal in policy: \"%s\":\"%s\"", strings.ToUpper(kind), n)
			}
		}
	}
	return nil
}
