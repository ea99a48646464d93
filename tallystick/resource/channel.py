"""How a resource server reaches introspection: where plaintext may go, a channel's options, our credentials."""

import json
import logging
from base64 import b64encode
from ipaddress import ip_address
from urllib.parse import quote_plus, urlsplit

import grpc

from tallystick.tls.certificates import CertificateError, CertificateFiles, Certificates
from tallystick.tls.channel_credentials import channel_credentials
from tallystick.tls.watched_certificates import WatchedCertificates

_log = logging.getLogger("tallystick.resource")

Credentials = grpc.ChannelCredentials | CertificateFiles
"""How a server is verified, and who we are to it: gRPC's own, or files that are followed as they change."""

TIMEOUT_SECONDS = 1.0
"""How long a question may take unless told otherwise, retries included."""
REUSE = 1000
"""How many answers of each kind a client keeps unless told otherwise."""

# Asking is idempotent, so a call that met a dying connection (UNAVAILABLE), or that an ending server had received and
# not looked at (CANCELLED), is repeated within its deadline; nothing else is.
_SERVICE_CONFIG = {
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [
        {
            "name": [{"service": "tallystick.introspect.v1.IntrospectionService"}],
            "retryPolicy": {
                "maxAttempts": 3,
                "initialBackoff": "0.02s",
                "maxBackoff": "0.2s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"],
            },
        }
    ],
    "retryThrottling": {"maxTokens": 20, "tokenRatio": 0.5},
}
_OPTIONS: tuple[tuple[str, str | int], ...] = (
    ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
    ("grpc.enable_retries", 1),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    # Names are looked up again when a connection ends, by default every 30 s at most: in less, a rolling update may
    # have replaced all replicas.
    ("grpc.dns_min_time_between_resolutions_ms", 1_000),
    # A thousand answers may take more than the 4 MiB that a channel takes by default.
    ("grpc.max_receive_message_length", 16 << 20),
    # A channel has connections of its own, made with its own certificates.
    ("grpc.use_local_subchannel_pool", 1),
)
_LOCAL_SCHEMES = frozenset({"unix", "unix-abstract"})
_ADDRESS_SCHEMES = frozenset({"dns", "ipv4", "ipv6"})


def options(*, plaintext: bool) -> tuple[tuple[str, str | int], ...]:
    """Return the options of a channel: round robin, keepalive, retries; no proxy sees what is not encrypted."""
    return (*_OPTIONS, ("grpc.enable_http_proxy", 0)) if plaintext else _OPTIONS


def check_plaintext(target: str, credentials: Credentials | None, *, insecure: bool) -> None:
    """Raise `ValueError` when secrets and tokens would leave this machine in plaintext and nobody asked for that."""
    if credentials is None and not insecure and not is_loopback(target):
        raise ValueError(
            f"{target} would be asked in plaintext: pass channel_credentials=CertificateFiles(…) or "
            "grpc.ssl_channel_credentials(), or insecure=True if something else encrypts"
        )


def watched(credentials: Credentials | None) -> WatchedCertificates | None:
    """Return the certificates in files, watched; None where there are no files. Raise `CertificateError`."""
    if not isinstance(credentials, CertificateFiles):
        return None
    return WatchedCertificates(credentials, renewed=_tell_renewed, kept=_tell_kept)


def in_force(credentials: Credentials | None, certificates: Certificates | None) -> grpc.ChannelCredentials | None:
    """Return the credentials for a new channel, by what the files hold now if there are any; None for plaintext."""
    if certificates is not None:
        return channel_credentials(certificates)
    return credentials if isinstance(credentials, grpc.ChannelCredentials) else None


def _tell_renewed(_certificates: Certificates) -> None:
    _log.info("certificates have changed: introspection is asked over a new channel")


def _tell_kept(problem: CertificateError) -> None:
    _log.error("certificates are not renewed: %s", problem)


def is_loopback(target: str) -> bool:
    """Tell whether every address of a gRPC target is on this machine."""
    scheme, _, rest = target.partition(":")
    if scheme in _LOCAL_SCHEMES:
        return True
    addresses = rest.rpartition("/")[2] if scheme in _ADDRESS_SCHEMES else target
    return all(_is_loopback_host(address) for address in addresses.split(","))


def _is_loopback_host(address: str) -> bool:
    try:
        host = urlsplit(f"//{address}").hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def basic_authorization(client_id: str, client_secret: str) -> str:
    """Return the `authorization` metadata of a client: both form-encoded, then Basic (RFC 6749 §2.3.1, App. B)."""
    pair = f"{quote_plus(client_id)}:{quote_plus(client_secret)}"
    return f"Basic {b64encode(pair.encode('ascii')).decode('ascii')}"
