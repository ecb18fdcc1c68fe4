variable "name" { type = string }
variable "cluster_arn" { type = string }
variable "vpc_id" { type = string }
variable "subnet_ids" { type = list(string) }
variable "containers" { type = any }
variable "load_balancers" { type = any }
variable "ingress_from" { type = any }
variable "architecture" { type = string }
variable "max_capacity" { type = number }

data "aws_region" "current" {}
data "aws_partition" "current" {}
data "aws_caller_identity" "current" {}

locals {
  cluster_name = element(split("/", var.cluster_arn), 1)
}

data "aws_iam_policy_document" "assume" {
  for_each = toset(["execution", "tasks"])

  statement {
    sid     = each.key == "execution" ? "ECSTaskExecutionAssumeRole" : "ECSTasksAssumeRole"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }

    dynamic "condition" {
      for_each = each.key == "tasks" ? [1] : []
      content {
        test     = "ArnLike"
        variable = "aws:SourceArn"
        values   = ["arn:${data.aws_partition.current.partition}:ecs:${data.aws_region.current.name}:${data.aws_caller_identity.current.account_id}:*"]
      }
    }
  }
}

data "aws_iam_policy_document" "execution" {
  statement {
    sid       = "Logs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["*"]
  }

  statement {
    sid       = "ECR"
    actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetAuthorizationToken", "ecr:GetDownloadUrlForLayer"]
    resources = ["*"]
  }
}

resource "aws_iam_role" "execution" {
  name_prefix           = "${var.name}-exec-"
  path                  = "/ecs/"
  description           = "Runs the tasks of ${var.name}"
  assume_role_policy    = data.aws_iam_policy_document.assume["execution"].json
  max_session_duration  = 3600
  permissions_boundary  = null
  force_detach_policies = true
}

resource "aws_iam_policy" "execution" {
  name_prefix = "${var.name}-exec-"
  description = "What running a task needs"
  policy      = data.aws_iam_policy_document.execution.json
}

resource "aws_iam_role_policy_attachment" "execution" {
  role       = aws_iam_role.execution.name
  policy_arn = aws_iam_policy.execution.arn
}

resource "aws_iam_role_policy_attachment" "additional" {
  for_each = { managed = "arn:${data.aws_partition.current.partition}:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy" }

  role       = aws_iam_role.execution.name
  policy_arn = each.value
}

data "aws_iam_policy_document" "tasks" {
  statement {
    sid       = "Metrics"
    actions   = ["cloudwatch:PutMetricData"]
    resources = ["*"]
  }
}

resource "aws_iam_role" "tasks" {
  name_prefix           = "${var.name}-tasks-"
  assume_role_policy    = data.aws_iam_policy_document.assume["tasks"].json
  force_detach_policies = true
}

resource "aws_iam_role_policy" "tasks" {
  name_prefix = "${var.name}-"
  role        = aws_iam_role.tasks.id
  policy      = data.aws_iam_policy_document.tasks.json
}

resource "aws_cloudwatch_log_group" "this" {
  for_each          = var.containers
  name              = "/aws/ecs/${var.name}/${each.key}"
  retention_in_days = 30
}

locals {
  definitions = [for name, c in var.containers : {
    for k, v in {
      name                   = name
      image                  = c.image
      command                = try(c.command, null)
      essential              = try(c.essential, true)
      cpu                    = 64
      memory                 = null
      memoryReservation      = 64
      dependsOn              = try(c.depends_on, null)
      environment            = [for ek, ev in try(c.environment, {}) : { name = ek, value = ev }]
      secrets                = null
      healthCheck            = try({ command = c.health_check, interval = 5, timeout = 4, retries = 3, startPeriod = 2 }, null)
      portMappings           = [for p in try(c.ports, []) : { name = name, containerPort = p, hostPort = p, protocol = "tcp" }]
      mountPoints            = [{ containerPath = "/tmp/scratch", sourceVolume = "scratch", readOnly = false }]
      volumesFrom            = []
      readonlyRootFilesystem = true
      linuxParameters        = { initProcessEnabled = false }
      interactive            = false
      privileged             = false
      pseudoTerminal         = false
      user                   = "0"
      startTimeout           = 30
      stopTimeout            = 5
      systemControls         = []
      logConfiguration = {
        logDriver = "awslogs"
        options = {
          awslogs-group         = aws_cloudwatch_log_group.this[name].name
          awslogs-region        = data.aws_region.current.name
          awslogs-stream-prefix = "ecs"
        }
      }
    } : k => v if v != null
  }]
}

