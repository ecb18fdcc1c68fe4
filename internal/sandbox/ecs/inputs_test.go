package ecs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// unread are the inputs that change nothing here, with the reason.
var unread = map[string]string{
	"RunTaskInput.ReferenceId":               "no answer of the API has it",
	"ListAccountSettingsInput.PrincipalArn":  "there is one user",
	"PutAccountSettingInput.PrincipalArn":    "there is one user",
	"DeleteAccountSettingInput.PrincipalArn": "there is one user",
	"DescribeCapacityProvidersInput.Include": "Fargate's providers have no tags",
	"DescribeCapacityProvidersInput.Cluster": "Fargate's providers belong to no cluster",
	"ListContainerInstancesInput.Filter":     "there are none",
	"ListContainerInstancesInput.Status":     "there are none",
}

// Every member of an input is read by its handler: what is taken and neither kept
// nor refused shows as a difference in the next plan.
func TestInputsAreRead(t *testing.T) {
	read := map[string]map[string]bool{} // input type → members
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, source, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			var f *ast.FuncType
			var body ast.Node
			switch n := n.(type) {
			case *ast.FuncDecl:
				f, body = n.Type, n.Body
			case *ast.FuncLit:
				f, body = n.Type, n.Body
			default:
				return true
			}
			for _, p := range f.Params.List {
				star, ok := p.Type.(*ast.StarExpr)
				if !ok || len(p.Names) != 1 || p.Names[0].Name != "in" {
					continue
				}
				if of, ok := star.X.(*ast.SelectorExpr); ok {
					if read[of.Sel.Name] == nil {
						read[of.Sel.Name] = map[string]bool{}
					}
					members(body, read[of.Sel.Name])
				}
			}
			return true
		})
	}
	if len(read) < 30 {
		t.Fatalf("found the handlers of %d inputs only", len(read))
	}
	for _, in := range []any{
		ecs.CreateClusterInput{}, ecs.UpdateClusterInput{}, ecs.UpdateClusterSettingsInput{}, ecs.PutClusterCapacityProvidersInput{},
		ecs.DescribeClustersInput{}, ecs.ListClustersInput{}, ecs.DeleteClusterInput{}, ecs.DescribeCapacityProvidersInput{}, ecs.ListContainerInstancesInput{},
		ecs.RegisterTaskDefinitionInput{}, ecs.DescribeTaskDefinitionInput{}, ecs.DeregisterTaskDefinitionInput{}, ecs.DeleteTaskDefinitionsInput{},
		ecs.ListTaskDefinitionsInput{}, ecs.ListTaskDefinitionFamiliesInput{},
		ecs.CreateServiceInput{}, ecs.UpdateServiceInput{}, ecs.DeleteServiceInput{}, ecs.DescribeServicesInput{}, ecs.ListServicesInput{},
		ecs.ListServiceDeploymentsInput{}, ecs.DescribeServiceDeploymentsInput{}, ecs.DescribeServiceRevisionsInput{}, ecs.StopServiceDeploymentInput{},
		ecs.RunTaskInput{}, ecs.StopTaskInput{}, ecs.ListTasksInput{}, ecs.DescribeTasksInput{},
		ecs.UpdateTaskProtectionInput{}, ecs.GetTaskProtectionInput{}, ecs.TagResourceInput{}, ecs.UntagResourceInput{}, ecs.ListTagsForResourceInput{},
		ecs.ListAccountSettingsInput{}, ecs.PutAccountSettingInput{}, ecs.PutAccountSettingDefaultInput{}, ecs.DeleteAccountSettingInput{},
	} {
		typ := reflect.TypeOf(in)
		for i := range typ.NumField() {
			f := typ.Field(i)
			if _, known := unread[typ.Name()+"."+f.Name]; f.IsExported() && !known && !read[typ.Name()][f.Name] {
				t.Errorf("%s.%s is taken and not read: %v", typ.Name(), f.Name, slices.Sorted(maps.Keys(read[typ.Name()])))
			}
		}
	}
}

// members adds what is selected of "in".
func members(body ast.Node, to map[string]bool) {
	ast.Inspect(body, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && x.Name == "in" {
				to[s.Sel.Name] = true
			}
		}
		return true
	})
}

// A deployment configuration comes back as it was given, with what AWS fills in.
func TestDeploymentConfigurationIsKept(t *testing.T) {
	alarms := &types.DeploymentAlarms{AlarmNames: []string{"errors"}, Enable: true, Rollback: true}
	scenario(t, func(w *world) {
		w.service(func(in *ecs.CreateServiceInput) {
			in.DesiredCount, in.DeploymentConfiguration = aws.Int32(0), &types.DeploymentConfiguration{Alarms: alarms}
		})
		if got := w.describe().DeploymentConfiguration; !reflect.DeepEqual(got.Alarms, alarms) || *got.MaximumPercent != 200 || *got.BakeTimeInMinutes != 0 {
			t.Errorf("configuration = %+v", got)
		}
		update := func(c types.DeploymentConfiguration) *types.DeploymentAlarms {
			must(w, w.updateService, &ecs.UpdateServiceInput{Cluster: aws.String("c"), Service: aws.String("web"), DeploymentConfiguration: &c})
			return w.describe().DeploymentConfiguration.Alarms
		}
		if got := update(types.DeploymentConfiguration{MaximumPercent: aws.Int32(150)}); !reflect.DeepEqual(got, alarms) {
			t.Errorf("after another change the alarms are %+v", got)
		}
		if got := update(types.DeploymentConfiguration{Alarms: &types.DeploymentAlarms{AlarmNames: []string{}}}); got.Enable {
			t.Errorf("after their removal the alarms are %+v", got)
		}
		time.Sleep(time.Second)
		revisions := must(w, w.listServiceDeployments, &ecs.ListServiceDeploymentsInput{Cluster: aws.String("c"), Service: aws.String("web")})
		if len(revisions.ServiceDeployments) != 1 {
			t.Errorf("%d deployments of a service whose tasks stay the same", len(revisions.ServiceDeployments))
		}
	})
}
