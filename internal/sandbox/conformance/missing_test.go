package conformance

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestMissingServices asks for services that the sandbox does not have, each in its
// own protocol, whose form of an error the answer must have (Smithy's protocols).
func TestMissingServices(t *testing.T) {
	i := start(t).Info()
	elsewhere := i
	elsewhere.Region = "us-nowhere-2"
	is := func(kv ...string) http.Header {
		h := http.Header{}
		for n := 0; n < len(kv); n += 2 {
			h.Set(kv[n], kv[n+1])
		}
		return h
	}
	form := is("Content-Type", "application/x-www-form-urlencoded")
	for _, c := range []struct {
		name   string
		req    *http.Request
		status int
		kind   string // of content
		want   []string
	}{
		{"JSON 1.1", signed(t, i, "kms", "/", is("X-Amz-Target", "TrentService.ListKeys", "Content-Type", "application/x-amz-json-1.1"), []byte(`{}`)),
			400, "application/x-amz-json-1.1", []string{`"__type":"UnknownOperationException"`, `"message":"The sandbox has no AWS Key Management Service (KMS). It has `}},
		{"JSON 1.0", signed(t, i, "dynamodb", "/", is("X-Amz-Target", "DynamoDB_20120810.ListTables", "Content-Type", "application/x-amz-json-1.0"), []byte(`{}`)),
			400, "application/x-amz-json-1.0", []string{`"__type":"UnknownOperationException"`, "The sandbox has no Amazon DynamoDB. "}},
		{"query", signed(t, i, "rds", "/", form, []byte("Action=DescribeDBInstances&Version=2014-10-31")),
			400, "text/xml;charset=UTF-8", []string{"<ErrorResponse><Error><Type>Sender</Type><Code>InvalidAction</Code><Message>The sandbox has no Amazon Relational Database Service (RDS). "}},
		{"S3", signedWith(t, i, "s3", "PUT", "/bucket", nil, []byte(`<a/>`)),
			400, "text/xml;charset=UTF-8", []string{"<Error><Code>NotImplemented</Code><Message>The sandbox has no Amazon Simple Storage Service (S3). "}},
		{"REST XML", signedWith(t, i, "route53", "GET", "/2013-04-01/hostedzone", nil, nil),
			400, "text/xml;charset=UTF-8", []string{"<ErrorResponse><Error><Type>Sender</Type><Code>InvalidAction</Code><Message>The sandbox has no Amazon Route 53. "}},
		{"REST JSON", signedWith(t, i, "lambda", "GET", "/2015-03-31/functions/", nil, nil),
			400, "application/json", []string{`"__type":"UnknownOperationException"`, "The sandbox has no AWS Lambda. "}},
		{"REST JSON with a body", signed(t, i, "eks", "/clusters", is("Content-Type", "application/json"), []byte(`{"name":"%zz"}`)),
			400, "application/json", []string{"The sandbox has no Amazon Elastic Kubernetes Service (EKS). "}},
		{"Classic Load Balancers", signed(t, i, "elasticloadbalancing", "/", form, []byte("Action=DescribeLoadBalancers&Version=2012-06-01")),
			400, "text/xml;charset=UTF-8", []string{"<Code>InvalidAction</Code><Message>The sandbox has no Elastic Load Balancing of version 2012-06-01 (Classic Load Balancers), only of version 2015-12-01."}},
		{"unknown to AWS", signed(t, i, "nothing", "/", form, []byte("Action=A")),
			400, "application/x-amz-json-1.1", []string{"The sandbox has no nothing. "}},
		{"another Region", signed(t, elsewhere, "ec2", "/", form, []byte("Action=DescribeVpcs&Version=2016-11-15")),
			401, "text/xml;charset=UTF-8", []string{"<Code>AuthFailure</Code><Message>Credential should be scoped to a valid region, not &#39;us-nowhere-2&#39;."}},
	} {
		t.Run(c.name, func(t *testing.T) {
			res, err := http.DefaultClient.Do(c.req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			b, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			if res.StatusCode != c.status || res.Header.Get("Content-Type") != c.kind {
				t.Errorf("%d %s, want %d %s", res.StatusCode, res.Header.Get("Content-Type"), c.status, c.kind)
			}
			for _, want := range c.want {
				if !strings.Contains(string(b), want) {
					t.Errorf("%s\nlacks %s", b, want)
				}
			}
		})
	}
}
