"""Writes the policies that AWS keeps in every account, one in a line: path and name,
default version, times of creation and of the last update, and the document.

It reads the list in moto (python3 -m pip install moto). Documents that are long and have
nothing to do with containers are left out: all of them are 400 KB.

    python3 managed.py managed.txt.gz
"""

import gzip
import json
import re
import sys

from moto.iam.aws_managed_policies import aws_managed_policies_data

LONG = 500  # bytes
RELATED = re.compile("ECS|EC2Container|^CloudWatch|ElasticLoadBalancing|^AmazonSSM|XRay|SecretsManager|ApplicationAutoscaling")

lines = []
for name, policy in json.loads(aws_managed_policies_data).items():
    document = json.dumps(policy["Document"], separators=(",", ":"))
    if len(document) > LONG and not RELATED.search(name):
        document = ""
    times = " ".join(policy[key][:19] + "Z" for key in ("CreateDate", "UpdateDate"))
    lines.append(f"{policy['Path'][1:]}{name} {policy['DefaultVersionId']} {times} {document}".rstrip() + "\n")
with open(sys.argv[1], "wb") as out:
    out.write(gzip.compress("".join(sorted(lines)).encode(), 9, mtime=0))
