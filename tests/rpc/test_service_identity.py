"""Which certificate opens which method: every certificate that is not quite a service's, at every method there is."""

import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from datetime import timedelta

import grpc
import grpc.aio
import pytest
from cryptography.x509 import DNSName, ObjectIdentifier
from cryptography.x509.oid import ExtendedKeyUsageOID

from tallystick.oauth2.opaque_token import CredentialType, digest, new_credential
from tallystick.runtime.allow_list import METHODS
from tallystick.runtime.callers import Caller, CallerKind, ServiceCredentials
from tallystick.runtime.failures import Unauthenticated
from tallystick.runtime.grpc_server import aio_server
from tallystick.runtime.operator_credentials import ServiceOrOperator
from tallystick.runtime.postgres import AsyncPostgres
from tallystick.runtime.randomness import SystemRandomness
from tallystick.runtime.service_identity import PeerCertificate, ServiceIdentities
from tallystick.runtime.tls import service_files
from tallystick.tls.watched_certificates import WatchedCertificates
from tests.rpc.every_method import ALL_METHODS, STREAMS, EveryMethodAsync, outcome
from tests.support.authority import DAY, LOCALHOST, Authority, CertificateFolder, Leaf, uri
from tests.support.databases import Database
from tests.support.tls_door import TlsDoor, channel_to, opened

OK, DENIED, UNAUTHENTICATED, UNAVAILABLE = (
    grpc.StatusCode.OK,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.UNAVAILABLE,
)
UNARY = sorted(set(ALL_METHODS) - set(STREAMS))
SERVICES = (CallerKind.AUTHORIZE, CallerKind.TOKEN, CallerKind.INTROSPECT)
TOKEN = "spiffe://tallystick/token"
AUTHORITY = Authority()


def issued(*uris: str, dns: str | None = None, common_name: str = "") -> Leaf:
    names = [uri(each) for each in uris] + ([] if dns is None else [DNSName(dns)])
    return AUTHORITY.issue(*names, *LOCALHOST, common_name=common_name)


def out_of_time(begins: timedelta, ends: timedelta) -> Leaf:
    return AUTHORITY.issue(uri(TOKEN), begins=begins, ends=ends)


def of_one_use(usage: ObjectIdentifier) -> Leaf:
    return AUTHORITY.issue(uri(TOKEN), usages=[usage])


NOBODY: dict[str, Callable[[], Leaf]] = {
    "another trust domain": lambda: issued("spiffe://elsewhere/token"),
    "a trust domain below ours": lambda: issued("spiffe://sub.tallystick/token"),
    "a service that there is not": lambda: issued("spiffe://tallystick/admin"),
    "a longer path": lambda: issued("spiffe://tallystick/token/1"),
    "a slash more": lambda: issued("spiffe://tallystick/token/"),
    "a query": lambda: issued("spiffe://tallystick/token?"),
    "a port": lambda: issued("spiffe://tallystick:443/token"),
    "a user": lambda: issued("spiffe://token@tallystick/token"),
    "other letters": lambda: issued("spiffe://tallystick/Token"),
    "another scheme": lambda: issued("https://tallystick/token"),
    "an encoded path": lambda: issued("spiffe://tallystick/%74oken"),
    "two URIs, the first ours": lambda: issued(TOKEN, "https://example.com"),
    "two URIs, the last ours": lambda: issued("https://example.com", TOKEN),
    "two of ours": lambda: issued(TOKEN, "spiffe://tallystick/authorize"),
    "the same twice": lambda: issued(TOKEN, TOKEN),
    "a DNS name that reads like ours": lambda: issued(dns=TOKEN),
    "two URIs in one": lambda: issued(f"{TOKEN},spiffe://tallystick/authorize"),
    "no URI, and a common name": lambda: issued(common_name=TOKEN),
}
REFUSED_AT_ONCE: dict[str, Callable[[], Leaf | None]] = {
    "no certificate": lambda: None,
    "of another authority of the same name": lambda: Authority().service("token"),
    "expired": lambda: out_of_time(-DAY, timedelta(seconds=-1)),
    "not yet valid": lambda: out_of_time(DAY / 4, DAY / 2),
    "for servers only": lambda: of_one_use(ExtendedKeyUsageOID.SERVER_AUTH),
}


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> WatchedCertificates:
    """Authorize's certificates."""
    folder = CertificateFolder(tmp_path_factory.mktemp("authorize"))
    folder.trust([AUTHORITY])
    folder.hold(AUTHORITY.service("authorize"))
    files = service_files(folder.authorities, folder.certificate, folder.key, uri="spiffe://tallystick/authorize")
    return WatchedCertificates(files, renewed=pytest.fail, kept=pytest.fail)


