# What you want to know afterwards, and what the workshop's screens look at.

data "aws_region" "current" {}

data "aws_caller_identity" "current" {}

locals {
  # Version 5 of the AWS provider calls the region's name `name`. Version 6 calls
  # it `region`, and warns about `name`. lookup takes the one that exists.
  region = lookup(data.aws_region.current, "region", lookup(data.aws_region.current, "name", null))
}

output "url" {
  description = "Where the service answers."
  value       = "http://${aws_lb.main.dns_name}"
}

output "cluster" {
  description = "Name of the ECS cluster."
  value       = aws_ecs_cluster.main.name
}

output "service" {
  description = "Name of the ECS service in the cluster."
  value       = aws_ecs_service.app.name
}

output "target_group" {
  description = "ARN of the load balancer's target group."
  value       = aws_lb_target_group.app.arn
}

output "log_group" {
  description = "Name of the CloudWatch log group."
  value       = aws_cloudwatch_log_group.app.name
}

output "region" {
  description = "The AWS region that everything is in."
  value       = local.region
}

output "account_id" {
  description = "The AWS account that everything is in."
  value       = data.aws_caller_identity.current.account_id
}
