"""A service that cannot start says so in one line that tells what to do, and ends."""

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.authority import DAY, Authority, CertificateFolder, uri
from tests.support.cluster import SERVICES, Cluster
from tests.support.cluster_certificates import ClusterCertificates
from tests.support.databases import Databases
from tests.support.environment import ROOT, program_environment
from tests.support.ports import free_port

BOUND_SECONDS = 75.0
"""Longer than a service waits for its database when it starts."""

Settings = dict[str, object]


def refusal(module: str, settings: Mapping[str, object], *arguments: str) -> str:
    """Run a program that must not start, and return its one line on standard error."""
    ended = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=program_environment(settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=BOUND_SECONDS,
        check=False,
    )
    assert ended.returncode not in {0, -6, -9, -11}, ended
    assert ended.stderr.count("\n") == 1, ended.stderr
    assert ended.stderr.endswith("\n")
    assert "listening" not in [json.loads(line)["event"] for line in ended.stdout.splitlines()]
    for secret in secrets_in(settings):
        assert secret not in ended.stderr + ended.stdout
    return ended.stderr.strip()


def secrets_in(settings: Mapping[str, object]) -> list[str]:
    """Return the passwords in connection addresses."""
    addresses = [
        str(value) for name, value in settings.items() if name.endswith(("_DSN", "_URL")) and "@" in str(value)
    ]
    return [address.partition("@")[0].rpartition(":")[2] for address in addresses]


def without(settings: Settings, *names: str) -> Settings:
    """Leave settings out."""
    return {name: value for name, value in settings.items() if name not in names}


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_missing_is_named(cluster: Cluster, service: str) -> None:
    """Without a setting that it cannot do without, a service names it."""
    line = refusal(f"services.{service}", without(cluster.settings_of(service), "POSTGRES_DSN"))
    assert line.startswith(f"tallystick {service}: TALLYSTICK_POSTGRES_DSN is not set: ")


def test_an_empty_environment_is_refused() -> None:
    """With no setting at all, a service names the first that it needs."""
    assert refusal("services.introspect", {}).startswith("tallystick introspect: TALLYSTICK_ISSUER is not set: ")


def test_unknown_names_are_refused(cluster: Cluster) -> None:
    """A misspelt setting is named, and not passed over."""
    line = refusal("services.introspect", {**cluster.settings_of("introspect"), "POSTGRES_DNS": "x"})
    assert line == (
        "tallystick introspect: TALLYSTICK_POSTGRES_DNS is not a setting of Tallystick: check its spelling or unset it"
    )


@pytest.mark.parametrize(
    ("service", "name", "value"),
    [
        ("authorize", "ISSUER", "http://auth.example"),
        ("introspect", "GRPC_LISTEN", "127.0.0.1:99999"),
        ("introspect", "LOG_LEVEL", "loud"),
        ("authorize", "CODE_LIFETIME_SECONDS", "601"),
        ("authorize", "REQUIRE_PKCE", "sometimes"),
        ("authorize", "REDIS_URL", "memcached://127.0.0.1"),
        ("authorize", "BRANDING_LOGO_FILE", "/nonexistent/logo.png"),
        ("token", "ACCESS_TOKEN_LIFETIME_SECONDS", "86401"),
        ("introspect", "POSTGRES_DSN", "mysql://127.0.0.1/tallystick"),
        ("token", "PARTITION_DSN", "mysql://127.0.0.1/tallystick"),
    ],
)
def test_wrong_values_are_refused(cluster: Cluster, service: str, name: str, value: str) -> None:
    """A value that cannot be used is refused by the setting's name."""
    line = refusal(f"services.{service}", {**cluster.settings_of(service), name: value})
    assert line.startswith(f"tallystick {service}: TALLYSTICK_{name}")


@pytest.mark.parametrize(("service", "name"), [("token", "HTTP_LISTEN"), ("introspect", "GRPC_LISTEN")])
def test_plaintext_stays_on_this_machine(cluster: Cluster, service: str, name: str) -> None:
    """Plaintext off loopback is refused unless something else encrypts."""
    line = refusal(f"services.{service}", {**cluster.settings_of(service), name: "0.0.0.0:0"})
    assert line.startswith(f"tallystick {service}: TALLYSTICK_{name}: 0.0.0.0:0 would be served in plaintext")
    assert "TALLYSTICK_ALLOW_PLAINTEXT" in line


