"""Drives the sandbox with boto3: its response parsing, every paginator and every
waiter of the operations that the sandbox has. Prints what is wrong, and exits
with 1 if anything is.

The operations are given as JSON on standard input: {"ecs": ["CreateCluster"]}.
"""

import base64
import datetime
import json
import sys
import time

import boto3
import botocore.config
from botocore import xform_name
from botocore.exceptions import ClientError, WaiterError

HAVE = json.load(sys.stdin)
CLIENTS = {
    "ec2": "ec2",
    "ecs": "ecs",
    "elasticloadbalancing": "elbv2",
    "iam": "iam",
    "sts": "sts",
    "logs": "logs",
    "application-autoscaling": "application-autoscaling",
    "monitoring": "cloudwatch",
    "servicequotas": "service-quotas",
    "tagging": "resourcegroupstaggingapi",
    "scheduler": "scheduler",
}
config = botocore.config.Config(retries={"max_attempts": 0}, inject_host_prefix=False)
client = {k: boto3.client(v, config=config) for k, v in CLIENTS.items()}
ec2, ecs, elb, iam, logs = (client[k] for k in ("ec2", "ecs", "elasticloadbalancing", "iam", "logs"))
problems = []
waited = set()


def wrong(*what):
    problems.append(" ".join(str(w) for w in what))


def check(good, *what):
    if not good:
        wrong(*what)


def wait(service, name, **arguments):
    waited.add((service, name))
    delay = {"Delay": 1, "MaxAttempts": 60}
    try:
        client[service].get_waiter(name).wait(WaiterConfig=delay, **arguments)
    except WaiterError as e:
        wrong("waiter", service, name, e)


def refused(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as e:
        check(e.response["Error"]["Code"] == code, call.__name__, "refused with", e.response["Error"], "not", code)
        check(e.response["ResponseMetadata"].get("RequestId"), call.__name__, "refused without a request id")
    else:
        wrong(call.__name__, "was not refused")


TAGS = [{"Key": "Workshop", "Value": "boto3"}]
account = client["sts"].get_caller_identity()["Account"]

# Several of everything, so that there are pages.
zones = [z["ZoneName"] for z in ec2.describe_availability_zones()["AvailabilityZones"]][:2]
vpcs = [ec2.create_vpc(CidrBlock=f"10.{i}.0.0/16")["Vpc"]["VpcId"] for i in range(7)]
vpc = vpcs[0]
wait("ec2", "vpc_exists", VpcIds=vpcs)
wait("ec2", "vpc_available", VpcIds=vpcs)
subnets = [
    ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{i}.0/24", AvailabilityZone=zones[i % 2])["Subnet"]["SubnetId"]
    for i in range(7)
]
wait("ec2", "subnet_available", SubnetIds=subnets)
gateways = [ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"] for _ in range(7)]
wait("ec2", "internet_gateway_exists", InternetGatewayIds=gateways)
ec2.attach_internet_gateway(InternetGatewayId=gateways[0], VpcId=vpc)
tables = [ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"] for _ in range(7)]
ec2.create_route(RouteTableId=tables[0], DestinationCidrBlock="0.0.0.0/0", GatewayId=gateways[0])
for s in subnets:
    ec2.associate_route_table(RouteTableId=tables[0], SubnetId=s)
groups = [
    ec2.create_security_group(GroupName=f"g{i}", Description="d", VpcId=vpc, TagSpecifications=[{"ResourceType": "security-group", "Tags": TAGS}])["GroupId"]
    for i in range(7)
]
wait("ec2", "security_group_exists", GroupIds=groups)
ec2.authorize_security_group_ingress(
    GroupId=groups[0],
    IpPermissions=[{"IpProtocol": "tcp", "FromPort": p, "ToPort": p, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]} for p in (80, 9898, 1, 2, 3, 4)],
)
for _ in range(6):
    ec2.create_network_acl(VpcId=vpc)
address = ec2.allocate_address(Domain="vpc")["AllocationId"]
nat = ec2.create_nat_gateway(SubnetId=subnets[0], AllocationId=address)["NatGateway"]["NatGatewayId"]
wait("ec2", "nat_gateway_available", NatGatewayIds=[nat])
interfaces = [
    ec2.create_network_interface(SubnetId=subnets[0], Groups=[groups[0]])["NetworkInterface"]["NetworkInterfaceId"]
    for _ in range(7)
]
wait("ec2", "network_interface_available", NetworkInterfaceIds=interfaces)
refused("InvalidVpcID.NotFound", ec2.describe_vpcs, VpcIds=["vpc-0123456789abcdef0"])
try:
    ec2.describe_vpcs(DryRun=True)
    wrong("DryRun was not refused")
except ClientError as e:
    check(e.response["Error"]["Code"] == "DryRunOperation", "DryRun:", e)

trust = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ecs-tasks.amazonaws.com"}}]})
for i in range(3):
    iam.create_role(RoleName=f"r{i}", AssumeRolePolicyDocument=trust, Tags=TAGS + [{"Key": "a", "Value": "b"}])
    iam.put_role_policy(RoleName="r0", PolicyName=f"p{i}", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "logs:*", "Resource": "*"}}))
