package elbv2

import (
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"workshop/internal/sandbox/balancer"
)

// trafficGroup is a target group in the data plane's terms.
func (x *ELB) trafficGroup(arn string, g targetGroup) balancer.Group {
	codes, _ := balancer.ParseCodes(value(g.Group.Matcher.HttpCode)) // checked when it was set
	port, _ := strconv.Atoi(value(g.Group.HealthCheckPort))          // 0 for traffic-port
	out := balancer.Group{
		ARN: arn, VPC: value(g.Group.VpcId), TLS: g.Group.Protocol == types.ProtocolEnumHttps,
		Algorithm: g.Attributes["load_balancing.algorithm.type"],
		Drain:     seconds(g.Attributes["deregistration_delay.timeout_seconds"]),
		Check: balancer.Check{
			TLS: g.Group.HealthCheckProtocol == types.ProtocolEnumHttps, Path: value(g.Group.HealthCheckPath), Port: port,
			Interval: time.Duration(value(g.Group.HealthCheckIntervalSeconds)) * time.Second,
			Timeout:  time.Duration(value(g.Group.HealthCheckTimeoutSeconds)) * time.Second,
			Healthy:  int(value(g.Group.HealthyThresholdCount)), Unhealthy: int(value(g.Group.UnhealthyThresholdCount)),
			Codes: codes,
		},
		Targets: x.targets(arn, g),
	}
	for _, b := range x.balancersOf(arn) {
		out.InUse = true
		if lb, ok := x.balancers.Get(b); ok {
			out.Zones = append(out.Zones, lb.zones()...)
		}
	}
	return out
}

// trafficListener is a listener with its rules in the data plane's terms.
func (x *ELB) trafficListener(arn string, l listener) balancer.Listener {
	b, _ := x.balancers.Get(l.balancer())
	out := balancer.Listener{
		ARN: arn, Balancer: l.balancer(), Port: int(value(l.Listener.Port)), Local: l.Port, Peers: map[int]int{},
		Options: balancer.Options{
			Idle:            seconds(b.Attributes["idle_timeout.timeout_seconds"]),
			ForwardedFor:    b.Attributes["routing.http.xff_header_processing.mode"],
			ForwardedForAll: b.Attributes["routing.http.xff_client_port.enabled"] == "true",
			HideServer:      l.Attributes["routing.http.response.server.enabled"] == "false",
		},
	}
	for _, o := range x.listeners.All() {
		if o.balancer() == l.balancer() {
			out.Peers[int(value(o.Listener.Port))] = o.Port
		}
	}
	for _, r := range x.ruled(arn) {
		out.Rules = append(out.Rules, trafficRule(r.Rule))
	}
	out.Rules = append(out.Rules, trafficRule(fallback(l)))
	return out
}

func trafficRule(r types.Rule) balancer.Rule {
	out := balancer.Rule{ARN: value(r.RuleArn)}
	for _, c := range r.Conditions {
		d := balancer.Condition{Field: value(c.Field), Values: c.Values}
		switch {
		case c.HttpHeaderConfig != nil:
			d.Header, d.Values = value(c.HttpHeaderConfig.HttpHeaderName), c.HttpHeaderConfig.Values
		case c.HttpRequestMethodConfig != nil:
			d.Values = c.HttpRequestMethodConfig.Values
		case c.SourceIpConfig != nil:
			d.Values = c.SourceIpConfig.Values
		case c.QueryStringConfig != nil:
			for _, q := range c.QueryStringConfig.Values {
				d.Query = append(d.Query, balancer.Pair{Key: value(q.Key), Value: value(q.Value)})
			}
		}
		out.Conditions = append(out.Conditions, d)
	}
	for _, a := range r.Actions {
		switch {
		case a.ForwardConfig != nil:
			for _, t := range a.ForwardConfig.TargetGroups {
				out.Action.Forward = append(out.Action.Forward, balancer.Weighted{Group: value(t.TargetGroupArn), Weight: int(value(t.Weight))})
			}
		case a.FixedResponseConfig != nil:
			status, _ := strconv.Atoi(value(a.FixedResponseConfig.StatusCode))
			out.Action.Fixed = &balancer.Fixed{Status: status, ContentType: value(a.FixedResponseConfig.ContentType), Body: value(a.FixedResponseConfig.MessageBody)}
		case a.RedirectConfig != nil:
			c := a.RedirectConfig
			status := 302
			if c.StatusCode == types.RedirectActionStatusCodeEnumHttp301 {
				status = 301
			}
			out.Action.Redirect = &balancer.Redirect{
				Status: status, Protocol: value(c.Protocol), Host: value(c.Host), Port: value(c.Port), Path: value(c.Path), Query: value(c.Query),
			}
		}
	}
	return out
}

func seconds(s string) time.Duration {
	n, _ := strconv.Atoi(s) // checked when it was set
	return time.Duration(n) * time.Second
}
