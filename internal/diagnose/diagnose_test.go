package diagnose

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"workshop/steps"

	"github.com/aws/smithy-go"
)

func exit(code int) *int { return &code }

// The texts are those that ECS gives, with invented names in the places of names.
func TestStopped(t *testing.T) {
	const (
		start = "TaskFailedToStart"
		ended = "EssentialContainerExited"
		sched = "ServiceSchedulerInitiated"
		tg    = "(target-group arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/73e2d6bc24d8a067)"
		pull  = "CannotPullContainerError: "
		init  = "ResourceInitializationError: "
		net   = "unable to pull secrets or registry auth: "
		who   = "User: arn:aws:sts::123456789012:assumed-role/exec/0f9de17a6465404e8b1b2356dc13c2f8 is not authorized to perform: "
		args  = "failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log "
	)
	essential := func(code int, reason string) Facts {
		return Facts{StopCode: ended, Reason: "Essential container in task exited", Containers: []Container{{Name: "web", ExitCode: exit(code), Reason: reason}}}
	}
	failed := func(reason string) Facts { return Facts{StopCode: start, Reason: reason} }
	inside := func(reason string) Facts {
		return Facts{StopCode: start, Reason: "Task failed to start", Containers: []Container{{Name: "web", Reason: reason}}}
	}
	tests := []struct {
		want  string
		facts Facts
		holds string // part of what or do
	}{
		{"scaled", Facts{StopCode: sched, Reason: "Scaling activity initiated by (deployment ecs-svc/0327562177077820032)"}, "scaled in"},
		{"scaled", Facts{StopCode: sched, Reason: "Scaling activity initiated by (deployment ecs-svc/0327562177077820032)", Containers: []Container{{Name: "web", ExitCode: exit(143)}}}, ""},
		{"elb-health", Facts{StopCode: sched, Reason: "Task failed ELB health checks in " + tg, Containers: []Container{{Name: "web", ExitCode: exit(137)}}}, "load_balancer.tf"},
		{"container-health", Facts{StopCode: sched, Reason: "Task failed container health checks"}, "healthCheck"},
		{"maintenance", Facts{StopCode: sched, Reason: "ECS is performing maintenance on the underlying infrastructure hosting the task"}, ""},
		{"stopped-by-service", Facts{StopCode: sched, Reason: "something new"}, ""},
		{"stopped-by-hand", Facts{StopCode: "UserInitiated", Reason: "Task stopped by user", Containers: []Container{{Name: "web", ExitCode: exit(0)}}}, ""},
		{"stopped-by-hand", Facts{StopCode: "UserInitiated", Reason: "learning", Containers: []Container{{Name: "web", ExitCode: exit(137)}}}, ""},
		{"spot", Facts{StopCode: "SpotInterruption", Reason: "Your Spot Task was interrupted."}, "FARGATE_SPOT"},
		{"spot", Facts{StopCode: "TerminationNotice", Reason: "Your Spot Task was interrupted."}, ""},
		{"spot", Facts{StopCode: "SpotInterruption"}, ""},
		{"failed-to-start", Facts{StopCode: start, Reason: "Task failed to start"}, ""},

		{"exit-clean", essential(0, ""), "web ended by itself"},
		{"exit-error", essential(1, ""), "exit code 1"},
		{"exit-panic", essential(2, ""), "stack trace"},
		{"exit-not-executable", essential(127, ""), "127"},
		{"exit-killed-inside", essential(137, ""), "memory"},
		{"exit-killed", Facts{Containers: []Container{{Name: "web", ExitCode: exit(137)}}}, "SIGTERM"},
		{"out-of-memory", essential(137, "OutOfMemoryError: Container killed due to memory usage"), "web used more memory"},
		{"out-of-memory", essential(137, "OutOfMemoryError: container killed due to memory usage"), "`memory` in terraform.tfvars"},
		{"exit-segfault", essential(139, ""), "SIGSEGV"},
		{"exit-terminated-inside", essential(143, ""), ""},
		{"exit-terminated", Facts{Containers: []Container{{Name: "web", ExitCode: exit(143)}}}, ""},
		{"exit-255", essential(255, ""), "/panic"},
		{"exit-other", essential(42, ""), ""},
		{"exit-panic", Facts{StopCode: ended, Reason: "Essential container in task exited", Containers: []Container{
			{Name: "sidecar", ExitCode: exit(0)}, {Name: "web", ExitCode: exit(2)}}}, "web ended"},

		{"image-not-found", failed(pull + "pull image manifest has been retried 7 time(s): failed to resolve ref 123456789012.dkr.ecr.eu-west-1.amazonaws.com/podinfo:6.99: not found"), "There is no image 123456789012.dkr.ecr.eu-west-1.amazonaws.com/podinfo:6.99:"},
		{"image-denied", failed(pull + "pull image manifest has been retried 1 time(s): failed to resolve ref registry.example/library/podinf:6: pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed"), "private"},
		{"image-platform", failed(pull + "pull image manifest has been retried 7 time(s): image Manifest does not contain descriptor matching platform 'linux/amd64'"), "not for linux/amd64"},
		{"image-no-route", failed(pull + `pull image manifest has been retried 5 time(s): failed to resolve ref registry.example/podinfo:6: failed to do request: Head "https://registry.example/v2/podinfo/manifests/6": dial tcp 10.1.2.3:443: i/o timeout`), "private_tasks"},
		{"image-rate-limit", failed(pull + "inspect image has been retried 5 time(s): httpReaderSeeker: failed open: unexpected status code https://registry.example/v2/podinfo/manifests/sha256:00: 429 Too Many Requests - Server message: toomanyrequests: You have reached your pull rate limit. You may increase the limit by authenticating and upgrading: https://www.docker.com/increase-rate-limit"), "Wait"},
		{"image-copy-failed", failed(pull + "ref pull has been retried 1 time(s): failed to copy: httpReaderSeeker: failed open: unexpected status code"), ""},
		{"image-layers", failed(pull + "ref pull has been retried 1 time(s): number of layers and diffIDs don't match: 3 != 15"), "push"},
		{"image-not-found", failed(pull + "API error (404): repository registry.example/podinfo not found"), "registry.example/podinfo"},
		{"image-no-route", failed(pull + "API error (500): Get https://registry.example/v2/: net/http: request canceled while waiting for connection"), ""},
		{"image-other", failed(pull + "something new"), ""},

		{"ecr-no-route", failed(init + net + `The task cannot pull registry auth from Amazon ECR: There is a connection issue between the task and Amazon ECR. Check your task network configuration. operation error ECR: GetAuthorizationToken, exceeded maximum number of attempts, 3, https response error StatusCode: 0, RequestID: , request send failed, Post "https://api.ecr.eu-west-1.amazonaws.com/": dial tcp 10.1.2.3:443: i/o timeout`), "network.tf"},
		{"ecr-denied", failed(init + net + "execution resource retrieval failed: unable to retrieve ecr registry auth: service call has been retried 1 time(s): operation error ECR: GetAuthorizationToken, https response error StatusCode: 400, RequestID: 0, api error AccessDeniedException: " + who + "ecr:GetAuthorizationToken on resource: * because no identity-based policy allows the ecr:GetAuthorizationToken action"), "permissions.tf"},
		{"secret-denied", failed(init + net + "execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch secret arn:x from secrets manager: operation error Secrets Manager: GetSecretValue, https response error StatusCode: 400, RequestID: 0, api error AccessDeniedException: " + who + "secretsmanager:GetSecretValue on resource: arn:x because no identity-based policy allows the secretsmanager:GetSecretValue action"), ""},
		{"secret-no-route", failed(init + net + "unable to retrieve secret from asm: There is a connection issue between the task and AWS Secrets Manager. Check your task network configuration. failed to fetch secret arn:x from secrets manager: operation error Secrets Manager: GetSecretValue, https response error StatusCode: 0, RequestID: , canceled, context deadline exceeded"), ""},
		{"secret-no-route", failed(init + net + "unable to retrieve secrets from ssm: The task cannot pull secrets from AWS Systems Manager. There is a connection issue between the task and AWS Systems Manager Parameter Store. Check your task network configuration. RequestCanceled: request context canceled caused by: context deadline exceeded"), ""},
		{"secret-key-missing", failed(init + net + "unable to retrieve secret from asm: retrieved secret from Secrets Manager did not contain json key password"), "no key password"},
		{"log-group-missing", failed(init + args + "stream: ResourceNotFoundException: The specified log group does not exist. : exit status 1"), "observability.tf"},
		{"log-denied", failed(init + args + "stream: operation error CloudWatch Logs: CreateLogStream, https response error StatusCode: 400, RequestID: 0, api error AccessDeniedException: " + who + "logs:CreateLogStream on resource: arn:aws:logs:eu-west-1:123456789012:log-group:web:log-stream:web because no identity-based policy allows the logs:CreateLogStream action"), "logs:CreateLogStream is refused"},
		{"log-create-group-denied", failed(init + args + "group: AccessDeniedException: " + who + "logs:CreateLogGroup on resource: arn:aws:logs:eu-west-1:123456789012:log-group:web:log-stream: because no identity-based policy allows the logs:CreateLogGroup action status code: 400, request id: 0 : exit status 1"), "awslogs-create-group"},
		{"log-no-route", failed(init + "failed to validate logger args: The task cannot find the Amazon CloudWatch log group defined in the task definition. There is a connection issue between the task and Amazon CloudWatch. Check your network configuration. : signal: killed"), ""},
		{"log-driver", failed(init + "failed to initialize logging driver: no such option"), ""},

		{"image-not-found", failed(pull + "pull image manifest has been retried 7 time(s): failed to resolve ref registry.example/podinfo:6.99: registry.example/podinfo:6.99: not found"), "There is no image registry.example/podinfo:6.99: its"},
		{"image-denied", failed(pull + "pull image manifest has been retried 1 time(s): failed to resolve ref registry.example/podinfo:6: unexpected status from HEAD request to https://registry.example/v2/podinfo/manifests/6: 403 Forbidden"), "private"},
		{"disk-full", failed(pull + "ref pull has been retried 1 time(s): failed to extract layer sha256:00: write /var/lib/x: no space left on device: unknown"), "size_in_gib"},
		{"secret-missing", failed(init + net + "execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch secret arn:x from secrets manager: ResourceNotFoundException: Secrets Manager can't find the specified secret."), "no secret arn:x in"},
		{"parameter-missing", failed(init + net + "execution resource retrieval failed: unable to retrieve secrets from ssm: service call has been retried 1 time(s): invalid ssm parameters: /web/key"), "no parameter /web/key in"},
		{"environment-file", failed(init + "failed to download env files: file download command: non empty error stream: service call has been retried 1 time(s)"), "s3:GetObject"},
		{"file-system", failed(init + `failed to invoke EFS utils commands to set up EFS volumes: stderr: Failed to resolve "fs-1.efs.eu-west-1.amazonaws.com" - check that your file system ID is correct`), "2049"},
		{"dependency-failed", failed("failed to resolve container ordering dependency [setup] for target [web] as dependency did not exit successfully"), "web waits for setup"},
		{"command-denied", inside(`CannotStartContainerError: ResourceInitializationError: failed to create new container runtime task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "/start.sh": permission denied: unknown`), "/start.sh is in the image but"},
		{"command-not-found", inside(`CannotStartContainerError: ResourceInitializationError: failed to create new container runtime task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "podinfoo": executable file not found in $PATH: unknown`), "called podinfoo"},
		{"runtime-timeout", inside("ContainerRuntimeTimeoutError: Could not transition to running; timed out after waiting 1m: slow"), ""},
		{"container-start", inside("CannotStartContainerError: failed to get container status: gone"), ""},
		{"container-stop", inside("CannotStopContainerError: failed sending SIGTERM to container: gone"), ""},
		{"container-stop", inside("CannotInspectContainerError: gone"), ""},
		{"volume", inside("CannotCreateVolumeError: gone"), ""},
		{"network-interface-timeout", failed("Timeout waiting for network interface provisioning to complete."), ""},
		{"subnet-full", failed("Unexpected EC2 error while attempting to Create Network Interface with public IP assignment enabled in subnet 'subnet-1': InsufficientFreeAddressesInSubnet"), ""},
		{"no-capacity", failed("Capacity is unavailable at this time. Please try again later or in a different availability zone"), ""},
		{"role-not-assumable", failed("ECS was unable to assume the role 'arn:aws:iam::123456789012:role/exec' that was provided for this task. Please verify that the role being passed has the proper trust relationship and permissions and that your IAM user has permissions to pass this role."), "permissions.tf"},
	}
	for _, tt := range tests {
		got, ok := Stopped(tt.facts)
		check(t, tt.facts.Reason, tt.want, tt.holds, got, ok)
	}
	// Nothing is said of one container that is true of another alone.
	if got, ok := Stopped(Facts{Containers: []Container{{Name: "web", ExitCode: exit(137)}, {Name: "proxy", ExitCode: exit(143)}}}); ok {
		t.Errorf("containers that ended in two ways got the answer %q", got.What)
	}
	if got, ok := Stopped(Facts{}); ok {
		t.Errorf("an empty task got the answer %q", got.ID)
	}
}

