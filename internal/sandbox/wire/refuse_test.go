package wire

import (
	"context"
	"errors"
	"testing"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
)

// What a request sets and nothing reads must not be taken.
func TestWhatIsLackedIsRefused(t *testing.T) {
	type nested struct{ Cidr string }
	type in struct {
		DryRun bool
		Range  []nested
		Filter []struct{ Name string }
	}
	s := &Service{Name: "ec2", Protocol: EC2, Casing: Pascal}
	Handle(s, "Own", func(context.Context, *in) (*struct{}, error) { return nil, nil })
	Handle(s, "CreateListener", func(context.Context, *elb.CreateListenerInput) (*struct{}, error) { return nil, nil })
	s.Refuse("Lacking", "CreateListener", "SslPolicy", "AlpnPolicy")
	text := func(v ...any) map[string]any {
		m := map[string]any{}
		for i := 0; i < len(v); i += 2 {
			m[v[i].(string)] = v[i+1]
		}
		return m
	}
	for _, c := range []struct {
		name, operation string
		tree            map[string]any
		code, message   string
	}{
		{"all known", "Own", text("DryRun", "true", "Range", []any{text("Cidr", "10.0.0.0/8")}), "", ""},
		{"first letter of the other case", "Own", text("dryRun", "true"), "", ""},
		{"unknown", "Own", text("Ipv6Pool", "p"), "UnknownParameter", "The sandbox does not know the parameter Ipv6Pool"},
		{"the first of several", "Own", text("Z", "1", "B", "1", "DryRun", "false"), "UnknownParameter", "The sandbox does not know the parameter B"},
		{"unknown and empty", "Own", text("Ipv6Pool", "", "Other", "false", "List", []any{}), "", ""},
		{"unknown within", "Own", text("Range", []any{text("Cidr", "x"), text("Cidr6", "y")}), "UnknownParameter", "The sandbox does not know the parameter Range[1].Cidr6"},
		{"within an unnamed type", "Own", text("Filter", []any{text("Name", "x", "Other", "y")}), "UnknownParameter", "The sandbox does not know the parameter Filter[0].Other"},
		{"refused", "CreateListener", text("Port", "80", "AlpnPolicy", []any{"None"}), "Lacking", "The sandbox does not have AlpnPolicy of CreateListener"},
		{"refused, but empty", "CreateListener", text("Port", "80", "SslPolicy", ""), "", ""},
		{"an SDK's type has all members", "CreateListener", text("NoMemberOfAWS", "1"), "", ""},
	} {
		_, err := s.ops[c.operation].run(t.Context(), c.tree)
		var e *Error
		if errors.As(err, &e); err != nil && e == nil || (e == nil) != (c.code == "") || e != nil && (e.Code != c.code || e.Message != c.message) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
