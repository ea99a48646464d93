"""How `TALLYSTICK_REDIS_URL` names a server, the Sentinels of a master, or the nodes of a cluster."""

import pytest

from tallystick.runtime.redis_address import RedisAddress, RedisKind
from tallystick.runtime.settings import SettingsError


def test_a_server_is_named() -> None:
    """One host is one server; port and database have Redis's defaults."""
    address = RedisAddress.parse("redis://redis.example")
    assert (address.kind, address.hosts) == (RedisKind.SERVER, (("redis.example", 6379),))
    assert RedisAddress.parse("redis://[::1]:7000/3").hosts == (("::1", 7000),)
    assert RedisAddress.parse("redis://h/3").options == {"db": 3}


def test_sentinels_are_named_with_their_master() -> None:
    """The account before the hosts is the servers', the Sentinels have one of their own or none."""
    address = RedisAddress.parse(
        "redis+sentinel://app:p%40ss@a,b:7001,[::1]:7002/main/2?sentinel_username=watch&sentinel_password=w%2Ftch"
    )
    assert address.hosts == (("a", 26379), ("b", 7001), ("::1", 7002))
    assert (address.kind, address.master) == (RedisKind.SENTINEL, "main")
    assert address.options == {"username": "app", "password": "p@ss", "db": 2}
    assert address.sentinel_options == {"username": "watch", "password": "w/tch"}


def test_sentinels_need_no_account() -> None:
    """The password of the servers is never shown to Sentinels."""
    assert RedisAddress.parse("redis+sentinel://:p@a/main").sentinel_options == {}


def test_nodes_of_a_cluster_are_named() -> None:
    """Some nodes are enough to find the others."""
    address = RedisAddress.parse("redis+cluster://:p@a:7000,b")
    assert (address.kind, address.hosts) == (RedisKind.CLUSTER, (("a", 7000), ("b", 6379)))
    # A cluster's clients take no database.
    assert address.options == {"password": "p"}


@pytest.mark.parametrize("kind", ["", "+sentinel", "+cluster"])
def test_tls_is_for_all_that_are_asked(kind: str) -> None:
    """`rediss` encrypts what goes to the servers and to the Sentinels, by the authority that the URL names."""
    address = RedisAddress.parse(f"rediss{kind}://a{'/main' if kind == '+sentinel' else ''}?ssl_ca_certs=/ca.crt")
    assert (address.options["ssl"], address.options["ssl_ca_certs"]) == (True, "/ca.crt")
    assert address.sentinel_options == {"ssl": True, "ssl_ca_certs": "/ca.crt"}


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hunter2",
        "redis:hunter2",
        "Redis://h/hunter2",
        "redis+://hunter2@h",
        "redis+unix://hunter2@h",
        "redis+sentinels://:hunter2@h/main",
        "redisscluster://:hunter2@h",
        "unix://:hunter2@h",
        "redis://",
        "redis://:hunter2@",
        "redis://:hunter2@/0",
        "redis://:hunter2@a,b",
        "redis://:hunter2@h:port",
        "redis://:hunter2@h:70000",
        "redis://:hunter2@h/main",
        "redis://:hunter2@h/0/1",
        "redis://:hunter2@h/-1",
        "redis://:hunter2@h/²",
        "redis://:hun/ter2@h",
        "redis://h?password=hunter2&decode_responses=1",
        "redis://h?socket_timeout=hunter2",
        "redis://h?host=hunter2",
        "redis://h?ssl_ca_certs=hunter2",
        "redis://h?sentinel_password=hunter2",
        "redis+sentinel://:hunter2@a,b",
        "redis+sentinel://:hunter2@a,b/",
        "redis+sentinel://:hunter2@a,b//0",
        "redis+sentinel://:hunter2@a,b/main/x",
        "redis+sentinel://:hunter2@a,b/main/0/1",
        "redis+sentinel://:hunter2@a,/main",
        "redis+sentinel://:hunter2@,b/main",
        "redis+sentinel://:hunter2@a,[b/main",
        "redis+cluster://:hunter2@a,b/1",
        "redis+cluster://:hunter2@a,b/x",
        "redis+cluster://:hunter2@a,,b",
        "redis+cluster://:hunter2@a:1:2",
        "redis+cluster://a?sentinel_password=hunter2",
        "redis+cluster://a,:hunter2@b",
    ],
)
def test_what_names_nothing_is_refused_without_being_shown(url: str) -> None:
    """The refusal is one line about the setting, with no part of what is written there (GEN-11)."""
    with pytest.raises(SettingsError) as refused:
        RedisAddress.parse(url)
    line = str(refused.value)
    assert line.startswith("TALLYSTICK_REDIS_URL")
    assert "\n" not in line
    assert not any(part in line for part in ("hunter2", "hun/", "ter2", "70000", "²"))
    assert refused.value.__cause__ is None


def test_a_password_is_not_shown() -> None:
    """Whoever prints an address sees hosts only (GEN-11)."""
    text = repr(RedisAddress.parse("redis+sentinel://:hunter2@a/main?sentinel_password=hunter3"))
    assert "hunter" not in text
    assert "'a'" in text