@pytest.fixture
def secured(cluster: Cluster, tmp_path: Path) -> Settings:
    """Settings of token over TLS."""
    return ClusterCertificates(tmp_path).settings_of("token", cluster.settings_of("token"))


@pytest.mark.parametrize("name", ["TLS_CA_FILE", "TLS_CERT_FILE", "TLS_KEY_FILE"])
def test_half_of_tls_is_none(secured: Settings, name: str) -> None:
    """Certificate, key and authorities are named together or not at all."""
    line = refusal("services.token", without(secured, name))
    assert line == f"tallystick token: TALLYSTICK_{name} not set: TLS needs certificate, key and authorities, all three"


def test_a_service_is_known_by_one_thing(cluster: Cluster, secured: Settings) -> None:
    """Its certificate or its credential: not both, and not neither."""
    credential = {"SERVICE_TOKEN_FILE": cluster.settings_of("token")["SERVICE_TOKEN_FILE"]}
    line = refusal("services.token", secured | credential)
    assert line.startswith("tallystick token: TALLYSTICK_SERVICE_TOKEN_FILE and TALLYSTICK_TLS_CERT_FILE are both set")
    line = refusal("services.authorize", without(cluster.settings_of("authorize"), "SERVICE_CALLERS_FILE"))
    assert line.startswith("tallystick authorize: TALLYSTICK_SERVICE_CALLERS_FILE is not set: ")


def hold_another_service(folder: CertificateFolder, authority: Authority) -> None:
    folder.hold(authority.service("authorize"))


def hold_expired(folder: CertificateFolder, authority: Authority) -> None:
    folder.hold(authority.issue(uri("spiffe://tallystick/token"), begins=-DAY, ends=-DAY / 4))


def hold_foreign(folder: CertificateFolder, _authority: Authority) -> None:
    folder.hold(Authority().service("token"))


def break_the_key(folder: CertificateFolder, _authority: Authority) -> None:
    folder.key.write_text("no PEM")


def show_the_key(folder: CertificateFolder, _authority: Authority) -> None:
    folder.key.chmod(0o644)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (hold_another_service, "must have spiffe://tallystick/token as its one URI, and has spiffe://tallystick/auth"),
        (hold_expired, "certificate has expired"),
        (hold_foreign, "is none that others accept"),
        (break_the_key, "are no certificate and its key"),
        (show_the_key, "can be read or written by others: chmod 600"),
    ],
)
def test_certificates_that_nobody_would_accept_are_refused(
    cluster: Cluster, tmp_path: Path, spoil: Callable[[CertificateFolder, Authority], None], said: str
) -> None:
    """Files that are wrong stop the start, and are named."""
    certificates = ClusterCertificates(tmp_path)
    spoil(certificates.folders["token"], certificates.authority)
    line = refusal("services.token", certificates.settings_of("token", cluster.settings_of("token")))
    assert line.startswith(
        "tallystick token: TALLYSTICK_TLS_CERT_FILE, TALLYSTICK_TLS_KEY_FILE, TALLYSTICK_TLS_CA_FILE"
    )
    assert said in line
    assert str(tmp_path) in line


