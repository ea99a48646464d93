"""The settings of token."""

import re
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from tallystick.runtime.settings import (
    PREFIX,
    FailuresPerSource,
    Listen,
    ListenAddress,
    PostgresDsn,
    Settings,
    SettingsError,
)

_SCHEME = re.compile(r"(?:dns|ipv4|ipv6):(?://[^/]*/)?")

_Lifetime = Annotated[int, Field(ge=60, le=366 * 24 * 3600)]


class TokenSettings(Settings):
    """What every service needs, and what token needs besides."""

    service: ClassVar[str] = "token"

    http_listen: Listen = ListenAddress(host="127.0.0.1", port=8081)
    grpc_listen: Listen = ListenAddress(host="127.0.0.1", port=9081)
    authorize_target: str
    """Where authorize serves gRPC to services, such as `127.0.0.1:9080`, or with TLS `dns:///authorize:9180`."""
    service_token_file: Path | None = None
    """Without TLS the credential that token shows to authorize; authorize holds its digest."""
    refresh_key_file: Path
    """The keys of refresh tokens, token's alone; every replica needs the same ones."""
    partition_dsn: PostgresDsn
    """The shared database, by a direct session (no transaction-mode pooler) of a login that may act as the role
    `tallystick_partitions`."""
    access_token_lifetime_seconds: Annotated[int, Field(ge=1, le=86400)] = 600
    """How long an access token works, unless its client's record says otherwise."""
    refresh_lifetime_seconds: _Lifetime = 30 * 24 * 3600
    """How long a grant can be refreshed, whatever is done."""
    refresh_idle_lifetime_seconds: _Lifetime = 14 * 24 * 3600
    """How long a refresh token works when it is not used."""
    refresh_grace_seconds: Annotated[int, Field(ge=0, le=300)] = 10
    """How long a replaced refresh token still gets its successor, as answers are lost. All replicas must agree."""
    audit_retention_days: Annotated[int, Field(ge=1, le=3660)] = 90
    """How long audit events are kept. All replicas should agree."""

    audit_refusals_per_source: FailuresPerSource = 60
    """How many refusals of one kind, of somebody from one address who has not proved who it is, the audit tells in full
    in a minute. Of more it tells the number."""
    secret_failures_per_source: FailuresPerSource = 100
    """Wrong client secrets that one address (of IPv6, one /64) may send to a replica in a minute, beside ten for each
    client. The right secret always passes."""

    def check(self) -> None:
        """Raise `SettingsError` when settings contradict one another."""
        super().check()
        self.check_known_by_one_way("SERVICE_TOKEN_FILE", self.service_token_file)
        if not self.is_grpc_over_tls and not self.allow_plaintext and not _is_loopback(self.authorize_target):
            raise SettingsError(
                f"{PREFIX}AUTHORIZE_TARGET: {self.authorize_target} would be sent a credential in plaintext; use "
                f"host:port on loopback, or set {PREFIX}ALLOW_PLAINTEXT=true if something in between encrypts"
            )


def _is_loopback(target: str) -> bool:
    """Tell whether every address of a gRPC target is on this machine."""
    addresses = _SCHEME.sub("", target, count=1).split(",")
    try:
        parsed = [ListenAddress.parse(address) for address in addresses]
    except ValueError:
        return False
    return all(isinstance(address, ListenAddress) and address.is_loopback for address in parsed)
