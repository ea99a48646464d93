"""Certificates as gRPC's channels take them."""

import grpc

from tallystick.tls.certificates import Certificates


def channel_credentials(certificates: Certificates) -> grpc.ChannelCredentials:
    """Return credentials that verify a server by its name, and show our own certificate if we have one."""
    return grpc.ssl_channel_credentials(certificates.authorities, certificates.key, certificates.chain)
