package sweep

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// Somebody has put a network interface, and a security group that names one of
// ours, into our VPC. Holders names both, and what of ours is in the way.
func TestHolders(t *testing.T) {
	t.Parallel()
	cfg := startSandbox(t)
	s := build(t, cfg, tagsOf("k3x9")).stack("shop-k3x9")
	r := settled(t, cfg, shop)
	by := build(t, cfg, nil)
	foreign := by.create("CreateSecurityGroup", "security-group", "VpcId", s.vpc, "GroupName", "theirs", "GroupDescription", "x").Group
	by.must(by.c.ec2.do(t.Context(), "AuthorizeSecurityGroupIngress", "GroupId", foreign,
		"IpPermissions.1.IpProtocol", "-1", "IpPermissions.1.Groups.1.GroupId", s.groups[1]))
	eni := by.create("CreateNetworkInterface", "network-interface", "SubnetId", s.subnets[0], "SecurityGroupId.1", s.groups[0], "Description", "by hand").Interface

	// A description does not make it the load balancer's.
	forged := by.create("CreateNetworkInterface", "network-interface", "SubnetId", s.subnets[1], "SecurityGroupId.1", foreign, "Description", "ELB app/shop-k3x9/0123456789abcdef").Interface
	if slices.ContainsFunc(swept(t, cfg, shop).Left, func(l Leftover) bool { return l.ID == forged || l.ID == eni }) {
		t.Error("network interfaces made by hand are claimed")
	}

	hand := func(uses string) string {
		return eni + ` "by hand", made outside this workshop, uses ` + uses + `: delete it, then continue`
	}
	group := foreign + ` "theirs", made outside this workshop, uses `
	for id, want := range map[string][]string{
		s.subnets[0]: {hand(s.subnets[0]), "load balancer shop-k3x9, made by this workshop, uses " + s.subnets[0]},
		s.subnets[1]: {forged + ` "ELB app/shop-k3x9/0123456789abcdef", made outside this workshop, uses ` + s.subnets[1] + `: delete it, then continue`},
		s.groups[0]:  {hand(s.groups[0]), "load balancer shop-k3x9, made by this workshop, uses " + s.groups[0]},
		s.groups[1]:  {group + s.groups[1]},
		s.gateway:    {"load balancer shop-k3x9, made by this workshop, uses " + s.gateway},
		s.vpc:        {hand(s.vpc), group + s.vpc},
	} {
		holders, err := Holders(t.Context(), cfg, shop, id)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, h := range holders {
			got = append(got, h.String())
			if strings.Contains(h.String(), "outside") == h.Ours || h.Uses != id {
				t.Errorf("%+v", h)
			}
		}
		for _, w := range want {
			if !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, w) }) {
				t.Errorf("%s is held by\n%s\nwithout %s", id, strings.Join(got, "\n"), w)
			}
		}
	}
	holders, err := Holders(t.Context(), cfg, shop, s.vpc)
	by.must(err)
	var theirs []string
	for _, h := range holders {
		if !h.Ours {
			theirs = append(theirs, h.ID)
		}
	}
	slices.Sort(theirs)
	if want := slices.Sorted(slices.Values([]string{eni, forged, foreign})); !slices.Equal(theirs, want) {
		t.Errorf("somebody's in the VPC: %v, want %v", theirs, want)
	}

	// Removing stops at what is somebody's, says what that is, and goes on when it
	// is gone.
	c := connect(cfg, shop)
	out, err := c.remove(t.Context(), r.Left, nil, quick)
	if err != nil {
		t.Fatal(err)
	}
	failed := map[string]Failure{}
	for _, f := range out.Failed {
		failed[f.Resource.ID] = f
	}
	for _, id := range []string{s.subnets[0], s.subnets[1], s.groups[0], s.groups[1], s.vpc} {
		if f := failed[id]; !strings.Contains(f.Reason, "made outside this workshop") || len(f.Holders) == 0 {
			t.Errorf("%s: %+v", id, f)
		}
	}
	if len(failed) != 5 {
		t.Errorf("failed: %+v", out.Failed)
	}
	for _, id := range []string{eni, forged} {
		by.must(by.c.ec2.do(t.Context(), "DeleteNetworkInterface", "NetworkInterfaceId", id))
	}
	by.must(by.c.ec2.do(t.Context(), "DeleteSecurityGroup", "GroupId", foreign))
	out, err = c.remove(t.Context(), swept(t, cfg, shop).Left, nil, quick)
	if err != nil || !out.Clean() {
		t.Errorf("failed %+v, skipped %+v, %v", out.Failed, out.Skipped, err)
	}
	if left := swept(t, cfg, shop).Left; len(left) > 0 {
		t.Errorf("left: %+v", left)
	}
}

