package cost

// PricesOf is when the prices of us-east-1 below were last compared with what
// others quote from AWS's pages, and Source where AWS publishes them: check a
// region there before you add it.
const (
	PricesOf = "March 2026"
	Source   = "aws.amazon.com/fargate/pricing, /elasticloadbalancing/pricing, /vpc/pricing"
)

// fallback is the region whose prices stand in for one that is not here.
const fallback = "us-east-1"

// price is what things cost an hour in one region, Fargate on Linux and x86.
type price struct {
	vcpu         Money // one vCPU
	gb           Money // one GB of memory
	loadBalancer Money // an application load balancer
	capacity     Money // a load balancer capacity unit
	nat          Money
	address      Money // a public IPv4 address, in use or not
}

var prices = map[string]price{
	"us-east-1": {vcpu: 40_480, gb: 4_445, loadBalancer: 22_500, capacity: 8_000, nat: 45_000, address: 5_000},
	"us-east-2": {vcpu: 40_480, gb: 4_445, loadBalancer: 22_500, capacity: 8_000, nat: 45_000, address: 5_000},
	"us-west-2": {vcpu: 40_480, gb: 4_445, loadBalancer: 22_500, capacity: 8_000, nat: 45_000, address: 5_000},
	"eu-west-1": {vcpu: 40_480, gb: 4_445, loadBalancer: 25_200, capacity: 8_000, nat: 48_000, address: 5_000},
}