// Which container is the cause is told by how each ended, never by the list's order.
func TestCulprit(t *testing.T) {
	c := func(name string, code int) Container { return Container{Name: name, ExitCode: exit(code)} }
	optional := func(c Container) Container { c.Optional = true; return c }
	first := func(c Container) Container { c.First = true; return c }
	for _, tt := range []struct {
		name       string
		containers []Container
		id, what   string
	}{
		{"the sidecar ends properly, the app is asked to end", []Container{c("app", 143), c("sidecar", 0)}, "exit-clean", "sidecar ended"},
		{"the proxy fails, the app is killed", []Container{c("app", 137), c("proxy", 1)}, "exit-error", "proxy ended with exit code 1"},
		{"the app ends properly, the agent is killed", []Container{c("app", 0), c("agent", 137)}, "exit-clean", "app ended"},
		{"both end when asked to or not at all", []Container{c("app", 137), c("proxy", 143)}, "exit-several", "app (exit code 137) and proxy (exit code 143)"},
		{"both end alike", []Container{c("app", 1), c("proxy", 1)}, "exit-several", "app (exit code 1) and proxy (exit code 1)"},
		{"two fail, one was seen to be first", []Container{c("app", 1), first(c("proxy", 42))}, "exit-other", "proxy"},
		{"the app is not essential", []Container{optional(c("setup", 1)), c("app", 0)}, "exit-clean", "app ended"},
		{"three, of which one fails", []Container{c("a", 143), c("b", 139), c("c", 0)}, "exit-segfault", "b "},
		{"one says why", []Container{{Name: "app", ExitCode: exit(137), Reason: "OutOfMemoryError: Container killed due to memory usage"}, c("proxy", 1)}, "out-of-memory", "app"},
	} {
		for range len(tt.containers) {
			tt.containers = append(tt.containers[1:], tt.containers[0])
			for range 2 {
				slices.Reverse(tt.containers)
				f := Facts{StopCode: "EssentialContainerExited", Reason: "Essential container in task exited", Containers: tt.containers}
				if got, ok := Stopped(f); !ok || got.ID != tt.id || !strings.Contains(got.What, tt.what) {
					t.Errorf("%s: %v gets %s: %s", tt.name, tt.containers, got.ID, got.What)
				}
			}
		}
	}
}

