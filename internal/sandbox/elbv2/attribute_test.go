package elbv2

import (
	"compress/gzip"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

// otherKinds begin the keys of what the sandbox does not have: network and gateway
// load balancers, functions as targets, listeners with TLS.
var otherKinds = []string{
	"dns_record.", "secondary_ips.", "tcp.", "lambda.", "deregistration_delay.connection_termination.", "preserve_client_ip.",
	"proxy_protocol_v2.", "target_health_state.", "target_failover.", "routing.http.request.",
}

// Attribute keys are strings in AWS's models; the documentation lists them.
func TestAttributeKeysAreAWSs(t *testing.T) {
	f, err := os.Open("../conformance/testdata/models.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var models struct {
		Services map[string]struct{ AttributeKeys map[string][]string }
	}
	if err := json.NewDecoder(z).Decode(&models); err != nil {
		t.Fatal(err)
	}
	documented := models.Services["elasticloadbalancing"].AttributeKeys
	for shape, have := range map[string]map[string]string{"LoadBalancerAttribute": balancerDefaults, "TargetGroupAttribute": groupDefaults, "ListenerAttribute": listenerDefaults} {
		if len(documented[shape]) == 0 {
			t.Errorf("no key of %s is documented", shape)
		}
		for _, key := range documented[shape] {
			other := slices.ContainsFunc(otherKinds, func(prefix string) bool { return strings.HasPrefix(key, prefix) })
			if _, ok := have[key]; ok == other {
				t.Errorf("%s %s: the sandbox has it: %t; it is of another kind of resource: %t", shape, key, ok, other)
			}
		}
		for key := range have {
			if !slices.Contains(documented[shape], key) {
				t.Errorf("%s %s is not documented", shape, key)
			}
		}
	}
}
