package ecs

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"workshop/internal/sandbox/sandboxtest"
	"workshop/internal/sandbox/store"
)

// FuzzTaskDefinition registers definitions as no client writes them. What is
// taken must run, or fail, without harm to the scheduler.
func FuzzTaskDefinition(f *testing.F) {
	const head = `{"family":"f","cpu":"256","memory":"512","networkMode":"awsvpc","requiresCompatibilities":["FARGATE"],`
	for _, body := range []string{
		head + `"containerDefinitions":[{"name":"app","image":"registry.k8s.io/pause:3.10","portMappings":[{"containerPort":80}]}]}`,
		head + `"containerDefinitions":[{"name":"a","image":"x","dependsOn":[{"containerName":"b","condition":"HEALTHY"}]},{"name":"b","image":"y","essential":false,"healthCheck":{"command":["CMD-SHELL","true"],"retries":1},"secrets":[{"name":"s","valueFrom":"arn:aws:secretsmanager:x"}]}]}`,
		head + `"containerDefinitions":[{"name":"a","image":"x","logConfiguration":{"logDriver":"awslogs","options":{"awslogs-group":"g"}},"restartPolicy":{"enabled":true},"stopTimeout":-1}]}`,
		head + `"containerDefinitions":[null]}`,
		`{"family":null,"containerDefinitions":[{}],"volumes":[{"name":"v"}]}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		synctest.Test(t, func(t *testing.T) {
			st, err := store.Open("")
			if err != nil {
				t.Fatal(err)
			}
			w := open(t, st)
			ask := sandboxtest.NewAsker(w.account, w.Service())
			if status, _ := ask.Ask(t, "RegisterTaskDefinition", body); status != http.StatusOK {
				return
			}
			ask.Ask(t, "CreateCluster", []byte(`{"clusterName":"c"}`))
			var family string
			for name := range w.families.All() {
				family = name
			}
			run := `"cluster":"c","launchType":"FARGATE","networkConfiguration":{"awsvpcConfiguration":{"subnets":["subnet-a1"]}},"taskDefinition":"` + family + `"`
			ask.Ask(t, "DescribeTaskDefinition", []byte(`{"taskDefinition":"`+family+`"}`))
			ask.Ask(t, "RunTask", []byte("{"+run+"}"))
			ask.Ask(t, "CreateService", []byte(`{"serviceName":"s","desiredCount":1,`+run+"}"))
			w.start()
			time.Sleep(30 * time.Second)
			var ids []string
			w.look(func() {
				for id := range w.tasks.All() {
					ids = append(ids, id)
				}
			})
			for _, id := range ids {
				if _, answer := ask.Ask(t, "DescribeTasks", []byte(`{"cluster":"c","tasks":["`+id+`"]}`)); !strings.Contains(answer, id) {
					t.Errorf("a task cannot be described: %s", answer)
				}
			}
			w.halt()
		})
	})
}
