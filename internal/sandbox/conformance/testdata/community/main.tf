# A stack laid out as the community's modules for VPC, ALB and ECS lay theirs
# out: everything behind for_each, count and dynamic blocks, names by prefix,
# AWS's defaults adopted, and most optional arguments spelled out.

terraform {
  required_version = ">= 1.5.7"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}

provider "aws" {
  default_tags { tags = { Stack = local.name } }
}

variable "single_nat_gateway" {
  type    = bool
  default = true
}

variable "architecture" {
  type    = string
  default = "X86_64"
}

variable "max_capacity" {
  type    = number
  default = 3
}

data "aws_availability_zones" "available" {
  filter {
    name   = "opt-in-status"
    values = ["opt-in-not-required"]
  }
}

locals {
  name  = "community"
  zones = slice(data.aws_availability_zones.available.names, 0, 2)
  cidr  = "10.20.0.0/16"
  port  = 9898
}

module "network" {
  source = "./network"

  name               = local.name
  cidr               = local.cidr
  zones              = local.zones
  public_subnets     = [for i, _ in local.zones : cidrsubnet(local.cidr, 8, i)]
  private_subnets    = [for i, _ in local.zones : cidrsubnet(local.cidr, 8, i + 10)]
  intra_subnets      = [for i, _ in local.zones : cidrsubnet(local.cidr, 8, i + 20)]
  single_nat_gateway = var.single_nat_gateway
}

module "balancer" {
  source = "./balancer"

  name    = local.name
  vpc_id  = module.network.vpc_id
  subnets = module.network.public_subnets

  ingress_rules = {
    http  = { from_port = 80, to_port = 80, cidr_ipv4 = "0.0.0.0/0" }
    other = { from_port = 8080, to_port = 8081, cidr_ipv4 = "10.0.0.0/8", description = "From inside" }
  }
  egress_rules = {
    all = { ip_protocol = "-1", cidr_ipv4 = local.cidr }
  }

  target_groups = {
    web = { port = local.port, path = "/healthz" }
    api = { port = local.port, path = "/readyz", stickiness = true }
  }

  listeners = {
    http = {
      port    = 80
      forward = "web"
      rules = {
        api      = { priority = 10, paths = ["/api/*", "/api"], forward = "api" }
        moved    = { priority = 20, hosts = ["old.example.com"], redirect = "/new" }
        teapot   = { priority = 30, headers = { X-Tea = ["yes"] }, methods = ["GET", "POST"], fixed = "418" }
        weighted = { priority = 40, queries = { v = "2" }, sources = ["127.0.0.0/8"], weights = { web = 1, api = 3 } }
      }
    }
    other = {
      port  = 8080
      fixed = "404"
      rules = {}
    }
    redirect = {
      port     = 8081
      redirect = "/"
      rules    = {}
    }
  }
}

module "cluster" {
  source = "./cluster"

  name = local.name
  capacity_providers = {
    FARGATE      = { weight = 50, base = 20 }
    FARGATE_SPOT = { weight = 50 }
  }
}

module "service" {
  source = "./service"

  name           = local.name
  cluster_arn    = module.cluster.arn
  vpc_id         = module.network.vpc_id
  subnet_ids     = module.network.private_subnets
  architecture   = var.architecture
  max_capacity   = var.max_capacity
  load_balancers = { web = { target_group_arn = module.balancer.target_groups["web"], container_name = "app", container_port = local.port } }

  containers = {
    app = {
      image        = "ghcr.io/stefanprodan/podinfo:6.9.2"
      ports        = [local.port]
      health_check = ["CMD-SHELL", "podcli check http localhost:${local.port}/healthz || exit 1"]
      depends_on   = [{ containerName = "sidecar", condition = "START" }]
      environment  = { PODINFO_UI_MESSAGE = "hello" }
    }
    sidecar = {
      image     = "public.ecr.aws/docker/library/busybox:1.36"
      command   = ["sh", "-c", "sleep 3600"]
      essential = false
    }
  }

  ingress_from = { balancer = { port = local.port, group = module.balancer.security_group_id } }
}

resource "aws_cloudwatch_metric_alarm" "unhealthy" {
  alarm_name          = "${local.name}-unhealthy"
  comparison_operator = "GreaterThanOrEqualToThreshold"
  evaluation_periods  = 2
  metric_name         = "UnHealthyHostCount"
  namespace           = "AWS/ApplicationELB"
  period              = 60
  statistic           = "Maximum"
  threshold           = 1
  treat_missing_data  = "notBreaching"

  dimensions = {
    LoadBalancer = module.balancer.arn_suffix
    TargetGroup  = module.balancer.target_group_suffixes["web"]
  }
}

output "url" {
  value = "http://${module.balancer.dns_name}"
}
