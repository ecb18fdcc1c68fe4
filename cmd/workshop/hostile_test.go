package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	scaling "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	tagging "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/middleware"

	"workshop/internal/clean/cleantest"
	"workshop/internal/fargate"
	"workshop/internal/session"
	"workshop/internal/stack"
	"workshop/internal/sweep"
	"workshop/internal/target"
)

// outputs are the types that operations answer with, by the service's id and the
// operation's name.
func outputs() map[string]reflect.Type {
	out := map[string]reflect.Type{}
	for id, client := range map[string]any{
		ecs.ServiceID: &ecs.Client{}, elb.ServiceID: &elb.Client{}, sts.ServiceID: &sts.Client{},
		cloudwatchlogs.ServiceID: &cloudwatchlogs.Client{}, cloudwatch.ServiceID: &cloudwatch.Client{},
		iam.ServiceID: &iam.Client{}, scaling.ServiceID: &scaling.Client{}, tagging.ServiceID: &tagging.Client{},
	} {
		for m := range reflect.TypeOf(client).Methods() {
			if m.Type.NumOut() == 2 && m.Type.Out(0).Kind() == reflect.Pointer {
				out[id+"."+m.Name] = m.Type.Out(0).Elem()
			}
		}
	}
	return out
}

// hostileAWS answers every operation with hostile text in every string, apart
// from the fields that as names.
func hostileAWS(as map[string]string) aws.Config {
	types := outputs()
	return aws.Config{
		Region:     "eu-west-1",
		HTTPClient: refusing{},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret"}, nil
		}),
		APIOptions: []func(*middleware.Stack) error{func(s *middleware.Stack) error {
			return s.Initialize.Add(middleware.InitializeMiddlewareFunc("Hostile", func(ctx context.Context, _ middleware.InitializeInput, _ middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
				t, ok := types[middleware.GetServiceID(ctx)+"."+middleware.GetOperationName(ctx)]
				if !ok {
					return middleware.InitializeOutput{}, middleware.Metadata{}, fmt.Errorf("no output for %s: %s", middleware.GetOperationName(ctx), cleantest.Text)
				}
				v := reflect.New(t)
				cleantest.Fill(v.Interface(), as)
				return middleware.InitializeOutput{Result: v.Interface()}, middleware.Metadata{}, nil
			}), middleware.After)
		}},
	}
}

// refusing answers what is no client of the SDK.
type refusing struct{}

func (refusing) Do(*http.Request) (*http.Response, error) {
	text := strings.Map(func(r rune) rune { // XML has no C0 controls
		if r < 0x20 {
			return -1
		}
		return r
	}, strings.ToValidUTF8(cleantest.Text, ""))
	body := "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message><![CDATA[" + text + "]]></Message></Error></Errors></Response>"
	return &http.Response{StatusCode: http.StatusForbidden, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}, nil
}

// render runs f with a command line and returns what it printed.
func render(t *testing.T, asJSON bool, f func(c *commandLine) error) string {
	t.Helper()
	var out bytes.Buffer
	c := newCommandLine(strings.NewReader(""), &out, &out)
	c.json = asJSON
	if err := f(c); err != nil {
		c.note("%v", err)
	}
	return out.String()
}

