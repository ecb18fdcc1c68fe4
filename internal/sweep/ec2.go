package sweep

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// ec2 calls the few actions of EC2 that are needed here. The SDK's own client
// would be two thirds of the program's size.
type ec2 struct {
	endpoint string
	region   string
	creds    aws.CredentialsProvider
	http     aws.HTTPClient
	signer   *v4.Signer
	pause    func(ctx context.Context, attempt int) error
}

const (
	ec2Version = "2016-11-15"
	// pageMost ends a paging that does not end; 1,000 pages are a million resources.
	pageMost = 1000
	// answerMost is the largest answer that is read, in bytes.
	answerMost = 32 << 20
)

func newEC2(cfg aws.Config) *ec2 {
	c := &ec2{
		endpoint: "https://ec2." + cfg.Region + ".amazonaws.com/",
		region:   cfg.Region,
		creds:    cfg.Credentials,
		http:     cfg.HTTPClient,
		signer:   v4.NewSigner(),
		pause:    pause,
	}
	if strings.HasPrefix(cfg.Region, "cn-") {
		c.endpoint = "https://ec2." + cfg.Region + ".amazonaws.com.cn/"
	}
	if cfg.BaseEndpoint != nil {
		c.endpoint = strings.TrimSuffix(*cfg.BaseEndpoint, "/") + "/"
	}
	if c.http == nil {
		c.http = http.DefaultClient
	}
	return c
}

// filter is an EC2 filter: a name and the values of which one must be true.
type filter struct {
	name   string
	values []string
}

// answer is one page of any of the Describe actions that are used here: each
// fills its own list. Of the actions that change something, DeleteVpcEndpoints
// alone answers more than that it was done.
type answer struct {
	VPCs       []resource `xml:"vpcSet>item"`
	Subnets    []resource `xml:"subnetSet>item"`
	Groups     []resource `xml:"securityGroupInfo>item"`
	Rules      []resource `xml:"securityGroupRuleSet>item"`
	NATs       []resource `xml:"natGatewaySet>item"`
	Addresses  []resource `xml:"addressesSet>item"`
	Interfaces []resource `xml:"networkInterfaceSet>item"`
	Gateways   []resource `xml:"internetGatewaySet>item"`
	Tables     []resource `xml:"routeTableSet>item"`
	ACLs       []resource `xml:"networkAclSet>item"`
	Endpoints  []resource `xml:"vpcEndpointSet>item"`
	NextToken  string     `xml:"nextToken"`

	Unsuccessful []struct {
		Code    string `xml:"error>code"`
		Message string `xml:"error>message"`
	} `xml:"unsuccessful>item"`
}

func (a *answer) all() []resource {
	var all []resource
	for _, list := range [][]resource{a.VPCs, a.Subnets, a.Groups, a.Rules, a.NATs, a.Addresses, a.Interfaces, a.Gateways, a.Tables, a.ACLs, a.Endpoints} {
		all = append(all, list...)
	}
	return all
}

// resource has the fields of all kinds that matter here; each kind fills some.
type resource struct {
	VPC         string   `xml:"vpcId"`
	Subnet      string   `xml:"subnetId"`
	Group       string   `xml:"groupId"`
	GroupName   string   `xml:"groupName"`
	Rule        string   `xml:"securityGroupRuleId"`
	NAT         string   `xml:"natGatewayId"`
	Allocation  string   `xml:"allocationId"`
	PublicIP    string   `xml:"publicIp"`
	Interface   string   `xml:"networkInterfaceId"`
	Gateway     string   `xml:"internetGatewayId"`
	Table       string   `xml:"routeTableId"`
	ACL         string   `xml:"networkAclId"`
	Endpoint    string   `xml:"vpcEndpointId"`
	Description string   `xml:"description"`
	State       string   `xml:"state"`
	Status      string   `xml:"status"`
	Owner       string   `xml:"ownerId"`
	Created     string   `xml:"createTime"`        // of a NAT gateway
	Made        string   `xml:"creationTimestamp"` // of an endpoint
	Tags        []ec2Tag `xml:"tagSet>item"`

	Default    bool   `xml:"default"`                     // of a network ACL
	Egress     bool   `xml:"isEgress"`                    // of a rule
	Referenced string `xml:"referencedGroupInfo>groupId"` // by a rule
	// Groups are a network interface's security groups.
	Groups []resource `xml:"groupSet>item"`
	// Attachments are an internet gateway's; VPC is set.
	Attachments []resource `xml:"attachmentSet>item"`
	// Associations are a route table's.
	Associations []struct {
		ID   string `xml:"routeTableAssociationId"`
		Main bool   `xml:"main"`
	} `xml:"associationSet>item"`
	// The rest is a network interface's.
	Type             string `xml:"interfaceType"`
	Requester        string `xml:"requesterId"`
	RequesterManaged bool   `xml:"requesterManaged"`
	Attachment       struct {
		Instance      string `xml:"instanceId"`
		InstanceOwner string `xml:"instanceOwnerId"`
	} `xml:"attachment"`
	Association struct {
		PublicIP string `xml:"publicIp"`
	} `xml:"association"`
}

