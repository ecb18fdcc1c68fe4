package cost

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"workshop/terraform"
)

// bundled returns the resources of the bundled configuration with variables that
// differ from their defaults, as a plan has them: what only AWS decides is left
// out.
func bundled(t *testing.T, vars map[string]cty.Value) []Resource {
	t.Helper()
	names, err := fs.Glob(terraform.Files, "*.tf")
	if err != nil {
		t.Fatal(err)
	}
	var blocks []*hclsyntax.Block
	variables := map[string]cty.Value{}
	for _, name := range names {
		src, err := fs.ReadFile(terraform.Files, name)
		if err != nil {
			t.Fatal(err)
		}
		f, diags := hclsyntax.ParseConfig(src, name, hcl.InitialPos)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		for _, b := range f.Body.(*hclsyntax.Body).Blocks {
			if b.Type == "variable" {
				if a := b.Body.Attributes["default"]; a != nil {
					variables[b.Labels[0]], _ = a.Expr.Value(nil)
				}
			}
			blocks = append(blocks, b)
		}
	}
	for name, v := range vars {
		if _, ok := variables[name]; !ok {
			t.Fatalf("there is no variable %s", name)
		}
		variables[name] = v
	}
	ttl := cty.NumberIntVal(0)
	if variables["ttl_until"].AsString() != "" {
		ttl = cty.NumberIntVal(1)
	}
	ctx := &hcl.EvalContext{
		Variables: map[string]cty.Value{
			"var":   cty.ObjectVal(variables),
			"local": cty.ObjectVal(map[string]cty.Value{"zones": cty.ListVal([]cty.Value{cty.StringVal("a"), cty.StringVal("b")}), "ttl": ttl}),
		},
		Functions: map[string]function.Function{"max": stdlib.MaxFunc, "length": stdlib.LengthFunc},
	}
	var out []Resource
	for _, b := range blocks {
		if b.Type != "resource" {
			continue
		}
		n := 1
		if a := b.Body.Attributes["count"]; a != nil {
			v, diags := a.Expr.Value(ctx)
			if diags.HasErrors() {
				t.Fatalf("count of %v: %v", b.Labels, diags)
			}
			f, _ := v.AsBigFloat().Int64()
			n = int(f)
		}
		for i := range n {
			out = append(out, Resource{
				Address: fmt.Sprintf("%s.%s[%d]", b.Labels[0], b.Labels[1], i), Type: b.Labels[0],
				Values: evaluated(t, b.Body, ctx),
			})
		}
	}
	return out
}

func evaluated(t *testing.T, body *hclsyntax.Body, ctx *hcl.EvalContext) map[string]any {
	t.Helper()
	out := map[string]any{}
	for name, a := range body.Attributes {
		v, diags := a.Expr.Value(ctx)
		if diags.HasErrors() || !v.IsWhollyKnown() {
			continue
		}
		raw, err := ctyjson.Marshal(v, v.Type())
		if err != nil {
			t.Fatal(err)
		}
		var plain any
		if err := json.Unmarshal(raw, &plain); err != nil {
			t.Fatal(err)
		}
		out[name] = plain
	}
	for _, b := range body.Blocks {
		list, _ := out[b.Type].([]any)
		out[b.Type] = append(list, evaluated(t, b.Body, ctx))
	}
	return out
}

// set changes attributes of all resources of a type.
func set(rs []Resource, typ string, values map[string]any) []Resource {
	out := slices.Clone(rs)
	for i, r := range out {
		if r.Type == typ {
			out[i].Values = maps.Clone(r.Values)
			maps.Copy(out[i].Values, values)
		}
	}
	return out
}

func insightsSetting(value string) map[string]any {
	return map[string]any{"setting": []any{map[string]any{"name": "containerInsights", "value": value}}}
}

// Prices in us-east-1, in millionths of a dollar an hour, written out once more so
// that the table is checked against something.
const (
	taskPrice    = (256*40_480 + 512*4_445) / 1024 // 12,342
	addressPrice = 5_000
	albPrice     = 22_500
	natPrice     = 45_000
	stdMetric    = 411 // 300,000 / 730
	enhMetric    = 96  // 70,000 / 730
	alarmPrice   = 137 // 100,000 / 730

	withoutInsights = albPrice + 2*addressPrice + 2*(taskPrice+addressPrice) // 67,184
)

