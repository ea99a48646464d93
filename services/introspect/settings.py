"""The settings of introspect."""

from typing import ClassVar

from tallystick.runtime.settings import Listen, ListenAddress, Settings


class IntrospectSettings(Settings):
    """What every service needs; introspect needs nothing else."""

    service: ClassVar[str] = "introspect"

    http_listen: Listen = ListenAddress(host="127.0.0.1", port=8082)
    grpc_listen: Listen = ListenAddress(host="127.0.0.1", port=9082)
