package cost

// PricesOf is when the prices of us-east-1 below were last compared with what
// others quote from AWS's pages, and Source where AWS publishes them: check a
// region there before you add it.
const (
	PricesOf = "March 2026"
	Source   = "aws.amazon.com/fargate/pricing, /elasticloadbalancing/pricing, /vpc/pricing, /privatelink/pricing, /cloudwatch/pricing"
)

// fallback is the region whose prices stand in for one that is not here.
const fallback = "us-east-1"

// price is what things cost an hour in one region, Fargate on Linux.
type price struct {
	vcpu         Money // one vCPU, x86
	gb           Money // one GB of memory, x86
	vcpuARM      Money // one vCPU, ARM64 (Graviton)
	gbARM        Money // one GB of memory, ARM64
	loadBalancer Money // an application load balancer
	capacity     Money // a load balancer capacity unit
	nat          Money
	address      Money // a public IPv4 address, in use or not
	endpoint     Money // an interface VPC endpoint in one zone
}

var prices = map[string]price{
	"us-east-1": {vcpu: 40_480, gb: 4_445, vcpuARM: 32_380, gbARM: 3_560, loadBalancer: 22_500, capacity: 8_000, nat: 45_000, address: 5_000, endpoint: 10_000},
	"us-east-2": {vcpu: 40_480, gb: 4_445, vcpuARM: 32_380, gbARM: 3_560, loadBalancer: 22_500, capacity: 8_000, nat: 45_000, address: 5_000, endpoint: 10_000},
	"us-west-2": {vcpu: 40_480, gb: 4_445, vcpuARM: 32_380, gbARM: 3_560, loadBalancer: 22_500, capacity: 8_000, nat: 45_000, address: 5_000, endpoint: 10_000},
	"eu-west-1": {vcpu: 40_480, gb: 4_445, vcpuARM: 32_380, gbARM: 3_560, loadBalancer: 25_200, capacity: 8_000, nat: 48_000, address: 5_000, endpoint: 11_000},
}

// hoursPerMonth turns a price for a month into one for an hour, as AWS's own
// calculator does.
const hoursPerMonth = 730

// CloudWatch's prices are for a month, are charged by the hour, and are the same
// in the regions above.
var (
	metric         = monthly(300_000) // a custom metric, of the first 10,000 in the account
	enhancedMetric = monthly(70_000)  // a metric of Container Insights with enhanced observability
	alarm          = monthly(100_000) // an alarm of standard resolution on one metric
)

// monthly returns the price for an hour of what costs m a month.
func monthly(m Money) Money { return (m + hoursPerMonth/2) / hoursPerMonth }

// How many metrics Container Insights has of a Fargate service on platform
// version 1.4, counted from the tables of the CloudWatch user guide ("Amazon ECS
// Container Insights metrics" and "... with enhanced observability metrics").
// Every set of dimensions of a metric is a metric of its own on the bill. Left
// out are ContainerInstanceCount (EC2 only), EBS, restart policies and container
// health checks, which the bundled configuration does not have.
//
// With "enabled", ten metrics (CPU, memory, network, storage and ephemeral
// storage, two of each) exist for the cluster, for each service and for each
// family of task definitions; TaskCount and ServiceCount for the cluster; five
// counts for the service. One cluster with one service and one family has 37.
//
// With "enhanced", these exist as well for each task, once by its service and
// once by its family; so do three percentages of tasks, and ten metrics of
// containers, three of which have no set of dimensions with the container's name.
// One cluster, service, family and container have 76, and each task 46 more.
const (
	shared     = 10 // for each cluster, service and family
	ofCluster  = 2
	ofService  = 5
	percents   = 3 // enhanced: TaskCpu-, TaskMemory-, TaskEphemeralStorageUtilization
	containers = 10
	unnamed    = 3 // of containers: those without the container's name
)

// insightsMetrics returns how many metrics Container Insights bills for one
// cluster. names is how many containers the services' task definitions have,
// running how many run in all tasks.
func insightsMetrics(enhanced bool, services, families, tasks, names, running int) int {
	if tasks == 0 { // metrics are reported of what has running tasks
		return 0
	}
	if !enhanced {
		return shared + ofCluster + services*(shared+ofService) + families*shared
	}
	each := shared + percents + unnamed // of a service, a family, and twice of a task
	return shared + percents + containers + ofCluster +
		services*(each+ofService) + families*each + 2*names*(containers-unnamed) +
		2*(tasks*each+running*(containers-unnamed))
}

// free are types of resources that cost nothing by the hour. What is neither here
// nor counted by Items is named in Estimate.Unpriced.
var free = map[string]bool{
	"aws_appautoscaling_target":                true,
	"aws_cloudwatch_log_group":                 true, // its contents cost: see the note on logs
	"aws_cloudwatch_log_stream":                true,
	"aws_default_network_acl":                  true,
	"aws_default_route_table":                  true,
	"aws_default_security_group":               true,
	"aws_ecs_cluster_capacity_providers":       true,
	"aws_ecs_task_definition":                  true, // its tasks cost
	"aws_iam_instance_profile":                 true,
	"aws_iam_policy":                           true,
	"aws_iam_role":                             true,
	"aws_iam_role_policy":                      true,
	"aws_iam_role_policy_attachment":           true,
	"aws_internet_gateway":                     true,
	"aws_lb_listener":                          true,
	"aws_lb_listener_rule":                     true,
	"aws_lb_target_group":                      true,
	"aws_lb_target_group_attachment":           true,
	"aws_main_route_table_association":         true,
	"aws_network_acl":                          true,
	"aws_network_acl_rule":                     true,
	"aws_route":                                true,
	"aws_route_table":                          true,
	"aws_route_table_association":              true,
	"aws_scheduler_schedule":                   true, // the first 14 million starts a month
	"aws_scheduler_schedule_group":             true,
	"aws_security_group":                       true,
	"aws_security_group_rule":                  true,
	"aws_service_discovery_http_namespace":     true,
	"aws_subnet":                               true,
	"aws_vpc":                                  true,
	"aws_vpc_endpoint_route_table_association": true,
	"aws_vpc_security_group_egress_rule":       true,
	"aws_vpc_security_group_ingress_rule":      true,
}
