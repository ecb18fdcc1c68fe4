# What you can change without touching anything else: edit a default, write
# `desired_count = 3` into a file named terraform.tfvars, or pass
# `-var desired_count=3`.

variable "name" {
  description = "What the names of all resources begin with."
  type        = string
  default     = "workshop"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,15}$", var.name))
    error_message = "The name must be 1 to 16 lowercase letters, digits or hyphens, and begin with a letter."
  }
}

variable "workspace_id" {
  description = "Tells this deployment from others in the same account. It ends the names and is the Workspace tag."
  type        = string
  default     = "local"

  validation {
    condition     = can(regex("^[a-z0-9]{1,12}$", var.workspace_id))
    error_message = "The workspace id must be 1 to 12 lowercase letters or digits."
  }
}

variable "room" {
  description = "The room of a guided session that this deployment belongs to. It is the Room tag; empty is none."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^[A-Za-z0-9._-]{0,64}$", var.room))
    error_message = "The room must be up to 64 letters, digits, dots, underscores or hyphens."
  }
}

variable "region" {
  description = "AWS region, such as eu-west-1. Without one, AWS_REGION or your AWS profile decides."
  type        = string
  default     = null
}

variable "vpc_cidr" {
  description = "The private IPv4 range of the network. It is cut into sixteen parts, four of which become subnets."
  type        = string
  default     = "10.0.0.0/16"

  validation {
    # A load balancer wants subnets of /27 or larger, and a sixteenth of a /23 is a /27.
    condition     = can(regex("^[0-9.]+/(1[6-9]|2[0-3])$", var.vpc_cidr)) && can(cidrnetmask(var.vpc_cidr))
    error_message = "The range must be IPv4 and between /16 and /23, such as 10.0.0.0/16."
  }
}

variable "private_tasks" {
  description = "Run the tasks in the private subnets, behind a NAT gateway. A NAT gateway costs money by the hour."
  type        = bool
  default     = false
}

variable "image" {
  description = "The container image to run. podinfo is a small web service; its image is for amd64 and arm64."
  type        = string
  default     = "ghcr.io/stefanprodan/podinfo:6.9.2"

  validation {
    condition     = can(regex("^\\S+$", var.image))
    error_message = "The image must be a name such as ghcr.io/stefanprodan/podinfo:6.9.2, without spaces."
  }
}

variable "message" {
  description = "The greeting that the service answers with."
  type        = string
  default     = "Hello from AWS Fargate"
}

variable "color" {
  description = "The background of the service's page, as a web colour."
  type        = string
  default     = "#34577c"

  validation {
    condition     = can(regex("^#[0-9A-Fa-f]{6}$", var.color))
    error_message = "The colour must be # and six hexadecimal digits, such as #34577c."
  }
}

variable "desired_count" {
  description = "How many tasks the service keeps running."
  type        = number
  default     = 2

  validation {
    condition     = var.desired_count >= 0 && var.desired_count <= 10 && floor(var.desired_count) == var.desired_count
    error_message = "The number of tasks must be a whole number from 0 to 10."
  }
}

variable "cpu" {
  description = "CPU of one task. 1024 units are one virtual CPU."
  type        = number
  default     = 256

  validation {
    condition     = contains([256, 512, 1024, 2048, 4096], var.cpu)
    error_message = "Fargate tasks here have 256, 512, 1024, 2048 or 4096 units of CPU."
  }
}

variable "memory" {
  description = "Memory of one task in MiB. Which amounts are possible depends on the CPU."
  type        = number
  default     = 512
}

variable "autoscaling" {
  description = "Let the number of tasks grow from desired_count to max_count when they are busy."
  type        = bool
  default     = false
}

variable "max_count" {
  description = "The most tasks that autoscaling may run."
  type        = number
  default     = 4

  validation {
    condition     = var.max_count >= 1 && var.max_count <= 10 && floor(var.max_count) == var.max_count
    error_message = "The most tasks must be a whole number from 1 to 10."
  }
}

variable "exec" {
  description = "Let commands run in the containers: a shell, to look around. Tasks that run already are not changed."
  type        = bool
  default     = false
}

variable "log_retention_days" {
  description = "How many days CloudWatch keeps the logs."
  type        = number
  default     = 1

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90], var.log_retention_days)
    error_message = "CloudWatch keeps logs for 1, 3, 5, 7, 14, 30, 60 or 90 days here."
  }
}

variable "ttl_until" {
  description = "When to stop the tasks, in UTC, such as 2026-11-26T14:30:00Z. Everything else stays and costs money until you destroy it. Empty is never."
  type        = string
  default     = ""

  validation {
    condition     = var.ttl_until == "" || can(regex("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$", var.ttl_until)) && can(timeadd(var.ttl_until, "0s"))
    error_message = "The time must be in UTC, such as 2026-11-26T14:30:00Z."
  }
}
