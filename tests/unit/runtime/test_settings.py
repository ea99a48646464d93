from pathlib import Path

import pytest

from services.authorize.settings import AuthorizeSettings
from services.introspect.settings import IntrospectSettings
from services.token.settings import TokenSettings
from tallystick.runtime.settings import KNOWN, ListenAddress, Settings, SettingsError

ENOUGH = {
    "TALLYSTICK_ISSUER": "http://127.0.0.1:8080",
    "TALLYSTICK_HTTP_LISTEN": "127.0.0.1:8080",
    "TALLYSTICK_GRPC_LISTEN": "[::1]:9080",
    "TALLYSTICK_POSTGRES_DSN": "postgresql://secret@127.0.0.1/x",
}


class Any(Settings):
    """The settings that every service has, and none besides."""

    service = "any"


def test_enough_settings_are_enough() -> None:
    """What has a default need not be set, and what is not ours is not looked at."""
    settings = Any.read(ENOUGH | {"PATH": "/bin", "LANG": "C"})
    assert (settings.http_listen.port, str(settings.grpc_listen)) == (8080, "[::1]:9080")
    assert settings.postgres_dsn.get_secret_value() == "postgresql://secret@127.0.0.1/x"


@pytest.mark.parametrize("name", sorted(ENOUGH))
def test_a_missing_setting_is_named(name: str) -> None:
    """What is not set is named in one line."""
    with pytest.raises(SettingsError, match=f"^{name} is not set[^\n]*$"):
        Any.read({key: value for key, value in ENOUGH.items() if key != name})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ISSUER", "https://issuer.example/"),
        ("ISSUER", "https://issuer.example?x"),
        ("ISSUER", "https://issuer.example#f"),
        ("ISSUER", "http://issuer.example"),
        ("ISSUER", "issuer.example"),
        ("ISSUER", ""),
        ("HTTP_LISTEN", "8080"),
        ("HTTP_LISTEN", "127.0.0.1:"),
        ("HTTP_LISTEN", "127.0.0.1:99999"),
        ("HTTP_LISTEN", "::1:8080"),
        ("HTTP_LISTEN", "0.0.0.0:8080"),
        ("GRPC_LISTEN", "[::]:9080"),
        ("METRICS_LISTEN", "9464"),
        ("METRICS_LISTEN", "metrics.evil.example"),
        ("GRPC_LISTEN", "localhost.evil.example:9080"),
        ("POSTGRES_POOL_SIZE", "0"),
        ("POSTGRES_POOL_SIZE", "many"),
        ("DRAIN_SECONDS", "-1"),
        ("LOG_LEVEL", "loud"),
        ("ALLOW_PLAINTEXT", "perhaps"),
        ("TRUSTED_PROXIES", "proxy.example"),
        ("TRUSTED_PROXIES", "10.0.0.1,"),
        ("TRUSTED_PROXIES", "10.0.0.1 10.0.0.2"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("TRUSTED_PROXIES", "10.0.0.0/33"),
        ("TRUSTED_PROXIES", "0.0.0.0/0"),
        ("TRUSTED_PROXIES", "::/0"),
    ],
)
def test_a_wrong_setting_is_one_line(name: str, value: str) -> None:
    """A value that cannot be used is refused in one line that names the setting and holds no secret."""
    with pytest.raises(SettingsError) as refusal:
        Any.read(ENOUGH | {f"TALLYSTICK_{name}": value})
    assert f"TALLYSTICK_{name}" in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize("name", ["TALLYSTICK_ISUER", "TALLYSTICK_", "TALLYSTICK_ISSUER_FILES", "TALLYSTICK_issuer"])
def test_an_unknown_setting_stops_the_start(name: str) -> None:
    """A misspelt name is noticed rather than ignored."""
    with pytest.raises(SettingsError, match="is not a setting of Tallystick"):
        Any.read(ENOUGH | {name: "x"})


def test_what_kubernetes_injects_is_let_through() -> None:
    """Service links that Kubernetes puts into every container are no settings of ours."""
    Any.read(ENOUGH | {"TALLYSTICK_SERVICE_HOST": "10.0.0.1", "TALLYSTICK_TOKEN_PORT_9081_TCP": "tcp://10.0.0.1:9081"})


