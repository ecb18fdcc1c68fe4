package doctor

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"workshop/internal/target"
)

var permissionQuestions = []question{
	{id: "permissions", only: target.AWS, after: []string{"credentials"}, ask: permissions},
}

// actions are what Terraform's AWS provider calls to create, read, change and
// delete each type of resource of the bundled configuration; a test holds the
// keys to its files. The calls were recorded with provider 5.100; those for service
// deployments are provider 6's, which reads how a deployment ended.
var actions = map[string][]string{
	"aws_vpc": {"ec2:CreateVpc", "ec2:DeleteVpc", "ec2:DescribeVpcs", "ec2:DescribeVpcAttribute", "ec2:DescribeNetworkAcls",
		"ec2:DescribeRouteTables", "ec2:DescribeSecurityGroups", "ec2:CreateTags", "ec2:DescribeAvailabilityZones"},
	"aws_subnet":                          {"ec2:CreateSubnet", "ec2:DeleteSubnet", "ec2:DescribeSubnets", "ec2:DescribeNetworkInterfaces"},
	"aws_internet_gateway":                {"ec2:CreateInternetGateway", "ec2:AttachInternetGateway", "ec2:DetachInternetGateway", "ec2:DeleteInternetGateway", "ec2:DescribeInternetGateways"},
	"aws_route_table":                     {"ec2:CreateRouteTable", "ec2:DeleteRouteTable", "ec2:DescribeRouteTables"},
	"aws_route":                           {"ec2:CreateRoute", "ec2:DeleteRoute"},
	"aws_route_table_association":         {"ec2:AssociateRouteTable", "ec2:DisassociateRouteTable"},
	"aws_security_group":                  {"ec2:CreateSecurityGroup", "ec2:DeleteSecurityGroup", "ec2:DescribeSecurityGroups", "ec2:RevokeSecurityGroupEgress"},
	"aws_vpc_security_group_ingress_rule": {"ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress", "ec2:DescribeSecurityGroupRules"},
	"aws_vpc_security_group_egress_rule":  {"ec2:AuthorizeSecurityGroupEgress", "ec2:RevokeSecurityGroupEgress", "ec2:DescribeSecurityGroupRules"},
	"aws_eip":                             {"ec2:AllocateAddress", "ec2:ReleaseAddress", "ec2:DisassociateAddress", "ec2:DescribeAddresses", "ec2:DescribeAddressesAttribute"},
	"aws_nat_gateway":                     {"ec2:CreateNatGateway", "ec2:DeleteNatGateway", "ec2:DescribeNatGateways"},
	"aws_lb": {"elasticloadbalancing:CreateLoadBalancer", "elasticloadbalancing:DeleteLoadBalancer", "elasticloadbalancing:DescribeLoadBalancers",
		"elasticloadbalancing:DescribeLoadBalancerAttributes", "elasticloadbalancing:ModifyLoadBalancerAttributes", "elasticloadbalancing:DescribeTags", "elasticloadbalancing:AddTags"},
	"aws_lb_target_group": {"elasticloadbalancing:CreateTargetGroup", "elasticloadbalancing:DeleteTargetGroup", "elasticloadbalancing:DescribeTargetGroups",
		"elasticloadbalancing:DescribeTargetGroupAttributes", "elasticloadbalancing:ModifyTargetGroupAttributes", "elasticloadbalancing:DescribeTargetHealth"},
	"aws_lb_listener": {"elasticloadbalancing:CreateListener", "elasticloadbalancing:DeleteListener", "elasticloadbalancing:DescribeListeners", "elasticloadbalancing:DescribeListenerAttributes"},
	"aws_iam_role": {"iam:CreateRole", "iam:DeleteRole", "iam:GetRole", "iam:TagRole", "iam:PassRole", "iam:ListRolePolicies",
		"iam:ListAttachedRolePolicies", "iam:ListInstanceProfilesForRole"},
	"aws_iam_role_policy":            {"iam:PutRolePolicy", "iam:GetRolePolicy", "iam:DeleteRolePolicy"},
	"aws_iam_role_policy_attachment": {"iam:AttachRolePolicy", "iam:DetachRolePolicy"},
	"aws_cloudwatch_log_group": {"logs:CreateLogGroup", "logs:DeleteLogGroup", "logs:DescribeLogGroups", "logs:PutRetentionPolicy",
		"logs:ListTagsForResource", "logs:TagResource"},
	"aws_ecs_cluster":                    {"ecs:CreateCluster", "ecs:DeleteCluster", "ecs:DescribeClusters", "ecs:TagResource"},
	"aws_ecs_cluster_capacity_providers": {"ecs:PutClusterCapacityProviders"},
	"aws_ecs_task_definition":            {"ecs:RegisterTaskDefinition", "ecs:DeregisterTaskDefinition", "ecs:DescribeTaskDefinition"},
	"aws_ecs_service": {"ecs:CreateService", "ecs:UpdateService", "ecs:DeleteService", "ecs:DescribeServices",
		"ecs:ListServiceDeployments", "ecs:DescribeServiceDeployments"},
	"aws_appautoscaling_target": {"application-autoscaling:RegisterScalableTarget", "application-autoscaling:DeregisterScalableTarget",
		"application-autoscaling:DescribeScalableTargets", "application-autoscaling:ListTagsForResource", "application-autoscaling:TagResource"},
	"aws_appautoscaling_policy": {"application-autoscaling:PutScalingPolicy", "application-autoscaling:DeleteScalingPolicy", "application-autoscaling:DescribeScalingPolicies"},
	"aws_scheduler_schedule":    {"scheduler:CreateSchedule", "scheduler:UpdateSchedule", "scheduler:GetSchedule", "scheduler:DeleteSchedule"},
}

