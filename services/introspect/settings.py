"""The settings of introspect."""

from typing import Annotated, ClassVar

from pydantic import Field

from tallystick.runtime.settings import FailuresPerSource, Listen, ListenAddress, Settings


class IntrospectSettings(Settings):
    """What every service needs, and what introspect needs besides."""

    service: ClassVar[str] = "introspect"

    http_listen: Listen = ListenAddress(host="127.0.0.1", port=8082)
    grpc_listen: Listen = ListenAddress(host="127.0.0.1", port=9082)
    postgres_pool_size: Annotated[int, Field(ge=1, le=200)] = 12
    """Connections at the most: as many as there are reads at once, and one for operators."""
    secret_failures_per_source: FailuresPerSource = 100
    """Wrong client secrets that one address (of IPv6, one /64) may send to a replica in a minute, beside ten for each
    client. The right secret always passes."""
    questions_per_caller: Annotated[int, Field(ge=0, le=10_000_000)] = 20_000
    """How many tokens one caller may ask a replica about in a second, one by one, in batches and in streams together; 0
    for no limit. It may ask twice as many at once after it has been silent."""
    remembered_tokens: Annotated[int, Field(ge=0, le=10_000_000)] = 50_000
    """How many access tokens a replica remembers, at about 3.2 kB each; one with many scopes and groups counts for
    several. With less than are in use it asks Postgres more often."""
