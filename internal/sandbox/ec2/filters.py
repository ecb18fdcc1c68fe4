"""Writes the names of the filters that EC2's Describe operations document, one operation in
a line. It reads botocore's model (python3 -m pip install botocore).

    python3 filters.py testdata/filters.txt
"""

import html
import re
import sys

import botocore.session

OPERATIONS = [
    "DescribeVpcs", "DescribeSubnets", "DescribeRouteTables", "DescribeSecurityGroups", "DescribeSecurityGroupRules",
    "DescribeNetworkInterfaces", "DescribeAddresses", "DescribeNatGateways", "DescribeInternetGateways",
    "DescribeVpcEndpoints", "DescribeNetworkAcls", "DescribeAvailabilityZones", "DescribeRegions", "DescribeDhcpOptions",
    "DescribePrefixLists", "DescribeManagedPrefixLists", "DescribeVpcEndpointServices", "DescribeTags",
]

model = botocore.session.get_session().get_service_model("ec2")
with open(sys.argv[1], "w") as out:
    for name in OPERATIONS:
        members = model.operation_model(name).input_shape.members
        text = html.unescape(members[next(k for k in members if k.startswith("Filter"))].documentation)
        found = []
        for item in re.findall(r"<li>.*?</li>", text, re.S):
            code = re.search(r"<code>([^<]+)</code>", item)
            if code and (named := code.group(1).strip()) and named != "tag" and re.fullmatch(r"[a-zA-Z0-9.-]+", named):
                found.append(named)
        out.write(name + " " + " ".join(sorted(set(found))) + "\n")
