package ecs

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// What RegisterTaskDefinition refuses although the API's model allows it. The
// rules are in the API reference and in the Developer Guide ("Task definition
// parameters"); TestRefusedTaskDefinitions says where each text is from.

// checkRoles checks the roles of a definition, or of what overrides it. The task's
// role may be a name.
func checkRoles(execution, task *string) error {
	valid := func(arn string) bool {
		p := strings.SplitN(arn, ":", 6)
		return len(p) == 6 && p[0] == "arn" && p[2] == "iam" && len(p[4]) == 12 && strings.HasPrefix(p[5], "role/") && p[5] != "role/"
	}
	if e := aws.ToString(execution); e != "" && !valid(e) {
		return client("Role is not valid")
	}
	if t := aws.ToString(task); t != "" && !valid(t) && strings.ContainsAny(t, ":/ ") {
		return client("Role is not valid")
	}
	return nil
}

// checkFargate refuses what Fargate has not.
func checkFargate(in *ecs.RegisterTaskDefinitionInput) error {
	switch {
	case in.IpcMode != "":
		return notOnFargate("ipcMode")
	case in.PidMode != "" && in.PidMode != types.PidModeTask:
		return client("Tasks using the Fargate launch type do not support pidMode '%s'. The supported value for pidMode is 'task'.", in.PidMode)
	case len(in.PlacementConstraints) > 0:
		return notOnFargate("constraints")
	}
	if s := in.EphemeralStorage; s != nil && s.SizeInGiB < 21 {
		return client("EphemeralStorage size should be at least 21")
	} else if s != nil && s.SizeInGiB > 200 {
		return client("EphemeralStorage size should be at most 200")
	}
	//lint:ignore SA1019 clients may still send it
	if len(in.InferenceAccelerators) > 0 {
		return client("Unsupported field 'inferenceAccelerators'.")
	}
	for _, v := range in.Volumes {
		switch {
		case v.Host != nil && aws.ToString(v.Host.SourcePath) != "":
			return notOnFargate("sourcePath")
		case v.DockerVolumeConfiguration != nil:
			return notOnFargate("dockerVolumeConfiguration")
		}
	}
	for _, c := range in.ContainerDefinitions {
		if err := checkFargateContainer(c); err != nil {
			return err
		}
	}
	return nil
}

func notOnFargate(what string) error {
	return client("Fargate compatible task definitions do not support %s", what)
}

func checkFargateContainer(c types.ContainerDefinition) error {
	within := func(setting string, n *int32, least, most int32) error {
		if n != nil && (*n < least || *n > most) {
			return client("The '%s' setting for container '%s' must be between %d and %d.", setting, aws.ToString(c.Name), least, most)
		}
		return nil
	}
	isGPU := func(r types.ResourceRequirement) bool { return r.Type == types.ResourceTypeGpu }
	switch {
	case aws.ToBool(c.Privileged):
		return client("Fargate requires that the ‘privileged’ setting be ‘false’ at the container level.")
	case len(c.DockerSecurityOptions) > 0:
		return notOnFargate("dockerSecurityOptions")
	case slices.ContainsFunc(c.ResourceRequirements, isGPU):
		return client("Tasks using the Fargate launch type do not support GPU resource requirements.")
	}
	if l := c.LinuxParameters; l != nil {
		switch {
		case len(l.Devices) > 0:
			return notOnFargate("devices")
		case l.MaxSwap != nil:
			return notOnFargate("maxSwap")
		case l.Swappiness != nil:
			return notOnFargate("swappiness")
		case l.SharedMemorySize != nil:
			return notOnFargate("sharedMemorySize")
		}
		if l.Capabilities != nil {
			for _, name := range l.Capabilities.Add {
				if name != "SYS_PTRACE" {
					return client("%s is not allowed on Fargate.", name)
				}
			}
		}
	}
	if err := within("startTimeout", c.StartTimeout, 2, 120); err != nil {
		return err
	}
	return within("stopTimeout", c.StopTimeout, 0, 120)
}

// checkAwsvpc refuses what a container of a task with a network interface of its
// own has not.
func checkAwsvpc(c types.ContainerDefinition) error {
	for _, setting := range []struct {
		set  bool
		text string
	}{
		{len(c.Links) > 0, "Links are not supported when networkMode=awsvpc."},
		{aws.ToString(c.Hostname) != "", "hostname is not supported on container when networkMode=awsvpc."},
		{len(c.DnsServers) > 0, "DNS servers are not supported on container when networkMode=awsvpc."},
		{len(c.DnsSearchDomains) > 0, "DNS search domains are not supported on container when networkMode=awsvpc."},
		{len(c.ExtraHosts) > 0, "Extra hosts are not supported on container when networkMode=awsvpc."},
		{aws.ToBool(c.DisableNetworking), "Disable Networking is not supported on container when networkMode=awsvpc."},
	} {
		if setting.set {
			return client("%s", setting.text)
		}
	}
	return nil
}

