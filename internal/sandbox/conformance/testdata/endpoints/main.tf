# A VPC whose tasks call CloudWatch Logs over an interface endpoint, and S3 over
# a gateway endpoint.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}

provider "aws" {}

variable "open" {
  description = "Whether the endpoint's security group lets the VPC in."
  type        = bool
  default     = false
}

variable "zones" {
  description = "In how many zones the interface endpoint is."
  type        = number
  default     = 1
}

data "aws_region" "current" {}

data "aws_availability_zones" "available" {}

data "aws_vpc_endpoint_service" "s3" {
  service      = "s3"
  service_type = "Gateway"
}

data "aws_prefix_list" "s3" {
  name = data.aws_vpc_endpoint_service.s3.service_name
}

resource "aws_vpc" "main" {
  cidr_block           = "10.1.0.0/16"
  enable_dns_hostnames = true # private DNS names of endpoints need it
}

resource "aws_subnet" "main" {
  count             = 2
  vpc_id            = aws_vpc.main.id
  availability_zone = data.aws_availability_zones.available.names[count.index]
  cidr_block        = cidrsubnet(aws_vpc.main.cidr_block, 8, count.index)
}

resource "aws_internet_gateway" "main" {
  vpc_id = aws_vpc.main.id
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.main.id

  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.main.id
  }
}

# Only the first subnet leads out.
resource "aws_route_table_association" "public" {
  route_table_id = aws_route_table.public.id
  subnet_id      = aws_subnet.main[0].id
}

resource "aws_security_group" "endpoint" {
  name   = "endpoint"
  vpc_id = aws_vpc.main.id
}

resource "aws_vpc_security_group_ingress_rule" "https" {
  count             = var.open ? 1 : 0
  security_group_id = aws_security_group.endpoint.id
  cidr_ipv4         = aws_vpc.main.cidr_block
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_endpoint" "logs" {
  vpc_id              = aws_vpc.main.id
  service_name        = "com.amazonaws.${data.aws_region.current.name}.logs"
  vpc_endpoint_type   = "Interface"
  private_dns_enabled = true
  subnet_ids          = slice(aws_subnet.main[*].id, 0, var.zones)
  security_group_ids  = [aws_security_group.endpoint.id]
  tags                = { Name = "logs", Workshop = "endpoints" }
}

resource "aws_vpc_endpoint" "s3" {
  vpc_id          = aws_vpc.main.id
  service_name    = data.aws_vpc_endpoint_service.s3.service_name
  route_table_ids = [aws_route_table.public.id]
}

output "subnets" {
  value = join(" ", aws_subnet.main[*].id)
}

output "prefix_lists" {
  value = "${aws_vpc_endpoint.s3.prefix_list_id} ${data.aws_prefix_list.s3.id}"
}
