package stack

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"workshop/internal/clean"
)

// Title returns one line of plain English for a resource: AWS's word for its type,
// with what tells the resource from others. name and key are those of its address,
// values its planned attributes as far as they are known; without them the line says
// less. It is clean.
func Title(typ, name, key string, values map[string]any) string {
	get := func(attr string) string {
		switch v := values[attr].(type) {
		case nil:
			return ""
		case []any:
			return ""
		default:
			return clean.Line(fmt.Sprint(v))
		}
	}
	with := func(text, attr, format string) string {
		if v := get(attr); v != "" {
			return text + fmt.Sprintf(format, v)
		}
		return text
	}
	words := strings.ReplaceAll(name, "_", " ")
	side := ""
	for _, s := range []string{"public", "private"} {
		if strings.Contains(name, s) {
			side = s + " "
		}
	}
	switch typ {
	case "aws_vpc":
		return with("VPC", "cidr_block", " %s") + ", your private network"
	case "aws_subnet":
		if zone := get("availability_zone"); zone != "" {
			return side + "subnet in " + zone
		}
		return numbered(side+"subnet", key)
	case "aws_internet_gateway":
		return "internet gateway: connects the VPC to the internet"
	case "aws_route_table":
		if side != "" {
			return "route table, " + side + "subnets: where packets go next"
		}
		return "route table: where packets go next"
	case "aws_route":
		if name == "nat" || get("nat_gateway_id") != "" {
			return "route to the internet through the NAT gateway"
		}
		if get("destination_cidr_block") == "0.0.0.0/0" {
			return "route to the internet"
		}
		return with("route", "destination_cidr_block", " to %s")
	case "aws_route_table_association":
		return numbered(side+"subnet", key) + " uses the " + side + "route table"
	case "aws_eip":
		return "Elastic IP: a fixed public address"
	case "aws_nat_gateway":
		return "NAT gateway: lets private tasks out, and nobody in (costs money by the hour)"
	case "aws_security_group":
		return "security group, the firewall of the " + words
	case "aws_vpc_security_group_ingress_rule", "aws_security_group_rule", "aws_vpc_security_group_egress_rule":
		text := "ingress rule"
		if strings.Contains(typ, "egress") || get("type") == "egress" {
			text = "egress rule"
		}
		if d := get("description"); d != "" {
			return text + ": " + d
		}
		return text + ": " + words
	case "aws_lb", "aws_alb":
		return "load balancer"
	case "aws_lb_target_group", "aws_alb_target_group":
		return "target group: the tasks that requests may go to"
	case "aws_lb_listener", "aws_alb_listener":
		return with("listener", "port", " on port %s")
	case "aws_lb_listener_rule":
		return "listener rule"
	case "aws_iam_role":
		switch {
		case strings.Contains(name, "execution"):
			return "IAM role: what Fargate may do to start the tasks"
		case strings.Contains(name, "task"):
			return "IAM role: what the tasks may do"
		}
		return "IAM role: " + words
	case "aws_iam_role_policy_attachment":
		if arn := get("policy_arn"); arn != "" {
			return "IAM policy: " + arn[strings.LastIndexByte(arn, '/')+1:]
		}
		return "permissions of the role " + words
	case "aws_iam_role_policy", "aws_iam_policy":
		return "permissions: " + words
	case "aws_cloudwatch_log_group":
		text := "log group"
		if strings.Contains(name, "insights") {
			text = "log group of Container Insights"
		}
		days, err := strconv.Atoi(get("retention_in_days"))
		switch {
		case err != nil:
			return text
		case days == 0:
			return text + ", kept for ever"
		case days == 1:
			return text + ", kept 1 day"
		}
		return fmt.Sprintf("%s, kept %d days", text, days)
	case "aws_cloudwatch_metric_alarm":
		return "alarm: " + words
	case "aws_ecs_cluster":
		return "ECS cluster"
	case "aws_ecs_cluster_capacity_providers":
		return "capacity providers: tasks run on Fargate"
	case "aws_ecs_task_definition":
		cpu, err := strconv.ParseFloat(get("cpu"), 64)
		memory := get("memory")
		if err != nil || memory == "" {
			return "task definition"
		}
		return fmt.Sprintf("task definition: %s vCPU, %s MiB", strconv.FormatFloat(cpu/1024, 'g', 3, 64), memory)
	case "aws_ecs_service":
		switch n := get("desired_count"); n {
		case "":
			return "ECS service"
		case "1":
			return "ECS service, keeps 1 task running"
		default:
			return "ECS service, keeps " + n + " tasks running"
		}
	case "aws_appautoscaling_target":
		low, high := get("min_capacity"), get("max_capacity")
		if low == "" || high == "" {
			return "autoscaling target"
		}
		return "autoscaling target: from " + low + " to " + high + " tasks"
	case "aws_scheduler_schedule":
		if strings.Contains(name, "minimum") {
			return "schedule that lets autoscaling run no tasks"
		}
		return "schedule that stops the tasks"
	case "aws_appautoscaling_policy":
		return "autoscaling policy: " + words
	}
	text := strings.ReplaceAll(typ[strings.IndexByte(typ, '_')+1:], "_", " ")
	if name != "main" && name != "this" && name != "app" && words != text {
		text += ": " + words
	}
	return clean.Line(numbered(text, key))
}