// checkVolumes checks a definition's volumes against what its containers mount.
func checkVolumes(volumes []types.Volume, containers []types.ContainerDefinition) error {
	mounted := map[string]bool{}
	for _, c := range containers {
		for _, m := range c.MountPoints {
			name := aws.ToString(m.SourceVolume)
			mounted[name] = true
			if !slices.ContainsFunc(volumes, func(v types.Volume) bool { return aws.ToString(v.Name) == name }) {
				return client("Unknown volume '%s'.", name)
			}
		}
	}
	for _, v := range volumes {
		name := aws.ToString(v.Name)
		if aws.ToBool(v.ConfiguredAtLaunch) && !mounted[name] {
			return client("Volumes [%s] are not referenced by any of the containers", name)
		}
		f := v.EfsVolumeConfiguration
		if f == nil {
			continue
		}
		encrypted := f.TransitEncryption == types.EFSTransitEncryptionEnabled
		auth := f.AuthorizationConfig
		switch {
		case f.TransitEncryptionPort != nil && !encrypted:
			return client("TransitEncryptionPort requires that TransitEncryption is enabled.")
		case auth != nil && auth.Iam == types.EFSAuthorizationConfigIAMEnabled && !encrypted:
			return client("EFS IAM authorization requires TransitEncryption to be enabled.")
		case auth != nil && auth.AccessPointId != nil && aws.ToString(f.RootDirectory) != "" && *f.RootDirectory != "/":
			return client(`When using an EFS access point, the root directory must either be set to "/" or be omitted.`)
		}
	}
	return nil
}

// checkLaunchVolumes checks the names of volumes that are configured when tasks are
// started.
func checkLaunchVolumes(d *definition, names []string) error {
	for _, name := range names {
		if !slices.ContainsFunc(d.Definition.Volumes, func(v types.Volume) bool { return aws.ToString(v.Name) == name && aws.ToBool(v.ConfiguredAtLaunch) }) {
			return invalid("The volume name '%s' in your request does not have a matching volume in your Task Definition that is configurable at launch.", name)
		}
	}
	return nil
}

func serviceVolumes(volumes []types.ServiceVolumeConfiguration) (names []string) {
	for _, v := range volumes {
		names = append(names, aws.ToString(v.Name))
	}
	return names
}

// awslogsOptions are what the log driver awslogs knows (API reference,
// LogConfiguration).
var awslogsOptions = []string{
	"awslogs-create-group", "awslogs-region", "awslogs-endpoint", "awslogs-group", "awslogs-stream", "awslogs-stream-prefix",
	"awslogs-datetime-format", "awslogs-multiline-pattern", "awslogs-format", "awslogs-force-flush-interval-seconds",
	"awslogs-max-buffered-events", "awslogs-credentials-endpoint", "mode", "max-buffer-size", "tag",
}

// checkLogs checks a container's log driver and its options.
func checkLogs(in *ecs.RegisterTaskDefinitionInput, l *types.LogConfiguration, fargate bool) error {
	if l == nil {
		return nil
	}
	if fargate && !slices.Contains([]types.LogDriver{types.LogDriverAwslogs, types.LogDriverSplunk, types.LogDriverAwsfirelens}, l.LogDriver) {
		return client("%s is not a valid log driver. Must be one of [awslogs,splunk,awsfirelens]", l.LogDriver)
	}
	required := map[types.LogDriver][]string{
		types.LogDriverAwslogs: {"awslogs-region", "awslogs-group"},
		types.LogDriverSplunk:  {"splunk-url", "splunk-token"},
	}[l.LogDriver]
	switch {
	case l.LogDriver == types.LogDriverAwslogs && fargate && aws.ToString(in.ExecutionRoleArn) == "":
		return client("Fargate requires task definition to have execution role ARN to support log driver awslogs.")
	case l.LogDriver == types.LogDriverAwsfirelens:
		if !slices.ContainsFunc(in.ContainerDefinitions, func(c types.ContainerDefinition) bool { return c.FirelensConfiguration != nil }) {
			return client("When awsfirelens log driver is specified in log configuration, a firelens configuration object must be configured in one of the containers.")
		}
	}
	var missing []string
	for _, option := range required {
		if l.Options[option] == "" && !slices.ContainsFunc(l.SecretOptions, func(s types.Secret) bool { return aws.ToString(s.Name) == option }) {
			missing = append(missing, option)
		}
	}
	if len(missing) > 0 {
		return client("Log driver %s requires options: %s", l.LogDriver, strings.Join(missing, ", "))
	}
	if l.LogDriver != types.LogDriverAwslogs {
		return nil
	}
	var unknown []string
	for option := range l.Options {
		if !slices.Contains(awslogsOptions, option) {
			unknown = append(unknown, option)
		}
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		return client("Log driver awslogs disallows options: %s", strings.Join(unknown, ", "))
	}
	if fargate && l.Options["awslogs-stream-prefix"] == "" {
		return client("Fargate requires log configuration options to include awslogs-stream-prefix to support log driver awslogs.")
	}
	return nil
}
