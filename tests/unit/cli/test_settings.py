"""The settings that `migrate` and `doctor` read."""

from pathlib import Path

import pytest

from tallystick.cli.checks.finding import Outcome
from tallystick.cli.checks.settings import examine_settings
from tallystick.cli.settings import DeploymentSettings
from tallystick.runtime.settings import SettingsError


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"TALLYSTICK_MIGRATE_DSN": "hunter2"}, "no address of a PostgreSQL database"),
        ({"TALLYSTICK_POSTGRES_DSN": "postgresql://u:hunter2@:bad/x"}, "no address of a PostgreSQL database"),
        ({"TALLYSTICK_MIGRATE_DSN": "postgresql://u:hun/ter2@h/x"}, "no address of a PostgreSQL database"),
        ({"TALLYSTICK_MIGRATE_DSN_FILE": "/nowhere/at/all"}, "/nowhere/at/all"),
        ({"TALLYSTICK_MIGRATE_DNS": "hunter2"}, "TALLYSTICK_MIGRATE_DNS is not a setting"),
        ({"TALLYSTICK_ISSUER": "http://example.com"}, "TALLYSTICK_ISSUER must use https"),
        ({"TALLYSTICK_ISSUER": "https://example.com/"}, "TALLYSTICK_ISSUER must be"),
    ],
)
def test_a_wrong_setting_is_one_line_without_secrets(environ: dict[str, str], words: str) -> None:
    """The line names the setting and what belongs there, and never repeats a password."""
    with pytest.raises(SettingsError) as caught:
        DeploymentSettings.read(environ)
    line = str(caught.value)
    assert words in line
    assert "ter2" not in line
    assert "\n" not in line


def test_the_owner_of_the_database_goes_before_a_service(tmp_path: Path) -> None:
    """Either address will do, from a file too, and several hosts and ports are one address."""
    file = tmp_path / "dsn"
    file.write_text("postgresql://owner@h/x\n")
    assert DeploymentSettings.read({}).dsn() is None
    several = "postgresql://service@h1:5432,h2:5433/x"
    assert DeploymentSettings.read({"TALLYSTICK_POSTGRES_DSN": several}).dsn() == several
    both = {"TALLYSTICK_POSTGRES_DSN": several, "TALLYSTICK_MIGRATE_DSN_FILE": str(file)}
    assert DeploymentSettings.read(both).dsn() == "postgresql://owner@h/x"


def test_key_files_are_read_as_the_services_read_them(tmp_path: Path) -> None:
    """A key file that a service would refuse is found beforehand, and what it holds is not shown."""
    file = tmp_path / "key"
    file.write_text("hunter2")
    file.chmod(0o600)
    for name in ("REFRESH_KEY_FILE", "SERVICE_CALLERS_FILE", "SERVICE_TOKEN_FILE"):
        finding, settings = examine_settings({f"TALLYSTICK_{name}": str(file)}, "the environment")
        assert (finding.outcome, settings) == (Outcome.FAIL, None)
        assert name in finding.message
        assert "hunter2" not in str(finding)
    behind_proxy = {"TALLYSTICK_ISSUER": "https://id.example", "TALLYSTICK_TRUSTED_PROXIES": "10.0.0.0/8"}
    finding, settings = examine_settings({**behind_proxy, "PATH": "/bin"}, "a file")
    assert (finding.outcome, finding.message) == (Outcome.OK, "2 read from a file")
    assert settings is not None


def test_an_https_issuer_without_its_proxy_is_found() -> None:
    """The doctor says beforehand what would stop the start: nothing could come over https (GEN-01)."""
    finding, settings = examine_settings({"TALLYSTICK_ISSUER": "https://id.example"}, "the environment")
    assert (finding.outcome, settings) == (Outcome.FAIL, None)
    assert finding.message.startswith("TALLYSTICK_TRUSTED_PROXIES is not set, and https://id.example is https: ")