// What nothing is about to let go of is waited for only shortly.
func TestRemoveGivesUpOnWhatStays(t *testing.T) {
	t.Parallel()
	cfg := startSandbox(t)
	s := build(t, cfg, tagsOf("k3x9")).stack("shop-k3x9")
	r := settled(t, cfg, shop)
	c := connect(cfg, shop)
	var waits []string
	left := slices.DeleteFunc(slices.Clone(r.Left), func(l Leftover) bool { return l.ID != s.groups[1] && l.Kind != tasks && l.Kind != services })
	out, err := c.remove(t.Context(), left, func(e Event) {
		if e.Type == EventRemoveWaiting {
			waits = append(waits, e.Message)
		}
	}, quick)
	if err != nil || len(out.Failed) != 1 || out.Failed[0].Resource.ID != s.groups[1] {
		t.Fatalf("%+v, %v", out, err) // the endpoint is in the group, too
	}
	if !strings.Contains(out.Failed[0].Reason, "made by this workshop, uses "+s.groups[1]) || len(waits) == 0 {
		t.Errorf("%q, waits %q", out.Failed[0].Reason, waits)
	}
}

// What AWS lets go of by itself is waited for, and said once.
func TestRemoveWaitsForWhatPasses(t *testing.T) {
	a := newAccount(t)
	a.has["DescribeSubnets"] = always(`<subnetSet><item><subnetId>subnet-1</subnetId>` + mine + `</item></subnetSet>`)
	n := 0
	a.has["DescribeNetworkInterfaces"] = always(`<networkInterfaceSet><item><networkInterfaceId>eni-1</networkInterfaceId><requesterManaged>true</requesterManaged>
		<vpcId>vpc-1</vpcId><description>ELB app/shop-k3x9/1</description></item></networkInterfaceSet>`)
	a.has["DeleteSubnet"] = func(url.Values) string {
		if n++; n < 4 {
			return "!DependencyViolation"
		}
		return "<return>true</return>"
	}
	var waits []string
	l := quick
	l.settling = 0
	out, err := connect(a.config(), scope).remove(t.Context(), []Leftover{{Kind: subnets, ID: "subnet-1"}}, func(e Event) {
		if e.Type == EventRemoveWaiting {
			waits = append(waits, e.Message)
		}
	}, l)
	if err != nil || !out.Clean() || n != 4 {
		t.Errorf("%+v, %v", out, err)
	}
	if want := []string{"eni-1 \"ELB app/shop-k3x9/1\" still uses subnet-1: AWS deletes it by itself within minutes"}; !slices.Equal(waits, want) {
		t.Errorf("waits %q", waits)
	}
}

// What a holder of ours keeps is waited for once, not once for each resource that
// it holds.
func TestRemoveWaitsOnceForAHolder(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	a.has["DescribeSubnets"] = always(`<subnetSet><item><subnetId>subnet-1</subnetId>` + mine + `</item><item><subnetId>subnet-2</subnetId>` + mine + `</item></subnetSet>`)
	a.has["DescribeNetworkInterfaces"] = always(`<networkInterfaceSet><item><networkInterfaceId>eni-1</networkInterfaceId><vpcId>vpc-1</vpcId>` + mine + `</item></networkInterfaceSet>`)
	calls := map[string]int{}
	a.has["DeleteSubnet"] = func(form url.Values) string {
		calls[form.Get("SubnetId")]++
		return "!DependencyViolation"
	}
	l := quick
	l.settling = 30 * time.Millisecond
	out, err := connect(a.config(), scope).remove(t.Context(), []Leftover{{Kind: subnets, ID: "subnet-1"}, {Kind: subnets, ID: "subnet-2"}}, nil, l)
	if err != nil || len(out.Failed) != 2 || calls["subnet-1"] < 2 || calls["subnet-2"] != 1 {
		t.Errorf("%+v, %v, calls %v", out, err, calls)
	}
}

