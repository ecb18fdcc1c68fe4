terraform {
  required_version = ">= 1.6"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7"
    }
  }
}

provider "aws" {
  # What carries both tags is what `workshop destroy` looks for in the account.
  # Give Workshop a name that no other workshop has.
  default_tags {
    tags = {
      Workshop  = "my-workshop"
      Workspace = var.workspace_id
    }
  }
}

variable "workspace_id" {
  description = "Tells this deployment from others in the same account."
  type        = string
  default     = "local"
}

variable "retention" {
  description = "How many days logs are kept."
  type        = number
  default     = 1
}

resource "aws_cloudwatch_log_group" "main" {
  name              = "/workshop/${var.workspace_id}"
  retention_in_days = var.retention
}

output "log_group" {
  description = "Name of the log group."
  value       = aws_cloudwatch_log_group.main.name
}
