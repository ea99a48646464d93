"""The settings of authorize: what stops the start, and with which line."""

from pathlib import Path

import pytest

from services.authorize.pages.branding import LOGO_LIMIT
from services.authorize.settings import AuthorizeSettings
from tallystick.oauth2.pkce import RequirePkce
from tallystick.runtime.settings import SettingsError

MINIMAL = {
    "TALLYSTICK_ISSUER": "https://issuer.example",
    "TALLYSTICK_TRUSTED_PROXIES": "127.0.0.1",
    "TALLYSTICK_POSTGRES_DSN": "postgresql://127.0.0.1/tallystick",
    "TALLYSTICK_REDIS_URL": "redis://127.0.0.1",
    "TALLYSTICK_SERVICE_CALLERS_FILE": "/run/callers",
}
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01"


def test_the_defaults_are_the_safe_ones() -> None:
    """PKCE for all, codes of a minute, loopback only (AUTHZ-10, RESP-04)."""
    settings = AuthorizeSettings.read(MINIMAL)
    assert (
        settings.require_pkce,
        settings.code_lifetime_seconds,
        settings.session_lifetime_seconds,
        settings.session_idle_lifetime_seconds,
        settings.sign_in_failures_per_source,
    ) == (RequirePkce.ALL, 60, 12 * 3600, 3600, 50)
    assert (str(settings.http_listen), str(settings.grpc_listen)) == ("127.0.0.1:8080", "127.0.0.1:9080")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CODE_LIFETIME_SECONDS", "0"),
        ("CODE_LIFETIME_SECONDS", "601"),
        ("CODE_LIFETIME_SECONDS", "a minute"),
        ("SESSION_LIFETIME_SECONDS", "0"),
        ("SESSION_IDLE_LIFETIME_SECONDS", "0"),
        ("SIGN_IN_FAILURES_PER_SOURCE", "0"),
        ("SIGN_IN_FAILURES_PER_SOURCE", "many"),
        ("REQUIRE_PKCE", "yes"),
        ("REQUIRE_PKCE", ""),
        ("TOKEN_URL", "http://token.example"),
        ("INTROSPECT_URL", "https://introspect.example/"),
        ("ISSUER", "https://issuer.example?x=1"),
    ],
)
def test_a_wrong_value_is_named(name: str, value: str) -> None:
    """One line names the setting (RESP-04, META-02)."""
    with pytest.raises(SettingsError, match=f"^TALLYSTICK_{name}: [^\n]+$"):
        AuthorizeSettings.read({**MINIMAL, f"TALLYSTICK_{name}": value})


@pytest.mark.parametrize("name", ["ISSUER", "POSTGRES_DSN", "REDIS_URL", "SERVICE_CALLERS_FILE"])
def test_a_missing_setting_is_named(name: str) -> None:
    """What has no default must be set (GRPC-01)."""
    with pytest.raises(SettingsError, match=f"^TALLYSTICK_{name} is not set"):
        AuthorizeSettings.read({key: value for key, value in MINIMAL.items() if not key.endswith(name)})


def test_secrets_do_not_show() -> None:
    """Addresses with passwords in them stay out of what is printed (GEN-11)."""
    settings = AuthorizeSettings.read({**MINIMAL, "TALLYSTICK_REDIS_URL": "redis://:hunter2@127.0.0.1"})
    assert "hunter2" not in repr(settings)


def test_the_pages_can_be_branded(tmp_path: Path) -> None:
    """Title, logo, header and footer are set globally (UI-06)."""
    logo = tmp_path / "logo.png"
    logo.write_bytes(PNG)
    names = {"TITLE": "Photos", "HEADER": "Welcome", "FOOTER": "", "LOGO_FILE": str(logo)}
    settings = AuthorizeSettings.read(
        {**MINIMAL, **{f"TALLYSTICK_BRANDING_{key}": text for key, text in names.items()}}
    )
    branding = settings.branding()
    assert (branding.title, branding.logo, branding.header, branding.footer) == ("Photos", PNG, "Welcome", "")


@pytest.mark.parametrize("content", [None, b"", b"<svg/>", PNG + b"x" * LOGO_LIMIT])
def test_a_logo_that_cannot_be_shown_stops_the_start(tmp_path: Path, content: bytes | None) -> None:
    """A missing, large or scriptable logo is refused in one line (UI-06)."""
    logo = tmp_path / "logo"
    if content is not None:
        logo.write_bytes(content)
    settings = AuthorizeSettings.read({**MINIMAL, "TALLYSTICK_BRANDING_LOGO_FILE": str(logo)})
    with pytest.raises(SettingsError, match=r"^TALLYSTICK_BRANDING_LOGO_FILE: [^\n]+$"):
        settings.branding()