@pytest.fixture
def taken() -> Iterator[str]:
    """An address where somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize(
    ("service", "name"),
    [
        *((service, "HTTP_LISTEN") for service in SERVICES),
        ("token", "GRPC_LISTEN"),
        ("introspect", "GRPC_LISTEN"),
        ("authorize", "HEALTH_LISTEN"),
        ("introspect", "HEALTH_LISTEN"),
        ("token", "METRICS_LISTEN"),
    ],
)
def test_a_taken_port_is_named(cluster: Cluster, taken: str, service: str, name: str) -> None:
    """A taken port is named with the setting that changes it."""
    line = refusal(f"services.{service}", {**cluster.settings_of(service), name: taken})
    assert line.startswith(f"tallystick {service}: TALLYSTICK_{name}: {taken} cannot be used")
    assert "choose another address" in line


@pytest.mark.long
def test_databases_out_of_reach_are_named(cluster: Cluster, databases: Databases) -> None:
    """A missing database, an unreachable server and a wrong password stop the start in bounded time, by the setting."""
    gone = cluster.database.name, "nowhere"
    (password,) = secrets_in({"POSTGRES_DSN": cluster.database.dsn()})
    nobody = f"postgresql://tallystick:hidden-password@127.0.0.1:{free_port()}/tallystick"
    right = {service: str(cluster.settings_of(service)["POSTGRES_DSN"]) for service in SERVICES}
    with databases.migrated() as unpartitioned:
        cases = [
            ("authorize", {"POSTGRES_DSN": right["authorize"].replace(*gone)}, "POSTGRES_DSN"),
            ("token", {"POSTGRES_DSN": right["token"].replace(*gone)}, "POSTGRES_DSN"),
            ("introspect", {"POSTGRES_DSN": right["introspect"].replace(*gone)}, "POSTGRES_DSN"),
            ("authorize", {"POSTGRES_DSN": right["authorize"].replace(password, "wrong-password")}, "POSTGRES_DSN"),
            ("introspect", {"POSTGRES_DSN": nobody}, "POSTGRES_DSN"),
            (
                "token",
                {"POSTGRES_DSN": unpartitioned.dsn("tallystick_token"), "PARTITION_DSN": nobody},
                "PARTITION_DSN",
            ),
        ]

        def line_of(service: str, changed: Settings) -> str:
            return refusal(f"services.{service}", {**cluster.settings_of(service), **changed})

        # Each waits a while for a database that may yet come, so they wait together.
        with ThreadPoolExecutor(len(cases)) as threads:
            lines = list(threads.map(line_of, [case[0] for case in cases], [case[1] for case in cases]))
    for (service, _, name), line in zip(cases, lines, strict=True):
        assert line.startswith(f"tallystick {service}: ")
        assert f"TALLYSTICK_{name}" in line


@pytest.mark.parametrize("service", SERVICES)
def test_a_database_without_schema_is_refused(cluster: Cluster, databases: Databases, service: str) -> None:
    """Before the first migration a service says to run it."""
    with databases.empty() as empty:
        settings = {**cluster.settings_of(service), "POSTGRES_DSN": empty.dsn(f"tallystick_{service}")}
        if service == "token":
            settings["PARTITION_DSN"] = empty.dsn("tallystick_partitions")
        line = refusal(f"services.{service}", settings)
    assert line.startswith(f"tallystick {service}: the database has no schema, this version needs ")
    assert line.endswith("run `tallystick migrate`")


def test_an_older_schema_is_refused(cluster: Cluster, databases: Databases) -> None:
    """On a schema from before a service says what it found, what it needs and how to get there."""
    with databases.migrated() as old:
        with old.connect() as connection:
            connection.execute("UPDATE schema_revision SET version_num = '0000'")
        settings = {**cluster.settings_of("authorize"), "POSTGRES_DSN": old.dsn("tallystick_authorize")}
        line = refusal("services.authorize", settings)
    assert line.startswith("tallystick authorize: the database has schema 0000, this version needs ")
    assert line.endswith("run `tallystick migrate`")


def test_a_newer_schema_is_taken(cluster: Cluster, databases: Databases) -> None:
    """A schema that the next version has migrated already stops nobody, so that a rollout can begin with it."""
    with databases.migrated() as newer:
        with newer.connect() as connection:
            connection.execute("UPDATE schema_revision SET version_num = '9999'")
        settings = {**cluster.settings_of("introspect"), "POSTGRES_DSN": newer.dsn("tallystick_introspect")}
        cluster.start("introspect", settings).stop()


KEY_FILES = [
    ("token", "REFRESH_KEY_FILE"),
    ("token", "SERVICE_TOKEN_FILE"),
    ("authorize", "SERVICE_CALLERS_FILE"),
]


@pytest.mark.parametrize(
    ("service", "name", "mode"),
    [*((*file, 0o644) for file in KEY_FILES), (*KEY_FILES[0], 0o620)],
)
def test_a_secret_that_others_can_touch_is_refused(
    cluster: Cluster, tmp_path: Path, service: str, name: str, mode: int
) -> None:
    """A key file that others can read or change is refused, with the command that closes it (GEN-11)."""
    settings = cluster.settings_of(service)
    copy = tmp_path / "key"
    copy.write_bytes(Path(str(settings[name])).read_bytes())
    copy.chmod(mode)
    line = refusal(f"services.{service}", {**settings, name: copy})
    assert line.startswith(f"tallystick {service}: TALLYSTICK_{name}: {copy}")
    assert line.endswith(f"chmod 600 {copy}")


@pytest.mark.parametrize("content", ["", "k1:c2hvcnQ", "\udcff"])
def test_a_bad_refresh_key_is_refused(cluster: Cluster, tmp_path: Path, content: str) -> None:
    """A refresh key file that is empty, short or not text is refused without showing it."""
    file = tmp_path / "refresh-key"
    file.write_bytes(content.encode(errors="surrogateescape"))
    file.chmod(0o600)
    line = refusal("services.token", {**cluster.settings_of("token"), "REFRESH_KEY_FILE": file})
    assert line.startswith("tallystick token: TALLYSTICK_REFRESH_KEY_FILE: ")
    assert not content.strip() or content.strip() not in line


@pytest.mark.parametrize(("service", "name"), KEY_FILES)
def test_a_missing_secret_is_named(cluster: Cluster, tmp_path: Path, service: str, name: str) -> None:
    """A key file that is not there is refused by setting and path."""
    missing = tmp_path / "missing"
    line = refusal(f"services.{service}", {**cluster.settings_of(service), name: missing})
    assert line.startswith(f"tallystick {service}: TALLYSTICK_{name}: cannot read {missing}")


@pytest.mark.parametrize(
    ("service", "name", "content"),
    [
        ("token", "SERVICE_TOKEN_FILE", "tso_looks-like-an-operator"),
        ("authorize", "SERVICE_CALLERS_FILE", "token:plain-credential"),
    ],
)
def test_a_bad_credential_file_is_refused(
    cluster: Cluster, tmp_path: Path, service: str, name: str, content: str
) -> None:
    """A credential file with anything else in it is refused without showing it."""
    file = tmp_path / "credential"
    file.write_text(content)
    file.chmod(0o600)
    line = refusal(f"services.{service}", {**cluster.settings_of(service), name: file})
    assert line.startswith(f"tallystick {service}: TALLYSTICK_{name}: {file}")
    assert content not in line


def test_a_secret_is_given_once(cluster: Cluster, tmp_path: Path) -> None:
    """A secret that is given both itself and by file is refused."""
    settings = cluster.settings_of("introspect")
    file = tmp_path / "dsn"
    file.write_text(str(settings["POSTGRES_DSN"]))
    file.chmod(0o600)
    line = refusal("services.introspect", {**settings, "POSTGRES_DSN_FILE": file})
    assert "TALLYSTICK_POSTGRES_DSN and TALLYSTICK_POSTGRES_DSN_FILE are both set" in line


def test_a_secret_may_come_from_a_file(cluster: Cluster, tmp_path: Path) -> None:
    """A secret's `_FILE` twin stands for it."""
    settings = cluster.settings_of("introspect")
    file = tmp_path / "dsn"
    file.write_text(f"{settings['POSTGRES_DSN']}\n")
    file.chmod(0o600)
    replica = cluster.start("introspect", {"POSTGRES_DSN_FILE": file, "POSTGRES_DSN": None})
    assert replica.stop().code == 0


@pytest.mark.parametrize("service", SERVICES)
def test_an_unknown_option_is_refused(cluster: Cluster, service: str) -> None:
    """A service takes no arguments, and says where its settings come from."""
    line = refusal(f"services.{service}", cluster.settings_of(service), "--port", "8080")
    assert line.startswith(f"tallystick {service}: ")
    assert "TALLYSTICK_" in line


@pytest.mark.parametrize(
    "arguments",
    [
        ["client", "create", "--nmae", "PhotoPrint"],
        ["client", "craete"],
        ["klient"],
        ["client", "create", "--name"],
        ["up", "--issuer-port", "x"],
        ["--verbose"],
    ],
)
def test_an_unknown_option_of_the_command_is_refused(arguments: list[str]) -> None:
    """The command refuses what it does not know in one line, as a fault of usage."""
    assert refusal("tallystick.cli", {}, *arguments)
