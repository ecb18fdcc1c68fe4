variable "name" { type = string }
variable "vpc_id" { type = string }
variable "subnets" { type = list(string) }
variable "ingress_rules" { type = any }
variable "egress_rules" { type = any }
variable "target_groups" { type = any }
variable "listeners" { type = any }

resource "aws_lb" "this" {
  count = 1

  name                                        = var.name
  internal                                    = false
  load_balancer_type                          = "application"
  ip_address_type                             = "ipv4"
  security_groups                             = [aws_security_group.this.id]
  subnets                                     = var.subnets
  idle_timeout                                = 60
  client_keep_alive                           = 7200
  desync_mitigation_mode                      = "defensive"
  drop_invalid_header_fields                  = true
  enable_cross_zone_load_balancing            = true
  enable_deletion_protection                  = false
  enable_http2                                = true
  enable_tls_version_and_cipher_suite_headers = false
  enable_waf_fail_open                        = false
  enable_xff_client_port                      = false
  enable_zonal_shift                          = false
  preserve_host_header                        = false
  xff_header_processing_mode                  = "append"

  timeouts {
    create = "5m"
    update = "5m"
    delete = "5m"
  }

  tags = { Name = var.name }

  lifecycle { ignore_changes = [tags["elasticbeanstalk:shared-elb-environment-count"]] }
}

resource "aws_lb_target_group" "this" {
  for_each = var.target_groups

  name_prefix                       = substr("${each.key}-", 0, 6)
  vpc_id                            = var.vpc_id
  target_type                       = "ip"
  port                              = each.value.port
  protocol                          = "HTTP"
  protocol_version                  = "HTTP1"
  ip_address_type                   = "ipv4"
  deregistration_delay              = 5
  slow_start                        = 0
  load_balancing_algorithm_type     = "round_robin"
  load_balancing_anomaly_mitigation = "off"
  load_balancing_cross_zone_enabled = "use_load_balancer_configuration"

  health_check {
    enabled             = true
    interval            = 5
    timeout             = 4
    path                = each.value.path
    port                = "traffic-port"
    protocol            = "HTTP"
    matcher             = "200-299"
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }

  dynamic "stickiness" {
    for_each = try(each.value.stickiness, false) ? [1] : []
    content {
      enabled         = true
      type            = "lb_cookie"
      cookie_duration = 3600
    }
  }

  target_group_health {
    dns_failover {
      minimum_healthy_targets_count      = "1"
      minimum_healthy_targets_percentage = "off"
    }
    unhealthy_state_routing {
      minimum_healthy_targets_count      = "1"
      minimum_healthy_targets_percentage = "off"
    }
  }

  tags = { Name = each.key }

  lifecycle { create_before_destroy = true }
}

resource "aws_lb_target_group_attachment" "this" {
  target_group_arn  = aws_lb_target_group.this["api"].arn
  target_id         = "10.20.0.250"
  port              = 9898
  availability_zone = null
}

resource "aws_lb_listener" "this" {
  for_each = var.listeners

  load_balancer_arn                                  = aws_lb.this[0].arn
  port                                               = each.value.port
  protocol                                           = "HTTP"
  routing_http_response_server_enabled               = true
  routing_http_response_x_frame_options_header_value = "DENY"

  dynamic "default_action" {
    for_each = try([each.value.forward], [])
    content {
      type             = "forward"
      order            = 1
      target_group_arn = aws_lb_target_group.this[default_action.value].arn
    }
  }

  dynamic "default_action" {
    for_each = try([each.value.fixed], [])
    content {
      type = "fixed-response"
      fixed_response {
        content_type = "text/plain"
        message_body = "nothing here"
        status_code  = default_action.value
      }
    }
  }

  dynamic "default_action" {
    for_each = try([each.value.redirect], [])
    content {
      type = "redirect"
      redirect {
        path        = default_action.value
        port        = "80"
        protocol    = "HTTP"
        status_code = "HTTP_302"
      }
    }
  }

  tags = { Name = each.key }
}

