"""What a run reads from the environment, and what it tells each program."""

from pathlib import Path

import pytest

from services.authorize.settings import AuthorizeSettings
from services.introspect.settings import IntrospectSettings
from services.token.settings import TokenSettings
from tallystick.local.announcement import announcement
from tallystick.local.demo_data import DemoData
from tallystick.local.given_settings import GivenSettings
from tallystick.local.ports import DEFAULTS, Ports
from tallystick.local.run_options import RunOptions
from tallystick.local.run_settings import RunSettings
from tallystick.local.stores import Stores, StoresOfRun, acting_as
from tallystick.runtime.settings import Settings, SettingsError

SERVICES: tuple[type[Settings], ...] = (AuthorizeSettings, TokenSettings, IntrospectSettings)
STORES = Stores(
    "postgresql://up:secret@127.0.0.1:1/up", "postgresql://owner:secret@127.0.0.1:1/up", "dbname=up", "redis://h/0"
)


def options(data: Path, ports: Ports = DEFAULTS, *, demo: bool = True) -> RunOptions:
    """Return the options of a run in a checkout at `/checkout`."""
    return RunOptions(Path("/checkout"), data, ports, demo)


def settings(data: Path, environ: dict[str, str] | None = None) -> RunSettings:
    """Return the settings of a run in an environment."""
    return RunSettings(options(data), GivenSettings.read(environ or {}), STORES)


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_can_start_with_what_it_is_told(service: type[Settings], tmp_path: Path) -> None:
    """A service's own settings accept what it is told, on top of what is inherited."""
    run = settings(tmp_path)
    environ = {**run.inherited({"PATH": "/bin", "TALLYSTICK_LOG_LEVEL": "debug"}), **run.of_service(service.service)}
    read = service.read(environ)
    assert (read.http_listen.port, read.grpc_listen.port) == (
        DEFAULTS[service.service],
        DEFAULTS[f"{service.service}-grpc"],
    )
    assert (read.issuer, read.log_level) == ("http://127.0.0.1:8080", "debug")
    assert f"role=tallystick_{service.service}" in read.postgres_dsn.get_secret_value()


def test_secrets_reach_only_those_who_need_them(tmp_path: Path) -> None:
    """Only token knows the refresh key and its credential, only authorize knows Redis, and nobody the operator's."""
    run = settings(tmp_path)
    told = {service.service: set(run.of_service(service.service)) for service in SERVICES}
    for name, knows in {
        "REFRESH_KEY_FILE": {"token"},
        "SERVICE_TOKEN_FILE": {"token"},
        "REDIS_URL": {"authorize"},
        "SERVICE_CALLERS_FILE": {"authorize", "token"},
        "MIGRATE_DSN": set(),
        "ADMIN_TOKEN_FILE": set(),
    }.items():
        assert {service for service, names in told.items() if f"TALLYSTICK_{name}" in names} == knows


def test_what_a_run_sets_is_not_inherited(tmp_path: Path) -> None:
    """What each program is told for itself is not inherited besides, neither by value nor by file."""
    inherited = settings(tmp_path).inherited(
        {
            "TALLYSTICK_POSTGRES_DSN_FILE": "/there",
            "TALLYSTICK_MIGRATE_DSN": "postgresql://",
            "TALLYSTICK_REFRESH_KEY_FILE": "/there",
            "TALLYSTICK_HTTP_LISTEN": "127.0.0.1:1",
            "TALLYSTICK_HEALTH_LISTEN": "127.0.0.1:2",
            "TALLYSTICK_DRAIN_SECONDS": "3",
            "PATH": "/bin",
        }
    )
    assert inherited == {"TALLYSTICK_DRAIN_SECONDS": "3", "PATH": "/bin"}


def test_addresses_from_outside_are_kept(tmp_path: Path) -> None:
    """An issuer from the environment is everybody's issuer."""
    run = settings(tmp_path, {"TALLYSTICK_ISSUER": "https://auth.example"})
    assert run.issuer == "https://auth.example"
    assert {run.of_service(service.service)["TALLYSTICK_ISSUER"] for service in SERVICES} == {"https://auth.example"}
    assert run.of_operator()["TALLYSTICK_ISSUER"] == "https://auth.example"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TALLYSTICK_POSTGRES_DSN", "nonsense"),
        ("TALLYSTICK_MIGRATE_DSN", "host='unfinished"),
        ("TALLYSTICK_ISSUER", "http://auth.example"),
        ("TALLYSTICK_ISUER", "https://auth.example"),
        ("TALLYSTICK_REDIS_URL_FILE", "/nowhere"),
    ],
)
def test_wrong_settings_are_named(name: str, value: str) -> None:
    """A wrong value and an unknown name are refused with the variable's name, and without a secret's text."""
    with pytest.raises(SettingsError, match=name) as refused:
        GivenSettings.read({name: value})
    assert "unfinished" not in str(refused.value)


def test_a_role_is_added_to_an_address() -> None:
    """An address gets a role beside its other options, unless it has one."""
    assert "options='-c statement_timeout=5 -c role=r'" in acting_as("dbname=d options='-c statement_timeout=5'", "r")
    assert "-c role=r" in acting_as("postgresql://u:p@h/d?sslmode=disable", "r")
    assert acting_as("postgresql://h/d?options=-c%20role%3Dother", "r") == "postgresql://h/d?options=-c%20role%3Dother"


def test_only_what_is_used_must_be_free(tmp_path: Path) -> None:
    """Ports of replaced servers, of an unwanted demo and of servers that a killed run left are not asked for."""
    data_services = {"TALLYSTICK_MIGRATE_DSN": "dbname=d", "TALLYSTICK_REDIS_URL": "redis://h"}
    assert set(StoresOfRun(options(tmp_path), GivenSettings()).ports_to_check()) == DEFAULTS.keys()
    without = StoresOfRun(options(tmp_path, demo=False), GivenSettings.read(data_services))
    assert DEFAULTS.keys() - set(without.ports_to_check()) == {"postgres", "valkey", "photoprint", "photostorage"}
    assert without.addresses().postgres_dsn == "dbname=d"
    (tmp_path / "valkey").mkdir()
    (tmp_path / "valkey" / "valkey.pid").write_text("1\n")
    left = StoresOfRun(options(tmp_path), GivenSettings()).ports_to_check()
    assert DEFAULTS.keys() - set(left) == {"valkey"}


def test_the_announcement_says_what_works(tmp_path: Path) -> None:
    """Without a demo nothing is said of it; away from the usual folder a command is told where to look."""
    told = dict(announcement(options(tmp_path, demo=False), "http://127.0.0.1:8080", DemoData()))
    assert not {"Demo", "sign in as", "Demo API"} & told.keys()
    assert told["try"].startswith(f"TALLYSTICK_AUTHORIZE_TARGET=127.0.0.1:9080 TALLYSTICK_ADMIN_TOKEN_FILE={tmp_path}")
    usual = dict(announcement(options(Path("/checkout/.tallystick")), "i", DemoData({"bob": "", "alice": "known"})))
    assert usual["try"] == "tallystick client list"
    assert "alice / known" in usual["sign in as"]
    assert "bob / the password that you gave" in usual["sign in as"]