// numbered counts copies the way people do.
func numbered(text, key string) string {
	if n, err := strconv.Atoi(key); err == nil {
		return fmt.Sprintf("%s %d", text, n+1)
	}
	if key != "" {
		return text + " " + key
	}
	return text
}

// group is what a resource is for: the file that declares it says so in the
// bundled configuration; otherwise its type does.
func group(typ, file string) Group {
	switch strings.TrimSuffix(filepath.Base(file), ".tf") {
	case "network":
		return GroupNetwork
	case "load_balancer":
		return GroupLoadBalancer
	case "permissions":
		return GroupPermissions
	case "service":
		return GroupService
	case "observability":
		return GroupObservability
	}
	for _, k := range []struct {
		prefix string
		group  Group
	}{
		{"aws_lb", GroupLoadBalancer}, {"aws_alb", GroupLoadBalancer},
		{"aws_security_group", GroupLoadBalancer}, {"aws_vpc_security_group", GroupLoadBalancer},
		{"aws_iam_", GroupPermissions},
		{"aws_cloudwatch_", GroupObservability}, {"aws_sns_", GroupObservability},
		{"aws_vpc", GroupNetwork}, {"aws_subnet", GroupNetwork}, {"aws_route", GroupNetwork}, {"aws_eip", GroupNetwork},
		{"aws_internet_gateway", GroupNetwork}, {"aws_nat_gateway", GroupNetwork}, {"aws_network", GroupNetwork},
	} {
		if strings.HasPrefix(typ, k.prefix) {
			return k.group
		}
	}
	return GroupService
}

// Waits says what AWS is doing while a resource takes its time, and how long
// that usually takes on AWS. Both are empty for what is quick.
func Waits(resourceType string, action Action) (what, usually string) {
	if action == ActionDelete {
		switch resourceType {
		case "aws_ecs_service":
			return "tasks finish their requests and stop", "usually one to two minutes on AWS"
		case "aws_lb":
			return "AWS takes the load balancer out of both zones", "usually under a minute on AWS"
		case "aws_internet_gateway", "aws_subnet", "aws_security_group", "aws_vpc":
			return "waits until nothing uses its addresses any more", "usually under a minute on AWS"
		case "aws_nat_gateway":
			return "AWS gives the gateway's address back", "usually about a minute on AWS"
		case "aws_ecs_cluster", "aws_ecs_cluster_capacity_providers":
			return "ECS makes sure that nothing runs in it", "usually a few seconds on AWS"
		}
		return "", ""
	}
	switch resourceType {
	case "aws_lb":
		return "AWS is preparing addresses in two zones", "usually two to three minutes on AWS"
	case "aws_ecs_service":
		return "waiting until the tasks run and are healthy", "usually two to three minutes on AWS"
	case "aws_nat_gateway":
		return "AWS is starting the gateway", "usually about two minutes on AWS"
	case "aws_ecs_cluster":
		return "ECS is setting up the cluster", "usually about ten seconds on AWS"
	case "aws_ecs_cluster_capacity_providers":
		return "ECS is attaching Fargate", "usually about ten seconds on AWS"
	case "aws_vpc":
		return "AWS is making the network", "usually a few seconds on AWS"
	case "aws_iam_role", "aws_iam_role_policy_attachment":
		return "IAM copies the role to all regions", "usually a few seconds on AWS"
	case "aws_internet_gateway":
		return "AWS attaches the gateway to the network", "usually a few seconds on AWS"
	}
	return "", ""
}