locals {
  rules = merge([for name, l in var.listeners : { for k, r in l.rules : "${name}/${k}" => merge({ listener = name }, r) }]...)
}

resource "aws_lb_listener_rule" "this" {
  for_each = local.rules

  listener_arn = aws_lb_listener.this[each.value.listener].arn
  priority     = each.value.priority

  dynamic "action" {
    for_each = try([each.value.forward], [])
    content {
      type             = "forward"
      target_group_arn = aws_lb_target_group.this[action.value].arn
    }
  }

  dynamic "action" {
    for_each = try([each.value.redirect], [])
    content {
      type = "redirect"
      redirect {
        path        = action.value
        status_code = "HTTP_301"
      }
    }
  }

  dynamic "action" {
    for_each = try([each.value.fixed], [])
    content {
      type = "fixed-response"
      fixed_response {
        content_type = "application/json"
        message_body = "{}"
        status_code  = action.value
      }
    }
  }

  dynamic "action" {
    for_each = try([each.value.weights], [])
    content {
      type = "forward"
      forward {
        dynamic "target_group" {
          for_each = action.value
          content {
            arn    = aws_lb_target_group.this[target_group.key].arn
            weight = target_group.value
          }
        }
        stickiness {
          enabled  = true
          duration = 600
        }
      }
    }
  }

  dynamic "condition" {
    for_each = try([each.value.paths], [])
    content {
      path_pattern { values = condition.value }
    }
  }

  dynamic "condition" {
    for_each = try([each.value.hosts], [])
    content {
      host_header { values = condition.value }
    }
  }

  dynamic "condition" {
    for_each = try(each.value.headers, {})
    content {
      http_header {
        http_header_name = condition.key
        values           = condition.value
      }
    }
  }

  dynamic "condition" {
    for_each = try([each.value.methods], [])
    content {
      http_request_method { values = condition.value }
    }
  }

  dynamic "condition" {
    for_each = try(each.value.queries, {})
    content {
      query_string {
        key   = condition.key
        value = condition.value
      }
    }
  }

  dynamic "condition" {
    for_each = try([each.value.sources], [])
    content {
      source_ip { values = condition.value }
    }
  }

  tags = { Name = each.key }
}

resource "aws_security_group" "this" {
  name_prefix            = "${var.name}-"
  description            = "Of the load balancer ${var.name}"
  vpc_id                 = var.vpc_id
  revoke_rules_on_delete = true
  tags                   = { Name = var.name }

  lifecycle { create_before_destroy = true }
}

resource "aws_vpc_security_group_ingress_rule" "this" {
  for_each = var.ingress_rules

  security_group_id = aws_security_group.this.id
  description       = try(each.value.description, null)
  ip_protocol       = try(each.value.ip_protocol, "tcp")
  from_port         = try(each.value.from_port, null)
  to_port           = try(each.value.to_port, null)
  cidr_ipv4         = each.value.cidr_ipv4
  tags              = { Name = each.key }
}

resource "aws_vpc_security_group_egress_rule" "this" {
  for_each = var.egress_rules

  security_group_id = aws_security_group.this.id
  ip_protocol       = try(each.value.ip_protocol, "tcp")
  from_port         = try(each.value.from_port, null)
  to_port           = try(each.value.to_port, null)
  cidr_ipv4         = each.value.cidr_ipv4
}

output "arn_suffix" { value = aws_lb.this[0].arn_suffix }
output "dns_name" { value = aws_lb.this[0].dns_name }
output "security_group_id" { value = aws_security_group.this.id }
output "target_groups" {
  value      = { for k, g in aws_lb_target_group.this : k => g.arn }
  depends_on = [aws_lb_listener.this, aws_lb_listener_rule.this]
}
output "target_group_suffixes" { value = { for k, g in aws_lb_target_group.this : k => g.arn_suffix } }
