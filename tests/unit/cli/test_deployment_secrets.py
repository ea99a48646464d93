"""What `tallystick key create` makes, and that the services take it."""

import stat
from pathlib import Path

import pytest

from tallystick.cli.deployment_secrets import DeploymentSecrets, NoDatabase
from tallystick.oauth2.opaque_token import CredentialType, digest, is_credential
from tallystick.runtime.callers import CallerKind, ServiceCredentials, read_service_credential
from tallystick.runtime.keys import read_key_ring

DATABASE = "postgresql://postgres.example:5432/tallystick?sslmode=verify-full"


def test_each_service_has_a_folder_of_its_own(tmp_path: Path) -> None:
    """What one service keeps secret lies beside nothing of another's, for nobody else to read."""
    made = DeploymentSecrets(tmp_path / "secrets", DATABASE).ensure()
    assert made == [
        "authorize/postgres-dsn",
        "authorize/service-callers",
        "introspect/postgres-dsn",
        "operator/admin-token",
        "token/partition-dsn",
        "token/postgres-dsn",
        "token/refresh-key",
        "token/service-token",
    ]
    for name in made:
        file = tmp_path / "secrets" / name
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_the_services_take_what_was_made(tmp_path: Path) -> None:
    """The key, the credential and its digest are what token and authorize read."""
    DeploymentSecrets(tmp_path, DATABASE).ensure()
    assert read_key_ring("KEY", tmp_path / "token/refresh-key")
    credential = read_service_credential("CREDENTIAL", tmp_path / "token/service-token")
    assert is_credential(CredentialType.SERVICE, credential)
    assert ServiceCredentials.read("CALLERS", tmp_path / "authorize/service-callers")
    assert is_credential(CredentialType.OPERATOR, (tmp_path / "operator/admin-token").read_text().strip())
    assert (tmp_path / "authorize/service-callers").read_text() == f"token:{digest(credential).hex()}\n"


def test_each_role_has_a_password_of_its_own(tmp_path: Path) -> None:
    """The connection URLs differ in role and password and in nothing else."""
    DeploymentSecrets(tmp_path, DATABASE).ensure()
    urls = {name: (tmp_path / name).read_text().strip() for name in ("token/postgres-dsn", "token/partition-dsn")}
    assert urls["token/postgres-dsn"].startswith("postgresql://tallystick_token:")
    assert urls["token/partition-dsn"].startswith("postgresql://tallystick_partitions:")
    assert {url.partition("@")[2] for url in urls.values()} == {DATABASE.removeprefix("postgresql://")}
    passwords = {url.partition("@")[0].rpartition(":")[2] for url in urls.values()}
    assert len(passwords) == 2
    assert min(map(len, passwords)) >= 43


def test_what_is_there_stays(tmp_path: Path) -> None:
    """A second run makes what is missing only, as tokens that are out depend on the rest."""
    secrets = DeploymentSecrets(tmp_path, DATABASE)
    secrets.ensure()
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    assert secrets.ensure() == []
    (tmp_path / "token/refresh-key").unlink()
    assert secrets.ensure() == ["token/refresh-key"]
    after = {file: file.read_bytes() for file in before}
    assert [file.name for file in before if before[file] != after[file]] == ["refresh-key"]


def test_a_credential_can_be_replaced_while_replicas_run(tmp_path: Path) -> None:
    """When the credential was taken away a new one is made, and authorize knows both until somebody says otherwise."""
    secrets = DeploymentSecrets(tmp_path, DATABASE)
    secrets.ensure()
    token = tmp_path / "token/service-token"
    before = read_service_credential("CREDENTIAL", token)
    token.unlink()
    assert secrets.ensure() == ["authorize/service-callers", "token/service-token"]
    callers = ServiceCredentials.read("CALLERS", tmp_path / "authorize/service-callers")
    for credential in (before, read_service_credential("CREDENTIAL", token)):
        caller = callers.identify(credential)
        assert caller is not None
        assert caller.kind is CallerKind.TOKEN
    assert secrets.ensure() == []


@pytest.mark.parametrize(
    "database",
    [
        "",
        "postgres:5432/tallystick",
        "mysql://host/tallystick",
        "postgresql://host",
        "postgresql://host/",
        "postgresql:///tallystick",
        "postgresql://user@host/tallystick",
        "postgresql://user:password@host/tallystick",
    ],
)
def test_a_database_that_cannot_be(database: str, tmp_path: Path) -> None:
    """What names no host or database, or somebody's credentials, is refused before anything is made."""
    with pytest.raises(NoDatabase):
        DeploymentSecrets(tmp_path / "secrets", database)
    assert not (tmp_path / "secrets").exists()
