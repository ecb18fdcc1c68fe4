package sweep

import (
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
)

func TestEverything(t *testing.T) {
	t.Parallel()
	cfg := startSandbox(t)
	monday := tagsOf("ann")
	monday[RoomTag] = "monday"
	ann := build(t, cfg, monday)
	ann.create("CreateVpc", "vpc", "CidrBlock", "10.0.0.0/16")
	ann.stack("shop-ann")
	build(t, cfg, tagsOf("bob")).create("CreateVpc", "vpc", "CidrBlock", "10.0.0.0/16")
	build(t, cfg, map[string]string{Tag: "eve", WorkshopTag: "another"}).create("CreateVpc", "vpc", "CidrBlock", "10.0.0.0/16")
	build(t, cfg, nil).create("CreateVpc", "vpc", "CidrBlock", "10.0.0.0/16")
	settled(t, cfg, Scope{WorkspaceID: "ann", Name: "shop"})

	list := func(f Filter) []string {
		t.Helper()
		f.Name = "shop"
		a, err := Everything(t.Context(), cfg, f)
		if err != nil || !a.Complete() {
			t.Fatalf("%+v, %v", a.Unanswered(), err)
		}
		var ids []string
		for _, s := range a.Stacks {
			ids = append(ids, s.Workspace)
		}
		slices.Sort(ids)
		return ids
	}
	for _, tt := range []struct {
		f    Filter
		want []string
	}{
		{Filter{}, []string{"ann", "bob"}},
		{Filter{Room: "monday"}, []string{"ann"}},
		{Filter{Room: "tuesday"}, nil},
		{Filter{Workshop: "another"}, []string{"eve"}},
		{Filter{OlderThan: time.Nanosecond}, []string{"ann"}}, // AWS tells no age of a VPC
		{Filter{OlderThan: time.Hour}, nil},
	} {
		if got := list(tt.f); !slices.Equal(got, tt.want) {
			t.Errorf("%+v: %v, want %v", tt.f, got, tt.want)
		}
	}

	// One pass for all finds what a sweep of one finds.
	f := Filter{Name: "shop", Room: "monday"}
	a, err := Everything(t.Context(), cfg, f)
	if err != nil {
		t.Fatal(err)
	}
	s := a.Stacks[0]
	one := swept(t, cfg, f.Scope(s))
	if !slices.Equal(ids(Report{Left: s.Left}), ids(one)) {
		t.Errorf("all at once\n%v\nalone\n%v", ids(Report{Left: s.Left}), ids(one))
	}
	if s.Room != "monday" || s.Oldest.IsZero() || time.Since(s.Oldest) > time.Minute || len(s.Costly()) != 7 { // load balancer, service, two tasks, NAT gateway, address, endpoint
		t.Errorf("room %q, oldest %v, costly %v", s.Room, s.Oldest, s.Costly())
	}
	out, err := connect(cfg, f.Scope(s)).remove(t.Context(), s.Left, nil, quick)
	if err != nil || !out.Clean() {
		t.Errorf("failed %+v, skipped %+v, %v", out.Failed, out.Skipped, err)
	}
	if got := list(Filter{}); !slices.Equal(got, []string{"bob"}) {
		t.Errorf("left: %v", got)
	}

	// Roles belong to no Region: theirs may be another's.
	_, err = ann.c.iam.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("shop-abroad"), AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}}`),
		Tags: []iamtypes.Tag{{Key: aws.String(WorkshopTag), Value: aws.String(Workshop)}, {Key: aws.String(Tag), Value: aws.String("abroad")}}})
	ann.must(err)
	a, err = Everything(t.Context(), cfg, Filter{Name: "shop"})
	ann.must(err)
	for _, s := range a.Stacks {
		if s.IAMOnly != (s.Workspace == "abroad") {
			t.Errorf("%+v", s)
		}
	}
}
