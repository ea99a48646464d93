"""What may stand in `TALLYSTICK_REDIS_URL`, and how what may not is refused."""

import pytest

from tallystick.runtime.redis import connect
from tallystick.runtime.redis_address import RedisAddress, RedisKind
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
        "redis://:secret@h,g",
        "redis://:secret@h/0?sentinel_password=secret",
        "redis+sentinel://:secret@h",
        "redis+sentinel://:secret@h/",
        "redis+sentinel://:secret@/main",
        "redis+sentinel://:secret@h:port/main",
        "redis+sentinel://:secret@h/main/first",
        "redis+cluster://:secret@h/1",
        "redis+cluster://:secret@",
        "redis+cluster://:secret@h,",
        "redis+cluster://:secret@h?sentinel_password=secret",
        "redis+proxy://:secret@h",
        "redis+sentinel://:secret@h/main?ssl_ca_certs=secret",
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


def test_sentinels_and_their_master_are_taken_from_the_address() -> None:
    """The account is the master's, that of the Sentinels is told apart; ports and database have their defaults."""
    address = RedisAddress.parse(
        "rediss+sentinel://name:p%40ss@one,two:26380/main/2?sentinel_password=s%2F&ssl_ca_certs=/ca.pem"
    )
    assert address.kind is RedisKind.SENTINEL
    assert address.hosts == (("one", 26379), ("two", 26380))
    assert address.master == "main"
    assert address.options == {
        "username": "name",
        "password": "p@ss",
        "db": 2,
        "ssl": True,
        "ssl_ca_certs": "/ca.pem",
    }
    assert address.sentinel_options == {"password": "s/", "ssl": True, "ssl_ca_certs": "/ca.pem"}
    assert "p@ss" not in repr(address)


def test_nodes_of_a_cluster_are_taken_from_the_address() -> None:
    """Some of them are enough: each tells of the others."""
    address = RedisAddress.parse("redis+cluster://:secret@one:7000,[::1]")
    assert (address.kind, address.hosts) == (RedisKind.CLUSTER, (("one", 7000), ("::1", 6379)))
    assert address.options["password"] == "secret"