func check(t *testing.T, text, want, holds string, got Answer, ok bool) {
	t.Helper()
	if !ok || got.ID != want {
		t.Errorf("%.120q: got %q, want %q", text, got.ID, want)
		return
	}
	if both := got.What + "\n" + got.Do; !strings.Contains(both, holds) {
		t.Errorf("%s: %q is not in %q", want, holds, both)
	}
}

func TestEvent(t *testing.T) {
	const tg = "(target-group arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/73e2d6bc24d8a067)"
	for text, want := range map[string]string{
		"(service web) has started 2 tasks: (task 0f9d).":                                                                                "started",
		"(service web) has started 1 tasks: (task 0f9d). Amazon ECS replaced 1 tasks due to an unhealthy status.":                        "replaced-unhealthy",
		"(service web) registered 1 targets in " + tg:                                                                                    "registered",
		"(service web) deregistered 1 targets in " + tg:                                                                                  "deregistered",
		"(service web) has begun draining connections on 1 tasks.":                                                                       "draining",
		"(service web, taskSet ecs-svc/1) has begun draining connections on 1 tasks.":                                                    "draining",
		"(service web) has stopped 1 running tasks: (task 0f9d).":                                                                        "stopped-tasks",
		"(service web) stopped 3 pending tasks.":                                                                                         "stopped-tasks",
		"(service web) has reached a steady state.":                                                                                      "steady",
		"(service web) (deployment ecs-svc/1) deployment completed.":                                                                     "deployment-done",
		"(service web) (deployment ecs-svc/1) deployment failed: tasks failed to start.":                                                 "breaker",
		"(service web) rolling back to deployment ecs-svc/1.":                                                                            "rolling-back",
		"(service web) (task 0f9d) failed container health checks.":                                                                      "container-check-failed",
		"(service web) (task 0f9d) (port 8080) is unhealthy in " + tg + " due to (reason Health checks failed with these codes: [503]).": "target-code",
		"(service web) (task 0f9d) (port 8080) is unhealthy in " + tg + " due to (reason Request timed out).":                            "target-timeout",
		"(service web) (port 3000) is unhealthy in " + tg + " due to (reason Health checks failed).":                                     "target-failed",
		"(service web) was unable to place a task. Reason: CannotPullContainerError: pull image manifest has been retried 7 time(s): failed to resolve ref r.example/a:b: not found.": "image-not-found",
		"(service web) is unable to consistently start tasks successfully. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.":                  "cannot-start-tasks",
		"(service web) failed to launch a task with (error ECS was unable to assume the role 'arn:aws:iam::1:role/x' that was provided for this task.)":                               "role-not-assumable",
		"(service web) failed to launch a task with (error something)":                                                                               "launch-failed",
		"(service web) was unable to reach steady state because (taskSet ecs-svc/1) was unable to scale in due to (reason 2 tasks under protection)": "scale-in-protected",
		"(service web) is AZ balanced with 2 tasks in a, 2 tasks in b, 1 tasks in c.":                                                                "zones",
		"(service web) is not AZ balanced with 3 tasks in a, 1 tasks in b. AZ Rebalancing in progress.":                                              "zones",
		"(service web) was unable to place a task because no container instance met all of its requirements. Reason: No Container Instances were found in your cluster. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.": "no-instances",
		"(service web) was unable to place a task. Reason: You've reached the limit on the number of tasks you can run concurrently":                                                                                                                              "task-limit",
		"(service web) was unable to place a task. Reason: Internal error.":                                                                                                                            "placement-internal",
		"(service web) was unable to place a task. Reason: The requested CPU configuration is above your limit.":                                                                                       "size-limit",
		"(service web) was unable to place a task. Reason: The requested MEMORY configuration is above your limit.":                                                                                    "size-limit",
		"(service web) was unable to place a task. Reason: Capacity is unavailable at this time. Please try again later or in a different availability zone.":                                          "no-capacity",
		"(service web) was unable to reach steady state. Reason: No Container Instances were found in your capacity provider.":                                                                         "no-instances",
		"(service web) was unable to place tasks in your cluster because the tasks provisioning capacity limit was exceeded.":                                                                          "placement-limit",
		"(service web) was unable to place a task. Reason: new.":                                                                                                                                       "placement-other",
		"(service web) could not launch 2 tasks for deployment ecs-svc/1.":                                                                                                                             "could-not-launch",
		"(service web) is unable to consistently start tasks successfully.":                                                                                                                            "cannot-start-tasks",
		"(service web) operations are being throttled. Will try again later.":                                                                                                                          "throttled",
		"(service web) was unable to stop or start tasks during a deployment because of the service deployment configuration. Update the minimumHealthyPercent or maximumPercent value and try again.": "deployment-percent",
		"(service web) (instance i-1) is unhealthy in (elb web) due to (reason Instance has failed at least the UnhealthyThreshold number of health checks consecutively.)":                            "target-failed",
		"(service web) task set (ecs-svc/1) (task 0f9d) is not healthy in target-group (arn) due to TARGET GROUP IS NOT FOUND.":                                                                        "target-group-gone",
		"IAM permissions policies have been misconfigured or changed, and ECS can no longer maintain your service":                                                                                     "iam-broken",
		"IAM trust relationship has been misconfigured or changed, and ECS can no longer maintain your service":                                                                                        "iam-broken",
		"(service web) has started 1 tasks in eu-west-1a to AZ Rebalance: (task 0f9d).":                                                                                                                "zones",
	} {
		got, ok := Event(text)
		check(t, text, want, "", got, ok)
	}
}

