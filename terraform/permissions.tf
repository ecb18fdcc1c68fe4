# Permissions: two roles that Fargate takes on for a task. A role's trust
# policy says who may take it on, its attached policies say what it may do.

locals {
  trust_ecs_tasks = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
    }]
  })
}

# For Fargate itself, before the container runs: to pull the image and to
# write the logs.
resource "aws_iam_role" "execution" {
  name               = "${local.name}-execution"
  assume_role_policy = local.trust_ecs_tasks
}

resource "aws_iam_role_policy_attachment" "execution" {
  role       = aws_iam_role.execution.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
}

# For the code in the container. podinfo calls no AWS service, so this role
# allows nothing: attach a policy here once yours does.
resource "aws_iam_role" "task" {
  name               = "${local.name}-task"
  assume_role_policy = local.trust_ecs_tasks
}

# Optional: what ECS Exec needs. An agent in the container waits for commands at
# AWS Systems Manager, and connects to it with the task's role.
resource "aws_iam_role_policy" "exec" {
  count = var.exec ? 1 : 0

  name = "exec"
  role = aws_iam_role.task.name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect = "Allow"
      Action = [
        "ssmmessages:CreateControlChannel",
        "ssmmessages:CreateDataChannel",
        "ssmmessages:OpenControlChannel",
        "ssmmessages:OpenDataChannel",
      ]
      Resource = "*" # these actions know no resources
    }]
  })
}