wait("iam", "role_exists", RoleName="r0")
role = iam.get_role(RoleName="r0")["Role"]
check(role["AssumeRolePolicyDocument"]["Version"] == "2012-10-17", "the trust policy does not decode:", role)
check(isinstance(role["CreateDate"], datetime.datetime), "a role's date:", role["CreateDate"])
policies = [iam.create_policy(PolicyName=f"p{i}", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "logs:*", "Resource": "*"}}), Tags=TAGS + [{"Key": "a", "Value": "b"}])["Policy"]["Arn"] for i in range(3)]
wait("iam", "policy_exists", PolicyArn=policies[0])
for p in policies:
    for r in ("r0", "r1"):
        iam.attach_role_policy(RoleName=r, PolicyArn=p)
iam.create_policy_version(PolicyArn=policies[0], PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "logs:*", "Resource": "*"}}))
refused("NoSuchEntity", iam.get_role, RoleName="none")
try:
    iam.get_role(RoleName="none")
except iam.exceptions.NoSuchEntityException:
    pass

now = int(time.time() * 1000)
for i in range(3):
    logs.create_log_group(logGroupName=f"/g{i}")
    logs.create_log_stream(logGroupName="/g0", logStreamName=f"s{i}")
    logs.put_log_events(logGroupName="/g0", logStreamName=f"s{i}", logEvents=[{"timestamp": now + k, "message": f"{i}-{k}"} for k in range(5)])
try:
    logs.create_log_group(logGroupName="/g0")
    wrong("a log group was made twice")
except logs.exceptions.ResourceAlreadyExistsException:
    pass

balancers = []
for i in range(3):
    balancers += elb.create_load_balancer(Name=f"lb{i}", Subnets=subnets[:2], SecurityGroups=groups[:1], Tags=TAGS)["LoadBalancers"]
arns = [b["LoadBalancerArn"] for b in balancers]
wait("elasticloadbalancing", "load_balancer_exists", LoadBalancerArns=arns)
wait("elasticloadbalancing", "load_balancer_available", LoadBalancerArns=arns)
check(isinstance(balancers[0]["CreatedTime"], datetime.datetime), "a load balancer's date")
targets = [
    elb.create_target_group(Name=f"tg{i}", Protocol="HTTP", Port=9898, VpcId=vpc, TargetType="ip", HealthCheckIntervalSeconds=5, HealthCheckTimeoutSeconds=2, HealthyThresholdCount=2, UnhealthyThresholdCount=2, HealthCheckPath="/healthz")["TargetGroups"][0]["TargetGroupArn"]
    for i in range(3)
]
elb.modify_target_group_attributes(TargetGroupArn=targets[0], Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "1"}])
listeners = [
    elb.create_listener(LoadBalancerArn=arns[0], Protocol="HTTP", Port=80 + i, DefaultActions=[{"Type": "forward", "TargetGroupArn": targets[0]}])["Listeners"][0]["ListenerArn"]
    for i in range(3)
]
for i in range(3):
    elb.create_rule(ListenerArn=listeners[0], Priority=i + 1, Conditions=[{"Field": "path-pattern", "Values": [f"/{i}"]}], Actions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}])