func TestTarget(t *testing.T) {
	for _, tt := range [][4]string{
		{"healthy", "", "", "target-healthy"},
		{"initial", "Elb.RegistrationInProgress", "Target registration is in progress", "target-registering"},
		{"initial", "Elb.InitialHealthChecking", "Initial health checks in progress", "target-checking"},
		{"unhealthy", "Target.ResponseCodeMismatch", "Health checks failed with these codes: [503]", "target-code"},
		{"unhealthy", "Target.Timeout", "Request timed out", "target-timeout"},
		{"unhealthy", "Target.FailedHealthChecks", "Health checks failed", "target-failed"},
		{"unhealthy", "Elb.InternalError", "Health checks failed due to an internal error", "target-internal"},
		{"unused", "Target.NotRegistered", "Target is not registered to the target group", "target-not-registered"},
		{"unused", "Target.NotInUse", "Target group is not configured to receive traffic from the load balancer", "target-unused"},
		{"unused", "Target.NotInUse", "Target is in an Availability Zone that is not enabled for the load balancer", "target-unused-zone"},
		{"unused", "Target.InvalidState", "Target is in the stopped state", "target-stopped"},
		{"unused", "Target.IpUnusable", "The IP address cannot be used as a target, as it is in use by a load balancer", "target-address"},
		{"draining", "Target.DeregistrationInProgress", "Target deregistration is in progress", "target-draining"},
		{"unavailable", "Target.HealthCheckDisabled", "Health checks are disabled", "target-no-checks"},
	} {
		got, ok := Target(tt[0], tt[1], tt[2])
		check(t, tt[1], tt[3], "", got, ok)
	}
}

