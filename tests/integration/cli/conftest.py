"""The command as a process of its own, in a folder of its own."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.cli.program import Tallystick
from tests.support.cluster import Cluster


@pytest.fixture
def bare(tmp_path: Path) -> Tallystick:
    """The command in an empty folder, without any setting."""
    return Tallystick(tmp_path, {})


@pytest.fixture
def operator(cluster: Cluster, tmp_path: Path) -> Tallystick:
    """The command as the admin of the cluster."""
    return Tallystick(tmp_path, admin_settings(cluster, tmp_path))


def admin_settings(cluster: Cluster, folder: Path) -> dict[str, object]:
    """Return settings that name the services of a cluster and a file with the admin's credential."""
    credential = folder / "admin"
    credential.touch(mode=0o600)
    credential.write_text(f"{cluster.admin_credential}\n")
    return {
        "AUTHORIZE_TARGET": cluster.authorize.grpc_target,
        "TOKEN_TARGET": cluster.token.grpc_target,
        "INTROSPECT_TARGET": cluster.introspect.grpc_target,
        "ADMIN_TOKEN_FILE": credential,
    }


@pytest.fixture
def secret_file(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a secret into a file and returns it."""

    def write(secret: str) -> Path:
        file = tmp_path / "secret"
        file.write_text(f"{secret}\n")
        return file

    return write
