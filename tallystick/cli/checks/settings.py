"""The settings: every name known, every value and every key file as the services would take it."""

from collections.abc import Callable, Mapping
from pathlib import Path

from tallystick.cli.checks.finding import Finding, fail, ok
from tallystick.cli.settings import DeploymentSettings
from tallystick.runtime.callers import ServiceCredentials, read_service_credential
from tallystick.runtime.keys import read_key_ring
from tallystick.runtime.settings import PREFIX, SettingsError, check_scheme

_FILES: Mapping[str, Callable[[str, Path], object]] = {
    "REFRESH_KEY_FILE": read_key_ring,
    "SERVICE_CALLERS_FILE": ServiceCredentials.read,
    "SERVICE_TOKEN_FILE": read_service_credential,
}


def examine_settings(environ: Mapping[str, str], source: str) -> tuple[Finding, DeploymentSettings | None]:
    """Return what was found, and the settings unless they cannot be used."""
    try:
        settings = DeploymentSettings.read(environ)
        for name, read in _FILES.items():
            if PREFIX + name in environ:
                read(PREFIX + name, Path(environ[PREFIX + name]))
        if settings.issuer is not None:
            check_scheme(settings.issuer, settings.trusted_proxies)
    except SettingsError as error:
        return fail("settings", str(error), f"correct it in {source}"), None
    number = sum(name.startswith(PREFIX) for name in environ)
    return ok("settings", f"{number} read from {source}"), settings