func TestDeployment(t *testing.T) {
	for _, tt := range [][3]string{
		{"IN_PROGRESS", "ECS deployment ecs-svc/1 in progress.", "deployment-going"},
		{"COMPLETED", "ECS deployment ecs-svc/1 completed.", "deployment-done"},
		{"FAILED", "ECS deployment circuit breaker: tasks failed to start.", "breaker"},
		{"FAILED", "ECS deployment circuit breaker: task failed to start.", "breaker"},
		{"IN_PROGRESS", "ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/1", "breaker-rollback"},
	} {
		got, ok := Deployment(tt[0], tt[1])
		check(t, tt[1], tt[2], "", got, ok)
	}
}

func TestText(t *testing.T) {
	for text, want := range map[string]string{
		"Error: No valid credential sources found\n\nPlease see https://registry.example for more information":                               "no-credentials",
		"operation error ECS: DescribeServices, get identity: get credentials: failed to refresh cached credentials, no EC2 IMDS role found": "no-credentials",
		"api error ExpiredTokenException: The security token included in the request is expired":                                             "expired",
		"get credentials: failed to refresh cached credentials, the SSO session has expired or is invalid":                                   "expired",
		"api error InvalidClientTokenId: The security token included in the request is invalid.":                                             "invalid-credentials",
		"api error SignatureDoesNotMatch: Signature expired":                                                                                 "signature",
		"api error AccessDeniedException: User: arn:aws:iam::1:user/x is not authorized to perform: ecs:CreateCluster on resource: arn":      "denied",
		"api error UnauthorizedOperation: You are not authorized to perform this operation.":                                                 "denied",
		"api error OptInRequired: You are not subscribed to this service.":                                                                   "region-off",
		"Error: Missing Region": "no-region",
		"api error VpcLimitExceeded: The maximum number of VPCs has been reached.":                                                                   "vpc-limit",
		"api error AddressLimitExceeded: The maximum number of addresses has been reached.":                                                          "address-limit",
		"api error TooManyLoadBalancers: The maximum number of load balancers has been reached":                                                      "quota",
		"DependencyViolation: The vpc 'vpc-1' has dependencies and cannot be deleted.":                                                               "in-use-vpc",
		"DependencyViolation: The subnet 'subnet-1' has dependencies and cannot be deleted.":                                                         "in-use-vpc",
		"DependencyViolation: resource sg-1 has a dependent object":                                                                                  "in-use-group",
		"DependencyViolation: Network vpc-1 has some mapped public address(es). Please unmap those public address(es) before detaching the gateway.": "mapped-addresses",
		"DependencyViolation: new words":                                                                                                                 "in-use",
		"DeleteConflict: Cannot delete entity, must detach all policies first.":                                                                          "role-in-use",
		"DeleteConflict: Cannot delete entity, must delete policies first.":                                                                              "role-in-use",
		"Target group 'arn:aws:x' is currently in use by a listener or a rule":                                                                           "target-group-in-use",
		"Load balancer 'arn' cannot be deleted because deletion protection is enabled":                                                                   "deletion-protected",
		"The Cluster cannot be deleted while Services are active.":                                                                                       "cluster-not-empty",
		"The Cluster cannot be deleted while Tasks are active.":                                                                                          "cluster-not-empty",
		"InvalidParameterException: Unable to Start a service that is still Draining.":                                                                   "service-draining",
		"ServiceNotActiveException: Service was not ACTIVE.":                                                                                             "service-draining",
		"InvalidParameterException: Creation of service was not idempotent.":                                                                             "name-exists",
		"api error EntityAlreadyExists: Role with name x already exists.":                                                                                "name-exists",
		"A target group with the same name 'web' exists, but with different settings (DuplicateTargetGroupName)":                                         "name-exists",
		"A listener already exists on this port for this load balancer 'arn'":                                                                            "name-exists",
		"ClientException: No Fargate configuration exists for given values: 512 CPU, 512 memory. See the Amazon ECS documentation for the valid values.": "fargate-size",
		"Fargate requires that 'cpu' be defined at the task level.":                                                                                      "fargate-size",
		"Fargate requires task definition to have execution role ARN to support log driver awslogs.":                                                     "execution-role-needed",
		"Too many concurrent attempts to create a new revision of the specified family.":                                                                 "revision-conflict",
		"Invalid setting for container 'web'. At least one of 'memory' or 'memoryReservation' must be specified.":                                        "container-memory",
		"Network Configuration must be provided when networkMode 'awsvpc' is specified.":                                                                 "needs-awsvpc",
		"The target group with targetGroupArn arn does not have an associated load balancer.":                                                            "target-group-unattached",
		"The provided target group arn has target type instance, which is incompatible with the awsvpc network mode specified in the task definition.":   "target-type",
		"Task definition does not support launch_type FARGATE.":                                                                                          "not-for-fargate",
		"The service cannot be stopped while it is scaled above 0.":                                                                                      "service-not-stopped",
		"At least two subnets in two different Availability Zones must be specified":                                                                     "two-zones",
		"ClusterNotFoundException: The referenced cluster was inactive.":                                                                                 "cluster-missing",
		"InvalidParameterException: No Container Instances were found in your cluster.":                                                                  "no-instances",
		"InvalidParameterException: Assign public IP is not supported for this launch type.":                                                             "no-instances",
		"InvalidParameterException: subnets can not be empty.":                                                                                           "needs-awsvpc",
		"ClientException: When you are specifying container secrets, you must also specify a value for 'executionRoleArn'.":                              "execution-role-needed",
		"ClientException: Private repository authentication requires that the task definition specify a value for executionRoleArn.":                     "execution-role-needed",
		"ClusterNotFoundException: Cluster not found.":                                                                                                   "cluster-missing",
		"ServiceNotFoundException: Service not found.":                                                                                                   "service-missing",
		"One or more target groups not found":                                                                                                            "target-group-missing",
		"ResourceNotFoundException: The specified log group does not exist.":                                                                             "log-group-missing",
		"VPCIdNotSpecified: No default VPC for this user":                                                                                                "no-default-vpc",
		"api error InvalidVpcID.NotFound: The vpc ID 'vpc-1' does not exist":                                                                             "vpc-missing",
		"Error: Error acquiring the state lock":                                                                                                          "state-lock-failed",
		"api error RequestLimitExceeded: Request limit exceeded.":                                                                                        "slowed-down",
		"api error LimitExceeded: Cannot exceed quota for RolesPerAccount: 1000":                                                                         "quota",
		"Error: No value for required variable":                                                                                                          "no-default-value",
		"Error: Invalid value for variable":                                                                                                              "invalid-variable",
		"Error: Failed to query available provider packages":                                                                                             "provider-download",
		"write terraform.tfstate: no space left on device":                                                                                               "disk-full",
		"api error ThrottlingException: Rate exceeded":                                                                                                   "slowed-down",
		"dial tcp: lookup ecs.eu-west-9.amazonaws.com: no such host":                                                                                     "no-such-host",
		"dial tcp 127.0.0.1:34913: connect: connection refused":                                                                                          "sandbox-unreachable",
		"dial tcp 52.94.5.1:443: i/o timeout":                                                                                                            "unreachable",
	} {
		got, ok := Text(text)
		check(t, text, want, "", got, ok)
	}
	if got, ok := Text("all is well"); ok {
		t.Errorf("a text without an error got %q", got.ID)
	}
}