def test_plaintext_beyond_this_machine_must_be_allowed() -> None:
    """Off loopback plaintext is served only when somebody says that something else encrypts (GEN-01)."""
    beyond = ENOUGH | {"TALLYSTICK_HTTP_LISTEN": "0.0.0.0:8080"}
    with pytest.raises(SettingsError, match="ALLOW_PLAINTEXT"):
        Any.read(beyond)
    assert not Any.read(beyond | {"TALLYSTICK_ALLOW_PLAINTEXT": "true"}).http_listen.is_loopback


def test_what_holds_no_secret_may_be_seen_beyond_this_machine() -> None:
    """Health and metrics are plaintext by their nature, and whoever probes and scrapes is elsewhere."""
    beyond = {"TALLYSTICK_HEALTH_LISTEN": "0.0.0.0:9085", "TALLYSTICK_METRICS_LISTEN": "0.0.0.0:9464"}
    assert str(Any.read(ENOUGH | beyond).metrics_listen) == "0.0.0.0:9464"


@pytest.mark.parametrize("issuer", ["https://issuer.example", "HTTPS://issuer.example"])
def test_an_https_issuer_needs_its_proxy(issuer: str) -> None:
    """Where nothing could come over https, nothing starts, and the line says what to set (GEN-01)."""
    https = ENOUGH | {"TALLYSTICK_ISSUER": issuer}
    for environ in (https, https | {"TALLYSTICK_TRUSTED_PROXIES": " "}):
        with pytest.raises(SettingsError, match=r"^TALLYSTICK_TRUSTED_PROXIES is not set, and [^\n]*X-Forwarded-Proto"):
            Any.read(environ)
    settings = Any.read(https | {"TALLYSTICK_TRUSTED_PROXIES": "127.0.0.1, 10.8.0.0/16,fd00::/8"})
    assert settings.is_https
    assert [str(network) for network in settings.trusted_proxies.networks] == [
        "127.0.0.1/32", "10.8.0.0/16", "fd00::/8"
    ]  # fmt: skip


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    """The `_FILE` twin of a secret is read without the newline at its end."""
    file = tmp_path / "dsn"
    file.write_text("postgresql://filed\n")
    environ = {key: value for key, value in ENOUGH.items() if key != "TALLYSTICK_POSTGRES_DSN"}
    settings = Any.read(environ | {"TALLYSTICK_POSTGRES_DSN_FILE": str(file)})
    assert settings.postgres_dsn.get_secret_value() == "postgresql://filed"


@pytest.mark.parametrize("text", [None, "", "  \n"])
def test_a_secret_file_that_holds_nothing(tmp_path: Path, text: str | None) -> None:
    """A file that is missing or empty stops the start."""
    file = tmp_path / "dsn"
    if text is not None:
        file.write_text(text)
    environ = {key: value for key, value in ENOUGH.items() if key != "TALLYSTICK_POSTGRES_DSN"}
    with pytest.raises(SettingsError, match=r"^TALLYSTICK_POSTGRES_DSN_FILE: "):
        Any.read(environ | {"TALLYSTICK_POSTGRES_DSN_FILE": str(file)})


def test_a_secret_and_its_file_contradict(tmp_path: Path) -> None:
    """Giving a secret twice is an error, since nobody could say which one counts."""
    with pytest.raises(SettingsError, match="are both set"):
        Any.read(ENOUGH | {"TALLYSTICK_POSTGRES_DSN_FILE": str(tmp_path)})


def test_secrets_stay_out_of_repr() -> None:
    """Settings can be logged by mistake without giving secrets away (GEN-11)."""
    assert "secret" not in repr(Any.read(ENOUGH))


def test_the_catalogue_is_what_the_programs_read() -> None:
    """Every setting of a service is in the catalogue; what else is there belongs to the command."""
    fields = {
        name.upper()
        for settings in (AuthorizeSettings, TokenSettings, IntrospectSettings)
        for name in settings.model_fields
    }
    assert fields <= KNOWN
    assert KNOWN - fields == {"ADMIN_TOKEN_FILE", "INTROSPECT_TARGET", "MIGRATE_DSN", "TOKEN_TARGET"}


@pytest.mark.parametrize("text", ["127.0.0.1:1", "[::1]:65535", "localhost:0", "127.9.9.9:80"])
def test_loopback_addresses(text: str) -> None:
    """The whole loopback range counts as this machine."""
    address = ListenAddress.parse(text)
    assert isinstance(address, ListenAddress)
    assert address.is_loopback
    assert str(address) == text
