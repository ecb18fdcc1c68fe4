package elbv2

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// The texts are those of moto's test_elbv2_listener_rules.py, whose authors had them from
// AWS.
func TestConditionsAreChecked(t *testing.T) {
	long := strings.Repeat("x", 129)
	on := func(field string, set func(*types.RuleCondition)) types.RuleCondition {
		c := types.RuleCondition{Field: &field}
		if set != nil {
			set(&c)
		}
		return c
	}
	pair := func(key, value *string) types.RuleCondition {
		return on("query-string", func(c *types.RuleCondition) {
			c.QueryStringConfig = &types.QueryStringConditionConfig{Values: []types.QueryStringKeyValuePair{{Key: key, Value: value}}}
		})
	}
	for want, c := range map[string]types.RuleCondition{
		"The 'host-header' value is too long; the limit is '128'": on("host-header", func(c *types.RuleCondition) { c.Values = []string{long} }),
		"The 'path-pattern' value is too long; the limit is '128'": on("path-pattern", func(c *types.RuleCondition) {
			c.PathPatternConfig = &types.PathPatternConditionConfig{Values: []string{long}}
		}),
		"The 'path-pattern' field contains too many values; the limit is '1'": on("path-pattern", func(c *types.RuleCondition) { c.Values = []string{"/a", "/b"} }),
		"A condition value must be specified":                                 on("host-header", nil),
		"The 'HttpHeaderName' value is too long; the limit is '40'": on("http-header", func(c *types.RuleCondition) {
			c.HttpHeaderConfig = &types.HttpHeaderConditionConfig{HttpHeaderName: aws.String(long[:41]), Values: []string{"x"}}
		}),
		"The 'http-header' value is too long; the limit is '128'": on("http-header", func(c *types.RuleCondition) {
			c.HttpHeaderConfig = &types.HttpHeaderConditionConfig{HttpHeaderName: aws.String("x"), Values: []string{long}}
		}),
		"The 'http-request-method' value is invalid; the allowed characters are A-Z, hyphen and underscore": on("http-request-method", func(c *types.RuleCondition) {
			c.HttpRequestMethodConfig = &types.HttpRequestMethodConditionConfig{Values: []string{"get"}}
		}),
		"The 'http-request-method' value is too long; the limit is '40'": on("http-request-method", func(c *types.RuleCondition) {
			c.HttpRequestMethodConfig = &types.HttpRequestMethodConditionConfig{Values: []string{strings.Repeat("X", 41)}}
		}),
		"A 'HttpRequestMethodConfig' must be specified with 'http-request-method'": on("http-request-method", nil),
		"The 'Key' value is too long; the limit is '128'":                          pair(&long, aws.String("x")),
		"The 'Value' value is too long; the limit is '128'":                        pair(nil, &long),
		"A 'Value' must be specified in 'QueryStringKeyValuePair'":                 pair(aws.String("x"), nil),
		"A 'SourceIpConfig' must be specified with 'source-ip'":                    on("source-ip", nil),
		"A 'source-ip' value must be specified":                                    on("source-ip", func(c *types.RuleCondition) { c.SourceIpConfig = &types.SourceIpConditionConfig{} }),
	} {
		if _, _, err := condition(c); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