// stepIDs are the ids of the bundled steps: NN-ID.md.
func stepIDs(t *testing.T) (ids []string) {
	names, err := fs.Glob(steps.Files, "[0-9][0-9]-*.md")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, n := range names {
		ids = append(ids, strings.TrimSuffix(n[3:], ".md"))
	}
	return ids
}

// Every entry must be reachable by its own patterns, complete, and free of
// names that nothing fills in.
func TestCatalogueIsSound(t *testing.T) {
	name, ids := regexp.MustCompile(`<(\w+)>`), stepIDs(t)
	for _, e := range catalogue {
		if e.id == "" || e.what == "" || e.do == "" || e.source == 0 {
			t.Errorf("%q lacks its id, words or source", e.id)
		}
		if !slices.Contains(ids, e.step) {
			t.Errorf("%s names the step %q, which does not exist", e.id, e.step)
		}
		if len(e.patterns) == 0 && len(e.exit) == 0 && e.stop == "" {
			t.Errorf("%s applies to everything", e.id)
		}
		if found := regexp.MustCompile(`(?i)\b(page|press|key|tab) \d|\(\d\)|console`).FindString(e.what + " " + e.do); found != "" {
			t.Errorf("%s says %q, which is true of one face only: use a place of Face", e.id, found)
		}
		for _, vague := range []string{"see the docs", "documentation", "support"} {
			if strings.Contains(strings.ToLower(e.do), vague) {
				t.Errorf("%s sends the learner away: %q", e.id, vague)
			}
		}
		for _, pattern := range e.patterns {
			text := strings.ReplaceAll(name.ReplaceAllString(pattern, "$1-x"), "*", " ... ")
			f := fact{source: e.source, stop: e.stop, text: text}
			f.several = e.several
			if len(e.exit) > 0 {
				f.exit = &e.exit[0]
			}
			found, ok := e.applies(f, strings.ToLower(text))
			if !ok {
				t.Errorf("%s: its pattern %q does not find %q", e.id, pattern, text)
				continue
			}
			if a := e.answer(f, found); strings.ContainsAny(a.What+a.Do, "{}") {
				t.Errorf("%s: with %q a name stays open: %s %s", e.id, pattern, a.What, a.Do)
			}
		}
	}
}

