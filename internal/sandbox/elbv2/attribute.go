package elbv2

import (
	"context"
	"maps"
	"slices"
	"strconv"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"workshop/internal/sandbox/wire"
)

// The attributes that AWS gives to new Application Load Balancers, target groups
// and listeners (API reference: LoadBalancerAttribute, TargetGroupAttribute,
// ListenerAttribute).
var (
	balancerDefaults = map[string]string{
		"access_logs.s3.bucket":                                    "",
		"access_logs.s3.enabled":                                   "false",
		"access_logs.s3.prefix":                                    "",
		"client_keep_alive.seconds":                                "3600",
		"connection_logs.s3.bucket":                                "",
		"connection_logs.s3.enabled":                               "false",
		"connection_logs.s3.prefix":                                "",
		"deletion_protection.enabled":                              "false",
		"health_check_logs.s3.bucket":                              "",
		"health_check_logs.s3.enabled":                             "false",
		"health_check_logs.s3.prefix":                              "",
		"idle_timeout.timeout_seconds":                             "60",
		"ipv6.deny_all_igw_traffic":                                "false",
		"load_balancing.cross_zone.enabled":                        "true",
		"routing.http.desync_mitigation_mode":                      "defensive",
		"routing.http.drop_invalid_header_fields.enabled":          "false",
		"routing.http.preserve_host_header.enabled":                "false",
		"routing.http.x_amzn_tls_version_and_cipher_suite.enabled": "false",
		"routing.http.xff_client_port.enabled":                     "false",
		"routing.http.xff_header_processing.mode":                  "append",
		"routing.http2.enabled":                                    "true",
		"waf.fail_open.enabled":                                    "false",
		"zonal_shift.config.enabled":                               "false",
	}
	groupDefaults = map[string]string{
		"deregistration_delay.timeout_seconds":                                           "300",
		"load_balancing.algorithm.anomaly_mitigation":                                    "off",
		"load_balancing.algorithm.type":                                                  "round_robin",
		"load_balancing.cross_zone.enabled":                                              "use_load_balancer_configuration",
		"slow_start.duration_seconds":                                                    "0",
		"stickiness.app_cookie.cookie_name":                                              "",
		"stickiness.app_cookie.duration_seconds":                                         "86400",
		"stickiness.enabled":                                                             "false",
		"stickiness.lb_cookie.duration_seconds":                                          "86400",
		"stickiness.type":                                                                "lb_cookie",
		"target_group_health.dns_failover.minimum_healthy_targets.count":                 "1",
		"target_group_health.dns_failover.minimum_healthy_targets.percentage":            "off",
		"target_group_health.unhealthy_state_routing.minimum_healthy_targets.count":      "1",
		"target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": "off",
	}
	listenerDefaults = map[string]string{
		"routing.http.response.access_control_allow_credentials.header_value": "",
		"routing.http.response.access_control_allow_headers.header_value":     "",
		"routing.http.response.access_control_allow_methods.header_value":     "",
		"routing.http.response.access_control_allow_origin.header_value":      "",
		"routing.http.response.access_control_expose_headers.header_value":    "",
		"routing.http.response.access_control_max_age.header_value":           "",
		"routing.http.response.content_security_policy.header_value":          "",
		"routing.http.response.server.enabled":                                "true",
		"routing.http.response.strict_transport_security.header_value":        "",
		"routing.http.response.x_content_type_options.header_value":           "",
		"routing.http.response.x_frame_options.header_value":                  "",
	}
)

// ranges bounds the attributes that are numbers.
var ranges = map[string][2]int{
	"idle_timeout.timeout_seconds":           {1, 4000},
	"client_keep_alive.seconds":              {60, 604800},
	"deregistration_delay.timeout_seconds":   {0, 3600},
	"slow_start.duration_seconds":            {0, 900},
	"stickiness.lb_cookie.duration_seconds":  {1, 604800},
	"stickiness.app_cookie.duration_seconds": {1, 604800},
}

// choices lists the values of the attributes that are words.
var choices = map[string][]string{
	"routing.http.desync_mitigation_mode":     {"monitor", "defensive", "strictest"},
	"routing.http.xff_header_processing.mode": {"append", "preserve", "remove"},
	"load_balancing.algorithm.type":           {"round_robin", "least_outstanding_requests", "weighted_random"},
	"load_balancing.cross_zone.enabled":       {"true", "false", "use_load_balancer_configuration"},
	"stickiness.type":                         {"lb_cookie", "app_cookie"},
}

