"""What may stand in `TALLYSTICK_REDIS_URL`, and how what may not is refused."""

import pytest

from tallystick.runtime.redis_client import connect
from tallystick.runtime.settings import SettingsError


@pytest.mark.parametrize(
    "url",
    [
        "redis://:se/cret@h",
        "redis://:se[cret@h",
        "redis://:secret@h:port",
        "redis://:secret@h:99999",
        "redis://[x",
        "redis://h?socket_timeout=secret",
        "rediss://:se#cret@h",
        "http://:secret@h",
        "//:secret@h",
        "secret",
    ],
)
def test_a_malformed_address_is_refused_without_showing_it(url: str) -> None:
    """The refusal is one line that names the setting and holds no part of the address (GEN-11)."""
    with pytest.raises(SettingsError) as refused:
        connect(url)
    line = str(refused.value)
    assert line.startswith("TALLYSTICK_REDIS_URL ")
    assert "\n" not in line
    assert not any(part in line for part in ("secret", "cret@", "se/", "se[", "'se'", "99999"))
    assert refused.value.__cause__ is None


def test_the_password_is_taken_from_the_address() -> None:
    """Name, percent-encoded password, port, database and TLS are what the address says."""
    client = connect("rediss://name:p%40ss%2F@redis.example:6380/3")
    options = client.connection_pool.connection_kwargs
    assert [options[each] for each in ("username", "password", "host", "port", "db")] == [
        "name",
        "p@ss/",
        "redis.example",
        6380,
        3,
    ]
    assert client.connection_pool.connection_class.__name__ == "SSLConnection"
