package fargate

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// account is a fake with three clusters: one with 23 services, an empty one, and one that
// may not be looked into.
func account() *fake {
	arn := func(kind, name string) string { return "arn:aws:ecs:eu-west-1:000000000000:" + kind + "/" + name }
	definitions := map[string]any{
		"web":  []any{map[string]any{"name": "proxy", "essential": false, "logConfiguration": map[string]any{"logDriver": "awslogs", "options": map[string]any{"awslogs-group": "/proxy"}}}, map[string]any{"name": "web", "logConfiguration": map[string]any{"logDriver": "awslogs", "options": map[string]any{"awslogs-group": "/web"}}}},
		"mute": []any{map[string]any{"name": "web", "logConfiguration": map[string]any{"logDriver": "awsfirelens"}}},
	}
	return &fake{answer: func(op string, in request) (int, any) {
		cluster, _ := in["cluster"].(string)
		switch op {
		case "ListClusters":
			return 200, map[string]any{"clusterArns": []string{arn("cluster", "shop"), arn("cluster", "empty"), arn("cluster", "locked")}}
		case "ListServices":
			switch cluster {
			case "locked":
				return 400, map[string]any{"__type": "AccessDeniedException", "message": "not authorized to perform: ecs:ListServices"}
			case "shop":
				var arns []string
				for i := range 23 {
					arns = append(arns, arn("service", fmt.Sprintf("shop/s%02d", i)))
				}
				return 200, map[string]any{"serviceArns": arns}
			}
			return 200, map[string]any{"serviceArns": []string{}}
		case "DescribeServices":
			if cluster == "none" {
				return 400, map[string]any{"__type": "ClusterNotFoundException", "message": "Cluster not found."}
			}
			var out []any
			for _, s := range in["services"].([]any) {
				name := last(s.(string))
				if name == "gone" {
					continue
				}
				family := "web"
				if name == "mute" {
					family = "mute"
				}
				out = append(out, map[string]any{"serviceName": name, "status": "ACTIVE", "clusterArn": arn("cluster", cluster), "desiredCount": 2, "runningCount": 1,
					"taskDefinition": arn("task-definition", family+":1"), "loadBalancers": []any{map[string]any{"targetGroupArn": "tg-1"}, map[string]any{"targetGroupArn": "tg-2"}}})
			}
			return 200, map[string]any{"services": out}
		case "DescribeTaskDefinition":
			family, _, _ := strings.Cut(last(in["taskDefinition"].(string)), ":")
			return 200, map[string]any{"taskDefinition": map[string]any{"containerDefinitions": definitions[family]}}
		}
		return 400, map[string]any{"__type": "InvalidAction", "message": op}
	}}
}

func TestClusters(t *testing.T) {
	f := account()
	got, err := NewClients(f.config()).Clusters(t.Context())
	if err != nil || len(got) != 3 {
		t.Fatalf("%+v, %v", got, err)
	}
	empty, locked, shop := got[0], got[1], got[2]
	if empty.Name != "empty" || empty.Err != nil || len(empty.Services) != 0 {
		t.Errorf("the empty cluster: %+v", empty)
	}
	if locked.Name != "locked" || locked.Err == nil {
		t.Errorf("the cluster that may not be looked into: %+v", locked)
	}
	if shop.Err != nil || len(shop.Services) != 23 || shop.Services[22].Name != "s22" || shop.Services[0].Cluster != "shop" {
		t.Errorf("the cluster with services: %v, %+v", shop.Err, shop.Services)
	}
	described := 0
	for _, c := range f.calls {
		if c.op == "DescribeServices" {
			described++
		}
	}
	if described != 3 {
		t.Errorf("23 services took %d calls", described)
	}
}

func TestResolve(t *testing.T) {
	for _, c := range []struct {
		cluster, service string
		want             Ref
		err              string
	}{
		{"shop", "s03", Ref{Cluster: "shop", Service: "s03", TargetGroup: "tg-1", LogGroup: "/web"}, ""},
		{"arn:aws:ecs:eu-west-1:000000000000:cluster/shop", "arn:aws:ecs:eu-west-1:000000000000:service/shop/s03", Ref{Cluster: "shop", Service: "s03", TargetGroup: "tg-1", LogGroup: "/web"}, ""},
		{"shop", "mute", Ref{Cluster: "shop", Service: "mute", TargetGroup: "tg-1"}, ""},
		{"shop", "gone", Ref{}, `there is no service "gone" in the cluster shop; there are s00, s01, s02, s03, s04, s05, s06, s07, s08, s09 and 13 more`},
		{"empty", "gone", Ref{}, `there is no service "gone" in the cluster empty; there is none at all`},
		{"none", "web", Ref{}, `there is no cluster "none" in this account and Region; there are empty, locked, shop`},
	} {
		got, err := NewClients(account().config()).Resolve(t.Context(), c.cluster, c.service)
		if c.err == "" {
			if err != nil || got != c.want {
				t.Errorf("%s %s: %+v, %v", c.cluster, c.service, got, err)
			}
			continue
		}
		var missing *NotFoundError
		if !errors.As(err, &missing) || err.Error() != c.err {
			t.Errorf("%s %s: %v", c.cluster, c.service, err)
		}
	}
}