refused("LoadBalancerNotFound", elb.describe_load_balancers, Names=["none"])

for i in range(3):
    ecs.create_cluster(clusterName=f"c{i}", tags=[{"key": "Workshop", "value": "boto3"}])
definition = dict(
    networkMode="awsvpc", requiresCompatibilities=["FARGATE"], cpu="256", memory="512", executionRoleArn=f"arn:aws:iam::{account}:role/r0",
    containerDefinitions=[{
        "name": "app", "image": "ghcr.io/stefanprodan/podinfo:6.9.2", "stopTimeout": 2, "portMappings": [{"containerPort": 9898}],
        "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/g0", "awslogs-region": ecs.meta.region_name, "awslogs-stream-prefix": "ecs"}},
    }],
)
for i in range(3):
    ecs.register_task_definition(family=f"f{i}", **definition)
    ecs.register_task_definition(family="f0", **definition)
network = {"awsvpcConfiguration": {"subnets": subnets[:2], "securityGroups": groups[:1], "assignPublicIp": "ENABLED"}}
for i in range(3):
    ecs.create_service(
        cluster="c0", serviceName=f"s{i}", taskDefinition="f0", desiredCount=2 if i == 0 else 0, launchType="FARGATE", networkConfiguration=network,
        loadBalancers=[{"targetGroupArn": targets[0], "containerName": "app", "containerPort": 9898}] if i == 0 else [],
    )
wait("ecs", "services_stable", cluster="c0", services=["s0", "s1", "s2"])
ips = [{"Id": d["Target"]["Id"], "Port": 9898} for d in elb.describe_target_health(TargetGroupArn=targets[0])["TargetHealthDescriptions"]]
check(len(ips) == 2, "targets:", ips)
wait("elasticloadbalancing", "target_in_service", TargetGroupArn=targets[0], Targets=ips)
task = ecs.run_task(cluster="c0", taskDefinition="f1", networkConfiguration=network, launchType="FARGATE")["tasks"][0]["taskArn"]
wait("ecs", "tasks_running", cluster="c0", tasks=[task])
described = ecs.describe_tasks(cluster="c0", tasks=[task])["tasks"][0]
check(isinstance(described["startedAt"], datetime.datetime), "a task's start:", described.get("startedAt"))
try:
    ecs.describe_services(cluster="none", services=["s0"])
    wrong("a cluster that is not there was found")
except ecs.exceptions.ClusterNotFoundException:
    pass
for i in range(3):
    ecs.update_service(cluster="c0", service="s0", forceNewDeployment=True)
    wait("ecs", "services_stable", cluster="c0", services=["s0"])

scaling = client["application-autoscaling"]
for i in range(3):
    scaling.register_scalable_target(ServiceNamespace="ecs", ResourceId=f"service/c0/s{i}", ScalableDimension="ecs:service:DesiredCount", MinCapacity=0, MaxCapacity=3)
    scaling.put_scaling_policy(
        PolicyName=f"p{i}", ServiceNamespace="ecs", ResourceId="service/c0/s0", ScalableDimension="ecs:service:DesiredCount", PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={"TargetValue": 99.0, "DisableScaleIn": True, "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"}},
    )