func TestRemoveStopsBetweenDeletions(t *testing.T) {
	t.Parallel()
	cfg := startSandbox(t)
	build(t, cfg, tagsOf("k3x9")).stack("shop-k3x9")
	r := settled(t, cfg, shop)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out, err := connect(cfg, shop).remove(ctx, r.Left, func(e Event) {
		if e.Type == EventRemoved {
			cancel()
		}
	}, quick)
	if !errors.Is(err, context.Canceled) || len(out.Removed) != 1 || len(out.Failed) != 0 || len(out.Untouched) != len(r.Left)-1 {
		t.Errorf("removed %d, failed %+v, untouched %d of %d, %v", len(out.Removed), out.Failed, len(out.Untouched), len(r.Left), err)
	}
	if out.Clean() {
		t.Error("that is not clean")
	}
}

func TestHoldersOfSomethingElse(t *testing.T) {
	t.Parallel()
	cfg := startSandbox(t)
	if _, err := Holders(t.Context(), cfg, shop, "eni-1"); err == nil || !strings.Contains(err.Error(), "eni-1") {
		t.Errorf("got %v", err)
	}
	if got, err := Holders(t.Context(), cfg, shop, "subnet-0123456789abcdef0", "vpc-0123456789abcdef0", "igw-0123456789abcdef0"); err != nil || len(got) != 0 {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestHolderSentence(t *testing.T) {
	for _, tt := range []struct {
		h    Holder
		want string
	}{
		{Holder{Leftover: Leftover{Kind: interfaces, ID: "eni-1", Name: "by\x1b[31m hand"}, Uses: "subnet-1"},
			`eni-1 "by hand", made outside this workshop, uses subnet-1: delete it, then continue`},
		{Holder{Leftover: Leftover{Kind: interfaces, ID: "eni-1"}, Uses: "subnet-1", Attached: "i-1"},
			`eni-1, made outside this workshop and attached to i-1, uses subnet-1: detach and delete it, then continue`},
		{Holder{Leftover: Leftover{Kind: interfaces, ID: "eni-1", Name: "RDSNetworkInterface", ByAWS: true}, Uses: "subnet-1", Owner: "amazon-rds"},
			`eni-1 "RDSNetworkInterface", made by amazon-rds for something outside this workshop, uses subnet-1: delete what it belongs to, then continue`},
		{Holder{Leftover: Leftover{Kind: natGateways, ID: "nat-1", Name: "shop-k3x9"}, Uses: "vpc-1", Ours: true},
			`nat-1 "shop-k3x9", made by this workshop, uses vpc-1`},
		{Holder{Leftover: Leftover{Kind: natGateways, ID: "nat-1"}, Uses: "vpc-1", Ours: true, Passing: true},
			`nat-1 still uses vpc-1: AWS deletes it by itself within minutes`},
	} {
		if got := tt.h.String(); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}

func TestLost(t *testing.T) {
	left := []Leftover{
		{Kind: vpcs, ID: "vpc-1"}, {Kind: subnets, ID: "subnet-1"},
		{Kind: interfaces, ID: "eni-1", ByAWS: true},
		{Kind: roles, ID: "arn:aws:iam::1:role/a", ARN: "arn:aws:iam::1:role/a"},
		{Kind: loadBalancers, ID: "arn:lb", ARN: "arn:lb"},
		{Kind: scalingTargets, ID: "service/c/s", ARN: "arn:scalable"},
	}
	var got []string
	for _, l := range Lost(left, []string{"vpc-1", "arn:aws:iam::1:role/a", "service/c/s"}) {
		got = append(got, l.ID)
	}
	if want := []string{"arn:lb", "subnet-1"}; !slices.Equal(got, want) { // as Remove deletes them
		t.Errorf("got %v, want %v", got, want)
	}
}