// TestHostileAnswers has every string of AWS's answers, and of Terraform's,
// hostile and looks at the bytes that commands print, as text and as JSON.
func TestHostileAnswers(t *testing.T) {
	ref := fargate.Ref{Cluster: "c", Service: "s", TargetGroup: "t", LogGroup: "l", URL: cleantest.Text}
	for name, as := range map[string]map[string]string{
		"everything":   nil,
		"a service up": {"Status": "PRIMARY", "LastStatus": "RUNNING", "State": "healthy"},
		"stopped":      {"Status": "PRIMARY", "LastStatus": "STOPPED", "StopCode": "EssentialContainerExited", "RolloutState": "FAILED"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := hostileAWS(as)
			snap, err := fargate.Look(t.Context(), fargate.NewClients(cfg), ref)
			if err != nil || len(snap.Tasks) == 0 || len(snap.Events) == 0 {
				t.Fatalf("%+v, %v", snap, err)
			}
			st := status{Target: target.AWS, Account: cleantest.Text, Region: cleantest.Text, URL: ref.URL}
			snap.Tasks = append(snap.Tasks, fargate.Task{ID: cleantest.Text, StoppedReason: cleantest.Text, Stopped: &snap.AsOf})
			diagnosis := fargate.Diagnosis{}
			cleantest.Fill(&diagnosis, nil)
			snap.Diagnosis = &diagnosis
			st.add(snap)
			rep, err := sweep.Sweep(t.Context(), cfg, sweep.Scope{WorkspaceID: "team1", Name: "workshop", Region: "eu-west-1"})
			if err != nil {
				t.Fatal(err)
			}
			var receipts []session.Receipt
			now := time.Now()
			filled := session.Receipt{}
			cleantest.Fill(&filled, nil)
			for _, left := range []int{0, 1} {
				filled.Report.AsOf, filled.Left = now, left
				receipts = append(receipts, filled, session.Receipt{Report: rep, Left: left, From: now, To: now})
			}
			var events []stack.Event
			for _, kind := range []stack.EventType{stack.EventDownload, stack.EventLog, stack.EventPlanned, stack.EventStarted, stack.EventProgress, stack.EventDone, stack.EventFailed, stack.EventDiagnostic, stack.EventSummary, stack.EventNote, stack.EventHeld, stack.EventStateKept} {
				e := stack.Event{}
				cleantest.Fill(&e, map[string]string{"Severity": "warning"})
				e.Type = kind
				events = append(events, e)
			}
			plan := stack.Plan{}
			cleantest.Fill(&plan, map[string]string{"Group": string(stack.Groups[0])})

			for what, f := range map[string]func(c *commandLine) error{
				"status": func(c *commandLine) error { return c.showStatus(st) },
				"diagnose": func(c *commandLine) error {
					if c.json {
						return c.emit(diagnosis)
					}
					c.showDiagnosis(diagnosis)
					return nil
				},
				"logs": func(c *commandLine) error {
					_, err := c.logs(t.Context(), 0, &lineWriter{out: c.out, json: c.json}, fargate.Tail(t.Context(), cfg, fargate.TailOptions{Group: ref.LogGroup, Since: time.Now().Add(-time.Hour)}))
					return err
				},
				"receipt": func(c *commandLine) error {
					for _, r := range receipts {
						if err := c.showReceipt(r); err != nil {
							return err
						}
					}
					return nil
				},
				"events": func(c *commandLine) error {
					emit := c.events()
					for _, e := range events {
						emit(e)
					}
					return nil
				},
				"plan": func(c *commandLine) error {
					if c.json {
						return c.emit(&plan)
					}
					s, err := session.Open(session.Options{Kind: target.Sandbox, Workspace: t.TempDir(), Configuration: fstest.MapFS{"main.tf": {Data: []byte("# nothing\n")}}})
					if err != nil {
						return err
					}
					defer s.Close()
					c.showPlan(s, &plan)
					return nil
				},
				"an error": func(c *commandLine) error { return fmt.Errorf("%w", errors.New(cleantest.Text)) },
				"outputs":  func(c *commandLine) error { return c.emit(map[string]any{cleantest.Text: cleantest.Text}) },
			} {
				for _, asJSON := range []bool{false, true} {
					got := render(t, asJSON, f)
					if err := cleantest.Check(got, false); err != nil {
						t.Errorf("%s, json %v: %v", what, asJSON, err)
					}
					if !strings.Contains(got, cleantest.Mark) {
						t.Errorf("%s, json %v: no hostile text was printed, so this proves nothing:\n%s", what, asJSON, got)
					}
				}
			}
			// JSON keeps the data.
			var back status
			if err := json.Unmarshal([]byte(render(t, true, func(c *commandLine) error { return c.showStatus(st) })), &back); err != nil {
				t.Fatal(err)
			}
			if want := strings.ToValidUTF8(cleantest.Text, "\ufffd"); back.Account != want {
				t.Errorf("the account is %q, not %q", back.Account, want)
			}
		})
	}
}
