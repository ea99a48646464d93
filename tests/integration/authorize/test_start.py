"""What stops authorize from starting: one clear line each."""

from pathlib import Path

import pytest

from tests.support.cluster import Cluster
from tests.support.ports import free_ports
from tests.support.service_process import ServiceProcess


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        (
            {"REDIS_URL": "http://127.0.0.1"},
            "TALLYSTICK_REDIS_URL must begin with redis://, redis+sentinel:// or redis+cluster://",
        ),
        ({"SERVICE_CALLERS_FILE": "/nowhere"}, "TALLYSTICK_SERVICE_CALLERS_FILE: cannot read /nowhere"),
        ({"BRANDING_LOGO_FILE": "/nowhere"}, "TALLYSTICK_BRANDING_LOGO_FILE: cannot read /nowhere"),
        ({"CODE_LIFETIME_SECONDS": "3600"}, "TALLYSTICK_CODE_LIFETIME_SECONDS: "),
        ({"REQUIRE_PKCE": "no"}, "TALLYSTICK_REQUIRE_PKCE: "),
        ({"REQUIRE_PCKE": "all"}, "TALLYSTICK_REQUIRE_PCKE is not a setting of Tallystick"),
        ({"HTTP_LISTEN": "0.0.0.0:0"}, "TALLYSTICK_HTTP_LISTEN: 0.0.0.0:0 would be served in plaintext"),
    ],
)
def test_a_wrong_setting_stops_the_start(
    cluster: Cluster, tmp_path: Path, settings: dict[str, object], line: str
) -> None:
    """One line on standard error names the setting and what to do (AUTHZ-10, RESP-04)."""
    process = ServiceProcess("authorize", {**cluster.settings_of("authorize"), **settings}, tmp_path)
    ended = process.wait(30)
    assert (ended.code, len(ended.stderr.splitlines())) == (1, 1)
    assert ended.stderr.startswith(f"tallystick authorize: {line}")


@pytest.mark.long
def test_a_redis_that_is_away_stops_the_start(cluster: Cluster, tmp_path: Path) -> None:
    """Redis must answer within bounded time (AUTHZ-13)."""
    [port] = free_ports(1)
    settings = {**cluster.settings_of("authorize"), "REDIS_URL": f"redis://:hunter2@127.0.0.1:{port}/0"}
    ended = ServiceProcess("authorize", settings, tmp_path).wait(40)
    expected = "tallystick authorize: Redis cannot be reached: check TALLYSTICK_REDIS_URL and that Redis is running\n"
    assert (1, expected) == (ended.code, ended.stderr)
    assert "hunter2" not in ended.stdout
