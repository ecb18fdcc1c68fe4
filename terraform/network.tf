# The network: a VPC with a public and a private subnet in each of two zones.
# A zone is a data centre of its own, so the service survives the loss of one.

data "aws_availability_zones" "available" {
  state = "available"

  # Leaves out local zones, which an account has to ask for.
  filter {
    name   = "opt-in-status"
    values = ["opt-in-not-required"]
  }
}

locals {
  name  = "${var.name}-${var.workspace_id}"
  zones = slice(data.aws_availability_zones.available.names, 0, 2)

  # Where the tasks run.
  task_subnets = var.private_tasks ? aws_subnet.private : aws_subnet.public
}

resource "aws_vpc" "main" {
  cidr_block = var.vpc_cidr

  tags = { Name = local.name }
}

# What makes a subnet public is not a setting of its own but its route table:
# further down, the public one leads to the internet gateway.
resource "aws_subnet" "public" {
  count = length(local.zones)

  vpc_id            = aws_vpc.main.id
  availability_zone = local.zones[count.index]
  cidr_block        = cidrsubnet(var.vpc_cidr, 4, count.index)

  tags = { Name = "${local.name}-public-${local.zones[count.index]}" }
}

resource "aws_subnet" "private" {
  count = length(local.zones)

  vpc_id            = aws_vpc.main.id
  availability_zone = local.zones[count.index]
  cidr_block        = cidrsubnet(var.vpc_cidr, 4, count.index + 8)

  tags = { Name = "${local.name}-private-${local.zones[count.index]}" }
}

# The door between the VPC and the internet. It costs nothing.
resource "aws_internet_gateway" "main" {
  vpc_id = aws_vpc.main.id

  tags = { Name = local.name }

  # With another vpc_cidr the VPC is made anew. Terraform knows that its subnets
  # go with it, but would try to move this gateway, the load balancer and the
  # service over, while AWS deletes no subnet that they still use. So they are
  # made anew as well.
  lifecycle {
    replace_triggered_by = [aws_vpc.main.id]
  }
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.main.id

  tags = { Name = "${local.name}-public" }
}

resource "aws_route" "internet" {
  route_table_id         = aws_route_table.public.id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.main.id
}

resource "aws_route_table_association" "public" {
  count = length(local.zones)

  route_table_id = aws_route_table.public.id
  subnet_id      = aws_subnet.public[count.index].id
}

# Without a NAT gateway this table leads nowhere outside the VPC.
resource "aws_route_table" "private" {
  vpc_id = aws_vpc.main.id

  tags = { Name = "${local.name}-private" }
}

resource "aws_route_table_association" "private" {
  count = length(local.zones)

  route_table_id = aws_route_table.private.id
  subnet_id      = aws_subnet.private[count.index].id
}

# With private_tasks, a NAT gateway lets the tasks call out, to pull their
# image, while nobody can call in. One is enough for a workshop; in production
# you would have one in each zone.
resource "aws_eip" "nat" {
  count = var.private_tasks ? 1 : 0

  domain = "vpc"

  tags = { Name = "${local.name}-nat" }
}

resource "aws_nat_gateway" "main" {
  count = var.private_tasks ? 1 : 0

  subnet_id     = aws_subnet.public[0].id
  allocation_id = aws_eip.nat[0].id

  tags = { Name = local.name }

  depends_on = [aws_internet_gateway.main]
}

resource "aws_route" "nat" {
  count = var.private_tasks ? 1 : 0

  route_table_id         = aws_route_table.private.id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.main[0].id
}
