package fargate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"workshop/internal/clean"
	"workshop/internal/diagnose"
)

// Change is a field of a task definition that two revisions have with different values.
type Change struct {
	Field string // as the API names it, with the container's name before: "app: image"
	Old   string // empty where the older one lacks it
	New   string // empty where the newer one lacks it
}

// ErrFirstRevision says that there is no revision before to compare with.
var ErrFirstRevision = errors.New("it is the first revision of its family")

// Changes compares a revision, "family:number", with the one numbered before it: two calls.
// Values of the environment whose names sound secret are hidden, and secrets are compared by
// where they come from. Errors are *diagnose.Error or ErrFirstRevision.
func (c *Clients) Changes(ctx context.Context, revision string) (before string, changes []Change, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	family, number, _ := strings.Cut(revision, ":")
	n, err := strconv.Atoi(number)
	if err != nil || n <= 1 {
		return "", nil, ErrFirstRevision
	}
	before = fmt.Sprintf("%s:%d", family, n-1)
	var fields [2]map[string]string
	for i, name := range []string{before, revision} {
		out, err := c.ecs.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: &name})
		if err != nil {
			return before, nil, diagnose.Explain("read the task definition "+name, err)
		}
		fields[i] = fieldsOf(out.TaskDefinition)
	}
	return before, changesOf(fields[0], fields[1]), nil
}

// Field is a field of a task definition.
type Field struct {
	Name  string // as the API names it, with the container's name before: "app: image"
	Value string
}

// Definition returns the fields of a revision, "family:number", that decide on what runs, in
// the order of their names: one call. Values of the environment whose names sound secret are
// hidden, and of secrets it says where they come from. Errors are *diagnose.Error.
func (c *Clients) Definition(ctx context.Context, revision string) ([]Field, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	out, err := c.ecs.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: &revision})
	if err != nil {
		return nil, diagnose.Explain("read the task definition "+revision, err)
	}
	var fields []Field
	for _, added := range changesOf(nil, fieldsOf(out.TaskDefinition)) {
		fields = append(fields, Field{added.Field, added.New})
	}
	return fields, nil
}

func changesOf(before, after map[string]string) []Change {
	all := map[string]string{}
	maps.Copy(all, before)
	maps.Copy(all, after)
	var changes []Change
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if a, b := before[name], after[name]; a != b {
			changes = append(changes, shown(name, a, b))
		}
	}
	return changes
}

// secretName is how names of an environment sound whose values nobody should read.
var secretName = regexp.MustCompile(`(?i)pass|secret|token|key|credential|auth|private|dsn|_url$|connection`)

const environment = "environment "

// shown returns the change as it may be seen.
func shown(name, before, after string) Change {
	if _, variable, ok := strings.Cut(name, environment); ok && secretName.MatchString(variable) {
		const hidden = "(hidden)"
		switch {
		case before == "":
			return Change{name, "", hidden}
		case after == "":
			return Change{name, hidden, ""}
		}
		return Change{name, hidden, "(hidden, another value)"}
	}
	return Change{name, before, after}
}

// fieldsOf are the values of a task definition that decide on what runs.
func fieldsOf(d *ecstypes.TaskDefinition) map[string]string {
	out := map[string]string{}
	if d == nil {
		return out
	}
	set := func(name, value string) {
		if value != "" {
			out[clean.Line(name)] = clean.Line(value)
		}
	}
	set("cpu", aws.ToString(d.Cpu))
	set("memory", aws.ToString(d.Memory))
	set("taskRoleArn", last(aws.ToString(d.TaskRoleArn)))
	set("executionRoleArn", last(aws.ToString(d.ExecutionRoleArn)))
	set("networkMode", string(d.NetworkMode))
	if p := d.RuntimePlatform; p != nil {
		set("cpuArchitecture", string(p.CpuArchitecture))
		set("operatingSystemFamily", string(p.OperatingSystemFamily))
	}
	if e := d.EphemeralStorage; e != nil {
		set("ephemeralStorage", fmt.Sprintf("%d GiB", e.SizeInGiB))
	}
	for _, v := range d.Volumes {
		set("volume "+aws.ToString(v.Name), "present")
	}
	for i := range d.ContainerDefinitions {
		c := &d.ContainerDefinitions[i]
		containerFields(c, func(name, value string) { set(aws.ToString(c.Name)+": "+name, value) })
	}
	return out
}

func containerFields(c *ecstypes.ContainerDefinition, set func(name, value string)) {
	number := func(name string, n *int32) {
		if n != nil {
			set(name, strconv.Itoa(int(*n)))
		}
	}
	set("image", aws.ToString(c.Image))
	if c.Cpu != 0 {
		number("cpu", &c.Cpu)
	}
	number("memory", c.Memory)
	number("memoryReservation", c.MemoryReservation)
	number("startTimeout", c.StartTimeout)
	number("stopTimeout", c.StopTimeout)
	set("command", strings.Join(c.Command, " "))
	set("entryPoint", strings.Join(c.EntryPoint, " "))
	set("user", aws.ToString(c.User))
	set("workingDirectory", aws.ToString(c.WorkingDirectory))
	if c.Essential != nil {
		set("essential", strconv.FormatBool(*c.Essential))
	}
	if c.ReadonlyRootFilesystem != nil {
		set("readonlyRootFilesystem", strconv.FormatBool(*c.ReadonlyRootFilesystem))
	}
	for _, p := range c.PortMappings {
		set("port "+strconv.Itoa(int(aws.ToInt32(p.ContainerPort))), string(cmp.Or(p.Protocol, ecstypes.TransportProtocolTcp)))
	}
	for _, e := range c.Environment {
		set(environment+aws.ToString(e.Name), cmp.Or(aws.ToString(e.Value), `""`))
	}
	for _, s := range c.Secrets {
		set("secret "+aws.ToString(s.Name), "from "+aws.ToString(s.ValueFrom))
	}
	for _, x := range c.DependsOn {
		set("dependsOn "+aws.ToString(x.ContainerName), string(x.Condition))
	}
	if h := c.HealthCheck; h != nil {
		set("healthCheck command", strings.Join(h.Command, " "))
		number("healthCheck interval", h.Interval)
		number("healthCheck timeout", h.Timeout)
		number("healthCheck retries", h.Retries)
		number("healthCheck startPeriod", h.StartPeriod)
	}
	if l := c.LogConfiguration; l != nil {
		set("logDriver", string(l.LogDriver))
		for name, value := range l.Options {
			set("log option "+name, value)
		}
	}
}