resource "aws_ecs_task_definition" "this" {
  family                   = var.name
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 512
  memory                   = 1024
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.tasks.arn
  container_definitions    = jsonencode(local.definitions)
  skip_destroy             = false
  track_latest             = true

  ephemeral_storage { size_in_gib = 25 }

  runtime_platform {
    cpu_architecture        = var.architecture
    operating_system_family = "LINUX"
  }

  dynamic "volume" {
    for_each = { scratch = {} }
    content {
      name                = volume.key
      configure_at_launch = false
    }
  }

  depends_on = [aws_iam_role_policy.tasks, aws_iam_role_policy_attachment.execution, aws_iam_role_policy_attachment.additional]

  lifecycle { create_before_destroy = true }
}

resource "aws_security_group" "this" {
  name_prefix = "${var.name}-"
  description = "Of the tasks"
  vpc_id      = var.vpc_id

  lifecycle { create_before_destroy = true }
}

resource "aws_security_group_rule" "ingress" {
  for_each = var.ingress_from

  security_group_id        = aws_security_group.this.id
  type                     = "ingress"
  protocol                 = "tcp"
  from_port                = each.value.port
  to_port                  = each.value.port
  source_security_group_id = each.value.group
  description              = each.key
}

resource "aws_security_group_rule" "egress" {
  security_group_id = aws_security_group.this.id
  type              = "egress"
  protocol          = "-1"
  from_port         = 0
  to_port           = 0
  cidr_blocks       = ["0.0.0.0/0"]
}

resource "aws_ecs_service" "this" {
  name                               = var.name
  cluster                            = var.cluster_arn
  task_definition                    = aws_ecs_task_definition.this.arn
  desired_count                      = 1
  deployment_maximum_percent         = 200
  deployment_minimum_healthy_percent = 66
  enable_ecs_managed_tags            = true
  enable_execute_command             = false
  force_new_deployment               = true
  health_check_grace_period_seconds  = 30
  platform_version                   = "LATEST"
  propagate_tags                     = "SERVICE"
  scheduling_strategy                = "REPLICA"
  wait_for_steady_state              = true
  triggers                           = {}

  dynamic "capacity_provider_strategy" {
    for_each = { FARGATE = { base = 1, weight = 50 }, FARGATE_SPOT = { weight = 50 } }
    content {
      capacity_provider = capacity_provider_strategy.key
      base              = try(capacity_provider_strategy.value.base, null)
      weight            = capacity_provider_strategy.value.weight
    }
  }

  deployment_controller { type = "ECS" }

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  dynamic "load_balancer" {
    for_each = var.load_balancers
    content {
      target_group_arn = load_balancer.value.target_group_arn
      container_name   = load_balancer.value.container_name
      container_port   = load_balancer.value.container_port
    }
  }

  network_configuration {
    assign_public_ip = false
    security_groups  = [aws_security_group.this.id]
    subnets          = var.subnet_ids
  }

  timeouts {
    create = "5m"
    update = "5m"
    delete = "5m"
  }

  depends_on = [aws_security_group_rule.ingress, aws_security_group_rule.egress]

  lifecycle { ignore_changes = [desired_count] }
}

resource "aws_appautoscaling_target" "this" {
  count = 1

  min_capacity       = 1
  max_capacity       = var.max_capacity
  resource_id        = "service/${local.cluster_name}/${aws_ecs_service.this.name}"
  scalable_dimension = "ecs:service:DesiredCount"
  service_namespace  = "ecs"
}

resource "aws_appautoscaling_policy" "this" {
  for_each = { cpu = "ECSServiceAverageCPUUtilization", memory = "ECSServiceAverageMemoryUtilization" }

  name               = each.key
  policy_type        = "TargetTrackingScaling"
  resource_id        = aws_appautoscaling_target.this[0].resource_id
  scalable_dimension = aws_appautoscaling_target.this[0].scalable_dimension
  service_namespace  = aws_appautoscaling_target.this[0].service_namespace

  target_tracking_scaling_policy_configuration {
    target_value       = 75
    disable_scale_in   = false
    scale_in_cooldown  = 300
    scale_out_cooldown = 60

    predefined_metric_specification {
      predefined_metric_type = each.value
    }
  }
}