type ec2Tag struct {
	Key   string `xml:"key"`
	Value string `xml:"value"`
}

func (r *resource) tags() map[string]string {
	tags := make(map[string]string, len(r.Tags))
	for _, t := range r.Tags {
		tags[t.Key] = t.Value
	}
	return tags
}

// describe asks all pages of a Describe action.
func (c *ec2) describe(ctx context.Context, action string, filters ...filter) ([]resource, error) {
	form := url.Values{"Action": {action}, "Version": {ec2Version}}
	for i, f := range filters {
		prefix := "Filter." + strconv.Itoa(i+1) + "."
		form.Set(prefix+"Name", f.name)
		for j, value := range f.values {
			form.Set(prefix+"Value."+strconv.Itoa(j+1), value)
		}
	}
	var all []resource
	for range pageMost {
		var page answer
		if err := c.call(ctx, form, &page); err != nil {
			return nil, err
		}
		all = append(all, page.all()...)
		if page.NextToken == "" || page.NextToken == form.Get("NextToken") {
			return all, nil
		}
		form.Set("NextToken", page.NextToken)
	}
	return nil, fmt.Errorf("%s: more than %d pages", action, pageMost)
}

// do calls an action that changes something, with its parameters as name and
// value in turn. Such a call may be repeated: what was deleted by a call whose
// answer was lost is not found by the next.
func (c *ec2) do(ctx context.Context, action string, parameters ...string) error {
	form := url.Values{"Action": {action}, "Version": {ec2Version}}
	for i := 0; i+1 < len(parameters); i += 2 {
		form.Set(parameters[i], parameters[i+1])
	}
	var a answer
	if err := c.call(ctx, form, &a); err != nil {
		return err
	}
	if len(a.Unsuccessful) > 0 {
		return fmt.Errorf("%s: %w", action, &smithy.GenericAPIError{Code: a.Unsuccessful[0].Code, Message: a.Unsuccessful[0].Message})
	}
	return nil
}

// call puts the question, and again where the error was a passing one.
func (c *ec2) call(ctx context.Context, form url.Values, into *answer) error {
	for attempt := 1; ; attempt++ {
		text, err := c.once(ctx, form)
		if err == nil {
			err = decode(form.Get("Action"), text, into)
		}
		if err == nil || attempt == attempts || ctx.Err() != nil || !transient(err) {
			return err
		}
		if err := c.pause(ctx, attempt); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context, attempt int) error {
	return sleep(ctx, time.Duration(attempt)*500*time.Millisecond)
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// transient reports errors that asking again may cure, by the SDK's own lists:
// EC2 was too busy, or the connection broke before or within the answer.
func transient(err error) bool {
	var api smithy.APIError
	if errors.As(err, &api) {
		switch api.ErrorCode() {
		case "InternalError", "Unavailable", "ServiceUnavailable":
			return true
		}
	}
	return retry.IsErrorRetryables(retry.DefaultRetryables).IsErrorRetryable(err).Bool()
}

// once makes the call once and returns the answer of a success.
func (c *ec2) once(ctx context.Context, form url.Values) ([]byte, error) {
	action := form.Get("Action")
	body := []byte(form.Encode())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", action, err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	if c.creds == nil {
		return nil, fmt.Errorf("%s: failed to retrieve credentials: there are none", action)
	}
	creds, err := c.creds.Retrieve(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: get credentials: %w", action, err)
	}
	sum := sha256.Sum256(body)
	if err := c.signer.SignHTTP(ctx, creds, req, hex.EncodeToString(sum[:]), "ec2", c.region, time.Now()); err != nil {
		return nil, fmt.Errorf("%s: sign: %w", action, err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", action, &smithyhttp.RequestSendError{Err: err})
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, answerMost))
	if err != nil {
		return nil, fmt.Errorf("%s: read the answer: %w", action, &smithyhttp.RequestSendError{Err: err})
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %w", action, failure(resp.StatusCode, text))
	}
	return text, nil
}

// decode reads an answer, and refuses one to another question: an empty list
// must not be taken from a page that is no answer at all.
func decode(action string, text []byte, into *answer) error {
	var root struct {
		XMLName xml.Name
		answer
	}
	if err := xml.Unmarshal(text, &root); err != nil {
		return fmt.Errorf("%s: the answer is not XML: %w", action, err)
	}
	if root.XMLName.Local != action+"Response" {
		return fmt.Errorf("%s: the answer is a %q", action, root.XMLName.Local)
	}
	*into = root.answer
	return nil
}

// failure is EC2's error document as an error.
func failure(status int, text []byte) error {
	var doc struct {
		Errors []struct {
			Code    string `xml:"Code"`
			Message string `xml:"Message"`
		} `xml:"Errors>Error"`
	}
	if err := xml.Unmarshal(text, &doc); err != nil || len(doc.Errors) == 0 {
		code := "HTTP" + strconv.Itoa(status)
		if status >= 500 {
			code = "ServiceUnavailable"
		}
		return &smithy.GenericAPIError{Code: code, Message: http.StatusText(status)}
	}
	return &smithy.GenericAPIError{Code: doc.Errors[0].Code, Message: doc.Errors[0].Message}
}