@pytest.fixture(scope="module")
def credentials(database: Database) -> Mapping[CallerKind, str]:
    """The credentials of an admin, which count, and of token, as it has one without TLS."""
    admin = new_credential(CredentialType.OPERATOR, secrets.token_bytes(32))
    with database.connect() as connection:
        row = {"name": "the-admin", "digest": digest(admin)}
        connection.execute("INSERT INTO operators (name, digest, role) VALUES (%(name)s, %(digest)s, 'admin')", row)
    return {
        CallerKind.ADMIN: admin,
        CallerKind.TOKEN: new_credential(CredentialType.SERVICE, secrets.token_bytes(32)),
    }


@pytest.fixture(scope="module")
async def door(database: Database, watched: WatchedCertificates) -> AsyncIterator[TlsDoor]:
    """A server that identifies callers as authorize does, and answers every call that the guard lets through."""
    postgres = AsyncPostgres(database.dsn("tallystick_authorize"), name="authorize", size=4)
    await postgres.open()
    callers = ServiceOrOperator(ServiceCredentials(()), ServiceIdentities("tallystick"), postgres)
    server = aio_server(callers, SystemRandomness())
    server.add_generic_rpc_handlers((EveryMethodAsync(),))
    async with opened(server, watched) as door:
        yield door
    await postgres.close()


async def outcomes(channel: grpc.aio.Channel, bearers: Iterable[str | None]) -> set[grpc.StatusCode]:
    """Return how calls of all methods end, by whoever shows one of these credentials."""
    return {await outcome(channel, method, bearer) for method in UNARY for bearer in bearers}


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_is_known_by_its_certificate(door: TlsDoor, service: CallerKind) -> None:
    """It may call what the list has for it, and nothing else (GRPC-01)."""
    async with channel_to(door.mutual_port, AUTHORITY, AUTHORITY.service(service.value)) as channel:
        for method in UNARY:
            assert await outcome(channel, method) is (OK if service in METHODS[method] else DENIED), method


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_is_nobody_else_besides(
    door: TlsDoor, credentials: Mapping[CallerKind, str], service: CallerKind
) -> None:
    """An operator's credential opens nothing to whoever has shown a certificate (GRPC-01)."""
    async with channel_to(door.mutual_port, AUTHORITY, AUTHORITY.service(service.value)) as channel:
        for method in UNARY:
            expected = OK if service in METHODS[method] else DENIED
            assert await outcome(channel, method, credentials[CallerKind.ADMIN]) is expected, method


@pytest.mark.parametrize("leaf", NOBODY.values(), ids=NOBODY.keys())
async def test_a_certificate_of_no_service_opens_nothing(
    door: TlsDoor, credentials: Mapping[CallerKind, str], leaf: Callable[[], Leaf]
) -> None:
    """Whatever else it names, and whatever credential comes with it, on every method (GRPC-01)."""
    async with channel_to(door.mutual_port, AUTHORITY, leaf()) as channel:
        assert await outcomes(channel, [None, *credentials.values()]) == {UNAUTHENTICATED}


@pytest.mark.parametrize("leaf", REFUSED_AT_ONCE.values(), ids=REFUSED_AT_ONCE.keys())
async def test_whoever_cannot_be_verified_is_not_heard(
    door: TlsDoor, credentials: Mapping[CallerKind, str], leaf: Callable[[], Leaf | None]
) -> None:
    """There is no connection, on which any method could be called (GRPC-01)."""
    async with channel_to(door.mutual_port, AUTHORITY, leaf()) as channel:
        assert await outcomes(channel, [None, *credentials.values()]) == {UNAVAILABLE}


async def test_where_operators_ask_a_certificate_is_nothing(
    door: TlsDoor, credentials: Mapping[CallerKind, str]
) -> None:
    """Nobody is asked for one, and a service has no credential of its own beside it (GRPC-01)."""
    async with channel_to(door.port, AUTHORITY, AUTHORITY.service("token")) as channel:
        assert await outcomes(channel, [None, credentials[CallerKind.TOKEN]]) == {UNAUTHENTICATED}
        for method in UNARY:
            expected = OK if CallerKind.ADMIN in METHODS[method] else DENIED
            assert await outcome(channel, method, credentials[CallerKind.ADMIN]) is expected, method


async def test_nobody_is_heard_in_plaintext(door: TlsDoor, credentials: Mapping[CallerKind, str]) -> None:
    """Neither address takes it."""
    for port in (door.port, door.mutual_port):
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=(("grpc.enable_http_proxy", 0),)) as channel:
            assert await outcomes(channel, [None, *credentials.values()]) == {UNAVAILABLE}


def test_only_a_certificate_says_who_a_service_is() -> None:
    """The rule, without gRPC: no certificate is None, and any other than exactly one URI belongs to nobody."""
    assert PeerCertificate.of({"transport_security_type": [b"ssl"], "peer_uri": [TOKEN.encode()]}) is None
    identities = ServiceIdentities("tallystick")
    assert identities.identify(PeerCertificate((TOKEN,))) == Caller(CallerKind.TOKEN, "token")
    for uris in ((), (TOKEN, TOKEN), ("spiffe://tallystick/viewer",), ("spiffe://tallystick/resource_server",)):
        with pytest.raises(Unauthenticated):
            identities.identify(PeerCertificate(uris))
