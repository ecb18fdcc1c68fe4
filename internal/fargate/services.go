package fargate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"golang.org/x/sync/errgroup"

	"workshop/internal/clean"
	"workshop/internal/diagnose"
)

const (
	// describeServicesAtMost is how many services DescribeServices takes at once.
	describeServicesAtMost = 10
	// listsAtOnce bounds the calls that Clusters has on their way at one time.
	listsAtOnce = 8
	// namedMost bounds the names in a NotFoundError.
	namedMost = 10
)

// Place says where a service is, whosever it is.
type Place struct {
	Profile string // of the person's AWS configuration; empty for the target's
	Region  string // empty for the target's
	Cluster string // name or ARN
	Service string // name or ARN
}

// Cluster is a cluster with its services, in the order of their names.
type Cluster struct {
	Name     string    `json:"name"`
	Services []Service `json:"services"`
	Err      error     `json:"-"` // why its services are not known; nil where they are
}

// Clusters lists the account's clusters in the Region with their services: a call for every
// hundred clusters, and in each cluster one for every hundred services and one for every
// ten. What goes wrong in one cluster is that cluster's Err. Errors are *diagnose.Error.
func (c *Clients) Clusters(ctx context.Context) ([]Cluster, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var clusters []Cluster
	pages := ecs.NewListClustersPaginator(c.ecs, &ecs.ListClustersInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, diagnose.Explain("list the clusters", err)
		}
		for _, arn := range page.ClusterArns {
			clusters = append(clusters, Cluster{Name: last(arn)})
		}
	}
	slices.SortFunc(clusters, func(a, b Cluster) int { return strings.Compare(a.Name, b.Name) })
	var g errgroup.Group
	g.SetLimit(listsAtOnce)
	for i := range clusters {
		g.Go(func() error {
			clusters[i].Services, clusters[i].Err = c.services(ctx, clusters[i].Name)
			return nil
		})
	}
	_ = g.Wait() // each cluster has its own error
	return clusters, nil
}

// services are those of a cluster.
func (c *Clients) services(ctx context.Context, cluster string) ([]Service, error) {
	var arns []string
	pages := ecs.NewListServicesPaginator(c.ecs, &ecs.ListServicesInput{Cluster: &cluster, MaxResults: aws.Int32(100)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, diagnose.Explain("list the services of "+cluster, err)
		}
		arns = append(arns, page.ServiceArns...)
	}
	var mu sync.Mutex
	var services []Service
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(listsAtOnce)
	for batch := range slices.Chunk(arns, describeServicesAtMost) {
		g.Go(func() error {
			out, err := c.ecs.DescribeServices(gctx, &ecs.DescribeServicesInput{Cluster: &cluster, Services: batch})
			if err != nil {
				return diagnose.Explain("describe the services of "+cluster, err)
			}
			mu.Lock()
			defer mu.Unlock()
			for i := range out.Services {
				services = append(services, describe(&out.Services[i]))
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	slices.SortFunc(services, func(a, b Service) int { return strings.Compare(a.Name, b.Name) })
	return services, nil
}

// NotFoundError says that there is no such cluster, or no such service in it.
type NotFoundError struct {
	Cluster string
	Service string   // empty: it is the cluster that is not there
	There   []string // the names of those that are, up to ten
	More    int      // how many more there are
}

// Error says what is not there, and what is.
func (e *NotFoundError) Error() string {
	what, others, nothing := fmt.Sprintf("there is no cluster %q in this account and Region", clean.Line(e.Cluster)), "there are", "there is none"
	if e.Service != "" {
		what = fmt.Sprintf("there is no service %q in the cluster %s", clean.Line(e.Service), clean.Line(e.Cluster))
	}
	switch {
	case len(e.There) == 0:
		return what + "; " + nothing + " at all"
	case e.More > 0:
		return fmt.Sprintf("%s; %s %s and %d more", what, others, clean.Line(strings.Join(e.There, ", ")), e.More)
	case len(e.There) == 1:
		others = "there is only"
	}
	return what + "; " + others + " " + clean.Line(strings.Join(e.There, ", "))
}

// Resolve returns what watching any service takes: its name, the first of its target
// groups, and the first log group to which an essential container writes through the
// awslogs driver. The URL stays empty: no requests are sent to a service that is not the
// workshop's own. Cluster and service are names or ARNs. It is two calls. The error is a
// *NotFoundError or a *diagnose.Error.
func (c *Clients) Resolve(ctx context.Context, cluster, service string) (Ref, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	out, err := c.ecs.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &cluster, Services: []string{service}})
	var noCluster *ecstypes.ClusterNotFoundException
	switch {
	case errors.As(err, &noCluster):
		return Ref{}, c.notFound(ctx, &NotFoundError{Cluster: last(cluster)})
	case err != nil:
		return Ref{}, diagnose.Explain("describe the service "+service, err)
	case len(out.Services) == 0:
		return Ref{}, c.notFound(ctx, &NotFoundError{Cluster: last(cluster), Service: last(service)})
	}
	s := &out.Services[0]
	ref := Ref{Cluster: last(cluster), Service: aws.ToString(s.ServiceName)}
	for _, b := range s.LoadBalancers {
		if b.TargetGroupArn != nil {
			ref.TargetGroup = *b.TargetGroupArn
			break
		}
	}
	var o observer
	of := o.definition(ctx, c, aws.ToString(s.TaskDefinition))
	names := make([]string, 0, len(of))
	for name := range of {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if l := of[name].LogConfiguration; l != nil && l.LogDriver == ecstypes.LogDriverAwslogs && !of.optional(name) {
			ref.LogGroup = l.Options["awslogs-group"]
			break
		}
	}
	return ref, nil
}

// notFound adds to e what there is instead; where that cannot be said, e serves as it is.
func (c *Clients) notFound(ctx context.Context, e *NotFoundError) error {
	var arns []string
	if e.Service == "" {
		out, err := c.ecs.ListClusters(ctx, &ecs.ListClustersInput{})
		if err != nil {
			return diagnose.Explain("list the clusters", err)
		}
		arns = out.ClusterArns
	} else {
		out, err := c.ecs.ListServices(ctx, &ecs.ListServicesInput{Cluster: &e.Cluster, MaxResults: aws.Int32(100)})
		if err != nil {
			return diagnose.Explain("list the services of "+e.Cluster, err)
		}
		arns = out.ServiceArns
	}
	slices.Sort(arns)
	for _, arn := range arns {
		e.There = append(e.There, last(arn))
	}
	if n := len(e.There); n > namedMost {
		e.There, e.More = e.There[:namedMost], n-namedMost
	}
	return e
}
