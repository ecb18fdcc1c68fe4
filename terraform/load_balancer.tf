# The load balancer: the one address that people call. It hands each request
# to a healthy task.

resource "aws_lb" "main" {
  name               = local.name
  load_balancer_type = "application"
  subnets            = aws_subnet.public[*].id
  security_groups    = [aws_security_group.load_balancer.id]

  # AWS refuses a public load balancer in a VPC that has no way out.
  depends_on = [aws_internet_gateway.main]

  # It cannot move to another VPC: see the internet gateway in network.tf.
  lifecycle {
    replace_triggered_by = [aws_vpc.main.id]
  }
}

# The target group lists where requests can go. Nothing is listed here: ECS
# adds each task when it starts and removes it when it stops.
resource "aws_lb_target_group" "app" {
  name        = local.name
  vpc_id      = aws_vpc.main.id
  target_type = "ip" # each Fargate task has an address of its own
  port        = local.port
  protocol    = "HTTP"

  # How long a stopping task may finish its requests. AWS's default of 300
  # seconds would make you wait five minutes for each update.
  deregistration_delay = 10

  health_check {
    path                = "/healthz"
    interval            = 5
    timeout             = 3
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

resource "aws_lb_listener" "http" {
  load_balancer_arn = aws_lb.main.arn
  port              = 80
  protocol          = "HTTP"

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.app.arn
  }
}

# A security group is a firewall around whatever wears it, and lets nothing
# through but what a rule allows. Anyone may call the load balancer...
resource "aws_security_group" "load_balancer" {
  name        = "${local.name}-load-balancer"
  description = "The load balancer"
  vpc_id      = aws_vpc.main.id

  tags = { Name = "${local.name}-load-balancer" }
}

resource "aws_vpc_security_group_ingress_rule" "load_balancer_from_anyone" {
  security_group_id = aws_security_group.load_balancer.id
  description       = "HTTP from anyone"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 80
  to_port           = 80
}

resource "aws_vpc_security_group_egress_rule" "load_balancer_to_tasks" {
  security_group_id            = aws_security_group.load_balancer.id
  description                  = "Requests and health checks to the tasks"
  referenced_security_group_id = aws_security_group.tasks.id
  ip_protocol                  = "tcp"
  from_port                    = local.port
  to_port                      = local.port
}

# ...but only the load balancer may call the tasks, even though they have
# public addresses: the rule names its security group instead of a range.
resource "aws_security_group" "tasks" {
  name        = "${local.name}-tasks"
  description = "The tasks"
  vpc_id      = aws_vpc.main.id

  tags = { Name = "${local.name}-tasks" }
}

resource "aws_vpc_security_group_ingress_rule" "tasks_from_load_balancer" {
  security_group_id            = aws_security_group.tasks.id
  description                  = "Requests and health checks from the load balancer"
  referenced_security_group_id = aws_security_group.load_balancer.id
  ip_protocol                  = "tcp"
  from_port                    = local.port
  to_port                      = local.port
}

resource "aws_vpc_security_group_egress_rule" "tasks_to_anywhere" {
  security_group_id = aws_security_group.tasks.id
  description       = "To pull the image and to send logs"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "-1" # all protocols and ports
}
