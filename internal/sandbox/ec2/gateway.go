package ec2

import (
	"context"
	"errors"
	"slices"

	"workshop/internal/sandbox/account"
	"workshop/internal/sandbox/wire"
)

type internetGateway struct {
	InternetGatewayId string
	OwnerId           string
	AttachmentSet     []gatewayAttachment
	TagSet            []tag `json:"-"`
}

type gatewayAttachment struct{ VpcId, State string }

func (g internetGateway) attachments() []gatewayAttachment { return g.AttachmentSet }

func (g internetGateway) attached(vpcID string) bool {
	return slices.ContainsFunc(g.AttachmentSet, func(a gatewayAttachment) bool { return a.VpcId == vpcID })
}

func internetGatewayResource(x *EC2) *resource[internetGateway] {
	return &resource[internetGateway]{
		name: "internet-gateway", prefix: "igw", parameter: "internetGatewayId", label: "internetGateway ID",
		notFound: "InvalidInternetGatewayID.NotFound", malformed: "InvalidInternetGatewayId.Malformed",
		id:   func(g internetGateway) string { return g.InternetGatewayId },
		view: func(g internetGateway) internetGateway { g.TagSet = x.tagSet(g.InternetGatewayId); return g },
		filters: filters[internetGateway]{
			"internet-gateway-id": value(func(g internetGateway) string { return g.InternetGatewayId }),
			"owner-id":            value(func(g internetGateway) string { return g.OwnerId }),
			"attachment.vpc-id":   each(internetGateway.attachments, func(a gatewayAttachment) string { return a.VpcId }),
			"attachment.state":    each(internetGateway.attachments, func(a gatewayAttachment) string { return a.State }),
		},
	}
}

func (x *EC2) internetGatewayOperations(s *wire.Service) {
	wire.Handle(s, "CreateInternetGateway", x.createInternetGateway)
	wire.Handle(s, "DeleteInternetGateway", x.deleteInternetGateway)
	wire.Handle(s, "DescribeInternetGateways", x.describeInternetGateways)
	wire.Handle(s, "AttachInternetGateway", x.attachInternetGateway)
	wire.Handle(s, "DetachInternetGateway", x.detachInternetGateway)
}

type createInternetGatewayIn struct {
	DryRun           bool
	TagSpecification []tagSpecification
}

type internetGatewayOut struct{ InternetGateway internetGateway }

func (x *EC2) createInternetGateway(_ context.Context, in *createInternetGatewayIn) (*internetGatewayOut, error) {
	tags, err := specified("internet-gateway", in.TagSpecification)
	if err != nil {
		return nil, err
	}
	return &internetGatewayOut{x.gateways.create(internetGateway{InternetGatewayId: newID("igw"), OwnerId: account.ID}, tags)}, nil
}

type internetGatewayIn struct {
	DryRun            bool
	InternetGatewayId string
	VpcId             string
}

func (x *EC2) deleteInternetGateway(_ context.Context, in *internetGatewayIn) (*done, error) {
	g, err := x.gateways.find(in.InternetGatewayId)
	if err != nil {
		return nil, err
	}
	if len(g.AttachmentSet) > 0 {
		return nil, wire.Errorf("DependencyViolation", "The internetGateway '%s' has dependencies and cannot be deleted.", g.InternetGatewayId)
	}
	x.gateways.remove(g.InternetGatewayId)
	return nil, nil
}

type describeInternetGatewaysIn struct {
	DryRun            bool
	InternetGatewayId []string
	Filter            []filter
	MaxResults        *int
	NextToken         *string
}

type describeInternetGatewaysOut struct {
	InternetGatewaySet []internetGateway
	NextToken          *string
}

func (x *EC2) describeInternetGateways(_ context.Context, in *describeInternetGatewaysIn) (*describeInternetGatewaysOut, error) {
	set, next, err := x.gateways.describe(in.InternetGatewayId, in.Filter, in.MaxResults, in.NextToken)
	return &describeInternetGatewaysOut{set, next}, err
}

func (x *EC2) gatewayAndVPC(in *internetGatewayIn) (internetGateway, vpc, error) {
	g, err := x.gateways.find(in.InternetGatewayId)
	if err != nil {
		return g, vpc{}, err
	}
	v, err := x.vpcs.find(in.VpcId)
	return g, v, err
}

func (x *EC2) attachInternetGateway(_ context.Context, in *internetGatewayIn) (*done, error) {
	g, v, err := x.gatewayAndVPC(in)
	if err != nil {
		return nil, err
	}
	if len(g.AttachmentSet) > 0 {
		return nil, wire.Errorf("Resource.AlreadyAssociated", "resource %s is already attached to network %s", g.InternetGatewayId, g.AttachmentSet[0].VpcId)
	}
	if x.gateways.any(func(o internetGateway) bool { return o.attached(v.VpcId) }) {
		return nil, invalid("Network %s already has an internet gateway attached", v.VpcId)
	}
	g.AttachmentSet = []gatewayAttachment{{v.VpcId, "available"}}
	x.gateways.Put(g.InternetGatewayId, g)
	return nil, nil
}

// detachInternetGateway takes the gateway from a VPC in which nothing has a
// public address any more. Of a VPC that is gone it says that the gateway is not
// attached, which Terraform's AWS provider waits for when it deletes an attachment.
func (x *EC2) detachInternetGateway(_ context.Context, in *internetGatewayIn) (*done, error) {
	g, v, err := x.gatewayAndVPC(in)
	var e *wire.Error
	if errors.As(err, &e) && e.Code == "InvalidVpcID.NotFound" || err == nil && !g.attached(v.VpcId) {
		return nil, wire.Errorf("Gateway.NotAttached", "resource %s is not attached to network %s", g.InternetGatewayId, in.VpcId)
	}
	if err != nil {
		return nil, err
	}
	if x.interfaces.any(func(n networkInterface) bool { return n.VpcId == v.VpcId && n.Association != nil }) {
		return nil, wire.Errorf("DependencyViolation", "Network %s has some mapped public address(es). Please unmap those public address(es) before detaching the gateway.", v.VpcId)
	}
	g.AttachmentSet = nil
	x.gateways.Put(g.InternetGatewayId, g)
	return nil, nil
}
