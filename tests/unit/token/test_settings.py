"""The settings of token (`services.token.settings`)."""

from pathlib import Path

import pytest

from services.token.settings import TokenSettings
from tallystick.runtime.settings import SettingsError

COMPLETE = {
    "TALLYSTICK_ISSUER": "http://127.0.0.1:8080",
    "TALLYSTICK_HTTP_LISTEN": "127.0.0.1:8081",
    "TALLYSTICK_GRPC_LISTEN": "127.0.0.1:9081",
    "TALLYSTICK_AUTHORIZE_TARGET": "127.0.0.1:9080",
    "TALLYSTICK_POSTGRES_DSN": "postgresql://token@db/tallystick",
    "TALLYSTICK_PARTITION_DSN": "postgresql://partitions@db/tallystick",
    "TALLYSTICK_SERVICE_TOKEN_FILE": "/run/secrets/token",
    "TALLYSTICK_REFRESH_KEY_FILE": "/run/secrets/refresh-key",
}


def test_the_defaults_are_those_of_the_design() -> None:
    """Ten minutes of access, 30 days of refresh, 14 idle, 10 seconds of grace, 90 days of audit (TOK-11)."""
    settings = TokenSettings.read(COMPLETE)
    assert settings.access_token_lifetime_seconds == 600
    assert settings.refresh_lifetime_seconds == 2_592_000
    assert settings.refresh_idle_lifetime_seconds == 1_209_600
    assert settings.refresh_grace_seconds == 10
    assert settings.audit_retention_days == 90


@pytest.mark.parametrize(
    "name", ["AUTHORIZE_TARGET", "PARTITION_DSN", "SERVICE_TOKEN_FILE", "REFRESH_KEY_FILE", "POSTGRES_DSN", "ISSUER"]
)
def test_what_is_needed_must_be_set(name: str) -> None:
    """A missing setting is named in one line."""
    with pytest.raises(SettingsError, match=f"^TALLYSTICK_{name} is not set") as caught:
        TokenSettings.read({key: value for key, value in COMPLETE.items() if key != f"TALLYSTICK_{name}"})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ACCESS_TOKEN_LIFETIME_SECONDS", "0"),
        ("ACCESS_TOKEN_LIFETIME_SECONDS", "86401"),
        ("ACCESS_TOKEN_LIFETIME_SECONDS", "never"),
        ("REFRESH_LIFETIME_SECONDS", "0"),
        ("REFRESH_IDLE_LIFETIME_SECONDS", "-1"),
        ("REFRESH_GRACE_SECONDS", "-1"),
        ("REFRESH_GRACE_SECONDS", "301"),
        ("AUDIT_RETENTION_DAYS", "0"),
        ("AUDIT_RETENTION_DAYS", "3661"),
        ("PARTITION_DSN", "not a dsn"),
    ],
)
def test_values_have_bounds(name: str, value: str) -> None:
    """A value out of bounds stops the start; a token without end is not offered."""
    with pytest.raises(SettingsError, match=f"^TALLYSTICK_{name}: "):
        TokenSettings.read({**COMPLETE, f"TALLYSTICK_{name}": value})


@pytest.mark.parametrize(
    "target",
    [
        "127.0.0.1:9080",
        "localhost:9080",
        "[::1]:9080",
        "ipv4:127.0.0.1:9080,127.0.0.2:9080",
        "dns:///localhost:9080",
        "dns:localhost:9080",
        "ipv6:[::1]:9080",
    ],
)
def test_authorize_on_this_machine_needs_no_encryption(target: str) -> None:
    """Plaintext on loopback is fine, in every way to write it."""
    assert TokenSettings.read({**COMPLETE, "TALLYSTICK_AUTHORIZE_TARGET": target}).authorize_target == target


@pytest.mark.parametrize(
    "target",
    [
        "authorize:9080",
        "10.0.0.1:9080",
        "dns:///authorize:9080",
        "dns://127.0.0.1/authorize:9080",
        "ipv4:127.0.0.1:9080,10.0.0.1:9080",
        "unix:/tmp/socket",
        "127.0.0.1",
        "",
    ],
)
def test_no_credential_leaves_the_machine_in_plaintext(target: str) -> None:
    """A target elsewhere stops the start unless something in between encrypts."""
    environ = {**COMPLETE, "TALLYSTICK_AUTHORIZE_TARGET": target}
    with pytest.raises(SettingsError, match=r"^TALLYSTICK_AUTHORIZE_TARGET: .*TALLYSTICK_ALLOW_PLAINTEXT"):
        TokenSettings.read(environ)
    assert TokenSettings.read({**environ, "TALLYSTICK_ALLOW_PLAINTEXT": "true"}).authorize_target == target


def test_the_partition_dsn_may_come_by_file(tmp_path: Path) -> None:
    """PARTITION_DSN is a secret of its own, with a file twin, and stays out of what is printed."""
    file = tmp_path / "dsn"
    file.write_text("postgresql://partitions:s3cret@db/tallystick\n")
    environ = {key: value for key, value in COMPLETE.items() if key != "TALLYSTICK_PARTITION_DSN"}
    settings = TokenSettings.read({**environ, "TALLYSTICK_PARTITION_DSN_FILE": str(file)})
    assert settings.partition_dsn.get_secret_value() == "postgresql://partitions:s3cret@db/tallystick"
    assert "s3cret" not in repr(settings)