schedules = client["scheduler"]
trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "scheduler.amazonaws.com"}}]}
scheduled_by = iam.create_role(RoleName="scheduled-by", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
for i in range(3):
    schedules.create_schedule_group(Name=f"g{i}")
    schedules.create_schedule(
        Name=f"s{i}", ScheduleExpression="at(2100-01-01T00:00:00)", FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": "arn:aws:scheduler:::aws-sdk:ecs:updateService", "RoleArn": scheduled_by, "Input": "{}"},
    )

metrics = client["monitoring"]
at = datetime.datetime.now(datetime.timezone.utc)
for i in range(3):
    metrics.put_metric_data(Namespace="Boto3", MetricData=[{"MetricName": f"m{i}", "Value": 1.0, "Timestamp": at - datetime.timedelta(minutes=k)} for k in range(3)])
    metrics.put_metric_alarm(AlarmName=f"a{i}", Namespace="Boto3", MetricName="m0", ComparisonOperator="GreaterThanThreshold", EvaluationPeriods=1, Period=60, Statistic="Sum", Threshold=9)
    metrics.set_alarm_state(AlarmName="a0", StateValue=("ALARM", "OK", "ALARM")[i], StateReason="by hand")
wait("monitoring", "alarm_exists", AlarmNames=["a0", "a1", "a2"])

# Every paginator: by the smallest pages it gives what it gives at once.
window = {"StartTime": at - datetime.timedelta(hours=1), "EndTime": at + datetime.timedelta(minutes=1)}
query = [{"Id": f"m{i}", "MetricStat": {"Metric": {"Namespace": "Boto3", "MetricName": f"m{i}"}, "Period": 60, "Stat": "Sum"}} for i in range(3)]
arguments = {
    "DescribeListeners": {"LoadBalancerArn": arns[0]},
    "DescribeRules": {"ListenerArn": listeners[0]},
    "DescribeListenerCertificates": {"ListenerArn": listeners[0]},
    "DescribeLogStreams": {"logGroupName": "/g0"},
    "FilterLogEvents": {"logGroupName": "/g0"},
    "ListAttachedRolePolicies": {"RoleName": "r0"},
    "ListInstanceProfilesForRole": {"RoleName": "r0"},
    "ListRolePolicies": {"RoleName": "r0"},
    "ListRoleTags": {"RoleName": "r0"},
    "ListEntitiesForPolicy": {"PolicyArn": policies[0]},
    "ListPolicyVersions": {"PolicyArn": policies[0]},
    "ListPolicyTags": {"PolicyArn": policies[0]},
    "SimulatePrincipalPolicy": {"PolicySourceArn": client["sts"].get_caller_identity()["Arn"], "ActionNames": ["ec2:CreateVpc", "iam:PassRole"]},
    "ListServiceQuotas": {"ServiceCode": "vpc"},
    "ListAWSDefaultServiceQuotas": {"ServiceCode": "vpc"},
    "ListAccountSettings": {"effectiveSettings": True},
    "ListContainerInstances": {"cluster": "c0"},
    "ListServices": {"cluster": "c0"},
    "ListServiceDeployments": {"cluster": "c0", "service": "s0"},
    "ListTasks": {"cluster": "c0"},
    "DescribeScalableTargets": {"ServiceNamespace": "ecs"},
    "DescribeScalingPolicies": {"ServiceNamespace": "ecs"},
    "DescribeScalingActivities": {"ServiceNamespace": "ecs"},
    "DescribeScheduledActions": {"ServiceNamespace": "ecs"},
    "GetTagValues": {"Key": "Workshop"},
    "GetMetricData": {"MetricDataQueries": query, **window},
    "DescribeAlarmHistory": {"AlarmName": "a0"},
    "GetManagedPrefixListEntries": {"PrefixListId": client["ec2"].describe_prefix_lists()["PrefixLists"][0]["PrefixListId"]},
    "DescribeSecurityGroupReferences": {"GroupId": groups[:1]},
}


def text(x):
    return json.dumps(x, default=str, sort_keys=True)


paged = several = 0
for service, operations in HAVE.items():
    c = client[service]
    for op in operations:
        name = xform_name(op)
        if not c.can_paginate(name):
            continue
        paged += 1
        pager = c.get_paginator(name)
        keys = [k.expression if hasattr(k, "expression") else str(k) for k in pager.result_keys]
        limit = pager._limit_key
        smallest = None
        if limit:
            shape = c.meta.service_model.operation_model(op).input_shape.members[limit]
            smallest = max(1, shape.metadata.get("min", 1))
            if service == "ec2":
                smallest = max(5, smallest)
        try:
            for again in range(10):  # tasks that end and alarms that go off change the answers meanwhile
                whole = pager.paginate(**arguments.get(op, {})).build_full_result()
                pages = list(pager.paginate(**arguments.get(op, {}), PaginationConfig={"PageSize": smallest} if limit else {}))
                if text(whole) == text(pager.paginate(**arguments.get(op, {})).build_full_result()):
                    break
                time.sleep(0.2)
        except ClientError as e:
            wrong(op, e)
            continue
        if op == "GetMetricData":  # pages cut the values of a metric, not the list of metrics
            whole = {"values": [(r["Id"], v) for r in whole["MetricDataResults"] for v in r["Values"]]}
            pages = [{"values": [(r["Id"], v) for r in p["MetricDataResults"] for v in r["Values"]]} for p in pages]
            keys = ["values"]
        for k in keys:
            all_at_once = whole.get(k)
            if not isinstance(all_at_once, list):
                continue
            in_pages = [x for p in pages for x in (p.get(k) or [])]
            check(sorted(map(text, all_at_once)) == sorted(map(text, in_pages)), service, op, k, len(all_at_once), "at once and", len(in_pages), "in", len(pages), "pages")
            if limit and len(all_at_once) > smallest:
                several += 1
                check(len(pages) > 1, service, op, "gave", len(all_at_once), "in one page where", smallest, "were asked for")
check(paged > 40 and several > 20, "only", paged, "paginators and", several, "with several pages")

# Live Tail is an event stream.
group = logs.describe_log_groups(logGroupNamePrefix="/g0")["logGroups"][0]["logGroupArn"]
tail = logs.start_live_tail(logGroupIdentifiers=[group])
for event in tail["responseStream"]:
    if "sessionStart" in event:
        logs.put_log_events(logGroupName="/g0", logStreamName="s0", logEvents=[{"timestamp": int(time.time() * 1000), "message": "live"}])
    elif event["sessionUpdate"]["sessionResults"]:
        messages = [r["message"] for r in event["sessionUpdate"]["sessionResults"]]
        if "live" in messages:
            break
tail["responseStream"].close()

# And everything goes.
ecs.stop_task(cluster="c0", task=task)
wait("ecs", "tasks_stopped", cluster="c0", tasks=[task])
for i in range(3):
    ecs.delete_service(cluster="c0", service=f"s{i}", force=True)
wait("ecs", "services_inactive", cluster="c0", services=["s0", "s1", "s2"])
wait("elasticloadbalancing", "target_deregistered", TargetGroupArn=targets[0], Targets=ips)
for a in arns:
    elb.delete_load_balancer(LoadBalancerArn=a)
wait("elasticloadbalancing", "load_balancers_deleted", LoadBalancerArns=arns)
for t in targets:
    elb.delete_target_group(TargetGroupArn=t)
ec2.delete_nat_gateway(NatGatewayId=nat)
wait("ec2", "nat_gateway_deleted", NatGatewayIds=[nat])

# Waiters for what the sandbox does not have (instances, Spot, peering, the
# inside of certificates and the like) are left out by name.
LEFT_OUT = {
    "instance_exists", "instance_running", "instance_stopped", "instance_terminated",
    "vpc_peering_connection_deleted", "vpc_peering_connection_exists", "composite_alarm_exists", "alarm_mute_rule_exists",
}
for service, operations in HAVE.items():
    c = client[service]
    for waiter, w in c._get_waiter_config().get("waiters", {}).items():
        of, name = w["operation"], xform_name(waiter)
        if of in operations and (service, name) not in waited and name not in LEFT_OUT:
            wrong("the waiter", service, name, "was not used")

for p in problems:
    print(p)
print(paged, "paginators,", several, "with several pages,", len(waited), "waiters", file=sys.stderr)
sys.exit(1 if problems else 0)