// Every answer is true on the face that it appears on.
func TestFaces(t *testing.T) {
	screen := Face{Plan: "the Deploy page", Tasks: "the Live page", Logs: "the Logs page", CleanUp: "the Clean up page"}
	a, ok := Text("api error EntityAlreadyExists: Role with name x already exists.")
	if !ok || !strings.Contains(a.Do, "`workshop destroy` finds it") {
		t.Errorf("for a command it is %q", a.Do)
	}
	if on := a.On(screen); !strings.Contains(on.Do, "the Clean up page finds it") || on.What != a.What {
		t.Errorf("for a screen it is %q", on.Do)
	}
	if both := a.With(" More.").On(screen).Do; !strings.Contains(both, "Clean up page") || !strings.HasSuffix(both, " More.") {
		t.Errorf("with more it is %q", both)
	}
	stored := Answer{ID: "x", Do: "as it was"}
	if got := stored.On(screen); got.Do != "as it was" {
		t.Errorf("a stored answer became %q", got.Do)
	}
}

// For a person who runs OpenTofu, an answer names that and its commands.
func TestAnAnswerForOpenTofu(t *testing.T) {
	a, ok := Text("Failed to resolve provider packages\nCould not resolve provider hashicorp/aws: could not connect to registry.opentofu.org")
	if !ok || a.ID != "provider-download" || !strings.HasPrefix(a.What, "Terraform could") || !strings.Contains(a.Do, "`terraform providers mirror`") {
		t.Fatalf("the answer is %+v", a)
	}
	f := Command
	f.Tofu = true
	if got := a.On(f); !strings.HasPrefix(got.What, "OpenTofu could") || !strings.Contains(got.Do, "`tofu providers mirror`") || strings.Contains(got.Do, "Terraform") {
		t.Errorf("for OpenTofu it is %+v", got)
	}
}

// Terraform says the host of OpenTofu's registry; OpenTofu leaves it out.
func TestAStateOfOpenTofu(t *testing.T) {
	const summary = "Failed to query available provider packages\n"
	for text, want := range map[string]string{
		"Could not retrieve the list of available versions for provider registry.opentofu.org/hashicorp/aws: could not connect to registry.opentofu.org: no such host":  "state-of-opentofu",
		"Could not retrieve the list of available versions for provider registry.opentofu.org/hashicorp/aws: no available releases match the given constraints 5.100.0": "provider-none",
		"Could not retrieve the list of available versions for provider hashicorp/aws: could not connect to registry.opentofu.org: no such host":                        "provider-download",
	} {
		a, ok := Text(summary + text)
		if !ok || a.ID != want {
			t.Errorf("%s is explained as %+v, want %s", text, a, want)
		}
		if want == "state-of-opentofu" && (!strings.Contains(a.Do, "`--terraform tofu`") ||
			!strings.Contains(a.Do, "`terraform state replace-provider registry.opentofu.org/hashicorp/aws registry.terraform.io/hashicorp/aws`")) {
			t.Errorf("what to do is %q", a.Do)
		}
	}
}

// A required_version that does not fit, in the words of OpenTofu 1.6 and 1.12
// (internal/configs/module.go and diagnostics.go).
func TestAVersionThatOpenTofuIsNot(t *testing.T) {
	for _, text := range []string{
		"Unsupported OpenTofu Core version\nThis configuration does not support OpenTofu version 1.6.0.",
		"Incompatible module\nThis module is not compatible with OpenTofu v1.12.6.",
	} {
		if a, ok := Text(text); !ok || a.ID != "terraform-version" {
			t.Errorf("%q is explained as %+v", text, a)
		}
	}
}

