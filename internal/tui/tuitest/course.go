package tuitest

import (
	"fmt"
	"strings"
	"time"

	"workshop/internal/lesson"
	"workshop/internal/stack"
)

// Changes are what the bundled stack's plan would create.
func Changes() []stack.Change {
	n, lb, p, sv, o := stack.GroupNetwork, stack.GroupLoadBalancer, stack.GroupPermissions, stack.GroupService, stack.GroupObservability
	type values = map[string]any
	c := func(g stack.Group, address string, v values, needs ...string) stack.Change {
		typ, name, _ := strings.Cut(address, ".")
		name, key, _ := strings.Cut(strings.TrimSuffix(name, "]"), "[")
		return stack.Change{Address: address, Type: typ, Action: stack.ActionCreate, Group: g, Title: stack.Title(typ, name, key, v), Needs: needs}
	}
	return []stack.Change{
		c(n, "aws_vpc.main", values{"cidr_block": "10.0.0.0/16"}),
		c(n, "aws_subnet.public[0]", values{"availability_zone": "eu-west-1a"}, "aws_vpc.main"),
		c(n, "aws_subnet.public[1]", values{"availability_zone": "eu-west-1b"}, "aws_vpc.main"),
		c(n, "aws_subnet.private[0]", values{"availability_zone": "eu-west-1a"}, "aws_vpc.main"),
		c(n, "aws_subnet.private[1]", values{"availability_zone": "eu-west-1b"}, "aws_vpc.main"),
		c(n, "aws_internet_gateway.main", nil, "aws_vpc.main"),
		c(n, "aws_route_table.public", nil, "aws_vpc.main"),
		c(n, "aws_route.internet", values{"destination_cidr_block": "0.0.0.0/0"}, "aws_route_table.public", "aws_internet_gateway.main"),
		c(n, "aws_route_table_association.public[0]", nil, "aws_subnet.public", "aws_route_table.public"),
		c(n, "aws_route_table_association.public[1]", nil, "aws_subnet.public", "aws_route_table.public"),
		c(lb, "aws_lb.main", nil, "aws_subnet.public", "aws_security_group.load_balancer"),
		c(lb, "aws_lb_target_group.app", nil, "aws_vpc.main"),
		c(lb, "aws_lb_listener.http", values{"port": 80}, "aws_lb.main", "aws_lb_target_group.app"),
		c(lb, "aws_security_group.load_balancer", nil, "aws_vpc.main"),
		c(lb, "aws_vpc_security_group_ingress_rule.load_balancer_from_anyone", values{"description": "HTTP from anyone"}, "aws_security_group.load_balancer"),
		c(p, "aws_security_group.tasks", nil, "aws_vpc.main"),
		c(p, "aws_vpc_security_group_ingress_rule.tasks_from_load_balancer", values{"description": "Requests and health checks from the load balancer"}, "aws_security_group.tasks", "aws_security_group.load_balancer"),
		c(p, "aws_iam_role.execution", nil),
		c(p, "aws_iam_role_policy_attachment.execution", values{"policy_arn": "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"}, "aws_iam_role.execution"),
		c(p, "aws_iam_role.task", nil),
		c(sv, "aws_ecs_cluster.main", nil),
		c(sv, "aws_ecs_cluster_capacity_providers.main", nil, "aws_ecs_cluster.main"),
		c(sv, "aws_ecs_task_definition.app", values{"cpu": "256", "memory": "512"}, "aws_iam_role.execution", "aws_iam_role.task", "aws_cloudwatch_log_group.app"),
		c(sv, "aws_ecs_service.app", values{"desired_count": 2}, "aws_ecs_task_definition.app", "aws_lb_listener.http", "aws_ecs_cluster_capacity_providers.main"),
		c(sv, "aws_appautoscaling_target.app", values{"min_capacity": 2, "max_capacity": 6}, "aws_ecs_service.app"),
		c(sv, "aws_appautoscaling_policy.cpu", nil, "aws_appautoscaling_target.app"),
		c(o, "aws_cloudwatch_log_group.app", values{"retention_in_days": 1}),
		c(o, "aws_cloudwatch_log_group.container_insights", values{"retention_in_days": 1}),
	}
}

func takes(c stack.Change, destroy bool) time.Duration {
	d := map[string][2]int{"aws_lb": {62, 12}, "aws_ecs_service": {12, 20}, "aws_ecs_cluster": {10, 1}, "aws_ecs_cluster_capacity_providers": {10, 10}, "aws_vpc": {2, 1}, "aws_internet_gateway": {1, 10}}[c.Type]
	i := 0
	if destroy {
		i = 1
	}
	return time.Duration(max(d[i], 1)) * time.Second
}

// Course is a short workshop.
func Course() *lesson.Course {
	para := func(id, s string) lesson.Block {
		return lesson.Block{Kind: lesson.Paragraph, ID: id, Text: []lesson.Span{{Text: s}}}
	}
	step := func(i int, id, title string, min, max int, page string, blocks ...lesson.Block) *lesson.Step {
		return &lesson.Step{ID: id, Title: title, Estimate: lesson.Estimate{Min: min, Max: max}, Page: page, Blocks: blocks, File: fmt.Sprintf("steps/%02d-%s.md", i, id)}
	}
	return &lesson.Course{Title: "Deploy to AWS Fargate with Terraform", Steps: []*lesson.Step{
		step(1, "welcome", "Welcome", 3, 3, "", para("p1", "In this workshop you deploy a small web application to AWS Fargate, watch it live, break it, and take it all away again.")),
		step(2, "architecture", "Architecture", 10, 10, "", para("p1", "A load balancer in two zones, a service behind it, and two tasks that answer.")),
		step(3, "prerequisites", "Prerequisites", 5, 5, "", para("p1", "Nothing but this program. Terraform is found or fetched for you.")),
		teaching(step(4, "deploy", "Deploy", 15, 15, "deploy",
			para("p1", "Terraform now makes what the plan promised, in the order that the resources depend on one another."),
			para("p2", "Watch the load balancer: everything behind it has to wait."),
			lesson.Block{Kind: lesson.Admonition, ID: "a1", Style: "info", Foldable: true, Open: true, Text: []lesson.Span{{Text: "What is a target group?"}},
				Blocks: []lesson.Block{para("a1p", "The list of addresses a load balancer may send a request to. Fargate writes each task's address into it when the task is healthy, and takes it out before the task goes.")}},
			lesson.Block{Kind: lesson.Code, ID: "c1", Run: true, Source: "curl -i {{ outputs.url }}", Action: &lesson.Action{Verb: lesson.Run, Command: "curl -i {{ outputs.url }}"}},
			para("p3", "The answer tells which task gave it. Ask a few times: the load balancer takes turns."))),
		step(5, "explore", "Explore", 10, 15, "live", para("p1", "Two tasks in two zones. Stop one and watch.")),
		step(6, "change", "Change it", 10, 10, "deploy", para("p1", "Change a variable, plan, and read the difference.")),
		step(7, "break", "Break it", 10, 10, "live", para("p1", "An image that does not exist.")),
		step(8, "scale", "Scale it", 5, 5, "live", para("p1", "From two to four and back.")),
		step(9, "cleanup", "Clean up", 5, 5, "cleanup", para("p1", "Everything goes, and you see that it went.")),
		step(10, "next", "Where next", 2, 2, "", para("p1", "What to read next.")),
	}}
}
