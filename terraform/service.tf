# The service: which container runs, how large, how many times, and how a new
# version replaces the old one.

locals {
  container = "app"
  port      = 9898 # where podinfo listens

  # The amounts of memory in MiB that Fargate offers for each size of CPU.
  memory_sizes = {
    256  = [512, 1024, 2048]
    512  = range(1024, 4096 + 1, 1024)
    1024 = range(2048, 8192 + 1, 1024)
    2048 = range(4096, 16384 + 1, 1024)
    4096 = range(8192, 30720 + 1, 1024)
  }
}

# A cluster is a name that services and tasks live under. With Fargate there
# are no servers in it.
resource "aws_ecs_cluster" "main" {
  name = local.name

  # CPU, memory and network as CloudWatch metrics: "enhanced" has them of every
  # task and container, "enabled" of the cluster and its services alone.
  setting {
    name  = "containerInsights"
    value = "enhanced"
  }

  depends_on = [aws_cloudwatch_log_group.container_insights]
}

# What tasks can run on. FARGATE_SPOT is spare capacity: far cheaper, but AWS
# may take it back with two minutes' notice.
resource "aws_ecs_cluster_capacity_providers" "main" {
  cluster_name       = aws_ecs_cluster.main.name
  capacity_providers = ["FARGATE", "FARGATE_SPOT"]
}

# The task definition is the recipe. Every change of it makes a new revision,
# and the old ones stay as they were.
resource "aws_ecs_task_definition" "app" {
  family                   = local.name
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc" # a network interface and an address for each task
  cpu                      = var.cpu
  memory                   = var.memory
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.task.arn

  container_definitions = jsonencode([{
    name      = local.container
    image     = var.image
    essential = true # when it stops, the task stops

    portMappings = [{
      containerPort = local.port
      protocol      = "tcp"
    }]

    environment = [
      { name = "PODINFO_UI_MESSAGE", value = var.message },
      { name = "PODINFO_UI_COLOR", value = var.color },
      { name = "PODINFO_LEVEL", value = "debug" }, # podinfo logs each request at this level only
    ]

    # Seconds between asking the container to stop and killing it.
    stopTimeout = 10

    # Sends what the container prints to CloudWatch.
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        "awslogs-group"         = aws_cloudwatch_log_group.app.name
        "awslogs-region"        = local.region
        "awslogs-stream-prefix" = "ecs"
      }
    }
  }])

  lifecycle {
    # Retire the old revision only after the service has left it: until then
    # the service may have to go back.
    create_before_destroy = true

    precondition {
      condition     = contains(local.memory_sizes[var.cpu], var.memory)
      error_message = "Fargate has no task of ${var.cpu} CPU units and ${var.memory} MiB. With this CPU, memory can be: ${join(", ", local.memory_sizes[var.cpu])}."
    }
  }
}

# The service keeps desired_count tasks running: it starts a new one when one
# stops, and rolls out a new revision without an interruption.
resource "aws_ecs_service" "app" {
  name            = local.container
  cluster         = aws_ecs_cluster.main.arn
  task_definition = aws_ecs_task_definition.app.arn
  desired_count   = var.desired_count
  launch_type     = "FARGATE"

  # ECS spreads new tasks over the zones in any case. This would also move
  # running ones, which is one surprise too many while you watch.
  availability_zone_rebalancing = "DISABLED"

  network_configuration {
    subnets          = local.task_subnets[*].id
    security_groups  = [aws_security_group.tasks.id]
    assign_public_ip = !var.private_tasks # in a public subnet, the way to reach the internet
  }

  load_balancer {
    target_group_arn = aws_lb_target_group.app.arn
    container_name   = local.container
    container_port   = local.port
  }

  # During an update, start new tasks first and stop old ones after.
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200

  # When the new tasks keep failing, give up and go back to the last good revision.
  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  # How long a new task may fail health checks while it starts.
  health_check_grace_period_seconds = 30

  # Apply is done when the tasks run, not when AWS has merely heard of them.
  wait_for_steady_state = true

  # Commands may run in the containers of new tasks (ECS Exec).
  enable_execute_command = var.exec

  # Tasks wear the service's tags.
  propagate_tags = "SERVICE"

  # On AWS the circuit breaker can take 20 minutes to open.
  timeouts {
    create = "30m"
    update = "30m"
    delete = "10m"
  }

  # What a task needs when it starts and nothing above mentions: somewhere to
  # get requests from, a way to pull its image, and the right to do so. On
  # destroy the order is reversed, so the service goes before they do.
  depends_on = [
    aws_lb_listener.http,
    aws_route.internet,
    aws_route.nat,
    aws_route_table_association.public,
    aws_route_table_association.private,
    aws_vpc_security_group_egress_rule.load_balancer_to_tasks,
    aws_vpc_security_group_ingress_rule.tasks_from_load_balancer,
    aws_vpc_security_group_egress_rule.tasks_to_anywhere,
    aws_iam_role_policy_attachment.execution,
    aws_iam_role_policy.exec,
  ]

  lifecycle {
    # Its tasks cannot move to another VPC: see the internet gateway in network.tf.
    replace_triggered_by = [aws_vpc.main.id]

    # After a rollback ECS is steady too, but on the old revision.
    postcondition {
      condition     = self.task_definition == aws_ecs_task_definition.app.arn
      error_message = "The new tasks kept failing and ECS went back to the last good revision. The service's events and the stopped tasks say why."
    }
  }
}

# Optional: more tasks when they are busy. Terraform and autoscaling both set
# the number of tasks, so a plan made while there are more offers to go back
# to desired_count. To leave the number to autoscaling for good, add
# `ignore_changes = [desired_count]` to the service's lifecycle block.
resource "aws_appautoscaling_target" "app" {
  count = var.autoscaling ? 1 : 0

  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${aws_ecs_cluster.main.name}/${aws_ecs_service.app.name}"
  min_capacity       = var.desired_count
  max_capacity       = max(var.desired_count, var.max_count)
}

resource "aws_appautoscaling_policy" "cpu" {
  count = var.autoscaling ? 1 : 0

  name               = "${local.name}-cpu"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.app[0].service_namespace
  scalable_dimension = aws_appautoscaling_target.app[0].scalable_dimension
  resource_id        = aws_appautoscaling_target.app[0].resource_id

  target_tracking_scaling_policy_configuration {
    target_value = 60 # percent of CPU, on average over the tasks

    # Seconds to wait for the effect of one change before the next.
    scale_out_cooldown = 60
    scale_in_cooldown  = 60

    predefined_metric_specification {
      predefined_metric_type = "ECSServiceAverageCPUUtilization"
    }
  }
}
