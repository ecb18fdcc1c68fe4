package fargate

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/fxamacker/cbor/v2"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake answers the SDK's requests within the process, so that time can be
// faked too. Every field is behind its mutex.
type fake struct {
	mu      sync.Mutex
	calls   []call
	usage   map[string]float64 // by metric and dimensions' values; nil refuses
	asked   []int              // metrics that were asked for, by question
	alarmed []map[string]any   // as DescribeAlarms has them
	answer  func(op string, in request) (int, any)
}

type call struct {
	at time.Time
	op string
}

// request is a JSON body, or a form with single values.
type request map[string]any

func (f *fake) config() aws.Config {
	return aws.Config{
		Region: "eu-west-1",
		Credentials: aws.CredentialsProviderFunc(func(_ context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret"}, nil
		}),
		BaseEndpoint: aws.String("http://aws.invalid"),
		HTTPClient:   f,
	}
}

func (f *fake) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	in := request{}
	if r.Header.Get("Smithy-Protocol") != "" {
		return f.metrics(r, body)
	}
	_, op, isJSON := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if isJSON {
		if err := json.Unmarshal(body, &in); err != nil {
			return nil, fmt.Errorf("%s: %w", op, err)
		}
	} else {
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, err
		}
		for k, v := range form {
			in[k] = v[0]
		}
		op = form.Get("Action")
	}
	// What is answered belongs to the test, so it is read under the lock too.
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, call{time.Now(), op})
	status, out := f.answer(op, in)
	if status == 0 {
		return nil, out.(error)
	}
	if failure, ok := out.(fault); ok && !isJSON {
		out = "<ErrorResponse><Error><Code>" + failure.Code + "</Code><Message>" + failure.Message + "</Message></Error></ErrorResponse>"
	}
	text, isText := out.(string)
	if !isText {
		b, err := json.Marshal(out)
		if err != nil {
			return nil, err
		}
		text = string(b)
	}
	return &http.Response{
		StatusCode: status,
		Header:     http.Header{"Content-Type": {"application/x-amz-json-1.1"}},
		Body:       io.NopCloser(strings.NewReader(text)),
		Request:    r,
	}, nil
}

// metrics answers CloudWatch's CBOR from usage, by the metric's name and its
// dimensions' values.
func (f *fake) metrics(r *http.Request, body []byte) (*http.Response, error) {
	var in struct {
		MetricDataQueries []struct {
			Id         string
			MetricStat struct {
				Metric struct {
					MetricName string
					Dimensions []struct{ Value string }
				}
			}
		}
	}
	if err := cbor.Unmarshal(body, &in); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	op := path.Base(r.URL.Path)
	f.calls = append(f.calls, call{time.Now(), op})
	if op == "DescribeAlarms" {
		return f.cbor(r, 200, map[string]any{"MetricAlarms": f.alarmed})
	}
	f.asked = append(f.asked, len(in.MetricDataQueries))
	status, out := 200, map[string]any{}
	results := []any{}
	for _, q := range in.MetricDataQueries {
		name := q.MetricStat.Metric.MetricName
		for _, d := range q.MetricStat.Metric.Dimensions {
			name += " " + d.Value
		}
		v, ok := f.usage[name]
		one := map[string]any{"Id": q.Id, "Values": []float64{}, "Timestamps": []any{}, "StatusCode": "Complete"}
		if ok {
			one["Values"], one["Timestamps"] = []float64{v, -1}, []any{cbor.Tag{Number: 1, Content: 1.5e9}, cbor.Tag{Number: 1, Content: 1.4e9}}
		}
		results = append(results, one)
	}
	out["MetricDataResults"] = results
	if f.usage == nil {
		status, out = 403, map[string]any{"__type": "AccessDeniedException", "message": "no"}
	}
	return f.cbor(r, status, out)
}

