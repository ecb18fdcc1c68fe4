# What you can see: the logs of the tasks, and what Container Insights (see
# the cluster in service.tf) measures.

# Each task writes a stream of its own into this group.
resource "aws_cloudwatch_log_group" "app" {
  name              = "/ecs/${local.name}"
  retention_in_days = var.log_retention_days
}

# Container Insights would make this group by itself, keep it after everything
# else is destroyed, and tell nobody. Here Terraform owns it, and removes it.
resource "aws_cloudwatch_log_group" "container_insights" {
  name              = "/aws/ecs/containerinsights/${local.name}/performance"
  retention_in_days = var.log_retention_days
}
