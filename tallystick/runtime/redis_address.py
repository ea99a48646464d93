"""`REDIS_URL` as it is written: one server, a master that Sentinels name, or a cluster."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from redis.asyncio.connection import parse_url

from tallystick.runtime.settings import PREFIX, SettingsError

_SETTING = f"{PREFIX}REDIS_URL"
_TLS_OPTIONS = frozenset({"ssl_ca_certs", "ssl_cert_reqs", "ssl_certfile", "ssl_check_hostname", "ssl_keyfile"})
# Sentinels have accounts of their own, and may have none where the servers have one.
_SENTINEL_ACCOUNT = {"sentinel_username": "username", "sentinel_password": "password"}


class RedisKind(StrEnum):
    """What is reached; the URL's scheme says it after `redis`, or `rediss` for TLS."""

    SERVER = ""
    SENTINEL = "+sentinel"
    CLUSTER = "+cluster"


_FORMS = {
    RedisKind.SERVER: "redis://[user:password@]host[:port][/database]",
    RedisKind.SENTINEL: "redis+sentinel://[user:password@]host[:port],host[:port]/master-name[/database]",
    RedisKind.CLUSTER: "redis+cluster://[user:password@]host[:port],host[:port]",
}
_PORTS = {RedisKind.SERVER: 6379, RedisKind.SENTINEL: 26379, RedisKind.CLUSTER: 6379}


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """Where Redis is.

    `hosts` are the server, the Sentinels, or some nodes of the cluster. `options` are the driver's words for account,
    database and TLS of the servers with the data, `sentinel_options` those for account and TLS of the Sentinels.
    """

    kind: RedisKind
    hosts: tuple[tuple[str, int], ...]
    master: str
    options: Mapping[str, Any] = field(repr=False)
    sentinel_options: Mapping[str, Any] = field(repr=False)

    @classmethod
    def parse(cls, url: str) -> "RedisAddress":
        """Read a URL; raise `SettingsError`, which holds nothing of what is written there."""
        scheme = url.partition("://")[0]
        tls = scheme.startswith("rediss")
        name = scheme.removeprefix("rediss" if tls else "redis")
        if name == scheme or name not in set(RedisKind):
            raise SettingsError(
                f"{_SETTING} must begin with redis://, redis+sentinel:// or redis+cluster://, or with rediss for TLS"
            )
        kind = RedisKind(name)
        try:
            return cls._of(kind, url.partition("://")[2], tls=tls)
        except ValueError:
            # Its text, and that of the driver's errors, may hold a part of the password.
            form = f"give {_FORMS[kind]}, the password percent-encoded"
            raise SettingsError(f"{_SETTING} cannot be read: {form}") from None

    @classmethod
    def _of(cls, kind: RedisKind, rest: str, *, tls: bool) -> "RedisAddress":
        # By hand, as some versions of `urlsplit` take brackets for one host only, and others leave out what is no text.
        if "#" in rest or not rest.isprintable():
            raise ValueError(rest)
        location, _, query = rest.partition("?")
        authority, _, path = location.partition("/")
        account, _, hosts = authority.rpartition("@")
        if {"[", "]"} & set(account) or (kind is not RedisKind.SERVER and "," in account.partition(":")[0]):
            # The account stands once, before all hosts.
            raise ValueError(account)
        _check_options({name for name, _ in parse_qsl(query, keep_blank_values=True)}, tls=tls)
        master, database = _master_and_database(kind, path)
        options: dict[str, Any] = {**parse_url(f"redis://{account}@unused/{database}?{query}")}
        del options["host"]
        if kind is RedisKind.CLUSTER:
            del options["db"]
        sentinel = {plain: options.pop(name) for name, plain in _SENTINEL_ACCOUNT.items() if name in options}
        encryption = {name: options.pop(name) for name in _TLS_OPTIONS & options.keys()}
        if sentinel and kind is not RedisKind.SENTINEL:
            raise SettingsError(f"{_SETTING} has an account for Sentinels, and names none: use redis+sentinel://")
        if tls:
            encryption["ssl"] = True
        return cls(kind, _hosts(kind, hosts), master, {**options, **encryption}, {**sentinel, **encryption})


def _check_options(names: set[str], *, tls: bool) -> None:
    if names - _SENTINEL_ACCOUNT.keys() - (_TLS_OPTIONS if tls else set()):
        known = ", ".join(sorted(_TLS_OPTIONS))
        raise SettingsError(f"{_SETTING} may have no options but sentinel_password, and with rediss {known}")


def _master_and_database(kind: RedisKind, path: str) -> tuple[str, int]:
    segments = [unquote(segment) for segment in path.removesuffix("/").split("/")]
    master = segments.pop(0) if kind is RedisKind.SENTINEL else ""
    if kind is RedisKind.SENTINEL and not master:
        raise SettingsError(f"{_SETTING} names no master after the Sentinels: give {_FORMS[kind]}")
    database = "/".join(segments) or "0"
    if not (database.isascii() and database.isdecimal()):
        raise ValueError(path)
    if kind is RedisKind.CLUSTER and int(database):
        raise SettingsError(f"{_SETTING}: a cluster has one database, so none may be named")
    return master, int(database)


def _hosts(kind: RedisKind, hosts: str) -> tuple[tuple[str, int], ...]:
    found = [urlsplit(f"//{host}") for host in hosts.split(",")]
    if kind is RedisKind.SERVER and len(found) > 1:
        raise SettingsError(f"{_SETTING}: several hosts are Sentinels or nodes of a cluster: say so in its scheme")
    return tuple((_name(each), _PORTS[kind] if each.port is None else each.port) for each in found)


def _name(host: SplitResult) -> str:
    if not host.hostname or "@" in host.netloc:
        raise ValueError(host)
    return host.hostname