func (f *fake) cbor(r *http.Request, status int, out any) (*http.Response, error) {
	b, err := cbor.Marshal(out)
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: status, Request: r, Body: io.NopCloser(bytes.NewReader(b)),
		Header: http.Header{"Content-Type": {"application/cbor"}, "Smithy-Protocol": {"rpc-v2-cbor"}},
	}, nil
}

func (f *fake) with(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// most is the largest number of calls in any minute.
func (f *fake) most(since time.Time) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	most, from := 0, 0
	for i, c := range f.calls {
		if c.at.Before(since) {
			from = i + 1
			continue
		}
		for c.at.Sub(f.calls[from].at) >= time.Minute {
			from++
		}
		most = max(most, i-from+1)
	}
	return most
}

// fault is an error that the fake gives in the protocol it was asked in: a
// client that reads XML finds no code in JSON.
type fault struct {
	Code    string `json:"__type"`
	Message string `json:"message"`
}

func apiError(code, message string) fault { return fault{code, message} }

// stack is a service as ECS would tell of it.
type stack struct {
	fake
	service map[string]any // nil where there is none
	running []map[string]any
	stopped []map[string]any
	targets map[string]string // address -> state
	history []map[string]any  // as ListServiceDeployments has them; nil refuses
	scaling map[string]any    // answers of Application Auto Scaling by operation; nil for a service that nothing scales
	err     func() (int, any) // answers everything, where set
}

var ref = Ref{Cluster: "shop", Service: "app", TargetGroup: "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/shop/0123456789abcdef"}

func newStack() *stack {
	s := &stack{fake: fake{usage: map[string]float64{"CPUUtilization shop app": 40, "MemoryUtilization shop app": 3}}, targets: map[string]string{"10.0.0.1": "healthy", "10.0.1.2": "healthy"}}
	s.service = map[string]any{
		"serviceName": "app", "serviceArn": "arn:aws:ecs:eu-west-1:123456789012:service/shop/app", "status": "ACTIVE",
		"desiredCount": 2, "runningCount": 2, "pendingCount": 0,
		"deployments": []map[string]any{{
			"id": "ecs-svc/1", "status": "PRIMARY", "taskDefinition": "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop:3",
			"desiredCount": 2, "runningCount": 2, "pendingCount": 0, "failedTasks": 0, "createdAt": 1.5e9, "updatedAt": 1.5e9,
			"rolloutState": "COMPLETED", "rolloutStateReason": "ECS deployment ecs-svc/1 completed.",
		}},
		"events": []map[string]any{{"id": "e1", "createdAt": 1.5e9, "message": "(service app) has reached a steady state."}},
	}
	s.running = []map[string]any{newTask("b", "10.0.1.2", 1500000002), newTask("a", "10.0.0.1", 1500000001)}
	s.answer = s.reply
	return s
}

func arn(id string) string {
	return "arn:aws:ecs:eu-west-1:123456789012:task/shop/" + id
}

func newTask(id, address string, created float64) map[string]any {
	return map[string]any{
		"taskArn": arn(id), "taskDefinitionArn": "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop:3",
		"lastStatus": "RUNNING", "desiredStatus": "RUNNING", "healthStatus": "UNKNOWN", "availabilityZone": "eu-west-1a",
		"createdAt": created, "startedAt": created + 20,
		"attachments": []map[string]any{{"type": "ElasticNetworkInterface", "status": "ATTACHED", "details": []map[string]any{
			{"name": "subnetId", "value": "subnet-1"}, {"name": "privateIPv4Address", "value": address}}}},
		"containers": []map[string]any{{"name": "app", "image": "podinfo:6", "lastStatus": "RUNNING"}},
	}
}

func stoppedTask(id string, code int, at float64) map[string]any {
	t := newTask(id, "10.0.0.1", at-100)
	t["lastStatus"], t["desiredStatus"] = "STOPPED", "STOPPED"
	t["stoppedAt"], t["stopCode"], t["stoppedReason"] = at, "EssentialContainerExited", "Essential container in task exited"
	t["containers"] = []map[string]any{{"name": "app", "image": "podinfo:6", "lastStatus": "STOPPED", "exitCode": code}}
	return t
}