func TestBundledVariables(t *testing.T) {
	num, yes, str := cty.NumberIntVal, cty.True, cty.StringVal
	standard := withoutInsights + Money(37*stdMetric)
	base := set(bundled(t, nil), "aws_ecs_cluster", insightsSetting("enabled"))
	for name, test := range map[string]struct {
		vars   map[string]cty.Value
		hourly Money
		text   string
		hint   string
	}{
		"none":          {nil, standard, "no change in cost, $0.082/h", ""},
		"name":          {map[string]cty.Value{"name": str("other")}, standard, "no change in cost, $0.082/h", ""},
		"workspace_id":  {map[string]cty.Value{"workspace_id": str("x")}, standard, "no change in cost, $0.082/h", ""},
		"region":        {map[string]cty.Value{"region": str("us-east-1")}, standard, "no change in cost, $0.082/h", ""},
		"vpc_cidr":      {map[string]cty.Value{"vpc_cidr": str("10.1.0.0/16")}, standard, "no change in cost, $0.082/h", ""},
		"image":         {map[string]cty.Value{"image": str("x:2")}, standard, "no change in cost, $0.082/h", ""},
		"message":       {map[string]cty.Value{"message": str("Hi")}, standard, "no change in cost, $0.082/h", ""},
		"color":         {map[string]cty.Value{"color": str("#000000")}, standard, "no change in cost, $0.082/h", ""},
		"log_retention": {map[string]cty.Value{"log_retention_days": num(7)}, standard, "no change in cost, $0.082/h", ""},
		"ttl_until":     {map[string]cty.Value{"ttl_until": str("2100-01-01T00:00:00Z")}, standard, "no change in cost, $0.082/h", ""},
		"exec":          {map[string]cty.Value{"exec": yes}, standard, "no change in cost, $0.082/h", ""},
		"max_count":     {map[string]cty.Value{"max_count": num(8)}, standard, "no change in cost, $0.082/h", ""},
		"desired_count": {map[string]cty.Value{"desired_count": num(3)}, standard + taskPrice + addressPrice, "+$0.017/h, then $0.100/h", ""},
		"fewer":         {map[string]cty.Value{"desired_count": num(1)}, standard - taskPrice - addressPrice, "-$0.017/h, then $0.065/h", ""},
		// Metrics are reported of what has running tasks.
		"no tasks": {map[string]cty.Value{"desired_count": num(0)}, albPrice + 2*addressPrice, "-$0.050/h, then $0.033/h", ""},
		"size":     {map[string]cty.Value{"cpu": num(512), "memory": num(1024)}, standard - 2*taskPrice + 2*((512*40_480+1024*4_445)/1024), "+$0.025/h, then $0.107/h", ""},
		"private":  {map[string]cty.Value{"private_tasks": yes}, standard + natPrice - addressPrice, "+$0.040/h, then $0.122/h", ""},
		"autoscaling": {map[string]cty.Value{"autoscaling": yes}, standard + 2*alarmPrice, "less than $0.001/h more, then $0.083/h",
			"Autoscaling may run up to 4 tasks: then $0.117/h."},
		"autoscaling, more": {map[string]cty.Value{"autoscaling": yes, "desired_count": num(3), "max_count": num(10)}, standard + 2*alarmPrice + taskPrice + addressPrice,
			"+$0.018/h, then $0.100/h", "Autoscaling may run up to 10 tasks: then $0.221/h."},
		"autoscaling, no room": {map[string]cty.Value{"autoscaling": yes, "max_count": num(1)}, standard + 2*alarmPrice, "less than $0.001/h more, then $0.083/h", ""},
	} {
		t.Run(name, func(t *testing.T) {
			e := Of(set(bundled(t, test.vars), "aws_ecs_cluster", insightsSetting("enabled")), "us-east-1")
			if e.Hourly != test.hourly {
				t.Errorf("%d an hour, want %d: %+v", e.Hourly, test.hourly, e.Lines)
			}
			c := Change{Before: Of(base, "us-east-1"), After: e}
			if got := c.Text(false); got != test.text {
				t.Errorf("got %q, want %q", got, test.text)
			}
			if got := c.Text(true); got != test.text+" on AWS; nothing in the sandbox" {
				t.Errorf("in the sandbox: %q", got)
			}
			if got := strings.Join(e.Hints(), " "); got != test.hint {
				t.Errorf("hints %q, want %q", got, test.hint)
			}
		})
	}
}

// Every type of the bundled configuration is either priced or known to be free,
// with all its options.
func TestBundledTypesAreKnown(t *testing.T) {
	all := bundled(t, map[string]cty.Value{"private_tasks": cty.True, "autoscaling": cty.True, "exec": cty.True, "ttl_until": cty.StringVal("2100-01-01T00:00:00Z")})
	if got := unpriced(all); len(got) > 0 {
		t.Errorf("neither priced nor free: %v. Add them to prices.go", got)
	}
}

