# Optional: stop the tasks at a time, even when your laptop is shut. With
# ttl_until, EventBridge Scheduler sets the service's desired count to 0 then,
# from within AWS. It deletes nothing: the load balancer, a NAT gateway and
# public addresses exist until you destroy them, and cost money until then.

locals {
  # AWS refuses to create a schedule for a time that has passed. So a plan after
  # ttl_until takes the schedules away, and brings back what they changed: the
  # tasks, and the minimum of autoscaling.
  ttl = var.ttl_until == "" ? 0 : timecmp(var.ttl_until, plantimestamp()) > 0 ? 1 : 0
}

# The service, at ttl_until: AWS fires a schedule within the minute that it names.
resource "aws_scheduler_schedule" "stop_tasks" {
  count = local.ttl

  name                         = "${local.name}-ttl"
  description                  = "Stops the tasks of ${local.name} at ttl_until"
  schedule_expression          = "at(${trimsuffix(var.ttl_until, "Z")})"
  schedule_expression_timezone = "UTC"

  flexible_time_window {
    mode = "OFF"
  }

  # A universal target: any operation of AWS's API, with its parameters.
  target {
    arn      = "arn:aws:scheduler:::aws-sdk:ecs:updateService"
    role_arn = aws_iam_role.ttl[0].arn
    input = jsonencode({
      Cluster      = aws_ecs_cluster.main.name
      Service      = aws_ecs_service.app.name
      DesiredCount = 0
    })
  }

  depends_on = [aws_iam_role_policy.ttl]
}

# With autoscaling, its minimum a minute before that: it would start the tasks
# again.
resource "aws_scheduler_schedule" "no_minimum" {
  count = var.autoscaling ? local.ttl : 0

  name                         = "${local.name}-ttl-minimum"
  description                  = "Lets autoscaling of ${local.name} run no tasks from ttl_until on"
  schedule_expression          = "at(${trimsuffix(timeadd(var.ttl_until, "-1m"), "Z")})"
  schedule_expression_timezone = "UTC"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = "arn:aws:scheduler:::aws-sdk:applicationautoscaling:registerScalableTarget"
    role_arn = aws_iam_role.ttl[0].arn
    input = jsonencode({
      ServiceNamespace  = aws_appautoscaling_target.app[0].service_namespace
      ScalableDimension = aws_appautoscaling_target.app[0].scalable_dimension
      ResourceId        = aws_appautoscaling_target.app[0].resource_id
      MinCapacity       = 0
    })
  }

  depends_on = [aws_iam_role_policy.ttl]
}

# What the schedules may do: only this, to this service. The condition keeps
# other accounts from having EventBridge Scheduler use the role for them.
resource "aws_iam_role" "ttl" {
  count = local.ttl

  name = "${local.name}-ttl"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "scheduler.amazonaws.com" }
      Condition = {
        StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id }
      }
    }]
  })
}

resource "aws_iam_role_policy" "ttl" {
  count = local.ttl

  name = "stop"
  role = aws_iam_role.ttl[0].name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Effect   = "Allow"
        Action   = ["ecs:UpdateService", "ecs:DescribeServices"]
        Resource = [aws_ecs_service.app.id]
      }],
      [for target in aws_appautoscaling_target.app : {
        Effect   = "Allow"
        Action   = ["application-autoscaling:RegisterScalableTarget"]
        Resource = [target.arn]
      }],
    )
  })
}
