"""The client for resource servers against the service itself."""

import subprocess
import sys

from tallystick.oauth2.client import ClientType, GrantType
from tests.support.cluster import Cluster
from tests.support.environment import program_environment

ASK = """
import sys
from tallystick.resource import IntrospectionClient
target, client_id = sys.argv[1:]
with IntrospectionClient(target, client_id=client_id, client_secret=sys.stdin.read(), timeout_seconds=10) as client:
    print([client.introspect(token).active for token in ("x", "y")])
"""


def test_a_resource_server_hears_nothing_but_the_answer(cluster: Cluster) -> None:
    """Asking writes nothing to the standard error of whoever asks, so the service knows all that the client calls."""
    client = cluster.operator.create_client(
        ClientType.CONFIDENTIAL, redirect_uris=(), grant_types=[GrantType.CLIENT_CREDENTIALS]
    )
    asked = subprocess.run(
        [sys.executable, "-c", ASK, cluster.introspect.grpc_target, client.client_id],
        input=client.client_secret,
        env=program_environment({}),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (asked.returncode, asked.stdout, asked.stderr) == (0, "[False, False]\n", "")