// What Terraform says of a locked version that its mirror no longer has
// (internal/providercache/installer.go).
func TestALockedVersionThatIsGone(t *testing.T) {
	a, ok := Text("Failed to query available provider packages\nCould not retrieve the list of available versions for provider hashicorp/aws: the previously-selected version 5.100.0 is no longer available")
	if !ok || a.ID != "provider-withdrawn" || !strings.Contains(a.What, "version 5.100.0") {
		t.Errorf("it is explained as %+v", a)
	}
}

// The words send people to variables of the bundled configuration: they must be there.
func TestNamedVariablesExist(t *testing.T) {
	source, err := os.ReadFile(filepath.Join("..", "..", "terraform", "variables.tf"))
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("the bundled configuration is not here")
	}
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("((?:`\\w+`(?:, | and )?)+) in terraform\\.tfvars")
	word := regexp.MustCompile("`(\\w+)`")
	for _, e := range catalogue {
		for _, m := range named.FindAllStringSubmatch(e.what+" "+e.do, -1) {
			for _, w := range word.FindAllStringSubmatch(m[1], -1) {
				if !strings.Contains(string(source), fmt.Sprintf("variable %q", w[1])) {
					t.Errorf("%s names the variable %s, which variables.tf does not have", e.id, w[1])
				}
			}
		}
	}
}

// The configuration has a sentence of its own for a rollback, which Terraform passes on.
func TestRollbackIsExplained(t *testing.T) {
	source, err := os.ReadFile(filepath.Join("..", "..", "terraform", "service.tf"))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`error_message = "(The new tasks[^"]*)"`).FindStringSubmatch(string(source))
	if m == nil {
		t.Fatal("service.tf has no sentence for a rollback")
	}
	if a, ok := Text("Resource postcondition failed\n" + m[1]); !ok || a.ID != "rolled-back" {
		t.Errorf("%q is explained as %+v", m[1], a)
	}
}

// AWS provider 6.47 ends the wait for a service with the statusReason of
// DescribeServiceDeployments.
func TestAFailedDeploymentIsExplained(t *testing.T) {
	for text, want := range map[string]string{
		"waiting for ECS Service (arn:aws:ecs:eu-west-1:123456789012:service/c/app) update: ECS deployment circuit breaker: tasks failed to start.":                             "rolled-back",
		"waiting for ECS Service (arn:aws:ecs:eu-west-1:123456789012:service/c/app) update: Service deployment rolled back because the circuit breaker threshold was exceeded.": "rolled-back",
		"waiting for ECS Service (arn:aws:ecs:eu-west-1:123456789012:service/c/app) create: ECS deployment circuit breaker: tasks failed to start.":                             "first-deployment-failed",
		"waiting for ECS Service (arn:aws:ecs:eu-west-1:123456789012:service/c/app) create: No rollback candidate was found to run the rollback.":                               "first-deployment-failed",
	} {
		if a, ok := Text(text); !ok || a.ID != want {
			t.Errorf("%q is explained as %+v, want %s", text, a, want)
		}
	}
}

func TestExplain(t *testing.T) {
	api := func(code, msg string) error {
		return &smithy.OperationError{ServiceID: "ECS", OperationName: "ListTasks", Err: &smithy.GenericAPIError{Code: code, Message: msg}}
	}
	for _, tt := range []struct {
		err  error
		want error
	}{
		{api("ExpiredTokenException", "The security token included in the request is expired"), ErrExpired},
		{api("AccessDeniedException", "User is not authorized to perform: ecs:ListTasks on resource: *"), ErrDenied},
		{api("ThrottlingException", "Rate exceeded"), ErrThrottled},
		{api("UnrecognizedClientException", "The security token included in the request is invalid."), ErrNoCredentials},
		{fmt.Errorf("operation error: %w", context.DeadlineExceeded), ErrUnreachable},
		{errors.New("dial tcp 127.0.0.1:1: connect: connection refused"), ErrUnreachable},
	} {
		got := Explain("list the tasks", tt.err)
		if !errors.Is(got, tt.want) || !errors.Is(got, tt.err) {
			t.Errorf("%v: got %v, want it to be %v", tt.err, got, tt.want)
		}
		if !strings.HasPrefix(got.Error(), "could not list the tasks: ") {
			t.Errorf("got %q", got)
		}
		if again := Explain("look", got); again != got {
			t.Errorf("explained twice: %v", again)
		}
	}
	if err := Explain("x", nil); err != nil {
		t.Error(err)
	}
	if err := Explain("x", context.Canceled); err != context.Canceled {
		t.Error(err)
	}
}

func FuzzMatch(f *testing.F) {
	f.Add("a <b> c*d", "A x C yD")
	f.Add("<", ">")
	f.Add("<x>", "\xff\nİ")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		match(strings.ToLower(pattern), strings.ToLower(text), strings.ToLower(text))
		for _, fn := range []func(string) (Answer, bool){Text, Event} {
			if a, _ := fn(text); strings.Contains(a.What, "\x1b") {
				t.Errorf("an escape sequence came through: %q", a.What)
			}
		}
	})
}