func (s *stack) reply(op string, in request) (int, any) {
	if s.err != nil {
		return s.err()
	}
	switch op {
	case "DescribeServices":
		if s.service == nil {
			return 400, apiError("ClusterNotFoundException", "Cluster not found.")
		}
		return 200, map[string]any{"services": []any{s.service}}
	case "ListTasks":
		if s.service == nil {
			return 400, apiError("ClusterNotFoundException", "Cluster not found.")
		}
		tasks := s.running
		if in["desiredStatus"] == "STOPPED" {
			tasks = s.stopped
		}
		// Two a page.
		from := 0
		if token, ok := in["nextToken"].(string); ok {
			_, _ = fmt.Sscan(token, &from)
		}
		arns := []string{}
		for _, t := range tasks[from:min(from+2, len(tasks))] {
			arns = append(arns, t["taskArn"].(string))
		}
		out := map[string]any{"taskArns": arns}
		if from+2 < len(tasks) {
			out["nextToken"] = fmt.Sprint(from + 2)
		}
		return 200, out
	case "DescribeTasks":
		if n := len(in["tasks"].([]any)); n > 100 {
			return 400, apiError("InvalidParameterException", fmt.Sprintf("%d tasks", n))
		}
		tasks := []any{}
		for _, want := range in["tasks"].([]any) {
			for _, t := range append(append([]map[string]any{}, s.running...), s.stopped...) {
				if t["taskArn"] == want {
					tasks = append(tasks, t)
				}
			}
		}
		return 200, map[string]any{"tasks": tasks}
	case "DescribeTargetHealth":
		var b strings.Builder
		for address, state := range s.targets {
			reason := ""
			if state == "unhealthy" {
				reason = "<Reason>Target.Timeout</Reason><Description>Request timed out</Description>"
			}
			fmt.Fprintf(&b, "<member><Target><Id>%s</Id><Port>9898</Port></Target><HealthCheckPort>9898</HealthCheckPort><TargetHealth><State>%s</State>%s</TargetHealth></member>", address, state, reason)
		}
		return 200, `<DescribeTargetHealthResponse xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"><DescribeTargetHealthResult><TargetHealthDescriptions>` +
			b.String() + `</TargetHealthDescriptions></DescribeTargetHealthResult><ResponseMetadata><RequestId>0</RequestId></ResponseMetadata></DescribeTargetHealthResponse>`
	case "ListServiceDeployments":
		if s.history == nil {
			return 400, apiError("AccessDeniedException", "You may not.")
		}
		return 200, map[string]any{"serviceDeployments": s.history}
	case "DescribeServiceDeployments":
		out := []any{}
		for _, want := range in["serviceDeploymentArns"].([]any) {
			for _, d := range s.history {
				if d["serviceDeploymentArn"] == want {
					out = append(out, d)
				}
			}
		}
		return 200, map[string]any{"serviceDeployments": out}
	case "DescribeServiceRevisions":
		out := []any{}
		for _, want := range in["serviceRevisionArns"].([]any) {
			arn := want.(string)
			out = append(out, map[string]any{"serviceRevisionArn": arn, "taskDefinition": "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop:" + last(arn)})
		}
		return 200, map[string]any{"serviceRevisions": out}
	case "DescribeScalableTargets", "DescribeScalingPolicies", "DescribeScalingActivities":
		switch out := s.scaling[op].(type) {
		case fault:
			return 400, out
		case nil:
			return 200, map[string]any{}
		default:
			return 200, out
		}
	case "UpdateService":
		return 200, map[string]any{"service": s.service}
	case "DescribeTaskDefinition":
		return 200, map[string]any{"taskDefinition": map[string]any{"containerDefinitions": []any{map[string]any{"name": "web"}}}}
	case "StopTask":
		return 200, map[string]any{"task": s.running[0]}
	}
	return 400, apiError("InvalidAction", op)
}

func marshal(tb testing.TB, v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	return string(b)
}