// optional are the types that some values of the variables leave out.
var optional = map[string]func(Needs) bool{
	"aws_eip":                   func(n Needs) bool { return n.PrivateTasks },
	"aws_nat_gateway":           func(n Needs) bool { return n.PrivateTasks },
	"aws_appautoscaling_target": func(n Needs) bool { return n.Autoscaling },
	"aws_appautoscaling_policy": func(n Needs) bool { return n.Autoscaling },
	"aws_iam_role_policy":       func(n Needs) bool { return n.TTL || n.Exec },
	"aws_scheduler_schedule":    func(n Needs) bool { return n.TTL },
}

// createLinkedRole is what AWS needs of the caller where an account uses a
// service for the first time.
const createLinkedRole = "iam:CreateServiceLinkedRole"

// needed are the actions for a configuration, sorted, and the types that are not
// in the table.
func needed(n Needs) (list, unlisted []string) {
	all := map[string]bool{createLinkedRole: true}
	for _, t := range n.Types {
		if use, ok := optional[t]; ok && !use(n) {
			continue
		}
		if actions[t] == nil {
			unlisted = append(unlisted, t)
		}
		for _, a := range actions[t] {
			all[a] = true
		}
	}
	slices.Sort(unlisted)
	return slices.Sorted(maps.Keys(all)), slices.Compact(unlisted)
}

func permissions(ctx context.Context, s *Subject) Check {
	t := s.opened()
	client := iam.NewFromConfig(t.Config)
	if strings.HasSuffix(t.CallerARN, ":root") {
		s.mu.Lock()
		s.forbidden = map[string]bool{}
		s.mu.Unlock()
		return passed("the root user may do everything")
	}
	source := principal(ctx, client, t.CallerARN)
	if source == "" {
		return unknown("permissions could not be checked: IAM cannot simulate "+t.CallerARN, "")
	}
	list, unlisted := needed(s.Needs)
	denied := map[string]bool{}
	undecided := 0
	for _, group := range grouped(list, s, t) {
		pages := iam.NewSimulatePrincipalPolicyPaginator(client, &iam.SimulatePrincipalPolicyInput{
			PolicySourceArn: &source, ActionNames: group.actions, ResourceArns: group.resources, ContextEntries: group.context,
		})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				fix := ""
				if notAllowed(err) {
					fix = "To have them checked, ask for iam:SimulatePrincipalPolicy. A deployment does not need it."
				}
				return unknown("permissions could not be checked: "+shortError(err), fix)
			}
			for _, r := range page.EvaluationResults {
				switch {
				case r.EvalDecision == types.PolicyEvaluationDecisionTypeAllowed:
				case len(r.MissingContextValues) > 0:
					undecided++ // a condition on something that the simulation was not given
				default:
					denied[aws.ToString(r.EvalActionName)] = true
				}
			}
		}
	}
	s.mu.Lock()
	s.forbidden = denied
	s.mu.Unlock()
	missing := slices.Sorted(maps.Keys(denied))
	// Without it a deployment works where the roles are there already.
	missing = slices.DeleteFunc(missing, func(a string) bool { return a == createLinkedRole })
	notes := ""
	if undecided > 0 {
		notes += fmt.Sprintf("; %d depend on conditions that could not be checked", undecided)
	}
	if len(unlisted) > 0 {
		notes += "; what your own resource types need was not checked: " + strings.Join(unlisted, ", ")
	}
	if len(missing) > 0 {
		return failed(fmt.Sprintf("%s may not do %d of the %d things that a deployment needs: %s%s", source, len(missing), len(list), strings.Join(missing, ", "), notes),
			"Ask an administrator of the account to allow these actions, or use another role (AWS_PROFILE).")
	}
	return passed(fmt.Sprintf("the %d permissions that a deployment needs%s", len(list), notes))
}

type simulation struct {
	actions, resources []string
	context            []types.ContextEntry
}

// grouped puts the actions on roles with a role's ARN, because policies often
// permit those for some names only.
func grouped(list []string, s *Subject, t *target.Target) []simulation {
	inRegion := entry("aws:RequestedRegion", t.Region)
	rest := simulation{context: []types.ContextEntry{inRegion}}
	parts := strings.SplitN(t.CallerARN, ":", 3)
	role := simulation{
		resources: []string{fmt.Sprintf("arn:%s:iam::%s:role/%s-%s-execution", parts[1], t.Account, s.Name, s.WorkspaceID)},
		context:   []types.ContextEntry{inRegion, entry("iam:PassedToService", "ecs-tasks.amazonaws.com")},
	}
	for _, a := range list {
		if strings.HasPrefix(a, "iam:") && a != createLinkedRole {
			role.actions = append(role.actions, a)
		} else {
			rest.actions = append(rest.actions, a)
		}
	}
	var out []simulation
	for _, g := range []simulation{rest, role} {
		if len(g.actions) > 0 {
			out = append(out, g)
		}
	}
	return out
}

func entry(key, value string) types.ContextEntry {
	return types.ContextEntry{ContextKeyName: &key, ContextKeyType: types.ContextKeyTypeEnumString, ContextKeyValues: []string{value}}
}