func TestContainerInsights(t *testing.T) {
	rs := bundled(t, nil)
	for setting, metrics := range map[string]Money{
		"disabled": 0,
		"enabled":  37 * stdMetric,               // 12 of the cluster, 10 of the family, 15 of the service
		"enhanced": (25 + 51 + 2*46) * enhMetric, // cluster; family, service and container; two tasks
	} {
		e := Of(set(rs, "aws_ecs_cluster", insightsSetting(setting)), "us-east-1")
		if e.Hourly != withoutInsights+metrics {
			t.Errorf("%s: %d an hour, want %d: %+v", setting, e.Hourly, withoutInsights+metrics, e.Lines)
		}
	}
	if e := Of(set(rs, "aws_ecs_cluster", map[string]any{"setting": nil}), "us-east-1"); e.Hourly != withoutInsights {
		t.Errorf("without a setting: %+v", e.Lines)
	}
	// A sidecar has metrics of its own with enhanced observability only.
	two := set(rs, "aws_ecs_task_definition", map[string]any{"container_definitions": `[{"name":"app"},{"name":"collector"}]`})
	for setting, want := range map[string]Money{"enabled": 37 * stdMetric, "enhanced": (25 + 51 + 14 + 2*(46+14)) * enhMetric} {
		if e := Of(set(two, "aws_ecs_cluster", insightsSetting(setting)), "us-east-1"); e.Hourly != withoutInsights+want {
			t.Errorf("two containers, %s: %d", setting, e.Hourly-withoutInsights)
		}
	}
}

func TestOtherResources(t *testing.T) {
	rs := set(bundled(t, nil), "aws_ecs_cluster", insightsSetting("disabled"))
	before := Of(rs, "us-east-1")
	for name, test := range map[string]struct {
		rs   []Resource
		diff Money
		hint string
	}{
		"ARM64": {set(rs, "aws_ecs_task_definition", map[string]any{"runtime_platform": []any{map[string]any{"cpu_architecture": "ARM64"}}}),
			2 * ((256*32_380+512*3_560)/1024 - taskPrice), ""},
		"internal":           {set(rs, "aws_lb", map[string]any{"internal": true}), -2 * addressPrice, ""},
		"three zones":        {set(rs, "aws_lb", map[string]any{"subnets": []any{"a", "b", "c"}}), addressPrice, ""},
		"interface endpoint": {append(rs, Resource{Type: "aws_vpc_endpoint", Values: map[string]any{"vpc_endpoint_type": "Interface", "subnet_ids": []any{"a", "b"}}}), 20_000, ""},
		"gateway endpoint":   {append(rs, Resource{Type: "aws_vpc_endpoint", Values: map[string]any{"vpc_endpoint_type": "Gateway"}}), 0, ""},
		"alarm":              {append(rs, Resource{Type: "aws_cloudwatch_metric_alarm"}), alarmPrice, ""},
		"database":           {append(rs, Resource{Type: "aws_db_instance"}), 0, "Not counted, because the price is not known here: aws_db_instance."},
		"other provider":     {append(rs, Resource{Type: "random_id"}), 0, ""},
		"EC2": {set(rs, "aws_ecs_service", map[string]any{"launch_type": "EC2"}), -2 * (taskPrice + addressPrice),
			"Not counted, because the price is not known here: aws_ecs_service on EC2."},
		"two services": {append(slices.Clone(rs),
			Resource{Address: "aws_ecs_task_definition.big", Type: "aws_ecs_task_definition", Values: map[string]any{"cpu": "1024", "memory": "2048"}},
			Resource{Address: "aws_ecs_service.big", Type: "aws_ecs_service", Needs: []string{"aws_ecs_task_definition.big"}, Values: map[string]any{"desired_count": 1.0}},
			Resource{Address: "aws_ecs_task_definition.last", Type: "aws_ecs_task_definition", Values: map[string]any{"cpu": "256", "memory": "512"}}),
			(1024*40_480 + 2048*4_445) / 1024, ""},
	} {
		e := Of(test.rs, "us-east-1")
		if got := e.Hourly - before.Hourly; got != test.diff {
			t.Errorf("%s: %d an hour more, want %d: %+v", name, got, test.diff, e.Lines)
		}
		if got := strings.Join(e.Hints(), " "); got != test.hint {
			t.Errorf("%s: hints %q, want %q", name, got, test.hint)
		}
	}
}