// change returns a copy of attributes with one of them set. known says which
// there are, and of is what has them, in AWS's words: clients look for these where a
// key is new.
func change(of string, attributes, known map[string]string, key, v *string) (map[string]string, error) {
	k, val := value(key), value(v)
	before, ok := known[k]
	if !ok {
		return nil, wire.Errorf("ValidationError", "%s attribute key '%s' is not recognized", of, k)
	}
	bad := false
	if r, ok := ranges[k]; ok {
		n, err := strconv.Atoi(val)
		bad = err != nil || n < r[0] || n > r[1]
	} else if c, ok := choices[k]; ok {
		bad = !slices.Contains(c, val)
	} else if before == "true" || before == "false" {
		bad = val != "true" && val != "false"
	}
	if bad {
		return nil, wire.Errorf("ValidationError", "The value '%s' is not valid for the attribute '%s'", val, k)
	}
	out := maps.Clone(attributes)
	out[k] = val
	return out, nil
}

func balancerAttributes(m map[string]string) []types.LoadBalancerAttribute {
	out := []types.LoadBalancerAttribute{}
	for _, k := range sorted(m) {
		v := m[k]
		out = append(out, types.LoadBalancerAttribute{Key: &k, Value: &v})
	}
	return out
}

func (x *ELB) describeBalancerAttributes(_ context.Context, in *elb.DescribeLoadBalancerAttributesInput) (*elb.DescribeLoadBalancerAttributesOutput, error) {
	b, err := x.balancer(in.LoadBalancerArn)
	return &elb.DescribeLoadBalancerAttributesOutput{Attributes: balancerAttributes(b.Attributes)}, err
}

func (x *ELB) modifyBalancerAttributes(_ context.Context, in *elb.ModifyLoadBalancerAttributesInput) (*elb.ModifyLoadBalancerAttributesOutput, error) {
	b, err := x.balancer(in.LoadBalancerArn)
	if err != nil {
		return nil, err
	}
	for _, a := range in.Attributes {
		if value(a.Key) == "load_balancing.cross_zone.enabled" && value(a.Value) != "true" {
			return nil, wire.Errorf("InvalidConfigurationRequest", "Cross-zone load balancing cannot be turned off for an Application Load Balancer")
		}
		if b.Attributes, err = change("Load balancer", b.Attributes, balancerDefaults, a.Key, a.Value); err != nil {
			return nil, err
		}
	}
	x.balancers.Put(*in.LoadBalancerArn, b)
	x.apply()
	return &elb.ModifyLoadBalancerAttributesOutput{Attributes: balancerAttributes(b.Attributes)}, nil
}

func groupAttributes(m map[string]string) []types.TargetGroupAttribute {
	out := []types.TargetGroupAttribute{}
	for _, k := range sorted(m) {
		v := m[k]
		out = append(out, types.TargetGroupAttribute{Key: &k, Value: &v})
	}
	return out
}

func (x *ELB) describeGroupAttributes(_ context.Context, in *elb.DescribeTargetGroupAttributesInput) (*elb.DescribeTargetGroupAttributesOutput, error) {
	g, err := x.group(value(in.TargetGroupArn))
	return &elb.DescribeTargetGroupAttributesOutput{Attributes: groupAttributes(g.Attributes)}, err
}

func (x *ELB) modifyGroupAttributes(_ context.Context, in *elb.ModifyTargetGroupAttributesInput) (*elb.ModifyTargetGroupAttributesOutput, error) {
	g, err := x.group(value(in.TargetGroupArn))
	if err != nil {
		return nil, err
	}
	for _, a := range in.Attributes {
		if g.Attributes, err = change("Target group", g.Attributes, groupDefaults, a.Key, a.Value); err != nil {
			return nil, err
		}
	}
	x.groups.Put(*in.TargetGroupArn, g)
	x.apply()
	return &elb.ModifyTargetGroupAttributesOutput{Attributes: groupAttributes(g.Attributes)}, nil
}

func listenerAttributes(m map[string]string) []types.ListenerAttribute {
	out := []types.ListenerAttribute{}
	for _, k := range sorted(m) {
		v := m[k]
		out = append(out, types.ListenerAttribute{Key: &k, Value: &v})
	}
	return out
}

func (x *ELB) describeListenerAttributes(_ context.Context, in *elb.DescribeListenerAttributesInput) (*elb.DescribeListenerAttributesOutput, error) {
	l, err := x.listener(in.ListenerArn)
	return &elb.DescribeListenerAttributesOutput{Attributes: listenerAttributes(l.Attributes)}, err
}

func (x *ELB) modifyListenerAttributes(_ context.Context, in *elb.ModifyListenerAttributesInput) (*elb.ModifyListenerAttributesOutput, error) {
	l, err := x.listener(in.ListenerArn)
	if err != nil {
		return nil, err
	}
	for _, a := range in.Attributes {
		if l.Attributes, err = change("Listener", l.Attributes, listenerDefaults, a.Key, a.Value); err != nil {
			return nil, err
		}
	}
	x.listeners.Put(*in.ListenerArn, l)
	x.apply()
	return &elb.ModifyListenerAttributesOutput{Attributes: listenerAttributes(l.Attributes)}, nil
}
