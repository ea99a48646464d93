"""The certificates of a cluster: one authority, and the files of each service."""

from pathlib import Path

import grpc

from tests.support.authority import Authority, CertificateFolder

SERVICES = ("authorize", "token", "introspect")
_INSTEAD_OF = frozenset({"SERVICE_CALLERS_FILE", "SERVICE_TOKEN_FILE"})


class ClusterCertificates:
    """Every service has a certificate of the authority, and so may anybody else who is asked for one."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority("of the cluster")
        self.folders = {service: CertificateFolder(folder / f"{service}-tls") for service in SERVICES}
        self.trust(self.authority)
        self.renew(self.authority)

    def trust(self, *authorities: Authority) -> None:
        """Let all services believe these authorities."""
        for files in self.folders.values():
            files.trust(authorities)

    def renew(self, authority: Authority) -> None:
        """Give every service a new certificate."""
        self.leaves = {service: authority.service(service) for service in SERVICES}
        for service, files in self.folders.items():
            files.hold(self.leaves[service])

    def settings_of(self, service: str, settings: dict[str, object]) -> dict[str, object]:
        """Return a service's settings with its certificates instead of credentials."""
        kept = {name: value for name, value in settings.items() if name not in _INSTEAD_OF}
        mutual = {"GRPC_MUTUAL_LISTEN": "127.0.0.1:0"} if service == "authorize" else {}
        return {**kept, **mutual, **self.folders[service].settings}

    @property
    def of_operators(self) -> grpc.ChannelCredentials:
        """What an operator verifies the services by."""
        return grpc.ssl_channel_credentials(self.authority.certificate.encode())
