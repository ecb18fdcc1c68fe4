variable "name" { type = string }
variable "capacity_providers" { type = any }

resource "aws_cloudwatch_log_group" "this" {
  count             = 1
  name              = "/aws/ecs/${var.name}"
  retention_in_days = 90
  kms_key_id        = null
}

resource "aws_ecs_cluster" "this" {
  name = var.name

  configuration {
    execute_command_configuration {
      logging = "OVERRIDE"
      log_configuration {
        cloud_watch_log_group_name = aws_cloudwatch_log_group.this[0].name
      }
    }
  }

  dynamic "service_connect_defaults" {
    for_each = []
    content {
      namespace = service_connect_defaults.value
    }
  }

  dynamic "setting" {
    for_each = { containerInsights = "enabled" }
    content {
      name  = setting.key
      value = setting.value
    }
  }
}

resource "aws_ecs_cluster_capacity_providers" "this" {
  cluster_name       = aws_ecs_cluster.this.name
  capacity_providers = keys(var.capacity_providers)

  dynamic "default_capacity_provider_strategy" {
    for_each = var.capacity_providers
    content {
      capacity_provider = default_capacity_provider_strategy.key
      weight            = default_capacity_provider_strategy.value.weight
      base              = try(default_capacity_provider_strategy.value.base, null)
    }
  }
}

output "arn" {
  value      = aws_ecs_cluster.this.arn
  depends_on = [aws_ecs_cluster_capacity_providers.this]
}
